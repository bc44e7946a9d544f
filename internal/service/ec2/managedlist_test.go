package ec2_test

import (
	"testing"

	shape "cloister/internal/shape/ec2"
)

// TestPrefixList is the life of a customer-managed prefix list. Source: VPC User Guide, managed prefix lists.
func TestPrefixList(t *testing.T) {
	h := open(t)
	v, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	in := &shape.CreateManagedPrefixListRequest{PrefixListName: ref("offices"), AddressFamily: ref("IPv4"), MaxEntries: ref(int64(3)), ClientToken: ref("t"),
		Entries: []shape.AddPrefixListEntry{{Cidr: ref("192.0.2.9/24"), Description: ref("north")}, {Cidr: ref("10.5.0.0/16")}}}
	made := do[shape.CreateManagedPrefixListResult](h, in).PrefixList
	id := *made.PrefixListId
	if *made.Version != 1 || *made.State != "create-in-progress" || *made.OwnerId != account {
		t.Errorf("%+v", made)
	}
	if again := do[shape.CreateManagedPrefixListResult](h, in).PrefixList; *again.PrefixListId != id {
		t.Error("a token made two")
	}
	entries := func(version *int64) (out []string) {
		h.t.Helper()
		for _, e := range do[shape.GetManagedPrefixListEntriesResult](h, &shape.GetManagedPrefixListEntriesRequest{PrefixListId: &id, TargetVersion: version}).Entries {
			out = append(out, *e.Cidr)
		}
		return out
	}
	if got := entries(nil); len(got) != 2 || got[0] != "10.5.0.0/16" || got[1] != "192.0.2.0/24" {
		t.Errorf("entries %v", got)
	}
	for name, bad := range map[string]struct {
		code string
		in   *shape.CreateManagedPrefixListRequest
	}{
		"family": {"InvalidParameterValue", &shape.CreateManagedPrefixListRequest{PrefixListName: ref("x"), MaxEntries: ref(int64(1))}},
		"name":   {"InvalidParameterValue", &shape.CreateManagedPrefixListRequest{PrefixListName: ref("com.amazonaws.x"), AddressFamily: ref("IPv4"), MaxEntries: ref(int64(1))}},
		"size":   {"InvalidParameterValue", &shape.CreateManagedPrefixListRequest{PrefixListName: ref("x"), AddressFamily: ref("IPv4"), MaxEntries: ref(int64(1001))}},
		"twice":  {"InvalidParameterValue", &shape.CreateManagedPrefixListRequest{PrefixListName: ref("x"), AddressFamily: ref("IPv4"), MaxEntries: ref(int64(9)), Entries: []shape.AddPrefixListEntry{{Cidr: ref("10.0.0.0/8")}, {Cidr: ref("10.1.0.0/8")}}}},
		"many":   {"PrefixListMaxEntriesExceeded", &shape.CreateManagedPrefixListRequest{PrefixListName: ref("x"), AddressFamily: ref("IPv4"), MaxEntries: ref(int64(1)), Entries: []shape.AddPrefixListEntry{{Cidr: ref("10.0.0.0/8")}, {Cidr: ref("11.0.0.0/8")}}}},
		"v6":     {"NotImplemented", &shape.CreateManagedPrefixListRequest{PrefixListName: ref("x"), AddressFamily: ref("IPv6"), MaxEntries: ref(int64(1))}},
	} {
		t.Run(name, func(t *testing.T) { h.refuse(bad.code, bad.in) })
	}

	change := &shape.ModifyManagedPrefixListRequest{PrefixListId: &id, CurrentVersion: ref(int64(1)), AddEntries: []shape.AddPrefixListEntry{{Cidr: ref("10.6.0.0/16")}}, RemoveEntries: []shape.RemovePrefixListEntry{{Cidr: ref("10.5.0.0/16")}}}
	if m := do[shape.ModifyManagedPrefixListResult](h, change).PrefixList; *m.Version != 2 {
		t.Errorf("version %d", *m.Version)
	}
	h.refuse("PrefixListVersionMismatch", change)
	if got := entries(nil); len(got) != 2 || got[0] != "10.6.0.0/16" {
		t.Errorf("now %v", got)
	}
	if got := entries(ref(int64(1))); len(got) != 2 || got[0] != "10.5.0.0/16" {
		t.Errorf("then %v", got)
	}
	h.refuse("InvalidParameterValue", &shape.GetManagedPrefixListEntriesRequest{PrefixListId: &id, TargetVersion: ref(int64(9))})
	h.refuse("MissingParameter", &shape.ModifyManagedPrefixListRequest{PrefixListId: &id, AddEntries: change.AddEntries})
	h.refuse("InvalidParameterCombination", &shape.ModifyManagedPrefixListRequest{PrefixListId: &id, CurrentVersion: ref(int64(2)), AddEntries: change.AddEntries, MaxEntries: ref(int64(9))})
	h.refuse("PrefixListMaxEntriesExceeded", &shape.ModifyManagedPrefixListRequest{PrefixListId: &id, MaxEntries: ref(int64(1))})

	// Rules and routes may refer to it, and keep it. A rule counts as many rules as the list may have entries.
	group := *do[shape.CreateSecurityGroupResult](h, &shape.CreateSecurityGroupRequest{GroupName: ref("g"), Description: ref("d"), VpcId: &v}).GroupId
	rule := []shape.IpPermission{{IpProtocol: ref("-1"), PrefixListIds: []shape.PrefixListId{{PrefixListId: &id}}}}
	do[shape.AuthorizeSecurityGroupIngressResult](h, &shape.AuthorizeSecurityGroupIngressRequest{GroupId: &group, IpPermissions: rule})
	used := do[shape.GetManagedPrefixListAssociationsResult](h, &shape.GetManagedPrefixListAssociationsRequest{PrefixListId: &id}).PrefixListAssociations
	if len(used) != 1 || *used[0].ResourceId != group {
		t.Errorf("used by %+v", used)
	}
	h.refuse("DependencyViolation", &shape.DeleteManagedPrefixListRequest{PrefixListId: &id})
	big := *do[shape.CreateManagedPrefixListResult](h, &shape.CreateManagedPrefixListRequest{PrefixListName: ref("big"), AddressFamily: ref("IPv4"), MaxEntries: ref(int64(58))}).PrefixList.PrefixListId
	h.refuse("RulesPerSecurityGroupLimitExceeded", &shape.AuthorizeSecurityGroupIngressRequest{GroupId: &group, IpPermissions: []shape.IpPermission{{IpProtocol: ref("-1"), PrefixListIds: []shape.PrefixListId{{PrefixListId: &big}}}}})
	do[shape.RevokeSecurityGroupIngressResult](h, &shape.RevokeSecurityGroupIngressRequest{GroupId: &group, IpPermissions: rule})
	do[shape.DeleteManagedPrefixListResult](h, &shape.DeleteManagedPrefixListRequest{PrefixListId: &id})
	h.refuse("InvalidPrefixListID.NotFound", &shape.GetManagedPrefixListEntriesRequest{PrefixListId: &id})
	h.refuse("OperationNotPermitted", &shape.DeleteManagedPrefixListRequest{PrefixListId: ref("pl-63a5400a")})
	if all := do[shape.DescribeManagedPrefixListsResult](h, &shape.DescribeManagedPrefixListsRequest{}).PrefixLists; len(all) != 2 {
		t.Errorf("AWS's list and the big one: %+v", all)
	}
}
