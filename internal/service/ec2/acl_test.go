package ec2_test

import (
	"testing"

	shape "cloister/internal/shape/ec2"
)

func ref[T any](v T) *T { return &v }

func (h *house) acls(ids ...string) []shape.NetworkAcl {
	h.t.Helper()
	return do[shape.DescribeNetworkAclsResult](h, &shape.DescribeNetworkAclsRequest{NetworkAclIds: ids}).NetworkAcls
}

// TestNetworkACL is the life of a network ACL. Source: VPC User Guide, network ACLs.
func TestNetworkACL(t *testing.T) {
	h := open(t)
	v, sn := h.net("10.0.0.0/16", "10.0.1.0/24")
	all := h.acls()
	if len(all) != 1 || !*all[0].IsDefault || len(all[0].Associations) != 1 || *all[0].Associations[0].SubnetId != sn {
		t.Fatalf("a new VPC has one default ACL, and its subnets are under it: %+v", all)
	}
	// Both directions admit all, and end with the entry that refuses.
	var numbers []int64
	for _, e := range all[0].Entries {
		numbers = append(numbers, *e.RuleNumber)
		if (*e.RuleAction == "allow") != (*e.RuleNumber == 100) || *e.Protocol != "-1" || *e.CidrBlock != "0.0.0.0/0" {
			t.Errorf("entry %+v", e)
		}
	}
	if len(numbers) != 4 || numbers[0] != 100 || numbers[1] != 32767 {
		t.Errorf("entries %v", numbers)
	}
	first := *all[0].NetworkAclId
	h.refuse("InvalidParameterValue", &shape.DeleteNetworkAclRequest{NetworkAclId: &first})

	tok := "once"
	made := do[shape.CreateNetworkAclResult](h, &shape.CreateNetworkAclRequest{VpcId: &v, ClientToken: &tok}).NetworkAcl
	if len(made.Entries) != 2 || *made.IsDefault {
		t.Errorf("a new ACL admits nothing: %+v", made)
	}
	id := *made.NetworkAclId
	if again := do[shape.CreateNetworkAclResult](h, &shape.CreateNetworkAclRequest{VpcId: &v, ClientToken: &tok}); *again.NetworkAcl.NetworkAclId != id {
		t.Error("a token made two")
	}
	other, _ := h.net("10.9.0.0/16", "10.9.1.0/24")
	h.refuse("IdempotentParameterMismatch", &shape.CreateNetworkAclRequest{VpcId: &other, ClientToken: &tok})

	entry := func(n int64, proto, action string, egress bool, from, to int64) *shape.CreateNetworkAclEntryRequest {
		in := &shape.CreateNetworkAclEntryRequest{NetworkAclId: &id, RuleNumber: &n, Protocol: &proto, RuleAction: &action, Egress: &egress, CidrBlock: ref("10.0.2.9/24")}
		switch proto {
		case "tcp", "6", "udp":
			in.PortRange = &shape.PortRange{From: &from, To: &to}
		case "icmp", "1":
			in.IcmpTypeCode = &shape.IcmpTypeCode{Type: &from, Code: &to}
		}
		return in
	}
	for _, in := range []*shape.CreateNetworkAclEntryRequest{entry(200, "tcp", "deny", true, 80, 90), entry(100, "6", "allow", true, 0, 65535), entry(100, "icmp", "allow", false, 8, -1), entry(50, "-1", "deny", false, 0, 0)} {
		do[shape.CreateNetworkAclEntryOutput](h, in)
	}
	h.refuse("NetworkAclEntryAlreadyExists", entry(100, "6", "allow", true, 1, 2))
	for name, bad := range map[string]*shape.CreateNetworkAclEntryRequest{
		"number": entry(32767, "-1", "allow", true, 0, 0), "zero": entry(0, "-1", "allow", true, 0, 0), "action": entry(7, "-1", "perhaps", true, 0, 0),
		"ports": entry(7, "tcp", "allow", true, 9, 3), "protocol": entry(7, "quic", "allow", true, 0, 0), "type": entry(7, "icmp", "allow", true, 300, 0),
	} {
		t.Run(name, func(t *testing.T) { h.refuse("InvalidParameterValue", bad) })
	}
	got := h.acls(id)[0].Entries
	want := []struct {
		n      int64
		egress bool
		proto  string
	}{{100, true, "6"}, {200, true, "6"}, {32767, true, "-1"}, {50, false, "-1"}, {100, false, "1"}, {32767, false, "-1"}}
	for i, w := range want {
		if e := got[i]; *e.RuleNumber != w.n || *e.Egress != w.egress || *e.Protocol != w.proto {
			t.Errorf("entry %d is %d %v %s, want %+v", i, *e.RuleNumber, *e.Egress, *e.Protocol, w)
		}
	}
	if *got[0].CidrBlock != "10.0.2.0/24" {
		t.Errorf("host bits stay: %s", *got[0].CidrBlock)
	}
	do[shape.ReplaceNetworkAclEntryOutput](h, &shape.ReplaceNetworkAclEntryRequest{NetworkAclId: &id, RuleNumber: ref(int64(200)), Egress: ref(true), Protocol: ref("-1"), RuleAction: ref("allow"), CidrBlock: ref("0.0.0.0/0")})
	h.refuse("InvalidNetworkAclEntry.NotFound", &shape.ReplaceNetworkAclEntryRequest{NetworkAclId: &id, RuleNumber: ref(int64(201)), Egress: ref(true), Protocol: ref("-1"), RuleAction: ref("allow"), CidrBlock: ref("0.0.0.0/0")})
	do[shape.DeleteNetworkAclEntryOutput](h, &shape.DeleteNetworkAclEntryRequest{NetworkAclId: &id, RuleNumber: ref(int64(50)), Egress: ref(false)})
	h.refuse("InvalidNetworkAclEntry.NotFound", &shape.DeleteNetworkAclEntryRequest{NetworkAclId: &id, RuleNumber: ref(int64(50)), Egress: ref(false)})

	// A subnet is always under exactly one.
	moved := do[shape.ReplaceNetworkAclAssociationResult](h, &shape.ReplaceNetworkAclAssociationRequest{AssociationId: all[0].Associations[0].NetworkAclAssociationId, NetworkAclId: &id})
	if a := h.acls(id)[0].Associations; len(a) != 1 || *a[0].NetworkAclAssociationId != *moved.NewAssociationId || *a[0].SubnetId != sn {
		t.Errorf("associations %+v", a)
	}
	if a := h.acls(first)[0].Associations; len(a) != 0 {
		t.Errorf("the old ACL has %+v", a)
	}
	h.refuse("DependencyViolation", &shape.DeleteNetworkAclRequest{NetworkAclId: &id})
	h.refuse("InvalidAssociationID.NotFound", &shape.ReplaceNetworkAclAssociationRequest{AssociationId: all[0].Associations[0].NetworkAclAssociationId, NetworkAclId: &id})
	far := h.acls()
	for _, a := range far {
		if *a.VpcId == other {
			h.refuse("InvalidParameter", &shape.ReplaceNetworkAclAssociationRequest{AssociationId: moved.NewAssociationId, NetworkAclId: a.NetworkAclId})
		}
	}
	for filter, n := range map[string]int{"association.subnet-id=" + sn: 1, "default=true": 2, "entry.rule-number=200": 1, "vpc-id=" + v: 2, "entry.port-range.to=65535": 1} {
		if l := h.filtered(filter); l != n {
			t.Errorf("%s finds %d, want %d", filter, l, n)
		}
	}

	h.refuse("DependencyViolation", &shape.DeleteVpcRequest{VpcId: &v})
	do[shape.DeleteSubnetOutput](h, &shape.DeleteSubnetRequest{SubnetId: &sn})
	h.refuse("DependencyViolation", &shape.DeleteVpcRequest{VpcId: &v}) // the ACL that was made by hand
	do[shape.DeleteNetworkAclOutput](h, &shape.DeleteNetworkAclRequest{NetworkAclId: &id})
	do[shape.DeleteVpcOutput](h, &shape.DeleteVpcRequest{VpcId: &v})
	h.refuse("InvalidNetworkAclID.NotFound", &shape.DescribeNetworkAclsRequest{NetworkAclIds: []string{first}})
}

func (h *house) filtered(f string) int {
	h.t.Helper()
	for i := range f {
		if f[i] == '=' {
			return len(do[shape.DescribeNetworkAclsResult](h, &shape.DescribeNetworkAclsRequest{Filters: []shape.Filter{{Name: ref(f[:i]), Values: []string{f[i+1:]}}}}).NetworkAcls)
		}
	}
	h.t.Fatal(f)
	return 0
}

func TestACLLimit(t *testing.T) {
	h := open(t)
	h.net("10.0.0.0/16", "10.0.1.0/24")
	id := *h.acls()[0].NetworkAclId
	in := &shape.CreateNetworkAclEntryRequest{NetworkAclId: &id, Protocol: ref("-1"), RuleAction: ref("deny"), Egress: ref(true), CidrBlock: ref("10.0.0.0/8")}
	for n := int64(101); n < 120; n++ {
		in.RuleNumber = &n
		do[shape.CreateNetworkAclEntryOutput](h, in)
	}
	h.refuse("NetworkAclEntryLimitExceeded", numbered(in, 300))
	in.Egress = ref(false)
	do[shape.CreateNetworkAclEntryOutput](h, numbered(in, 300)) // each direction counts for itself
}

func numbered(in *shape.CreateNetworkAclEntryRequest, n int64) *shape.CreateNetworkAclEntryRequest {
	in.RuleNumber = &n
	return in
}
