package fabric_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// What a compiler remembers never shows: any change gives what a fresh one gives.
func TestCompilerRemembers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	var m fabric.Compiler
	for step := range 200 {
		s := full()
		for range rnd.IntN(4) {
			g := &s.Groups[rnd.IntN(len(s.Groups))]
			switch rnd.IntN(5) {
			case 0:
				g.Rules = slices.Concat(g.Rules, []vpc.Rule{{ID: "sgr-x", Proto: vpc.TCP, From: rnd.IntN(3), To: rnd.IntN(5), CIDR: pfx("10.0.9.0/24"), Egress: rnd.IntN(2) == 0}})
			case 1:
				g.Rules = nil
			case 2:
				s.Interfaces = s.Interfaces[:1+rnd.IntN(len(s.Interfaces))]
			case 3:
				s.Interfaces[0].Groups = []string{g.ID}
			default:
				s.ACLs = nil
			}
		}
		d := fabric.Draw(s, int64(step))
		if got, want := m.Compile(d).Text(), fabric.Compile(d).Text(); got != want {
			t.Fatalf("step %d: got\n%s\nwant\n%s", step, got, want)
		}
	}
}

// Ports that the same peers may reach are asked about once, as ranges that do not touch.
func TestPortsOfOnePeer(t *testing.T) {
	for _, c := range []struct {
		allows string // proto:from-to ...
		want   string
	}{
		{"6:80-80", "ip protocol 6 th dport 80"},
		{"6:80-90 6:85-100", "ip protocol 6 th dport 80-100"},
		{"6:91-95 6:80-90", "ip protocol 6 th dport 80-95"},
		{"6:80-100 6:85-90", "ip protocol 6 th dport 80-100"},
		{"6:443-443 6:80-80", "ip protocol 6 th dport @ports {80, 443}"},
		{"6:0-9 6:11-65535", "ip protocol 6 th dport @ports {0-9, 11-65535}"},
		{"6:0-65535 6:80-80", "ip protocol 6"},
		{"6:-1--1 6:80-80 6:90-90", "ip protocol 6"},
		{"6:1-3 6:5-7 17:5-7 17:9-9", "ip protocol 6 th dport @ports {1-3, 5-7}; ip protocol 17 th dport @ports {5-7, 9}"},
		{"1:8--1 1:0-0 47:0-0 6:1-1", "ip protocol 1 @th,0,8 0 @th,8,8 0; ip protocol 1 @th,0,8 8; ip protocol 6 th dport 1; ip protocol 47"},
		{"6:9-8 6:65536-70000", ""},
	} {
		g := fabric.Group{ID: "sg-1"}
		for _, f := range strings.Fields(c.allows) {
			a := fabric.Allow{Peers: nil}
			if _, err := fmt.Sscanf(f, "%d:%d-%d", &a.Proto, &a.From, &a.To); err != nil {
				t.Fatal(f, err)
			}
			a.Peers = append(a.Peers, pfx("10.0.0.0/8"))
			g.Ingress = append(g.Ingress, a)
		}
		r := fabric.Compile(fabric.Desired{Groups: []fabric.Group{g}})
		var got []string
		for _, ch := range r.Chains {
			if !strings.HasPrefix(ch.Name, "ingress-sg-1-") {
				continue
			}
			for _, x := range ch.Rules {
				text := strings.TrimSuffix(strings.TrimPrefix(x.Text(), "ip saddr 10.0.0.0/8 "), ` accept comment "sg-1"`)
				for _, s := range r.Sets {
					if _, elems, ok := strings.Cut(fabric.Ruleset{Sets: []fabric.Set{s}}.Text(), "elements = { "); ok && s.Kind == fabric.PortRanges {
						elems, _, _ = strings.Cut(elems, " }")
						text = strings.ReplaceAll(text, "@"+s.Name, "@ports {"+elems+"}")
					}
				}
				got = append(got, text)
			}
		}
		if all := strings.Join(got, "; "); all != c.want {
			t.Errorf("%s: %s, want %s", c.allows, all, c.want)
		}
	}
}

// Many prefixes with different ports are one set of boxes that do not overlap; together with the rules that are left they admit
// what was allowed, and nothing else.
func TestBoxes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	boxes := 0
	for range 60 {
		g := fabric.Group{ID: "sg-1"}
		for range 3 + rnd.IntN(12) {
			a := fabric.Allow{Proto: []vpc.Proto{vpc.TCP, vpc.UDP, vpc.ICMP, vpc.Any}[min(rnd.IntN(9), 3)%4], From: rnd.IntN(20), To: rnd.IntN(24)}
			if a.Proto == vpc.TCP && rnd.IntN(6) == 0 {
				a.From, a.To = 65530+rnd.IntN(6), 65535
			}
			for range 1 + rnd.IntN(2) {
				a.Peers = append(a.Peers, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rnd.IntN(32) * 8)}), []int{0, 24, 27, 29, 29, 29, 32}[rnd.IntN(7)]))
			}
			g.Ingress = append(g.Ingress, a)
		}
		r := fabric.Compile(fabric.Desired{Groups: []fabric.Group{g}})
		sets := map[string]fabric.Set{}
		for _, s := range r.Sets {
			sets[s.Name] = s
			for i, e := range s.Elems {
				for _, o := range s.Elems[:i] {
					if s.Kind == fabric.Boxes && e.Proto == o.Proto && e.Prefix.Overlaps(o.Prefix) && e.Port <= o.Last && o.Port <= e.Last {
						t.Fatalf("%v overlaps %v", e, o)
					}
				}
			}
		}
		var rules []fabric.Rule
		for _, c := range r.Chains {
			if strings.HasPrefix(c.Name, "ingress-sg-1-") {
				rules = c.Rules
			}
		}
		for range 3000 {
			src, port := netip.AddrFrom4([4]byte{10, 0, 0, byte(rnd.IntN(256))}), uint16(rnd.IntN(26))
			if rnd.IntN(8) == 0 {
				port = uint16(65529 + rnd.IntN(7))
			}
			proto := []vpc.Proto{vpc.TCP, vpc.UDP}[rnd.IntN(2)]
			want := slices.ContainsFunc(g.Ingress, func(a fabric.Allow) bool {
				in := slices.ContainsFunc(a.Peers, func(p netip.Prefix) bool { return p.Masked().Contains(src) })
				all := a.From == 0 && a.To == 65535
				return in && (a.Proto == vpc.Any || a.Proto == proto && (all || int(port) >= a.From && int(port) <= a.To))
			})
			got := slices.ContainsFunc(rules, func(x fabric.Rule) bool {
				for _, m := range x.Matches {
					ok := false
					switch m.Op {
					case fabric.SrcIn:
						ok = m.Prefix.Contains(src)
					case fabric.IsProto:
						ok = vpc.Proto(m.Proto) == proto
					case fabric.DstPort:
						ok = m.From <= port && port <= m.To
					default:
						ok = slices.ContainsFunc(sets[m.Set].Elems, func(e fabric.Elem) bool {
							in, at := e.Prefix.IsValid() && e.Prefix.Contains(src), e.Port <= port && port <= e.Last
							switch m.Op {
							case fabric.SrcSet:
								return in
							case fabric.DstPorts:
								return at
							}
							return m.Op == fabric.SrcServ && in && at && vpc.Proto(e.Proto) == proto
						})
						if m.Op == fabric.SrcServ {
							boxes++
						}
					}
					if !ok {
						return false
					}
				}
				return true
			})
			if got != want {
				t.Fatalf("%s to %d/%d: %t, want %t\n%+v\n%s", src, port, proto, got, want, g.Ingress, r.Text())
			}
		}
	}
	if boxes == 0 {
		t.Error("no set of boxes was ever asked")
	}
}
