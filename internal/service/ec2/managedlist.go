package ec2

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// listLimit is the most entries that a customer-managed prefix list can be made for (VPC User Guide, quotas).
const listLimit = 1000

func (s *Service) listRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateManagedPrefixListRequest, shape.CreateManagedPrefixListResult]{
			Name: "CreateManagedPrefixList", Honours: []string{"PrefixListName", "Entries.*", "MaxEntries", "AddressFamily", "TagSpecifications.*", "ClientToken", "DryRun"},
			Questions: asking[shape.CreateManagedPrefixListRequest]("CreateManagedPrefixList"),
			Act:       createList,
		},
		api.Op[shape.ModifyManagedPrefixListRequest, shape.ModifyManagedPrefixListResult]{
			Name: "ModifyManagedPrefixList", Honours: []string{"PrefixListId", "CurrentVersion", "PrefixListName", "AddEntries.*", "RemoveEntries.*", "MaxEntries", "DryRun"},
			Questions: asking[shape.ModifyManagedPrefixListRequest]("ModifyManagedPrefixList"),
			Act:       modifyList,
		},
		api.Op[shape.DeleteManagedPrefixListRequest, shape.DeleteManagedPrefixListResult]{
			Name: "DeleteManagedPrefixList", Honours: []string{"PrefixListId", "DryRun"},
			Questions: asking[shape.DeleteManagedPrefixListRequest]("DeleteManagedPrefixList"),
			Act:       deleteList,
		},
		api.Op[shape.DescribeManagedPrefixListsRequest, shape.DescribeManagedPrefixListsResult]{
			Name: "DescribeManagedPrefixLists", Honours: describeMembers("PrefixListIds"),
			Questions: describing[shape.DescribeManagedPrefixListsRequest]("DescribeManagedPrefixLists"),
			View:      describeLists,
		},
		api.Op[shape.GetManagedPrefixListEntriesRequest, shape.GetManagedPrefixListEntriesResult]{
			Name: "GetManagedPrefixListEntries", Honours: []string{"PrefixListId", "TargetVersion", "MaxResults", "NextToken", "DryRun"},
			Questions: asking[shape.GetManagedPrefixListEntriesRequest]("GetManagedPrefixListEntries"),
			View:      listEntries,
		},
		api.Op[shape.GetManagedPrefixListAssociationsRequest, shape.GetManagedPrefixListAssociationsResult]{
			Name: "GetManagedPrefixListAssociations", Honours: []string{"PrefixListId", "MaxResults", "NextToken", "DryRun"},
			Questions: asking[shape.GetManagedPrefixListAssociationsRequest]("GetManagedPrefixListAssociations"),
			View:      listUsers,
		},
	}
}

// prefixesOf are the entries of a prefix list, AWS's or the account's.
func prefixesOf(c *api.Call, v store.View, id string) ([]netip.Prefix, error) {
	if err := aPrefixList.well(id); err != nil {
		return nil, err
	}
	if ps, ok := vpc.ManagedPrefixes(c.Region)[id]; ok {
		return ps, nil
	}
	it, err := rows.PrefixLists.Get(v, c.Scope(), id)
	if absent(err) {
		return nil, aPrefixList.none(id)
	}
	var out []netip.Prefix
	for _, e := range it.Value.Entries {
		out = append(out, e.CIDR)
	}
	return out, err
}

// ownList loads a list that can be changed: one of AWS's cannot.
func ownList(c *api.Call, v store.View, p *string) (store.Item[vpc.PrefixList], error) {
	if _, managed := vpc.ManagedPrefixes(c.Region)[deref(p)]; managed {
		return store.Item[vpc.PrefixList]{}, fault.New("OperationNotPermitted", "The prefix list %s is managed by AWS and cannot be changed.", *p)
	}
	return load(v, c, rows.PrefixLists, aPrefixList, p, "prefixListId")
}

// weight is how many rules one that refers to a list counts for: as many as the list may have entries, of AWS's as it has.
func weight(c *api.Call, v store.View, list string) (int, error) {
	if list == "" {
		return 1, nil
	}
	if ps, ok := vpc.ManagedPrefixes(c.Region)[list]; ok {
		return max(1, len(ps)), nil
	}
	it, err := rows.PrefixLists.Get(v, c.Scope(), list)
	if absent(err) {
		return 1, nil
	}
	return max(1, it.Value.Max), err
}

func createList(c *api.Call, tx store.Tx, in *shape.CreateManagedPrefixListRequest) (*shape.CreateManagedPrefixListResult, error) {
	switch deref(in.AddressFamily) {
	case "IPv4":
	case "IPv6":
		return nil, notBuilt("IPv6 is not available: a prefix list cannot be of that family.")
	default:
		return nil, invalid("Value (%s) for parameter addressFamily is invalid.", deref(in.AddressFamily))
	}
	l := vpc.PrefixList{Account: c.Account, Name: deref(in.PrefixListName), Max: int(deref(in.MaxEntries)), Version: 1}
	if err := listName(l.Name); err != nil {
		return nil, err
	}
	if l.Max < 1 || l.Max > listLimit {
		return nil, invalid("Value (%d) for parameter maxEntries is invalid. It must be between 1 and %d.", l.Max, listLimit)
	}
	if err := addEntries(&l, in.Entries); err != nil {
		return nil, err
	}
	params := fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, l.Name, l.Max, l.Entries)))
	was, err := repeated(c, tx, rows.PrefixLists, "prefix-list", in.ClientToken, params)
	if err != nil {
		return nil, err
	}
	if was == nil {
		if err := customLists().holds(c, tx, ""); err != nil {
			return nil, err
		}
		l.ID = c.Dice.ID("pl")
		if err := rows.PrefixLists.Create(tx, c.Scope(), l.ID, &l); err != nil {
			return nil, err
		}
		if err := remember(c, tx, "prefix-list", in.ClientToken, l.ID, params); err != nil {
			return nil, err
		}
		if _, err := tagNew(c, tx, aPrefixList, l.ID, in.TagSpecifications); err != nil {
			return nil, err
		}
	} else {
		l = was.Value
	}
	c.Touch(aPrefixList.arn(c, l.ID))
	tags, err := tx.Tags(aPrefixList.arn(c, l.ID))
	return &shape.CreateManagedPrefixListResult{PrefixList: new(listShape(c, &l, "create-in-progress", tagList(tags)))}, err
}

func listName(n string) error {
	if n == "" || len(n) > 255 || strings.HasPrefix(n, "com.amazonaws") {
		return invalid("Value (%s) for parameter prefixListName is invalid. It must have 1 to 255 characters and not begin with com.amazonaws.", n)
	}
	return nil
}

// addEntries adds to a list; an entry that is there gets the new description.
func addEntries(l *vpc.PrefixList, add []shape.AddPrefixListEntry) error {
	seen := map[netip.Prefix]bool{}
	for _, e := range add {
		p, err := block(deref(e.Cidr), "cidr")
		if err != nil {
			return err
		}
		if seen[p] {
			return invalid("Duplicate entry %s.", p)
		}
		seen[p] = true
		if len(deref(e.Description)) > 255 {
			return invalid("The description of the entry %s has more than 255 characters.", p)
		}
		x := vpc.ListEntry{CIDR: p, Description: deref(e.Description)}
		if i := slices.IndexFunc(l.Entries, func(o vpc.ListEntry) bool { return o.CIDR == p }); i >= 0 {
			l.Entries[i] = x
		} else {
			l.Entries = append(l.Entries, x)
		}
	}
	if len(l.Entries) > l.Max {
		return fault.New("PrefixListMaxEntriesExceeded", "You've reached the maximum number of entries for the prefix list.")
	}
	slices.SortFunc(l.Entries, func(a, b vpc.ListEntry) int {
		return cmp.Or(a.CIDR.Addr().Compare(b.CIDR.Addr()), cmp.Compare(a.CIDR.Bits(), b.CIDR.Bits()))
	})
	return nil
}

// modifyList makes a new version when entries change. Who changes them names the version that was seen.
func modifyList(c *api.Call, tx store.Tx, in *shape.ModifyManagedPrefixListRequest) (*shape.ModifyManagedPrefixListResult, error) {
	it, err := ownList(c, tx, in.PrefixListId)
	if err != nil {
		return nil, err
	}
	l := &it.Value
	entries := len(in.AddEntries)+len(in.RemoveEntries) > 0
	if entries && in.MaxEntries != nil {
		return nil, fault.New("InvalidParameterCombination", "You cannot modify the entries of a prefix list and its size in one request.")
	}
	if entries && in.CurrentVersion == nil {
		return nil, missing("currentVersion")
	}
	if in.CurrentVersion != nil && *in.CurrentVersion != l.Version {
		return nil, fault.New("PrefixListVersionMismatch", "The prefix list has the incorrect version number.")
	}
	if in.PrefixListName != nil {
		if err := listName(*in.PrefixListName); err != nil {
			return nil, err
		}
		l.Name = *in.PrefixListName
	}
	if in.MaxEntries != nil {
		if *in.MaxEntries < 1 || *in.MaxEntries > listLimit {
			return nil, invalid("Value (%d) for parameter maxEntries is invalid. It must be between 1 and %d.", *in.MaxEntries, listLimit)
		}
		if int(*in.MaxEntries) < len(l.Entries) {
			return nil, fault.New("PrefixListMaxEntriesExceeded", "The prefix list has more entries than the new size.")
		}
		l.Max = int(*in.MaxEntries)
	}
	if entries {
		if l.History == nil {
			l.History = map[int64][]vpc.ListEntry{}
		}
		l.History[l.Version] = slices.Clone(l.Entries)
		for _, e := range in.RemoveEntries {
			p, err := block(deref(e.Cidr), "cidr")
			if err != nil {
				return nil, err
			}
			left := without(l.Entries, func(o vpc.ListEntry) bool { return o.CIDR == p })
			if len(left) == len(l.Entries) {
				return nil, invalid("The prefix list %s has no entry %s.", l.ID, p)
			}
			l.Entries = left
		}
		if err := addEntries(l, in.AddEntries); err != nil {
			return nil, err
		}
		l.Version++
	}
	c.Touch(aPrefixList.arn(c, l.ID))
	if err := rows.PrefixLists.Save(tx, &it); err != nil {
		return nil, err
	}
	tags, err := tx.Tags(aPrefixList.arn(c, l.ID))
	return &shape.ModifyManagedPrefixListResult{PrefixList: new(listShape(c, l, "modify-in-progress", tagList(tags)))}, err
}

func deleteList(c *api.Call, tx store.Tx, in *shape.DeleteManagedPrefixListRequest) (*shape.DeleteManagedPrefixListResult, error) {
	it, err := ownList(c, tx, in.PrefixListId)
	if err != nil {
		return nil, err
	}
	used, err := usersOf(c, tx, it.ID)
	if err != nil {
		return nil, err
	}
	if len(used) > 0 {
		return nil, depends("prefix list", it.ID)
	}
	return &shape.DeleteManagedPrefixListResult{PrefixList: new(listShape(c, &it.Value, "delete-in-progress", []shape.Tag{}))}, drop(c, tx, rows.PrefixLists, aPrefixList, it.ID)
}

// usersOf are the groups and route tables that refer to a list, by id.
func usersOf(c *api.Call, v store.View, id string) ([]string, error) {
	var out []string
	groups, err := rows.Groups.List(v, store.Query{Scope: c.Scope()})
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if slices.ContainsFunc(g.Value.Rules, func(r vpc.Rule) bool { return r.PrefixList == id }) {
			out = append(out, g.ID)
		}
	}
	tables, err := rows.RouteTables.List(v, store.Query{Scope: c.Scope()})
	for _, t := range tables {
		if slices.ContainsFunc(t.Value.Routes, func(r vpc.Route) bool { return r.PrefixList == id }) {
			out = append(out, t.ID)
		}
	}
	return out, err
}

func listUsers(c *api.Call, v store.View, in *shape.GetManagedPrefixListAssociationsRequest) (*shape.GetManagedPrefixListAssociationsResult, error) {
	if _, err := prefixesOf(c, v, deref(in.PrefixListId)); err != nil {
		return nil, err
	}
	used, err := usersOf(c, v, *in.PrefixListId)
	if err != nil {
		return nil, err
	}
	var all []found[string]
	for _, id := range slices.Sorted(slices.Values(used)) {
		all = append(all, found[string]{ID: id, Value: id})
	}
	all, next, err := page(all, in.MaxResults, in.NextToken)
	out := &shape.GetManagedPrefixListAssociationsResult{PrefixListAssociations: []shape.PrefixListAssociation{}, NextToken: next}
	for _, x := range all {
		out.PrefixListAssociations = append(out.PrefixListAssociations, shape.PrefixListAssociation{ResourceId: &x.Value, ResourceOwner: &c.Account})
	}
	return out, err
}

func listEntries(c *api.Call, v store.View, in *shape.GetManagedPrefixListEntriesRequest) (*shape.GetManagedPrefixListEntriesResult, error) {
	var entries []vpc.ListEntry
	if ps, managed := vpc.ManagedPrefixes(c.Region)[deref(in.PrefixListId)]; managed {
		for _, p := range ps {
			entries = append(entries, vpc.ListEntry{CIDR: p})
		}
	} else {
		it, err := load(v, c, rows.PrefixLists, aPrefixList, in.PrefixListId, "prefixListId")
		if err != nil {
			return nil, err
		}
		entries = it.Value.Entries
		if t := in.TargetVersion; t != nil && *t != it.Value.Version {
			old, ok := it.Value.History[*t]
			if !ok {
				return nil, invalid("The prefix list %s has no version %d.", it.ID, *t)
			}
			entries = old
		}
	}
	var all []found[vpc.ListEntry]
	for _, e := range entries {
		all = append(all, found[vpc.ListEntry]{ID: sortable(e.CIDR), Value: e})
	}
	slices.SortFunc(all, func(a, b found[vpc.ListEntry]) int { return cmp.Compare(a.ID, b.ID) })
	all, next, err := page(all, in.MaxResults, in.NextToken)
	out := &shape.GetManagedPrefixListEntriesResult{Entries: []shape.PrefixListEntry{}, NextToken: next}
	for _, e := range all {
		x := shape.PrefixListEntry{Cidr: new(e.Value.CIDR.String())}
		if e.Value.Description != "" {
			x.Description = &e.Value.Description
		}
		out.Entries = append(out.Entries, x)
	}
	return out, err
}

// sortable writes a prefix so that its text sorts as it does.
func sortable(p netip.Prefix) string {
	b := p.Addr().As4()
	return string([]byte{b[0], b[1], b[2], b[3], byte(p.Bits())})
}

func describeLists(c *api.Call, v store.View, in *shape.DescribeManagedPrefixListsRequest) (*shape.DescribeManagedPrefixListsResult, error) {
	managed := vpc.ManagedPrefixes(c.Region)
	var all []found[shape.ManagedPrefixList]
	for id := range managed {
		if len(in.PrefixListIds) == 0 || slices.Contains(in.PrefixListIds, id) {
			all = append(all, found[shape.ManagedPrefixList]{ID: id, Value: shape.ManagedPrefixList{PrefixListId: &id, PrefixListName: new(serviceName(c, "s3")), AddressFamily: new("IPv4"),
				State: new("create-complete"), OwnerId: new("AWS"), Tags: []shape.Tag{}, PrefixListArn: new("arn:" + c.Partition + ":ec2:" + c.Region + ":aws:prefix-list/" + id)}})
		}
	}
	var mine []store.Item[vpc.PrefixList]
	var err error
	if len(in.PrefixListIds) == 0 {
		mine, err = rows.PrefixLists.List(v, store.Query{Scope: c.Scope()})
		if err != nil {
			return nil, err
		}
	}
	for i := range in.PrefixListIds {
		if _, ok := managed[in.PrefixListIds[i]]; ok {
			continue
		}
		it, err := load(v, c, rows.PrefixLists, aPrefixList, &in.PrefixListIds[i], "prefixListId")
		if err != nil {
			return nil, err
		}
		mine = append(mine, it)
	}
	if v, err = withTags(c, v, aPrefixList, in.PrefixListIds); err != nil {
		return nil, err
	}
	for i := range mine {
		tags, err := v.Tags(aPrefixList.arn(c, mine[i].ID))
		if err != nil {
			return nil, err
		}
		state := "create-complete"
		if mine[i].Value.Version > 1 {
			state = "modify-complete"
		}
		all = append(all, found[shape.ManagedPrefixList]{ID: mine[i].ID, Tags: tags, Value: listShape(c, &mine[i].Value, state, tagList(tags))})
	}
	all, err = sift(all, in.Filters, map[string]func(*shape.ManagedPrefixList) []string{
		"owner-id":         func(l *shape.ManagedPrefixList) []string { return []string{*l.OwnerId} },
		"prefix-list-id":   func(l *shape.ManagedPrefixList) []string { return []string{*l.PrefixListId} },
		"prefix-list-name": func(l *shape.ManagedPrefixList) []string { return []string{*l.PrefixListName} },
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b found[shape.ManagedPrefixList]) int { return cmp.Compare(a.ID, b.ID) })
	all, next, err := page(all, in.MaxResults, in.NextToken)
	out := &shape.DescribeManagedPrefixListsResult{PrefixLists: []shape.ManagedPrefixList{}, NextToken: next}
	for _, l := range all {
		out.PrefixLists = append(out.PrefixLists, l.Value)
	}
	return out, err
}

func listShape(c *api.Call, l *vpc.PrefixList, state string, tags []shape.Tag) shape.ManagedPrefixList {
	return shape.ManagedPrefixList{PrefixListId: &l.ID, PrefixListName: &l.Name, AddressFamily: new("IPv4"), State: &state, MaxEntries: new(int64(l.Max)),
		Version: &l.Version, OwnerId: &l.Account, Tags: tags, PrefixListArn: new(aPrefixList.arn(c, l.ID))}
}
