package whole_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestAtOnce: a call that is answered at once is answered by a warm analyser; one that is killed while it rests is replaced.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	a := h.root(t)
	first := func(text string) string {
		t.Helper()
		out, err := a.call("DetectDominantLanguage", dict{"Text": text})
		if err != nil {
			t.Fatal(err)
		}
		return out["Languages"].([]any)[0].(dict)["LanguageCode"].(string)
	}
	if got := first(english) + first(french); got != "enfr" {
		t.Error(got)
	}
	one := analysers(h)
	if len(one) != 1 {
		t.Fatalf("%v serve", one)
	}
	p, err := os.FindProcess(one[0])
	if err == nil {
		err = p.Kill()
	}
	if err != nil && os.Geteuid() == 0 {
		t.Fatal(err)
	}
	if got := first(german); got != "de" {
		t.Error(got)
	}
	if err == nil && slices.Contains(analysers(h), one[0]) {
		t.Error("the killed one still serves")
	}
	out, err := a.call("BatchDetectDominantLanguage", dict{"TextList": []string{english, strings.Repeat(french, 50), german}})
	if err != nil || len(out["ResultList"].([]any)) != 3 {
		t.Error(out, err)
	}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			text, want := english, "en"
			if i%2 > 0 {
				text, want = french, "fr"
			}
			out, err := a.call("DetectDominantLanguage", dict{"Text": strings.Repeat(text, 1+i%5*100)})
			if err != nil {
				t.Error(err)
			} else if got := out["Languages"].([]any)[0].(dict)["LanguageCode"]; got != want {
				t.Errorf("%v, want %s", got, want)
			}
		})
	}
	wg.Wait()
	if n := len(analysers(h)); n > 8 {
		t.Errorf("%d analysers serve", n)
	}
}

// analysers are the process ids of a daemon's analysers.
func analysers(h *house) []int {
	var out []int
	for pid := range tree(h.cmd.Process.Pid) {
		cmd, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if arg, _, _ := strings.Cut(string(cmd), "\x00"); filepath.Base(arg) == "cloister-analyser" {
			out = append(out, pid)
		}
	}
	return out
}

// BenchmarkDetect is one short text, answered at once: signed, authorised by a user's policy, its event durable before the answer.
func BenchmarkDetect(b *testing.B) {
	s := newSite(b)
	u := s.caller()
	var all []time.Duration
	for b.Loop() {
		begun := time.Now()
		if _, err := u.call("DetectDominantLanguage", dict{"Text": english}); err != nil {
			b.Fatal(err)
		}
		all = append(all, time.Since(begun))
	}
	percentiles(b, "call", all)
}
