package ec2

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// asker gathers the questions of one call: EC2 asks about each resource of a call on its own, with that resource's own
// condition keys, and all must be allowed. Source: Service Authorization Reference, EC2.
type asker struct {
	c      *api.Call
	v      store.View
	action string
	qs     []api.Question
	err    error
}

func ask(c *api.Call, v store.View, action string) *asker {
	return &asker{c: c, v: v, action: "ec2:" + action}
}

func (a *asker) done() ([]api.Question, error) { return a.qs, a.err }

// all asks about an action without resources (Describe*).
func (a *asker) all() *asker {
	a.qs = append(a.qs, api.Question{Action: a.action, Resource: "*", Keys: a.base()})
	return a
}

// on asks about a resource that exists, or should. A missing parameter asks about every resource of the kind, so that
// nobody learns from a malformed call what only an allowed one would tell.
func (a *asker) on(k kind, id *string, extra ...string) *asker {
	if id == nil || *id == "" {
		a.put(k, "*", a.base(), extra)
		return a
	}
	keys, err := a.keys(k, *id)
	a.err = errors.Join(a.err, err)
	a.put(k, *id, keys, extra)
	return a
}

func (a *asker) each(k kind, ids []string, extra ...string) *asker {
	for i := range ids {
		a.on(k, &ids[i], extra...)
	}
	return a
}

// made asks about a resource that the call would make, and, when tags come with it, about tagging it in its creation.
func (a *asker) made(k kind, specs []shape.TagSpecification, extra ...string) *asker {
	tags := specified(specs, k)
	keys := a.base()
	requestTags(keys, tags)
	a.put(k, "*", keys, extra)
	if len(tags) > 0 {
		also := a.base()
		requestTags(also, tags)
		also["ec2:CreateAction"] = []string{strings.TrimPrefix(a.action, "ec2:")}
		a.qs = append(a.qs, api.Question{Action: "ec2:CreateTags", Resource: k.arn(a.c, "*"), Keys: also})
	}
	return a
}

// put adds one question; extra is pairs of key and value, an empty value is left out.
func (a *asker) put(k kind, id string, keys map[string][]string, extra []string) {
	for i := 0; i+1 < len(extra); i += 2 {
		if extra[i+1] != "" {
			keys[extra[i]] = append(keys[extra[i]], extra[i+1])
		}
	}
	q := api.Question{Action: a.action, Resource: k.arn(a.c, id), Keys: keys}
	a.qs = append(a.qs, q)
}

func (a *asker) base() map[string][]string { return map[string][]string{"ec2:Region": {a.c.Region}} }

// keys are the condition keys of a resource; of one that does not exist only those that its name gives.
func (a *asker) keys(k kind, id string) (map[string][]string, error) {
	out := a.base()
	set := func(key, val string) {
		if key != "" && val != "" {
			out[key] = []string{val}
		}
	}
	arnOf := func(k kind, id string) string {
		if id == "" {
			return ""
		}
		return k.arn(a.c, id)
	}
	s := a.c.Scope()
	var err error
	switch k {
	case aVPC:
		var it store.Item[vpc.VPC]
		it, err = rows.VPCs.Get(a.v, s, id)
		set("ec2:VpcID", id)
		set("ec2:Tenancy", it.Value.Tenancy)
	case aSubnet:
		var it store.Item[vpc.Subnet]
		it, err = rows.Subnets.Get(a.v, s, id)
		set("ec2:SubnetID", id)
		set("ec2:Subnet", k.arn(a.c, id))
		set("ec2:Vpc", arnOf(aVPC, it.Value.VPC))
		set("ec2:AvailabilityZone", it.Value.Zone)
		set("ec2:AvailabilityZoneId", it.Value.ZoneID)
	case aGroup:
		var it store.Item[vpc.Group]
		it, err = rows.Groups.Get(a.v, s, id)
		set("ec2:SecurityGroupID", id)
		set("ec2:Vpc", arnOf(aVPC, it.Value.VPC))
	case aTable:
		var it store.Item[vpc.RouteTable]
		it, err = rows.RouteTables.Get(a.v, s, id)
		set("ec2:RouteTableID", id)
		set("ec2:Vpc", arnOf(aVPC, it.Value.VPC))
	case anEndpoint:
		var it store.Item[vpc.Endpoint]
		it, err = rows.Endpoints.Get(a.v, s, id)
		set("ec2:VpceServiceName", it.Value.Service)
	case anInterface:
		var it store.Item[vpc.Interface]
		it, err = rows.Interfaces.Get(a.v, s, id)
		set("ec2:NetworkInterfaceID", id)
		set("ec2:Subnet", arnOf(aSubnet, it.Value.Subnet))
		set("ec2:Vpc", arnOf(aVPC, it.Value.VPC))
		set("ec2:AvailabilityZone", it.Value.Zone)
	default:
		set(map[string]string{"dhcp-options": "ec2:DhcpOptionsID", "elastic-ip": "ec2:AllocationId", "internet-gateway": "ec2:InternetGatewayID",
			"network-acl": "ec2:NetworkAclID", "vpc-peering-connection": "ec2:VpcPeeringConnectionID", "instance": "ec2:InstanceID"}[k.name], id)
		err = a.joined(k.name, id, set)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	tags, err := a.v.Tags(k.arn(a.c, id))
	for key, val := range tags {
		out["aws:ResourceTag/"+key] = []string{val}
		out["ec2:ResourceTag/"+key] = []string{val}
	}
	return out, err
}

func requestTags(keys map[string][]string, tags map[string]string) {
	for k, v := range tags {
		keys["aws:RequestTag/"+k] = []string{v}
	}
	if len(tags) > 0 {
		keys["aws:TagKeys"] = slices.Sorted(maps.Keys(tags))
	}
}

// attributes are the keys of a call that changes attributes.
func attributes(set map[string]*shape.AttributeBooleanValue) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if p := set[name]; p != nil {
			out = append(out, "ec2:Attribute", name)
			if p.Value != nil {
				out = append(out, "ec2:Attribute/"+name, map[bool]string{true: "true", false: "false"}[*p.Value])
			}
		}
	}
	return out
}
