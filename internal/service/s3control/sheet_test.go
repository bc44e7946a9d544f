package s3control

import (
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/driver/sqlite"
	"cloister/internal/service/s3"
	s3shape "cloister/internal/shape/s3"
	shape "cloister/internal/shape/s3control"
	"cloister/internal/store"
	"cloister/internal/world"
)

func TestSheet(t *testing.T) {
	for _, err := range sheet.Verify(nil,
		"s3:ResourceAccount", "s3:TlsVersion", "s3:authType", "s3:signatureAge", "s3:signatureversion", "s3:x-amz-content-sha256", // of the request as it came, for the gate
		"s3:BucketTag/*",                         // no bucket says that its tags are keys
		"s3:AccessPoint*", "s3:DataAccessPoint*", // there are no access points
	) {
		t.Error(err)
	}
}

// Actions are those of the S3 API Reference's pages of the operations, "Permissions"; keys those of the Service Authorization Reference.
func TestAsked(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := &api.Call{Partition: "aws", Account: "111122223333", Region: "us-east-1"}
	bucket := "arn:aws:s3:::docs"
	if err := db.Update(t.Context(), func(tx store.Tx) error { return tx.SetTags(bucket, c.Scope(), map[string]string{"team": "blue"}) }); err != nil {
		t.Fatal(err)
	}
	objects := s3.New(nil, nil, nil, nil)
	kept := map[string]api.Operation{}
	for _, r := range objects.Operations() {
		kept[r.Name] = r
	}
	act := func(name, account string, in any) {
		t.Helper()
		c := &api.Call{Partition: "aws", Account: account, Region: "us-east-1", Dice: world.Real{}}
		if err := db.Update(t.Context(), func(tx store.Tx) error { _, err := kept[name].Act(c, tx, in); return err }); err != nil {
			t.Fatal(name, err)
		}
	}
	act("CreateBucket", c.Account, &s3shape.CreateBucketRequest{Bucket: new("docs")})
	act("CreateBucket", "444455556666", &s3shape.CreateBucketRequest{Bucket: new("theirs")})
	const text = `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:ListTagsForResource","Resource":"arn:aws:s3:::docs"}]}`
	act("DeletePublicAccessBlock", c.Account, &s3shape.DeletePublicAccessBlockRequest{Bucket: new("docs")})
	act("PutBucketPolicy", c.Account, &s3shape.PutBucketPolicyRequest{Bucket: new("docs"), Policy: new(text)})
	rows := map[string]api.Operation{}
	for _, r := range Rows(objects) {
		rows[r.Name] = r
	}
	var policy *api.ResourcePolicy
	err = db.View(t.Context(), func(v store.View) (err error) { _, policy, err = objects.BucketOf(c, v, "docs"); return err })
	if err != nil || policy == nil || policy.Kind != "bucket" || policy.Text != text {
		t.Fatalf("%+v, %v", policy, err)
	}
	none := map[string][]string{}
	for _, x := range []struct {
		name string
		in   any
		want api.Question
		code string
	}{
		{"GetPublicAccessBlock", &shape.GetPublicAccessBlockRequest{AccountId: new(c.Account)}, api.Question{Action: "s3:GetAccountPublicAccessBlock", Resource: "*", Owner: c.Account, Keys: none}, ""},
		{"GetPublicAccessBlock", &shape.GetPublicAccessBlockRequest{}, api.Question{Action: "s3:GetAccountPublicAccessBlock", Resource: "*", Keys: none}, ""},
		{"PutPublicAccessBlock", &shape.PutPublicAccessBlockRequest{AccountId: new("444455556666")}, api.Question{Action: "s3:PutAccountPublicAccessBlock", Resource: "*", Owner: "444455556666", Keys: none}, ""},
		{"DeletePublicAccessBlock", &shape.DeletePublicAccessBlockRequest{AccountId: new(c.Account)}, api.Question{Action: "s3:PutAccountPublicAccessBlock", Resource: "*", Owner: c.Account, Keys: none}, ""},
		{"ListTagsForResource", &shape.ListTagsForResourceRequest{AccountId: new(c.Account), ResourceArn: &bucket}, api.Question{Action: "s3:ListTagsForResource", Resource: bucket, Owner: c.Account, Policy: policy, Keys: none}, ""},
		{"ListTagsForResource", &shape.ListTagsForResourceRequest{AccountId: new(c.Account), ResourceArn: new("arn:aws:s3:::theirs")}, api.Question{Action: "s3:ListTagsForResource", Resource: "arn:aws:s3:::theirs", Owner: "444455556666", Keys: none}, ""},
		{"ListTagsForResource", &shape.ListTagsForResourceRequest{ResourceArn: new("arn:aws:s3:::none")}, api.Question{Action: "s3:ListTagsForResource", Resource: "arn:aws:s3:::none", Keys: none}, "NoSuchBucket"},
		{"TagResource", &shape.TagResourceRequest{ResourceArn: &bucket, Tags: []shape.Tag{{Key: new("a"), Value: new("1")}}}, api.Question{Action: "s3:TagResource", Resource: bucket, Owner: c.Account, Policy: policy,
			Keys: map[string][]string{"aws:RequestTag/a": {"1"}, "aws:TagKeys": {"a"}}}, ""},
		{"UntagResource", &shape.UntagResourceRequest{ResourceArn: &bucket, TagKeys: []string{"a", "b"}}, api.Question{Action: "s3:UntagResource", Resource: bucket, Owner: c.Account, Policy: policy,
			Keys: map[string][]string{"aws:TagKeys": {"a", "b"}}}, ""},
		{"UntagResource", &shape.UntagResourceRequest{AccountId: new("444455556666"), ResourceArn: new("arn:aws:s3:us-east-1:444455556666:storage-lens-group/g")},
			api.Question{Action: "s3:UntagResource", Resource: "arn:aws:s3:us-east-1:444455556666:storage-lens-group/g", Owner: "444455556666", Keys: none}, ""},
	} {
		var qs []api.Question
		err := db.View(t.Context(), func(v store.View) (err error) { qs, err = rows[x.name].Questions(c, v, x.in); return err })
		if (err != nil) != (x.code != "") || x.code != "" && !fault.Is(err, x.code) || !reflect.DeepEqual(qs, []api.Question{x.want}) {
			t.Errorf("%s asks %s, %v; want %+v", x.name, fmt.Sprintf("%+v", qs), err, x.want)
		}
	}
	if len(rows) != 6 || !rows["GetPublicAccessBlock"].ReadOnly || rows["TagResource"].ReadOnly {
		t.Errorf("%d rows", len(rows))
	}
}
