package gate

import (
	"net/netip"
	"sync"
	"time"
)

// maxFailures is how many unauthenticated calls of one address are answered in a second; the next ones are turned away
// before anything is computed for them.
const maxFailures = 200

// limiter counts failures by address within the current second. It holds at most as many addresses as fail in a second.
type limiter struct {
	mu     sync.Mutex
	second int64
	count  map[netip.Addr]int
}

// allowed says whether the address may try.
func (l *limiter) allowed(a netip.Addr, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Unix() != l.second || l.count[a] < maxFailures
}

// failed counts one failure.
func (l *limiter) failed(a netip.Addr, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := now.Unix(); s != l.second || l.count == nil {
		l.second, l.count = s, map[netip.Addr]int{}
	}
	l.count[a]++
}
