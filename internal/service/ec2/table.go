package ec2

import (
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func (s *Service) tableRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateRouteTableRequest, shape.CreateRouteTableResult]{
			Name: "CreateRouteTable", Honours: []string{"VpcId", "TagSpecifications.*", "ClientToken", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.CreateRouteTableRequest) ([]api.Question, error) {
				return ask(c, v, "CreateRouteTable").made(aTable, in.TagSpecifications).on(aVPC, in.VpcId).done()
			},
			Act: createTable,
		},
		api.Op[shape.DeleteRouteTableRequest, shape.DeleteRouteTableOutput]{
			Name: "DeleteRouteTable", Honours: []string{"RouteTableId", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DeleteRouteTableRequest) ([]api.Question, error) {
				return ask(c, v, "DeleteRouteTable").on(aTable, in.RouteTableId).done()
			},
			Act: deleteTable,
		},
		api.Op[shape.DescribeRouteTablesRequest, shape.DescribeRouteTablesResult]{
			Name: "DescribeRouteTables", Honours: describeMembers("RouteTableIds"),
			Questions: describing[shape.DescribeRouteTablesRequest]("DescribeRouteTables"),
			View:      describeTables,
		},
		api.Op[shape.AssociateRouteTableRequest, shape.AssociateRouteTableResult]{
			Name: "AssociateRouteTable", Honours: []string{"RouteTableId", "SubnetId", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.AssociateRouteTableRequest) ([]api.Question, error) {
				return ask(c, v, "AssociateRouteTable").on(aTable, in.RouteTableId).on(aSubnet, in.SubnetId).done()
			},
			Act: associate,
		},
		api.Op[shape.DisassociateRouteTableRequest, shape.DisassociateRouteTableOutput]{
			Name: "DisassociateRouteTable", Honours: []string{"AssociationId", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DisassociateRouteTableRequest) ([]api.Question, error) {
				return askAssociation(c, v, "DisassociateRouteTable", in.AssociationId, nil)
			},
			Act: disassociate,
		},
		api.Op[shape.ReplaceRouteTableAssociationRequest, shape.ReplaceRouteTableAssociationResult]{
			Name: "ReplaceRouteTableAssociation", Honours: []string{"AssociationId", "RouteTableId", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.ReplaceRouteTableAssociationRequest) ([]api.Question, error) {
				return askAssociation(c, v, "ReplaceRouteTableAssociation", in.AssociationId, in.RouteTableId)
			},
			Act: reassociate,
		},
	}
}

// askAssociation asks about both ends of an association, and about the table that is to take it over.
func askAssociation(c *api.Call, v store.View, action string, id, table *string) ([]api.Question, error) {
	a := ask(c, v, action)
	t, err := rows.RouteTables.Find(v, c.Scope(), "association", deref(id))
	switch {
	case absent(err):
		return a.on(aTable, table).done()
	case err != nil:
		return nil, err
	}
	a.on(aTable, &t.ID)
	if table != nil && *table != t.ID {
		a.on(aTable, table)
	}
	for _, x := range t.Value.Associations {
		if x.ID == *id {
			a.on(aSubnet, &x.Subnet)
		}
	}
	return a.done()
}

// tokens remembers what a client token made, for the kinds whose rows have no place for it.
type token struct{ ID, Params string }

var tokens = store.Table[token]{Kind: "ec2-token"}

// repeated finds what a client token made before; nil when nothing did, or when that is gone. The same token with other
// parameters is refused.
func repeated[T any](c *api.Call, tx store.Tx, t store.Table[T], kind string, tok *string, params string) (*store.Item[T], error) {
	if deref(tok) == "" {
		return nil, nil
	}
	was, err := tokens.Get(tx, c.Scope(), kind+"/"+*tok)
	switch {
	case absent(err):
		return nil, nil
	case err != nil:
		return nil, err
	case was.Value.Params != params:
		return nil, mismatch()
	}
	old, err := t.Get(tx, c.Scope(), was.Value.ID)
	if absent(err) { // what it made is gone
		return nil, tokens.Delete(tx, c.Scope(), was.ID)
	}
	return &old, err
}

// remember ties a client token to what it made.
func remember(c *api.Call, tx store.Tx, kind string, tok *string, id, params string) error {
	if deref(tok) == "" {
		return nil
	}
	return tokens.Create(tx, c.Scope(), kind+"/"+*tok, &token{id, params})
}

func createTable(c *api.Call, tx store.Tx, in *shape.CreateRouteTableRequest) (*shape.CreateRouteTableResult, error) {
	n, err := load(tx, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	if was, err := repeated(c, tx, rows.RouteTables, "route-table", in.ClientToken, n.ID); err != nil {
		return nil, err
	} else if was != nil {
		out, err := tableShape(c, tx, &was.Value)
		return &shape.CreateRouteTableResult{RouteTable: out, ClientToken: in.ClientToken}, err
	}
	if err := tables().holds(c, tx, n.ID); err != nil {
		return nil, err
	}
	t := vpc.RouteTable{ID: c.Dice.ID("rtb"), VPC: n.ID, Account: c.Account}
	if err := rows.RouteTables.Create(tx, c.Scope(), t.ID, &t); err != nil {
		return nil, err
	}
	if err := remember(c, tx, "route-table", in.ClientToken, t.ID, n.ID); err != nil {
		return nil, err
	}
	if _, err := tagNew(c, tx, aTable, t.ID, in.TagSpecifications); err != nil {
		return nil, err
	}
	c.Touch(aTable.arn(c, t.ID))
	out, err := tableShape(c, tx, &t)
	return &shape.CreateRouteTableResult{RouteTable: out, ClientToken: in.ClientToken}, err
}

func mismatch() *fault.Fault {
	return fault.New("IdempotentParameterMismatch", "The client token was used before with other parameters.")
}

// deleteTable refuses the main table and one that a subnet uses. Endpoints lose it silently, as on AWS.
func deleteTable(c *api.Call, tx store.Tx, in *shape.DeleteRouteTableRequest) (*shape.DeleteRouteTableOutput, error) {
	it, err := load(tx, c, rows.RouteTables, aTable, in.RouteTableId, "routeTableId")
	if err != nil {
		return nil, err
	}
	if it.Value.Main || len(it.Value.Associations) > 0 {
		return nil, depends("routeTable", it.ID)
	}
	ends, err := within(tx, c, rows.Endpoints, it.Value.VPC)
	if err != nil {
		return nil, err
	}
	for _, e := range ends {
		if slices.Contains(e.Value.RouteTables, it.ID) {
			e.Value.RouteTables = without(e.Value.RouteTables, func(id string) bool { return id == it.ID })
			if err := rows.Endpoints.Save(tx, &e); err != nil {
				return nil, err
			}
		}
	}
	return &shape.DeleteRouteTableOutput{}, drop(c, tx, rows.RouteTables, aTable, it.ID)
}

func associate(c *api.Call, tx store.Tx, in *shape.AssociateRouteTableRequest) (*shape.AssociateRouteTableResult, error) {
	t, err := load(tx, c, rows.RouteTables, aTable, in.RouteTableId, "routeTableId")
	if err != nil {
		return nil, err
	}
	sn, err := load(tx, c, rows.Subnets, aSubnet, in.SubnetId, "subnetId")
	if err != nil {
		return nil, err
	}
	if sn.Value.VPC != t.Value.VPC {
		return nil, invalid("route table %s and subnet %s belong to different networks", t.ID, sn.ID)
	}
	was, err := rows.RouteTables.Find(tx, c.Scope(), "subnet", sn.ID)
	if err == nil {
		return nil, fault.New("Resource.AlreadyAssociated", "the specified association for route table %s conflicts with an existing association of %s with %s", t.ID, sn.ID, was.ID)
	}
	if !absent(err) {
		return nil, err
	}
	a := vpc.Association{ID: c.Dice.ID("rtbassoc"), Subnet: sn.ID}
	t.Value.Associations = append(t.Value.Associations, a)
	c.Touch(aTable.arn(c, t.ID), aSubnet.arn(c, sn.ID))
	return &shape.AssociateRouteTableResult{AssociationId: &a.ID, AssociationState: associated()}, rows.RouteTables.Save(tx, &t)
}

func associated() *shape.RouteTableAssociationState {
	return &shape.RouteTableAssociationState{State: new("associated")}
}

func findAssociation(c *api.Call, v store.View, id *string) (store.Item[vpc.RouteTable], error) {
	want, err := anAssoc.id(id, "associationId")
	if err != nil {
		return store.Item[vpc.RouteTable]{}, err
	}
	t, err := rows.RouteTables.Find(v, c.Scope(), "association", want)
	if absent(err) {
		return t, anAssoc.none(want)
	}
	return t, err
}

func disassociate(c *api.Call, tx store.Tx, in *shape.DisassociateRouteTableRequest) (*shape.DisassociateRouteTableOutput, error) {
	t, err := findAssociation(c, tx, in.AssociationId)
	if err != nil {
		return nil, err
	}
	if t.Value.MainAssociation == *in.AssociationId {
		return nil, invalid("cannot disassociate the main route table association %s", *in.AssociationId)
	}
	t.Value.Associations = without(t.Value.Associations, func(a vpc.Association) bool { return a.ID == *in.AssociationId })
	c.Touch(aTable.arn(c, t.ID))
	return &shape.DisassociateRouteTableOutput{}, rows.RouteTables.Save(tx, &t)
}

// reassociate moves an association to another table; moving the main association makes that table the main one.
func reassociate(c *api.Call, tx store.Tx, in *shape.ReplaceRouteTableAssociationRequest) (*shape.ReplaceRouteTableAssociationResult, error) {
	from, err := findAssociation(c, tx, in.AssociationId)
	if err != nil {
		return nil, err
	}
	to, err := load(tx, c, rows.RouteTables, aTable, in.RouteTableId, "routeTableId")
	if err != nil {
		return nil, err
	}
	if to.Value.VPC != from.Value.VPC {
		return nil, invalid("route tables %s and %s belong to different networks", from.ID, to.ID)
	}
	c.Touch(aTable.arn(c, from.ID), aTable.arn(c, to.ID))
	fresh := c.Dice.ID("rtbassoc")
	out := &shape.ReplaceRouteTableAssociationResult{NewAssociationId: &fresh, AssociationState: associated()}
	if to.ID == from.ID {
		out.NewAssociationId = in.AssociationId
		return out, nil
	}
	if from.Value.MainAssociation == *in.AssociationId {
		from.Value.Main, from.Value.MainAssociation = false, ""
		to.Value.Main, to.Value.MainAssociation = true, fresh
	} else {
		i := slices.IndexFunc(from.Value.Associations, func(a vpc.Association) bool { return a.ID == *in.AssociationId })
		moved := vpc.Association{ID: fresh, Subnet: from.Value.Associations[i].Subnet}
		from.Value.Associations = slices.Delete(from.Value.Associations, i, i+1)
		to.Value.Associations = append(to.Value.Associations, moved)
	}
	// The old table goes first: an index entry belongs to one table at a time.
	if err := rows.RouteTables.Save(tx, &from); err != nil {
		return nil, err
	}
	return out, rows.RouteTables.Save(tx, &to)
}

func describeTables(c *api.Call, v store.View, in *shape.DescribeRouteTablesRequest) (*shape.DescribeRouteTablesResult, error) {
	type table = vpc.RouteTable
	routes := func(get func(shape.Route) *string) func(*table) []string {
		return func(t *table) (vals []string) {
			rs, err := routeShapes(c, v, t)
			if err != nil {
				return nil
			}
			for _, r := range rs {
				if p := get(r); p != nil {
					vals = append(vals, *p)
				}
			}
			return vals
		}
	}
	v, err := withTags(c, v, aTable, in.RouteTableIds)
	if err != nil {
		return nil, err
	}
	all, next, err := describe(c, v, rows.RouteTables, aTable, wanted{in.RouteTableIds, in.Filters, in.MaxResults, in.NextToken}, map[string]func(*table) []string{
		"association.main": func(t *table) (vals []string) {
			if t.Main {
				vals = []string{"true"}
			}
			if len(t.Associations) > 0 {
				vals = append(vals, "false")
			}
			return vals
		},
		"association.route-table-association-id": func(t *table) []string {
			vals := []string{t.MainAssociation}
			for _, a := range t.Associations {
				vals = append(vals, a.ID)
			}
			return vals
		},
		"association.route-table-id": func(t *table) []string {
			if !t.Main && len(t.Associations) == 0 {
				return nil
			}
			return []string{t.ID}
		},
		"association.subnet-id": func(t *table) (vals []string) {
			for _, a := range t.Associations {
				vals = append(vals, a.Subnet)
			}
			return vals
		},
		"owner-id":                     func(t *table) []string { return []string{t.Account} },
		"route-table-id":               func(t *table) []string { return []string{t.ID} },
		"route.destination-cidr-block": routes(func(r shape.Route) *string { return r.DestinationCidrBlock }),
		"route.destination-prefix-list-id": routes(func(r shape.Route) *string {
			return r.DestinationPrefixListId
		}),
		"route.gateway-id":     routes(func(r shape.Route) *string { return r.GatewayId }),
		"route.nat-gateway-id": routes(func(r shape.Route) *string { return r.NatGatewayId }),
		"route.origin":         routes(func(r shape.Route) *string { return r.Origin }),
		"route.state":          routes(func(r shape.Route) *string { return r.State }),
		"vpc-id":               func(t *table) []string { return []string{t.VPC} },
	})
	if err != nil {
		return nil, err
	}
	out := &shape.DescribeRouteTablesResult{RouteTables: []shape.RouteTable{}, NextToken: next}
	for i := range all {
		t, err := tableShape(c, v, &all[i].Value)
		if err != nil {
			return nil, err
		}
		out.RouteTables = append(out.RouteTables, *t)
	}
	return out, nil
}

func tableShape(c *api.Call, v store.View, t *vpc.RouteTable) (*shape.RouteTable, error) {
	tags, err := v.Tags(aTable.arn(c, t.ID))
	if err != nil {
		return nil, err
	}
	out := &shape.RouteTable{RouteTableId: &t.ID, VpcId: &t.VPC, OwnerId: &t.Account, Tags: tagList(tags),
		Associations: []shape.RouteTableAssociation{}, PropagatingVgws: []shape.PropagatingVgw{}}
	if t.Main {
		out.Associations = append(out.Associations, shape.RouteTableAssociation{Main: new(true), RouteTableId: &t.ID,
			RouteTableAssociationId: &t.MainAssociation, AssociationState: associated()})
	}
	for _, a := range t.Associations {
		out.Associations = append(out.Associations, shape.RouteTableAssociation{Main: new(false), RouteTableId: &t.ID,
			RouteTableAssociationId: &a.ID, SubnetId: &a.Subnet, AssociationState: associated()})
	}
	out.Routes, err = routeShapes(c, v, t)
	return out, err
}
