package vpc

import (
	"slices"
	"strings"
)

// Service is what a VPC endpoint leads to. Source: AWS PrivateLink Guide, "AWS services that integrate with AWS PrivateLink".
type Service struct {
	Name   string   // com.amazonaws.us-east-1.sagemaker.api
	Domain string   // without amazonaws.com, as it stands in an endpoint's own names: api.sagemaker.us-east-1
	Serves []string // services of the house that answer there
	// Private are the names that private DNS gives the endpoint's addresses; "*." stands for every name below.
	Private []string
	Gateway bool // a gateway endpoint may lead there too
}

// suffix ends the service's names and those of its endpoints.
const suffix = ".amazonaws.com"

// Services are those of a region, by name.
func Services(region string) []Service {
	plain := []struct{ name, domain, serves string }{
		{"bedrock", "bedrock", "bedrock"}, {"bedrock-runtime", "bedrock-runtime", "bedrockruntime"}, {"cloudformation", "cloudformation", "cloudformation"},
		{"cloudtrail", "cloudtrail", "cloudtrail"}, {"comprehend", "comprehend", "comprehend"}, {"ec2", "ec2", "ec2"}, {"kms", "kms", "kms"},
		{"logs", "logs", "logs"}, {"sagemaker.api", "api.sagemaker", "sagemaker"}, {"sts", "sts", "sts"}, {"tagging", "tagging", "tagging"},
	}
	var out []Service
	for _, p := range plain {
		domain := p.domain + "." + region
		out = append(out, Service{Name: "com.amazonaws." + region + "." + p.name, Domain: domain, Serves: []string{p.serves}, Private: []string{domain + suffix}})
	}
	s3 := Service{Name: "com.amazonaws." + region + ".s3", Domain: "s3." + region, Serves: []string{"s3", "s3control"}, Gateway: true}
	for _, n := range []string{"s3", "s3-accesspoint", "s3-control"} {
		s3.Private = append(s3.Private, n+"."+region+suffix, "*."+n+"."+region+suffix)
	}
	out = append(out, s3)
	if region == "us-east-1" { // where its control plane is (IAM User Guide, "Create a VPC endpoint for IAM")
		out = append(out, Service{Name: "com.amazonaws.iam", Domain: "iam." + region, Serves: []string{"iam"}, Private: []string{"iam" + suffix}})
	}
	slices.SortFunc(out, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// ServiceNamed finds a service by its full name.
func ServiceNamed(region, name string) (Service, bool) {
	for _, s := range Services(region) {
		if s.Name == name {
			return s, true
		}
	}
	return Service{}, false
}

// Wild reports whether all names below the endpoint's own lead to it: S3's, whose buckets stand there.
func (s *Service) Wild() bool { return s.Gateway }

// Host is an interface endpoint's own name: of the whole endpoint (zone empty), or of one zone of it. It resolves without
// private DNS too.
func (e *Endpoint) Host(s *Service, zone string) string {
	n := e.ID + "-" + digest("endpoint-name/" + e.ID)[:8]
	if zone != "" {
		n += "-" + zone
	}
	return n + "." + s.Domain + ".vpce" + suffix
}

// ServiceID is what stands behind vpce-svc- in the id of a service for endpoints of one type.
func ServiceID(name, typ string) string { return digest("endpoint-service/" + name + "/" + typ)[:17] }

// HostedZone is the id of the hosted zone of a name, as DnsEntries tells it: nothing is hosted there.
func HostedZone(name string) string {
	return "Z" + strings.ToUpper(digest("hosted-zone/" + name)[:20])
}

// Answers reports whether the resolver of the endpoint's VPC gives the service's own names the endpoint's addresses. An
// endpoint that does so for inbound resolver endpoints alone does so for nobody here: there are none.
func (e *Endpoint) Answers(n *VPC) bool {
	return e.Type == "Interface" && e.PrivateDNS && !e.InboundOnly && n.DNSSupport && n.DNSHostnames
}
