package whole_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/driver/sqlite"
	"cloister/internal/store"
	"cloister/internal/world"
)

// object is what a client wrote: noise of a seed. Several parts have seeds that follow one another; size is then each part's.
type object struct {
	seed  uint64
	size  int
	parts int // 0: one PUT
	gone  bool
}

func (o object) bytes() []byte {
	if o.parts == 0 {
		return noise(o.seed, o.size)
	}
	var all []byte
	for i := range o.parts {
		all = append(all, noise(o.seed+uint64(i), o.size)...)
	}
	return all
}

// pending is an upload whose parts were acknowledged and whose end was not.
type pending struct {
	id    string
	o     object
	etags []string
}

// keeper is one client that notes what was acknowledged, and what it was about when the daemon died.
type keeper struct {
	*actor
	n      int // of this client
	step   int
	sure   map[string]object
	maybe  map[string]object // asked for and not answered
	upload map[string]pending
	keys   map[string]string // KMS key -> a ciphertext's base64
	plain  map[string]string // ciphertext -> plaintext
	logs   []string
	ids    []string // of calls that were answered well in this round
	bad    []string // answers that are refusals: there is no reason for any
}

var errGone = errors.New("the daemon is gone")

// do makes one call; errGone when there was no answer.
func (k *keeper) do(r request) (http.Header, []byte, error) {
	r.creds = k.Creds
	if r.header == nil {
		r.header = http.Header{}
	}
	res, b, err := r.try(k.Endpoint)
	if err != nil {
		return nil, nil, errGone
	}
	if res.StatusCode >= 300 {
		k.bad = append(k.bad, fmt.Sprintf("%s %s: %d %.300s", r.method, r.path, res.StatusCode, b))
		return nil, nil, errors.New("refused")
	}
	id := res.Header.Get("X-Amzn-Requestid")
	if id == "" {
		id = res.Header.Get("X-Amz-Request-Id")
	}
	k.ids = append(k.ids, id)
	return res.Header, b, nil
}

func (k *keeper) json(service, target string, in any, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	_, b, err = k.do(request{method: "POST", service: service, path: "/", body: b,
		header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target}}})
	if err == nil && out != nil {
		err = json.Unmarshal(b, out)
	}
	return err
}

func (k *keeper) object(method, key string, q url.Values, body []byte) (http.Header, []byte, error) {
	return k.do(request{method: method, service: "s3", path: "/kept/" + key, query: q, body: body})
}

// work goes on until the daemon is gone.
func (k *keeper) work(answered func()) {
	for ; ; k.step++ {
		var err error
		seed := uint64(k.n)<<32 | uint64(k.step)<<4
		key := fmt.Sprintf("%d/%d", k.n, k.step%7)
		switch k.step % 9 {
		case 0, 3, 6:
			err = k.put(key, object{seed: seed, size: []int{0, 1000, 70_000, 600_000}[k.step%4]})
		case 1:
			err = k.multipart(fmt.Sprintf("%d/parts-%d", k.n, k.step%2), object{seed: seed, size: 5 << 20, parts: 2})
		case 2, 7:
			k.maybe[key] = object{gone: true}
			if _, _, err = k.object("DELETE", key, nil, nil); err == nil {
				delete(k.sure, key)
				delete(k.maybe, key)
			}
		case 4:
			err = k.dataKey()
		case 5, 8:
			err = k.log(fmt.Sprintf("event %d of client %d", k.step, k.n))
		}
		if err != nil {
			return
		}
		answered()
	}
}

func (k *keeper) put(key string, o object) error {
	k.maybe[key] = o
	b := o.bytes()
	h, _, err := k.object("PUT", key, nil, b)
	if err != nil {
		return err
	}
	if h.Get("ETag") != tagOf(b) {
		k.bad = append(k.bad, "ETag of "+key+": "+h.Get("ETag"))
	}
	k.sure[key] = o
	delete(k.maybe, key)
	return nil
}

func (k *keeper) multipart(key string, o object) error {
	_, b, err := k.object("POST", key, url.Values{"uploads": {""}}, nil)
	if err != nil {
		return err
	}
	var in struct{ UploadId string }
	if err := xml.Unmarshal(b, &in); err != nil {
		return err
	}
	p := pending{id: in.UploadId, o: o}
	for i := range o.parts {
		h, _, err := k.object("PUT", key, url.Values{"partNumber": {strconv.Itoa(i + 1)}, "uploadId": {p.id}}, noise(o.seed+uint64(i), o.size))
		if err != nil {
			return err
		}
		p.etags = append(p.etags, h.Get("ETag"))
		k.upload[key] = p
	}
	k.maybe[key] = o
	return k.complete(key, p)
}

func (k *keeper) complete(key string, p pending) error {
	var done strings.Builder
	done.WriteString("<CompleteMultipartUpload>")
	for i, e := range p.etags {
		fmt.Fprintf(&done, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, e)
	}
	done.WriteString("</CompleteMultipartUpload>")
	if _, _, err := k.object("POST", key, url.Values{"uploadId": {p.id}}, []byte(done.String())); err != nil {
		return err
	}
	k.sure[key] = p.o
	delete(k.maybe, key)
	delete(k.upload, key)
	return nil
}

func (k *keeper) dataKey() error {
	var made struct{ KeyMetadata struct{ KeyId string } }
	if err := k.json("kms", "TrentService.CreateKey", dict{}, &made); err != nil {
		return err
	}
	k.keys[made.KeyMetadata.KeyId] = ""
	var data struct{ CiphertextBlob, Plaintext string }
	if err := k.json("kms", "TrentService.GenerateDataKey", dict{"KeyId": made.KeyMetadata.KeyId, "KeySpec": "AES_256"}, &data); err != nil {
		return err
	}
	k.keys[made.KeyMetadata.KeyId], k.plain[data.CiphertextBlob] = data.CiphertextBlob, data.Plaintext
	return nil
}

func (k *keeper) log(text string) error {
	err := k.json("logs", "Logs_20140328.PutLogEvents", dict{"logGroupName": "kept", "logStreamName": fmt.Sprint(k.n),
		"logEvents": []dict{{"timestamp": time.Now().UnixMilli(), "message": text}}}, nil)
	if err == nil {
		k.logs = append(k.logs, text)
	}
	return err
}

// check compares what is there with what was acknowledged; what was not is there whole or not at all.
func (k *keeper) check(t *testing.T) {
	t.Helper()
	for key, o := range k.maybe {
		status, b, _, err := k.fetch("kept", key, "")
		had, was := k.sure[key]
		switch {
		case err != nil:
			t.Errorf("%s: %v", key, err)
		case o.gone && status == 404, !o.gone && status == 200 && bytes.Equal(b, o.bytes()):
			if k.sure[key] = o; o.gone {
				delete(k.sure, key)
			}
			delete(k.upload, key)
		case was && status == 200 && bytes.Equal(b, had.bytes()), !was && status == 404:
		default:
			t.Errorf("%s, half done: status %d, %d bytes; acknowledged %v", key, status, len(b), had)
		}
	}
	clear(k.maybe)
	for key, p := range k.upload { // goes on where it was
		_, b, err := k.object("GET", key, url.Values{"uploadId": {p.id}}, nil)
		if err != nil || strings.Count(string(b), "<PartNumber>") < len(p.etags) {
			t.Errorf("upload of %s: %d parts were acknowledged: %s %v", key, len(p.etags), b, err)
		}
		for i := len(p.etags); i < p.o.parts; i++ {
			h, _, err := k.object("PUT", key, url.Values{"partNumber": {strconv.Itoa(i + 1)}, "uploadId": {p.id}}, noise(p.o.seed+uint64(i), p.o.size))
			if err != nil {
				t.Errorf("upload of %s: %v", key, err)
				return
			}
			p.etags = append(p.etags, h.Get("ETag"))
		}
		if err := k.complete(key, p); err != nil {
			t.Errorf("upload of %s: %v", key, err)
		}
	}
	for key, o := range k.sure {
		k.actor.holds("kept", key, o.bytes())
	}
	for id, blob := range k.keys {
		if blob == "" {
			var d struct{ KeyMetadata struct{ KeyState string } }
			if err := k.json("kms", "TrentService.DescribeKey", dict{"KeyId": id}, &d); err != nil || d.KeyMetadata.KeyState != "Enabled" {
				t.Errorf("key %s: %v %v", id, d, err)
			}
			continue
		}
		var d struct{ Plaintext string }
		if err := k.json("kms", "TrentService.Decrypt", dict{"CiphertextBlob": blob}, &d); err != nil || d.Plaintext != k.plain[blob] {
			t.Errorf("a data key of %s does not open: %v", id, err)
		}
	}
	have := map[string]bool{}
	for token := ""; ; {
		in := dict{"logGroupName": "kept", "logStreamName": fmt.Sprint(k.n), "startFromHead": true}
		if token != "" {
			in["nextToken"] = token
		}
		var page struct {
			Events           []struct{ Message string }
			NextForwardToken string
		}
		if err := k.json("logs", "Logs_20140328.GetLogEvents", in, &page); err != nil {
			t.Errorf("events: %v", err)
			break
		}
		for _, e := range page.Events {
			have[e.Message] = true
		}
		if page.NextForwardToken == token {
			break
		}
		token = page.NextForwardToken
	}
	for _, l := range k.logs {
		if !have[l] {
			t.Errorf("acknowledged log event %q is gone", l)
		}
	}
	for _, b := range k.bad {
		t.Errorf("client %d was refused: %s", k.n, b)
	}
	k.bad = nil
}

// rounds is how often the daemon is killed: CLOISTER_CRASH_ROUNDS, else a few times.
func rounds(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("CLOISTER_CRASH_ROUNDS"))
	if err != nil && os.Getenv("CLOISTER_CRASH_ROUNDS") != "" {
		t.Fatal(err)
	}
	return max(n, 4)
}

// TestKillObjects kills the daemon under a load of objects, uploads, deletions, keys and log events, again and again: after each start
// everything that was acknowledged is there, with its record, and nothing is there by half.
func TestKillObjects(t *testing.T) {
	t.Parallel()
	h := open(t)
	a := h.root(t)
	a.newBucket("kept")
	ks := make([]*keeper, 4)
	for i := range ks {
		ks[i] = &keeper{actor: a.as(a.Creds), n: i, step: 2 * i, sure: map[string]object{}, maybe: map[string]object{}, upload: map[string]pending{}, keys: map[string]string{}, plain: map[string]string{}}
	}
	if err := errors.Join(ks[0].json("logs", "Logs_20140328.CreateLogGroup", dict{"logGroupName": "kept"}, nil)); err != nil {
		t.Fatal(err, ks[0].bad)
	}
	for i, k := range ks {
		if err := k.json("logs", "Logs_20140328.CreateLogStream", dict{"logGroupName": "kept", "logStreamName": fmt.Sprint(i)}, nil); err != nil {
			t.Fatal(err, k.bad)
		}
	}
	calls := 0
	n := rounds(t)
	for round := range n {
		ctx, cancel := context.WithCancel(t.Context())
		ticks := make(chan struct{})
		var wg sync.WaitGroup
		for _, k := range ks {
			wg.Go(func() {
				k.work(func() {
					select {
					case ticks <- struct{}{}:
					case <-ctx.Done():
					}
				})
			})
		}
		for i := range 25 + 7*(round%5) {
			select {
			case <-ticks:
			case <-time.After(time.Minute):
				t.Fatalf("round %d stands still after %d answers", round, i)
			}
		}
		h.kill()
		cancel()
		wg.Wait()
		calls += recorded(t, h, a.account, ks)
		if err := h.serve(); err != nil {
			t.Fatal(err)
		}
		a.Endpoint = h.http()
		for _, k := range ks {
			k.Endpoint, k.ids = a.Endpoint, nil
			k.check(t)
		}
		listed(t, a, ks)
		if t.Failed() {
			t.Fatalf("after kill %d", round+1)
		}
	}
	t.Logf("%d kills, %d acknowledged calls", n, calls)
}

// recorded reads the ledger of a daemon that is gone, where it can do no harm to the daemon's own: each answered call has its event.
func recorded(t *testing.T, h *house, account string, ks []*keeper) (calls int) {
	t.Helper()
	dir := filepath.Join(h.dir, "copy")
	defer os.RemoveAll(dir)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"ledger.db", "ledger.db-wal"} {
		b, err := os.ReadFile(filepath.Join(h.data, f))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, f), b, 0o600)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "ledger.db"), world.Real{}.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.View(t.Context(), func(v store.View) error {
		for _, k := range ks {
			for _, id := range k.ids {
				calls++
				evs, err := v.Trail(store.TrailQuery{Account: account, RequestID: id})
				if err != nil {
					return err
				}
				if len(evs) == 0 {
					t.Errorf("the answered call %s has no event", id)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

// listed compares the listing with what the clients know.
func listed(t *testing.T, a *actor, ks []*keeper) {
	t.Helper()
	var want, got []string
	for _, k := range ks {
		for key := range k.sure {
			want = append(want, key)
		}
	}
	b, err := a.Object(t.Context(), http.MethodGet, "kept", "", url.Values{"list-type": {"2"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var page struct{ Contents []struct{ Key string } }
	if err := xml.Unmarshal(b, &page); err != nil {
		t.Fatal(err)
	}
	for _, c := range page.Contents {
		got = append(got, c.Key)
	}
	slices.Sort(want)
	if !slices.Equal(want, got) {
		t.Errorf("listed %v, want %v", got, want)
	}
}
