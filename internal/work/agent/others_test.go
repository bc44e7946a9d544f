package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/classify"
	"cloister/internal/work/mesh"
	"cloister/internal/work/topic"
)

// census counts the bytes of all lines, each instance those of its share.
type census struct {
	m      *mesh.Mesh
	lines  int
	counts []int64
	rounds int
	meets  func(m *mesh.Mesh, round int) error // before each meeting
	refuse string
}

func (c *census) Join(m *mesh.Mesh) { c.m = m }

func (c *census) Take(o job.Object, r io.Reader) error {
	if c.refuse != "" && strings.HasSuffix(o.Name, c.refuse) {
		return analyse.Refuse("INVALID_TRAINING_DATA", "%s is of no use.", o.Name)
	}
	for s := bufio.NewScanner(r); s.Scan(); c.lines++ {
		if c.m.Owns(c.lines) {
			for i, b := range s.Bytes() {
				c.counts[int(b)*1000+i%1000]++
			}
		}
	}
	return nil
}

func (c *census) Finish(create func(string) io.Writer) (any, error) {
	for i := range c.rounds {
		if c.meets != nil {
			if err := c.meets(c.m, i); errors.Is(err, errEnough) {
				return nil, nil
			} else if err != nil {
				return nil, err
			}
		}
		if c.m.Index > 0 && i > 0 {
			clear(c.counts) // they were given already
		}
		if err := mesh.Sum(c.m, c.counts); err != nil {
			return nil, err
		}
	}
	if c.m.Index > 0 {
		return nil, nil
	}
	var sum, mixed int64
	for i, n := range c.counts {
		sum, mixed = sum+n, mixed*31+n*int64(i)
	}
	fmt.Fprintf(create("sums.csv"), "%d %d", sum, mixed)
	return map[string]int64{"Lines": int64(c.lines)}, nil
}

func (s *set) censuses(change func(*census)) {
	s.kinds = map[string]analyse.Kind{s.task.Kind.Name: {Learner: func(job.Setup) (analyse.Learner, error) {
		c := &census{m: mesh.Alone(), counts: make([]int64, 256_000), rounds: 3}
		if change != nil {
			change(c)
		}
		return c, nil
	}}}
}

func lessons(t *testing.T) *set {
	in := map[string]string{}
	for i := range 12 {
		in[fmt.Sprintf("in/%02d", i)] = strings.Repeat(fmt.Sprintf("a secret of number %d\nand more\n", i), 9_000-700*i)
	}
	return scene(t, "topics-detection", in)
}

var errEnough = errors.New("enough")

// TestLearnTogether: what several instances learn from their shares is what one learns from all.
func TestLearnTogether(t *testing.T) {
	var want map[string]string
	for _, most := range []int{1, 2, 4} {
		s := lessons(t)
		s.censuses(nil)
		r, n := s.crew(t, job.Share{Max: most, Bytes: 100 << 10})
		got := s.delivered()
		if r.Err != nil || n != most || r.Documents != 12 {
			t.Fatalf("%d instances: %+v", n, r)
		}
		if want == nil {
			want = got
		}
		if len(got) != 1 || len(got["sums.csv"]) < 20 || got["sums.csv"] != want["sums.csv"] {
			t.Errorf("%d instances: %v, alone %v", n, got, want)
		}
	}
}

// TestEnginesTogether: the learners that there are say nothing while they write their files, and need no more than what agents carry.
func TestEnginesTogether(t *testing.T) {
	words := strings.Fields("oven flour butter sugar dough bake recipe kitchen yeast bread engine wheel brake tyre gearbox driver clutch exhaust motor garage")
	var lines, rows strings.Builder
	for i := range 300 {
		of := words[i%2*10:]
		text := fmt.Sprintf("%s %s %s %s", of[i*7%10], of[(i/10+3)%10], of[(i*3+1)%10], of[(i/7+i)%10])
		fmt.Fprintf(&lines, "%s\n", text)
		fmt.Fprintf(&rows, "%s,%s\n", []string{"KITCHEN", "GARAGE"}[i%2], text)
	}
	for kind, c := range map[string]struct {
		role, text string
		learn      func(job.Setup) (analyse.Learner, error)
		files      []string
	}{
		"topics-detection":    {job.Documents, lines.String(), func(s job.Setup) (analyse.Learner, error) { return topic.Learn(s) }, []string{"doc-topics.csv", "topic-terms.csv"}},
		"document-classifier": {job.Labels, rows.String(), func(s job.Setup) (analyse.Learner, error) { return classify.Learn(s) }, []string{"confusion_matrix.json"}},
	} {
		s := scene(t, kind, map[string]string{"in/d": c.text})
		s.task.Inputs[0].Role, s.task.Setup.Format, s.task.Setup.Topics = c.role, perLine, 2
		s.kinds = map[string]analyse.Kind{kind: {Learner: c.learn}}
		model, err := os.CreateTemp(t.TempDir(), "model")
		if err != nil {
			t.Fatal(err)
		}
		defer model.Close()
		if kind == "document-classifier" {
			s.task.Artifact, s.sealed = &job.Artifact{Key: make([]byte, 32), Salt: make([]byte, 32), Info: []byte("x"), Write: true}, model
		}
		r, n := s.crew(t, job.Share{Max: 3, Bytes: 1000})
		got := s.delivered()
		if r.Err != nil || n != 3 || len(got) != len(c.files) {
			t.Fatalf("%s: %d instances, %+v, %d files", kind, n, r.Err, len(got))
		}
		for _, name := range c.files {
			if len(got[name]) < 50 {
				t.Errorf("%s: %s is %q", kind, name, got[name])
			}
		}
		if s.sealed != nil && r.Artifact < 1000 {
			t.Errorf("a model of %d bytes", r.Artifact)
		}
	}
}

// TestLearnTogetherFailures: whatever happens to one, all end, the job says why, and nothing is delivered.
func TestLearnTogetherFailures(t *testing.T) {
	broken := errors.New("broken")
	fails := func(index, round int) func(*census) {
		return func(c *census) {
			c.meets = func(m *mesh.Mesh, i int) error {
				if m.Index == index && i == round {
					return broken
				}
				return nil
			}
		}
	}
	says := func(index int, b []byte) func(*census) {
		return func(c *census) {
			c.meets = func(m *mesh.Mesh, i int) error {
				if m.Index != index || i != 1 {
					return nil
				}
				put := func(w *bufio.Writer) { _, _ = w.Write(b) }
				return m.Meet(mesh.Meeting{Give: put, Hear: func(_ int, r *bufio.Reader) error { _, err := io.Copy(io.Discard, r); return err }, Answer: put,
					Take: func(r *bufio.Reader) error { _, err := io.Copy(io.Discard, r); return err }})
			}
		}
	}
	for name, c := range map[string]struct {
		learner func(*census)
		change  func(*set)
		code    string
	}{
		"a refusal":                   {func(c *census) { c.refuse = "07" }, nil, "INVALID_TRAINING_DATA"},
		"an object that is replaced":  {nil, func(s *set) { s.shelf.swapped = "in/05" }, "INPUT_CHANGED"},
		"another one's learner fails": {fails(2, 1), nil, "INTERNAL_ERROR"},
		"the first one's fails":       {fails(0, 1), nil, "INTERNAL_ERROR"},
		"another one breaks":          {func(c *census) { c.meets = func(m *mesh.Mesh, _ int) error { _ = c.counts[1<<20*m.Index]; return nil } }, nil, "INTERNAL_ERROR"},
		"garbage from another":        {says(1, []byte("xxxxxx")), nil, "INTERNAL_ERROR"},
		"garbage from the first":      {says(0, []byte("xxxxxx")), nil, "INTERNAL_ERROR"},
		"another one says too little": {says(1, nil), nil, "INTERNAL_ERROR"},
		"another one ends early": {func(c *census) {
			c.meets = func(m *mesh.Mesh, i int) error {
				if m.Index > 0 && i == 1 {
					return errEnough
				}
				return nil
			}
		}, nil, "INTERNAL_ERROR"},
		"a learner that can't": {nil, func(s *set) {
			s.kinds = map[string]analyse.Kind{s.task.Kind.Name: {Learner: func(job.Setup) (analyse.Learner, error) { return struct{ analyse.Learner }{&census{}}, nil }}}
		}, "INTERNAL_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			s := lessons(t)
			s.censuses(c.learner)
			if c.change != nil {
				c.change(s)
			}
			r, n := s.crew(t, job.Share{Max: 3, Bytes: 100 << 10})
			if r.Err == nil || r.Err.Code != c.code || n != 3 || len(s.delivered()) != 0 {
				t.Errorf("%d instances, %+v, %d files", n, r.Err, len(s.delivered()))
			}
		})
	}
}

// TestLearnTogetherStopped: a stop in the middle ends all instances and leaves nothing.
func TestLearnTogetherStopped(t *testing.T) {
	s := lessons(t)
	ctx, stop := context.WithCancel(t.Context())
	s.stop = ctx
	held := make(chan struct{})
	s.censuses(func(c *census) {
		c.meets = func(m *mesh.Mesh, i int) error {
			if i == 1 {
				stop()
				<-held
			}
			return nil
		}
	})
	go func() { <-ctx.Done(); close(held) }()
	r, n := s.crew(t, job.Share{Max: 2, Bytes: 100 << 10})
	if r.Err != nil || !r.Stopped || n != 2 || len(s.delivered()) != 0 {
		t.Errorf("%d instances, %+v, %d files", n, r, len(s.delivered()))
	}
}

// TestLearnTogetherWithoutOne: an instance that ended is missed by the first one at once.
func TestLearnTogetherWithoutOne(t *testing.T) {
	s := lessons(t)
	s.censuses(nil)
	r, w := io.Pipe()
	h := newHeard()
	s.task.Share = job.Share{Max: 2, Bytes: 100 << 10}
	go func() {
		s.one(t, s.task, h, w)
		w.Close()
	}()
	var last job.Report
	for in := bufio.NewScanner(r); in.Scan(); {
		last = job.Report{}
		if err := json.Unmarshal(in.Bytes(), &last); err != nil {
			t.Fatal(err)
		}
		if last.Instances > 0 {
			h.group <- job.Group{Leader: netip.MustParseAddrPort("127.0.0.1:0"), Seed: make([]byte, 32), Peers: map[int][]byte{1: make([]byte, 32)}}
			h.lost <- 1
		}
	}
	if last.Err == nil || last.Err.Code != "INTERNAL_ERROR" || last.Err.Instance != 1 || !strings.Contains(last.Err.Detail, "it ended") {
		t.Errorf("%+v", last.Err)
	}
}
