// Package transit is the root of trust in the transit engine of an OpenBao or Vault server. Its law: the server's key never
// comes here; what it seals is small, and is opened once at each start.
//
// It is a keyring.Sealer, so whoever has one cannot tell it from a file. Each call is a request to the server: seal one key with
// it and everything else under that key.
package transit

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openbao/openbao/api/v2"

	"cloister/internal/core/keyring"
)

var _ keyring.Sealer = (*Root)(nil)

// Config names a key of a transit engine.
type Config struct {
	Address   string // https://host:port; http only for a server on this host
	Mount     string // the engine's path, "transit" as a rule
	Key       string // the key's name: aes256-gcm96 (the default type) or chacha20-poly1305, which take associated data
	Namespace string // or ""
	CA        string // file of PEM certificates that sign the server's, or "" for the system's
	Token     string // may update MOUNT/encrypt/KEY and MOUNT/decrypt/KEY, nothing else is asked of it
}

// Root seals by the server's key.
type Root struct {
	client *api.Client
	path   string // of the engine
	key    string
}

// timeout of one request, with the library's retries in it.
const timeout = 20 * time.Second

// Open prepares the client and asks nothing of the server yet. The environment is not read: neither the token nor a proxy comes
// from it.
func Open(c Config) (*Root, error) {
	r, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("cannot use the root key at %s: %w", c.Address, err)
	}
	return r, nil
}

func open(c Config) (*Root, error) {
	if c.Token == "" {
		return nil, errors.New("there is no token for it")
	}
	if c.Mount == "" || c.Key == "" || strings.Contains(c.Key, "/") {
		return nil, errors.New("it needs the engine's path and a key's name: transit://HOST:PORT/MOUNT/KEY")
	}
	cfg := api.NewConfig()
	cfg.DisableEnvironment = true
	cfg.Address = c.Address
	cfg.Timeout = timeout
	if c.CA != "" {
		if err := cfg.ConfigureTLS(&api.TLSConfig{CACert: c.CA}); err != nil {
			return nil, fmt.Errorf("its CA certificates: %w", err)
		}
	}
	if t, ok := cfg.HttpClient.Transport.(*http.Transport); ok {
		t.Proxy = nil
	}
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, err
	}
	client.SetToken(c.Token)
	if c.Namespace != "" {
		client.SetNamespace(c.Namespace)
	}
	return &Root{client, strings.Trim(c.Mount, "/"), c.Key}, nil
}

// Name says which key it is, without the server's address, which may change.
func (r *Root) Name() string { return "transit " + r.path + "/" + r.key }

// Format keeps the token out of logs, whatever the verb.
func (r Root) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.Name()) }

// Seal gives the server's ciphertext ("vault:v1:..."). It proves that the server binds it to aad: old ones leave out what they do
// not know, and keys of some types cannot.
func (r *Root) Seal(plaintext, aad []byte) ([]byte, error) {
	box, err := r.ask("encrypt", "ciphertext", map[string]any{"plaintext": encode(plaintext), "associated_data": encode(aad)})
	if err != nil {
		return nil, fmt.Errorf("cannot seal by %s: %w", r.Name(), err)
	}
	back, err := r.Open([]byte(box), aad) // what cannot be opened now is lost at the next start
	if err == nil && !bytes.Equal(back, plaintext) {
		err = errors.New("the server opens another thing than it sealed")
	}
	clear(back)
	if err != nil {
		return nil, fmt.Errorf("cannot seal by %s: %w", r.Name(), err)
	}
	var refused *api.ResponseError
	if _, err := r.Open([]byte(box), append([]byte("not "), aad...)); err != nil && (!errors.As(err, &refused) || refused.StatusCode != http.StatusBadRequest) {
		return nil, fmt.Errorf("cannot seal by %s: whether the server binds it to its place cannot be seen: %w", r.Name(), err)
	} else if err == nil {
		return nil, fmt.Errorf("cannot seal by %s: the server does not bind what it seals to its place (associated data); take a newer one, and a key of type aes256-gcm96", r.Name())
	}
	return []byte(box), nil
}

// Open gives the plaintext, or an error that says what the server said. It cannot be told apart whether a box was changed or
// belongs to another place.
func (r *Root) Open(box, aad []byte) ([]byte, error) {
	text, err := r.ask("decrypt", "plaintext", map[string]any{"ciphertext": string(box), "associated_data": encode(aad)})
	if err != nil {
		return nil, fmt.Errorf("cannot open by %s: %w", r.Name(), err)
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("cannot open by %s: the answer is not base64", r.Name()) // the error would quote it
	}
	return b, nil
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// ask makes one request of the engine and takes one member of its answer.
func (r *Root) ask(verb, member string, in map[string]any) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s, err := r.client.Logical().WriteWithContext(ctx, r.path+"/"+verb+"/"+url.PathEscape(r.key), in)
	var refused *api.ResponseError
	if errors.As(err, &refused) {
		return "", fmt.Errorf("the server answered %d: %s%w", refused.StatusCode, strings.Join(refused.Errors, "; "), quiet{refused})
	}
	if err != nil {
		return "", err
	}
	if s == nil {
		return "", errors.New("the server answered nothing")
	}
	text, ok := s.Data[member].(string)
	if !ok || text == "" {
		return "", fmt.Errorf("the server's answer has no %s", member)
	}
	return text, nil
}

// quiet carries the server's answer without its text, which was told.
type quiet struct{ *api.ResponseError }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.ResponseError }
