package kms

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
	"cloister/test/question"
)

func TestSheet(t *testing.T) {
	for _, err := range sheet().Verify(nil,
		"kms:CallerAccount", "kms:RequestAlias", "kms:MultiRegionKeyType", // find
		"kms:GrantConstraintType", "kms:ReEncryptOnSameKey", // constrained, compared
		"kms:ViaService", "kms:GrantIsForAWSResource", // the gate's: a service calls for somebody
		"kms:ResourceAliases", "kms:TrailingDaysWithoutKeyUsage", // what the key is
		"kms:RecipientAttestation:*",                                                                  // a Nitro enclave's; there is none, and its document is not to be believed
		"kms:GrantConstraintSourceArn", "kms:GranteeServicePrincipal", "kms:RetiringServicePrincipal", // the model has no such members
	) {
		t.Error(err)
	}
}

// TestQuestions: G is the KMS Developer Guide, "AWS KMS condition keys"; A its "Controlling access to aliases"; P its
// "Permissions reference"; R the API reference of the operation.
func TestQuestions(t *testing.T) {
	const (
		key   = "arn:aws:kms:us-west-2:111122223333:key/"
		one   = key + "1234abcd-12ab-34cd-56ef-1234567890ab"
		two   = key + "0987dcba-09fe-87dc-65ba-ab0987654321"
		their = "arn:aws:kms:us-west-2:444455556666:key/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
		mine  = " kms:CallerAccount=111122223333"
		sym   = mine + " kms:EncryptionAlgorithm=SYMMETRIC_DEFAULT"
		fresh = " kms:CustomerMasterKeySpec=SYMMETRIC_DEFAULT kms:CustomerMasterKeyUsage=ENCRYPT_DECRYPT kms:KeyOrigin=AWS_KMS kms:KeySpec=SYMMETRIC_DEFAULT kms:KeyUsage=ENCRYPT_DECRYPT"
	)
	alike := []string{"kms:KeyOrigin=AWS_KMS", "kms:KeySpec=SYMMETRIC_DEFAULT", "kms:KeyUsage=ENCRYPT_DECRYPT", "kms:MultiRegion=false"}
	what := map[string][]string{one: append(alike[:4:4], "kms:ResourceAliases=alias/finance-key"), two: append(alike[:4:4], "kms:ResourceAliases=alias/test-key"), their: alike}
	setup := func(tx store.Tx) error {
		at := store.Scope{Partition: "aws", Region: question.Region}
		for arn, alias := range map[string]string{one: "alias/finance-key", two: "alias/test-key", their: ""} {
			p := strings.SplitN(arn, ":", 6)
			id := strings.TrimPrefix(p[5], "key/")
			k := Key{Account: p[4], Spec: symmetric, Usage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS", State: enabled}
			if alias != "" {
				k.Aliases = []string{alias}
				if err := aliases.Create(tx, store.Scope{Partition: "aws", Account: p[4], Region: question.Region}, alias, &Alias{Key: id}); err != nil {
					return err
				}
			}
			if err := keys.Create(tx, at, id, &k); err != nil {
				return err
			}
		}
		return nil
	}
	// whole adds what each key that exists is.
	whole := func(line string) string {
		w := strings.Fields(line)
		rest := append(w[2:], what[w[1]]...)
		slices.Sort(rest)
		return strings.Join(append(w[:2:2], rest...), " ")
	}
	blob := append([]byte{1, 0, 0x12, 0x34, 0xab, 0xcd, 0x12, 0xab, 0x34, 0xcd, 0x56, 0xef, 0x12, 0x34, 0x56, 0x78, 0x90, 0xab}, make([]byte, 90)...)
	tagged := map[string]map[string]string{two: {"Project": "Alpha"}}
	var cases []question.Case
	pairs := map[string]string{"Project": "Alpha", "Department": "IT"}
	for _, x := range []struct {
		name, op string
		in       any
		want     []string
	}{
		{"G: kms:CallerAccount holds in every key resource operation, and a key's tags", "DescribeKey", &kms.DescribeKeyRequest{KeyId: p("0987dcba-09fe-87dc-65ba-ab0987654321")},
			[]string{"kms:DescribeKey " + two + " aws:ResourceTag/Project=Alpha" + mine}},
		{"G: kms:RequestAlias is the alias's name; the key is asked about", "DescribeKey", &kms.DescribeKeyRequest{KeyId: p("alias/finance-key")},
			[]string{"kms:DescribeKey " + one + mine + " kms:RequestAlias=alias/finance-key"}},
		{"G: kms:RequestAlias of an alias ARN, of another account", "GenerateMac", &kms.GenerateMacRequest{KeyId: p("arn:aws:kms:us-west-2:444455556666:alias/finance-key"), MacAlgorithm: p("HMAC_SHA_384")},
			[]string{"kms:GenerateMac arn:aws:kms:us-west-2:444455556666:key/*" + mine + " kms:MacAlgorithm=HMAC_SHA_384 kms:RequestAlias=alias/finance-key"}},
		{"P: kms:RequestAlias does not hold in EnableKey", "EnableKey", &kms.EnableKeyRequest{KeyId: p(one)}, []string{"kms:EnableKey " + one + mine}},
		{"G: the default algorithm holds; no context leaves its keys absent", "Encrypt", &kms.EncryptRequest{KeyId: p(one)}, []string{"kms:Encrypt " + one + sym}},
		{"G: each pair of the context is a key, and the keys are one", "Encrypt", &kms.EncryptRequest{KeyId: p(their), EncryptionContext: pairs, EncryptionAlgorithm: p("SYMMETRIC_DEFAULT")},
			[]string{"kms:Encrypt " + their + sym + " kms:EncryptionContext:Department=IT kms:EncryptionContext:Project=Alpha kms:EncryptionContextKeys=Department,Project"}},
		{"G: data keys are always encrypted symmetrically; their KeySpec is not the key's", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: p(one), KeySpec: p("AES_256")}, []string{"kms:GenerateDataKey " + one + sym}},
		{"G: kms:DataKeyPairSpec", "GenerateDataKeyPair", &kms.GenerateDataKeyPairRequest{KeyId: p(one), KeyPairSpec: p("RSA_2048")},
			[]string{"kms:GenerateDataKeyPair " + one + mine + " kms:DataKeyPairSpec=RSA_2048 kms:EncryptionAlgorithm=SYMMETRIC_DEFAULT"}},
		{"R: Decrypt needs no KeyId: the ciphertext names it", "Decrypt", &kms.DecryptRequest{CiphertextBlob: blob, EncryptionContext: map[string]string{"a": ""}},
			[]string{"kms:Decrypt " + one + sym + " kms:EncryptionContext:a= kms:EncryptionContextKeys=a"}},
		{"G: ReEncrypt is two actions, with a context each", "ReEncrypt", &kms.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyId: p(two), DestinationEncryptionContext: map[string]string{"b": "2"},
			SourceEncryptionContext: map[string]string{"a": "1"}, SourceEncryptionAlgorithm: p("RSAES_OAEP_SHA_256")},
			[]string{"kms:ReEncryptFrom " + one + mine + " kms:EncryptionAlgorithm=RSAES_OAEP_SHA_256 kms:EncryptionContext:a=1 kms:EncryptionContextKeys=a kms:ReEncryptOnSameKey=false",
				"kms:ReEncryptTo " + two + " aws:ResourceTag/Project=Alpha" + sym + " kms:EncryptionContext:b=2 kms:EncryptionContextKeys=b kms:ReEncryptOnSameKey=false"}},
		{"G: kms:ReEncryptOnSameKey", "ReEncrypt", &kms.ReEncryptRequest{SourceKeyId: p("1234abcd-12ab-34cd-56ef-1234567890ab"), DestinationKeyId: p(one)},
			[]string{"kms:ReEncryptFrom " + one + sym + " kms:ReEncryptOnSameKey=true", "kms:ReEncryptTo " + one + sym + " kms:ReEncryptOnSameKey=true"}},
		{"G: kms:ReEncryptOnSameKey of two", "ReEncrypt", &kms.ReEncryptRequest{SourceKeyId: p(their), DestinationKeyId: p(one)},
			[]string{"kms:ReEncryptFrom " + their + sym + " kms:ReEncryptOnSameKey=false", "kms:ReEncryptTo " + one + sym + " kms:ReEncryptOnSameKey=false"}},
		{"G: CreateKey has the properties of the key, by default too", "CreateKey", &kms.CreateKeyRequest{}, []string{"kms:CreateKey *" + mine + fresh + " kms:MultiRegion=false"}},
		{"G, R: a primary key with tags", "CreateKey", &kms.CreateKeyRequest{MultiRegion: p(true), BypassPolicyLockoutSafetyCheck: p(true), Tags: []kms.Tag{{TagKey: p("Team"), TagValue: p("Blue")}}},
			[]string{"kms:CreateKey * aws:RequestTag/Team=Blue aws:TagKeys=Team kms:BypassPolicyLockoutSafetyCheck=true" + mine + fresh + " kms:MultiRegion=true kms:MultiRegionKeyType=PRIMARY",
				"kms:TagResource " + key + "* aws:RequestTag/Team=Blue aws:TagKeys=Team" + mine}},
		{"R: the older name of a member", "CreateKey", &kms.CreateKeyRequest{CustomerMasterKeySpec: p("RSA_4096"), KeyUsage: p("SIGN_VERIFY"), Origin: p("EXTERNAL")},
			[]string{"kms:CreateKey *" + mine + " kms:CustomerMasterKeySpec=RSA_4096 kms:CustomerMasterKeyUsage=SIGN_VERIFY kms:KeyOrigin=EXTERNAL kms:KeySpec=RSA_4096 kms:KeyUsage=SIGN_VERIFY kms:MultiRegion=false"}},
		{"R: ReplicateKey makes a key in another region", "ReplicateKey", &kms.ReplicateKeyRequest{KeyId: p(one), ReplicaRegion: p("eu-west-3"), Tags: []kms.Tag{{TagKey: p("Team"), TagValue: p("Blue")}}},
			[]string{"kms:ReplicateKey " + one + mine + " kms:ReplicaRegion=eu-west-3",
				"kms:CreateKey * aws:RequestTag/Team=Blue aws:RequestedRegion=eu-west-3 aws:TagKeys=Team" + mine + fresh + " kms:MultiRegion=true kms:MultiRegionKeyType=REPLICA",
				"kms:TagResource arn:aws:kms:eu-west-3:111122223333:key/* aws:RequestTag/Team=Blue aws:RequestedRegion=eu-west-3 aws:TagKeys=Team" + mine}},
		{"A: CreateAlias is about the alias, without keys, and the key", "CreateAlias", &kms.CreateAliasRequest{AliasName: p("alias/test-key"), TargetKeyId: p(one)},
			[]string{"kms:CreateAlias arn:aws:kms:us-west-2:111122223333:alias/test-key", "kms:CreateAlias " + one + mine}},
		{"A: UpdateAlias is about the alias, the current key and the new one", "UpdateAlias", &kms.UpdateAliasRequest{AliasName: p("alias/test-key"), TargetKeyId: p(one)},
			[]string{"kms:UpdateAlias arn:aws:kms:us-west-2:111122223333:alias/test-key", "kms:UpdateAlias " + two + " aws:ResourceTag/Project=Alpha" + mine, "kms:UpdateAlias " + one + mine}},
		{"A: DeleteAlias is about the alias and its key", "DeleteAlias", &kms.DeleteAliasRequest{AliasName: p("alias/test-key")},
			[]string{"kms:DeleteAlias arn:aws:kms:us-west-2:111122223333:alias/test-key", "kms:DeleteAlias " + two + " aws:ResourceTag/Project=Alpha" + mine}},
		{"A: ListAliases must have *", "ListAliases", &kms.ListAliasesRequest{KeyId: p(one)}, []string{"kms:ListAliases *"}},
		{"G: the keys of a grant", "CreateGrant", &kms.CreateGrantRequest{KeyId: p(one), GranteePrincipal: p("arn:aws:iam::111122223333:role/LimitedAdminRole"), Operations: []string{"Encrypt", "ReEncryptTo"},
			Constraints: &kms.GrantConstraints{EncryptionContextEquals: map[string]string{"Department": "IT"}}},
			[]string{"kms:CreateGrant " + one + mine + " kms:EncryptionContext:Department=IT kms:EncryptionContextKeys=Department kms:GrantConstraintType=EncryptionContextEquals" +
				" kms:GrantOperations=Encrypt,ReEncryptTo kms:GranteePrincipal=arn:aws:iam::111122223333:role/LimitedAdminRole"}},
		{"G: a grant without constraints", "CreateGrant", &kms.CreateGrantRequest{KeyId: p(one), RetiringPrincipal: p("arn:aws:iam::111122223333:user/OpsAdmin")},
			[]string{"kms:CreateGrant " + one + mine + " kms:RetiringPrincipal=arn:aws:iam::111122223333:user/OpsAdmin"}},
		{"G: kms:BypassPolicyLockoutSafetyCheck is null when the request lacks it", "PutKeyPolicy", &kms.PutKeyPolicyRequest{KeyId: p(one)}, []string{"kms:PutKeyPolicy " + one + mine}},
		{"G: kms:ExpirationModel is null then too; kms:ValidTo is in Unix time", "ImportKeyMaterial", &kms.ImportKeyMaterialRequest{KeyId: p(one), ValidTo: p(time.Date(2018, 12, 31, 23, 59, 59, 0, time.UTC))},
			[]string{"kms:ImportKeyMaterial " + one + mine + " kms:ValidTo=1546300799"}},
		{"G: defaults of Sign", "Sign", &kms.SignRequest{KeyId: p(one), SigningAlgorithm: p("RSASSA_PSS_SHA_512")}, []string{"kms:Sign " + one + mine + " kms:MessageType=RAW kms:SigningAlgorithm=RSASSA_PSS_SHA_512"}},
		{"R: the waiting period is 30 days", "ScheduleKeyDeletion", &kms.ScheduleKeyDeletionRequest{KeyId: p(one)}, []string{"kms:ScheduleKeyDeletion " + one + mine + " kms:ScheduleKeyDeletionPendingWindowInDays=30"}},
		{"P: aws:TagKeys alone when tags go", "UntagResource", &kms.UntagResourceRequest{KeyId: p(one), TagKeys: []string{"a", "b"}}, []string{"kms:UntagResource " + one + " aws:TagKeys=a,b" + mine}},
		{"P: GenerateRandom has neither key nor caller's account", "GenerateRandom", &kms.GenerateRandomRequest{}, []string{"kms:GenerateRandom *"}},
	} {
		for i := range x.want {
			x.want[i] = whole(x.want[i])
		}
		cases = append(cases, question.Case{Name: x.name, Op: x.op, Input: x.in, Tagged: tagged, Setup: setup, Want: strings.Join(x.want, "\n")})
	}
	question.Check(t, "kms", New(Config{}).Rows(), cases)
}

// TestReadOnly: guide, "Examples of AWS KMS log entries".
func TestReadOnly(t *testing.T) {
	for op, want := range map[string]bool{"Encrypt": true, "ReEncrypt": true, "Sign": true, "GenerateRandom": true, "VerifyMac": true, "DescribeKey": true, "GetPublicKey": true, "ListGrants": true,
		"CreateKey": false, "CreateGrant": false, "TagResource": false, "ImportKeyMaterial": false} {
		if got := row(t, op).ReadOnly; got != want {
			t.Errorf("%s: read-only %t", op, got)
		}
	}
}

func row(t *testing.T, op string) api.Operation {
	t.Helper()
	rows := New(Config{}).Rows()
	i := slices.IndexFunc(rows, func(r api.Operation) bool { return r.Name == op })
	if i < 0 {
		t.Fatalf("no row %s", op)
	}
	return rows[i]
}

func p[T any](v T) *T { return &v }
