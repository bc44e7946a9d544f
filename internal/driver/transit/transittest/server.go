// Package transittest is a server that speaks as much of the transit engine's protocol as the driver uses, with real AES-GCM. It is
// no Vault and no OpenBao: it proves what the driver sends and how it takes answers (API documentation, "Transit secrets engine").
package transittest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Server answers /v1/transit/{encrypt,decrypt}/NAME for its keys.
type Server struct {
	*httptest.Server
	Token   string
	Unbound bool // leave associated data out, as servers did once

	mu    sync.Mutex
	keys  map[string]cipher.AEAD
	Calls []string // method, path and namespace
}

// Start serves one key until the test ends.
func Start(t testing.TB, key string) *Server {
	t.Helper()
	s := &Server{Token: "hvs.test-token", keys: map[string]cipher.AEAD{}}
	s.Renew(key)
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// Renew makes a key, or another one of the same name: what the former sealed does not open any more.
func (s *Server) Renew(key string) {
	k := make([]byte, 32)
	_, _ = rand.Read(k)
	block, _ := aes.NewCipher(k)
	gcm, _ := cipher.NewGCMWithRandomNonce(block)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[key] = gcm
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, why string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{why}})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Calls = append(s.Calls, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Vault-Namespace")))
	if r.Header.Get("X-Vault-Token") != s.Token {
		refuse(http.StatusForbidden, "permission denied")
		return
	}
	verb, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/transit/"), "/")
	gcm := s.keys[name]
	if gcm == nil {
		refuse(http.StatusBadRequest, "encryption key not found")
		return
	}
	var in struct {
		Plaintext  []byte `json:"plaintext"`
		Ciphertext string `json:"ciphertext"`
		Associated []byte `json:"associated_data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(http.StatusBadRequest, "failed to parse JSON input")
		return
	}
	if s.Unbound {
		in.Associated = nil
	}
	out := map[string]any{}
	switch verb {
	case "encrypt":
		out["ciphertext"] = "vault:v1:" + base64.StdEncoding.EncodeToString(gcm.Seal(nil, nil, in.Plaintext, in.Associated))
		out["key_version"] = 1
	case "decrypt":
		text, ok := strings.CutPrefix(in.Ciphertext, "vault:v1:")
		b, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil {
			refuse(http.StatusBadRequest, "invalid ciphertext: no prefix")
			return
		}
		p, err := gcm.Open(nil, nil, b, in.Associated)
		if err != nil {
			refuse(http.StatusBadRequest, "cipher: message authentication failed")
			return
		}
		out["plaintext"] = p
	default:
		refuse(http.StatusNotFound, fmt.Sprintf("no handler for route %q", r.URL.Path))
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": out})
}
