package comprehend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
	"cloister/internal/driver/sqlite"
	"cloister/internal/front/wire"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
	"cloister/test/row"
)

const (
	account = "111122223333"
	region  = "us-west-2"
	role    = "arn:aws:iam::111122223333:role/R"
	keyName = "1234abcd-12ab-34cd-56ef-1234567890ab"
)

// house runs rows on a ledger, behind the checks that the model demands.
type house struct {
	testing.TB
	db    store.Store
	rows  []api.Operation
	minds *minds
	now   time.Time
}

func open(t testing.TB) *house { return openWith(t, nil) }

// openWith has other programs do kinds of analysis, in these languages.
func openWith(t testing.TB, spoken map[string][]string) *house {
	t.Helper()
	h := &house{TB: t, minds: &minds{spoken: spoken}, now: time.Date(2026, 3, 4, 5, 6, 7, 891_234_000, time.UTC)}
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), func() time.Time { return h.now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	h.db, h.rows = db, Rows(h.minds, nil)
	return h
}

// ask sends an input, written as JSON, through the operation's row.
func (h *house) ask(op, in string) (any, error) {
	h.Helper()
	o := wire.Open().Service("comprehend").Operation(op)
	v := o.New()
	d := json.NewDecoder(strings.NewReader(in))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		h.Fatalf("%s %s: %v", op, in, err)
	}
	if f := o.Validate(v); f != nil {
		return nil, f
	}
	i := slices.IndexFunc(h.rows, func(r api.Operation) bool { return r.Name == op })
	r := h.rows[i]
	for _, m := range o.SetMembers(v) {
		if !slices.ContainsFunc(r.Honours, func(x string) bool {
			return x == m || strings.HasSuffix(x, ".*") && strings.HasPrefix(m+".", strings.TrimSuffix(x, "*"))
		}) {
			return nil, fault.Of(fault.NotHonoured, "%s", m)
		}
	}
	c := &api.Call{Partition: "aws", Account: account, Region: region, Service: "comprehend", Name: op, Dice: world.Real{}, RequestID: "req",
		Caller: &identity.Principal{Account: account, ARN: "arn:aws:iam::111122223333:user/u"}}
	return row.Walk(h.Context(), h.db, r, c, v)
}

// must is ask, for what may not fail; its answer is written as JSON without the members that are not set.
func (h *house) must(op, in string) map[string]any {
	h.Helper()
	out, err := h.ask(op, in)
	if err != nil {
		h.Fatalf("%s %s: %v", op, in, err)
	}
	b, err := json.Marshal(out)
	if err != nil {
		h.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		h.Fatal(err)
	}
	return prune(m).(map[string]any)
}

func prune(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, y := range x {
			if y == nil {
				delete(x, k)
				continue
			}
			x[k] = prune(y)
		}
	case []any:
		for i := range x {
			x[i] = prune(x[i])
		}
	}
	return v
}

// refused wants a fault of a code whose sentence holds all the words.
func (h *house) refused(err error, code string, words ...string) {
	h.Helper()
	var f *fault.Fault
	if !errors.As(err, &f) {
		h.Errorf("%v is no fault, want %s", err, code)
		return
	}
	got := f.Code
	if got == "" {
		got = f.Kind.String()
	}
	if got != code {
		h.Errorf("%v, want %s", f, code)
	}
	for _, w := range words {
		if !strings.Contains(f.Message, w) {
			h.Errorf("%v does not say %q", f, w)
		}
	}
}

// put writes a model and its endpoint into the ledger.
func (h *house) put(owner, resource, language string, s model.Status) string {
	h.Helper()
	arn := "arn:aws:comprehend:" + region + ":" + owner + ":" + resource
	kind, name, _ := strings.Cut(resource, "/")
	at := store.Scope{Partition: "aws", Account: owner, Region: region}
	err := h.db.Update(h.Context(), func(tx store.Tx) error {
		m := &model.Model{ARN: arn, Kind: kind, Name: name, Language: language, Status: s}
		if err := rows.Models.Create(tx, at, resource, m); err != nil {
			return err
		}
		id := kind + "-endpoint/" + name
		e := &model.Endpoint{ARN: "arn:aws:comprehend:" + region + ":" + owner + ":" + id, Name: name, Model: arn, Status: model.InService}
		if s != model.Trained {
			e.Status = model.Creating
		}
		return rows.ModelEndpoints.Create(tx, at, id, e)
	})
	if err != nil {
		h.Fatal(err)
	}
	return arn
}

// job reads a row.
func (h *house) job(id string) *job.Job {
	h.Helper()
	var j job.Job
	err := h.db.View(h.Context(), func(v store.View) error {
		it, err := rows.Jobs.Get(v, store.Scope{Partition: "aws", Account: account, Region: region}, id)
		j = it.Value
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return &j
}

// minds answers with the words of each text; a text that begins with ! is refused, one that begins with * by its second word.
type minds struct {
	asked  []string
	err    error
	spoken map[string][]string
}

func (m *minds) Languages(kind string) []string { return m.spoken[kind] }

func (m *minds) Analyse(_ context.Context, _ string, s job.Setup, texts []string) ([]Answer, error) {
	return m.AnalyseAt(context.Background(), "-", s, texts)
}

func (m *minds) AnalyseAt(_ context.Context, endpoint string, s job.Setup, texts []string) ([]Answer, error) {
	pii := ""
	if s.PII != nil {
		pii = s.PII.Mode
	}
	m.asked = append(m.asked, fmt.Sprintf("%s %s %s %v %s %d", endpoint, s.Kind, s.Language, s.Model, pii, len(texts)))
	if m.err != nil {
		return nil, m.err
	}
	var out []Answer
	for _, t := range texts {
		if strings.HasPrefix(t, "!") {
			out = append(out, Answer{Code: "SOME_CODE", Message: "some words"})
			continue
		}
		if rest, ok := strings.CutPrefix(t, "%PDF-"); ok { // as the analyser answers of a file: what follows is its answer
			a := Answer{Members: json.RawMessage(rest)}
			if code, said, refused := strings.Cut(rest, ":"); refused && !strings.HasPrefix(rest, "{") {
				a = Answer{Code: code, Message: said}
			}
			out = append(out, a)
			continue
		}
		if w := strings.Fields(t); len(w) > 1 && w[0] == "*" {
			out = append(out, Answer{Code: w[1], Message: "some words"})
			continue
		}
		type found struct {
			Type, Text, LanguageCode, Name string
			Score                          float64
			BeginOffset, EndOffset         int
		}
		list := []found{}
		for i, w := range strings.Fields(t) {
			list = append(list, found{w, w, w, w, 1 / float64(i+2), 0, 1})
		}
		b, err := json.Marshal(map[string]any{"Entities": list, "KeyPhrases": list, "Languages": list, "Classes": list, "Sentiment": "MIXED", "SentimentScore": map[string]float64{"Mixed": 1}})
		if err != nil {
			return nil, err
		}
		out = append(out, Answer{Members: b})
	}
	return out, nil
}
