package logs

import (
	"context"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/arn"
	"cloister/internal/core/logbook"
	shape "cloister/internal/shape/logs"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// associateKmsKey and disassociateKmsKey give a group another key for what comes from then on. What is there stays under the key
// that it has, as on AWS.
func (s *Service) associateKmsKey() api.Rower {
	return api.Op[shape.AssociateKmsKeyRequest, shape.AssociateKmsKeyOutput]{
		Name: "AssociateKmsKey", Honours: []string{"logGroupName", "kmsKeyId", "resourceIdentifier"}, Questions: ask.Ask[shape.AssociateKmsKeyRequest](sheet, "AssociateKmsKey"),
		Stream: func(ctx context.Context, c *api.Call, in *shape.AssociateKmsKeyRequest) (*shape.AssociateKmsKeyOutput, error) {
			return &shape.AssociateKmsKeyOutput{}, s.reseal(ctx, c, in.LogGroupName, in.ResourceIdentifier, deref(in.KmsKeyId))
		},
	}
}

func (s *Service) disassociateKmsKey() api.Rower {
	return api.Op[shape.DisassociateKmsKeyRequest, shape.DisassociateKmsKeyOutput]{
		Name: "DisassociateKmsKey", Honours: []string{"logGroupName", "resourceIdentifier"}, Questions: ask.Ask[shape.DisassociateKmsKeyRequest](sheet, "DisassociateKmsKey"),
		Stream: func(ctx context.Context, c *api.Call, in *shape.DisassociateKmsKeyRequest) (*shape.DisassociateKmsKeyOutput, error) {
			return &shape.DisassociateKmsKeyOutput{}, s.reseal(ctx, c, in.LogGroupName, in.ResourceIdentifier, "")
		},
	}
}

func (s *Service) reseal(ctx context.Context, c *api.Call, name, identifier *string, key string) error {
	if identifier != nil && strings.Contains(*identifier, ":query-result:") {
		return cannot("There are no queries, so their results have no key.")
	}
	if key != "" {
		if err := checkKey(key); err != nil {
			return err
		}
	}
	var g store.Item[logbook.Group]
	err := c.Read(ctx, func(v store.View) (err error) { g, err = either(c, v, name, identifier); return err })
	if err != nil {
		return err
	}
	arn := groupARN(c, g.ID)
	c.Touch(arn)
	next := g.Value
	seal, err := s.newSeal(ctx, c, arn, &next, key)
	if err != nil {
		return err
	}
	_, err = c.Commit(ctx, func(tx store.Tx) (any, error) {
		now, err := findGroup(c, tx, &g.ID)
		if err != nil {
			return nil, err
		}
		if now.Value.ID != g.Value.ID {
			return nil, noGroup()
		}
		now.Value.Seal, now.Value.Key = next.Seal, next.Key
		if err := rows.LogSeals.Create(tx, now.Scope, now.Value.ID+"/"+next.Seal, &seal); err != nil {
			return nil, err
		}
		return nil, rows.LogGroups.Save(tx, &now)
	})
	return err
}

// checkKey: a key goes by its ARN alone. Source: API reference, AssociateKmsKey.
func checkKey(key string) error {
	if a, err := arn.Parse(key); err != nil || a.Service != "kms" || !strings.HasPrefix(a.Resource, "key/") {
		return invalid("The kmsKeyId is not the ARN of a KMS key.")
	}
	return nil
}
