package whole_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// watched runs a job to its end and says how long it took and what its agents and analysers held at most, in bytes, each kind together.
func (s *site) watched(over dict) (p properties, took time.Duration, agents, analysers int) {
	s.Helper()
	begun := time.Now()
	id := s.start(over)
	until(s, 30*time.Minute, "the job to end", func() bool {
		agents, analysers = max(agents, memory(s.house, "cloister-agent")), max(analysers, memory(s.house, "cloister-analyser"))
		p = s.describe(id)
		return p.JobStatus != "SUBMITTED" && p.JobStatus != "IN_PROGRESS"
	})
	if p.JobStatus != "COMPLETED" {
		s.Fatalf("job is %s: %s\n%s", p.JobStatus, p.Message, s.why(p.JobArn))
	}
	return p, time.Since(begun), agents, analysers
}

// TestManyLines analyses 32 MB of lines, or 1 GB with CLOISTER_LONG, in memory that does not grow with them.
func TestManyLines(t *testing.T) {
	t.Parallel()
	s := siteIn(t, open(t))
	line := strings.Repeat(english+" ", 13) + "\n" // a kilobyte: a job has a million lines at most
	part := []byte(strings.Repeat(line, 8<<20/len(line)))
	n := 4
	if long() {
		n = 115
	}
	s.multipart(s.bucket, "in/great.txt", part, n)
	p, took, agents, analysers := s.watched(nil)
	if got, want := len(s.result(p)), n*(8<<20/len(line)); got != want {
		t.Errorf("%d results of %d lines", got, want)
	}
	size := n * len(part)
	t.Logf("%d MB in %s: %.1f MB/s; the agent held %d MB, the analyser %d MB", size>>20, took.Round(time.Second), float64(size)/1e6/took.Seconds(), agents>>20, analysers>>20)
	if agents+analysers > 600<<20 {
		t.Error("that is more than 600 MB")
	}
}

// TestManyFiles analyses 2,000 objects of one document, or 100,000 with CLOISTER_LONG.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	s := siteIn(t, open(t))
	n := 2000
	if long() {
		n = 100_000
	}
	s.many("in/", n, func(int) string { return english })
	p, took, agents, analysers := s.watched(dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/in/", "InputFormat": "ONE_DOC_PER_FILE"}})
	for i, l := range s.result(p) {
		if got, want := short(t, l), fmt.Sprintf("%06d.txt:- en", i); got != want {
			t.Fatalf("result %d is %s, want %s", i, got, want)
		}
	}
	t.Logf("%d objects in %s: %.0f documents/s; the agent held %d MB, the analyser %d MB", n, took.Round(100*time.Millisecond), float64(n)/took.Seconds(), agents>>20, analysers>>20)
	if agents+analysers > 600<<20 {
		t.Error("that is more than 600 MB")
	}
}

// many makes n objects of one document each.
func (s *site) many(prefix string, n int, text func(int) string) {
	s.Helper()
	next := make(chan int)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range next {
				s.put(s.bucket, fmt.Sprintf("%s%06d.txt", prefix, i), []byte(text(i)))
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
