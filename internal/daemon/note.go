package daemon

import (
	"bufio"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"cloister/internal/core/job"
)

// Bounds of what is logged of a process's standard error: lines, and bytes of one.
const (
	notes   = 50
	noteMax = 1000
)

// note logs what an agent says on its standard error. It never looks into a document, so its words hold none.
func (s *sandbox) note(id string, r *os.File) {
	s.hear(r, func(line string, n int) {
		if n < notes {
			s.d.log.Warn("a job's process said", "job", id, "line", job.Plain(line, noteMax))
		}
	})
}

// hint logs where an analyser broke, and never its words: they may be those of a document.
func (s *sandbox) hint(id string, r *os.File) {
	lines, said := 0, []string{}
	s.hear(r, func(line string, n int) {
		lines = n + 1
		if h := known(line); h != "" && len(said) < notes && !slices.Contains(said, h) {
			said = append(said, h)
		}
	})
	if lines > 0 {
		s.d.log.Warn("an analyser said what is not logged: it may be text of documents", "job", id, "lines", lines, "known", said)
	}
}

// hear gives every line of r, the longest in part, until it ends.
func (s *sandbox) hear(r *os.File, f func(line string, n int)) {
	defer r.Close()
	in := bufio.NewReaderSize(r, noteMax)
	for n := 0; ; n++ {
		b, more, err := in.ReadLine()
		if err != nil {
			break
		}
		f(string(b), n)
		for more && err == nil {
			_, more, err = in.ReadLine()
		}
	}
	_, _ = io.Copy(io.Discard, r)
}

// broken is what the runtime and our own processes begin their last words with.
var broken = []string{"panic: runtime error: index out of range", "panic: runtime error: slice bounds out of range", "panic: runtime error: invalid memory address",
	"panic: runtime error: integer divide by zero", "panic: ", "fatal error: stack overflow", "fatal error: all goroutines are asleep", "fatal error: runtime: out of memory", "fatal error: ",
	"cannot take a setup", "cannot take a model", "cannot begin", "cannot take a document", "cannot take an object", "cannot give results", "cannot give a file", "cannot encode a result", "no engine for"}

// stacked is a place in a line of a stack.
var stacked = regexp.MustCompile(`internal/[a-z/]{1,40}\.go:[0-9]{1,5}\b`)

// known is the part of a line that is ours.
func known(line string) string {
	for _, b := range broken {
		if strings.HasPrefix(line, b) {
			return strings.TrimSuffix(b, ": ")
		}
	}
	if strings.HasPrefix(line, "\t") {
		return stacked.FindString(line)
	}
	return ""
}
