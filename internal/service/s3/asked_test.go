package s3

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

func TestSheet(t *testing.T) {
	var built []string
	for _, r := range New(nil, nil, nil, nil).Operations() {
		if r.View != nil || r.Act != nil || r.Stream != nil {
			built = append(built, r.Name)
		}
	}
	for _, err := range sheet.Verify(built,
		"s3:ResourceAccount", "s3:TlsVersion", "s3:authType", "s3:signatureAge", "s3:signatureversion", "s3:x-amz-content-sha256", // of the request as it came, for the gate
		"s3:prefix", "s3:delimiter", "s3:max-keys", "s3:RequestObjectTag*", "s3:x-amz-copy-source", "s3:object-lock-remaining-retention-days", // asked
		"s3:ExistingObjectTag/*", // ownTags
		"s3:BucketTag/*",         // no bucket says that its tags are keys
		// Cloister has no access points, access grants, annotations, event holds and fault injection.
		"s3:AccessPoint*", "s3:DataAccessPoint*", "s3:AccessGrantsInstanceArn", "s3:x-amz-object-annotation-directive", "s3:object-lock-event-hold*", "s3:isReplicationPauseRequest",
		"s3:ObjectCreationOperation", // docs/divergences.md
	) {
		t.Error(err)
	}
}

// Actions are those of the S3 User Guide, "Required permissions for Amazon S3 API operations"; keys those of the Service
// Authorization Reference, "Actions, resources, and condition keys for Amazon S3".
func TestAsked(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.bucket("source")
	if err := h.ledger.Update(t.Context(), func(tx store.Tx) error {
		b, err := buckets.Get(tx, store.Scope{Partition: "aws"}, "source")
		if err != nil {
			return err
		}
		b.Value.Owner, b.Value.Policy = "999900001111", "{}"
		return errors.Join(buckets.Save(tx, &b), tx.SetTags("arn:aws:s3:::docs", store.Scope{Partition: "aws", Account: "111122223333", Region: "us-east-1"}, map[string]string{"team": "blue"}))
	}); err != nil {
		t.Fatal(err)
	}
	until := h.clock.Now().Add(36 * time.Hour)
	const day = " s3:object-lock-remaining-retention-days=2 s3:object-lock-retain-until-date=2026-05-19T00:00:00Z"
	tags := &shape.Tagging{TagSet: []shape.Tag{{Key: ptr("a"), Value: ptr("1")}, {Key: ptr("b"), Value: ptr("")}}}
	for _, x := range []struct {
		name string
		in   any
		want []string
		code string
	}{
		{"GetBucketVersioning", &shape.GetBucketVersioningRequest{Bucket: ptr("docs")}, []string{"s3:GetBucketVersioning docs 111122223333"}, ""},
		{"GetBucketVersioning", &shape.GetBucketVersioningRequest{Bucket: ptr("source")}, []string{"s3:GetBucketVersioning source 999900001111 policy"}, ""},
		{"GetBucketVersioning", &shape.GetBucketVersioningRequest{Bucket: ptr("none")}, []string{"s3:GetBucketVersioning none "}, "NoSuchBucket"},
		{"GetBucketVersioning", &shape.GetBucketVersioningRequest{Bucket: ptr("docs"), ExpectedBucketOwner: ptr("999900001111")}, []string{"s3:GetBucketVersioning docs "}, "AccessDenied"},
		{"DeleteBucketCors", &shape.DeleteBucketCorsRequest{Bucket: ptr("docs")}, []string{"s3:PutBucketCORS docs 111122223333"}, ""},
		{"PutPublicAccessBlock", &shape.PutPublicAccessBlockRequest{Bucket: ptr("docs")}, []string{"s3:PutBucketPublicAccessBlock docs 111122223333"}, ""},
		{"PutBucketAcl", &shape.PutBucketAclRequest{Bucket: ptr("docs"), ACL: ptr("private"), GrantWrite: ptr("id=x")}, []string{
			"s3:PutBucketAcl docs 111122223333 s3:x-amz-acl=private s3:x-amz-grant-write=id=x"}, ""},
		// S3 API Reference, PutBucketReplication, "Permissions": the role is passed.
		{"PutBucketReplication", &shape.PutBucketReplicationRequest{Bucket: ptr("docs"), ReplicationConfiguration: &shape.ReplicationConfiguration{Role: ptr("arn:aws:iam::111122223333:role/copy")}}, []string{
			"s3:PutReplicationConfiguration docs 111122223333", "iam:PassRole arn:aws:iam::111122223333:role/copy 111122223333 iam:PassedToService=s3.amazonaws.com"}, ""},
		{"ListObjectVersions", &shape.ListObjectVersionsRequest{Bucket: ptr("docs"), Prefix: ptr(""), MaxKeys: ptr(int64(7))}, []string{
			"s3:ListBucketVersions docs 111122223333 s3:max-keys=7 s3:prefix="}, ""},
		{"GetObjectTagging", &shape.GetObjectTaggingRequest{Bucket: ptr("docs"), Key: ptr("a/b*")}, []string{"s3:GetObjectTagging docs/a/b* 111122223333"}, ""},
		{"GetObjectTagging", &shape.GetObjectTaggingRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: ptr("v1")}, []string{
			"s3:GetObjectVersionTagging docs/k 111122223333 s3:versionid=v1"}, ""},
		{"PutObjectTagging", &shape.PutObjectTaggingRequest{Bucket: ptr("docs"), Key: ptr("k"), Tagging: tags}, []string{
			"s3:PutObjectTagging docs/k 111122223333 s3:RequestObjectTag/a=1 s3:RequestObjectTag/b= s3:RequestObjectTagKeys=a,b"}, ""},
		{"GetObjectAttributes", &shape.GetObjectAttributesRequest{Bucket: ptr("docs"), Key: ptr("k")}, []string{
			"s3:GetObjectAttributes docs/k 111122223333", "s3:GetObject docs/k 111122223333"}, ""},
		{"GetObjectAttributes", &shape.GetObjectAttributesRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: ptr("v1")}, []string{
			"s3:GetObjectVersionAttributes docs/k 111122223333 s3:versionid=v1", "s3:GetObjectVersion docs/k 111122223333 s3:versionid=v1"}, ""},
		{"PutObjectRetention", &shape.PutObjectRetentionRequest{Bucket: ptr("docs"), Key: ptr("k"), VersionId: ptr("v1"), BypassGovernanceRetention: ptr(true),
			Retention: &shape.ObjectLockRetention{Mode: ptr("GOVERNANCE"), RetainUntilDate: &until}}, []string{
			"s3:PutObjectRetention docs/k 111122223333 s3:object-lock-mode=GOVERNANCE" + day, "s3:BypassGovernanceRetention docs/k 111122223333"}, ""},
		{"PutObjectLegalHold", &shape.PutObjectLegalHoldRequest{Bucket: ptr("docs"), Key: ptr("k"), LegalHold: &shape.ObjectLockLegalHold{Status: ptr("ON")}}, []string{
			"s3:PutObjectLegalHold docs/k 111122223333 s3:object-lock-legal-hold=ON"}, ""},
		// The destination is ours, the source another account's, with its policy.
		{"CopyObject", &shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), CopySource: ptr("/source/a%20b?versionId=v1"), MetadataDirective: ptr("REPLACE")}, []string{
			"s3:PutObject docs/k 111122223333 s3:x-amz-copy-source=source/a b s3:x-amz-metadata-directive=REPLACE",
			"s3:GetObjectVersion source/a b 999900001111 policy s3:versionid=v1"}, ""},
		{"CopyObject", &shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), CopySource: ptr("source/x"), ACL: ptr("private"), Tagging: ptr("a=1"), ObjectLockMode: ptr("COMPLIANCE"), ObjectLockRetainUntilDate: &until,
			ObjectLockLegalHoldStatus: ptr("ON"), ServerSideEncryption: ptr("aws:kms"), SSEKMSKeyId: ptr("1234")}, []string{
			"s3:PutObject docs/k 111122223333 s3:RequestObjectTag/a=1 s3:RequestObjectTagKeys=a s3:object-lock-legal-hold=ON s3:object-lock-mode=COMPLIANCE" + day + " s3:x-amz-acl=private s3:x-amz-copy-source=source/x " +
				"s3:x-amz-server-side-encryption=aws:kms s3:x-amz-server-side-encryption-aws-kms-key-id=arn:aws:kms:us-east-1:111122223333:key/1234",
			"s3:GetObject source/x 999900001111 policy",
			"s3:PutObjectAcl docs/k 111122223333 s3:x-amz-acl=private",
			"s3:PutObjectTagging docs/k 111122223333 s3:RequestObjectTag/a=1 s3:RequestObjectTagKeys=a",
			"s3:PutObjectRetention docs/k 111122223333 s3:object-lock-mode=COMPLIANCE" + day,
			"s3:PutObjectLegalHold docs/k 111122223333 s3:object-lock-legal-hold=ON"}, ""},
		{"CopyObject", &shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), CopySource: ptr("none/x")}, []string{
			"s3:PutObject docs/k 111122223333 s3:x-amz-copy-source=none/x", "s3:GetObject none/x "}, "NoSuchBucket"},
		{"CopyObject", &shape.CopyObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), CopySource: ptr("x")}, []string{"s3:PutObject docs/k 111122223333", "s3:GetObject */* "}, "InvalidArgument"},
		{"UploadPartCopy", &shape.UploadPartCopyRequest{Bucket: ptr("docs"), Key: ptr("k"), CopySource: ptr("docs/x"), PartNumber: ptr(int64(1)), UploadId: ptr("u")}, []string{
			"s3:PutObject docs/k 111122223333 s3:x-amz-copy-source=docs/x", "s3:GetObject docs/x 111122223333"}, ""},
	} {
		var qs []api.Question
		err := h.ledger.View(t.Context(), func(v store.View) (err error) {
			qs, err = h.rows[x.name].Questions(h.call(x.name), v, x.in)
			return err
		})
		if f := (*fault.Fault)(nil); x.code != "" && (!errors.As(err, &f) || f.Code != x.code && f.Kind.String() != x.code) || x.code == "" && err != nil {
			t.Errorf("%s: %v, want %q", x.name, err, x.code)
		}
		if got := written(qs); !slices.Equal(got, x.want) {
			t.Errorf("%s asks\n%s\nwant\n%s", x.name, strings.Join(got, "\n"), strings.Join(x.want, "\n"))
		}
	}
}

func written(qs []api.Question) []string {
	var out []string
	for _, q := range qs {
		l := q.Action + " " + strings.TrimPrefix(q.Resource, "arn:aws:s3:::") + " " + q.Owner
		if q.Policy != nil {
			l += " policy"
		}
		for _, k := range slices.Sorted(maps.Keys(q.Keys)) {
			l += " " + k + "=" + strings.Join(q.Keys[k], ",")
		}
		out = append(out, l)
	}
	return out
}
