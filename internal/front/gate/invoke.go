package gate

import (
	"context"
	"fmt"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/trail"
	"cloister/internal/store"
)

// Invoke is a call that a service makes, as itself or with a role session: authorised, validated and recorded like any
// other. in is a pointer to the operation's input; the error is a *fault.Fault.
func (g *Gate) Invoke(ctx context.Context, as api.As, service, operation string, in any) (out any, requestID string, err error) {
	s := g.Registry.Service(service)
	if s == nil || s.Operation(operation) == nil {
		return nil, "", fmt.Errorf("cannot invoke %s.%s: no model has it", service, operation)
	}
	p := &passage{gate: g, service: s, op: s.Operation(operation), row: g.rows[service+"."+operation], in: in}
	now := g.World.Now()
	p.call = &api.Call{RequestID: trail.ID(now, g.World.Bytes(10)), Time: now, Origin: &api.Origin{Door: api.House, Partition: as.Partition, Account: as.Account, Region: as.Region},
		Partition: as.Partition, Account: as.Account, Region: as.Region, Dice: g.World, Service: service, Name: operation,
		TLS: true, UserAgent: as.Service, SourceAccount: as.SourceAccount, SourceARN: as.SourceARN}
	if as.AccessKey == "" {
		p.call.Caller = &identity.Principal{Kind: identity.Service, Partition: as.Partition, ARN: as.Service, ID: as.Service, Service: as.Service}
	} else {
		err := g.Store.View(ctx, func(v store.View) error {
			c, err := g.Directory.Credential(v, as.AccessKey, as.Token, p.call.Time)
			if err == nil {
				c.Principal.InvokedBy = as.Service
				p.call.Caller, p.call.Account = &c.Principal, c.Principal.Account
			}
			return err
		})
		if err != nil {
			return nil, p.call.RequestID, fault.From(err)
		}
	}
	out, f := g.perform(ctx, p)
	if f != nil {
		return nil, p.call.RequestID, f
	}
	return out, p.call.RequestID, nil
}
