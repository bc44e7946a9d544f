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

// source is where calls come from and the key that they claim: a flood does not turn away those who share its address and
// have keys of their own. Networks may have equal addresses, so inside them the interface counts too.
type source struct {
	addr           netip.Addr
	vpc, port, key string
}

func whence(o *api.Origin, key string) source {
	return source{o.Peer.Addr(), o.VPC, o.Interface, printable(key, 32)}
}

// maxSources bounds what a flood of made-up keys can make the limiter remember of one second.
const maxSources = 10000

// limiter counts failures by source within the current second.
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
	if _, known := l.count[a]; !known && len(l.count) >= maxSources {
		return
	}
	l.count[a]++
}
