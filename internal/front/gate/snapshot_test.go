package gate

import (
	"context"
	"net/http"
	"testing"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/trail"
	"cloister/internal/shape/s3"
	"cloister/internal/store"
)

// ledger counts the snapshots that are open at once. It serves one call at a time.
type ledger struct {
	store.Store
	t          *testing.T
	open, most int
}

func (l *ledger) Snapshot(ctx context.Context) (store.View, func() error, error) {
	v, end, err := l.Store.Snapshot(ctx)
	if err != nil {
		return v, end, err
	}
	l.open++
	l.most = max(l.most, l.open)
	over := false
	return v, func() error {
		if !over {
			over = true
			l.open--
		}
		return end()
	}, nil
}

func (l *ledger) View(ctx context.Context, f func(store.View) error) error {
	l.open++
	l.most = max(l.most, l.open)
	defer func() { l.open-- }()
	return l.Store.View(ctx, f)
}

func (l *ledger) Update(ctx context.Context, f func(store.Tx) error) error {
	l.waits("Update")
	return l.Store.Update(ctx, f)
}

func (l *ledger) Append(ctx context.Context, e ...*trail.Event) error {
	l.waits("Append")
	return l.Store.Append(ctx, e...)
}

func (l *ledger) waits(name string) {
	if l.open > 0 {
		l.t.Errorf("%s is called with %d snapshots open", name, l.open)
	}
}

// TestOneSnapshot: a call never waits for a second snapshot while it has one, for there is a bound on them all, nor for the disk.
func TestOneSnapshot(t *testing.T) {
	var l *ledger
	h := open(t, func(c *Config) {
		l = &ledger{Store: c.Store, t: t}
		c.Store = l
		c.Sharing = func(store.View, string, string, string, string, []string, bool) (map[string]string, *fault.Fault) {
			return map[string]string{"Access-Control-Allow-Origin": "*"}, nil
		}
		c.Rows = append(c.Rows, api.Rows("s3", api.Op[s3.HeadObjectRequest, s3.HeadObjectOutput]{Name: "HeadObject", Honours: []string{"Bucket", "Key"}, // not built
			Questions: func(*api.Call, store.View, *s3.HeadObjectRequest) ([]api.Question, error) {
				return []api.Question{{Action: "s3:GetObject", Resource: "*"}}, nil
			}})...)
	})
	for name, c := range map[string]struct {
		method, path string
		signed       bool
		secret       string
		status       int
	}{
		"a read":              {http.MethodGet, "/bucket/key", true, "secret", 200},
		"an anonymous one":    {http.MethodGet, "/open/key", false, "", 200},
		"refused":             {http.MethodGet, "/bucket/key", false, "", 403},
		"a wrong signature":   {http.MethodGet, "/bucket/key", true, "guessed", 403},
		"missing":             {http.MethodGet, "/missing/key", true, "secret", 404},
		"not built":           {http.MethodHead, "/bucket/key", true, "secret", 501},
		"cannot be decoded":   {http.MethodGet, "/bucket/key?partNumber=x", true, "secret", 400},
		"no such subresource": {http.MethodGet, "/bucket?acl", true, "secret", 501},
	} {
		t.Run(name, func(t *testing.T) {
			l.t, l.most = t, 0
			req := get("127.0.0.1:4566", c.path, false)
			req.Method = c.method
			req.Header.Set("Origin", "https://example.com")
			if c.signed {
				sign(req, "s3", "", c.secret)
			}
			w := h.send(outside, req)
			if w.Code != c.status || l.open != 0 || l.most != 1 {
				t.Errorf("status %d, want %d; %d snapshots are open, and there were %d at once: %s", w.Code, c.status, l.open, l.most, w.Body)
			}
		})
	}
}
