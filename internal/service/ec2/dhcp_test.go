package ec2_test

import (
	"testing"

	shape "cloister/internal/shape/ec2"
)

func option(key string, values ...string) *shape.CreateDhcpOptionsRequest {
	return &shape.CreateDhcpOptionsRequest{DhcpConfigurations: []shape.NewDhcpConfiguration{{Key: &key, Values: values}}}
}

func TestDHCPOptionsRefused(t *testing.T) {
	h := open(t)
	twice := option("domain-name", "a.example")
	twice.DhcpConfigurations = append(twice.DhcpConfigurations, twice.DhcpConfigurations[0])
	for name, in := range map[string]*shape.CreateDhcpOptionsRequest{
		"unknown":         option("routers", "10.0.0.1"),
		"two domains":     option("domain-name", "a.example", "b.example"),
		"a second line":   option("domain-name", "a.example\nnameserver 10.9.9.9"),
		"nothing":         option("domain-name-servers"),
		"five":            option("domain-name-servers", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"),
		"a name":          option("domain-name-servers", "ns.example"),
		"IPv6":            option("domain-name-servers", "fd00::1"),
		"amazon's clock":  option("ntp-servers", "AmazonProvidedDNS"),
		"node type":       option("netbios-node-type", "3"),
		"an option twice": twice,
	} {
		t.Run(name, func(*testing.T) { h.refuse("InvalidParameterValue", in) })
	}
	h.refuse("MissingParameter", &shape.CreateDhcpOptionsRequest{})
}

func TestDHCPOptionsLive(t *testing.T) {
	h := open(t)
	id, _ := h.net("10.0.0.0/16", "10.0.1.0/24")
	in := option("domain-name-servers", "10.0.0.9", "AmazonProvidedDNS")
	in.DhcpConfigurations = append(in.DhcpConfigurations, shape.NewDhcpConfiguration{Key: new("domain-name"), Values: []string{"a.example"}})
	in.TagSpecifications = []shape.TagSpecification{{ResourceType: new("dhcp-options"), Tags: []shape.Tag{{Key: new("a"), Value: new("b")}}}}
	o := do[shape.CreateDhcpOptionsResult](h, in).DhcpOptions
	if *o.DhcpConfigurations[0].Key != "domain-name" || len(o.DhcpConfigurations[1].Values) != 2 || len(o.Tags) != 1 {
		t.Errorf("%+v", o)
	}
	do[shape.CreateTagsOutput](h, &shape.CreateTagsRequest{Resources: []string{*o.DhcpOptionsId}, Tags: []shape.Tag{{Key: new("c"), Value: new("d")}}})
	do[shape.AssociateDhcpOptionsOutput](h, &shape.AssociateDhcpOptionsRequest{DhcpOptionsId: o.DhcpOptionsId, VpcId: &id})
	if v := do[shape.DescribeVpcsResult](h, &shape.DescribeVpcsRequest{Filters: filter("dhcp-options-id", *o.DhcpOptionsId)}).Vpcs; len(v) != 1 {
		t.Errorf("%+v", v)
	}
	h.refuse("DependencyViolation", &shape.DeleteDhcpOptionsRequest{DhcpOptionsId: o.DhcpOptionsId})
	if all := do[shape.DescribeDhcpOptionsResult](h, &shape.DescribeDhcpOptionsRequest{}).DhcpOptions; len(all) != 2 {
		t.Errorf("%+v", all)
	}
	if got := do[shape.DescribeDhcpOptionsResult](h, &shape.DescribeDhcpOptionsRequest{Filters: filter("tag:c", "d")}).DhcpOptions; len(got) != 1 || *got[0].DhcpOptionsId != *o.DhcpOptionsId {
		t.Errorf("%+v", got)
	}
	do[shape.AssociateDhcpOptionsOutput](h, &shape.AssociateDhcpOptionsRequest{DhcpOptionsId: new("default"), VpcId: &id})
	do[shape.DeleteDhcpOptionsOutput](h, &shape.DeleteDhcpOptionsRequest{DhcpOptionsId: o.DhcpOptionsId})
	h.refuse("InvalidDhcpOptionID.NotFound", &shape.AssociateDhcpOptionsRequest{DhcpOptionsId: o.DhcpOptionsId, VpcId: &id})
	h.refuse("InvalidDhcpOptionID.NotFound", &shape.DescribeDhcpOptionsRequest{DhcpOptionsIds: []string{*o.DhcpOptionsId}})
	def := do[shape.DescribeDhcpOptionsResult](h, &shape.DescribeDhcpOptionsRequest{}).DhcpOptions[0]
	h.refuse("DependencyViolation", &shape.DeleteDhcpOptionsRequest{DhcpOptionsId: def.DhcpOptionsId})
}
