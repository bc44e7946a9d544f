package serve

import (
	"strings"
	"testing"
	"time"

	"cloister/internal/core/model"
	shape "cloister/internal/shape/comprehend"
	iams "cloister/internal/shape/iam"
	keys "cloister/internal/shape/kms"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// TestImport: Comprehend Developer Guide, "Copying custom models between AWS accounts": the source's policy and the importer's own decide; keys
// of both sides are used by the importer's role.
func TestImport(t *testing.T) {
	h := build(t)
	sourceKey, ownKey := h.key(home), h.key(abroad)
	source := h.trained(home, "m", sourceKey, "the model's bytes")
	plain := h.trained(home, "plain", "", "plain bytes")
	asked := func(from, name, key, role string) error {
		in := &shape.ImportModelRequest{SourceModelArn: &from, ModelName: &name}
		if key != "" {
			in.ModelKmsKeyId = &key
		}
		if role != "" {
			in.DataAccessRoleArn = &role
		}
		_, err := h.try(abroad, "comprehend", "ImportModel", in)
		return err
	}
	h.refused(asked(source, "c", "", h.role[abroad]), "AccessDenied", "")
	allow := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + abroad + `:root"},"Action":"comprehend:ImportModel","Resource":"*"}]}`
	for _, m := range []string{source, plain} {
		h.do(home, "comprehend", "PutResourcePolicy", &shape.PutResourcePolicyRequest{ResourceArn: &m, ResourcePolicy: &allow})
	}
	h.refused(asked(source, "c", "", ""), "InvalidRequestException", "DataAccessRoleArn")
	h.refused(asked(source, "c", ownKey, h.role[home]), "AccessDenied", "iam:PassRole")

	reaches := func(name, status string) *shape.DocumentClassifierProperties {
		t.Helper()
		arn := strings.Replace(strings.Replace(source, home, abroad, 1), "/m", "/"+name, 1)
		var p *shape.DocumentClassifierProperties
		h.until(name+" to be "+status, func() bool {
			p = h.do(abroad, "comprehend", "DescribeDocumentClassifier", &shape.DescribeDocumentClassifierRequest{DocumentClassifierArn: &arn}).(*shape.DescribeDocumentClassifierResponse).DocumentClassifierProperties
			return *p.Status == status
		})
		return p
	}
	// The source's key does not know the importer's role.
	if err := asked(source, "early", "", h.role[abroad]); err != nil {
		t.Fatal(err)
	}
	if p := reaches("early", "IN_ERROR"); !strings.Contains(*p.Message, "KMS_KEY_ACCESS_DENIED") || !strings.Contains(*p.Message, sourceKey) {
		t.Errorf("%s", *p.Message)
	}
	// The key policy of the guide's first example, and its policy of the role.
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + home + `:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + abroad + `:root"},"Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"*","Condition":{"StringEquals":{"aws:SourceArn":"` + source + `"}}},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + abroad + `:root"},"Action":"kms:CreateGrant","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:aws:comprehend:arn":"` + source + `"}}}]}`
	h.do(abroad, "iam", "PutRolePolicy", &iams.PutRolePolicyRequest{RoleName: new("data"), PolicyName: new("keys"), PolicyDocument: new(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["kms:CreateGrant"],"Resource":["` + sourceKey + `","` + ownKey + `"]},
		{"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDatakey"],"Resource":["` + sourceKey + `","` + ownKey + `"],"Condition":{"StringEquals":{"kms:ViaService":["s3.` + here + `.amazonaws.com"]}}}]}`)})
	h.do(home, "kms", "PutKeyPolicy", &keys.PutKeyPolicyRequest{KeyId: &sourceKey, Policy: &text})
	if err := asked(source, "copy", ownKey, h.role[abroad]); err != nil {
		t.Fatal(err)
	}
	h.refused(asked(source, "copy", ownKey, h.role[abroad]), "ResourceInUseException", "copy")
	p := reaches("copy", "TRAINED")
	// Who looked before it ended begins it anew, and finds it there.
	var old store.Item[model.Model]
	if err := h.config.Store.View(t.Context(), func(v store.View) (err error) {
		old, err = rows.Models.Find(v, store.Scope{Partition: "aws", Account: abroad, Region: here}, "arn", *p.DocumentClassifierArn)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	old.Value.Status = model.Training
	h.engine.copy(t.Context(), old)
	if again := reaches("copy", "TRAINED"); !again.EndTime.Equal(*p.EndTime) {
		t.Errorf("it was copied again: it ended %s, and then %s", p.EndTime, again.EndTime)
	}
	if *p.SourceModelArn != source || *p.ModelKmsKeyId != ownKey || *p.ClassifierMetadata.NumberOfLabels != 2 || *p.LanguageCode != "en" || *p.Mode != "MULTI_CLASS" {
		t.Errorf("%+v", *p)
	}
	if g := h.do(home, "kms", "ListGrants", &keys.ListGrantsRequest{KeyId: &sourceKey}).(*keys.ListGrantsResponse).Grants; len(g) != 1 || g[0].Constraints.EncryptionContextSubset["aws:comprehend:arn"] != source {
		t.Errorf("the source's own grant and %d more are left", len(g)-1)
	}
	if h.uses(home, "Decrypt", sourceKey) != 1 || h.uses(home, "RetireGrant", sourceKey) != 1 {
		t.Error("the owner's trail does not show the use of the key")
	}
	if n := h.uses(abroad, "GenerateDataKey", ownKey); n != 1 {
		t.Errorf("the trail shows %d data keys", n)
	}
	if err := asked(plain, "open", "", ""); err != nil {
		t.Fatal(err)
	}
	reaches("open", "TRAINED")

	// The copies live without their source, and without its key.
	h.do(home, "kms", "DisableKey", &keys.DisableKeyRequest{KeyId: &sourceKey})
	for name, want := range map[string]string{"copy": "the model's bytes", "open": "plain bytes"} {
		e := h.endpoint(abroad, name, strings.Replace(strings.Replace(source, home, abroad, 1), "/m", "/"+name, 1), 1)
		h.reaches(abroad, e, "IN_SERVICE")
		if got, err := h.says(e, "x"); got != "document-classification "+want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}

	// A copy that fails keeps no grant.
	if err := asked(source, "late", ownKey, h.role[abroad]); err != nil {
		t.Fatal(err)
	}
	reaches("late", "IN_ERROR")
	if g := h.do(abroad, "kms", "ListGrants", &keys.ListGrantsRequest{KeyId: &ownKey}).(*keys.ListGrantsResponse).Grants; len(g) != 1 {
		t.Errorf("%d grants", len(g))
	}
}

// TestImportLeavesNothing: an import that a daemon's end cut off gives back what it was granted, also when it can't be done any more; and a model that came
// later under the source's name is not the one that was allowed.
func TestImportLeavesNothing(t *testing.T) {
	h := build(t)
	own := h.key(home)
	source := h.trained(home, "m", h.key(home), "the model's bytes")
	h.stop()
	in := &shape.ImportModelRequest{SourceModelArn: &source, ModelName: new("copy"), ModelKmsKeyId: &own, DataAccessRoleArn: new(h.role[home])}
	arn := *h.do(home, "comprehend", "ImportModel", in).(*shape.ImportModelResponse).ModelArn
	at := store.Scope{Partition: "aws", Account: home, Region: here}
	who, err := h.engine.assume(t.Context(), as(at, arn), h.role[home])
	if err != nil {
		t.Fatal(err)
	}
	m := model.Model{ARN: arn, Kind: model.Classifier, Name: "copy", ModelKey: own}
	if _, err := h.engine.newKey(t.Context(), at, who, &m); err != nil {
		t.Fatal(err)
	}
	// Here the daemon dies. Then another model takes the source's name.
	if err := h.store.Update(t.Context(), func(tx store.Tx) error {
		it, err := rows.Models.Find(tx, at, "arn", source)
		if err != nil {
			return err
		}
		it.Value.Submitted = tx.Now().Add(time.Second)
		return rows.Models.Save(tx, &it)
	}); err != nil {
		t.Fatal(err)
	}
	h.run()
	var p *shape.DocumentClassifierProperties
	h.until("the copy to fail", func() bool {
		p = h.do(home, "comprehend", "DescribeDocumentClassifier", &shape.DescribeDocumentClassifierRequest{DocumentClassifierArn: &arn}).(*shape.DescribeDocumentClassifierResponse).DocumentClassifierProperties
		return *p.Status == "IN_ERROR"
	})
	if !strings.HasPrefix(*p.Message, "SOURCE_MODEL_UNAVAILABLE: ") {
		t.Errorf("%s", *p.Message)
	}
	if g := h.do(home, "kms", "ListGrants", &keys.ListGrantsRequest{KeyId: &own}).(*keys.ListGrantsResponse).Grants; len(g) != 0 {
		t.Errorf("a grant is left: %+v", g)
	}
}
