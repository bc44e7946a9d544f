package kms

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/keyring"
	"cloister/internal/store"
)

// Services have a key of their own in each account and region, alias/aws/SERVICE, from its first use on. Source: KMS Developer Guide, "AWS
// managed keys"; its policy from "Viewing the key policy of an AWS managed key".
var managing = []string{"s3", "ebs"}

// reserved is the beginning of the aliases of managed keys, which nobody else may make.
const reserved = "alias/aws/"

// managedFor finds the managed key that an alias of the caller's account names, made or not: one that is not has version 0. Its id follows
// from its place, so that what is asked before it is made is asked about what will be made.
func (s *Service) managedFor(c *api.Call, v store.View, g given) (*key, error) {
	service, ok := strings.CutPrefix(g.alias, reserved)
	if !ok || !mine(c, g.account) || !slices.Contains(managing, service) {
		return nil, nil
	}
	at := region(c)
	sum := sha256.Sum256([]byte("cloister managed key\x00" + at.Partition + "\x00" + g.account + "\x00" + at.Region + "\x00" + service))
	sum[6], sum[8] = sum[6]&15|0x80, sum[8]&63|0x80 // version 8: what the maker likes (RFC 9562)
	h := hex.EncodeToString(sum[:16])
	id := h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	k, err := s.byID(v, at, id)
	if !errors.Is(err, store.ErrNotFound) {
		return k, err
	}
	now := v.Now()
	k = &key{Item: store.Item[Key]{Scope: at, ID: id, Value: Key{Account: g.account, Created: now, Service: service, Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT",
		Origin: "AWS_KMS", State: enabled, Aliases: []string{g.alias}, Description: "Default key that protects my " + managedWords[service] + " when no other key is defined",
		Policy: managedPolicy(at, g.account, service), Rotation: Rotation{Enabled: true, Period: 365, Next: now.AddDate(0, 0, 365)}}}}
	k.arn = keyARN(at, g.account, id)
	return k, nil
}

var managedWords = map[string]string{"s3": "S3 objects", "ebs": "EBS volumes"}

// made writes a managed key that is used for the first time; others stay as they are.
func (s *Service) made(c *api.Call, tx store.Tx, k *key) error {
	if k.Version > 0 {
		return nil
	}
	b, err := keyring.NewMaterial(k.Value.Spec, dice{c.Dice})
	if err != nil {
		return err
	}
	k.Value.Material = c.Dice.Hex(64)
	if err := s.seal(tx, k, k.Value.Material, b, Material{Created: tx.Now()}); err != nil {
		return err
	}
	scope := store.Scope{Partition: k.Scope.Partition, Account: k.Value.Account, Region: k.Scope.Region}
	if err := aliases.Create(tx, scope, k.Value.Aliases[0], &Alias{Key: k.ID, Created: tx.Now(), Updated: tx.Now()}); err != nil {
		return err
	}
	if err := keys.Create(tx, k.Scope, k.ID, &k.Value); err != nil {
		return err
	}
	k.Version = 1
	return nil
}

func managedPolicy(at store.Scope, account, service string) string {
	via := `"Condition":{"StringEquals":{"kms:ViaService":"` + service + "." + at.Region + `.amazonaws.com","kms:CallerAccount":"` + account + `"}}`
	use := `["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:DescribeKey"]`
	if service == "ebs" {
		use = `["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:CreateGrant","kms:DescribeKey"]`
	}
	name := strings.ToUpper(service)
	return `{"Version":"2012-10-17","Id":"auto-` + service + `-2","Statement":[` +
		`{"Sid":"Allow access through ` + name + ` for all principals in the account that are authorized to use ` + name + `","Effect":"Allow","Principal":{"AWS":"*"},"Action":` + use + `,"Resource":"*",` + via + `},` +
		`{"Sid":"Allow direct access to key metadata to the account","Effect":"Allow","Principal":{"AWS":"arn:` + at.Partition + `:iam::` + account + `:root"},` +
		`"Action":["kms:Describe*","kms:Get*","kms:List*","kms:RevokeGrant"],"Resource":"*"}]}`
}
