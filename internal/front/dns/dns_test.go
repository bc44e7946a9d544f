package dns

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"cloister/internal/core/vpc"
)

var zone = S3{Region: "eu-west-1"}

func TestLookup(t *testing.T) {
	for name, want := range map[string]bool{
		"s3.eu-west-1.amazonaws.com":             true,
		"b.s3.eu-west-1.amazonaws.com":           true,
		"my.dotted.b.s3.eu-west-1.amazonaws.com": true,
		"s3-eu-west-1.amazonaws.com":             true, // the legacy form of the Comprehend guide
		"b.s3-eu-west-1.amazonaws.com":           true,
		"s3.amazonaws.com":                       true,
		"b.s3.amazonaws.com":                     true,
		"packages.eu-west-1.amazonaws.com":       true,
		"repo.eu-west-1.amazonaws.com":           true,
		"amazonlinux.eu-west-1.amazonaws.com":    true,
		"s3.us-east-1.amazonaws.com":             false, // another region's S3 is not behind this endpoint
		".s3.amazonaws.com":                      false,
		"evil-s3.amazonaws.com":                  false,
		"s3.eu-west-1.amazonaws.com.evil.com":    false,
		"sts.eu-west-1.amazonaws.com":            false,
		"example.com":                            false,
		"":                                       false,
	} {
		if r, ok, err := zone.Lookup(name); err != nil || ok != want || ok && r.Addrs[0] != vpc.S3Addr {
			t.Errorf("%q: %v %v %v, want %v", name, r, ok, err, want)
		}
	}
}

func ask(t *testing.T, z Zone, name string, typ dnsmessage.Type) dnsmessage.Message {
	t.Helper()
	q := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: typ, Class: dnsmessage.ClassINET}}}
	b, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(Answer(z, b)); err != nil {
		t.Fatal(err)
	}
	if !m.Response || m.ID != 7 {
		t.Fatalf("no answer to the question: %+v", m.Header)
	}
	return m
}

func TestAnswer(t *testing.T) {
	m := ask(t, zone, "B.S3.eu-west-1.amazonaws.com.", dnsmessage.TypeA)
	if len(m.Answers) != 1 || m.Answers[0].Body.(*dnsmessage.AResource).A != vpc.S3Addr.As4() {
		t.Errorf("A: %v", m.Answers)
	}
	if m := ask(t, zone, "s3.eu-west-1.amazonaws.com.", dnsmessage.TypeAAAA); m.RCode != dnsmessage.RCodeSuccess || len(m.Answers) != 0 {
		t.Errorf("AAAA: %v %v, want an empty answer", m.RCode, m.Answers)
	}
	if m := ask(t, broken{}, "example.com.", dnsmessage.TypeA); m.RCode != dnsmessage.RCodeServerFailure {
		t.Errorf("an error of the house: %v", m.RCode)
	}
	if m := ask(t, zone, "example.com.", dnsmessage.TypeA); m.RCode != dnsmessage.RCodeNameError {
		t.Errorf("unknown name: %v", m.RCode)
	}
}

type broken struct{}

func (broken) Lookup(string) (Records, bool, error) { return Records{}, false, errors.New("no ledger") }

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02s3\x09amazonaws\x03com\x00\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out := Answer(zone, b)
		var m dnsmessage.Message
		if out != nil && m.Unpack(out) != nil {
			t.Fatalf("an answer that cannot be read: %x", out)
		}
	})
}

func TestServePacketAnswersByAsker(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	known := make(chan bool, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- ServePacket(pc, func(netip.Addr) (Zone, bool) { return zone, <-known })
	}()
	c, err := net.Dial("udp", pc.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	q := dnsmessage.Message{Header: dnsmessage.Header{ID: 1}, Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("s3.eu-west-1.amazonaws.com."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	b, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []bool{false, true} { // nobody's question first: only the second is answered
		known <- k
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 512)
	n, err := c.Read(buf)
	var m dnsmessage.Message
	if err != nil || m.Unpack(buf[:n]) != nil || len(m.Answers) != 1 {
		t.Fatalf("%v %v", m, err)
	}
	if err := pc.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

// An address has its share of each second, and takes nothing from its neighbors'.
func TestPace(t *testing.T) {
	var p pace
	a, b, now := netip.MustParseAddr("10.0.0.4"), netip.MustParseAddr("10.0.0.5"), time.Unix(1e9, 0)
	for i := range perSecond {
		if !p.admits(a, now) {
			t.Fatalf("question %d is refused", i)
		}
	}
	if p.admits(a, now.Add(time.Second-1)) || !p.admits(b, now) || !p.admits(a, now.Add(time.Second)) {
		t.Error("one too many is admitted, a neighbor's is refused, or the next second's")
	}
}
