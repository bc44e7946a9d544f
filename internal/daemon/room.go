package daemon

import (
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// room is memory that several may have together, in bytes. It counts what each may take at most, not what it takes: so nothing that a client
// makes an endpoint do brings the host to its end.
type room struct {
	mu   sync.Mutex
	free int64
}

// take reserves n bytes, or says that they are not there. What is taken is given back once.
func (r *room) take(n int64) (give func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > r.free {
		return nil, false
	}
	r.free -= n
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.free += n
	}), true
}

// endpointRoom is what the analysers of all endpoints may have: as configured, else the half of what this daemon may have.
func endpointRoom(configured int64) int64 {
	if configured > 0 {
		return configured
	}
	return hostMemory("/sys/fs/cgroup/memory.max") / 2
}

// hostMemory is the host's memory in bytes, or its part that a container has.
func hostMemory(limit string) int64 {
	total := int64(8 << 30) // where neither is told
	var i unix.Sysinfo_t
	if unix.Sysinfo(&i) == nil {
		total = int64(i.Totalram) * int64(i.Unit)
	}
	b, err := os.ReadFile(limit)
	if err != nil {
		return total
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n > 0 {
		total = min(total, n)
	}
	return total
}

// modelMemory is what the analyser of a model of so many bytes may have.
func modelMemory(size int64) int64 { return min(512<<20+4*max(0, size), warmMemory) }
