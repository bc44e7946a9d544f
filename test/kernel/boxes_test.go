package kernel_test

import (
	"fmt"
	"net/netip"
	"testing"

	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
)

// Rules that each name another prefix and other ports are one question in the kernel. Every edge of every one of them is tried.
func TestPrefixesWithPorts(t *testing.T) {
	f := open(t, linux.Config{})
	v := newVPC("vpc-1", "10.0.0.0/16").subnet("a", "10.0.1.0/24").subnet("b", "10.0.2.0/24").
		group("sg-out").group("sg-in").port("eni-1", "a", "10.0.1.10", "sg-out").port("eni-2", "a", "10.0.1.11", "sg-out").
		port("eni-3", "b", "10.0.2.10", "sg-in")
	rule := func(p vpc.Proto, from, to int, cidr string) vpc.Rule {
		return vpc.Rule{Proto: p, From: from, To: to, CIDR: netip.MustParsePrefix(cidr)}
	}
	for _, r := range []vpc.Rule{
		rule(vpc.TCP, 5000, 5000, "10.0.1.10/32"),
		rule(vpc.TCP, 5001, 5003, "10.0.1.11/32"),
		rule(vpc.TCP, 5003, 5005, "10.0.1.8/29"), // overlaps the one before
		rule(vpc.UDP, 5000, 5000, "10.0.1.8/30"),
		rule(vpc.TCP, 65535, 65535, "10.0.1.0/24"),
		rule(vpc.TCP, 0, 10, "10.0.1.11/32"),
		rule(vpc.TCP, 6000, 6000, "10.0.9.0/24"),
		rule(vpc.ICMP, 8, -1, "10.0.1.10/32"),
	} {
		v.allow("sg-in", true, r)
	}
	for i, cidr := range []string{"10.0.2.0/24", "10.0.2.10/31", "10.0.2.8/29", "10.0.2.0/25", "10.0.2.10/32"} {
		v.allow("sg-out", false, rule(vpc.TCP, 5000+i, 5000+i, cidr))
	}
	for _, r := range []vpc.Rule{rule(vpc.TCP, 5005, 65535, "10.0.0.0/16"), rule(vpc.TCP, 1, 10, "10.0.2.10/32"), rule(vpc.UDP, 0, 65535, "10.0.0.0/16"), rule(vpc.ICMP, -1, -1, "10.0.0.0/16")} {
		v.allow("sg-out", false, r)
	}
	set(t, f, v.draw())
	one, two, far := sit(t, f, "eni-1"), sit(t, f, "eni-2"), sit(t, f, "eni-3")
	far.expect("ok", "udp", ":5000")
	type ask struct {
		from *prober
		who  string
		port int
		want string
		got  chan string
	}
	var all []*ask
	try := func(from *prober, who, want string, ports ...int) {
		for _, p := range ports {
			all = append(all, &ask{from, who, p, want, from.send("dial", fmt.Sprintf("10.0.2.10:%d", p))})
		}
	}
	try(one, "10.0.1.10", "refused", 5000, 5003, 5004, 5005, 65535) // arrives, where nothing listens
	try(one, "10.0.1.10", "dropped", 4999, 5001, 5002, 5006, 6000, 65534, 1, 10)
	try(two, "10.0.1.11", "refused", 5001, 5002, 5003, 5004, 5005, 65535, 1, 10)
	try(two, "10.0.1.11", "dropped", 5000, 5006, 11, 65534)
	for _, a := range all {
		got := <-a.got
		if got == "dropped" && a.want != "dropped" {
			got = a.from.ask("dial", fmt.Sprintf("10.0.2.10:%d", a.port)) // late on a busy host
		}
		if got != a.want {
			t.Errorf("%s to %d: %q, want %q", a.who, a.port, got, a.want)
		}
	}
	one.expect("open", "ask", "10.0.2.10:5000")
	two.expect("open", "ask", "10.0.2.10:5000")
	one.expect("open", "ping", "10.0.2.10")
	two.expect("dropped", "ping", "10.0.2.10")

	// One rule fewer is one box fewer.
	v.s.Groups[1].Rules = v.s.Groups[1].Rules[1:]
	set(t, f, v.draw())
	one.expect("dropped", "dial", "10.0.2.10:5000")
	one.expect("refused", "dial", "10.0.2.10:5004")
}
