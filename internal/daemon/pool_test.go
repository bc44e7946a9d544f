package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloister/internal/core/fault"
	"cloister/internal/core/job"
)

// echo answers with its number; it fails when told "die" and takes its time when told "slow".
type echo struct {
	n     int
	setup job.Setup
	ended *int
	mu    *sync.Mutex
}

func (e *echo) Ask(ctx context.Context, texts []string) ([]job.Answer, error) {
	switch texts[0] {
	case "die":
		return nil, errors.New("it died")
	case "slow":
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case "work":
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return []job.Answer{{Code: fmt.Sprint(e.setup.Kind, e.n)}}, nil
}

func (e *echo) Close() { e.mu.Lock(); *e.ended++; e.mu.Unlock() }

type counted struct {
	*pool
	mu             sync.Mutex
	started, ended int
}

func count() *counted {
	c := &counted{}
	c.pool = newPool(func(_ context.Context, s job.Setup) (warm, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if s.Kind == "none" {
			return nil, errors.New("no such engine")
		}
		c.started++
		return &echo{c.started, s, &c.ended, &c.mu}, nil
	})
	return c
}

// counts gives how many were started, how many of them live, and how many are at work.
func (c *counted) counts() (started, live, taken int) {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.started, c.started - c.ended, c.taken
}

func (c *counted) ask(kind, text string) string { return c.askFor("one", kind, text) }

func (c *counted) askFor(account, kind, text string) string {
	a, err := c.Analyse(context.Background(), account, job.Setup{Kind: kind}, []string{text})
	if err != nil {
		return "!" + err.Error()
	}
	return a[0].Code
}

func TestPoolKeepsAnalysers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := count()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.Run(ctx) }()
		for _, x := range []struct{ kind, text, want string }{
			{"a", "", "a1"}, {"a", "", "a1"}, {"b", "", "b2"}, {"a", "", "a1"}, // one for each setup
			{"b", "die", "!it died"}, // a used one might have ended before: a new one was asked, too
			{"b", "", "b4"}, {"none", "", "!no such engine"}, {"a", "", "a1"},
			{"a", "slow", "!context deadline exceeded"}, {"a", "", "a5"},
		} {
			if got := c.ask(x.kind, x.text); got != x.want {
				t.Errorf("%s %q: %s, want %s", x.kind, x.text, got, x.want)
			}
		}
		if started, live, taken := c.counts(); live != 2 || taken != 0 {
			t.Errorf("%d started, %d live, %d taken", started, live, taken)
		}
		time.Sleep(2 * poolIdle) // of the bubble
		synctest.Wait()
		if started, live, _ := c.counts(); live != 0 {
			t.Errorf("%d started, %d live after a rest", started, live)
		}
		c.ask("a", "")
		cancel()
		<-done
		if started, live, _ := c.counts(); live != 0 || !strings.Contains(c.ask("a", ""), "ends") {
			t.Errorf("%d started, %d live at the end", started, live)
		}
	})
}

func TestPoolIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := count()
		for i := range 3 * poolSize { // one after another, each of its own kind: the oldest goes
			c.ask(fmt.Sprint("k", i, "-"), "")
		}
		if started, live, _ := c.counts(); live != poolSize {
			t.Errorf("%d started, %d live", started, live)
		}
		begun := time.Now()
		var wg sync.WaitGroup
		for range 3 * poolSize { // at once, a second each
			wg.Go(func() {
				if got := c.ask("x", "work"); got[0] != 'x' {
					t.Error(got)
				}
			})
		}
		wg.Wait()
		if started, live, _ := c.counts(); time.Since(begun) != 4*time.Second || live != poolSize {
			t.Errorf("took %s, %d started, %d live", time.Since(begun), started, live)
		}
		for range poolSize {
			wg.Go(func() { c.ask("x", "slow") })
		}
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var f *fault.Fault
		if _, err := c.Analyse(short, "one", job.Setup{Kind: "x"}, []string{""}); !errors.As(err, &f) || f.Code != "TooManyRequestsException" {
			t.Error(err)
		}
		wg.Wait()
		if _, _, taken := c.counts(); taken != 0 {
			t.Errorf("%d are taken", taken)
		}
	})
}

// TestPoolKeepsAccountsApart: a hostile text that takes an analyser over meets no other account's texts there.
func TestPoolKeepsAccountsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := count()
		for _, x := range []struct{ account, want string }{{"one", "a1"}, {"two", "a2"}, {"one", "a1"}, {"two", "a2"}} {
			if got := c.askFor(x.account, "a", ""); got != x.want {
				t.Errorf("%s: %s, want %s", x.account, got, x.want)
			}
		}
	})
}

// TestPoolIsShared: an account that asks without end keeps no other from its turn.
func TestPoolIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := count()
		var wg sync.WaitGroup
		greedy := func(account string, calls int) {
			for range calls {
				wg.Go(func() { c.askFor(account, "x", "work") })
			}
			synctest.Wait()
		}
		asks := func(want time.Duration) {
			t.Helper()
			begun := time.Now()
			if got := c.askFor("modest", "x", ""); got[0] != 'x' || time.Since(begun) != want {
				t.Errorf("%s after %s, want %s", got, time.Since(begun), want)
			}
		}
		greedy("one", 60)
		asks(0) // there is room that one may not have
		greedy("two", 60)
		asks(time.Second) // the next analyser that is free
		wg.Wait()
		if _, _, taken := c.counts(); taken != 0 || len(c.held)+len(c.queued) != 0 {
			t.Errorf("%d are taken, %v held, %v queued", taken, c.held, c.queued)
		}
	})
}

// TestPoolOutlivesCallers: calls that are given up cost no analyser.
func TestPoolOutlivesCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := count()
		c.ask("a", "")
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, _ = c.Analyse(ctx, "one", job.Setup{Kind: "a"}, []string{"work"})
			cancel()
		}
		if started, live, taken := c.counts(); started != 1 || live != 1 || taken != 0 {
			t.Errorf("%d started, %d live, %d taken", started, live, taken)
		}
	})
}
