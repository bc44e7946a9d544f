package vpc

import (
	"slices"
	"strings"
	"testing"
)

func TestServices(t *testing.T) {
	all := Services("eu-west-1")
	if !slices.IsSortedFunc(all, func(a, b Service) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("services are not in the order of their names")
	}
	for _, s := range all {
		if len(s.Serves) == 0 || len(s.Private) == 0 || !strings.HasPrefix(s.Name, "com.amazonaws.eu-west-1.") {
			t.Errorf("%+v", s)
		}
	}
	if _, ok := ServiceNamed("eu-west-1", "com.amazonaws.iam"); ok {
		t.Error("IAM's endpoints are in us-east-1")
	}
	if _, ok := ServiceNamed("us-east-1", "com.amazonaws.iam"); !ok {
		t.Error("no IAM in us-east-1")
	}
	s, _ := ServiceNamed("eu-west-1", "com.amazonaws.eu-west-1.sagemaker.api")
	e := Endpoint{ID: "vpce-1"}
	if n := e.Host(&s, "eu-west-1b"); !strings.HasPrefix(n, "vpce-1-") || !strings.HasSuffix(n, "-eu-west-1b.api.sagemaker.eu-west-1.vpce.amazonaws.com") {
		t.Error(n)
	}
	if !slices.Equal(s.Private, []string{"api.sagemaker.eu-west-1.amazonaws.com"}) {
		t.Error(s.Private)
	}
}

func TestAnswers(t *testing.T) {
	on := VPC{DNSSupport: true, DNSHostnames: true}
	e := Endpoint{Type: "Interface", PrivateDNS: true}
	inbound := e
	inbound.InboundOnly = true
	for i, c := range []struct {
		e    Endpoint
		n    VPC
		want bool
	}{{e, on, true}, {e, VPC{DNSSupport: true}, false}, {e, VPC{DNSHostnames: true}, false}, {Endpoint{Type: "Interface"}, on, false},
		{inbound, on, false}, {Endpoint{Type: "Gateway", PrivateDNS: true}, on, false}} {
		if c.e.Answers(&c.n) != c.want {
			t.Errorf("case %d", i)
		}
	}
}
