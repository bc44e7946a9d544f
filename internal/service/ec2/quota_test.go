package ec2_test

import (
	"fmt"
	"net/netip"
	"testing"

	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// fill puts rows into the ledger until there are so many of the test's account.
func fill[T any](h *house, t store.Table[T], n int, row func(i int) (string, *T)) {
	h.t.Helper()
	err := h.s.Update(h.t.Context(), func(tx store.Tx) error {
		there, err := t.List(tx, store.Query{Scope: h.call.Scope()})
		for i := len(there); i < n && err == nil; i++ {
			id, v := row(i)
			err = t.Create(tx, h.call.Scope(), id, v)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// TestQuotas draws one more of each kind than AWS lets an account have.
func TestQuotas(t *testing.T) {
	h := open(t)
	v, sn := h.net("10.0.0.0/16", "10.0.1.0/24")
	for range 5 {
		do[shape.CreateNatGatewayResult](h, &shape.CreateNatGatewayRequest{SubnetId: &sn, ConnectivityType: ref("private")})
	}
	nat := &shape.CreateNatGatewayRequest{SubnetId: &sn, ConnectivityType: ref("private")}
	h.refuse("NatGatewayLimitExceeded", nat)
	here := *do[shape.DescribeSubnetsResult](h, &shape.DescribeSubnetsRequest{SubnetIds: []string{sn}}).Subnets[0].AvailabilityZone
	other := "us-east-1a"
	if here == other {
		other = "us-east-1b"
	}
	far := *do[shape.CreateSubnetResult](h, &shape.CreateSubnetRequest{VpcId: &v, CidrBlock: ref("10.0.2.0/24"), AvailabilityZone: &other}).Subnet.SubnetId
	apart := do[shape.CreateNatGatewayResult](h, &shape.CreateNatGatewayRequest{SubnetId: &far, ConnectivityType: ref("private")}).NatGateway
	do[shape.DeleteNatGatewayResult](h, &shape.DeleteNatGatewayRequest{NatGatewayId: apart.NatGatewayId})

	fill(h, rows.Subnets, 200, func(i int) (string, *vpc.Subnet) {
		id := fmt.Sprintf("subnet-%017x", i)
		return id, &vpc.Subnet{ID: id, VPC: v, Account: account, CIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(16 + i/16), byte(i % 16 * 16)}), 28)}
	})
	fill(h, rows.Groups, 2500, func(i int) (string, *vpc.Group) {
		id := fmt.Sprintf("sg-%017x", i)
		return id, &vpc.Group{ID: id, VPC: v, Account: account, Name: id}
	})
	fill(h, rows.RouteTables, 200, func(i int) (string, *vpc.RouteTable) {
		id := fmt.Sprintf("rtb-%017x", i)
		return id, &vpc.RouteTable{ID: id, VPC: v, Account: account}
	})
	fill(h, rows.ACLs, 200, func(i int) (string, *vpc.ACL) {
		id := fmt.Sprintf("acl-%017x", i)
		return id, &vpc.ACL{ID: id, VPC: v, Account: account}
	})
	fill(h, rows.Interfaces, 5000, func(i int) (string, *vpc.Interface) {
		id := fmt.Sprintf("eni-%017x", i)
		return id, &vpc.Interface{ID: id, VPC: v, Subnet: sn, Account: account, Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(32 + i/256), byte(i)})}}
	})
	fill(h, rows.InternetGateways, 100, func(i int) (string, *vpc.InternetGateway) {
		id := fmt.Sprintf("igw-%017x", i)
		return id, &vpc.InternetGateway{ID: id, Account: account}
	})
	fill(h, rows.PrefixLists, 100, func(i int) (string, *vpc.PrefixList) {
		id := fmt.Sprintf("pl-%017x", i)
		return id, &vpc.PrefixList{ID: id, Account: account, Name: id, Max: 1}
	})
	for code, in := range map[string]any{
		"SubnetLimitExceeded":           &shape.CreateSubnetRequest{VpcId: &v, CidrBlock: ref("10.0.3.0/24")},
		"SecurityGroupLimitExceeded":    &shape.CreateSecurityGroupRequest{VpcId: &v, GroupName: ref("more"), Description: ref("x")},
		"RouteTableLimitExceeded":       &shape.CreateRouteTableRequest{VpcId: &v},
		"NetworkAclLimitExceeded":       &shape.CreateNetworkAclRequest{VpcId: &v},
		"NetworkInterfaceLimitExceeded": &shape.CreateNetworkInterfaceRequest{SubnetId: &sn},
		"InternetGatewayLimitExceeded":  &shape.CreateInternetGatewayRequest{},
		"PrefixListLimitExceeded":       &shape.CreateManagedPrefixListRequest{PrefixListName: ref("more"), AddressFamily: ref("IPv4"), MaxEntries: ref(int64(1))},
	} {
		h.refuse(code, in)
	}

	fill(h, rows.VPCs, 100, func(i int) (string, *vpc.VPC) {
		id := fmt.Sprintf("vpc-%017x", i)
		return id, &vpc.VPC{ID: id, Account: account, Region: "us-east-1", CIDRs: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(100 + i), 0, 0}), 16)}}
	})
	h.refuse("VpcLimitExceeded", &shape.CreateVpcRequest{CidrBlock: ref("10.9.0.0/16")})
	ask := func(i int) *shape.CreateVpcPeeringConnectionRequest {
		return &shape.CreateVpcPeeringConnectionRequest{VpcId: &v, PeerVpcId: ref(fmt.Sprintf("vpc-%017x", i))}
	}
	var asked []string
	for i := range 25 {
		asked = append(asked, *do[shape.CreateVpcPeeringConnectionResult](h, ask(i+1)).VpcPeeringConnection.VpcPeeringConnectionId)
	}
	h.refuse("OutstandingVpcPeeringConnectionLimitExceeded", ask(40))
	for i := 40; i < 90; i++ {
		do[shape.AcceptVpcPeeringConnectionResult](h, &shape.AcceptVpcPeeringConnectionRequest{VpcPeeringConnectionId: &asked[0]})
		if asked = asked[1:]; i < 65 {
			asked = append(asked, *do[shape.CreateVpcPeeringConnectionResult](h, ask(i)).VpcPeeringConnection.VpcPeeringConnectionId)
		}
	}
	h.refuse("ActiveVpcPeeringConnectionPerVpcLimitExceeded", ask(95))
}
