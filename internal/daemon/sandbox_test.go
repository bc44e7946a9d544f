package daemon

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/job"
)

// An agent may write anything where its reports are read: the daemon holds no more than a line of it, and hears the rest no more.
func TestReportsAreBounded(t *testing.T) {
	for name, text := range map[string]string{
		"a word without an end": `{"Documents":1,"Err":{"Detail":"` + strings.Repeat("a", 1<<20),
		"no JSON":               "}\n" + strings.Repeat("{}\n", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			x := &running{reports: make(chan job.Report, 16), killed: make(chan struct{})}
			go x.listen(r)
			done := make(chan error, 1)
			go func() { _, err := io.WriteString(w, text); done <- err }()
			for got := range x.reports {
				t.Errorf("took %+v", got)
			}
			select {
			case err := <-done: // a write that did not fit met a closed pipe
				if len(text) > 1<<17 && err == nil {
					t.Error("all was read")
				}
			case <-time.After(10 * time.Second):
				t.Error("nobody reads and nobody has hung up")
			}
		})
	}
}

// A flood of reports reaches the ledger at the daemon's pace, and the last one is the last.
func TestReportsHaveAPace(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	x := &running{reports: make(chan job.Report, 16), killed: make(chan struct{})}
	go x.listen(r)
	go func() {
		defer w.Close()
		e := json.NewEncoder(w)
		for i := range 4 {
			_ = e.Encode(job.Report{Documents: int64(i)})
		}
		_ = e.Encode(job.Report{Documents: 9, Final: true})
		_ = e.Encode(job.Report{Documents: 10})
	}()
	start, n, last := time.Now(), 0, job.Report{}
	for last = range x.reports {
		n++
	}
	if took := time.Since(start); n != 5 || !last.Final || took < 3*reportPace {
		t.Errorf("%d reports in %s, the last %+v", n, took, last)
	}
}
