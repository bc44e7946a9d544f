package logs

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/logbook"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// keySize is that of a data key, in bytes: AES-256.
const keySize = 32

// place binds a seal of the root of trust to its group.
func place(c *api.Call, g *logbook.Group, id string) []byte {
	return []byte("log-seal/" + c.Partition + "/" + c.Account + "/" + c.Region + "/" + g.ID + "/" + id)
}

// newSeal makes the key of a group's next blocks, and says so in the group: wrapped by the KMS key, or by the root of trust if there
// is none.
func (s *Service) newSeal(ctx context.Context, c *api.Call, arn string, g *logbook.Group, key string) (logbook.Seal, error) {
	id := c.Dice.Hex(8)
	seal := logbook.Seal{Key: key}
	if key == "" {
		var err error
		if seal.Wrapped, err = s.Sealer.Seal(c.Dice.Bytes(keySize), place(c, g, id)); err != nil {
			return seal, fmt.Errorf("cannot seal a log group's key: %w", err)
		}
	} else {
		out, _, err := s.Invoke(ctx, as(c, arn), "kms", "GenerateDataKeyWithoutPlaintext", &kms.GenerateDataKeyWithoutPlaintextRequest{KeyId: &key, NumberOfBytes: new(int64(keySize)), EncryptionContext: sealContext(arn)})
		if err != nil {
			return seal, unusable(err, arn)
		}
		o, ok := out.(*kms.GenerateDataKeyWithoutPlaintextResponse)
		if !ok || o.KeyId == nil {
			return seal, errors.New("cannot make a log group's key: KMS answered something else")
		}
		seal.Key, seal.Wrapped = *o.KeyId, o.CiphertextBlob
	}
	g.Seal, g.Key = id, seal.Key
	return seal, nil
}

// as is the service in the call's region, for a group. Source: CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using
// AWS Key Management Service": the principal, and the encryption context.
func as(c *api.Call, arn string) api.As {
	return api.As{Partition: c.Partition, Account: c.Account, Region: c.Region, Service: "logs." + c.Region + ".amazonaws.com", SourceAccount: c.Account, SourceARN: arn}
}

func sealContext(arn string) map[string]string { return map[string]string{"aws:logs:arn": arn} }

// unusable tells that the key's own word is needed and was not had. What the ledger could not do stays what it is.
func unusable(err error, arn string) error {
	f := fault.From(err)
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		return err
	}
	out := fault.Of(fault.AccessDenied, "The specified KMS key does not exist or is not allowed to be used with Arn '%s'", arn)
	out.Cause = err
	return out
}

// open makes a cipher of a seal. KMS is asked each time: a key that is pulled stops what needs it at once.
func (s *Service) open(ctx context.Context, c *api.Call, arn string, g *logbook.Group, id string, seal logbook.Seal) (cipher.AEAD, error) {
	var key []byte
	if seal.Key == "" {
		var err error
		if key, err = s.Sealer.Open(seal.Wrapped, place(c, g, id)); err != nil {
			return nil, fmt.Errorf("cannot open a log group's key: %w", err)
		}
	} else {
		out, _, err := s.Invoke(ctx, as(c, arn), "kms", "Decrypt", &kms.DecryptRequest{KeyId: &seal.Key, CiphertextBlob: seal.Wrapped, EncryptionContext: sealContext(arn)})
		if err != nil {
			return nil, unusable(err, arn)
		}
		o, ok := out.(*kms.DecryptResponse)
		if !ok || len(o.Plaintext) != keySize {
			return nil, errors.New("cannot open a log group's key: KMS answered something else")
		}
		key = o.Plaintext
	}
	block, err := aes.NewCipher(key)
	clear(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// keys are the ciphers that a read has opened so far, by the seal's id.
type keys map[string]cipher.AEAD

// locked says which key a read lacks.
type locked struct{ seal string }

func (l *locked) Error() string { return "the seal " + l.seal + " is not open" }

// reading runs f on a snapshot, again whenever it lacks a key: KMS is asked outside of it.
func (s *Service) reading(ctx context.Context, c *api.Call, find func(store.View) (store.Item[logbook.Group], error), f func(v store.View, g store.Item[logbook.Group], have keys) error) error {
	have := keys{}
	was := ""
	for {
		var g store.Item[logbook.Group]
		var seal logbook.Seal
		var lack *locked
		err := c.Read(ctx, func(v store.View) (err error) {
			if g, err = find(v); err != nil {
				return err
			}
			if was != g.Value.ID {
				was, have = g.Value.ID, keys{}
			}
			err = f(v, g, have)
			if errors.As(err, &lack) {
				seal, err = sealOf(v, g, lack.seal)
			}
			return err
		})
		if err != nil || lack == nil {
			return err
		}
		if have[lack.seal], err = s.open(ctx, c, groupARN(c, g.ID), &g.Value, lack.seal, seal); err != nil {
			return err
		}
	}
}

func sealOf(v store.View, g store.Item[logbook.Group], id string) (logbook.Seal, error) {
	it, err := rows.LogSeals.Get(v, g.Scope, g.Value.ID+"/"+id)
	if err != nil {
		err = fmt.Errorf("cannot find the seal %s: %w", id, err)
	}
	return it.Value, err
}
