package gate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	"cloister/internal/core/trail"
)

// forward is Call.Forward. The second call has the caller's identity, session and policies, but not the network that the first came
// from: no packet of the caller reached the other service. Source: IAM User Guide, "Forward access sessions" and the note of
// aws:SourceIp that it does not hold for requests which a service makes on somebody's behalf.
//
// A refusal there is the first call's too: why becomes its explanation.
func (g *Gate) forward(ctx context.Context, from *api.Call, why **Explained, service, operation string, in any) (any, error) {
	if from.Caller == nil || from.Caller.Kind == identity.Anonymous {
		return nil, fault.Of(fault.AccessDenied, "Access Denied")
	}
	first := g.Registry.Service(from.Service)
	s := g.Registry.Service(service)
	if first == nil || s == nil || s.Operation(operation) == nil {
		return nil, fmt.Errorf("cannot forward to %s.%s: no model has it", service, operation)
	}
	via := first.SigningName + ".amazonaws.com"
	p := &passage{gate: g, service: s, op: s.Operation(operation), row: g.rows[service+"."+operation], in: in, parent: from.RequestID}
	caller := *from.Caller
	caller.InvokedBy = via
	now := g.World.Now()
	p.call = &api.Call{RequestID: trail.ID(now, g.World.Bytes(10)), Time: now, Caller: &caller, Partition: from.Partition, Account: from.Account, Region: from.Region,
		Origin:  &api.Origin{Door: api.House, Partition: from.Partition, Account: from.Account, Region: from.Region},
		Service: service, Name: operation, Dice: g.World, TLS: true, UserAgent: via, SourceAccount: from.SourceAccount, SourceARN: from.SourceARN,
		Via: append(slices.Clone(from.Via), via)}
	out, f := g.perform(ctx, p)
	if f != nil {
		if p.why != nil {
			*why = p.why
		}
		return nil, f
	}
	return out, nil
}

// throughService sets what only a call that a service makes has. Source: KMS Developer Guide, "AWS KMS condition keys".
func (j *judge) throughService(k *policy.Context, action string) {
	c := j.call
	if n := len(c.Via); n > 0 {
		name, _, _ := strings.Cut(c.Via[n-1], ".")
		k.Set("kms:ViaService", name+"."+c.Region+".amazonaws.com")
	}
	switch action {
	case "kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant":
		k.Set("kms:GrantIsForAWSResource", strconv.FormatBool(len(c.Via) > 0 || c.Caller.InvokedBy != "" || c.Caller.Kind == identity.Service))
	}
}
