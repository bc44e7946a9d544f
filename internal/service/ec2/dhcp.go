package ec2

import (
	"crypto/sha256"
	"encoding/hex"

	"cloister/internal/api"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
)

// defaultDHCP is the id of the options set that every VPC has: one for each account and region, never made, never deleted.
func defaultDHCP(c *api.Call) string {
	h := sha256.Sum256([]byte("dhcp-options/" + c.Partition + "/" + c.Account + "/" + c.Region))
	return aDHCP.pre + hex.EncodeToString(h[:])[:17]
}

func (s *Service) dhcpRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.DescribeDhcpOptionsRequest, shape.DescribeDhcpOptionsResult]{
			Name: "DescribeDhcpOptions", Honours: describeMembers("DhcpOptionsIds"),
			Questions: describing[shape.DescribeDhcpOptionsRequest]("DescribeDhcpOptions"),
			View:      describeDHCP,
		},
	}
}

func describeDHCP(c *api.Call, v store.View, in *shape.DescribeDhcpOptionsRequest) (*shape.DescribeDhcpOptionsResult, error) {
	id := defaultDHCP(c)
	for _, want := range in.DhcpOptionsIds {
		if err := aDHCP.well(want); err != nil {
			return nil, err
		}
		if want != id {
			return nil, aDHCP.none(want)
		}
	}
	tags, err := v.Tags(aDHCP.arn(c, id))
	if err != nil {
		return nil, err
	}
	domain := c.Region + ".compute.internal"
	if c.Region == "us-east-1" {
		domain = "ec2.internal"
	}
	config := []shape.DhcpConfiguration{
		{Key: new("domain-name"), Values: []shape.AttributeValue{{Value: &domain}}},
		{Key: new("domain-name-servers"), Values: []shape.AttributeValue{{Value: new("AmazonProvidedDNS")}}},
	}
	all := []found[shape.DhcpOptions]{{ID: id, Tags: tags, Value: shape.DhcpOptions{DhcpOptionsId: &id, OwnerId: &c.Account, DhcpConfigurations: config, Tags: tagList(tags)}}}
	all, err = sift(all, in.Filters, map[string]func(*shape.DhcpOptions) []string{
		"dhcp-options-id": func(o *shape.DhcpOptions) []string { return []string{*o.DhcpOptionsId} },
		"owner-id":        func(o *shape.DhcpOptions) []string { return []string{*o.OwnerId} },
		"key":             func(*shape.DhcpOptions) []string { return []string{"domain-name", "domain-name-servers"} },
		"value":           func(*shape.DhcpOptions) []string { return []string{domain, "AmazonProvidedDNS"} },
	})
	if err != nil {
		return nil, err
	}
	all, next, err := page(all, in.MaxResults, in.NextToken)
	out := &shape.DescribeDhcpOptionsResult{DhcpOptions: []shape.DhcpOptions{}, NextToken: next}
	for _, o := range all {
		out.DhcpOptions = append(out.DhcpOptions, o.Value)
	}
	return out, err
}
