package serve

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/envelope"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
	"cloister/internal/driver/disk"
	"cloister/internal/driver/keyfile"
	"cloister/internal/driver/sqlite"
	"cloister/internal/front/gate"
	"cloister/internal/front/wire"
	"cloister/internal/service/comprehend"
	"cloister/internal/service/iam"
	"cloister/internal/service/kms"
	"cloister/internal/service/sts"
	shape "cloister/internal/shape/comprehend"
	iams "cloister/internal/shape/iam"
	keys "cloister/internal/shape/kms"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

const (
	home   = "111122223333"
	abroad = "444455556666"
	here   = "us-west-2"
)

// house is a ledger, a gate with the real services, and an engine that runs. Only what analyses is a stand-in: it reads the model that it is
// given and answers every text with it.
type house struct {
	testing.TB
	store  *sqlite.Store
	gate   *gate.Gate
	blobs  *disk.Disk
	engine *Engine
	root   map[string]string // account -> access key id
	role   map[string]string // account -> ARN
	config Config
	stop   func() // ends the engine
}

type echo struct {
	mu   sync.Mutex
	open int
	most int           // analysers that there is room for; 0: any number
	slow chan struct{} // "slow" is answered when this is closed
	said int           // answers that were given
}

func (x *echo) running() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.open
}

func (x *echo) Start(_ context.Context, s job.Setup, m io.Reader, size int64) (Analyser, error) {
	b, err := io.ReadAll(m)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.most > 0 && x.open >= x.most {
		return nil, ErrNoRoom
	}
	if size != int64(len(b)) {
		return nil, errors.New("a model of another size")
	}
	x.open++
	return &echoing{x, s.Kind + " " + string(b)}, err
}

type echoing struct {
	of   *echo
	text string
}

// foreign is a model that no analyser takes.
const foreign = "a model of another release"

func (x *echoing) Ask(ctx context.Context, texts []string) ([]job.Answer, error) {
	out := make([]job.Answer, len(texts))
	for i, t := range texts {
		if t == "die" || strings.HasSuffix(x.text, foreign) {
			return nil, errors.New("the analyser is gone")
		}
		if t == "slow" {
			select {
			case <-x.of.slow:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		x.of.mu.Lock()
		x.of.said++
		x.of.mu.Unlock()
		out[i].Members, _ = json.Marshal(map[string]string{"Said": x.text})
	}
	return out, nil
}

func (x *echoing) Close() {
	x.of.mu.Lock()
	defer x.of.mu.Unlock()
	x.of.open--
}

const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`

func build(t testing.TB) *house {
	t.Helper()
	h := &house{TB: t, root: map[string]string{}, role: map[string]string{}}
	dir := t.TempDir()
	seal, err := keyfile.Open(filepath.Join(dir, "key", "root"), filepath.Join(dir, "data"), world.Real{}.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if h.store, err = sqlite.Open(context.Background(), filepath.Join(dir, "ledger.db"), time.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.store.Close() })
	if h.blobs, err = disk.Open(filepath.Join(dir, "blobs")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.blobs.Close() })
	who := iam.New(iam.Config{Sealer: seal, Partition: "aws"})
	ring := kms.New(kms.Config{Sealer: seal, Principals: who, Dice: world.Real{}})
	if h.gate, err = gate.New(gate.Config{Registry: wire.Open(), Store: h.store, World: world.Real{}, Directory: who, Partition: "aws", Region: here, Account: home,
		Log:  slog.New(slog.DiscardHandler),
		Path: func(store.View, *api.Origin, string) (*api.Path, *fault.Fault) { return nil, nil },
		Rows: slices.Concat(who.Rows(), sts.New(sts.Config{Roles: who}).Rows(), ring.Rows(), comprehend.Rows(nil, who))}); err != nil {
		t.Fatal(err)
	}
	err = h.store.Update(t.Context(), func(tx store.Tx) (err error) {
		for _, a := range []string{home, abroad} {
			if h.root[a], _, err = who.CreateAccount(tx, world.Real{}, a, a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{home, abroad} {
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"comprehend.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
		out := h.do(a, "iam", "CreateRole", &iams.CreateRoleRequest{RoleName: new("data"), AssumeRolePolicyDocument: &trust})
		h.role[a] = *out.(*iams.CreateRoleResponse).Role.Arn
		h.do(a, "iam", "PutRolePolicy", &iams.PutRolePolicyRequest{RoleName: new("data"), PolicyName: new("keys"), PolicyDocument: new(policy)})
	}
	h.config = Config{Store: h.store, World: world.Real{}, Calls: h.gate, Keys: ring, Blobs: h.blobs, Sealer: seal, Analysers: &echo{}, Log: slog.New(slog.DiscardHandler), Check: 30 * time.Millisecond}
	h.stop = h.run()
	return h
}

// run starts an engine; the one before must have ended.
func (h *house) run() (stop func()) {
	h.engine = New(h.config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); h.engine.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	h.Cleanup(stop)
	return stop
}

func (h *house) try(account, service, op string, in any) (any, error) {
	out, _, err := h.gate.Invoke(context.Background(), api.As{Partition: "aws", Account: account, Region: here, AccessKey: h.root[account]}, service, op, in)
	return out, err
}

func (h *house) do(account, service, op string, in any) any {
	h.Helper()
	out, err := h.try(account, service, op, in)
	if err != nil {
		h.Fatalf("%s by %s: %v", op, account, err)
	}
	return out
}

func (h *house) refused(err error, code, words string) {
	h.Helper()
	f := fault.From(err)
	got := f.Code
	if got == "" {
		got = f.Kind.String()
	}
	if err == nil || got != code || !strings.Contains(f.Message, words) {
		h.Errorf("%v, want %s: %s", err, code, words)
	}
}

func (h *house) key(account string) string {
	h.Helper()
	return *h.do(account, "kms", "CreateKey", &keys.CreateKeyRequest{}).(*keys.CreateKeyResponse).KeyMetadata.Arn
}

// trained makes a model as a training leaves it.
func (h *house) trained(account, name, key, content string) string {
	h.Helper()
	in := &shape.CreateDocumentClassifierRequest{DocumentClassifierName: &name, LanguageCode: new("en"), DataAccessRoleArn: new(h.role[account]),
		InputDataConfig: &shape.DocumentClassifierInputDataConfig{S3Uri: new("s3://some-bucket/train.csv")}}
	if key != "" {
		in.ModelKmsKeyId = &key
	}
	arn := *h.do(account, "comprehend", "CreateDocumentClassifier", in).(*shape.CreateDocumentClassifierResponse).DocumentClassifierArn
	at := store.Scope{Partition: "aws", Account: account, Region: here}
	who, err := h.engine.assume(h.Context(), as(at, arn), h.role[account])
	if err != nil {
		h.Fatal(err)
	}
	m := model.Model{ARN: arn, Kind: model.Classifier, Name: name, ModelKey: key}
	data, err := h.engine.newKey(h.Context(), at, who, &m)
	if err != nil {
		h.Fatal(err)
	}
	m.Artifact.Blob, m.Artifact.Salt, m.Artifact.Size = world.Real{}.Hex(32), world.Real{}.Bytes(envelope.SaltSize), envelope.SealedSize(int64(len(content)))
	err = h.blobs.Write(h.Context(), m.Artifact.Blob, func(w io.Writer) error {
		x, err := envelope.NewWriter(w, data, m.Artifact.Salt, model.Info(arn))
		if err != nil {
			return err
		}
		if _, err := io.WriteString(x, content); err != nil {
			return err
		}
		return x.Close()
	})
	if err == nil {
		err = h.store.Update(h.Context(), func(tx store.Tx) error {
			it, err := rows.Models.Find(tx, at, "arn", arn)
			if err != nil {
				return err
			}
			j, err := rows.Jobs.Get(tx, at, it.Value.Job)
			if err != nil {
				return err
			}
			j.Value.State, j.Value.Ended, j.Value.Cleaned, j.Value.Result = job.Completed, tx.Now(), true, []byte(`{"NumberOfLabels":2}`)
			it.Value.Follow(&j.Value)
			it.Value.Artifact, it.Value.Grant = m.Artifact, m.Grant
			if err := rows.Jobs.Save(tx, &j); err != nil {
				return err
			}
			return rows.Models.Save(tx, &it)
		})
	}
	if err != nil {
		h.Fatal(err)
	}
	return arn
}

func (h *house) endpoint(account, name, arn string, units int64) string {
	h.Helper()
	return *h.do(account, "comprehend", "CreateEndpoint", &shape.CreateEndpointRequest{EndpointName: &name, ModelArn: &arn, DesiredInferenceUnits: &units}).(*shape.CreateEndpointResponse).EndpointArn
}

// reaches waits until an endpoint has a status, and gives what is told of it.
func (h *house) reaches(account, endpoint, status string) *shape.EndpointProperties {
	h.Helper()
	var p *shape.EndpointProperties
	h.until(endpoint+" to be "+status, func() bool {
		p = h.do(account, "comprehend", "DescribeEndpoint", &shape.DescribeEndpointRequest{EndpointArn: &endpoint}).(*shape.DescribeEndpointResponse).EndpointProperties
		return *p.Status == status
	})
	return p
}

func (h *house) until(what string, f func() bool) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-ctx.Done():
			h.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

// says asks an endpoint one thing.
func (h *house) says(endpoint, text string) (string, error) {
	out, err := h.engine.AnalyseAt(h.Context(), endpoint, job.Setup{Kind: "document-classification", Model: true}, []string{text})
	if err != nil {
		return "", err
	}
	var x struct{ Said string }
	err = json.Unmarshal(out[0].Members, &x)
	return x.Said, err
}

// uses counts a service's successful uses of a key in an account's trail.
func (h *house) uses(account, name, key string) int {
	h.Helper()
	n := 0
	err := h.store.View(h.Context(), func(v store.View) error {
		all, err := v.Trail(store.TrailQuery{Account: account})
		for _, e := range all {
			if e.Name == name && e.Caller.Type == "AWSService" && e.Caller.InvokedBy == Principal && e.Error == "" && slices.Contains(e.Resources, key) {
				n++
			}
		}
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return n
}
