package reach_test

import (
	"strings"
	"testing"

	"cloister/internal/core/reach"
	"cloister/internal/core/vpc"
)

func TestBetween(t *testing.T) {
	everything := vpc.Rule{ID: "sgr-any", Egress: true, Proto: vpc.Any, From: -1, To: -1, CIDR: pfx("0.0.0.0/0")}
	for name, c := range map[string]struct {
		change func(*vpc.Snapshot)
		to     string
		want   string // layer=rule change, of each
	}{
		"members admit each other": {func(s *vpc.Snapshot) { s.Groups[0].Rules = append(s.Groups[0].Rules, everything) }, "eni-3", ""},
		"no way in": {func(s *vpc.Snapshot) { s.Groups[0].Rules = []vpc.Rule{everything} }, "eni-3",
			"security-group=sg-job AuthorizeSecurityGroupIngress sg-job: tcp 7788 from sg-job itself"},
		"no way out": {nil, "eni-3", "security-group=sg-job AuthorizeSecurityGroupEgress sg-job: tcp 7788 to sg-job itself"},
		"neither": {func(s *vpc.Snapshot) { s.Groups[0].Rules = nil }, "eni-idle",
			"security-group=sg-job AuthorizeSecurityGroupEgress sg-job: tcp 7788 to sg-job itself; security-group=sg-job AuthorizeSecurityGroupIngress sg-job: tcp 7788 from sg-job itself"},
		"an ACL between the subnets": {func(s *vpc.Snapshot) {
			s.Groups[0].Rules = append(s.Groups[0].Rules, everything)
			s.ACLs = []vpc.ACL{{ID: "acl-b", Associations: []vpc.Association{{ID: "aclassoc-1", Subnet: "subnet-b"}}}}
		}, "eni-3", "network-acl=acl-b rule * CreateNetworkAclEntry acl-b ingress: allow tcp 7788 from 10.0.1.10"},
		"not there": {nil, "eni-9", "network=eni-9 "},
	} {
		s := snapshot()
		if c.change != nil {
			c.change(&s)
		}
		var got []string
		for _, r := range reach.Between(s, "eni-1", c.to, 7788) {
			got = append(got, r.Layer+"="+r.Rule+" "+r.Change)
			if r.Text == "" {
				t.Errorf("%s: %+v has no text", name, r)
			}
		}
		if s := strings.Join(got, "; "); s != c.want && !(name == "an ACL between the subnets" && strings.HasPrefix(s, c.want)) {
			t.Errorf("%s: %q, want %q", name, s, c.want)
		}
	}
}
