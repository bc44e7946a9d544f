package ec2_test

import (
	"net/netip"
	"testing"
	"time"

	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// gated is a VPC with an attached internet gateway.
func (h *house) gated(cidr, sub string) (v, sn, igw string) {
	h.t.Helper()
	v, sn = h.net(cidr, sub)
	igw = *do[shape.CreateInternetGatewayResult](h, &shape.CreateInternetGatewayRequest{}).InternetGateway.InternetGatewayId
	do[shape.AttachInternetGatewayOutput](h, &shape.AttachInternetGatewayRequest{InternetGatewayId: &igw, VpcId: &v})
	return v, sn, igw
}

func (h *house) eip() (id, public string) {
	h.t.Helper()
	out := do[shape.AllocateAddressResult](h, &shape.AllocateAddressRequest{Domain: ref("vpc")})
	return *out.AllocationId, *out.PublicIp
}

func (h *house) eni(sn string) string {
	h.t.Helper()
	return *do[shape.CreateNetworkInterfaceResult](h, &shape.CreateNetworkInterfaceRequest{SubnetId: &sn}).NetworkInterface.NetworkInterfaceId
}

func TestInternetGateway(t *testing.T) {
	h := open(t)
	v, sn, igw := h.gated("10.0.0.0/16", "10.0.1.0/24")
	other, _ := h.net("10.1.0.0/16", "10.1.1.0/24")
	second := *do[shape.CreateInternetGatewayResult](h, &shape.CreateInternetGatewayRequest{}).InternetGateway.InternetGatewayId
	h.refuse("Resource.AlreadyAssociated", &shape.AttachInternetGatewayRequest{InternetGatewayId: &igw, VpcId: &other})
	h.refuse("InvalidParameterValue", &shape.AttachInternetGatewayRequest{InternetGatewayId: &second, VpcId: &v})
	h.refuse("Gateway.NotAttached", &shape.DetachInternetGatewayRequest{InternetGatewayId: &igw, VpcId: &other})
	h.refuse("DependencyViolation", &shape.DeleteInternetGatewayRequest{InternetGatewayId: &igw})
	got := do[shape.DescribeInternetGatewaysResult](h, &shape.DescribeInternetGatewaysRequest{Filters: []shape.Filter{{Name: ref("attachment.vpc-id"), Values: []string{v}}}}).InternetGateways
	if len(got) != 1 || *got[0].InternetGatewayId != igw || *got[0].Attachments[0].State != "available" {
		t.Errorf("%+v", got)
	}

	// A route to it lives and dies with the attachment.
	table := h.mainTable(v)
	route := &shape.CreateRouteRequest{RouteTableId: &table, DestinationCidrBlock: ref("0.0.0.0/0"), GatewayId: &igw}
	do[shape.CreateRouteResult](h, route)
	h.refuse("RouteAlreadyExists", route)
	h.refuse("InvalidParameterValue", &shape.CreateRouteRequest{RouteTableId: &table, DestinationCidrBlock: ref("9.0.0.0/8"), GatewayId: &second})
	if s := h.routeState(table, "0.0.0.0/0"); s != "active" {
		t.Errorf("the route is %s", s)
	}
	eni := h.eni(sn)
	alloc, _ := h.eip()
	as := do[shape.AssociateAddressResult](h, &shape.AssociateAddressRequest{AllocationId: &alloc, NetworkInterfaceId: &eni})
	h.refuse("DependencyViolation", &shape.DetachInternetGatewayRequest{InternetGatewayId: &igw, VpcId: &v})
	h.refuse("DependencyViolation", &shape.DeleteVpcRequest{VpcId: &v})
	do[shape.DisassociateAddressOutput](h, &shape.DisassociateAddressRequest{AssociationId: as.AssociationId})
	do[shape.DetachInternetGatewayOutput](h, &shape.DetachInternetGatewayRequest{InternetGatewayId: &igw, VpcId: &v})
	if s := h.routeState(table, "0.0.0.0/0"); s != "blackhole" {
		t.Errorf("the route is %s", s)
	}
	h.refuse("Gateway.NotAttached", &shape.AssociateAddressRequest{AllocationId: &alloc, NetworkInterfaceId: &eni})
	do[shape.DeleteInternetGatewayOutput](h, &shape.DeleteInternetGatewayRequest{InternetGatewayId: &igw})
	h.refuse("InvalidInternetGatewayID.NotFound", &shape.DeleteInternetGatewayRequest{InternetGatewayId: &igw})
}

func (h *house) mainTable(v string) string {
	h.t.Helper()
	all := do[shape.DescribeRouteTablesResult](h, &shape.DescribeRouteTablesRequest{Filters: []shape.Filter{{Name: ref("vpc-id"), Values: []string{v}}}}).RouteTables
	return *all[0].RouteTableId
}

func (h *house) routeState(table, dest string) string {
	h.t.Helper()
	for _, r := range do[shape.DescribeRouteTablesResult](h, &shape.DescribeRouteTablesRequest{RouteTableIds: []string{table}}).RouteTables[0].Routes {
		if r.DestinationCidrBlock != nil && *r.DestinationCidrBlock == dest {
			return *r.State
		}
	}
	return "none"
}

func TestElasticAddress(t *testing.T) {
	h := open(t)
	_, sn, _ := h.gated("10.0.0.0/16", "10.0.1.0/24")
	var ids []string
	seen := map[string]bool{}
	for range 5 {
		id, public := h.eip()
		if seen[public] || !vpc.PublicPool.Contains(netip.MustParseAddr(public)) {
			t.Errorf("%s is given out twice, or lies outside the pool", public)
		}
		seen[public] = true
		ids = append(ids, id)
	}
	h.refuse("AddressLimitExceeded", &shape.AllocateAddressRequest{})
	a, b := h.eni(sn), h.eni(sn)
	first := do[shape.AssociateAddressResult](h, &shape.AssociateAddressRequest{AllocationId: &ids[0], NetworkInterfaceId: &a})
	same := do[shape.AssociateAddressResult](h, &shape.AssociateAddressRequest{AllocationId: &ids[0], NetworkInterfaceId: &a})
	if *same.AssociationId != *first.AssociationId {
		t.Error("the same association twice is one")
	}
	h.refuse("Resource.AlreadyAssociated", &shape.AssociateAddressRequest{AllocationId: &ids[0], NetworkInterfaceId: &b, AllowReassociation: ref(false)})
	h.refuse("Resource.AlreadyAssociated", &shape.AssociateAddressRequest{AllocationId: &ids[1], NetworkInterfaceId: &a, AllowReassociation: ref(false)})
	h.refuse("InvalidParameterValue", &shape.AssociateAddressRequest{AllocationId: &ids[1], NetworkInterfaceId: &a, PrivateIpAddress: ref("10.0.1.200")})
	h.refuse("InvalidIPAddress.InUse", &shape.ReleaseAddressRequest{AllocationId: &ids[0]})
	do[shape.AssociateAddressResult](h, &shape.AssociateAddressRequest{AllocationId: &ids[1], NetworkInterfaceId: &a}) // takes the other's place
	one := do[shape.DescribeAddressesResult](h, &shape.DescribeAddressesRequest{AllocationIds: []string{ids[0]}}).Addresses[0]
	if one.AssociationId != nil || one.NetworkInterfaceId != nil {
		t.Errorf("it is let go: %+v", one)
	}
	eni := do[shape.DescribeNetworkInterfacesResult](h, &shape.DescribeNetworkInterfacesRequest{NetworkInterfaceIds: []string{a}}).NetworkInterfaces[0]
	if eni.Association == nil || *eni.Association.AllocationId != ids[1] || eni.PrivateIpAddresses[0].Association == nil {
		t.Errorf("the interface shows %+v", eni.Association)
	}
	if n := len(do[shape.DescribeAddressesResult](h, &shape.DescribeAddressesRequest{Filters: []shape.Filter{{Name: ref("network-interface-id"), Values: []string{a}}}}).Addresses); n != 1 {
		t.Errorf("%d addresses of the interface", n)
	}
	do[shape.DeleteNetworkInterfaceOutput](h, &shape.DeleteNetworkInterfaceRequest{NetworkInterfaceId: &a}) // lets its address go
	do[shape.ReleaseAddressOutput](h, &shape.ReleaseAddressRequest{AllocationId: &ids[1]})
	h.refuse("InvalidAllocationID.NotFound", &shape.ReleaseAddressRequest{AllocationId: &ids[1]})
	h.refuse("InvalidAddress.NotFound", &shape.DescribeAddressesRequest{PublicIps: []string{"198.19.0.1"}})
}

func TestNATGateway(t *testing.T) {
	h := open(t)
	v, sn, igw := h.gated("10.0.0.0/16", "10.0.1.0/24")
	alloc, public := h.eip()
	in := &shape.CreateNatGatewayRequest{SubnetId: &sn, AllocationId: &alloc, ClientToken: ref("t")}
	made := do[shape.CreateNatGatewayResult](h, in).NatGateway
	id := *made.NatGatewayId
	if again := do[shape.CreateNatGatewayResult](h, in).NatGateway; *again.NatGatewayId != id {
		t.Error("a token made two")
	}
	get := func(id string) shape.NatGateway {
		return do[shape.DescribeNatGatewaysResult](h, &shape.DescribeNatGatewaysRequest{NatGatewayIds: []string{id}}).NatGateways[0]
	}
	got := get(id)
	if *made.State != "pending" || *got.State != "available" || *got.ConnectivityType != "public" || *got.NatGatewayAddresses[0].PublicIp != public {
		t.Errorf("%s then %+v", *made.State, got)
	}
	eni := *got.NatGatewayAddresses[0].NetworkInterfaceId
	x := do[shape.DescribeNetworkInterfacesResult](h, &shape.DescribeNetworkInterfacesRequest{NetworkInterfaceIds: []string{eni}}).NetworkInterfaces[0]
	if *x.InterfaceType != "nat_gateway" || !*x.RequesterManaged || *x.SourceDestCheck || *x.Status != "in-use" {
		t.Errorf("its interface is %+v", x)
	}
	h.refuse("InvalidParameterValue", &shape.DeleteNetworkInterfaceRequest{NetworkInterfaceId: &eni})
	h.refuse("OperationNotPermitted", &shape.DisassociateAddressRequest{AssociationId: got.NatGatewayAddresses[0].AssociationId})

	// What provisioning would find out: the gateway has failed, and has no interface.
	if bad := do[shape.CreateNatGatewayResult](h, &shape.CreateNatGatewayRequest{SubnetId: &sn, AllocationId: &alloc}).NatGateway; *get(*bad.NatGatewayId).State != "failed" || *bad.FailureCode != "Resource.AlreadyAssociated" {
		t.Errorf("an address in use: %+v", bad)
	}
	_, lone := h.net("10.2.0.0/16", "10.2.1.0/24")
	alloc2, _ := h.eip()
	if bad := do[shape.CreateNatGatewayResult](h, &shape.CreateNatGatewayRequest{SubnetId: &lone, AllocationId: &alloc2}).NatGateway; *get(*bad.NatGatewayId).FailureCode != "Gateway.NotAttached" {
		t.Errorf("no internet gateway: %+v", bad)
	}
	h.refuse("MissingParameter", &shape.CreateNatGatewayRequest{SubnetId: &sn})
	private := do[shape.CreateNatGatewayResult](h, &shape.CreateNatGatewayRequest{SubnetId: &lone, ConnectivityType: ref("private"), PrivateIpAddress: ref("10.2.1.77")}).NatGateway
	if p := get(*private.NatGatewayId).NatGatewayAddresses[0]; *p.PrivateIp != "10.2.1.77" || p.PublicIp != nil {
		t.Errorf("private: %+v", p)
	}

	table := h.mainTable(v)
	do[shape.CreateRouteResult](h, &shape.CreateRouteRequest{RouteTableId: &table, DestinationCidrBlock: ref("0.0.0.0/0"), NatGatewayId: &id})
	h.refuse("InvalidParameterValue", &shape.ReplaceRouteRequest{RouteTableId: &table, DestinationCidrBlock: ref("0.0.0.0/0"), NatGatewayId: private.NatGatewayId})
	h.refuse("DependencyViolation", &shape.DeleteSubnetRequest{SubnetId: &sn})
	do[shape.DeleteNatGatewayResult](h, &shape.DeleteNatGatewayRequest{NatGatewayId: &id})
	do[shape.DeleteNatGatewayResult](h, &shape.DeleteNatGatewayRequest{NatGatewayId: &id}) // twice is once
	if s := h.routeState(table, "0.0.0.0/0"); s != "blackhole" {
		t.Errorf("the route is %s", s)
	}
	do[shape.ReplaceRouteOutput](h, &shape.ReplaceRouteRequest{RouteTableId: &table, DestinationCidrBlock: ref("0.0.0.0/0"), GatewayId: &igw})
	if s := h.routeState(table, "0.0.0.0/0"); s != "active" {
		t.Errorf("the route is %s", s)
	}
	do[shape.ReleaseAddressOutput](h, &shape.ReleaseAddressRequest{AllocationId: &alloc})
	do[shape.DeleteSubnetOutput](h, &shape.DeleteSubnetRequest{SubnetId: &sn})
	if *get(id).State != "deleted" {
		t.Error("a deleted gateway is told of for a while")
	}
	h.now = h.now.Add(2 * time.Hour)
	h.refuse("NatGatewayNotFound", &shape.DescribeNatGatewaysRequest{NatGatewayIds: []string{id}})
	h.refuse("NatGatewayNotFound", &shape.DeleteNatGatewayRequest{NatGatewayId: &id})
}

func TestPeering(t *testing.T) {
	h := open(t)
	const far = "444455556666"
	a, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	twin, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	as := func(account string) { h.call.Account, h.call.Caller.Account = account, account }
	as(far)
	b, _ := h.net("10.1.0.0/16", "10.1.1.0/24")
	as(account)
	ask := func(peer, owner string) string {
		return *do[shape.CreateVpcPeeringConnectionResult](h, &shape.CreateVpcPeeringConnectionRequest{VpcId: &a, PeerVpcId: &peer, PeerOwnerId: &owner}).VpcPeeringConnection.VpcPeeringConnectionId
	}
	get := func(id string) shape.VpcPeeringConnection {
		h.t.Helper()
		return do[shape.DescribeVpcPeeringConnectionsResult](h, &shape.DescribeVpcPeeringConnectionsRequest{VpcPeeringConnectionIds: []string{id}}).VpcPeeringConnections[0]
	}
	if s := get(ask(twin, account)).Status; *s.Code != "failed" {
		t.Errorf("overlapping addresses: %s", *s.Code)
	}
	if s := get(ask("vpc-nowhere", far)).Status; *s.Code != "failed" {
		t.Errorf("nobody's VPC: %s", *s.Code)
	}
	id := ask(b, far)
	h.refuse("VpcPeeringConnectionAlreadyExists", &shape.CreateVpcPeeringConnectionRequest{VpcId: &a, PeerVpcId: &b, PeerOwnerId: ref(far)})
	if p := get(id); *p.Status.Code != "pending-acceptance" || p.AccepterVpcInfo.CidrBlock != nil || *p.RequesterVpcInfo.CidrBlock != "10.0.0.0/16" {
		t.Errorf("asked for: %+v", p)
	}
	h.refuse("OperationNotPermitted", &shape.AcceptVpcPeeringConnectionRequest{VpcPeeringConnectionId: &id})
	table := h.mainTable(a)
	route := &shape.CreateRouteRequest{RouteTableId: &table, DestinationCidrBlock: ref("10.1.0.0/16"), VpcPeeringConnectionId: &id}
	h.refuse("InvalidParameterValue", route)
	as("777788889999")
	h.refuse("InvalidVpcPeeringConnectionID.NotFound", &shape.AcceptVpcPeeringConnectionRequest{VpcPeeringConnectionId: &id})
	as(far)
	if p := do[shape.AcceptVpcPeeringConnectionResult](h, &shape.AcceptVpcPeeringConnectionRequest{VpcPeeringConnectionId: &id}).VpcPeeringConnection; *p.Status.Code != "active" || *p.AccepterVpcInfo.CidrBlock != "10.1.0.0/16" || p.ExpirationTime != nil {
		t.Errorf("accepted: %+v", p)
	}
	h.refuse("InvalidStateTransition", &shape.AcceptVpcPeeringConnectionRequest{VpcPeeringConnectionId: &id})
	h.refuse("InvalidStateTransition", &shape.RejectVpcPeeringConnectionRequest{VpcPeeringConnectionId: &id})
	h.refuse("OperationNotPermitted", &shape.ModifyVpcPeeringConnectionOptionsRequest{VpcPeeringConnectionId: &id, RequesterPeeringConnectionOptions: &shape.PeeringConnectionOptionsRequest{AllowDnsResolutionFromRemoteVpc: ref(true)}})
	do[shape.ModifyVpcPeeringConnectionOptionsResult](h, &shape.ModifyVpcPeeringConnectionOptionsRequest{VpcPeeringConnectionId: &id, AccepterPeeringConnectionOptions: &shape.PeeringConnectionOptionsRequest{AllowDnsResolutionFromRemoteVpc: ref(true)}})
	as(account)
	if p := get(id); !*p.AccepterVpcInfo.PeeringOptions.AllowDnsResolutionFromRemoteVpc || *p.RequesterVpcInfo.PeeringOptions.AllowDnsResolutionFromRemoteVpc {
		t.Errorf("options: %+v", p)
	}
	do[shape.CreateRouteResult](h, route)
	if s := h.routeState(table, "10.1.0.0/16"); s != "active" {
		t.Errorf("the route is %s", s)
	}
	if l := do[shape.DescribeVpcPeeringConnectionsResult](h, &shape.DescribeVpcPeeringConnectionsRequest{Filters: []shape.Filter{{Name: ref("status-code"), Values: []string{"active"}}}}).VpcPeeringConnections; len(l) != 1 {
		t.Errorf("%d are active", len(l))
	}
	as(far)
	do[shape.DeleteVpcPeeringConnectionResult](h, &shape.DeleteVpcPeeringConnectionRequest{VpcPeeringConnectionId: &id})
	h.refuse("InvalidStateTransition", &shape.DeleteVpcPeeringConnectionRequest{VpcPeeringConnectionId: &id})
	as(account)
	if s := h.routeState(table, "10.1.0.0/16"); s != "blackhole" {
		t.Errorf("the route is %s", s)
	}

	// A request that nobody accepts expires; what ended is forgotten.
	late := ask(b, far)
	h.now = h.now.Add(8 * 24 * time.Hour)
	if s := get(late).Status; *s.Code != "expired" {
		t.Errorf("after a week: %s", *s.Code)
	}
	as(far)
	h.refuse("InvalidStateTransition", &shape.AcceptVpcPeeringConnectionRequest{VpcPeeringConnectionId: &late})
	as(account)
	h.refuse("InvalidVpcPeeringConnectionID.NotFound", &shape.DescribeVpcPeeringConnectionsRequest{VpcPeeringConnectionIds: []string{id}})
	// What nobody is told of any more is removed when the next is asked for.
	h.now = h.now.Add(2 * 24 * time.Hour)
	h.refuse("InvalidVpcPeeringConnectionID.NotFound", &shape.DescribeVpcPeeringConnectionsRequest{VpcPeeringConnectionIds: []string{late}})
	// A VPC that goes takes its peerings along.
	last := ask(b, far)
	if err := h.s.View(t.Context(), func(v store.View) error {
		left, err := rows.Peerings.List(v, store.Query{AnyScope: true})
		if len(left) != 1 || left[0].ID != last {
			t.Errorf("%d peerings are kept", len(left))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	as(far)
	do[shape.AcceptVpcPeeringConnectionResult](h, &shape.AcceptVpcPeeringConnectionRequest{VpcPeeringConnectionId: &last})
	sn := do[shape.DescribeSubnetsResult](h, &shape.DescribeSubnetsRequest{}).Subnets[0].SubnetId
	do[shape.DeleteSubnetOutput](h, &shape.DeleteSubnetRequest{SubnetId: sn})
	do[shape.DeleteVpcOutput](h, &shape.DeleteVpcRequest{VpcId: &b})
	as(account)
	if s := get(last).Status; *s.Code != "deleted" {
		t.Errorf("the other VPC is gone: %s", *s.Code)
	}
}
