package peer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/work/scratch"
)

// corpus is an input that lies in memory.
type corpus struct {
	list  []Object
	text  map[string]string
	lines bool
}

func newCorpus(seed uint64, lines bool) *corpus {
	dice := rand.New(rand.NewPCG(seed, 9))
	c := &corpus{text: map[string]string{}, lines: lines}
	for i := range 12 {
		var b strings.Builder
		for range dice.IntN(400) * dice.IntN(3) {
			b.WriteString(strings.Repeat("word ", dice.IntN(9)))
			b.WriteString([]string{"\n", "\r\n", "\r"}[dice.IntN(3)])
		}
		key := fmt.Sprintf("in/%02d", i)
		c.text[key] = b.String()
		c.list = append(c.list, Object{Key: key, Size: int64(b.Len())})
	}
	return c
}

// do is an engine that counts: its result depends on the text alone.
func (c *corpus) do(_ context.Context, s Shard, emit func(Record) error) *job.Failure {
	for i, p := range s.Parts {
		text := c.text[p.Key]
		if !c.lines {
			if err := emit(Record{Part: i, Line: -1, Kind: 'R', Body: fmt.Appendf(nil, "%x", sha256.Sum256([]byte(text)))}); err != nil {
				return lostFailure(err.Error())
			}
			continue
		}
		if !p.Whole() {
			b, err := io.ReadAll(Window(strings.NewReader(text[max(p.From-1, 0):]), p.From, p.To))
			if err != nil {
				return lostFailure(err.Error())
			}
			text = string(b)
		}
		for n, line := range linesOf(text) {
			if err := emit(Record{Part: i, Line: n, Kind: 'R', Body: fmt.Appendf(nil, "%d %x", len(line), sha256.Sum256([]byte(line)))}); err != nil {
				return lostFailure(err.Error())
			}
		}
	}
	return nil
}

// alone is what one instance would write.
func (c *corpus) alone(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for i, o := range c.list {
		err := c.do(t.Context(), Shard{Parts: []Part{{Object: i, Key: o.Key}}}, func(r Record) error {
			fmt.Fprintf(&out, "%s %d %s\n", o.Key, r.Line, r.Body)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func groups(t testing.TB, n int, at netip.AddrPort) []job.Group {
	t.Helper()
	out := make([]job.Group, n)
	for i := range out {
		out[i] = job.Group{Instance: i, Leader: at, Seed: bytes.Repeat([]byte{byte(i + 1)}, 32), Peers: map[int][]byte{}}
	}
	out[0].From = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	for i := 1; i < n; i++ {
		out[0].Peers[i] = ed25519.NewKeyFromSeed(out[i].Seed).Public().(ed25519.PublicKey)
		out[i].Peers[0] = ed25519.NewKeyFromSeed(out[0].Seed).Public().(ed25519.PublicKey)
	}
	return out
}

func pool(t testing.TB) *scratch.Pool {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "pool"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	p, err := scratch.NewPool(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func listen(t testing.TB) (net.Listener, netip.AddrPort) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln, netip.MustParseAddrPort(ln.Addr().String())
}

// share runs a job on n instances and gives what was taken.
func (c *corpus) share(t *testing.T, n int, size int64, do func(instance int) Do) (string, *job.Failure) {
	t.Helper()
	ln, at := listen(t)
	gs := groups(t, n, at)
	var all sync.WaitGroup
	for i := 1; i < n; i++ {
		all.Go(func() { Serve(t.Context(), gs[i], do(i)) })
	}
	var out strings.Builder
	l := &Lead{Group: gs[0], Shards: cut(c.list, c.lines, size), Pool: pool(t), Do: do(0), Take: func(p Part, r Record) error {
		_, err := fmt.Fprintf(&out, "%s %d %s\n", p.Key, r.Line, r.Body)
		return err
	}}
	f := l.Run(t.Context(), t.Context(), ln)
	all.Wait()
	return out.String(), f
}

func TestSameForAnyNumber(t *testing.T) {
	for _, lines := range []bool{true, false} {
		for seed := range uint64(4) {
			c := newCorpus(seed, lines)
			want := c.alone(t)
			for _, n := range []int{1, 2, 4} {
				for _, size := range []int64{50, 700, 1 << 20} {
					got, f := c.share(t, n, size, func(int) Do { return c.do })
					if f != nil || got != want {
						t.Fatalf("lines %v, seed %d, %d instances, shards of %d: %d bytes for %d, %v", lines, seed, n, size, len(got), len(want), f)
					}
				}
			}
		}
	}
}

// Whoever is lost, and whenever: the others do its shards, and nothing is there twice.
func TestLostInstances(t *testing.T) {
	c := newCorpus(7, true)
	want := c.alone(t)
	for after := range 6 {
		var begun atomic.Int64
		got, f := c.share(t, 4, 300, func(instance int) Do {
			return func(ctx context.Context, s Shard, emit func(Record) error) *job.Failure {
				if instance == 1 || instance == 2 {
					if begun.Add(1) > int64(after) { // it ends in the middle of a shard
						n := 0
						_ = c.do(ctx, s, func(r Record) error {
							if n++; n > 3 {
								return errors.New("enough")
							}
							return emit(r)
						})
						return lostFailure("the analyser ended")
					}
				}
				return c.do(ctx, s, emit)
			}
		})
		if f != nil || got != want {
			t.Errorf("after %d: %d bytes for %d, %+v", after, len(got), len(want), f)
		}
	}
}

// The connection of an instance breaks in the middle of what it sends.
func TestBrokenConnection(t *testing.T) {
	c := newCorpus(8, true)
	ln, at := listen(t)
	gs := groups(t, 2, at)
	cfg, err := config(gs[1])
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		conn, err := tls.Dial("tcp4", at.String(), cfg)
		if err != nil {
			t.Error(err)
			return
		}
		k := newLink(conn, silence)
		if kind, _, err := k.receive(); err != nil || kind != msgTask {
			t.Error(kind, err)
		}
		k.send(msgResult, []byte{'R', 0, 1, 200, 'x'}) // half a record
		conn.Close()
	}()
	var out strings.Builder
	l := &Lead{Group: gs[0], Shards: cut(c.list, true, 300), Pool: pool(t), Take: func(p Part, r Record) error {
		_, err := fmt.Fprintf(&out, "%s %d %s\n", p.Key, r.Line, r.Body)
		return err
	}, Do: func(ctx context.Context, s Shard, emit func(Record) error) *job.Failure {
		<-left
		return c.do(ctx, s, emit)
	}}
	if f := l.Run(t.Context(), t.Context(), ln); f != nil || out.String() != c.alone(t) {
		t.Errorf("%d bytes, %+v", out.Len(), f)
	}
}

func TestFailures(t *testing.T) {
	c := newCorpus(5, true)
	denied := func(instance int) Do {
		return func(ctx context.Context, s Shard, emit func(Record) error) *job.Failure {
			if instance == 1 {
				return &job.Failure{Code: "NO_READ_ACCESS_TO_INPUT", Cause: "denied", RequestID: "r"}
			}
			<-ctx.Done()
			return lostFailure("ended")
		}
	}
	if _, f := c.share(t, 2, 300, denied); f == nil || f.Code != "NO_READ_ACCESS_TO_INPUT" || f.Instance != 1 || f.RequestID != "r" {
		t.Errorf("a refusal: %+v", f)
	}
	broken := func(int) Do {
		return func(context.Context, Shard, func(Record) error) *job.Failure {
			return lostFailure("the analyser ended")
		}
	}
	if _, f := c.share(t, 3, 300, broken); f == nil || f.Code != "INTERNAL_ERROR" || !strings.Contains(f.Detail, "the analyser ended") {
		t.Errorf("all lost: %+v", f)
	}
	ln, at := listen(t)
	l := &Lead{Group: groups(t, 1, at)[0], Shards: cut(c.list, true, 300), Pool: pool(t), Do: c.do, Take: func(Part, Record) error {
		return &Told{&job.Failure{Code: "INPUT_LIMIT_EXCEEDED"}}
	}}
	if f := l.Run(t.Context(), t.Context(), ln); f == nil || f.Code != "INPUT_LIMIT_EXCEEDED" {
		t.Errorf("an error of the merge: %+v", f)
	}
}

// What was handed out is delivered, in order and without a gap; no more is begun.
func TestStop(t *testing.T) {
	c := newCorpus(6, true)
	want := c.alone(t)
	ln, at := listen(t)
	gs := groups(t, 2, at)
	go Serve(t.Context(), gs[1], c.do)
	stop, ask := context.WithCancel(t.Context())
	var out strings.Builder
	l := &Lead{Group: gs[0], Shards: cut(c.list, true, 50), Pool: pool(t), Do: c.do, Take: func(p Part, r Record) error {
		if out.Len() > 1000 {
			ask()
		}
		_, err := fmt.Fprintf(&out, "%s %d %s\n", p.Key, r.Line, r.Body)
		return err
	}}
	f := l.Run(t.Context(), stop, ln)
	if got := out.String(); f != nil || len(got) < 1000 || len(got) >= len(want) || !strings.HasPrefix(want, got) {
		t.Errorf("%d bytes of %d, %v", len(got), len(want), f)
	}
}

// A job whose other instances do not come waits for them, unless it hears that they ended.
func TestAbsent(t *testing.T) {
	c := newCorpus(6, true)
	ln, at := listen(t)
	lost := make(chan int, 1)
	lost <- 1
	n := 0
	l := &Lead{Group: groups(t, 2, at)[0], Shards: cut(c.list, true, 300), Pool: pool(t), Do: c.do, Lost: lost, Take: func(Part, Record) error { n++; return nil }}
	if f := l.Run(t.Context(), t.Context(), ln); f != nil || n == 0 {
		t.Errorf("%d records, %+v", n, f)
	}
	synctest.Test(t, func(t *testing.T) {
		ln := &quiet{ended: make(chan struct{})}
		l.Lost = nil
		begun := time.Now()
		f := l.Run(t.Context(), t.Context(), ln)
		if f == nil || f.Code != "INVALID_VPC_CONFIG" || f.Stage != "join" || f.Instance != 1 || time.Since(begun) < absentLimit {
			t.Errorf("after %s: %+v", time.Since(begun), f)
		}
	})
}

// quiet is a listener to which nobody comes.
type quiet struct {
	ended chan struct{}
	once  sync.Once
}

func (q *quiet) Accept() (net.Conn, error) { <-q.ended; return nil, net.ErrClosed }
func (q *quiet) Close() error              { q.once.Do(func() { close(q.ended) }); return nil }
func (q *quiet) Addr() net.Addr            { return &net.TCPAddr{} }

func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := groups(t, 2, netip.MustParseAddrPort("127.0.0.1:1"))[1] // refused at once, again and again
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f := Serve(ctx, g, nil)
		if f == nil || f.Code != "INVALID_VPC_CONFIG" || f.Cause != "unreachable" || f.Instance != 1 || !strings.Contains(f.Message, "members of the same security group") {
			t.Errorf("%+v", f)
		}
	})
}

// Nobody without a key of this job comes in, and an instance speaks to nobody but its leader.
func TestStrangers(t *testing.T) {
	ln, at := listen(t)
	gs := groups(t, 2, at)
	other := groups(t, 3, at)[2]
	other.Peers = gs[1].Peers // it even knows the leader
	c := newCorpus(1, true)
	begun, release := make(chan struct{}), make(chan struct{})
	result := make(chan *job.Failure, 1)
	go func() {
		l := &Lead{Group: gs[0], Shards: cut(c.list, true, 300), Pool: pool(t), Take: func(Part, Record) error { return nil },
			Do: func(ctx context.Context, s Shard, emit func(Record) error) *job.Failure {
				if s.Number == 0 {
					close(begun)
					<-release
				}
				return c.do(ctx, s, emit)
			}}
		result <- l.Run(t.Context(), t.Context(), ln)
	}()
	<-begun
	try := func(name string, cfg *tls.Config) {
		t.Helper()
		conn, err := tls.Dial("tcp4", at.String(), cfg)
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s was told %d bytes", name, n)
		}
	}
	bad, err := config(other)
	if err != nil {
		t.Fatal(err)
	}
	try("a stranger's key", bad)
	bad = bad.Clone()
	bad.Certificates = nil
	try("no key", bad)
	good, err := config(gs[1])
	if err != nil {
		t.Fatal(err)
	}
	old := good.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	try("TLS 1.2", old)
	plain, err := net.Dial("tcp4", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	plain.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	// An instance that is led astray.
	astray := gs[1]
	astray.Peers = map[int][]byte{0: make([]byte, 32)}
	if f := Serve(t.Context(), astray, c.do); f == nil || f.Code != "INTERNAL_ERROR" {
		t.Errorf("an instance followed another leader: %+v", f)
	}
	// Somebody else in the VPC holds as many connections as may be at their handshake, and says nothing.
	elsewhere := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	for range 2 * strangers {
		if silent, err := elsewhere.DialContext(t.Context(), "tcp4", at.String()); err == nil {
			defer silent.Close()
		}
	}
	conn, err := tls.Dial("tcp4", at.String(), good)
	if err != nil {
		t.Fatal(err)
	}
	k := newLink(conn, silence)
	if kind, _, err := k.receive(); err != nil || kind != msgTask {
		t.Errorf("the right key: %q, %v", kind, err)
	}
	// It misbehaves: results of a shard that it was never given end its part, not the job.
	k.send('?', nil)
	if _, _, err := k.receive(); err == nil {
		_, _, err = k.receive()
		if err == nil {
			t.Error("a wrong message is taken")
		}
	}
	close(release)
	if f := <-result; f != nil {
		t.Errorf("%+v", f)
	}
}

// A shard that hangs somewhere is done by another in the end.
func TestLate(t *testing.T) {
	now := time.Unix(0, 0)
	clock := func() time.Time { return now }
	no := func() bool { return false }
	b := newBoard(make([]Shard, 2), []int{1})
	has := map[int]bool{}
	mine := func(i int) bool { return has[i] }
	for want := range 2 {
		if i, ok := b.claim(no, mine, clock); !ok || i != want {
			t.Fatal(i, ok)
		}
	}
	now = now.Add(patience + 1)
	has[0] = true
	asked := make(chan int)
	go func() {
		i, _ := b.claim(no, mine, clock)
		asked <- i
	}()
	i, ok := b.claim(no, func(int) bool { return false }, clock)
	if !ok || i != 0 {
		t.Error(i, ok)
	}
	p := pool(t)
	b.give(0, p.New())
	b.give(0, p.New()) // the late one
	b.lost(0, nil)     // nor does its end matter
	if len(b.retry) > 0 || b.over {
		t.Errorf("%+v", b)
	}
	b.fail(nil)
	<-asked
}

func TestRecords(t *testing.T) {
	var b []byte
	want := []Record{{0, -1, 'R', nil}, {0, 0, 'E', []byte("x")}, {2, 1 << 30, 'L', bytes.Repeat([]byte("y"), 70000)}}
	for _, r := range want {
		b = appendRecord(b, r)
	}
	n := 0
	err := records(bytes.NewReader(b), 3, func(r Record) error {
		if w := want[n]; r.Part != w.Part || r.Line != w.Line || r.Kind != w.Kind || !bytes.Equal(r.Body, w.Body) {
			t.Errorf("%d: %+v", n, r)
		}
		n++
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("%d, %v", n, err)
	}
	for name, c := range map[string]struct {
		raw   []byte
		parts int
	}{
		"cut": {b[:len(b)-1], 3}, "a part too many": {b, 2}, "back": {append(appendRecord(nil, want[2]), appendRecord(nil, want[0])...), 3},
		"endless": {append([]byte{'R', 0, 0}, bytes.Repeat([]byte{0xff}, 20)...), 3}, "no length": {[]byte{'R', 0}, 3},
		"more than may be": {[]byte{'R', 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f}, 3},
	} {
		if err := records(bytes.NewReader(c.raw), c.parts, func(Record) error { return nil }); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
