package ec2

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// dhcpLimit is AWS's default quota of option sets of a region.
const dhcpLimit = 100

// defaultDHCP is the id of the options set that every VPC has: one for each account and region, never made, never deleted.
func defaultDHCP(c *api.Call) string {
	h := sha256.Sum256([]byte("dhcp-options/" + c.Partition + "/" + c.Account + "/" + c.Region))
	return aDHCP.pre + hex.EncodeToString(h[:])[:17]
}

func (s *Service) dhcpRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateDhcpOptionsRequest, shape.CreateDhcpOptionsResult]{
			Name: "CreateDhcpOptions", Honours: []string{"DhcpConfigurations.Key", "DhcpConfigurations.Values", "TagSpecifications.*", "DryRun"},
			Questions: asking[shape.CreateDhcpOptionsRequest]("CreateDhcpOptions"),
			Act:       createDHCP,
		},
		api.Op[shape.DeleteDhcpOptionsRequest, shape.DeleteDhcpOptionsOutput]{
			Name: "DeleteDhcpOptions", Honours: []string{"DhcpOptionsId", "DryRun"},
			Questions: asking[shape.DeleteDhcpOptionsRequest]("DeleteDhcpOptions"),
			Act:       deleteDHCP,
		},
		api.Op[shape.AssociateDhcpOptionsRequest, shape.AssociateDhcpOptionsOutput]{
			Name: "AssociateDhcpOptions", Honours: []string{"DhcpOptionsId", "VpcId", "DryRun"},
			Questions: asking[shape.AssociateDhcpOptionsRequest]("AssociateDhcpOptions"),
			Act:       associateDHCP,
		},
		api.Op[shape.DescribeDhcpOptionsRequest, shape.DescribeDhcpOptionsResult]{
			Name: "DescribeDhcpOptions", Honours: describeMembers("DhcpOptionsIds"),
			Questions: describing[shape.DescribeDhcpOptionsRequest]("DescribeDhcpOptions"),
			View:      describeDHCP,
		},
	}
}

func createDHCP(c *api.Call, tx store.Tx, in *shape.CreateDhcpOptionsRequest) (*shape.CreateDhcpOptionsResult, error) {
	if len(in.DhcpConfigurations) == 0 {
		return nil, missing("dhcpConfiguration")
	}
	o := vpc.DHCP{Account: c.Account, Options: map[string][]string{}}
	for _, x := range in.DhcpConfigurations {
		key := deref(x.Key)
		if key == "" {
			return nil, missing("key")
		}
		if _, twice := o.Options[key]; twice {
			return nil, invalid("Duplicate values for DHCP option %s.", key)
		}
		if err := checkOption(key, x.Values); err != nil {
			return nil, err
		}
		o.Options[key] = slices.Clone(x.Values)
	}
	all, err := rows.DHCPs.List(tx, store.Query{Scope: c.Scope()})
	if err != nil {
		return nil, err
	}
	if len(all) >= dhcpLimit {
		return nil, fault.New("DhcpOptionsLimitExceeded", "The maximum number of DHCP options sets has been reached.")
	}
	o.ID = c.Dice.ID("dopt")
	if err := rows.DHCPs.Create(tx, c.Scope(), o.ID, &o); err != nil {
		return nil, err
	}
	tags, err := tagNew(c, tx, aDHCP, o.ID, in.TagSpecifications)
	c.Touch(aDHCP.arn(c, o.ID))
	return &shape.CreateDhcpOptionsResult{DhcpOptions: new(dhcpShape(&o, tags))}, err
}

// domains is what may stand as a search list in a resolver's configuration: names with one blank between them.
var domains = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*( [A-Za-z0-9_][A-Za-z0-9_.-]*)*$`)

// domainsMost is the most bytes that DHCP carries in one option.
const domainsMost = 255

// checkOption holds an option to its form. Source: VPC User Guide, "DHCP option set concepts".
func checkOption(key string, values []string) error {
	bad := func(v string) error {
		return invalid("Value (%s) for parameter value is invalid. Invalid DHCP option value.", strings.ToValidUTF8(v, "?"))
	}
	most := 1
	var fits func(string) bool
	address := func(v string) bool { a, err := netip.ParseAddr(v); return err == nil && a.Is4() }
	switch key {
	case "domain-name":
		fits = func(v string) bool { return len(v) <= domainsMost && domains.MatchString(v) }
	case "domain-name-servers":
		most, fits = 4, func(v string) bool { return v == vpc.AmazonDNS || address(v) }
	case "ntp-servers", "netbios-name-servers":
		most, fits = 4, address
	case "netbios-node-type":
		fits = func(v string) bool { return slices.Contains([]string{"1", "2", "4", "8"}, v) }
	default:
		return invalid("Value (%s) for parameter name is invalid. Unknown DHCP option", key)
	}
	if len(values) == 0 || len(values) > most {
		return invalid("The DHCP option %s takes 1 to %d values.", key, most)
	}
	for _, v := range values {
		if !fits(v) {
			return bad(v)
		}
	}
	return nil
}

func deleteDHCP(c *api.Call, tx store.Tx, in *shape.DeleteDhcpOptionsRequest) (*shape.DeleteDhcpOptionsOutput, error) {
	if deref(in.DhcpOptionsId) == defaultDHCP(c) {
		return nil, depends("dhcpOptions", *in.DhcpOptionsId)
	}
	it, err := load(tx, c, rows.DHCPs, aDHCP, in.DhcpOptionsId, "dhcpOptionsId")
	if err != nil {
		return nil, err
	}
	vpcs, err := rows.VPCs.List(tx, store.Query{Scope: c.Scope()})
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(vpcs, func(n store.Item[vpc.VPC]) bool { return n.Value.DHCPOptions == it.ID }) {
		return nil, depends("dhcpOptions", it.ID)
	}
	return &shape.DeleteDhcpOptionsOutput{}, drop(c, tx, rows.DHCPs, aDHCP, it.ID)
}

// associateDHCP gives a VPC other options, or none at all. What runs learns of them when it next begins, as an instance does when
// it renews its lease.
func associateDHCP(c *api.Call, tx store.Tx, in *shape.AssociateDhcpOptionsRequest) (*shape.AssociateDhcpOptionsOutput, error) {
	id := deref(in.DhcpOptionsId)
	if id != vpc.NoDHCP && id != defaultDHCP(c) {
		it, err := load(tx, c, rows.DHCPs, aDHCP, in.DhcpOptionsId, "dhcpOptionsId")
		if err != nil {
			return nil, err
		}
		id = it.ID
	}
	n, err := load(tx, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	n.Value.DHCPOptions = id
	c.Touch(aVPC.arn(c, n.ID))
	return &shape.AssociateDhcpOptionsOutput{}, rows.VPCs.Save(tx, &n)
}

func describeDHCP(c *api.Call, v store.View, in *shape.DescribeDhcpOptionsRequest) (*shape.DescribeDhcpOptionsResult, error) {
	if len(in.DhcpOptionsIds) > 0 && in.MaxResults != nil {
		return nil, fault.New("InvalidParameterCombination", "The parameter maxResults cannot be used with a list of IDs")
	}
	items, err := rows.DHCPs.List(v, store.Query{Scope: c.Scope()})
	if err != nil {
		return nil, err
	}
	// The default set is no row.
	sets := map[string]*vpc.DHCP{defaultDHCP(c): {ID: defaultDHCP(c), Account: c.Account,
		Options: map[string][]string{"domain-name": {vpc.Domain(c.Region)}, "domain-name-servers": {vpc.AmazonDNS}}}}
	for i := range items {
		sets[items[i].ID] = &items[i].Value
	}
	ids := slices.Clone(in.DhcpOptionsIds)
	if len(ids) == 0 {
		ids = slices.Collect(maps.Keys(sets))
	}
	slices.Sort(ids)
	var all []found[vpc.DHCP]
	for _, id := range slices.Compact(ids) {
		if err := aDHCP.well(id); err != nil {
			return nil, err
		}
		o := sets[id]
		if o == nil {
			return nil, aDHCP.none(id)
		}
		tags, err := v.Tags(aDHCP.arn(c, id))
		if err != nil {
			return nil, err
		}
		all = append(all, found[vpc.DHCP]{ID: id, Value: *o, Tags: tags})
	}
	all, err = sift(all, in.Filters, map[string]func(*vpc.DHCP) []string{
		"dhcp-options-id": func(o *vpc.DHCP) []string { return []string{o.ID} },
		"owner-id":        func(o *vpc.DHCP) []string { return []string{o.Account} },
		"key":             func(o *vpc.DHCP) []string { return slices.Collect(maps.Keys(o.Options)) },
		"value":           func(o *vpc.DHCP) []string { return slices.Concat(slices.Collect(maps.Values(o.Options))...) },
	})
	if err != nil {
		return nil, err
	}
	all, next, err := page(all, in.MaxResults, in.NextToken)
	out := &shape.DescribeDhcpOptionsResult{DhcpOptions: []shape.DhcpOptions{}, NextToken: next}
	for i := range all {
		out.DhcpOptions = append(out.DhcpOptions, dhcpShape(&all[i].Value, tagList(all[i].Tags)))
	}
	return out, err
}

func dhcpShape(o *vpc.DHCP, tags []shape.Tag) shape.DhcpOptions {
	out := shape.DhcpOptions{DhcpOptionsId: &o.ID, OwnerId: &o.Account, Tags: tags, DhcpConfigurations: []shape.DhcpConfiguration{}}
	for _, k := range slices.Sorted(maps.Keys(o.Options)) {
		x := shape.DhcpConfiguration{Key: &k}
		for _, v := range o.Options[k] {
			x.Values = append(x.Values, shape.AttributeValue{Value: &v})
		}
		out.DhcpConfigurations = append(out.DhcpConfigurations, x)
	}
	return out
}
