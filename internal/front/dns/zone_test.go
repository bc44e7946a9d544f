package dns

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"cloister/internal/core/vpc"
	"cloister/internal/driver/sqlite"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

// ledger is a VPC with two endpoints and an instance, and a peered one of another account.
type ledger struct {
	t   testing.TB
	s   *sqlite.Store
	vpc vpc.VPC
	far vpc.VPC
}

var here, there = store.Scope{Partition: "aws", Account: "111122223333", Region: "eu-west-1"}, store.Scope{Partition: "aws", Account: "444455556666", Region: "eu-west-1"}

func drawn(t testing.TB) *ledger {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger"), world.Real{}.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	network := func(id, cidr string, at store.Scope) vpc.VPC {
		return vpc.VPC{ID: id, Account: at.Account, Region: at.Region, CIDRs: []netip.Prefix{netip.MustParsePrefix(cidr)}, DNSSupport: true, DNSHostnames: true}
	}
	l := &ledger{t, s, network("vpc-1", "10.0.0.0/16", here), network("vpc-2", "10.9.0.0/16", there)}
	eni := func(id, vpcID, subnet, zone, addr string) vpc.Interface {
		return vpc.Interface{ID: id, VPC: vpcID, Subnet: subnet, Zone: zone, Addrs: []netip.Addr{netip.MustParseAddr(addr)}}
	}
	sts := vpc.Endpoint{ID: "vpce-1", VPC: "vpc-1", Type: "Interface", Service: "com.amazonaws.eu-west-1.sts", PrivateDNS: true,
		Subnets: []string{"subnet-a", "subnet-b"}, Interfaces: []string{"eni-a", "eni-b"}}
	s3 := vpc.Endpoint{ID: "vpce-2", VPC: "vpc-1", Type: "Interface", Service: "com.amazonaws.eu-west-1.s3", PrivateDNS: true, InboundOnly: true, Subnets: []string{"subnet-a"}, Interfaces: []string{"eni-s3"}}
	kms := vpc.Endpoint{ID: "vpce-3", VPC: "vpc-2", Type: "Interface", Service: "com.amazonaws.eu-west-1.kms", PrivateDNS: true, Subnets: []string{"subnet-f"}, Interfaces: []string{"eni-kms"}}
	l.update(func(tx store.Tx) error {
		put := func(errs ...error) error {
			for _, err := range errs {
				if err != nil {
					return err
				}
			}
			return nil
		}
		iface := func(at store.Scope, i vpc.Interface) error { return rows.Interfaces.Create(tx, at, i.ID, &i) }
		sub := func(at store.Scope, id, vpcID, zone string) error {
			return rows.Subnets.Create(tx, at, id, &vpc.Subnet{ID: id, VPC: vpcID, Zone: zone})
		}
		return put(
			rows.VPCs.Create(tx, here, "vpc-1", &l.vpc), rows.VPCs.Create(tx, there, "vpc-2", &l.far),
			sub(here, "subnet-a", "vpc-1", "eu-west-1a"), sub(here, "subnet-b", "vpc-1", "eu-west-1b"), sub(there, "subnet-f", "vpc-2", "eu-west-1c"),
			iface(here, eni("eni-a", "vpc-1", "subnet-a", "eu-west-1a", "10.0.1.10")), iface(here, eni("eni-b", "vpc-1", "subnet-b", "eu-west-1b", "10.0.2.10")),
			iface(here, eni("eni-s3", "vpc-1", "subnet-a", "eu-west-1a", "10.0.1.11")), iface(here, eni("eni-i", "vpc-1", "subnet-a", "eu-west-1a", "10.0.1.4")),
			iface(there, eni("eni-kms", "vpc-2", "subnet-f", "eu-west-1c", "10.9.1.10")), iface(there, eni("eni-f", "vpc-2", "subnet-f", "eu-west-1c", "10.9.1.4")),
			rows.Endpoints.Create(tx, here, sts.ID, &sts), rows.Endpoints.Create(tx, here, s3.ID, &s3), rows.Endpoints.Create(tx, there, kms.ID, &kms),
			rows.Addresses.Create(tx, here, "eipalloc-1", &vpc.Address{ID: "eipalloc-1", Public: netip.MustParseAddr("198.19.0.5"), Association: "eipassoc-1", Interface: "eni-i",
				Private: netip.MustParseAddr("10.0.1.4"), VPC: "vpc-1"}),
		)
	})
	return l
}

func (l *ledger) update(f func(store.Tx) error) {
	l.t.Helper()
	if err := l.s.Update(l.t.Context(), f); err != nil {
		l.t.Fatal(err)
	}
}

// peer joins the two; dns says whether the far one lets this one resolve its names.
func (l *ledger) peer(status string, dns bool) {
	l.t.Helper()
	l.update(func(tx store.Tx) error {
		at := store.Scope{Partition: "aws"}
		_ = rows.Peerings.Delete(tx, at, "pcx-1")
		return rows.Peerings.Create(tx, at, "pcx-1", &vpc.Peering{ID: "pcx-1", Status: status,
			Requester: vpc.PeerSide{Account: here.Account, Region: here.Region, VPC: "vpc-1"},
			Accepter:  vpc.PeerSide{Account: there.Account, Region: there.Region, VPC: "vpc-2", DNS: dns}})
	})
}

func (l *ledger) edit(f func(*vpc.VPC)) {
	l.t.Helper()
	l.update(func(tx store.Tx) error {
		it, err := rows.VPCs.Get(tx, here, "vpc-1")
		if err != nil {
			return err
		}
		f(&it.Value)
		return rows.VPCs.Save(tx, &it)
	})
}

func (l *ledger) says(name, want string) {
	l.t.Helper()
	r, ok, err := VPC{l.s, here, "vpc-1"}.Lookup(name)
	got := "-"
	switch {
	case err != nil:
		got = err.Error()
	case ok && r.Name != "":
		got = r.Name
	case ok:
		slices.SortFunc(r.Addrs, netip.Addr.Compare)
		got = fmt.Sprint(r.Addrs)
	}
	if got != want {
		l.t.Errorf("%s: %s, want %s", name, got, want)
	}
}

func TestZoneOfVPC(t *testing.T) {
	l := drawn(t)
	host := func(id, service, zone string) string {
		svc, ok := vpc.ServiceNamed("eu-west-1", "com.amazonaws.eu-west-1."+service)
		if !ok {
			t.Fatal(service)
		}
		e := vpc.Endpoint{ID: id}
		return e.Host(&svc, zone)
	}
	for name, want := range map[string]string{
		"sts.eu-west-1.amazonaws.com":                            "[10.0.1.10 10.0.2.10]",
		"x.sts.eu-west-1.amazonaws.com":                          "-",
		"sts.amazonaws.com":                                      "-",               // the global name is no endpoint's
		"kms.eu-west-1.amazonaws.com":                            "-",               // the peer's private DNS is the peer's
		"s3.eu-west-1.amazonaws.com":                             "[198.51.100.10]", // its endpoint answers inbound resolvers alone
		"b.s3.eu-west-1.amazonaws.com":                           "[198.51.100.10]",
		host("vpce-1", "sts", ""):                                "[10.0.1.10 10.0.2.10]",
		host("vpce-1", "sts", "eu-west-1b"):                      "[10.0.2.10]",
		host("vpce-1", "sts", "eu-west-1c"):                      "-",
		"b." + host("vpce-1", "sts", ""):                         "-",
		"mine.bucket." + host("vpce-2", "s3", ""):                "[10.0.1.11]",
		"bucket." + host("vpce-2", "s3", "eu-west-1a"):           "[10.0.1.11]",
		host("vpce-3", "kms", ""):                                "-",
		"vpce-9-12345678.sts.eu-west-1.vpce.amazonaws.com":       "-",
		"ip-10-0-1-4.eu-west-1.compute.internal":                 "[10.0.1.4]",
		"ip-10-0-1-5.eu-west-1.compute.internal":                 "-",
		"ip-10-9-1-4.eu-west-1.compute.internal":                 "-",
		"ip-10-0-1-4.ec2.internal":                               "-",
		"ec2-198-19-0-5.eu-west-1.compute.amazonaws.com":         "[10.0.1.4]",
		"ec2-198-19-0-6.eu-west-1.compute.amazonaws.com":         "-",
		"4.1.0.10.in-addr.arpa":                                  "ip-10-0-1-4.eu-west-1.compute.internal",
		"5.1.0.10.in-addr.arpa":                                  "-",
		"in-addr.arpa":                                           "-",
		"0.4.1.0.10.in-addr.arpa":                                "-",
		"example.com":                                            "-",
		"":                                                       "-",
		"sts.eu-west-1.amazonaws.com.eu-west-1.compute.internal": "-",
	} {
		l.says(name, want)
	}

	l.peer("pending-acceptance", true)
	l.says(host("vpce-3", "kms", ""), "-")
	l.peer("active", false)
	l.says(host("vpce-3", "kms", ""), "[10.9.1.10]")
	l.says("ip-10-9-1-4.eu-west-1.compute.internal", "-")
	l.says("4.1.9.10.in-addr.arpa", "-")
	l.peer("active", true)
	l.says("ip-10-9-1-4.eu-west-1.compute.internal", "[10.9.1.4]")
	l.says("4.1.9.10.in-addr.arpa", "ip-10-9-1-4.eu-west-1.compute.internal")
	l.says("kms.eu-west-1.amazonaws.com", "-")

	// An S3 endpoint whose private DNS is for all takes its names, and leaves the others.
	l.update(func(tx store.Tx) error {
		it, err := rows.Endpoints.Get(tx, here, "vpce-2")
		if err != nil {
			return err
		}
		it.Value.InboundOnly = false
		return rows.Endpoints.Save(tx, &it)
	})
	l.says("s3.eu-west-1.amazonaws.com", "[10.0.1.11]")
	l.says("my.dotted.b.s3.eu-west-1.amazonaws.com", "[10.0.1.11]")
	l.says("s3.amazonaws.com", "[198.51.100.10]")
	l.says("s3-eu-west-1.amazonaws.com", "[198.51.100.10]")

	l.edit(func(n *vpc.VPC) { n.DNSHostnames = false })
	l.says("sts.eu-west-1.amazonaws.com", "-")
	l.says("ip-10-0-1-4.eu-west-1.compute.internal", "-")
	l.says("4.1.0.10.in-addr.arpa", "-")
	l.says(host("vpce-1", "sts", ""), "[10.0.1.10 10.0.2.10]")
	l.says("s3.eu-west-1.amazonaws.com", "[198.51.100.10]")
	l.edit(func(n *vpc.VPC) { n.DNSSupport = false })
	l.says("s3.eu-west-1.amazonaws.com", errOff.Error())
}

func TestAnswerOfVPC(t *testing.T) {
	l := drawn(t)
	z := VPC{l.s, here, "vpc-1"}
	m := ask(t, z, "STS.eu-west-1.amazonaws.com.", dnsmessage.TypeA)
	if len(m.Answers) != 2 || m.Answers[0].Header.TTL != 60 || m.Answers[0].Body.(*dnsmessage.AResource).A != [4]byte{10, 0, 2, 10} {
		t.Errorf("%v", m.Answers) // the question's id is odd: the second address leads
	}
	m = ask(t, z, "4.1.0.10.in-addr.arpa.", dnsmessage.TypePTR)
	if len(m.Answers) != 1 || m.Answers[0].Body.(*dnsmessage.PTRResource).PTR.String() != "ip-10-0-1-4.eu-west-1.compute.internal." {
		t.Errorf("%v", m.Answers)
	}
	if m := ask(t, z, "sts.eu-west-1.amazonaws.com.", dnsmessage.TypeAAAA); m.RCode != dnsmessage.RCodeSuccess || len(m.Answers) != 0 {
		t.Errorf("AAAA: %v %v", m.RCode, m.Answers)
	}
}

// FuzzLookup: whatever a job asks for, what it is told are addresses of the networks, or nothing.
func FuzzLookup(f *testing.F) {
	l := drawn(f)
	l.peer("active", true)
	z := VPC{l.s, here, "vpc-1"}
	for _, n := range []string{"sts.eu-west-1.amazonaws.com", "ip-10-9-1-4.eu-west-1.compute.internal", "4.1.0.10.in-addr.arpa", "..in-addr.arpa", "ip--.", "vpce-1-.sts.eu-west-1.vpce.amazonaws.com"} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r, ok, err := z.Lookup(name)
		if err != nil || ok != (r.TTL > 0) {
			t.Fatalf("%q: %+v %v %v", name, r, ok, err)
		}
		for _, a := range r.Addrs {
			if a != vpc.S3Addr && !l.vpc.CIDRs[0].Contains(a) && !l.far.CIDRs[0].Contains(a) {
				t.Fatalf("%q is %s", name, a)
			}
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	l := drawn(b)
	z := VPC{l.s, here, "vpc-1"}
	for _, name := range []string{"sts.eu-west-1.amazonaws.com", "b.s3.eu-west-1.amazonaws.com", "ip-10-0-1-4.eu-west-1.compute.internal", "example.com"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := z.Lookup(name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
