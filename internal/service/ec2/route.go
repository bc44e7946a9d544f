package ec2

import (
	"cmp"
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

func (s *Service) routeRows() []api.Rower {
	targets := []string{"RouteTableId", "DestinationCidrBlock", "DestinationPrefixListId", "GatewayId", "NatGatewayId", "NetworkInterfaceId",
		"VpcEndpointId", "VpcPeeringConnectionId", "DryRun"}
	return []api.Rower{
		api.Op[shape.CreateRouteRequest, shape.CreateRouteResult]{
			Name: "CreateRoute", Honours: targets,
			Questions: func(c *api.Call, v store.View, in *shape.CreateRouteRequest) ([]api.Question, error) {
				return ask(c, v, "CreateRoute").on(aTable, in.RouteTableId).done()
			},
			Act: func(c *api.Call, tx store.Tx, in *shape.CreateRouteRequest) (*shape.CreateRouteResult, error) {
				t, at, err := routeOf(c, tx, in.RouteTableId, in.DestinationCidrBlock, in.DestinationPrefixListId)
				if err != nil {
					return nil, err
				}
				if at.taken() {
					return nil, fault.New("RouteAlreadyExists", "The route identified by %s already exists.", at.name)
				}
				to, err := target(c, tx, t, in.GatewayId, in.NatGatewayId, in.NetworkInterfaceId, in.VpcEndpointId, in.VpcPeeringConnectionId)
				if err != nil {
					return nil, err
				}
				if len(t.Value.Routes) >= routeLimit {
					return nil, fault.New("RouteLimitExceeded", "The maximum number of routes has been reached.")
				}
				t.Value.Routes = append(t.Value.Routes, vpc.Route{Dest: at.dest, PrefixList: deref(in.DestinationPrefixListId), Target: to, Origin: "CreateRoute"})
				c.Touch(aTable.arn(c, t.ID))
				return &shape.CreateRouteResult{Return: new(true)}, rows.RouteTables.Save(tx, &t)
			},
		},
		api.Op[shape.ReplaceRouteRequest, shape.ReplaceRouteOutput]{
			Name: "ReplaceRoute", Honours: targets,
			Questions: func(c *api.Call, v store.View, in *shape.ReplaceRouteRequest) ([]api.Question, error) {
				return ask(c, v, "ReplaceRoute").on(aTable, in.RouteTableId).done()
			},
			Act: func(c *api.Call, tx store.Tx, in *shape.ReplaceRouteRequest) (*shape.ReplaceRouteOutput, error) {
				t, at, err := routeOf(c, tx, in.RouteTableId, in.DestinationCidrBlock, in.DestinationPrefixListId)
				if err != nil {
					return nil, err
				}
				if !at.taken() {
					return nil, invalid("There is no route defined for '%s' in the route table. Use CreateRoute instead.", at.name)
				}
				if at.static < 0 {
					return nil, invalid("cannot replace the route %s in route table %s: it is not of your making", at.name, t.ID)
				}
				to, err := target(c, tx, t, in.GatewayId, in.NatGatewayId, in.NetworkInterfaceId, in.VpcEndpointId, in.VpcPeeringConnectionId)
				if err != nil {
					return nil, err
				}
				t.Value.Routes[at.static].Target = to
				c.Touch(aTable.arn(c, t.ID))
				return &shape.ReplaceRouteOutput{}, rows.RouteTables.Save(tx, &t)
			},
		},
		api.Op[shape.DeleteRouteRequest, shape.DeleteRouteOutput]{
			Name: "DeleteRoute", Honours: []string{"RouteTableId", "DestinationCidrBlock", "DestinationPrefixListId", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DeleteRouteRequest) ([]api.Question, error) {
				return ask(c, v, "DeleteRoute").on(aTable, in.RouteTableId).done()
			},
			Act: deleteRoute,
		},
	}
}

// routeLimit is AWS's quota of routes in a table that its owner made (VPC User Guide, quotas).
const routeLimit = 500

// place is where a destination stands in a route table.
type place struct {
	name     string
	local    bool
	endpoint string // the gateway endpoint that owns the route
	static   int    // index in the table's own routes, or -1
	dest     netip.Prefix
}

func (p place) taken() bool { return p.local || p.endpoint != "" || p.static >= 0 }

func routeOf(c *api.Call, v store.View, table, cidr, list *string) (store.Item[vpc.RouteTable], place, error) {
	at := place{static: -1}
	t, err := load(v, c, rows.RouteTables, aTable, table, "routeTableId")
	if err != nil {
		return t, at, err
	}
	n, err := rows.VPCs.Get(v, c.Scope(), t.Value.VPC)
	if err != nil {
		return t, at, err
	}
	var dest netip.Prefix
	switch {
	case (cidr == nil) == (list == nil):
		return t, at, fault.New("InvalidParameterCombination", "The request must contain exactly one of destinationCidrBlock, destinationPrefixListId")
	case cidr != nil:
		if dest, err = block(*cidr, "destinationCidrBlock"); err != nil {
			return t, at, err
		}
		at.name, at.dest = dest.String(), dest
		for _, p := range n.Value.CIDRs {
			if p == dest {
				at.local = true
			} else if p.Overlaps(dest) && p.Bits() < dest.Bits() {
				return t, at, invalid("Route destination %s lies within the VPC's own CIDR block %s", dest, p)
			}
		}
	default:
		if _, err := prefixesOf(c, v, *list); err != nil {
			return t, at, err
		}
		at.name = *list
		ends, err := within(v, c, rows.Endpoints, t.Value.VPC)
		if err != nil {
			return t, at, err
		}
		for _, e := range ends {
			if listOf(c, e.Value.Service) == *list && slices.Contains(e.Value.RouteTables, t.ID) {
				at.endpoint = e.ID
			}
		}
	}
	at.static = slices.IndexFunc(t.Value.Routes, func(r vpc.Route) bool {
		return cidr != nil && r.PrefixList == "" && r.Dest == dest || list != nil && r.PrefixList == *list
	})
	return t, at, nil
}

// target checks what a route is to lead to: it must exist, and be of the table's VPC. Routes to gateway endpoints are made by
// the endpoint.
func target(c *api.Call, v store.View, t store.Item[vpc.RouteTable], gateway, nat, eni, endpoint, peering *string) (string, error) {
	var given []string
	for _, p := range []*string{gateway, nat, eni, endpoint, peering} {
		if p != nil {
			given = append(given, *p)
		}
	}
	if len(given) != 1 {
		return "", fault.New("InvalidParameterCombination", "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId, vpcEndpointId")
	}
	id := given[0]
	home := ""
	switch {
	case id == "local":
		return "", invalid("The local route of route table %s exists; it cannot be added.", t.ID)
	case strings.HasPrefix(id, anEndpoint.pre):
		return "", invalid("Route table %s gets its route to %s from the endpoint: use ModifyVpcEndpoint with AddRouteTableId.", t.ID, id)
	case nat != nil:
		n, err := rows.NATs.Get(v, c.Scope(), id)
		if absent(err) || err == nil && n.Value.Gone() {
			return "", fault.New("InvalidNatGatewayID.NotFound", "The natGateway ID '%s' does not exist", id)
		}
		if err != nil {
			return "", err
		}
		home = n.Value.VPC
	case peering != nil:
		p, err := loadPeering(c, v, peering)
		if err != nil {
			return "", err
		}
		if !p.Value.Active() {
			return "", invalid("The peering connection %s is in the state %s; a route needs an active one.", id, p.Value.Status)
		}
		for _, s := range []vpc.PeerSide{p.Value.Requester, p.Value.Accepter} {
			if s.VPC == t.Value.VPC {
				home = s.VPC
			}
		}
	case eni != nil:
		i, err := load(v, c, rows.Interfaces, anInterface, eni, "networkInterfaceId")
		if err != nil {
			return "", err
		}
		home = i.Value.VPC
	default:
		g, err := rows.InternetGateways.Get(v, c.Scope(), id)
		if absent(err) {
			return "", fault.New("InvalidGatewayID.NotFound", "The gateway ID '%s' does not exist", id)
		}
		if err != nil {
			return "", err
		}
		home = g.Value.VPC
	}
	if home != t.Value.VPC {
		return "", invalid("route table %s and network gateway %s belong to different networks", t.ID, id)
	}
	return id, nil
}

// leadsNowhere reports a route whose target carries nothing now. It stays in the table, as a blackhole, and works again when the
// target does.
func leadsNowhere(c *api.Call, v store.View, home, target string) (bool, error) {
	var ok bool
	var err error
	switch {
	case strings.HasPrefix(target, aNAT.pre):
		var it store.Item[vpc.NAT]
		it, err = rows.NATs.Get(v, c.Scope(), target)
		ok = !it.Value.Gone()
	case strings.HasPrefix(target, aPeering.pre):
		var it store.Item[vpc.Peering]
		it, err = rows.Peerings.Get(v, between(c), target)
		ok = it.Value.Active()
	case strings.HasPrefix(target, anInterface.pre):
		var it store.Item[vpc.Interface]
		it, err = rows.Interfaces.Get(v, c.Scope(), target)
		ok = it.Value.Attachment != nil
	case strings.HasPrefix(target, aGateway.pre):
		var it store.Item[vpc.InternetGateway]
		it, err = rows.InternetGateways.Get(v, c.Scope(), target)
		ok = it.Value.VPC == home
	}
	if absent(err) {
		return true, nil
	}
	return !ok, err
}

func noRoute(at place, table string) *fault.Fault {
	return fault.New("InvalidRoute.NotFound", "no route with destination %s in route table %s", at.name, table)
}

func deleteRoute(c *api.Call, tx store.Tx, in *shape.DeleteRouteRequest) (*shape.DeleteRouteOutput, error) {
	t, at, err := routeOf(c, tx, in.RouteTableId, in.DestinationCidrBlock, in.DestinationPrefixListId)
	switch {
	case err != nil:
		return nil, err
	case at.local:
		return nil, invalid("cannot remove local route %s in route table %s", at.name, t.ID)
	case at.endpoint != "":
		return nil, invalid("cannot remove VPC endpoint route %s in route table %s", at.name, t.ID)
	case at.static < 0:
		return nil, noRoute(at, t.ID)
	}
	t.Value.Routes = slices.Delete(t.Value.Routes, at.static, at.static+1)
	c.Touch(aTable.arn(c, t.ID))
	return &shape.DeleteRouteOutput{}, rows.RouteTables.Save(tx, &t)
}

// routeShapes are the routes of a table: the local ones, its own, and those of gateway endpoints.
func routeShapes(c *api.Call, v store.View, t *vpc.RouteTable) ([]shape.Route, error) {
	n, err := rows.VPCs.Get(v, c.Scope(), t.VPC)
	if err != nil {
		return nil, err
	}
	out := []shape.Route{}
	for _, p := range n.Value.CIDRs {
		out = append(out, shape.Route{DestinationCidrBlock: new(p.String()), GatewayId: new("local"), Origin: new("CreateRouteTable"), State: new("active")})
	}
	for _, r := range t.Routes {
		s := shape.Route{Origin: new(cmp.Or(r.Origin, "CreateRoute")), State: new("active")}
		nowhere, err := leadsNowhere(c, v, t.VPC, r.Target)
		if err != nil {
			return nil, err
		}
		if nowhere {
			s.State = new("blackhole")
		}
		if r.PrefixList != "" {
			s.DestinationPrefixListId = &r.PrefixList
		} else {
			s.DestinationCidrBlock = new(r.Dest.String())
		}
		switch {
		case strings.HasPrefix(r.Target, "nat-"):
			s.NatGatewayId = &r.Target
		case strings.HasPrefix(r.Target, "eni-"):
			s.NetworkInterfaceId = &r.Target
		case strings.HasPrefix(r.Target, "pcx-"):
			s.VpcPeeringConnectionId = &r.Target
		default:
			s.GatewayId = &r.Target
		}
		out = append(out, s)
	}
	ends, err := within(v, c, rows.Endpoints, t.VPC)
	if err != nil {
		return nil, err
	}
	for _, e := range ends {
		if slices.Contains(e.Value.RouteTables, t.ID) {
			out = append(out, shape.Route{DestinationPrefixListId: new(listOf(c, e.Value.Service)), GatewayId: &e.ID, Origin: new("CreateRoute"), State: new("active")})
		}
	}
	return out, nil
}
