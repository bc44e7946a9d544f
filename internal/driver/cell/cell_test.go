package cell

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// shelf is a launcher that starts nothing and keeps what it was asked for.
type shelf struct {
	asked  []Launch
	killed int
	fail   string // the port whose launch fails
}

func (s *shelf) launch(_ context.Context, l Launch) (Process, error) {
	s.asked = append(s.asked, l)
	if s.fail != "" && l.Port == s.fail {
		return nil, errors.New("no such port")
	}
	return s, nil
}
func (s *shelf) Wait(context.Context) error  { return nil }
func (s *shelf) Signal(syscall.Signal) error { return nil }
func (s *shelf) Kill() error                 { s.killed++; return nil }

func TestStartTellsTheWalls(t *testing.T) {
	s := &shelf{}
	d := New(s.launch)
	if _, err := d.Start(t.Context(), Spec{Name: "a", Port: "eni-1", Argv: []string{"x", "y"}, Env: []string{"GOMEMLIMIT=5"}, Memory: 1000, Tmp: 7}); err != nil {
		t.Fatal(err)
	}
	l := s.asked[0]
	var c confinement
	if l.Argv[0] != arg0 || json.Unmarshal([]byte(l.Argv[1]), &c) != nil {
		t.Fatalf("argv %q", l.Argv)
	}
	if !c.Network || c.Tmp != 7 || c.Pids != DefaultPids || c.Memory != 1000 || !slices.Equal(c.Argv, []string{"x", "y"}) || l.Pids != DefaultPids {
		t.Errorf("the walls are %+v", c)
	}
	if l.Env[0] != "GOMEMLIMIT=5" || !slices.Contains(l.Env, "GOMEMLIMIT=900") || !strings.HasPrefix(l.Env[1], "GOMAXPROCS=") {
		t.Errorf("environment %q: the first of a name wins", l.Env)
	}
	for _, argv := range [][]string{nil, {arg0, "{}"}} {
		if _, err := d.Start(t.Context(), Spec{Argv: argv}); err == nil {
			t.Errorf("%q was started", argv)
		}
	}
}

// When the agent can't be started, the analyser doesn't stay.
func TestHalfAPair(t *testing.T) {
	s := &shelf{fail: "eni-1"}
	if _, err := New(s.launch).Pair(t.Context(), Spec{Port: "eni-1", Argv: []string{"agent"}}, Spec{Argv: []string{"analyser"}}); err == nil {
		t.Fatal("half a pair was started")
	}
	if s.killed != 1 || len(s.asked) != 2 || s.asked[0].Port != "" {
		t.Errorf("killed %d, asked %+v", s.killed, s.asked)
	}
}
