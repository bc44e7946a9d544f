package kernel_test

import (
	"net/netip"
	"strings"
	"testing"

	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
)

// acl gives subnets a network ACL.
func (d *drawing) acl(id string, subnets []string, entries ...vpc.ACLEntry) *drawing {
	a := vpc.ACL{ID: id, VPC: d.s.VPC.ID, Entries: entries}
	for _, s := range subnets {
		a.Associations = append(a.Associations, vpc.Association{ID: "aclassoc-" + s, Subnet: s})
	}
	for i := range d.s.ACLs {
		if d.s.ACLs[i].ID == id {
			d.s.ACLs[i] = a
			return d
		}
	}
	d.s.ACLs = append(d.s.ACLs, a)
	return d
}

// entry is one of an ACL: "in" or "out", allowed or not.
func entry(n int, dir string, allow bool, p vpc.Proto, from, to int, cidr string) vpc.ACLEntry {
	return vpc.ACLEntry{Number: n, Egress: dir == "out", Allow: allow, Proto: p, From: from, To: to, CIDR: netip.MustParsePrefix(cidr)}
}

func every(n int, dir string) vpc.ACLEntry { return entry(n, dir, true, vpc.Any, -1, -1, "0.0.0.0/0") }

// wide is a VPC of two subnets whose groups admit everything, with a way to S3: what refuses is an ACL.
func wide(id string) *drawing {
	return newVPC(id, "10.0.0.0/16").subnet(id+"-a", "10.0.1.0/24").subnet(id+"-b", "10.0.2.0/24").
		group("sg-all").allow("sg-all", false, anywhere).allow("sg-all", true, anywhere).gateway(id+"-a", id+"-b").
		port(id+"-1", id+"-a", "10.0.1.10", "sg-all").port(id+"-2", id+"-a", "10.0.1.11", "sg-all").port(id+"-3", id+"-b", "10.0.2.10", "sg-all")
}

// Network ACLs have no memory, are asked at the border of a subnet in both directions, and never within it.
func TestACL(t *testing.T) {
	f := open(t, linux.Config{})
	v := wide("vpc-1")
	a, b := []string{"vpc-1-a"}, []string{"vpc-1-b"}
	set(t, f, v.draw())
	listenS3(t, f, "vpc-1", nil)
	one, two, far := sit(t, f, "vpc-1-1"), sit(t, f, "vpc-1-2"), sit(t, f, "vpc-1-3")
	for _, p := range []*prober{two, far} {
		p.expect("ok", "tcp", ":80")
		p.expect("ok", "tcp", ":81")
		p.expect("ok", "udp", ":53")
	}
	const high, top = 1024, 65535
	// in order: what the ACLs of both subnets say, and what comes of it
	for _, c := range []struct {
		name   string
		a, b   []vpc.ACLEntry
		expect map[string]string // by "verb dest", from the first port
	}{
		{"nothing is admitted", nil, []vpc.ACLEntry{every(100, "in"), every(100, "out")},
			map[string]string{"dial 10.0.2.10:80": "dropped", "dial 10.0.1.11:80": "open", "ping 10.0.2.10": "dropped", "ping 10.0.1.11": "open",
				"ping 10.0.1.1": "open", "ping 10.0.2.1": "open", "dial 198.51.100.10:443": "dropped"}},
		{"the defaults", []vpc.ACLEntry{every(100, "in"), every(100, "out")}, []vpc.ACLEntry{every(100, "in"), every(100, "out")},
			map[string]string{"dial 10.0.2.10:80": "open", "dial 198.51.100.10:443": "open", "ping 10.0.2.10": "open"}},
		{"a way out without the way back", []vpc.ACLEntry{entry(100, "out", true, vpc.TCP, 80, 80, "10.0.2.0/24")}, []vpc.ACLEntry{every(100, "in"), every(100, "out")},
			map[string]string{"dial 10.0.2.10:80": "dropped", "dial 10.0.1.11:80": "open"}},
		{"a way out and back for one service",
			[]vpc.ACLEntry{entry(100, "out", true, vpc.TCP, 80, 80, "10.0.2.0/24"), entry(100, "in", true, vpc.TCP, high, top, "10.0.2.0/24")},
			[]vpc.ACLEntry{entry(100, "in", true, vpc.TCP, 80, 81, "10.0.1.0/24"), entry(100, "out", true, vpc.TCP, high, top, "10.0.1.0/24")},
			map[string]string{"dial 10.0.2.10:80": "open", "dial 10.0.2.10:81": "dropped", "ask 10.0.2.10:53": "dropped", "dial 198.51.100.10:443": "dropped"}},
		{"the far side admits others", []vpc.ACLEntry{every(100, "in"), every(100, "out")},
			[]vpc.ACLEntry{entry(100, "in", true, vpc.TCP, 80, 80, "10.0.1.11/32"), every(100, "out")},
			map[string]string{"dial 10.0.2.10:80": "dropped"}},
		{"the first number decides", []vpc.ACLEntry{every(100, "in"), entry(100, "out", true, vpc.TCP, 80, 80, "10.0.2.10/32"),
			entry(110, "out", false, vpc.Any, -1, -1, "10.0.2.0/24"), every(120, "out")}, []vpc.ACLEntry{every(100, "in"), every(100, "out")},
			map[string]string{"dial 10.0.2.10:80": "open", "dial 10.0.2.10:81": "dropped", "dial 198.51.100.10:443": "open"}},
		{"one echo, not the other", []vpc.ACLEntry{entry(90, "out", true, vpc.ICMP, 8, -1, "0.0.0.0/0"), entry(90, "in", true, vpc.ICMP, 0, 0, "0.0.0.0/0")},
			[]vpc.ACLEntry{every(100, "in"), every(100, "out")},
			map[string]string{"ping 10.0.2.10": "open", "dial 10.0.2.10:80": "dropped"}},
		{"a gateway endpoint needs its replies", []vpc.ACLEntry{every(100, "out")}, nil,
			map[string]string{"dial 198.51.100.10:443": "dropped"}},
		{"and gets them", []vpc.ACLEntry{every(100, "out"), entry(100, "in", true, vpc.TCP, high, top, "198.51.100.0/25")}, nil,
			map[string]string{"dial 198.51.100.10:443": "open", "dial 10.0.2.10:80": "dropped"}},
	} {
		set(t, f, v.acl("acl-a", a, c.a...).acl("acl-b", b, c.b...).draw())
		for q, want := range c.expect {
			verb, to, _ := strings.Cut(q, " ")
			if got := one.ask(verb, to); !strings.HasPrefix(got, want) && !(got == "dropped" && strings.HasPrefix(one.ask(verb, to), want)) {
				t.Errorf("%s: %s: %q, want %q", c.name, q, got, want)
			}
		}
	}
	// The resolver is under none.
	set(t, f, v.acl("acl-a", a).draw())
	pc, err := f.ListenPacket(soon(t), "vpc-1", v.draw().Listeners[3])
	if err != nil {
		t.Fatal(err)
	}
	go echo(pc)
	one.expect("open", "ask", "10.0.0.2:53")
}

// A change of an ACL holds for connections that are under way, as it has no memory of them.
func TestACLBitesAtOnce(t *testing.T) {
	f := open(t, linux.Config{})
	v := wide("vpc-1")
	set(t, f, v.draw())
	one, far := sit(t, f, "vpc-1-1"), sit(t, f, "vpc-1-3")
	far.expect("ok", "udp", ":9000")
	one.expect("open", "ask", "10.0.2.10:9000", "10.0.1.10:7000")
	set(t, f, v.acl("acl-b", []string{"vpc-1-b"}, every(1, "in"), entry(1, "out", true, vpc.TCP, 0, 65535, "0.0.0.0/0")).draw())
	one.expect("dropped", "ask", "10.0.2.10:9000", "10.0.1.10:7000")
	set(t, f, v.acl("acl-b", []string{"vpc-1-b"}, every(1, "in"), every(1, "out")).draw())
	one.expect("open", "ask", "10.0.2.10:9000", "10.0.1.10:7000")
}

// The daemon's own connections come from the router of the port's own subnet: no ACL is between them.
func TestACLAndDaemon(t *testing.T) {
	f := open(t, linux.Config{})
	v := wide("vpc-1").acl("acl-a", []string{"vpc-1-a", "vpc-1-b"})
	set(t, f, v.draw())
	p := sit(t, f, "vpc-1-1")
	p.expect("ok", "tcp", ":8080")
	c, err := f.DialPort(soon(t), "vpc-1", netip.MustParseAddrPort("10.0.1.10:8080"), 0)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
