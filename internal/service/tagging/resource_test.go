package tagging

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/driver/sqlite"
	"cloister/internal/shape/ec2"
	"cloister/internal/shape/s3"
	shape "cloister/internal/shape/tagging"
	"cloister/internal/store"
)

const (
	account = "111122223333"
	vpcA    = "arn:aws:ec2:us-east-1:111122223333:vpc/vpc-a"
	subnet  = "arn:aws:ec2:us-east-1:111122223333:subnet/subnet-a"
	key     = "arn:aws:kms:us-east-1:111122223333:key/1"
	group   = "arn:aws:logs:us-east-1:111122223333:log-group:/app/web"
	bucket  = "arn:aws:s3:::docs"
	policy  = "arn:aws:iam::111122223333:policy/p"
	user    = "arn:aws:iam::111122223333:user/ann"
	away    = "arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-b"
)

func ledger(t *testing.T) *sqlite.Store {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	err = db.Update(t.Context(), func(tx store.Tx) error {
		east := store.Scope{Partition: "aws", Account: account, Region: "us-east-1"}
		var err error
		for arn, tags := range map[string]map[string]string{vpcA: {"team": "red", "env": "prod"}, subnet: {"team": "blue"}, key: {"team": "red"}, group: {"env": "test"}, bucket: {"team": "red", "env": "prod"}} {
			err = errors.Join(err, tx.SetTags(arn, east, tags))
		}
		global := store.Scope{Partition: "aws", Account: account}
		return errors.Join(err, tx.SetTags(policy, global, map[string]string{"team": "red"}), tx.SetTags(user, global, map[string]string{"team": "red", "desk": "7"}),
			tx.SetTags(away, store.Scope{Partition: "aws", Account: account, Region: "eu-west-1"}, map[string]string{"team": "red"}),
			tx.SetTags("arn:aws:kms:us-east-1:999988887777:key/2", store.Scope{Partition: "aws", Account: "999988887777", Region: "us-east-1"}, map[string]string{"team": "red"}))
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func row(t *testing.T, name string) api.Operation {
	t.Helper()
	for _, r := range Rows() {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no row %s", name)
	return api.Operation{}
}

func read[O any](t *testing.T, db *sqlite.Store, region, name string, in any) (out *O, err error) {
	t.Helper()
	c := &api.Call{Partition: "aws", Account: account, Region: region}
	err = db.View(t.Context(), func(v store.View) error {
		o, err := row(t, name).View(c, v, in)
		out, _ = o.(*O)
		return err
	})
	return out, err
}

func TestGetResources(t *testing.T) {
	db := ledger(t)
	f := func(key string, vals ...string) shape.TagFilter { return shape.TagFilter{Key: &key, Values: vals} }
	for _, x := range []struct {
		name, region string
		in           shape.GetResourcesInput
		want         []string
	}{
		{"all of a region", "us-east-1", shape.GetResourcesInput{}, []string{subnet, vpcA, policy, key, group, bucket}},
		{"of another region", "eu-west-1", shape.GetResourcesInput{}, []string{away}},
		{"a tag", "us-east-1", shape.GetResourcesInput{TagFilters: []shape.TagFilter{f("env")}}, []string{vpcA, group, bucket}},
		{"a value of several", "us-east-1", shape.GetResourcesInput{TagFilters: []shape.TagFilter{f("env", "test", "dev")}}, []string{group}},
		{"all of several tags", "us-east-1", shape.GetResourcesInput{TagFilters: []shape.TagFilter{f("env"), f("team", "red")}}, []string{vpcA, bucket}},
		{"services and types", "us-east-1", shape.GetResourcesInput{ResourceTypeFilters: []string{"ec2:vpc", "logs", "s3:bucket"}}, []string{vpcA, group, bucket}},
		{"no type", "us-east-1", shape.GetResourcesInput{ResourceTypeFilters: []string{"ec2:instance", "iam:user"}}, nil},
		{"by ARN", "us-east-1", shape.GetResourcesInput{ResourceARNList: []string{key, vpcA, "arn:aws:kms:us-east-1:111122223333:key/none"}}, []string{vpcA, key}},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, per := range []int64{0, 1, 2} {
				in, pages := x.in, 0
				if per > 0 && in.ResourceARNList == nil {
					in.ResourcesPerPage = &per
				}
				var got []string
				for {
					out, err := read[shape.GetResourcesOutput](t, db, x.region, "GetResources", &in)
					if err != nil {
						t.Fatal(err)
					}
					pages++
					for _, m := range out.ResourceTagMappingList {
						got = append(got, *m.ResourceARN)
					}
					if in.PaginationToken = out.PaginationToken; *in.PaginationToken == "" {
						break
					}
				}
				if !slices.Equal(got, x.want) {
					t.Errorf("by %d: %v", per, got)
				}
				if per == 1 && in.ResourcesPerPage != nil && pages != max(1, len(x.want)) {
					t.Errorf("%d pages", pages)
				}
			}
		})
	}
	out, err := read[shape.GetResourcesOutput](t, db, "us-east-1", "GetResources", &shape.GetResourcesInput{ResourceARNList: []string{vpcA}})
	if err != nil || len(out.ResourceTagMappingList[0].Tags) != 2 || *out.ResourceTagMappingList[0].Tags[0].Key != "env" {
		t.Errorf("%+v %v", out, err)
	}
	for _, in := range []shape.GetResourcesInput{{ResourceARNList: []string{key}, ResourcesPerPage: new(int64(5))}, {TagsPerPage: new(int64(150))}, {ResourcesPerPage: new(int64(101))}} {
		if _, err := read[shape.GetResourcesOutput](t, db, "us-east-1", "GetResources", &in); !fault.Is(err, "InvalidParameterException") {
			t.Errorf("%+v: %v", in, err)
		}
	}
	if _, err := read[shape.GetResourcesOutput](t, db, "us-east-1", "GetResources", &shape.GetResourcesInput{PaginationToken: new("x")}); !fault.Is(err, "PaginationTokenExpiredException") {
		t.Error(err)
	}
}

func TestKeysAndValues(t *testing.T) {
	db := ledger(t)
	keys, err := read[shape.GetTagKeysOutput](t, db, "us-east-1", "GetTagKeys", &shape.GetTagKeysInput{})
	if err != nil || fmt.Sprint(keys.TagKeys) != "[env team]" || *keys.PaginationToken != "" {
		t.Errorf("%+v %v", keys, err)
	}
	vals, err := read[shape.GetTagValuesOutput](t, db, "us-east-1", "GetTagValues", &shape.GetTagValuesInput{Key: new("team")})
	if err != nil || fmt.Sprint(vals.TagValues) != "[blue red]" {
		t.Errorf("%+v %v", vals, err)
	}
}

// TestTagResources: each resource is its own service's, asked as the caller; one that refuses stops no other.
func TestTagResources(t *testing.T) {
	var asked []string
	tags := map[string]string{"old": "1"} // of the bucket
	c := &api.Call{Partition: "aws", Account: account, Region: "us-east-1"}
	c.Forward = func(_ context.Context, service, operation string, in any) (any, error) {
		asked = append(asked, service+"."+operation)
		switch in := in.(type) {
		case *ec2.CreateTagsRequest:
			if in.Resources[0] == "subnet-a" {
				return nil, fault.Of(fault.AccessDenied, "You are not authorized")
			}
		case *s3.GetBucketTaggingRequest:
			if len(tags) == 0 {
				return nil, fault.New("NoSuchTagSet", "none").With(404)
			}
			o := &s3.GetBucketTaggingOutput{}
			for k, v := range tags {
				o.TagSet = append(o.TagSet, s3.Tag{Key: new(k), Value: new(v)})
			}
			return o, nil
		case *s3.PutBucketTaggingRequest:
			clear(tags)
			for _, t := range in.Tagging.TagSet {
				tags[*t.Key] = *t.Value
			}
		case *s3.DeleteBucketTaggingRequest:
			clear(tags)
		}
		return nil, nil
	}
	profile := "arn:aws:iam::111122223333:instance-profile/path/ip"
	trail, job := "arn:aws:cloudtrail:us-east-1:111122223333:trail/t", "arn:aws:comprehend:us-east-1:111122223333:dominant-language-detection-job/1"
	all := []string{vpcA, subnet, key, group, bucket, policy, profile, trail, job, user, away, "arn:aws:s3:::docs/key", "arn:aws:kms:us-east-1:999988887777:key/2"}
	out, err := row(t, "TagResources").Stream(t.Context(), c, &shape.TagResourcesInput{ResourceARNList: all, Tags: map[string]string{"team": "red"}})
	if err != nil {
		t.Fatal(err)
	}
	failed := out.(*shape.TagResourcesOutput).FailedResourcesMap
	if got := slices.Sorted(maps.Keys(failed)); !slices.Equal(got, slices.Sorted(slices.Values([]string{subnet, user, away, "arn:aws:s3:::docs/key", "arn:aws:kms:us-east-1:999988887777:key/2"}))) {
		t.Errorf("failed: %v", got)
	}
	if f := failed[subnet]; *f.StatusCode != 403 || *f.ErrorCode != "AccessDeniedException" || *f.ErrorMessage != "You are not authorized" {
		t.Errorf("%+v", f)
	}
	if got := strings.Join(asked, " "); got != "ec2.CreateTags ec2.CreateTags kms.TagResource logs.TagResource s3.GetBucketTagging s3.PutBucketTagging iam.TagPolicy iam.TagInstanceProfile cloudtrail.AddTags comprehend.TagResource" {
		t.Error(got)
	}
	if fmt.Sprint(tags) != "map[old:1 team:red]" || !slices.Equal(c.Touched(), []string{vpcA, key, group, bucket, policy, profile, trail, job}) {
		t.Errorf("%v %v", tags, c.Touched())
	}
	asked = nil
	out, err = row(t, "UntagResources").Stream(t.Context(), c, &shape.UntagResourcesInput{ResourceARNList: []string{vpcA, key, group, bucket, policy, profile, trail, job}, TagKeys: []string{"team", "old"}})
	if err != nil || len(out.(*shape.UntagResourcesOutput).FailedResourcesMap) != 0 || len(tags) != 0 {
		t.Errorf("%+v %v %v", out, err, tags)
	}
	if got := strings.Join(asked, " "); got != "ec2.DeleteTags kms.UntagResource logs.UntagResource s3.GetBucketTagging s3.DeleteBucketTagging iam.UntagPolicy iam.UntagInstanceProfile cloudtrail.RemoveTags comprehend.UntagResource" {
		t.Error(got)
	}
	if _, err := row(t, "TagResources").Stream(t.Context(), c, &shape.TagResourcesInput{ResourceARNList: []string{"no ARN"}, Tags: map[string]string{"a": "b"}}); !fault.Is(err, "InvalidParameterException") {
		t.Error(err)
	}
}
