package transit

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cloister/internal/driver/transit/transittest"
)

func root(t *testing.T, c Config) *Root {
	t.Helper()
	r, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// server is a real one where the environment names it (with a key "cloister" in the engine "transit"), else our own.
func server(t *testing.T) Config {
	t.Helper()
	if a := os.Getenv("CLOISTER_TEST_TRANSIT"); a != "" {
		return Config{Address: a, Mount: "transit", Key: "cloister", Token: os.Getenv("CLOISTER_TEST_TRANSIT_TOKEN")}
	}
	s := transittest.Start(t, "cloister")
	return Config{Address: s.URL, Mount: "transit", Key: "cloister", Token: s.Token}
}

func TestSealOpen(t *testing.T) {
	c := server(t)
	r := root(t, c)
	for _, plain := range [][]byte{bytes.Repeat([]byte{0xff}, 32), []byte("x")} {
		box, err := r.Seal(plain, []byte("place"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := root(t, c).Open(box, []byte("place")); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("got %x, %v", got, err)
		}
		for name, f := range map[string]func() ([]byte, error){
			"another place": func() ([]byte, error) { return r.Open(box, []byte("plac")) },
			"no place":      func() ([]byte, error) { return r.Open(box, nil) },
			"changed": func() ([]byte, error) {
				return r.Open(append(bytes.Clone(box[:len(box)-8]), "AAAAAAA="...), []byte("place"))
			},
			"cut":    func() ([]byte, error) { return r.Open(box[:len(box)-8], []byte("place")) },
			"empty":  func() ([]byte, error) { return r.Open(nil, []byte("place")) },
			"no box": func() ([]byte, error) { return r.Open([]byte("nonsense"), []byte("place")) },
		} {
			if got, err := f(); err == nil || got != nil || !strings.Contains(err.Error(), "cannot open by transit transit/cloister: the server answered 4") {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	c := server(t)
	bad := c
	bad.Token = "hvs.wrong"
	if _, err := root(t, bad).Seal([]byte("x"), nil); err == nil || !strings.Contains(err.Error(), "answered 403: ") || strings.Contains(err.Error(), "hvs.wrong") {
		t.Errorf("a wrong token: %v", err)
	}
	bad = c
	bad.Mount = "nowhere"
	if _, err := root(t, bad).Open([]byte("vault:v1:AAAA"), nil); err == nil || !strings.Contains(err.Error(), "answered 4") {
		t.Errorf("a wrong engine: %v", err)
	}
	for _, c := range []Config{{}, {Address: "http://127.0.0.1:1", Mount: "transit", Key: "k"}, {Address: "http://127.0.0.1:1", Mount: "transit", Token: "t"},
		{Address: "http://127.0.0.1:1", Key: "k", Token: "t"}, {Address: "http://127.0.0.1:1", Mount: "m", Key: "a/b", Token: "t"}, {Address: "http://127.0.0.1:1", Mount: "m", Key: "k", Token: "t", CA: "/nowhere"}} {
		if _, err := Open(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

// A server that does not bind associated data is not a root of trust.
func TestUnbound(t *testing.T) {
	s := transittest.Start(t, "cloister")
	s.Unbound = true
	r := root(t, Config{Address: s.URL, Mount: "transit", Key: "cloister", Token: s.Token})
	if _, err := r.Seal([]byte("x"), []byte("place")); err == nil || !strings.Contains(err.Error(), "does not bind") {
		t.Errorf("got %v", err)
	}
}

func TestRequests(t *testing.T) {
	s := transittest.Start(t, "cloister")
	t.Setenv("VAULT_TOKEN", "hvs.of-the-environment")
	t.Setenv("BAO_NAMESPACE", "other")
	t.Setenv("BAO_ADDR", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	r := root(t, Config{Address: s.URL, Mount: "/transit/", Key: "cloister", Token: s.Token, Namespace: "team"})
	if _, err := r.Seal([]byte("x"), nil); err != nil {
		t.Fatal(err)
	}
	if want := []string{"PUT /v1/transit/encrypt/cloister team", "PUT /v1/transit/decrypt/cloister team", "PUT /v1/transit/decrypt/cloister team"}; !slices.Equal(s.Calls, want) {
		t.Errorf("got %q, want %q", s.Calls, want)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":{"plaintext":"eA=="}}`) }))
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Config{Address: s.URL, Mount: "transit", Key: "k", Token: "t", CA: ca}
	if got, err := root(t, c).Open([]byte("b"), nil); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
	c.CA = ""
	if _, err := root(t, c).Open([]byte("b"), nil); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown authority: %v", err)
	}
}

func TestStrangeAnswers(t *testing.T) {
	for _, body := range []string{"", "{}", `{"data":{}}`, `{"data":{"plaintext":7}}`, `{"data":{"plaintext":"?secret?"}}`, "null", "<html>"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		got, err := root(t, Config{Address: s.URL, Mount: "transit", Key: "k", Token: "t"}).Open([]byte("b"), nil)
		if err == nil || got != nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %q, %v", body, got, err)
		}
		s.Close()
	}
}

func TestTokenIsNotPrinted(t *testing.T) {
	r := root(t, Config{Address: "http://127.0.0.1:1", Mount: "transit", Key: "k", Token: "hvs.secret"})
	for _, f := range []string{"%v", "%+v", "%#v", "%s"} {
		if out := fmt.Sprintf(f, r) + fmt.Sprintf(f, *r) + fmt.Sprintf(f, struct{ S any }{r}); strings.Contains(out, "hvs") {
			t.Errorf("%s prints %s", f, out)
		}
	}
}
