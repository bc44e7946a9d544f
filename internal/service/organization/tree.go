package organization

import (
	"errors"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/cloister"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func treeRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateOrganizationRequest, shape.CreateOrganizationResponse]{
			Name: "CreateOrganization", Questions: itself[shape.CreateOrganizationRequest]("CreateOrganization"), Act: create,
		},
		api.Op[shape.DescribeOrganizationRequest, shape.DescribeOrganizationResponse]{
			Name: "DescribeOrganization", Questions: itself[shape.DescribeOrganizationRequest]("DescribeOrganization"),
			View: func(c *api.Call, v store.View, _ *shape.DescribeOrganizationRequest) (*shape.DescribeOrganizationResponse, error) {
				it, err := member(c, v)
				if err != nil {
					return nil, err
				}
				out, err := show(c, v, &it)
				return &shape.DescribeOrganizationResponse{Organization: out}, err
			},
		},
		api.Op[shape.DeleteOrganizationRequest, shape.DeleteOrganizationResponse]{
			Name: "DeleteOrganization", Act: dissolve,
			Questions: about("DeleteOrganization", func(org string, _ *shape.DeleteOrganizationRequest) []string { return []string{"organization/" + org} }),
		},
	}
}

// create makes the caller's account the management account of a new organization.
func create(c *api.Call, tx store.Tx, _ *shape.CreateOrganizationRequest) (*shape.CreateOrganizationResponse, error) {
	s := everywhere(c)
	if _, err := rows.Accounts.Get(tx, s, c.Account); err != nil {
		return nil, missing(err, "AccountNotFoundException", "The account %s does not exist here.", c.Account)
	}
	id, o := "o-"+c.Dice.Hex(10), organization{Management: c.Account, Root: "r-" + c.Dice.Hex(8), Created: tx.Now()}
	all := []string{FullAccess}
	// The account's place is taken first: whoever is in an organization already has one.
	err := nodes.Create(tx, s, c.Account, &node{Org: id, Kind: account, Management: c.Account, Parent: o.Root, Policies: all, Since: tx.Now()})
	if err != nil {
		return nil, taken(err, "AlreadyInOrganizationException", "The account %s is already a member of an organization.", c.Account)
	}
	if err := nodes.Create(tx, s, o.Root, &node{Org: id, Kind: root, Management: c.Account, Policies: all, Since: tx.Now()}); err != nil {
		return nil, err
	}
	if err := organizations.Create(tx, s, id, &o); err != nil {
		return nil, err
	}
	it, err := organizations.Get(tx, s, id)
	if err != nil {
		return nil, err
	}
	out, err := show(c, tx, &it)
	if err != nil {
		return nil, err
	}
	c.Touch(*out.Arn)
	return &shape.CreateOrganizationResponse{Organization: out}, nil
}

// dissolve removes an organization that no other account is in, with its units, policies and invitations.
func dissolve(c *api.Call, tx store.Tx, _ *shape.DeleteOrganizationRequest) (*shape.DeleteOrganizationResponse, error) {
	it, err := manage(c, tx)
	if err != nil {
		return nil, err
	}
	s := everywhere(c)
	all, err := nodesOf(tx, s, it.ID)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Value.Kind == account && all[i].ID != it.Value.Management {
			return nil, fault.New("OrganizationNotEmptyException", "The organization still has other accounts than its management account, for example %s.", all[i].ID).With(400)
		}
	}
	for i := range all {
		if err := nodes.Delete(tx, s, all[i].ID); err != nil {
			return nil, err
		}
	}
	policies, err := controlsOf(tx, s, it.ID)
	if err != nil {
		return nil, err
	}
	for i := range policies {
		if err := controls.Delete(tx, s, policies[i].ID); err != nil {
			return nil, err
		}
	}
	open, err := invited(tx, s, it.ID)
	if err != nil {
		return nil, err
	}
	for i := range open {
		if err := invitations.Delete(tx, s, open[i].ID); err != nil {
			return nil, err
		}
	}
	c.Touch(name(c.Partition, c.Account, "organization/"+it.ID))
	return &shape.DeleteOrganizationResponse{}, organizations.Delete(tx, s, it.ID)
}

func nodesOf(v store.View, s store.Scope, org string) ([]store.Item[node], error) {
	return nodes.List(v, store.Query{Scope: s, Term: store.Term{Name: "org", Value: org}})
}

func controlsOf(v store.View, s store.Scope, org string) ([]store.Item[control], error) {
	return controls.List(v, store.Query{Scope: s, Term: store.Term{Name: "org", Value: org}})
}

func invited(v store.View, s store.Scope, org string) ([]store.Item[invitation], error) {
	return invitations.List(v, store.Query{Scope: s, Prefix: org + "/"})
}

// show is an organization as its management account sees it. Its members see who manages it and no more, as on AWS.
func show(c *api.Call, v store.View, it *store.Item[organization]) (*shape.Organization, error) {
	o := &it.Value
	full := name(c.Partition, o.Management, "organization/"+it.ID)
	out := &shape.Organization{Id: &it.ID, Arn: &full, ManagementAccountId: &o.Management}
	if o.Management != c.Account {
		return out, nil
	}
	out.RootId, out.Created = &o.Root, &o.Created
	s := everywhere(c)
	all, err := nodesOf(v, s, it.ID)
	if err != nil {
		return nil, err
	}
	names := map[string]*shape.PolicySummary{FullAccess: fullAccess(c)}
	policies, err := controlsOf(v, s, it.ID)
	if err != nil {
		return nil, err
	}
	for i := range policies {
		names[policies[i].ID] = summary(c, &policies[i])
	}
	for i := range all {
		n, err := showNode(c, v, &all[i], names)
		if err != nil {
			return nil, err
		}
		out.Nodes = append(out.Nodes, *n)
	}
	open, err := invited(v, s, it.ID)
	for i := range open {
		out.Invitations = append(out.Invitations, shape.Invitation{AccountId: &open[i].Value.Account, Created: &open[i].Value.Created})
	}
	return out, err
}

func showNode(c *api.Call, v store.View, it *store.Item[node], names map[string]*shape.PolicySummary) (*shape.Node, error) {
	n := &it.Value
	full := name(c.Partition, c.Account, n.path(it.ID))
	out := &shape.Node{Id: &it.ID, Arn: &full, Type: &n.Kind, Policies: []shape.PolicySummary{}, Joined: &n.Since}
	if n.Parent != "" {
		out.ParentId = &n.Parent
	}
	switch n.Kind {
	case root:
		out.Joined = nil
	case unit:
		out.Name, out.Joined = &n.Name, nil
	case account:
		a, err := rows.Accounts.Get(v, everywhere(c), it.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if a.Value.Name != "" {
			out.Name = &a.Value.Name
		}
	}
	for _, p := range n.Policies {
		if names[p] == nil {
			return nil, errors.New("cannot show a place of the tree: its policy " + p + " is not there")
		}
		out.Policies = append(out.Policies, *names[p])
	}
	return out, nil
}
