package ec2

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// aclLimit is the quota of entries of one direction of a network ACL, the last one not counted (VPC User Guide, quotas).
const aclLimit = 20

// lastEntry is the number of the entry that refuses what no other took. It cannot be changed.
const lastEntry = 32767

func (s *Service) aclRows() []api.Rower {
	on := func(c *api.Call, v store.View, action string, id *string) ([]api.Question, error) {
		return ask(c, v, action).on(anACL, id).done()
	}
	return []api.Rower{
		api.Op[shape.CreateNetworkAclRequest, shape.CreateNetworkAclResult]{
			Name: "CreateNetworkAcl", Honours: []string{"VpcId", "TagSpecifications.*", "ClientToken", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.CreateNetworkAclRequest) ([]api.Question, error) {
				return ask(c, v, "CreateNetworkAcl").made(anACL, in.TagSpecifications).on(aVPC, in.VpcId).done()
			},
			Act: createACL,
		},
		api.Op[shape.DeleteNetworkAclRequest, shape.DeleteNetworkAclOutput]{
			Name: "DeleteNetworkAcl", Honours: []string{"NetworkAclId", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DeleteNetworkAclRequest) ([]api.Question, error) {
				return on(c, v, "DeleteNetworkAcl", in.NetworkAclId)
			},
			Act: deleteACL,
		},
		api.Op[shape.DescribeNetworkAclsRequest, shape.DescribeNetworkAclsResult]{
			Name: "DescribeNetworkAcls", Honours: describeMembers("NetworkAclIds"),
			Questions: describing[shape.DescribeNetworkAclsRequest]("DescribeNetworkAcls"),
			View:      describeACLs,
		},
		api.Op[shape.CreateNetworkAclEntryRequest, shape.CreateNetworkAclEntryOutput]{
			Name: "CreateNetworkAclEntry", Honours: append([]string{"NetworkAclId"}, entryMembers...),
			Questions: func(c *api.Call, v store.View, in *shape.CreateNetworkAclEntryRequest) ([]api.Question, error) {
				return on(c, v, "CreateNetworkAclEntry", in.NetworkAclId)
			},
			Act: func(c *api.Call, tx store.Tx, in *shape.CreateNetworkAclEntryRequest) (*shape.CreateNetworkAclEntryOutput, error) {
				e := shape.NetworkAclEntry{CidrBlock: in.CidrBlock, Egress: in.Egress, IcmpTypeCode: in.IcmpTypeCode, PortRange: in.PortRange,
					Protocol: in.Protocol, RuleAction: in.RuleAction, RuleNumber: in.RuleNumber}
				return &shape.CreateNetworkAclEntryOutput{}, putEntry(c, tx, in.NetworkAclId, e, false)
			},
		},
		api.Op[shape.ReplaceNetworkAclEntryRequest, shape.ReplaceNetworkAclEntryOutput]{
			Name: "ReplaceNetworkAclEntry", Honours: append([]string{"NetworkAclId"}, entryMembers...),
			Questions: func(c *api.Call, v store.View, in *shape.ReplaceNetworkAclEntryRequest) ([]api.Question, error) {
				return on(c, v, "ReplaceNetworkAclEntry", in.NetworkAclId)
			},
			Act: func(c *api.Call, tx store.Tx, in *shape.ReplaceNetworkAclEntryRequest) (*shape.ReplaceNetworkAclEntryOutput, error) {
				e := shape.NetworkAclEntry{CidrBlock: in.CidrBlock, Egress: in.Egress, IcmpTypeCode: in.IcmpTypeCode, PortRange: in.PortRange,
					Protocol: in.Protocol, RuleAction: in.RuleAction, RuleNumber: in.RuleNumber}
				return &shape.ReplaceNetworkAclEntryOutput{}, putEntry(c, tx, in.NetworkAclId, e, true)
			},
		},
		api.Op[shape.DeleteNetworkAclEntryRequest, shape.DeleteNetworkAclEntryOutput]{
			Name: "DeleteNetworkAclEntry", Honours: []string{"NetworkAclId", "RuleNumber", "Egress", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DeleteNetworkAclEntryRequest) ([]api.Question, error) {
				return on(c, v, "DeleteNetworkAclEntry", in.NetworkAclId)
			},
			Act: deleteEntry,
		},
		api.Op[shape.ReplaceNetworkAclAssociationRequest, shape.ReplaceNetworkAclAssociationResult]{
			Name: "ReplaceNetworkAclAssociation", Honours: []string{"AssociationId", "NetworkAclId", "DryRun"},
			Questions: askACLAssociation,
			Act:       reassociateACL,
		},
	}
}

var entryMembers = []string{"RuleNumber", "Protocol", "RuleAction", "Egress", "CidrBlock", "IcmpTypeCode.*", "PortRange.*", "DryRun"}

// newACL is a VPC's default ACL, which admits everything, or one that was asked for, which admits nothing.
func newACL(c *api.Call, vpcID string, first bool) vpc.ACL {
	a := vpc.ACL{ID: c.Dice.ID("acl"), VPC: vpcID, Account: c.Account, Default: first}
	if first {
		for _, egress := range []bool{true, false} {
			a.Entries = append(a.Entries, vpc.ACLEntry{Number: 100, Egress: egress, Allow: true, Proto: vpc.Any, From: -1, To: -1, CIDR: everywhere})
		}
	}
	return a
}

func createACL(c *api.Call, tx store.Tx, in *shape.CreateNetworkAclRequest) (*shape.CreateNetworkAclResult, error) {
	n, err := load(tx, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	out := &shape.CreateNetworkAclResult{ClientToken: in.ClientToken}
	was, err := repeated(c, tx, rows.ACLs, "network-acl", in.ClientToken, n.ID)
	if err != nil {
		return nil, err
	}
	a := newACL(c, n.ID, false)
	if was != nil {
		a = was.Value
	} else {
		if err := acls().holds(c, tx, n.ID); err != nil {
			return nil, err
		}
		if err := rows.ACLs.Create(tx, c.Scope(), a.ID, &a); err != nil {
			return nil, err
		}
		if err := remember(c, tx, "network-acl", in.ClientToken, a.ID, n.ID); err != nil {
			return nil, err
		}
		if _, err := tagNew(c, tx, anACL, a.ID, in.TagSpecifications); err != nil {
			return nil, err
		}
	}
	c.Touch(anACL.arn(c, a.ID))
	tags, err := tx.Tags(anACL.arn(c, a.ID))
	out.NetworkAcl = new(aclShape(&a, tagList(tags)))
	return out, err
}

func deleteACL(c *api.Call, tx store.Tx, in *shape.DeleteNetworkAclRequest) (*shape.DeleteNetworkAclOutput, error) {
	it, err := load(tx, c, rows.ACLs, anACL, in.NetworkAclId, "networkAclId")
	if err != nil {
		return nil, err
	}
	switch {
	case it.Value.Default:
		return nil, fault.New("InvalidParameterValue", "cannot delete default network ACL %s", it.ID)
	case len(it.Value.Associations) > 0:
		return nil, depends("networkAcl", it.ID)
	}
	return &shape.DeleteNetworkAclOutput{}, drop(c, tx, rows.ACLs, anACL, it.ID)
}

// putEntry adds an entry, or replaces the one of its number and direction.
func putEntry(c *api.Call, tx store.Tx, id *string, in shape.NetworkAclEntry, replace bool) error {
	it, err := load(tx, c, rows.ACLs, anACL, id, "networkAclId")
	if err != nil {
		return err
	}
	e, err := parseEntry(in)
	if err != nil {
		return err
	}
	all := it.Value.Entries
	i := slices.IndexFunc(all, func(x vpc.ACLEntry) bool { return x.Number == e.Number && x.Egress == e.Egress })
	n := 0
	for _, x := range all {
		if x.Egress == e.Egress {
			n++
		}
	}
	switch {
	case replace && i < 0:
		return noEntry(e.Number)
	case replace:
		all[i] = e
	case i >= 0:
		return fault.New("NetworkAclEntryAlreadyExists", "The network acl entry identified by %d already exists.", e.Number)
	case n >= aclLimit:
		return fault.New("NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached.")
	default:
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b vpc.ACLEntry) int {
		return cmp.Or(cmp.Compare(strconv.FormatBool(b.Egress), strconv.FormatBool(a.Egress)), cmp.Compare(a.Number, b.Number))
	})
	it.Value.Entries = all
	c.Touch(anACL.arn(c, it.ID))
	return rows.ACLs.Save(tx, &it)
}

func noEntry(n int) *fault.Fault {
	return fault.New("InvalidNetworkAclEntry.NotFound", "The network acl entry identified by %d does not exist.", n)
}

// parseEntry reads an entry. Ports and types are there when the protocol has them, and -1 otherwise.
func parseEntry(in shape.NetworkAclEntry) (vpc.ACLEntry, error) {
	e := vpc.ACLEntry{Egress: deref(in.Egress), From: -1, To: -1, Number: int(deref(in.RuleNumber))}
	if in.RuleNumber == nil || e.Number < 1 || e.Number >= lastEntry {
		return e, invalid("Value (%d) for parameter ruleNumber is invalid. Valid rule number must be between 1 and 32766 inclusively.", e.Number)
	}
	switch deref(in.RuleAction) {
	case "allow", "deny":
		e.Allow = *in.RuleAction == "allow"
	default:
		return e, invalid("Value (%s) for parameter ruleAction is invalid.", deref(in.RuleAction))
	}
	if in.CidrBlock == nil {
		return e, missing("cidrBlock")
	}
	var err error
	if e.CIDR, err = block(*in.CidrBlock, "cidrBlock"); err != nil {
		return e, err
	}
	p := shape.IpPermission{IpProtocol: in.Protocol}
	if in.PortRange != nil {
		p.FromPort, p.ToPort = in.PortRange.From, in.PortRange.To
	}
	if t := in.IcmpTypeCode; t != nil && (strings.EqualFold(deref(in.Protocol), "icmp") || deref(in.Protocol) == "1") {
		p.FromPort, p.ToPort = t.Type, t.Code
	}
	r, err := parseService(p)
	e.Proto, e.From, e.To = r.Proto, r.From, r.To
	return e, err
}

func deleteEntry(c *api.Call, tx store.Tx, in *shape.DeleteNetworkAclEntryRequest) (*shape.DeleteNetworkAclEntryOutput, error) {
	it, err := load(tx, c, rows.ACLs, anACL, in.NetworkAclId, "networkAclId")
	if err != nil {
		return nil, err
	}
	n := int(deref(in.RuleNumber))
	left := without(it.Value.Entries, func(e vpc.ACLEntry) bool { return e.Number == n && e.Egress == deref(in.Egress) })
	if len(left) == len(it.Value.Entries) {
		return nil, noEntry(n)
	}
	it.Value.Entries = left
	c.Touch(anACL.arn(c, it.ID))
	return &shape.DeleteNetworkAclEntryOutput{}, rows.ACLs.Save(tx, &it)
}

// askACLAssociation asks about the ACL that takes a subnet over, the one that gives it up, and the subnet.
func askACLAssociation(c *api.Call, v store.View, in *shape.ReplaceNetworkAclAssociationRequest) ([]api.Question, error) {
	a := ask(c, v, "ReplaceNetworkAclAssociation").on(anACL, in.NetworkAclId)
	from, err := rows.ACLs.Find(v, c.Scope(), "association", deref(in.AssociationId))
	if absent(err) {
		return a.done()
	}
	if err != nil {
		return nil, err
	}
	if from.ID != deref(in.NetworkAclId) {
		a.on(anACL, &from.ID)
	}
	for _, x := range from.Value.Associations {
		if x.ID == *in.AssociationId {
			a.on(aSubnet, &x.Subnet)
		}
	}
	return a.done()
}

// reassociateACL puts a subnet under another ACL: it is always under exactly one.
func reassociateACL(c *api.Call, tx store.Tx, in *shape.ReplaceNetworkAclAssociationRequest) (*shape.ReplaceNetworkAclAssociationResult, error) {
	id, err := anACLAssoc.id(in.AssociationId, "associationId")
	if err != nil {
		return nil, err
	}
	from, err := rows.ACLs.Find(tx, c.Scope(), "association", id)
	if absent(err) {
		return nil, anACLAssoc.none(id)
	}
	if err != nil {
		return nil, err
	}
	to, err := load(tx, c, rows.ACLs, anACL, in.NetworkAclId, "networkAclId")
	if err != nil {
		return nil, err
	}
	if to.Value.VPC != from.Value.VPC {
		return nil, apart("network ACLs %s and %s", from.ID, to.ID)
	}
	c.Touch(anACL.arn(c, from.ID), anACL.arn(c, to.ID))
	if to.ID == from.ID {
		return &shape.ReplaceNetworkAclAssociationResult{NewAssociationId: &id}, nil
	}
	i := slices.IndexFunc(from.Value.Associations, func(a vpc.Association) bool { return a.ID == id })
	moved := vpc.Association{ID: c.Dice.ID("aclassoc"), Subnet: from.Value.Associations[i].Subnet}
	from.Value.Associations = slices.Delete(from.Value.Associations, i, i+1)
	to.Value.Associations = append(to.Value.Associations, moved)
	if err := rows.ACLs.Save(tx, &from); err != nil { // first: an index entry belongs to one ACL at a time
		return nil, err
	}
	return &shape.ReplaceNetworkAclAssociationResult{NewAssociationId: &moved.ID}, rows.ACLs.Save(tx, &to)
}

// underDefault puts a new subnet under its VPC's default ACL. A VPC that is older than network ACLs here gets one now.
func underDefault(c *api.Call, tx store.Tx, vpcID, subnet string) error {
	x := vpc.Association{ID: c.Dice.ID("aclassoc"), Subnet: subnet}
	it, err := rows.ACLs.Find(tx, c.Scope(), "default", vpcID)
	if absent(err) {
		a := newACL(c, vpcID, true)
		a.Associations = []vpc.Association{x}
		return rows.ACLs.Create(tx, c.Scope(), a.ID, &a)
	}
	if err != nil {
		return err
	}
	it.Value.Associations = append(it.Value.Associations, x)
	return rows.ACLs.Save(tx, &it)
}

// leaveACL takes a subnet that goes out of its ACL.
func leaveACL(c *api.Call, tx store.Tx, subnet string) error {
	it, err := rows.ACLs.Find(tx, c.Scope(), "subnet", subnet)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	it.Value.Associations = without(it.Value.Associations, func(a vpc.Association) bool { return a.Subnet == subnet })
	return rows.ACLs.Save(tx, &it)
}

func describeACLs(c *api.Call, v store.View, in *shape.DescribeNetworkAclsRequest) (*shape.DescribeNetworkAclsResult, error) {
	type acl = vpc.ACL
	associations := func(get func(vpc.Association) string) func(*acl) []string {
		return func(a *acl) (out []string) {
			for _, x := range a.Associations {
				out = append(out, get(x))
			}
			return out
		}
	}
	entries := func(get func(shape.NetworkAclEntry) string) func(*acl) []string {
		return func(a *acl) (out []string) {
			for _, e := range aclShape(a, nil).Entries {
				out = append(out, get(e))
			}
			return out
		}
	}
	all, next, err := describe(c, v, rows.ACLs, anACL, wanted{in.NetworkAclIds, in.Filters, in.MaxResults, in.NextToken}, map[string]func(*acl) []string{
		"association.association-id": associations(func(x vpc.Association) string { return x.ID }),
		"association.subnet-id":      associations(func(x vpc.Association) string { return x.Subnet }),
		"association.network-acl-id": func(a *acl) []string {
			if len(a.Associations) == 0 {
				return nil
			}
			return []string{a.ID}
		},
		"default":           func(a *acl) []string { return []string{strconv.FormatBool(a.Default)} },
		"entry.cidr":        entries(func(e shape.NetworkAclEntry) string { return *e.CidrBlock }),
		"entry.egress":      entries(func(e shape.NetworkAclEntry) string { return strconv.FormatBool(*e.Egress) }),
		"entry.protocol":    entries(func(e shape.NetworkAclEntry) string { return *e.Protocol }),
		"entry.rule-action": entries(func(e shape.NetworkAclEntry) string { return *e.RuleAction }),
		"entry.rule-number": entries(func(e shape.NetworkAclEntry) string { return strconv.FormatInt(*e.RuleNumber, 10) }),
		"entry.port-range.from": entries(func(e shape.NetworkAclEntry) string {
			if e.PortRange == nil {
				return ""
			}
			return strconv.FormatInt(*e.PortRange.From, 10)
		}),
		"entry.port-range.to": entries(func(e shape.NetworkAclEntry) string {
			if e.PortRange == nil {
				return ""
			}
			return strconv.FormatInt(*e.PortRange.To, 10)
		}),
		"network-acl-id": func(a *acl) []string { return []string{a.ID} },
		"owner-id":       func(a *acl) []string { return []string{a.Account} },
		"vpc-id":         func(a *acl) []string { return []string{a.VPC} },
	})
	out := &shape.DescribeNetworkAclsResult{NetworkAcls: []shape.NetworkAcl{}, NextToken: next}
	for i := range all {
		out.NetworkAcls = append(out.NetworkAcls, aclShape(&all[i].Value, tagList(all[i].Tags)))
	}
	return out, err
}

// aclShape lists the entries of each direction, with the one that ends it.
func aclShape(a *vpc.ACL, tags []shape.Tag) shape.NetworkAcl {
	out := shape.NetworkAcl{NetworkAclId: &a.ID, VpcId: &a.VPC, OwnerId: &a.Account, IsDefault: &a.Default, Tags: tags,
		Associations: []shape.NetworkAclAssociation{}, Entries: []shape.NetworkAclEntry{}}
	for _, x := range a.Associations {
		out.Associations = append(out.Associations, shape.NetworkAclAssociation{NetworkAclAssociationId: &x.ID, NetworkAclId: &a.ID, SubnetId: &x.Subnet})
	}
	for _, egress := range []bool{true, false} {
		for _, e := range a.Entries {
			if e.Egress == egress {
				out.Entries = append(out.Entries, entryShape(e))
			}
		}
		out.Entries = append(out.Entries, entryShape(vpc.ACLEntry{Number: lastEntry, Egress: egress, Proto: vpc.Any, From: -1, To: -1, CIDR: everywhere}))
	}
	return out
}

func entryShape(e vpc.ACLEntry) shape.NetworkAclEntry {
	out := shape.NetworkAclEntry{CidrBlock: new(e.CIDR.String()), Egress: &e.Egress, Protocol: new(itoa(int(e.Proto))), RuleAction: new("deny"), RuleNumber: new(int64(e.Number))}
	if e.Allow {
		out.RuleAction = new("allow")
	}
	switch e.Proto {
	case vpc.TCP, vpc.UDP:
		out.PortRange = &shape.PortRange{From: new(int64(e.From)), To: new(int64(e.To))}
	case vpc.ICMP:
		out.IcmpTypeCode = &shape.IcmpTypeCode{Type: new(int64(e.From)), Code: new(int64(e.To))}
	}
	return out
}
