package ec2_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

const sts = "com.amazonaws.us-east-1.sts"

// names switches a VPC's DNS hostnames.
func (h *house) names(vpcID string, on bool) {
	h.t.Helper()
	do[shape.ModifyVpcAttributeOutput](h, &shape.ModifyVpcAttributeRequest{VpcId: &vpcID, EnableDnsHostnames: &shape.AttributeBooleanValue{Value: &on}})
}

func (h *house) subnet(vpcID, cidr, zone string) string {
	h.t.Helper()
	return *do[shape.CreateSubnetResult](h, &shape.CreateSubnetRequest{VpcId: &vpcID, CidrBlock: &cidr, AvailabilityZone: &zone}).Subnet.SubnetId
}

func (h *house) endpoint(in *shape.CreateVpcEndpointRequest) *shape.VpcEndpoint {
	h.t.Helper()
	return do[shape.CreateVpcEndpointResult](h, in).VpcEndpoint
}

func (h *house) endpointNow(id *string) *shape.VpcEndpoint {
	h.t.Helper()
	return &do[shape.DescribeVpcEndpointsResult](h, &shape.DescribeVpcEndpointsRequest{VpcEndpointIds: []string{*id}}).VpcEndpoints[0]
}

func front(vpcID, service string, subnets ...string) *shape.CreateVpcEndpointRequest {
	return &shape.CreateVpcEndpointRequest{VpcId: &vpcID, ServiceName: &service, VpcEndpointType: new("Interface"), SubnetIds: subnets}
}

func TestInterfaceEndpointLives(t *testing.T) {
	h := open(t)
	id, a := h.net("10.0.0.0/16", "10.0.1.0/24")
	b, again := h.subnet(id, "10.0.2.0/24", "us-east-1b"), h.subnet(id, "10.0.3.0/24", "us-east-1a")
	g := h.group(id, "https")
	h.refuse("InvalidParameter", front(id, sts, a)) // DNS hostnames are off, and private DNS is on unless it is switched off
	h.names(id, true)
	h.refuse("DuplicateSubnetsInSameZone", front(id, sts, a, again))
	in := front(id, sts, a, b)
	in.SecurityGroupIds, in.ClientToken = []string{g}, new("t")
	in.SubnetConfigurations = []shape.SubnetConfiguration{{SubnetId: &b, Ipv4: new("10.0.2.77")}}
	e := h.endpoint(in)
	if again := h.endpoint(in); *again.VpcEndpointId != *e.VpcEndpointId {
		t.Error("a repeated token makes another endpoint")
	}
	other := *in
	other.SecurityGroupIds = nil
	h.refuse("IdempotentParameterMismatch", &other)
	if *e.State != "available" || !*e.PrivateDnsEnabled || len(e.NetworkInterfaceIds) != 2 || *e.Groups[0].GroupName != "https" || *e.IpAddressType != "ipv4" || *e.DnsOptions.DnsRecordIpType != "ipv4" {
		t.Errorf("%+v", e)
	}
	var names []string
	for _, d := range e.DnsEntries {
		names = append(names, *d.DnsName)
	}
	base := strings.TrimSuffix(names[0], ".sts.us-east-1.vpce.amazonaws.com")
	if want := []string{base + ".sts.us-east-1.vpce.amazonaws.com", base + "-us-east-1a.sts.us-east-1.vpce.amazonaws.com", base + "-us-east-1b.sts.us-east-1.vpce.amazonaws.com",
		"sts.us-east-1.amazonaws.com"}; !slices.Equal(names, want) || !strings.HasPrefix(base, *e.VpcEndpointId+"-") {
		t.Errorf("names %v", names)
	}
	enis := do[shape.DescribeNetworkInterfacesResult](h, &shape.DescribeNetworkInterfacesRequest{NetworkInterfaceIds: e.NetworkInterfaceIds[1:]}).NetworkInterfaces
	if x := enis[0]; *x.InterfaceType != "vpc_endpoint" || !*x.RequesterManaged || *x.PrivateIpAddress != "10.0.2.77" || *x.Description != "VPC Endpoint Interface "+*e.VpcEndpointId ||
		*x.Status != "in-use" || *x.Groups[0].GroupId != g || *x.Attachment.InstanceOwnerId != "amazon-aws" {
		t.Errorf("%+v", x)
	}
	h.refuse("InvalidParameterValue", &shape.DeleteNetworkInterfaceRequest{NetworkInterfaceId: enis[0].NetworkInterfaceId})
	h.refuse("OperationNotPermitted", &shape.ModifyNetworkInterfaceAttributeRequest{NetworkInterfaceId: enis[0].NetworkInterfaceId, Groups: []string{g}})
	h.refuse("DependencyViolation", &shape.DeleteSubnetRequest{SubnetId: &a})
	h.refuse("DependencyViolation", &shape.DeleteSecurityGroupRequest{GroupId: &g})
	h.refuse("DependencyViolation", &shape.DeleteVpcRequest{VpcId: &id})
	f := h.refuse("InvalidParameter", front(id, sts))
	if !strings.Contains(f.Message, "conflicting DNS domain for sts.us-east-1.amazonaws.com in the VPC "+id) {
		t.Error(f.Message)
	}
	quiet := front(id, sts, a)
	quiet.PrivateDnsEnabled = new(false)
	second := h.endpoint(quiet)
	if *second.Groups[0].GroupName != "default" || len(second.DnsEntries) != 2 {
		t.Errorf("%+v", second)
	}
	h.refuse("InvalidParameter", &shape.ModifyVpcEndpointRequest{VpcEndpointId: second.VpcEndpointId, PrivateDnsEnabled: new(true)})

	un := do[shape.DeleteVpcEndpointsResult](h, &shape.DeleteVpcEndpointsRequest{VpcEndpointIds: []string{*e.VpcEndpointId}}).Unsuccessful
	if len(un) != 0 {
		t.Errorf("%+v", un)
	}
	h.refuse("InvalidNetworkInterfaceID.NotFound", &shape.DescribeNetworkInterfacesRequest{NetworkInterfaceIds: e.NetworkInterfaceIds})
	// Their addresses rest before they are given out again.
	held := &shape.CreateNetworkInterfaceRequest{SubnetId: &b, PrivateIpAddress: new("10.0.2.77")}
	h.refuse("InvalidIPAddress.InUse", held)
	h.now = h.now.Add(2 * time.Minute)
	do[shape.CreateNetworkInterfaceResult](h, held)
}

func TestInterfaceEndpointChanges(t *testing.T) {
	h := open(t)
	id, a := h.net("10.0.0.0/16", "10.0.1.0/24")
	h.names(id, true)
	b, again := h.subnet(id, "10.0.2.0/24", "us-east-1b"), h.subnet(id, "10.0.3.0/24", "us-east-1a")
	otherVPC, far := h.net("10.9.0.0/16", "10.9.1.0/24")
	g, foreign := h.group(id, "g"), h.group(otherVPC, "foreign")
	e := h.endpoint(front(id, sts, a)).VpcEndpointId
	change := func(in shape.ModifyVpcEndpointRequest) *shape.ModifyVpcEndpointRequest {
		in.VpcEndpointId = e
		return &in
	}
	h.refuse("DuplicateSubnetsInSameZone", change(shape.ModifyVpcEndpointRequest{AddSubnetIds: []string{again}}))
	h.refuse("InvalidParameter", change(shape.ModifyVpcEndpointRequest{AddSubnetIds: []string{far}}))
	h.refuse("InvalidParameter", change(shape.ModifyVpcEndpointRequest{AddSecurityGroupIds: []string{foreign}}))
	h.refuse("InvalidSubnetId.NotFound", change(shape.ModifyVpcEndpointRequest{RemoveSubnetIds: []string{b}}))
	h.refuse("InvalidGroup.NotFound", change(shape.ModifyVpcEndpointRequest{RemoveSecurityGroupIds: []string{g}}))
	h.refuse("InvalidParameter", change(shape.ModifyVpcEndpointRequest{AddRouteTableIds: []string{"rtb-1"}}))
	h.refuse("InvalidParameter", change(shape.ModifyVpcEndpointRequest{IpAddressType: new("dualstack")}))
	h.refuse("InvalidParameterCombination", change(shape.ModifyVpcEndpointRequest{}))
	// A subnet takes the place of another in its zone.
	do[shape.ModifyVpcEndpointResult](h, change(shape.ModifyVpcEndpointRequest{RemoveSubnetIds: []string{a}, AddSubnetIds: []string{again, b}, AddSecurityGroupIds: []string{g}}))
	now := h.endpointNow(e)
	if !slices.Equal(now.SubnetIds, []string{again, b}) || len(now.Groups) != 2 || len(now.NetworkInterfaceIds) != 2 {
		t.Errorf("%+v", now)
	}
	def := slices.IndexFunc(now.Groups, func(x shape.SecurityGroupIdentifier) bool { return *x.GroupName == "default" })
	do[shape.ModifyVpcEndpointResult](h, change(shape.ModifyVpcEndpointRequest{RemoveSecurityGroupIds: []string{*now.Groups[def].GroupId}}))
	h.refuse("InvalidParameter", change(shape.ModifyVpcEndpointRequest{RemoveSecurityGroupIds: []string{g}}))
	for _, x := range do[shape.DescribeNetworkInterfacesResult](h, &shape.DescribeNetworkInterfacesRequest{Filters: filter("interface-type", "vpc_endpoint")}).NetworkInterfaces {
		if len(x.Groups) != 1 || *x.Groups[0].GroupId != g {
			t.Errorf("%s has %+v", *x.NetworkInterfaceId, x.Groups)
		}
	}
	do[shape.ModifyVpcEndpointResult](h, change(shape.ModifyVpcEndpointRequest{PrivateDnsEnabled: new(false)}))
	if now := h.endpointNow(e); *now.PrivateDnsEnabled {
		t.Error("private DNS is on")
	}
	h.names(id, false)
	h.refuse("InvalidParameter", change(shape.ModifyVpcEndpointRequest{PrivateDnsEnabled: new(true)}))
	do[shape.ModifyVpcEndpointResult](h, change(shape.ModifyVpcEndpointRequest{PolicyDocument: new(`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`)})) // concerns no names
}

func TestEndpointTypes(t *testing.T) {
	h := open(t)
	id, a := h.net("10.0.0.0/16", "10.0.1.0/24")
	h.names(id, true)
	s3 := "com.amazonaws.us-east-1.s3"
	gate := func(edit func(*shape.CreateVpcEndpointRequest)) *shape.CreateVpcEndpointRequest {
		in := &shape.CreateVpcEndpointRequest{VpcId: &id, ServiceName: &s3}
		edit(in)
		return in
	}
	for name, in := range map[string]*shape.CreateVpcEndpointRequest{
		"sts":     gate(func(in *shape.CreateVpcEndpointRequest) { in.ServiceName = new(sts) }),
		"subnets": gate(func(in *shape.CreateVpcEndpointRequest) { in.SubnetIds = []string{a} }),
		"groups":  gate(func(in *shape.CreateVpcEndpointRequest) { in.SecurityGroupIds = []string{"sg-1"} }),
		"names":   gate(func(in *shape.CreateVpcEndpointRequest) { in.PrivateDnsEnabled = new(true) }),
		"inbound": gate(func(in *shape.CreateVpcEndpointRequest) {
			in.DnsOptions = &shape.DnsOptionsSpecification{PrivateDnsOnlyForInboundResolverEndpoint: new(false)}
		}),
		"tables": gate(func(in *shape.CreateVpcEndpointRequest) {
			in.VpcEndpointType, in.RouteTableIds = new("Interface"), []string{"rtb-1"}
		}),
		"inbound without a gateway": gate(func(in *shape.CreateVpcEndpointRequest) {
			in.VpcEndpointType, in.PrivateDnsEnabled = new("Interface"), new(true)
		}),
		"inbound of sts": gate(func(in *shape.CreateVpcEndpointRequest) {
			in.ServiceName, in.VpcEndpointType = new(sts), new("Interface")
			in.DnsOptions = &shape.DnsOptionsSpecification{PrivateDnsOnlyForInboundResolverEndpoint: new(true)}
		}),
		"IPv6": gate(func(in *shape.CreateVpcEndpointRequest) {
			in.VpcEndpointType, in.IpAddressType = new("Interface"), new("ipv6")
		}),
	} {
		t.Run(name, func(*testing.T) { h.refuse("InvalidParameter", in) })
	}
	h.refuse("NotImplemented", gate(func(in *shape.CreateVpcEndpointRequest) { in.VpcEndpointType = new("GatewayLoadBalancer") }))
	h.refuse("NotImplemented", gate(func(in *shape.CreateVpcEndpointRequest) { in.ServiceRegion = new("eu-west-1") }))
	h.refuse("InvalidParameterValue", gate(func(in *shape.CreateVpcEndpointRequest) { in.VpcEndpointType = new("Door") }))
	if e := h.endpoint(front(id, s3, a)); *e.PrivateDnsEnabled || !strings.HasPrefix(*e.DnsEntries[0].DnsName, "*.vpce-") {
		t.Errorf("%+v", e)
	}
	// Inbound resolvers alone: others go by the gateway, which stays as long as it is needed.
	g := h.endpoint(gate(func(*shape.CreateVpcEndpointRequest) {}))
	inbound := front(id, s3, a)
	inbound.PrivateDnsEnabled = new(true)
	if e := h.endpoint(inbound); !*e.DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint || len(e.DnsEntries) != 8 {
		t.Errorf("%+v", e)
	}
	un := do[shape.DeleteVpcEndpointsResult](h, &shape.DeleteVpcEndpointsRequest{VpcEndpointIds: []string{*g.VpcEndpointId}}).Unsuccessful
	if len(un) != 1 || *un[0].Error.Code != "DependencyViolation" {
		t.Errorf("%+v", un)
	}
	d := do[shape.DescribeVpcEndpointServicesResult](h, &shape.DescribeVpcEndpointServicesRequest{Filters: filter("service-type", "Interface")})
	if len(d.ServiceNames) != len(vpc.Services("us-east-1")) || !slices.Contains(d.ServiceNames, "com.amazonaws.iam") {
		t.Errorf("%v", d.ServiceNames)
	}
	if d := do[shape.DescribeVpcEndpointServicesResult](h, &shape.DescribeVpcEndpointServicesRequest{ServiceNames: []string{s3}}); len(d.ServiceNames) != 1 || len(d.ServiceDetails) != 2 {
		t.Errorf("%+v", d)
	}
	h.refuse("InvalidVpcEndpointServiceId.NotFound", &shape.DescribeVpcEndpointServicePermissionsRequest{ServiceId: new("vpce-svc-1")})
	h.refuse("InvalidVpcEndpointServiceId.NotFound", &shape.DescribeVpcEndpointServiceConfigurationsRequest{ServiceIds: []string{"vpce-svc-1"}})
	if r := h.rows["CreateVpcEndpointServiceConfiguration"]; r.Act != nil {
		t.Error("services of one's own have nothing to stand behind")
	}
}

func TestEndpointQuota(t *testing.T) {
	h := open(t)
	id, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	in := front(id, sts)
	in.PrivateDnsEnabled = new(false)
	for range 50 {
		h.endpoint(in)
	}
	h.refuse("VpcEndpointLimitExceeded", in)
}

func TestEndpointAsks(t *testing.T) {
	h := open(t)
	id, a := h.net("10.0.0.0/16", "10.0.1.0/24")
	g := h.group(id, "g")
	in := front(id, sts)
	in.SubnetConfigurations, in.SecurityGroupIds = []shape.SubnetConfiguration{{SubnetId: &a}}, []string{g}
	var got []string
	for _, q := range h.ask(in) {
		_, res, _ := strings.Cut(q.Resource, account+":")
		got = append(got, res)
		if strings.HasPrefix(res, "vpc-endpoint/") && q.Keys["ec2:VpceServiceName"][0] != sts {
			t.Errorf("%v", q.Keys)
		}
	}
	if want := []string{"vpc-endpoint/*", "vpc/" + id, "subnet/" + a, "security-group/" + g}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestPathByAddress: an endpoint's address is that endpoint, for its own service, and for a peered VPC too.
func TestPathByAddress(t *testing.T) {
	h := open(t)
	id, sub := h.net("10.0.0.0/16", "10.0.1.0/24")
	far, farSub := h.net("10.9.0.0/16", "10.9.1.0/24")
	pol := `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:*","Resource":"*"}]}`
	in := front(id, sts, sub)
	in.PrivateDnsEnabled, in.PolicyDocument = new(false), &pol
	e := h.endpoint(in)
	at := *do[shape.DescribeNetworkInterfacesResult](h, &shape.DescribeNetworkInterfacesRequest{NetworkInterfaceIds: e.NetworkInterfaceIds}).NetworkInterfaces[0].PrivateIpAddress
	eni := func(subnet string) (string, netip.AddrPort) {
		x := do[shape.CreateNetworkInterfaceResult](h, &shape.CreateNetworkInterfaceRequest{SubnetId: &subnet}).NetworkInterface
		h.attach(*x.NetworkInterfaceId, "amazon-test")
		return *x.NetworkInterfaceId, netip.MustParseAddrPort(*x.PrivateIpAddress + ":40000")
	}
	own, from := eni(sub)
	o := api.Origin{Door: api.InVPC, Partition: "aws", Account: account, Region: "us-east-1", VPC: id, Interface: own, Subnet: sub, Peer: from, Dest: netip.MustParseAddrPort(at + ":443")}
	path := func(o api.Origin, service string) (*api.Path, *fault.Fault) {
		var p *api.Path
		var f *fault.Fault
		_ = h.s.View(t.Context(), func(v store.View) error { p, f = h.svc.Path(v, &o, service); return nil })
		return p, f
	}
	if p, f := path(o, "sts"); f != nil || p.Endpoint != *e.VpcEndpointId || p.Gateway || p.PolicyText != pol {
		t.Errorf("%+v %v", p, f)
	}
	if p, f := path(o, "kms"); p != nil || f.Kind != fault.BadSignature || !strings.Contains(f.Message, *e.VpcEndpointId+" leads to "+sts) {
		t.Errorf("%+v %v", p, f)
	}
	wrong := o
	wrong.Dest = from // an interface's address that is no endpoint's
	if p, f := path(wrong, "sts"); p != nil || !strings.Contains(f.Message, "is no address of an endpoint") {
		t.Errorf("%+v %v", p, f)
	}

	farENI, farFrom := eni(farSub)
	p := o
	p.Interface, p.Subnet, p.Peer = farENI, farSub, farFrom
	p.Sender = &api.Sender{Peering: "pcx-1", Account: account, Region: "us-east-1", VPC: far}
	if got, f := path(p, "sts"); got != nil || !strings.Contains(f.Message, "carries nothing") {
		t.Errorf("%+v %v", got, f)
	}
	put := func(status string) {
		err := h.s.Update(t.Context(), func(tx store.Tx) error {
			side := func(v, cidr string) vpc.PeerSide {
				return vpc.PeerSide{Account: account, Region: "us-east-1", VPC: v, CIDRs: []netip.Prefix{netip.MustParsePrefix(cidr)}}
			}
			_ = rows.Peerings.Delete(tx, store.Scope{Partition: "aws"}, "pcx-1")
			return rows.Peerings.Create(tx, store.Scope{Partition: "aws"}, "pcx-1", &vpc.Peering{ID: "pcx-1", Status: status, Requester: side(id, "10.0.0.0/16"), Accepter: side(far, "10.9.0.0/16")})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("active")
	if got, f := path(p, "sts"); f != nil || got.Endpoint != *e.VpcEndpointId {
		t.Errorf("%+v %v", got, f)
	}
	stray := p
	stray.Dest = netip.MustParseAddrPort("198.51.100.10:443") // no gateway endpoint for those behind a peering
	if got, f := path(stray, "s3"); got != nil || !strings.Contains(f.Message, "is no address of an endpoint") {
		t.Errorf("%+v %v", got, f)
	}
	put("deleted")
	if got, f := path(p, "sts"); got != nil || !strings.Contains(f.Message, "carries nothing") {
		t.Errorf("%+v %v", got, f)
	}
	do[shape.DeleteVpcEndpointsResult](h, &shape.DeleteVpcEndpointsRequest{VpcEndpointIds: []string{*e.VpcEndpointId}})
	if got, f := path(o, "sts"); got != nil {
		t.Errorf("a deleted endpoint carries: %+v %v", got, f)
	}
}
