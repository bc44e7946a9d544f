package kernel_test

import (
	"net/netip"
	"testing"

	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
)

// One packet from a port, without a process on it, meets the same walls as that of a process.
func TestTry(t *testing.T) {
	f := open(t, linux.Config{})
	v := two("vpc-1").port("eni-1", "vpc-1-a", "10.0.1.10", "sg-app").port("eni-2", "vpc-1-b", "10.0.2.10", "sg-db").
		allow("sg-db", true, from(vpc.Rule{Proto: vpc.UDP, From: 53, To: 54}, "sg-app")).
		allow("sg-db", true, from(tcp(5433), "sg-app")).allow("sg-db", true, from(vpc.Rule{Proto: vpc.ICMP, From: 8}, "sg-app"))
	set(t, f, v.draw())
	db := sit(t, f, "eni-2")
	db.expect("ok", "tcp", ":5432")
	db.expect("ok", "udp", ":53")
	for _, c := range []struct {
		proto int
		dest  string
		want  string
	}{
		{6, "10.0.2.10:5432", linux.Answered}, {6, "10.0.2.10:5433", linux.Refused}, {6, "10.0.2.10:22", linux.Silent}, {6, "8.8.8.8:443", linux.Silent},
		{17, "10.0.2.10:53", linux.Answered}, {17, "10.0.2.10:54", linux.Refused}, {17, "10.0.2.10:55", linux.Silent},
		{1, "10.0.2.10:0", linux.Answered}, {1, "10.0.2.99:0", linux.Silent},
	} {
		got, err := f.Try(soon(t), linux.Attempt{Port: "eni-1", Proto: c.proto, Dest: netip.MustParseAddrPort(c.dest), Millis: int(patience.Milliseconds())})
		if got == linux.Silent && c.want != linux.Silent { // late on a busy host?
			got, err = f.Try(soon(t), linux.Attempt{Port: "eni-1", Proto: c.proto, Dest: netip.MustParseAddrPort(c.dest)})
		}
		if err != nil || got != c.want {
			t.Errorf("%d to %s: %q, %v, want %q", c.proto, c.dest, got, err, c.want)
		}
	}
	for _, a := range []linux.Attempt{
		{Port: "eni-9", Proto: 6, Dest: netip.MustParseAddrPort("10.0.2.10:1")}, {Port: "eni-1", Proto: 47, Dest: netip.MustParseAddrPort("10.0.2.10:0")},
		{Port: "eni-1", Proto: 6, Dest: netip.MustParseAddrPort("[::1]:1")}, {Port: "eni-1", Proto: 6},
	} {
		if got, err := f.Try(soon(t), a); err == nil {
			t.Errorf("%+v: %q", a, got)
		}
	}
}
