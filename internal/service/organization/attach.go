package organization

import (
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/cloister"
	"cloister/internal/store"
)

func attachRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.AttachPolicyRequest, shape.AttachPolicyResponse]{
			Name: "AttachPolicy", Honours: []string{"PolicyId", "TargetId"},
			Questions: about("AttachPolicy", func(org string, in *shape.AttachPolicyRequest) []string {
				return []string{onPolicy(org, in.PolicyId), place(org, in.TargetId)}
			}),
			Act: func(c *api.Call, tx store.Tx, in *shape.AttachPolicyRequest) (*shape.AttachPolicyResponse, error) {
				return &shape.AttachPolicyResponse{}, change(c, tx, *in.PolicyId, *in.TargetId, attach)
			},
		},
		api.Op[shape.DetachPolicyRequest, shape.DetachPolicyResponse]{
			Name: "DetachPolicy", Honours: []string{"PolicyId", "TargetId"},
			Questions: about("DetachPolicy", func(org string, in *shape.DetachPolicyRequest) []string {
				return []string{onPolicy(org, in.PolicyId), place(org, in.TargetId)}
			}),
			Act: func(c *api.Call, tx store.Tx, in *shape.DetachPolicyRequest) (*shape.DetachPolicyResponse, error) {
				return &shape.DetachPolicyResponse{}, change(c, tx, *in.PolicyId, *in.TargetId, detach)
			},
		},
	}
}

// change lets f change what hangs on a target.
func change(c *api.Call, tx store.Tx, id, target string, f func(n *node, id, target string) error) error {
	it, err := manage(c, tx)
	if err != nil {
		return err
	}
	if _, err := find(c, tx, it.ID, id); err != nil {
		return err
	}
	at, err := within(tx, everywhere(c), it.ID, target)
	if err != nil {
		return missing(err, "TargetNotFoundException", "The organization has no root, unit or account %s.", target)
	}
	if err := f(&at.Value, id, target); err != nil {
		return err
	}
	c.Touch(name(c.Partition, c.Account, policyPath(it.ID, id)), name(c.Partition, c.Account, at.Value.path(target)))
	return nodes.Save(tx, &at)
}

func attach(n *node, id, target string) error {
	switch {
	case slices.Contains(n.Policies, id):
		return fault.New("DuplicatePolicyAttachmentException", "The policy %s is attached to %s already.", id, target).With(400)
	case len(n.Policies) >= mostAttached:
		return limit("MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "At most %d service control policies may be attached to %s.", mostAttached, target)
	}
	n.Policies = append(n.Policies, id)
	return nil
}

// detach keeps the last policy where it is: a place without any would allow nothing.
func detach(n *node, id, target string) error {
	i := slices.Index(n.Policies, id)
	switch {
	case i < 0:
		return fault.New("PolicyNotAttachedException", "The policy %s is not attached to %s.", id, target).With(400)
	case len(n.Policies) == 1:
		return limit("MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "At least one service control policy must stay attached to %s.", target)
	}
	n.Policies = slices.Delete(n.Policies, i, i+1)
	return nil
}
