package daemon

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRoom(t *testing.T) {
	r := &room{free: 100}
	a, ok := r.take(60)
	if !ok {
		t.Fatal("the first is refused")
	}
	if _, ok := r.take(41); ok {
		t.Error("more is taken than there is")
	}
	b, ok := r.take(40)
	if !ok {
		t.Error("the rest is refused")
	}
	a()
	a() // twice is once
	if r.free != 60 {
		t.Errorf("%d are free", r.free)
	}
	b()
	if r.free != 100 {
		t.Errorf("%d are free", r.free)
	}
}

func TestHostMemory(t *testing.T) {
	none := filepath.Join(t.TempDir(), "memory.max")
	host := hostMemory(none)
	if host < 64<<20 {
		t.Fatalf("the host has %d bytes", host)
	}
	for said, want := range map[string]int64{"max\n": host, "1048576\n": 1 << 20, "9223372036854771712\n": host, "": host, "-1": host} {
		if err := os.WriteFile(none, []byte(said), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := hostMemory(none); got != want {
			t.Errorf("%q: %d, want %d", said, got, want)
		}
	}
	if modelMemory(1<<40) != warmMemory || modelMemory(0) >= warmMemory || endpointRoom(7) != 7 {
		t.Error("a model's memory has no bound, or what is configured does not count")
	}
}
