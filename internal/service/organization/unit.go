package organization

import (
	"errors"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/cloister"
	"cloister/internal/store"
)

func unitRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateOrganizationalUnitRequest, shape.CreateOrganizationalUnitResponse]{
			Name: "CreateOrganizationalUnit", Honours: []string{"ParentId", "Name"}, Act: createUnit,
			Questions: about("CreateOrganizationalUnit", func(org string, in *shape.CreateOrganizationalUnitRequest) []string {
				return []string{place(org, in.ParentId)}
			}),
		},
		api.Op[shape.DeleteOrganizationalUnitRequest, shape.DeleteOrganizationalUnitResponse]{
			Name: "DeleteOrganizationalUnit", Honours: []string{"OrganizationalUnitId"}, Act: deleteUnit,
			Questions: about("DeleteOrganizationalUnit", func(org string, in *shape.DeleteOrganizationalUnitRequest) []string {
				return []string{place(org, in.OrganizationalUnitId)}
			}),
		},
		api.Op[shape.MoveAccountRequest, shape.MoveAccountResponse]{
			Name: "MoveAccount", Honours: []string{"AccountId", "SourceParentId", "DestinationParentId"}, Act: move,
			Questions: about("MoveAccount", func(org string, in *shape.MoveAccountRequest) []string {
				return []string{place(org, in.AccountId), place(org, in.SourceParentId), place(org, in.DestinationParentId)}
			}),
		},
	}
}

// within finds a place of the organization; a place of another one is as absent as none.
func within(v store.View, s store.Scope, org, id string) (store.Item[node], error) {
	it, err := nodes.Get(v, s, id)
	if err == nil && it.Value.Org != org {
		return it, store.ErrNotFound
	}
	return it, err
}

// parent finds a root or unit.
func parent(v store.View, s store.Scope, org, id, code string) (store.Item[node], error) {
	it, err := within(v, s, org, id)
	if err == nil && it.Value.Kind == account {
		err = store.ErrNotFound
	}
	return it, missing(err, code, "The organization has no root or unit %s.", id)
}

func createUnit(c *api.Call, tx store.Tx, in *shape.CreateOrganizationalUnitRequest) (*shape.CreateOrganizationalUnitResponse, error) {
	it, err := manage(c, tx)
	if err != nil {
		return nil, err
	}
	s := everywhere(c)
	above, err := parent(tx, s, it.ID, *in.ParentId, "ParentNotFoundException")
	if err != nil {
		return nil, err
	}
	depth := 1
	for at := above; at.Value.Parent != ""; depth++ {
		if at, err = nodes.Get(tx, s, at.Value.Parent); err != nil {
			return nil, errors.New("cannot read the organization's tree: " + err.Error())
		}
	}
	if depth > mostDepth {
		return nil, limit("OU_DEPTH_LIMIT_EXCEEDED", "Units may lie at most %d deep.", mostDepth)
	}
	all, err := nodesOf(tx, s, it.ID)
	if err != nil {
		return nil, err
	}
	count := 0
	for i := range all {
		if all[i].Value.Kind == unit {
			count++
		}
	}
	if count >= mostUnits {
		return nil, limit("OU_NUMBER_LIMIT_EXCEEDED", "An organization may have at most %d units.", mostUnits)
	}
	id := "ou-" + strings.TrimPrefix(it.Value.Root, "r-") + "-" + c.Dice.Hex(8)
	n := node{Org: it.ID, Kind: unit, Management: it.Value.Management, Name: *in.Name, Parent: above.ID, Policies: []string{FullAccess}, Since: tx.Now()}
	if err := nodes.Create(tx, s, id, &n); err != nil {
		return nil, taken(err, "DuplicateOrganizationalUnitException", "%s already has a unit named %s.", above.ID, *in.Name)
	}
	out, err := showNode(c, tx, &store.Item[node]{ID: id, Value: n}, map[string]*shape.PolicySummary{FullAccess: fullAccess(c)})
	if err != nil {
		return nil, err
	}
	c.Touch(*out.Arn)
	return &shape.CreateOrganizationalUnitResponse{OrganizationalUnit: out}, nil
}

func deleteUnit(c *api.Call, tx store.Tx, in *shape.DeleteOrganizationalUnitRequest) (*shape.DeleteOrganizationalUnitResponse, error) {
	it, err := manage(c, tx)
	if err != nil {
		return nil, err
	}
	s := everywhere(c)
	at, err := within(tx, s, it.ID, *in.OrganizationalUnitId)
	if err != nil {
		return nil, missing(err, "OrganizationalUnitNotFoundException", "The organization has no unit %s.", *in.OrganizationalUnitId)
	}
	below, err := nodes.List(tx, store.Query{Scope: s, Term: store.Term{Name: "parent", Value: at.ID}, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(below) > 0 {
		return nil, fault.New("OrganizationalUnitNotEmptyException", "The unit %s still holds %s.", at.ID, below[0].Value.label(below[0].ID)).With(400)
	}
	c.Touch(name(c.Partition, c.Account, at.Value.path(at.ID)))
	return &shape.DeleteOrganizationalUnitResponse{}, nodes.Delete(tx, s, at.ID)
}

func move(c *api.Call, tx store.Tx, in *shape.MoveAccountRequest) (*shape.MoveAccountResponse, error) {
	it, err := manage(c, tx)
	if err != nil {
		return nil, err
	}
	s := everywhere(c)
	at, err := within(tx, s, it.ID, *in.AccountId)
	if err != nil {
		return nil, missing(err, "AccountNotFoundException", "The organization has no account %s.", *in.AccountId)
	}
	from, err := parent(tx, s, it.ID, *in.SourceParentId, "SourceParentNotFoundException")
	if err != nil {
		return nil, err
	}
	to, err := parent(tx, s, it.ID, *in.DestinationParentId, "DestinationParentNotFoundException")
	switch {
	case err != nil:
		return nil, err
	case from.ID != at.Value.Parent:
		return nil, fault.New("AccountNotFoundException", "The account %s is not in %s but in %s.", at.ID, from.ID, at.Value.Parent).With(400)
	case from.ID == to.ID:
		return nil, fault.New("DuplicateAccountException", "The account %s is in %s already.", at.ID, to.ID).With(400)
	}
	at.Value.Parent = to.ID
	c.Touch(name(c.Partition, c.Account, at.Value.path(at.ID)), name(c.Partition, c.Account, to.Value.path(to.ID)))
	return &shape.MoveAccountResponse{}, nodes.Save(tx, &at)
}
