package client

import (
	"strconv"
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.1.7:5432/tcp": "10.0.1.7 tcp 5432", "10.0.1.7:443": "10.0.1.7 tcp 443", "10.0.0.2:53/udp": "10.0.0.2 udp 53", "10.0.1.7/icmp": "10.0.1.7 icmp -",
		"10.0.1.7/47": "10.0.1.7 47 -", "10.0.1.7": "", "10.0.1.7/udp": "", "host:80": "", "10.0.1.7:http": "", "10.0.1.7:70000": "", "": "",
	} {
		got, err := ParseTarget("eni-1", in)
		if want == "" {
			if err == nil {
				t.Errorf("%q is taken: %+v", in, got)
			}
			continue
		}
		port := "-"
		if got.Port != nil {
			port = strings.TrimSpace(strings.Split(want, " ")[2])
			if strconv.Itoa(*got.Port) != port {
				t.Errorf("%q: port %d", in, *got.Port)
			}
		}
		if err != nil || got.Destination+" "+got.Protocol+" "+port != want {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
}

func TestReachedPrint(t *testing.T) {
	var b strings.Builder
	(&Reached{Summary: "eni-1 to 10.0.1.7, tcp 22: does not arrive", Change: "open it", Hops: []ReachHop{
		{Hop: "spoof", Network: "vpc-1", Rule: "eni-1", Verdict: "accept", Text: "10.0.1.5 is an address of eni-1"},
		{Hop: "ingress", Network: "vpc-1", Rule: "sg-1", Verdict: "drop", Text: "no rule"},
		{Hop: "acl-out", Network: "vpc-1", Rule: "acl-1 rule *", Verdict: "drop", Text: "acl-1 rule * refuses", Back: true}},
		Shadowing: []ReachHop{{Text: "acl-1 rule * refuses", Change: "allow it"}}}).Print(&b)
	want := `eni-1 to 10.0.1.7, tcp 22: does not arrive
  in vpc-1
      [spoof] 10.0.1.5 is an address of eni-1
    x [ingress, sg-1] no rule
  the answer:
  in vpc-1
    x [acl-out] acl-1 rule * refuses
  what would change it: open it
  and then it would meet:
    acl-1 rule * refuses
      what would change it: allow it
`
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		verdict, hop, appliance, outcome, proto string
		differ                                  bool
	}{
		{"accept", "ingress", "", "answered", "tcp", false}, {"accept", "ingress", "", "refused", "tcp", false}, {"accept", "ingress", "", "silent", "tcp", true},
		{"drop", "acl-in", "", "silent", "tcp", false}, {"drop", "acl-in", "", "answered", "tcp", true}, {"drop", "acl-in", "", "refused", "udp", true},
		{"accept", "ingress", "", "silent", "udp", false}, {"drop", "listener", "", "refused", "tcp", false}, {"drop", "listener", "", "answered", "tcp", true},
		{"accept", "ingress", "eni-fw", "silent", "tcp", false},
	} {
		r := Reached{Verdict: c.verdict, Appliance: c.appliance, Deciding: &ReachHop{Hop: c.hop}}
		if text, differ := r.Compare(c.outcome, c.proto); differ != c.differ || !strings.HasPrefix(text, "sent: ") {
			t.Errorf("%+v: %s", c, text)
		}
	}
}
