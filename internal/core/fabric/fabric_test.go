package fabric_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

var update = flag.Bool("update", false, "write the golden files anew")

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func adr(s string) netip.Addr   { return netip.MustParseAddr(s) }

// small is a VPC with two subnets, one of which has a way to S3, and three groups.
func small() vpc.Snapshot {
	at := &vpc.Attachment{ID: "eni-attach-1", Owner: "comprehend"}
	return vpc.Snapshot{
		VPC: vpc.VPC{ID: "vpc-1", Region: "us-east-1", CIDRs: []netip.Prefix{pfx("10.0.0.0/16")}, DNSSupport: true},
		Subnets: []vpc.Subnet{
			{ID: "subnet-a", VPC: "vpc-1", CIDR: pfx("10.0.1.0/24")},
			{ID: "subnet-b", VPC: "vpc-1", CIDR: pfx("10.0.2.0/24")},
		},
		RouteTables: []vpc.RouteTable{
			{ID: "rtb-main", Main: true, Routes: []vpc.Route{{Dest: pfx("0.0.0.0/0"), Target: "igw-gone"}}},
			{ID: "rtb-s3", Associations: []vpc.Association{{ID: "rtbassoc-1", Subnet: "subnet-a"}}},
		},
		Endpoints: []vpc.Endpoint{{ID: "vpce-1", Type: "Gateway", Service: "com.amazonaws.us-east-1.s3", RouteTables: []string{"rtb-s3"}}},
		Groups: []vpc.Group{
			{ID: "sg-job", Rules: []vpc.Rule{
				{ID: "sgr-1", Egress: true, Proto: vpc.TCP, From: 443, To: 443, PrefixList: vpc.S3PrefixList("us-east-1")},
				{ID: "sgr-2", Egress: true, Proto: vpc.TCP, From: 5432, To: 5432, Group: "sg-db"},
				{ID: "sgr-3", Proto: vpc.Any, From: -1, To: -1, Group: "sg-job"},
			}},
			{ID: "sg-db", Rules: []vpc.Rule{
				{ID: "sgr-4", Proto: vpc.TCP, From: 5432, To: 5432, Group: "sg-job"},
				{ID: "sgr-5", Proto: vpc.TCP, From: 5432, To: 5432, CIDR: pfx("10.0.2.0/25")},
				{ID: "sgr-6", Proto: vpc.TCP, From: 5432, To: 5432, CIDR: pfx("10.0.2.128/26")},
				{ID: "sgr-7", Proto: vpc.TCP, From: 5432, To: 5432, CIDR: pfx("10.0.2.130/32")},
				{ID: "sgr-8", Proto: vpc.ICMP, From: 8, To: -1, CIDR: pfx("0.0.0.0/0")},
			}},
			{ID: "sg-shut"},
		},
		Interfaces: []vpc.Interface{
			{ID: "eni-1", Subnet: "subnet-a", Addrs: []netip.Addr{adr("10.0.1.10")}, Groups: []string{"sg-job"}, Attachment: at},
			{ID: "eni-2", Subnet: "subnet-b", Addrs: []netip.Addr{adr("10.0.2.10"), adr("10.0.2.11")}, Groups: []string{"sg-job", "sg-db"}, Attachment: at},
			{ID: "eni-3", Subnet: "subnet-a", Addrs: []netip.Addr{adr("10.0.1.11")}, Groups: []string{"sg-shut"}, Attachment: at},
			{ID: "eni-idle", Subnet: "subnet-a", Addrs: []netip.Addr{adr("10.0.1.12")}, Groups: []string{"sg-job"}},
			{ID: "eni-lost", Subnet: "subnet-of-nobody", Addrs: []netip.Addr{adr("10.0.9.9")}, Groups: []string{"sg-job"}, Attachment: at},
		},
		Prefixes: vpc.ManagedPrefixes("us-east-1"),
	}
}

func TestGolden(t *testing.T) {
	for name, r := range map[string]fabric.Ruleset{
		"small":      fabric.Compile(fabric.Draw(small(), 7)),
		"full":       fabric.Compile(fabric.Draw(full(), 7)),
		"internet":   fabric.Compile(fabric.DrawInternet([]vpc.Snapshot{full()}, nil, true, 7)),
		"translator": fabric.CompileTranslator(fabric.Port{Addrs: []netip.Addr{adr("10.0.2.20")}}),
		"empty":      fabric.Compile(fabric.Desired{}),
		"segment":    fabric.Compile(fabric.Segment("seg-1", "eni-9", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			got := r.Text()
			file := filepath.Join("testdata", name+".nft")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("ruleset differs from %s (go test -update writes it anew):\n%s", file, got)
			}
			if nft, err := exec.LookPath("nft"); err == nil && os.Geteuid() == 0 {
				c := exec.Command(nft, "-c", "-f", "-")
				c.Stdin = strings.NewReader(got)
				if out, err := c.CombinedOutput(); err != nil {
					t.Errorf("nft -c: %v\n%s", err, out)
				}
			}
		})
	}
}

func TestDraw(t *testing.T) {
	d := fabric.Draw(small(), 7)
	if d.Network != "vpc-1" || d.Generation != 7 || d.Resolver != adr("10.0.0.2") {
		t.Errorf("head: %+v", d)
	}
	var ports []string
	for _, p := range d.Ports {
		ports = append(ports, p.ID)
		if len(p.Alias) != 13 || p.Alias[0] != 'e' || strings.HasPrefix(p.Alias, "up") {
			t.Errorf("%s: alias %q", p.ID, p.Alias)
		}
		if p.MAC == "" {
			t.Errorf("%s: no MAC", p.ID)
		}
	}
	if want := []string{"eni-1", "eni-2", "eni-3"}; !slices.Equal(ports, want) {
		t.Errorf("ports %v, want %v: only what is attached, in a known subnet", ports, want)
	}
	a, b := d.Subnets[0], d.Subnets[1]
	if want := []fabric.Route{{Dest: vpc.S3Prefix, Action: fabric.Deliver, Target: "vpce-1"}}; !reflect.DeepEqual(a.Routes, want) || a.RouteTable != "rtb-s3" {
		t.Errorf("subnet-a: %s %+v", a.RouteTable, a.Routes)
	}
	if want := []fabric.Route{{Dest: pfx("0.0.0.0/0"), Action: fabric.Blackhole, Target: "igw-gone"}}; !reflect.DeepEqual(b.Routes, want) || b.RouteTable != "rtb-main" {
		t.Errorf("subnet-b: %s %+v", b.RouteTable, b.Routes)
	}
	if a.Table == b.Table || a.Table < 1000 || a.Router != adr("10.0.1.1") {
		t.Errorf("tables %d %d, router %s", a.Table, b.Table, a.Router)
	}
	s := small()
	s.Subnets = s.Subnets[1:]
	if again := fabric.Draw(s, 8); again.Subnets[0].Table != b.Table {
		t.Error("a subnet's table moved when another one left")
	}
	s.VPC.DNSSupport = false
	if off := fabric.Draw(s, 9); off.Resolver.IsValid() || len(off.Listeners) != 2 {
		t.Errorf("resolver without DNS support: %v %v", off.Resolver, off.Listeners)
	}
}

// A drawing does not depend on the order in which the ledger lists things.
func TestDrawOrder(t *testing.T) {
	want := fabric.Compile(fabric.Draw(small(), 1)).Text()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		s := small()
		rnd.Shuffle(len(s.Subnets), func(i, j int) { s.Subnets[i], s.Subnets[j] = s.Subnets[j], s.Subnets[i] })
		rnd.Shuffle(len(s.Groups), func(i, j int) { s.Groups[i], s.Groups[j] = s.Groups[j], s.Groups[i] })
		rnd.Shuffle(len(s.Interfaces), func(i, j int) { s.Interfaces[i], s.Interfaces[j] = s.Interfaces[j], s.Interfaces[i] })
		for k := range s.Groups {
			r := s.Groups[k].Rules
			rnd.Shuffle(len(r), func(i, j int) { r[i], r[j] = r[j], r[i] })
		}
		if got := fabric.Compile(fabric.Draw(s, 1)).Text(); got != want {
			t.Fatalf("order matters:\n%s", got)
		}
	}
}

// A rule that names nobody must not become a rule for everybody.
func TestNobodyIsNotEverybody(t *testing.T) {
	for name, a := range map[string]fabric.Allow{
		"no peers":      {Proto: vpc.Any},
		"unknown group": {Proto: vpc.Any, Group: "sg-elsewhere"},
		"ipv6 only":     {Proto: vpc.Any, Peers: []netip.Prefix{pfx("::/0")}},
		"bad ports":     {Proto: vpc.TCP, From: 80, To: 20, Peers: []netip.Prefix{pfx("0.0.0.0/0")}},
		"bad proto":     {Proto: 300, Peers: []netip.Prefix{pfx("0.0.0.0/0")}},
		"bad icmp":      {Proto: vpc.ICMP, From: 300, To: -1, Peers: []netip.Prefix{pfx("0.0.0.0/0")}},
	} {
		r := fabric.Compile(fabric.Desired{Groups: []fabric.Group{{ID: "sg-1", Egress: []fabric.Allow{a}, Ingress: []fabric.Allow{a}}}})
		for _, c := range r.Chains {
			if c.Fixed && len(c.Rules) > 0 {
				t.Errorf("%s: %s admits %s", name, c.Name, c.Rules[0].Text())
			}
		}
	}
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"10.0.0.0/8 10.1.0.0/16", "10.0.0.0/8"},
		{"10.1.0.0/16 10.0.0.0/8", "10.0.0.0/8"},
		{"10.0.0.128/25 10.0.0.0/25 10.0.1.0/24", "10.0.0.0/23"},
		{"10.0.0.128/25 10.0.1.0/25", "10.0.0.128/25 10.0.1.0/25"},
		{"0.0.0.0/1 128.0.0.0/1", "0.0.0.0/0"},
		{"10.0.0.9/24", "10.0.0.0/24"},
		{"2001:db8::/32 10.0.0.0/24", "10.0.0.0/24"},
	} {
		var in []netip.Prefix
		for _, f := range strings.Fields(c.in) {
			in = append(in, pfx(f))
		}
		var got []string
		for _, p := range fabric.Merge(in) {
			got = append(got, p.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("Merge(%s) = %v, want %s", c.in, got, c.want)
		}
	}
}

// Random lists cover the same addresses before and after.
func TestMergeCovers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var in []netip.Prefix
		for range rnd.IntN(12) {
			in = append(in, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rnd.IntN(256))}), 24+rnd.IntN(9)))
		}
		out := fabric.Merge(slices.Clone(in))
		for x := range 256 {
			a := netip.AddrFrom4([4]byte{10, 0, 0, byte(x)})
			has := func(ps []netip.Prefix) (n int) {
				for _, p := range ps {
					if p.Contains(a) {
						n++
					}
				}
				return n
			}
			if n := has(out); n > 1 || (n == 1) != (has(in) > 0) {
				t.Fatalf("%v -> %v: %s is in %d", in, out, a, n)
			}
		}
	}
}

// apply carries out a delta on a ruleset as a driver would and fails on a reference that does not exist at its time.
func apply(t *testing.T, have fabric.Ruleset, d fabric.Delta) map[string]string {
	t.Helper()
	sets, chains := map[string]map[fabric.Elem]bool{}, map[string]fabric.Chain{}
	put := func(s fabric.Set) {
		m := map[fabric.Elem]bool{}
		for _, e := range s.Elems {
			m[e] = true
		}
		sets[s.Name] = m
	}
	check := func(c fabric.Chain) {
		for _, r := range c.Rules {
			for _, m := range r.Matches {
				if m.Set != "" && sets[m.Set] == nil {
					t.Fatalf("chain %s reads missing set %s", c.Name, m.Set)
				}
			}
			if r.Target != "" {
				if _, chain := chains[r.Target]; !chain && sets[r.Target] == nil {
					t.Fatalf("chain %s leads to missing %s", c.Name, r.Target)
				}
			}
		}
	}
	for _, s := range have.Sets {
		put(s)
	}
	for _, c := range have.Chains {
		chains[c.Name] = c
	}
	for _, s := range d.Sets {
		put(s)
	}
	for _, c := range d.Chains {
		check(c)
		chains[c.Name] = c
	}
	for _, ch := range d.Elems {
		for _, e := range ch.Del {
			if !sets[ch.Set.Name][e] {
				t.Fatalf("delete of a missing element of %s: %+v", ch.Set.Name, e)
			}
			delete(sets[ch.Set.Name], e)
		}
		for _, e := range ch.Add {
			sets[ch.Set.Name][e] = true
		}
	}
	for _, c := range d.Turns {
		check(c)
		chains[c.Name] = c
	}
	for _, n := range d.OldChains {
		delete(chains, n)
		for _, c := range chains {
			for _, r := range c.Rules {
				if r.Target == n {
					t.Fatalf("chain %s was removed while %s leads to it", n, c.Name)
				}
			}
		}
		for _, s := range sets {
			for e := range s {
				if e.Jump == n {
					t.Fatalf("chain %s was removed while a map leads to it", n)
				}
			}
		}
	}
	for _, n := range d.OldSets {
		delete(sets, n)
	}
	for _, c := range chains {
		check(c)
	}
	out := map[string]string{}
	for n, s := range sets {
		var es []string
		for e := range s {
			es = append(es, fmt.Sprint(e))
		}
		slices.Sort(es)
		out["set "+n] = strings.Join(es, ";")
	}
	for n, c := range chains {
		var rs []string
		for _, r := range c.Rules {
			rs = append(rs, r.Text())
		}
		out["chain "+n] = strings.Join(rs, ";")
	}
	return out
}

func TestDiff(t *testing.T) {
	base := fabric.Compile(fabric.Desired{})
	full, more := fabric.Compile(fabric.Draw(small(), 1)), fabric.Compile(fabric.Draw(full(), 1))
	s := small()
	s.Interfaces[0].Attachment = nil
	s.Groups = s.Groups[:2]
	s.Groups[1].Rules = s.Groups[1].Rules[:3]
	s.Interfaces[1].Groups = []string{"sg-job"}
	s.Interfaces[2].Groups = []string{"sg-job"}
	less := fabric.Compile(fabric.Draw(s, 2))
	for name, c := range map[string][2]fabric.Ruleset{
		"first load": {{}, full}, "base to full": {base, full}, "less": {full, less}, "more": {less, full}, "to nothing": {full, base},
		"everything": {full, more}, "nothing but small": {more, full}, "everything from nothing": {{}, more}, "nothing from everything": {more, base},
	} {
		t.Run(name, func(t *testing.T) {
			got := apply(t, c[0], fabric.Diff(c[0], c[1]))
			if want := apply(t, c[1], fabric.Delta{}); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
	d := fabric.Diff(full, full)
	if len(d.Sets)+len(d.Chains)+len(d.Elems)+len(d.Turns)+len(d.OldChains)+len(d.OldSets) != 0 {
		t.Errorf("no change, yet %+v", d)
	}
}

func TestSegment(t *testing.T) {
	d := fabric.Segment("seg-1", "eni-9", 3)
	if len(d.Ports) != 1 || d.Ports[0].Addrs[0] != vpc.ServiceAddr || d.Ports[0].Alias == "" || d.Subnets[0].Table < 1000 {
		t.Errorf("%+v", d)
	}
	if len(d.Subnets[0].Routes) != 1 || d.Subnets[0].Routes[0].Dest != vpc.S3Prefix {
		t.Errorf("routes %+v: a segment leads to S3 alone", d.Subnets[0].Routes)
	}
}
