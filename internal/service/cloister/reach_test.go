package cloister

import (
	"encoding/json"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/reach"
	"cloister/internal/core/vpc"
	"cloister/internal/driver/sqlite"
	shape "cloister/internal/shape/cloister"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

const ours, theirs = "111122223333", "444455556666"

// TestReach asks about two peered VPCs of two accounts in a real ledger.
func TestReach(t *testing.T) {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pfx, adr := netip.MustParsePrefix, netip.MustParseAddr
	at := &vpc.Attachment{ID: "eni-attach-1"}
	all := []vpc.Rule{{ID: "sgr-all", Egress: true, Proto: vpc.Any, From: -1, To: -1, CIDR: pfx("0.0.0.0/0")}}
	here := store.Scope{Partition: "aws", Account: ours, Region: "us-east-1"}
	err = s.Update(t.Context(), func(tx store.Tx) error {
		var bad error
		put := func(err error) {
			if err != nil && bad == nil {
				bad = err
			}
		}
		for _, x := range []struct{ account, id, net, far string }{{ours, "a", "10.0", "10.1"}, {theirs, "b", "10.1", "10.0"}} {
			sc := store.Scope{Partition: "aws", Account: x.account, Region: "us-east-1"}
			put(rows.VPCs.Create(tx, sc, "vpc-"+x.id, &vpc.VPC{ID: "vpc-" + x.id, Account: x.account, Region: "us-east-1", CIDRs: []netip.Prefix{pfx(x.net + ".0.0/16")}, DNSSupport: true}))
			put(rows.Subnets.Create(tx, sc, "subnet-"+x.id, &vpc.Subnet{ID: "subnet-" + x.id, VPC: "vpc-" + x.id, Account: x.account, CIDR: pfx(x.net + ".1.0/24")}))
			put(rows.RouteTables.Create(tx, sc, "rtb-"+x.id, &vpc.RouteTable{ID: "rtb-" + x.id, VPC: "vpc-" + x.id, Main: true, MainAssociation: "rtbassoc-" + x.id,
				Routes: []vpc.Route{{Dest: pfx(x.far + ".0.0/16"), Target: "pcx-1"}}}))
			rules := append([]vpc.Rule{{ID: "sgr-secret-" + x.id, Proto: vpc.TCP, From: 5432, To: 5432, CIDR: pfx("10.0.0.0/8")}}, all...)
			put(rows.Groups.Create(tx, sc, "sg-"+x.id, &vpc.Group{ID: "sg-" + x.id, VPC: "vpc-" + x.id, Name: "g", Rules: rules}))
			for _, n := range []string{"10", "11"} {
				id := "eni-" + x.id + n
				put(rows.Interfaces.Create(tx, sc, id, &vpc.Interface{ID: id, VPC: "vpc-" + x.id, Subnet: "subnet-" + x.id, Account: x.account,
					Groups: []string{"sg-" + x.id}, Addrs: []netip.Addr{adr(x.net + ".1." + n)}, Attachment: at}))
			}
		}
		ra, err := rows.RouteTables.Get(tx, here, "rtb-a")
		put(err)
		ra.Value.Routes = append(ra.Value.Routes, vpc.Route{Dest: pfx("198.19.0.0/16"), Target: "igw-a"})
		put(rows.RouteTables.Save(tx, &ra))
		put(rows.InternetGateways.Create(tx, here, "igw-a", &vpc.InternetGateway{ID: "igw-a", VPC: "vpc-a", Account: ours}))
		put(rows.Addresses.Create(tx, here, "eipalloc-a", &vpc.Address{ID: "eipalloc-a", Public: adr("198.19.0.5"), Account: ours, Association: "eipassoc-a",
			VPC: "vpc-a", Interface: "eni-a10", Private: adr("10.0.1.10")}))
		put(rows.Exposures.Create(tx, store.Scope{Partition: "aws"}, "198.19.255.10:80", &vpc.Exposure{Public: netip.MustParseAddrPort("198.19.255.10:80")}))
		put(rows.Peerings.Create(tx, store.Scope{Partition: "aws"}, "pcx-1", &vpc.Peering{ID: "pcx-1", Status: "active",
			Requester: vpc.PeerSide{Account: ours, Region: "us-east-1", VPC: "vpc-a", CIDRs: []netip.Prefix{pfx("10.0.0.0/16")}},
			Accepter:  vpc.PeerSide{Account: theirs, Region: "us-east-1", VPC: "vpc-b", CIDRs: []netip.Prefix{pfx("10.1.0.0/16")}}}))
		return bad
	})
	if err != nil {
		t.Fatal(err)
	}
	row := New(Config{}).reachRow().Row("cloister")
	ask := func(from, to, proto string, port int64) (out *shape.ReachResponse, err error) {
		in := &shape.ReachRequest{From: &from, Destination: &to, Protocol: &proto}
		if port >= 0 {
			in.Port = &port
		}
		c := &api.Call{Partition: "aws", Account: ours, Region: "us-east-1", Time: time.Now()}
		err = s.View(t.Context(), func(v store.View) error {
			qs, err := row.Questions(c, v, in)
			if err != nil {
				return err
			}
			if want := "arn:aws:ec2:us-east-1:" + ours + ":network-interface/" + from; len(qs) != 1 || qs[0].Resource != want || qs[0].Action != "cloister:Reach" {
				t.Errorf("asked %+v", qs)
			}
			a, err := row.View(c, v, in)
			if err == nil {
				out = a.(*shape.ReachResponse)
			}
			return err
		})
		return out, err
	}
	for _, c := range []struct {
		to, proto string
		port      int64
		want      string // verdict hop rule
		summary   string
	}{
		{"10.0.1.11", "tcp", 5432, "accept ingress sgr-secret-a", "arrives"},
		{"10.0.1.11", "tcp", 22, "drop ingress sg-a", "does not arrive: no ingress rule"},
		{"10.0.1.99", "udp", 53, "drop route local", "does not arrive"},
		{"10.0.0.2", "udp", 53, "accept listener dns-udp", "arrives"},
		{"10.0.1.1", "icmp", -1, "accept input icmp", "arrives"},
		{"10.0.1.11", "47", -1, "drop ingress sg-a", "protocol 47"},
		{"10.0.1.10", "tcp", 1, "accept  ", "never leaves"},
		{"8.8.8.8", "tcp", 443, "drop route rtb-a", "has no route for 8.8.8.8"},
		{"198.19.255.10", "tcp", 80, "accept listener catch", "arrives"},
		{"198.19.255.11", "tcp", 80, "drop route internet", "no uplink"},
	} {
		out, err := ask("eni-a10", c.to, c.proto, c.port)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		got := deref(out.Verdict) + " "
		if out.Deciding != nil {
			got += deref(out.Deciding.Hop) + " " + deref(out.Deciding.Rule)
		} else {
			got += " "
		}
		if got != c.want || !strings.Contains(deref(out.Summary), c.summary) || deref(out.Verdict) == "drop" && c.to != "10.0.1.1" && out.Change == nil {
			t.Errorf("%s %s %d: %q, %q, change %q", c.to, c.proto, c.port, got, deref(out.Summary), deref(out.Change))
		}
	}
	for _, c := range []struct {
		from, to, proto string
		port            int64
		code            string
	}{
		{"eni-none", "10.0.1.11", "tcp", 1, "ResourceNotFoundException"},
		{"eni-b10", "10.0.1.11", "tcp", 1, "ResourceNotFoundException"}, // another account's
		{"eni-a10", "example.com", "tcp", 1, "InvalidInputException"},
		{"eni-a10", "2001:db8::1", "tcp", 1, "InvalidInputException"},
		{"eni-a10", "10.0.1.11", "tls", 1, "InvalidInputException"},
		{"eni-a10", "10.0.1.11", "256", -1, "InvalidInputException"},
		{"eni-a10", "10.0.1.11", "tcp", -1, "InvalidInputException"},
		{"eni-a10", "10.0.1.11", "icmp", 8, "InvalidInputException"},
	} {
		_, err := ask(c.from, c.to, c.proto, c.port)
		var f *fault.Fault
		if !errors.As(err, &f) || f.Code != c.code {
			t.Errorf("%+v: %v", c, err)
		}
	}
	// The other account's network is told by one verdict: an address that nobody has and one that is closed look alike.
	said := func(to string, port int64) string {
		out, err := ask("eni-a10", to, "tcp", port)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(out)
		if strings.Contains(string(b), "secret-b") || strings.Contains(string(b), "eni-b") || strings.Contains(string(b), "sg-b") {
			t.Errorf("tells %s", b)
		}
		return strings.NewReplacer(to, "X").Replace(string(b))
	}
	if closed, nobody := said("10.1.1.11", 22), said("10.1.1.99", 22); closed != nobody {
		t.Errorf("closed: %s\nnobody: %s", closed, nobody)
	}
	said("10.1.1.11", 5432)
}

// What is told of another account's network, whatever it decided.
func TestReachHides(t *testing.T) {
	owners := map[string]string{"vpc-a": ours, "vpc-b": theirs}
	step := func(network, text string, v reach.Verdict) reach.Step {
		return reach.Step{Hop: reach.Route, Network: network, Rule: text, Verdict: v, Text: text, Change: text}
	}
	own, pass := step("vpc-a", "own", reach.Accept), step("vpc-b", "hidden", reach.Accept)
	wall, back := step("vpc-b", "hidden", reach.Drop), step("vpc-a", "own", reach.Drop)
	back.Back = true
	for _, c := range []struct {
		hops []reach.Step
		want string // a letter for each hop: own or foreign, upper case when it refuses
	}{
		{[]reach.Step{own, pass, pass}, "of"}, {[]reach.Step{own, pass, wall, pass}, "oF"}, {[]reach.Step{own, wall, back}, "oF"},
		{[]reach.Step{own, pass, pass, back}, "ofO"}, {[]reach.Step{back, pass, wall, back}, "OF"},
	} {
		r := reach.Result{Verdict: reach.Accept, Hops: c.hops}
		for _, s := range c.hops {
			r.Verdict = r.Verdict && s.Verdict
		}
		out := answer(r, ours, owners, "a to b")
		got := ""
		for _, h := range out.Hops {
			l := "o"
			if deref(h.Network) == "vpc-b" {
				l = "f"
			}
			if deref(h.Verdict) == "drop" {
				l = strings.ToUpper(l)
			}
			got += l
		}
		b, _ := json.Marshal(out)
		if got != c.want || strings.Contains(string(b), "hidden") {
			t.Errorf("%s, want %s: %s", got, c.want, b)
		}
	}
}
