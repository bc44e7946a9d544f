package kms

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	"cloister/internal/core/trail"
	"cloister/internal/driver/keyfile"
	"cloister/internal/driver/sqlite"
	"cloister/internal/front/gate"
	"cloister/internal/front/wire"
	"cloister/internal/shape/kms"
	"cloister/internal/shape/s3"
	"cloister/internal/store"
	"cloister/internal/world"
)

const (
	home    = "111122223333"
	abroad  = "444455556666"
	here    = "us-west-2"
	all     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	nothing = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"none:None","Resource":"*"}]}`
)

// person is somebody with an access key, which is the name.
type person struct {
	identity.Principal
	policy string
}

// people is the directory of a house.
type people struct {
	mu  sync.Mutex
	all map[string]*person
}

func (p *people) Credential(_ store.View, key, _ string, _ time.Time) (api.Credential, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x, ok := p.all[key]
	if !ok {
		return api.Credential{}, fault.Of(fault.UnknownKey, "")
	}
	return api.Credential{Principal: x.Principal, Secret: "s"}, nil
}
func (p *people) Issued(store.View, string) (bool, error) { return true, nil }
func (p *people) Policies(_ store.View, who *identity.Principal) (api.PolicySets, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.all[who.AccessKey]
	if x == nil || x.policy == "" {
		return api.PolicySets{}, nil
	}
	return api.PolicySets{Identity: []api.NamedPolicy{{Name: "policy of " + who.AccessKey, Owner: who.Account, Text: x.policy}}}, nil
}
func (p *people) Refusal(*policy.Request, policy.Verdict) ([]byte, error)  { return nil, nil }
func (p *people) Encode(string, []byte) (string, error)                    { return "", nil }
func (p *people) Unnoted(store.View, *identity.Principal) (bool, error)    { return false, nil }
func (p *people) Used(store.Tx, *identity.Principal, string, string) error { return nil }
func (p *people) ResolvePrincipal(_ store.View, arn string) (id string, ok bool) {
	return p.look(arn, "")
}
func (p *people) RenderPrincipal(_ store.View, id string) (principal string, ok bool) {
	return p.look("", id)
}

func (p *people) look(arn, id string) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.all {
		switch a := x.PrincipalARN(); {
		case x.Kind == identity.Root:
		case arn != "" && arn == a:
			return x.UniqueID, true
		case id != "" && id == x.UniqueID:
			return a, true
		}
	}
	return "", false
}

// unique is an id as IAM makes them: 20 characters.
func unique(kind, name string) string {
	return (kind + strings.ToUpper(name) + strings.Repeat("A", 20))[:20]
}

func user(account, name, policy string) *person {
	id := unique("AIDA", name)
	return &person{identity.Principal{Kind: identity.User, Partition: "aws", Account: account, ARN: "arn:aws:iam::" + account + ":user/" + name, ID: id, UniqueID: id, Name: name, AccessKey: name}, policy}
}

func session(account, role, name, policy string) *person {
	id := unique("AROA", role)
	return &person{identity.Principal{Kind: identity.Session, Partition: "aws", Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + name, ID: id + ":" + name, UniqueID: id,
		Name: role, RoleARN: "arn:aws:iam::" + account + ":role/" + role, Session: name, AccessKey: role}, policy}
}

func root(account string) *person {
	return &person{identity.Principal{Kind: identity.Root, Partition: "aws", Account: account, ARN: "arn:aws:iam::" + account + ":root", ID: account, AccessKey: "root" + account}, ""}
}

// house is a ledger, a gate and the service, with people.
type house struct {
	testing.TB
	store *sqlite.Store
	gate  *gate.Gate
	kms   *Service
	who   *people
	clock *clock
	place string // region
	file  string // the ledger's
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type timed struct {
	world.Real
	*clock
}

func (t timed) Now() time.Time { return t.clock.Now() }

func build(t testing.TB) *house {
	t.Helper()
	h := &house{TB: t, place: here, clock: &clock{now: time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)}, who: &people{all: map[string]*person{}}}
	for _, p := range []*person{user(home, "ann", all), user(home, "bob", nothing), user(abroad, "eve", all), user(abroad, "kim", nothing), session(home, "worker", "night", nothing), root(home), root(abroad)} {
		h.who.all[p.AccessKey] = p
	}
	dir := t.TempDir()
	seal, err := keyfile.Open(filepath.Join(dir, "key", "root"), filepath.Join(dir, "data"), world.Real{}.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	h.file = filepath.Join(dir, "ledger.db")
	if h.store, err = sqlite.Open(context.Background(), h.file, h.clock.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.store.Close() })
	h.kms = New(Config{Sealer: seal, Principals: h.who, Dice: world.Real{}})
	w := timed{clock: h.clock}
	rows := append(h.kms.Rows(), api.Op[s3.HeadObjectRequest, s3.HeadObjectOutput]{Name: "HeadObject", Free: true, Honours: []string{"Bucket", "Key"}, // S3 that asks for its caller
		Stream: func(ctx context.Context, c *api.Call, in *s3.HeadObjectRequest) (*s3.HeadObjectOutput, error) {
			out, err := c.Forward(ctx, "kms", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: in.Key, KeySpec: ptr("AES_256"), EncryptionContext: map[string]string{"aws:s3:arn": "arn:aws:s3:::b"}})
			if err != nil {
				return nil, err
			}
			d := out.(*kms.GenerateDataKeyResponse)
			back, err := c.Forward(ctx, "kms", "Decrypt", &kms.DecryptRequest{CiphertextBlob: d.CiphertextBlob, EncryptionContext: map[string]string{"aws:s3:arn": "arn:aws:s3:::b"}})
			if err != nil {
				return nil, err
			}
			if string(back.(*kms.DecryptResponse).Plaintext) != string(d.Plaintext) {
				t.Error("the data key did not come back")
			}
			return &s3.HeadObjectOutput{SSEKMSKeyId: d.KeyId}, nil
		}}.Row("s3"))
	if h.gate, err = gate.New(gate.Config{Registry: wire.Open(), Store: h.store, World: w, Directory: h.who, Partition: "aws", Region: here, Account: home, Rows: rows,
		Log:  slog.New(slog.NewTextHandler(io.Discard, nil)),
		Path: func(store.View, *api.Origin, string) (*api.Path, *fault.Fault) { return nil, nil }}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) invoke(who, service, op string, in any) (any, error) {
	h.who.mu.Lock()
	account := h.who.all[who].Account
	h.who.mu.Unlock()
	out, _, err := h.gate.Invoke(context.Background(), api.As{Partition: "aws", Account: account, Region: h.place, AccessKey: who}, service, op, in)
	return out, err
}

// try is a call that may be refused.
func try[O any](h *house, who, op string, in any) (*O, error) {
	out, err := h.invoke(who, "kms", op, in)
	o, _ := out.(*O)
	return o, err
}

// do is a call that must succeed.
func do[O any](h *house, who, op string, in any) *O {
	h.Helper()
	out, err := try[O](h, who, op, in)
	if err != nil {
		h.Fatalf("%s by %s: %v", op, who, err)
	}
	return out
}

// refused wants a call refused with a code (or a kind's name), in a sentence that holds the words.
func (h *house) refused(who, op string, in any, code, words string) {
	h.Helper()
	_, err := h.invoke(who, "kms", op, in)
	if err == nil {
		h.Errorf("%s by %s is done, want %s", op, who, code)
		return
	}
	f := fault.From(err)
	got := f.Code
	if got == "" {
		got = f.Kind.String()
	}
	if got != code || !strings.Contains(f.Message, words) {
		h.Errorf("%s by %s: %v, want %s: %s", op, who, err, code, words)
	}
}

// create makes a key of ann's.
func (h *house) create(in kms.CreateKeyRequest) *kms.KeyMetadata {
	h.Helper()
	return do[kms.CreateKeyResponse](h, "ann", "CreateKey", &in).KeyMetadata
}

func (h *house) events() []trail.Event {
	h.Helper()
	var out []trail.Event
	if err := h.store.View(context.Background(), func(v store.View) (err error) { out, err = v.Trail(store.TrailQuery{}); return err }); err != nil {
		h.Fatal(err)
	}
	return out
}
