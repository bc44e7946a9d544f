package s3

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

func TestBucketNames(t *testing.T) {
	good := []string{"abc", "my-bucket", "a.b.c", "packages.us-east-1.amazonaws.com", "1st", strings.Repeat("a", 63), "256.1.2.300.4"}
	bad := []string{"", "ab", strings.Repeat("a", 64), "Abc", "a_b", "-abc", "abc-", ".abc", "abc.", "a..b", "10.0.0.1", "xn--abc", "sthree-x", "abc-s3alias", "abc--ol-s3", "ab/c", "a b", "abc\x00d", "ünder"}
	for _, n := range good {
		if err := checkBucket(n); err != nil {
			t.Errorf("%q: %v", n, err)
		}
	}
	for _, n := range bad {
		refuses(t, n, checkBucket(n), "InvalidBucketName", 400)
	}
}

func TestRegions(t *testing.T) {
	for _, c := range []struct{ endpoint, constraint, region, code string }{
		{"us-east-1", "", "us-east-1", ""},
		{"us-east-1", "eu-central-1", "eu-central-1", ""},
		{"us-east-1", "EU", "eu-west-1", ""},
		{"us-east-1", "us-east-1", "", "InvalidLocationConstraint"},
		{"us-east-1", "moon", "", "InvalidLocationConstraint"},
		{"eu-west-1", "eu-west-1", "eu-west-1", ""},
		{"eu-west-1", "", "", "IllegalLocationConstraintException"},
		{"eu-west-1", "us-west-2", "", "IllegalLocationConstraintException"},
	} {
		region, err := place(c.endpoint, opt(c.constraint))
		if region != c.region || c.code != "" && !fault.Is(err, c.code) || c.code == "" && err != nil {
			t.Errorf("%s with %q: %q, %v", c.endpoint, c.constraint, region, err)
		}
	}
}

func (h *host) as(account, region, name string, in any) (any, []api.Question, error) {
	c := h.call(name)
	c.Account, c.Region = account, region
	c.Caller = &identity.Principal{Kind: identity.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/bob"}
	return h.run(h.t.Context(), c, in)
}

func TestBuckets(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.bucket("docs") // us-east-1: again is fine
	_, _, err := h.as("999900001111", "us-east-1", "CreateBucket", &shape.CreateBucketRequest{Bucket: ptr("docs")})
	refuses(t, "another's", err, "BucketAlreadyExists", 409)
	eu := &shape.CreateBucketRequest{Bucket: ptr("eu-docs"), CreateBucketConfiguration: &shape.CreateBucketConfiguration{LocationConstraint: ptr("eu-west-1")}}
	out, qs, err := h.as("111122223333", "eu-west-1", "CreateBucket", eu)
	if err != nil || *out.(*shape.CreateBucketOutput).Location != "/eu-docs" || qs[0].Keys["s3:LocationConstraint"][0] != "eu-west-1" {
		t.Errorf("%v, %v, %v", out, qs, err)
	}
	_, _, err = h.as("111122223333", "eu-west-1", "CreateBucket", eu)
	refuses(t, "own, elsewhere", err, "BucketAlreadyOwnedByYou", 409)

	_, err = ask1[shape.HeadBucketOutput](h, "HeadBucket", &shape.HeadBucketRequest{Bucket: ptr("eu-docs")})
	f := refuses(t, "wrong region", err, "PermanentRedirect", 301)
	if f.Fields["x-amz-bucket-region"] != "eu-west-1" || f.Fields["Endpoint"] != "eu-docs.s3.eu-west-1.amazonaws.com" {
		t.Errorf("fields %v", f.Fields)
	}
	if o := must[shape.GetBucketLocationOutput](h, "GetBucketLocation", &shape.GetBucketLocationRequest{Bucket: ptr("eu-docs")}); str(o.LocationConstraint) != "eu-west-1" {
		t.Errorf("location %+v", o)
	}
	if o := must[shape.GetBucketLocationOutput](h, "GetBucketLocation", &shape.GetBucketLocationRequest{Bucket: ptr("docs")}); o.LocationConstraint != nil {
		t.Errorf("location %+v", o)
	}
	if o := must[shape.HeadBucketOutput](h, "HeadBucket", &shape.HeadBucketRequest{Bucket: ptr("docs")}); *o.BucketRegion != "us-east-1" {
		t.Errorf("head %+v", o)
	}
	if _, _, err := h.as("999900001111", "us-east-1", "CreateBucket", &shape.CreateBucketRequest{Bucket: ptr("dreams")}); err != nil {
		t.Fatal(err)
	}
	list := must[shape.ListBucketsOutput](h, "ListBuckets", &shape.ListBucketsRequest{})
	var names []string
	for _, b := range list.Buckets {
		names = append(names, *b.Name)
	}
	if !slices.Equal(names, []string{"docs", "eu-docs"}) || len(*list.Owner.ID) != 64 {
		t.Errorf("%v, owner %s", names, *list.Owner.ID)
	}
	page := must[shape.ListBucketsOutput](h, "ListBuckets", &shape.ListBucketsRequest{MaxBuckets: ptr(int64(1))})
	page = must[shape.ListBucketsOutput](h, "ListBuckets", &shape.ListBucketsRequest{MaxBuckets: ptr(int64(1)), ContinuationToken: page.ContinuationToken})
	if len(page.Buckets) != 1 || *page.Buckets[0].Name != "eu-docs" || page.ContinuationToken != nil {
		t.Errorf("second page %+v", page)
	}

	h.put("docs", "k", nil)
	_, err = ask1[shape.DeleteBucketOutput](h, "DeleteBucket", &shape.DeleteBucketRequest{Bucket: ptr("docs")})
	refuses(t, "full", err, "BucketNotEmpty", 409)
	must[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: ptr("k")})
	must[shape.DeleteBucketOutput](h, "DeleteBucket", &shape.DeleteBucketRequest{Bucket: ptr("docs")})
	_, err = ask1[shape.HeadBucketOutput](h, "HeadBucket", &shape.HeadBucketRequest{Bucket: ptr("docs")})
	refuses(t, "gone", err, "NoSuchBucket", 404)
}

// A bucket that was deleted and made anew by another account while a body came in does not get the object.
func TestBucketSwap(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	swap := readerFunc(func([]byte) (int, error) {
		must[shape.DeleteBucketOutput](h, "DeleteBucket", &shape.DeleteBucketRequest{Bucket: ptr("docs")})
		if _, _, err := h.as("999900001111", "us-east-1", "CreateBucket", &shape.CreateBucketRequest{Bucket: ptr("docs")}); err != nil {
			t.Error(err)
		}
		return eof{}.Read(nil)
	})
	_, err := ask1[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), Body: swap})
	refuses(t, "swapped", err, "NoSuchBucket", 404)
	if n := h.files(); n != 0 {
		t.Errorf("%d blobs", n)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestBucketTagging(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	_, err := ask1[shape.GetBucketTaggingOutput](h, "GetBucketTagging", &shape.GetBucketTaggingRequest{Bucket: ptr("docs")})
	refuses(t, "none", err, "NoSuchTagSet", 404)
	tag := func(k, v string) shape.Tag { return shape.Tag{Key: &k, Value: &v} }
	set := func(tags ...shape.Tag) error {
		_, err := ask1[shape.PutBucketTaggingOutput](h, "PutBucketTagging", &shape.PutBucketTaggingRequest{Bucket: ptr("docs"), Tagging: &shape.Tagging{TagSet: tags}})
		return err
	}
	if err := set(tag("team", "a"), tag("old", "x")); err != nil {
		t.Fatal(err)
	}
	if err := set(tag("team", "b"), tag("cost", "")); err != nil {
		t.Fatal(err)
	}
	got := must[shape.GetBucketTaggingOutput](h, "GetBucketTagging", &shape.GetBucketTaggingRequest{Bucket: ptr("docs")})
	if !reflect.DeepEqual(got.TagSet, []shape.Tag{tag("cost", ""), tag("team", "b")}) {
		t.Errorf("%+v", got.TagSet)
	}
	refuses(t, "twice", set(tag("a", "1"), tag("a", "2")), "InvalidTag", 400)
	refuses(t, "empty", set(tag("", "1")), "InvalidTag", 400)
	must[shape.DeleteBucketTaggingOutput](h, "DeleteBucketTagging", &shape.DeleteBucketTaggingRequest{Bucket: ptr("docs")})
	_, err = ask1[shape.GetBucketTaggingOutput](h, "GetBucketTagging", &shape.GetBucketTaggingRequest{Bucket: ptr("docs")})
	refuses(t, "deleted", err, "NoSuchTagSet", 404)
}

const role = "arn:aws:iam::111122223333:role/job"

// Root of the account that has the bucket is not bound by its policy when it reads, sets and deletes it; others are, and other calls.
func TestRootIsNotLockedOut(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	text := `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::docs"}]}`
	must[shape.PutBucketPolicyOutput](h, "PutBucketPolicy", &shape.PutBucketPolicyRequest{Bucket: ptr("docs"), Policy: &text})
	root := func(account string) *identity.Principal {
		return &identity.Principal{Kind: identity.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", ID: account}
	}
	for _, x := range []struct {
		who   *identity.Principal
		op    string
		in    any
		bound bool
	}{
		{root("111122223333"), "GetBucketPolicy", &shape.GetBucketPolicyRequest{Bucket: ptr("docs")}, false},
		{root("111122223333"), "PutBucketPolicy", &shape.PutBucketPolicyRequest{Bucket: ptr("docs"), Policy: &text}, false},
		{root("111122223333"), "DeleteBucketPolicy", &shape.DeleteBucketPolicyRequest{Bucket: ptr("docs")}, false},
		{root("111122223333"), "GetBucketTagging", &shape.GetBucketTaggingRequest{Bucket: ptr("docs")}, true},
		{root("444455556666"), "DeleteBucketPolicy", &shape.DeleteBucketPolicyRequest{Bucket: ptr("docs")}, true},
		{h.call("").Caller, "DeleteBucketPolicy", &shape.DeleteBucketPolicyRequest{Bucket: ptr("docs")}, true},
	} {
		c := h.call(x.op)
		c.Caller, c.Account = x.who, x.who.Account
		if err := h.ledger.View(t.Context(), func(v store.View) error {
			qs, err := h.rows[x.op].Questions(c, v, x.in)
			if err == nil && (qs[0].Policy != nil) != x.bound {
				t.Errorf("%s by %s: bound by the bucket's policy: %t", x.op, x.who.ARN, !x.bound)
			}
			return err
		}); err != nil {
			t.Errorf("%s by %s: %v", x.op, x.who.ARN, err)
		}
	}
}

func TestBucketPolicy(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.people[role] = "AROAJOBJOBJOBJOBJOBJO"
	text := `{"Version":"2012-10-17","Statement":[{"Sid":"job reads","Effect":"Allow","Principal":{"AWS":["` + role + `"]},"Action":"s3:GetObject","Resource":"arn:aws:s3:::docs/*"}]}`
	set := func(text string) error {
		_, err := ask1[shape.PutBucketPolicyOutput](h, "PutBucketPolicy", &shape.PutBucketPolicyRequest{Bucket: ptr("docs"), Policy: &text})
		return err
	}
	read := func() (string, error) {
		out, err := ask1[shape.GetBucketPolicyOutput](h, "GetBucketPolicy", &shape.GetBucketPolicyRequest{Bucket: ptr("docs")})
		if err != nil {
			return "", err
		}
		return *out.Policy, nil
	}
	_, err := read()
	refuses(t, "none", err, "NoSuchBucketPolicy", 404)
	if err := set(text); err != nil {
		t.Fatal(err)
	}
	if got, err := read(); got != text || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	_, qs, err := h.run(t.Context(), h.call("HeadBucket"), &shape.HeadBucketRequest{Bucket: ptr("docs")})
	if err != nil || qs[0].Policy == nil || qs[0].Policy.Kind != "bucket" || qs[0].Policy.Name != "bucket policy of docs" ||
		strings.Contains(qs[0].Policy.Text, role) || !strings.Contains(qs[0].Policy.Text, "AROAJOB") {
		t.Errorf("the question does not carry the bound policy: %+v, %v", qs, err)
	}
	// The role is deleted and made again: the grant stays with the old one.
	h.people[role] = "AROANEWNEWNEWNEWNEWNE"
	if got, _ := read(); strings.Contains(got, role) || !strings.Contains(got, "AROAJOB") {
		t.Errorf("after re-creation: %s", got)
	}
	statement := func(principal, action, resource string) string {
		return `{"Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"` + action + `","Resource":"` + resource + `"}]}`
	}
	for _, c := range []struct{ name, text, message string }{
		{"no json", "hello", "Policies must be valid JSON and the first byte must be '{'"},
		{"trailing comma", `{"Statement":[],}`, "This policy contains invalid Json"},
		{"no statement", `{"Version":"2012-10-17"}`, "Missing required field Statement"},
		{"unknown id", statement(`{"AWS":"AROAQQQQQQQQQQQQQQQQQ"}`, "s3:GetObject", "arn:aws:s3:::docs/*"), "Invalid principal in policy"},
		{"unknown role", statement(`{"AWS":"arn:aws:iam::111122223333:role/nobody"}`, "s3:GetObject", "arn:aws:s3:::docs/*"), "Invalid principal in policy"},
		{"other bucket", statement(`"*"`, "s3:GetObject", "arn:aws:s3:::dreams/*"), "Policy has invalid resource"},
		{"longer name", statement(`"*"`, "s3:GetObject", "arn:aws:s3:::docs2/*"), "Policy has invalid resource"},
		{"all buckets", statement(`"*"`, "s3:GetObject", "arn:aws:s3:::*/*"), "Policy has invalid resource"},
		{"everything", statement(`"*"`, "s3:GetObject", "*"), "Policy has invalid resource"},
		{"misfit", statement(`"*"`, "s3:GetObject", "arn:aws:s3:::docs"), "Action does not apply to any resource(s) in statement"},
		{"too long", statement(`"*"`, "s3:GetObject", "arn:aws:s3:::docs/"+strings.Repeat("x", 20480)), "Normalized policy document exceeds the maximum allowed size of 20480 bytes"},
	} {
		f := refuses(t, c.name, set(c.text), "MalformedPolicy", 400)
		if f.Message != c.message {
			t.Errorf("%s: %q, want %q", c.name, f.Message, c.message)
		}
	}
	if got, _ := read(); !strings.Contains(got, "AROAJOB") {
		t.Errorf("a refused policy replaced the good one: %s", got)
	}
	_, _, err = h.as("999900001111", "us-east-1", "GetBucketPolicy", &shape.GetBucketPolicyRequest{Bucket: ptr("docs")})
	refuses(t, "another account", err, "MethodNotAllowed", 405)
	must[shape.DeleteBucketPolicyOutput](h, "DeleteBucketPolicy", &shape.DeleteBucketPolicyRequest{Bucket: ptr("docs")})
	_, err = read()
	refuses(t, "deleted", err, "NoSuchBucketPolicy", 404)
}

// Each row asks its action about its resource, of the bucket's owner, also when members are missing.
func TestQuestions(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	bucket, object := "arn:aws:s3:::docs", "arn:aws:s3:::docs/k"
	want := map[string][2]string{
		"CreateBucket": {"s3:CreateBucket", bucket}, "DeleteBucket": {"s3:DeleteBucket", bucket}, "HeadBucket": {"s3:ListBucket", bucket},
		"ListBuckets": {"s3:ListAllMyBuckets", "arn:aws:s3:::*"}, "GetBucketLocation": {"s3:GetBucketLocation", bucket},
		"PutBucketPolicy": {"s3:PutBucketPolicy", bucket}, "GetBucketPolicy": {"s3:GetBucketPolicy", bucket}, "DeleteBucketPolicy": {"s3:DeleteBucketPolicy", bucket},
		"PutBucketTagging": {"s3:PutBucketTagging", bucket}, "GetBucketTagging": {"s3:GetBucketTagging", bucket}, "DeleteBucketTagging": {"s3:PutBucketTagging", bucket},
		"PutObject": {"s3:PutObject", object}, "GetObject": {"s3:GetObject", object}, "HeadObject": {"s3:GetObject", object}, "DeleteObject": {"s3:DeleteObject", object},
		"ListObjectsV2": {"s3:ListBucket", bucket}, "ListObjects": {"s3:ListBucket", bucket},
		"CreateMultipartUpload": {"s3:PutObject", object}, "UploadPart": {"s3:PutObject", object}, "CompleteMultipartUpload": {"s3:PutObject", object},
		"AbortMultipartUpload": {"s3:AbortMultipartUpload", object}, "ListParts": {"s3:ListMultipartUploadParts", object},
		"ListMultipartUploads": {"s3:ListBucketMultipartUploads", bucket},
		"PutBucketEncryption":  {"s3:PutEncryptionConfiguration", bucket}, "GetBucketEncryption": {"s3:GetEncryptionConfiguration", bucket},
		"DeleteBucketEncryption": {"s3:PutEncryptionConfiguration", bucket},
	}
	for name, row := range h.rows {
		if _, listed := sheet.Operations[name]; listed {
			continue // TestAsked
		}
		in := inputOf(t, name)
		empty := inputOf(t, name)
		for member, v := range map[string]string{"Bucket": "docs", "Key": "k"} {
			if f := in.Elem().FieldByName(member); f.IsValid() {
				f.Set(reflect.ValueOf(&v))
			}
		}
		err := h.ledger.View(t.Context(), func(v store.View) error {
			if _, err := row.Questions(h.call(name), v, empty.Interface()); err != nil && !fault.Is(err, "NoSuchBucket") {
				t.Errorf("%s without members: %v", name, err)
			}
			qs, err := row.Questions(h.call(name), v, in.Interface())
			if name == "DeleteObjects" { // asks for each key, in the row
				if qs == nil || len(qs) != 0 {
					t.Errorf("%s asks %+v", name, qs)
				}
				return err
			}
			w, known := want[name]
			if !known || err != nil || len(qs) != 1 || qs[0].Action != w[0] || qs[0].Resource != w[1] {
				t.Errorf("%s asks %+v, %v; want %v", name, qs, err, w)
			} else if name != "CreateBucket" && name != "ListBuckets" && qs[0].Owner != "111122223333" {
				t.Errorf("%s: owner %q", name, qs[0].Owner)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		for _, path := range row.Honours {
			if !hasMember(in.Type().Elem(), strings.Split(path, ".")) {
				t.Errorf("%s honours %s, which the shape has not", name, path)
			}
		}
	}
	_, qs, _ := h.run(t.Context(), h.call("ListObjectsV2"), &shape.ListObjectsV2Request{Bucket: ptr("docs"), Prefix: ptr(""), Delimiter: ptr("/"), MaxKeys: ptr(int64(7))})
	if !reflect.DeepEqual(qs[0].Keys, map[string][]string{"s3:prefix": {""}, "s3:delimiter": {"/"}, "s3:max-keys": {"7"}}) {
		t.Errorf("keys %v", qs[0].Keys)
	}
}

func inputOf(t *testing.T, op string) reflect.Value {
	t.Helper()
	for _, in := range []any{&shape.CreateBucketRequest{}, &shape.DeleteBucketRequest{}, &shape.HeadBucketRequest{}, &shape.ListBucketsRequest{}, &shape.GetBucketLocationRequest{},
		&shape.PutBucketPolicyRequest{}, &shape.GetBucketPolicyRequest{}, &shape.DeleteBucketPolicyRequest{}, &shape.PutBucketTaggingRequest{}, &shape.GetBucketTaggingRequest{},
		&shape.DeleteBucketTaggingRequest{}, &shape.PutObjectRequest{}, &shape.GetObjectRequest{}, &shape.HeadObjectRequest{}, &shape.DeleteObjectRequest{}, &shape.DeleteObjectsRequest{},
		&shape.ListObjectsV2Request{}, &shape.ListObjectsRequest{}, &shape.CreateMultipartUploadRequest{}, &shape.UploadPartRequest{}, &shape.CompleteMultipartUploadRequest{},
		&shape.AbortMultipartUploadRequest{}, &shape.ListPartsRequest{}, &shape.ListMultipartUploadsRequest{},
		&shape.PutBucketEncryptionRequest{}, &shape.GetBucketEncryptionRequest{}, &shape.DeleteBucketEncryptionRequest{}, &shape.CopyObjectRequest{}, &shape.UploadPartCopyRequest{}} {
		if reflect.TypeOf(in).Elem().Name() == op+"Request" {
			return reflect.New(reflect.TypeOf(in).Elem())
		}
	}
	t.Fatalf("no input for %s", op)
	return reflect.Value{}
}

func hasMember(t reflect.Type, path []string) bool {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if len(path) == 0 || path[0] == "*" {
		return true
	}
	if t.Kind() != reflect.Struct {
		return false
	}
	f, ok := t.FieldByName(path[0])
	return ok && hasMember(f.Type, path[1:])
}
