// Package kms is AWS Key Management Service's table of operations. None is built yet; each is authorised.
package kms

import (
	"slices"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// Rows is the service's table.
func Rows() []api.Operation {
	rows := sheet.Rest()
	for i, r := range rows {
		rows[i].ReadOnly = r.ReadOnly || slices.Contains(cryptographic, r.Name)
		switch r.Name {
		case "CreateGrant":
			rows[i].Questions = constrained(r.Questions)
		case "ReEncrypt":
			rows[i].Questions = compared(r.Questions)
		}
	}
	return rows
}

// cryptographic operations change nothing, though the reference calls them "Write": CloudTrail's events of them are read-only
// (KMS Developer Guide, "Examples of AWS KMS log entries").
var cryptographic = []string{"Decrypt", "DeriveSharedSecret", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
	"GenerateDataKeyWithoutPlaintext", "GenerateMac", "GenerateRandom", "ReEncrypt", "Sign", "Verify", "VerifyMac"}

// sheet: a member that is left out has its default in the condition, as the guide says of request conditions ("AWS KMS
// condition keys"), but for BypassPolicyLockoutSafetyCheck and ExpirationModel: of those it shows that Null finds them absent.
// What a key is (its KeySpec, for one) is a key of every question about it, and comes from the key itself, see find; only
// CreateKey has it from the request.
var sheet = &ask.Sheet{
	Service: "kms", Tags: "Tags", TagKeys: "TagKeys",
	Keys: map[string]string{
		"kms:BypassPolicyLockoutSafetyCheck":            "BypassPolicyLockoutSafetyCheck",
		"kms:DataKeyPairSpec":                           "KeyPairSpec",
		"kms:EncryptionAlgorithm":                       "EncryptionAlgorithm|ReEncryptFrom@SourceEncryptionAlgorithm|ReEncryptTo@DestinationEncryptionAlgorithm=SYMMETRIC_DEFAULT",
		"kms:EncryptionContext:${EncryptionContextKey}": "EncryptionContext|ReEncryptFrom@SourceEncryptionContext|ReEncryptTo@DestinationEncryptionContext|Constraints.EncryptionContextEquals|Constraints.EncryptionContextSubset",
		"kms:EncryptionContextKeys": "EncryptionContext.<keys>|ReEncryptFrom@SourceEncryptionContext.<keys>|ReEncryptTo@DestinationEncryptionContext.<keys>|" +
			"Constraints.EncryptionContextEquals.<keys>|Constraints.EncryptionContextSubset.<keys>",
		"kms:ExpirationModel":                        "ExpirationModel",
		"kms:GrantOperations":                        "Operations",
		"kms:GranteePrincipal":                       "GranteePrincipal",
		"kms:KeyAgreementAlgorithm":                  "KeyAgreementAlgorithm",
		"kms:KeyOrigin":                              "CreateKey@Origin=AWS_KMS",
		"kms:KeySpec":                                "CreateKey@KeySpec|CreateKey@CustomerMasterKeySpec=SYMMETRIC_DEFAULT",
		"kms:KeyUsage":                               "CreateKey@KeyUsage=ENCRYPT_DECRYPT",
		"kms:MacAlgorithm":                           "MacAlgorithm",
		"kms:MessageType":                            "MessageType=RAW",
		"kms:MultiRegion":                            "CreateKey@MultiRegion=false",
		"kms:PrimaryRegion":                          "PrimaryRegion",
		"kms:ReplicaRegion":                          "ReplicaRegion",
		"kms:RetiringPrincipal":                      "RetiringPrincipal",
		"kms:RotationPeriodInDays":                   "RotationPeriodInDays=365",
		"kms:ScheduleKeyDeletionPendingWindowInDays": "PendingWindowInDays=30",
		"kms:SigningAlgorithm":                       "SigningAlgorithm",
		"kms:ValidTo":                                "ValidTo",
		"kms:WrappingAlgorithm":                      "WrappingAlgorithm",
		"kms:WrappingKeySpec":                        "WrappingKeySpec",
	},
	// The key that ReplicateKey makes is in another region; its tags are about it.
	Types: map[string]string{"replica": "arn:${Partition}:kms:${ReplicaRegion}:${Account}:key/${KeyId}"},
	Operations: map[string]string{
		"CancelKeyDeletion": "key=KeyId",
		// Aliases are authorised on the alias and on each key that they name or named (guide, "Controlling access to aliases").
		"CreateAlias":                         "alias=AliasName key=TargetKeyId",
		"CreateGrant":                         "key=KeyId",
		"CreateKey":                           "key",
		"Decrypt":                             "key=KeyId",
		"DeleteAlias":                         "alias=AliasName key=AliasName",
		"DeleteImportedKeyMaterial":           "key=KeyId",
		"DeriveSharedSecret":                  "key=KeyId",
		"DescribeKey":                         "key=KeyId",
		"DisableKey":                          "key=KeyId",
		"DisableKeyRotation":                  "key=KeyId",
		"EnableKey":                           "key=KeyId",
		"EnableKeyRotation":                   "key=KeyId",
		"Encrypt":                             "key=KeyId",
		"GenerateDataKey":                     "key=KeyId",
		"GenerateDataKeyPair":                 "key=KeyId",
		"GenerateDataKeyPairWithoutPlaintext": "key=KeyId",
		"GenerateDataKeyWithoutPlaintext":     "key=KeyId",
		"GenerateMac":                         "key=KeyId",
		"GenerateRandom":                      "",
		"GetKeyPolicy":                        "key=KeyId",
		"GetKeyRotationStatus":                "key=KeyId",
		"GetParametersForImport":              "key=KeyId",
		"GetPublicKey":                        "key=KeyId",
		"ImportKeyMaterial":                   "key=KeyId",
		"ListAliases":                         "",
		"ListGrants":                          "key=KeyId",
		"ListKeyPolicies":                     "key=KeyId",
		"ListKeyRotations":                    "key=KeyId",
		"ListKeys":                            "",
		"ListResourceTags":                    "key=KeyId",
		"ListRetirableGrants":                 "",
		"PutKeyPolicy":                        "key=KeyId",
		"ReEncrypt":                           "ReEncryptFrom@key=SourceKeyId ReEncryptTo@key=DestinationKeyId",
		"ReplicateKey":                        "ReplicateKey@key=KeyId CreateKey@key TagResource@replica=ReplicaRegion",
		"RetireGrant":                         "key=KeyId",
		"RevokeGrant":                         "key=KeyId",
		"RotateKeyOnDemand":                   "key=KeyId",
		"ScheduleKeyDeletion":                 "key=KeyId",
		"Sign":                                "key=KeyId",
		"TagResource":                         "key=KeyId",
		"UntagResource":                       "key=KeyId",
		"UpdateAlias":                         "alias=AliasName key=AliasName key=TargetKeyId",
		"UpdateKeyDescription":                "key=KeyId",
		"UpdatePrimaryRegion":                 "key=KeyId",
		"Verify":                              "key=KeyId",
		"VerifyMac":                           "key=KeyId",
	},
	Find: find,
}

type questions = func(*api.Call, store.View, any) ([]api.Question, error)

// constrained adds which constraint a grant is to have. The key has one value: of a grant with both it says nothing.
func constrained(f questions) questions {
	return func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		qs, err := f(c, v, in)
		g, _ := in.(*kms.CreateGrantRequest)
		if g == nil || g.Constraints == nil {
			return qs, err
		}
		kind := ""
		switch equals, subset := g.Constraints.EncryptionContextEquals != nil, g.Constraints.EncryptionContextSubset != nil; {
		case equals && !subset:
			kind = "EncryptionContextEquals"
		case subset && !equals:
			kind = "EncryptionContextSubset"
		default:
			return qs, err
		}
		for i := range qs {
			qs[i].Keys["kms:GrantConstraintType"] = []string{kind}
		}
		return qs, err
	}
}
