package organization

import (
	"errors"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/cloister"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// An account comes in by the will of both sides: the management account invites it, and it joins. Either ends it alone.
func memberRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.InviteAccountToOrganizationRequest, shape.InviteAccountToOrganizationResponse]{
			Name: "InviteAccountToOrganization", Honours: []string{"AccountId"}, Act: invite,
			Questions: about("InviteAccountToOrganization", func(org string, in *shape.InviteAccountToOrganizationRequest) []string {
				return []string{place(org, in.AccountId)}
			}),
		},
		api.Op[shape.CancelInvitationRequest, shape.CancelInvitationResponse]{
			Name: "CancelInvitation", Honours: []string{"AccountId"},
			Questions: about("CancelInvitation", func(org string, in *shape.CancelInvitationRequest) []string {
				return []string{place(org, in.AccountId)}
			}),
			Act: func(c *api.Call, tx store.Tx, in *shape.CancelInvitationRequest) (*shape.CancelInvitationResponse, error) {
				it, err := manage(c, tx)
				if err != nil {
					return nil, err
				}
				err = invitations.Delete(tx, everywhere(c), it.ID+"/"+*in.AccountId)
				return &shape.CancelInvitationResponse{}, missing(err, "HandshakeNotFoundException", "The account %s is not invited.", *in.AccountId)
			},
		},
		api.Op[shape.JoinOrganizationRequest, shape.JoinOrganizationResponse]{
			Name: "JoinOrganization", Honours: []string{"OrganizationId"}, Act: join,
			// The inviting account is not told before it is joined: the resource is the caller's view of that organization.
			Questions: func(c *api.Call, _ store.View, in *shape.JoinOrganizationRequest) ([]api.Question, error) {
				id := deref(in.OrganizationId)
				if id == "" {
					id = "*"
				}
				return []api.Question{{Action: "cloister:JoinOrganization", Resource: name(c.Partition, c.Account, "organization/"+id)}}, nil
			},
		},
		api.Op[shape.LeaveOrganizationRequest, shape.LeaveOrganizationResponse]{
			Name: "LeaveOrganization", Questions: itself[shape.LeaveOrganizationRequest]("LeaveOrganization"),
			Act: func(c *api.Call, tx store.Tx, _ *shape.LeaveOrganizationRequest) (*shape.LeaveOrganizationResponse, error) {
				it, err := member(c, tx)
				if err != nil {
					return nil, err
				}
				return &shape.LeaveOrganizationResponse{}, remove(c, tx, &it, c.Account)
			},
		},
		api.Op[shape.RemoveAccountFromOrganizationRequest, shape.RemoveAccountFromOrganizationResponse]{
			Name: "RemoveAccountFromOrganization", Honours: []string{"AccountId"},
			Questions: about("RemoveAccountFromOrganization", func(org string, in *shape.RemoveAccountFromOrganizationRequest) []string {
				return []string{place(org, in.AccountId)}
			}),
			Act: func(c *api.Call, tx store.Tx, in *shape.RemoveAccountFromOrganizationRequest) (*shape.RemoveAccountFromOrganizationResponse, error) {
				it, err := manage(c, tx)
				if err != nil {
					return nil, err
				}
				return &shape.RemoveAccountFromOrganizationResponse{}, remove(c, tx, &it, *in.AccountId)
			},
		},
	}
}

func invite(c *api.Call, tx store.Tx, in *shape.InviteAccountToOrganizationRequest) (*shape.InviteAccountToOrganizationResponse, error) {
	it, err := manage(c, tx)
	if err != nil {
		return nil, err
	}
	s := everywhere(c)
	if _, err := rows.Accounts.Get(tx, s, *in.AccountId); err != nil {
		return nil, missing(err, "AccountNotFoundException", "The account %s does not exist here.", *in.AccountId)
	}
	// Whether it is in another organization is for its owner to know: the invitation stands until it can be taken.
	if _, err := within(tx, s, it.ID, *in.AccountId); !errors.Is(err, store.ErrNotFound) {
		if err == nil {
			err = fault.New("DuplicateAccountException", "The account %s is in the organization already.", *in.AccountId).With(400)
		}
		return nil, err
	}
	inv := invitation{Org: it.ID, Account: *in.AccountId, Created: tx.Now()}
	if err := invitations.Create(tx, s, it.ID+"/"+inv.Account, &inv); err != nil {
		return nil, taken(err, "DuplicateHandshakeException", "The account %s is invited already.", inv.Account)
	}
	c.Touch(name(c.Partition, c.Account, path(account, it.ID, inv.Account)))
	return &shape.InviteAccountToOrganizationResponse{Invitation: &shape.Invitation{AccountId: &inv.Account, Created: &inv.Created}}, nil
}

// join takes an invitation; the account comes to lie under the root.
func join(c *api.Call, tx store.Tx, in *shape.JoinOrganizationRequest) (*shape.JoinOrganizationResponse, error) {
	s := everywhere(c)
	if _, err := nodes.Get(tx, s, c.Account); !errors.Is(err, store.ErrNotFound) {
		if err == nil {
			err = fault.New("AlreadyInOrganizationException", "The account %s is already a member of an organization.", c.Account).With(400)
		}
		return nil, err
	}
	if err := invitations.Delete(tx, s, *in.OrganizationId+"/"+c.Account); err != nil {
		return nil, missing(err, "HandshakeNotFoundException", "The organization %s does not exist, or has not invited the account %s.", *in.OrganizationId, c.Account)
	}
	it, err := organizations.Get(tx, s, *in.OrganizationId)
	if err != nil {
		return nil, errors.New("cannot join an organization: " + err.Error())
	}
	n := node{Org: it.ID, Kind: account, Management: it.Value.Management, Parent: it.Value.Root, Policies: []string{FullAccess}, Since: tx.Now()}
	if err := nodes.Create(tx, s, c.Account, &n); err != nil {
		return nil, err
	}
	out, err := show(c, tx, &it)
	if err != nil {
		return nil, err
	}
	c.Touch(*out.Arn)
	return &shape.JoinOrganizationResponse{Organization: out}, nil
}

func remove(c *api.Call, tx store.Tx, it *store.Item[organization], id string) error {
	if id == it.Value.Management {
		return fault.New("MasterCannotLeaveOrganizationException", "The management account cannot leave its organization; it can delete it.").With(400)
	}
	at, err := within(tx, everywhere(c), it.ID, id)
	if err == nil && at.Value.Kind != account {
		err = store.ErrNotFound
	}
	if err != nil {
		return missing(err, "AccountNotFoundException", "The organization has no account %s.", id)
	}
	c.Touch(name(c.Partition, it.Value.Management, at.Value.path(id)))
	return nodes.Delete(tx, everywhere(c), id)
}
