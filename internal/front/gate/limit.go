package gate

import (
	"net/netip"
	"sync"
	"time"

	"cloister/internal/api"
)

// maxFailures is how many refused unauthenticated calls of one source are answered in a second; the next ones are turned away
// before anything is computed for them.
const maxFailures = 200

// source is where calls come from. Networks may have equal addresses, so inside them the interface counts too.
type source struct {
	addr      netip.Addr
	vpc, port string
}

func whence(o *api.Origin) source { return source{o.Peer.Addr(), o.VPC, o.Interface} }

// limiter counts failures by source within the current second. It holds at most as many sources as fail in a second.
type limiter struct {
	mu     sync.Mutex
	second int64
	count  map[source]int
}

// allowed says whether the source may try.
func (l *limiter) allowed(a source, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Unix() != l.second || l.count[a] < maxFailures
}

// failed counts one failure.
func (l *limiter) failed(a source, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := now.Unix(); s != l.second || l.count == nil {
		l.second, l.count = s, map[source]int{}
	}
	l.count[a]++
}
