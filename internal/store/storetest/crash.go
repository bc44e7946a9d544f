package storetest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/store"
)

const crashPlace = "STORETEST_CRASH_PLACE"

// Crash kills a process in the midst of its commits, again and again on one ledger, and looks for everything that it was told
// is written. The process is the test binary itself, so the calling test must do nothing but call Crash. check is the
// driver's own look at its files.
func Crash(t *testing.T, open Opener, check func(store.Store) error) {
	if place := os.Getenv(crashPlace); place != "" {
		commitForever(t, open, place)
		return
	}
	place := t.TempDir()
	acked := map[string]bool{}
	for round, after := range []int{1, 40, 150} {
		for _, id := range killed(t, place, round, after) {
			if acked[id] {
				t.Fatalf("%s was acknowledged twice", id)
			}
			acked[id] = true
		}
		verify(t, open, check, place, acked)
	}
}

// killed starts the child, kills it when it has acknowledged some ids, and returns all that it did acknowledge.
func killed(t *testing.T, place string, round, after int) []string {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	child.Env = append(os.Environ(), crashPlace+"="+place, fmt.Sprintf("STORETEST_CRASH_ROUND=%d", round))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	lines := bufio.NewScanner(out)
	for lines.Scan() { // goes on after the kill: what is in the pipe was acknowledged too
		if id, ok := strings.CutPrefix(lines.Text(), "ack "); ok {
			ids = append(ids, id)
		} else {
			t.Errorf("the child says %q", lines.Text())
		}
		if len(ids) == after {
			_ = child.Process.Kill()
		}
	}
	if err := child.Wait(); err == nil || len(ids) < after {
		t.Fatalf("the child ended by itself (%v) after %d acknowledgements", err, len(ids))
	}
	return ids
}

// commitForever has four callers of Update and four of Append say what was written.
func commitForever(t *testing.T, open Opener, place string) {
	s := open(t, place, time.Now)
	round := os.Getenv("STORETEST_CRASH_ROUND")
	var out sync.Mutex
	err := together(8, func(i int) error {
		for j := 0; ; j++ {
			id := fmt.Sprintf("r%s-%d-%d", round, i, j)
			var err error
			if i%2 == 0 {
				err = s.Update(context.Background(), func(tx store.Tx) error { return act(tx, id) })
			} else {
				ev := event(id)
				ev.Name = "DescribeVpcs"
				err = s.Append(context.Background(), ev)
			}
			if err != nil {
				return err
			}
			out.Lock()
			_, err = os.Stdout.WriteString("ack " + id + "\n")
			out.Unlock()
			if err != nil {
				return err
			}
		}
	})
	t.Fatal(err)
}

func verify(t *testing.T, open Opener, check func(store.Store) error, place string, acked map[string]bool) {
	t.Helper()
	s := open(t, place, time.Now)
	defer s.Close()
	if err := check(s); err != nil {
		t.Errorf("after the crash: %v", err)
	}
	err := s.View(t.Context(), func(v store.View) error {
		evs, err := v.Trail(store.TrailQuery{})
		if err != nil {
			return err
		}
		there := map[string]bool{}
		mutations := 0
		for _, ev := range evs {
			there[ev.ID] = true
			if ev.Name != "CreateVpc" {
				continue
			}
			mutations++
			if _, err := v.Get(key("vpc", ev.ID)); err != nil {
				t.Errorf("event %s is there, its row is not: %v", ev.ID, err)
			}
		}
		for id := range acked {
			if !there[id] {
				t.Errorf("%s was acknowledged and is lost", id)
			}
		}
		rows, err := v.List(store.Query{Scope: home, Kind: "vpc"})
		if len(rows) != mutations {
			t.Errorf("%d rows, but %d events of their creation", len(rows), mutations)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
