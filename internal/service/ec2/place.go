package ec2

import (
	"errors"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
)

type zone struct{ name, id string }

// zones are a region's availability zones: three, of us-east-1 six. The ids follow AWS's short names of regions.
func zones(region string) []zone {
	letters := "abc"
	if region == "us-east-1" {
		letters = "abcdef"
	}
	parts := strings.Split(region, "-")
	short := ""
	for i, p := range parts {
		switch {
		case i == 0, i == len(parts)-1:
			short += p
		case p == "gov":
			short += "g"
		case len(p) > 5 && (p[:5] == "north" || p[:5] == "south"): // southeast: se
			short += p[:1] + p[5:6]
		default:
			short += p[:1]
		}
	}
	var out []zone
	for i, l := range letters {
		out = append(out, zone{region + string(l), short + "-az" + string(rune('1'+i))})
	}
	return out
}

func commercial() []string {
	return []string{"ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1",
		"eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2"}
}

func (s *Service) placeRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.DescribeAvailabilityZonesRequest, shape.DescribeAvailabilityZonesResult]{
			Name: "DescribeAvailabilityZones", Honours: []string{"ZoneNames", "ZoneIds", "AllAvailabilityZones", "Filters.*", "DryRun"},
			Questions: describing[shape.DescribeAvailabilityZonesRequest]("DescribeAvailabilityZones"),
			View:      describeZones,
		},
		api.Op[shape.DescribeRegionsRequest, shape.DescribeRegionsResult]{
			Name: "DescribeRegions", Honours: []string{"RegionNames", "AllRegions", "Filters.*", "DryRun"},
			Questions: describing[shape.DescribeRegionsRequest]("DescribeRegions"),
			View:      s.describeRegions,
		},
		api.Op[shape.DescribeAccountAttributesRequest, shape.DescribeAccountAttributesResult]{
			Name: "DescribeAccountAttributes", Honours: []string{"AttributeNames", "DryRun"},
			Questions: describing[shape.DescribeAccountAttributesRequest]("DescribeAccountAttributes"),
			View:      describeAccount,
		},
	}
}

func describeZones(c *api.Call, _ store.View, in *shape.DescribeAvailabilityZonesRequest) (*shape.DescribeAvailabilityZonesResult, error) {
	var all []found[shape.AvailabilityZone]
	known := map[string]bool{}
	for _, z := range zones(c.Region) {
		known[z.name], known[z.id] = true, true
		if len(in.ZoneNames) > 0 && !slices.Contains(in.ZoneNames, z.name) || len(in.ZoneIds) > 0 && !slices.Contains(in.ZoneIds, z.id) {
			continue
		}
		all = append(all, found[shape.AvailabilityZone]{ID: z.name, Value: shape.AvailabilityZone{
			ZoneName: &z.name, ZoneId: &z.id, RegionName: &c.Region, State: new("available"), OptInStatus: new("opt-in-not-required"),
			ZoneType: new("availability-zone"), GroupName: &c.Region, NetworkBorderGroup: &c.Region, Messages: []shape.AvailabilityZoneMessage{}}})
	}
	for _, n := range append(slices.Clone(in.ZoneNames), in.ZoneIds...) {
		if !known[n] {
			return nil, invalid("Invalid availability zone: [%s]", n)
		}
	}
	type az = shape.AvailabilityZone
	one := func(get func(*az) *string) func(*az) []string {
		return func(z *az) []string { return []string{*get(z)} }
	}
	all, err := sift(all, in.Filters, map[string]func(*az) []string{
		"zone-name": one(func(z *az) *string { return z.ZoneName }), "zone-id": one(func(z *az) *string { return z.ZoneId }),
		"region-name": one(func(z *az) *string { return z.RegionName }), "state": one(func(z *az) *string { return z.State }),
		"opt-in-status": one(func(z *az) *string { return z.OptInStatus }), "zone-type": one(func(z *az) *string { return z.ZoneType }),
		"group-name": one(func(z *az) *string { return z.GroupName }),
	})
	out := &shape.DescribeAvailabilityZonesResult{AvailabilityZones: []az{}}
	for _, z := range all {
		out.AvailabilityZones = append(out.AvailabilityZones, z.Value)
	}
	return out, err
}

func (s *Service) describeRegions(c *api.Call, _ store.View, in *shape.DescribeRegionsRequest) (*shape.DescribeRegionsResult, error) {
	names := append(slices.Clone(s.cfg.Regions), c.Region)
	slices.Sort(names)
	names = slices.Compact(names)
	for _, n := range in.RegionNames {
		if !slices.Contains(names, n) {
			return nil, invalid("Invalid region provided: [%s]", n)
		}
	}
	var all []found[shape.Region]
	for _, n := range names {
		if len(in.RegionNames) == 0 || slices.Contains(in.RegionNames, n) {
			all = append(all, found[shape.Region]{ID: n, Value: shape.Region{RegionName: &n, Endpoint: new("ec2." + n + ".amazonaws.com"), OptInStatus: new("opt-in-not-required")}})
		}
	}
	all, err := sift(all, in.Filters, map[string]func(*shape.Region) []string{
		"region-name":   func(r *shape.Region) []string { return []string{*r.RegionName} },
		"endpoint":      func(r *shape.Region) []string { return []string{*r.Endpoint} },
		"opt-in-status": func(r *shape.Region) []string { return []string{*r.OptInStatus} },
	})
	out := &shape.DescribeRegionsResult{Regions: []shape.Region{}}
	for _, r := range all {
		out.Regions = append(out.Regions, r.Value)
	}
	return out, err
}

func describeAccount(c *api.Call, v store.View, in *shape.DescribeAccountAttributesRequest) (*shape.DescribeAccountAttributesResult, error) {
	home := "none"
	if n, err := defaultVPC(c, v); err == nil {
		home = n.ID
	} else if !absent(err) {
		return nil, err
	}
	known := []struct{ name, value string }{{"supported-platforms", "VPC"}, {"default-vpc", home}, {"max-elastic-ips", itoa(addressLimit)},
		{"vpc-max-elastic-ips", itoa(addressLimit)}, {"vpc-max-security-groups-per-interface", "5"}}
	out := &shape.DescribeAccountAttributesResult{AccountAttributes: []shape.AccountAttribute{}}
	for _, n := range in.AttributeNames {
		if !slices.ContainsFunc(known, func(k struct{ name, value string }) bool { return k.name == n }) {
			return nil, invalid("Value (%s) for parameter attributeName is invalid.", n)
		}
	}
	for _, k := range known {
		if len(in.AttributeNames) == 0 || slices.Contains(in.AttributeNames, k.name) {
			out.AccountAttributes = append(out.AccountAttributes, shape.AccountAttribute{AttributeName: &k.name,
				AttributeValues: []shape.AccountAttributeValue{{AttributeValue: &k.value}}})
		}
	}
	return out, nil
}

// absent reports whether a row was not there.
func absent(err error) bool { return errors.Is(err, store.ErrNotFound) }

// without gives the elements that do not fit, in a new list.
func without[T any](list []T, fits func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), fits)
}

// notBuilt refuses a value of a member that is honoured otherwise.
func notBuilt(format string, args ...any) *fault.Fault {
	return fault.Of(fault.NotImplemented, format, args...)
}
