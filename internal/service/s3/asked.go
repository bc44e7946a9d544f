package s3

import (
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/action"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// questions are the sheet's, of the bucket that the call names: with its owner and its policy. Beside an error (there is no such
// bucket) they are those that the path may forbid.
func questions(operation string) func(*api.Call, store.View, any) ([]api.Question, error) {
	f := sheet.Questions(operation)
	return func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		qs, err := f(c, v, in)
		if err != nil {
			return nil, err
		}
		for _, q := range qs { // a bucket's tags are keys once it says so (PutBucketAbac), which none can here
			maps.DeleteFunc(q.Keys, func(k string, _ []string) bool { return strings.HasPrefix(k, "aws:ResourceTag/") })
		}
		if id := member(in, "VersionId"); id != nil {
			ofVersion(qs, *id)
		}
		qs, from := asked(c, in, qs)
		b, err := find(c, v, member(in, "Bucket"), member(in, "ExpectedBucketOwner"))
		if err != nil {
			return qs, err
		}
		for i, q := range qs {
			if i != from && strings.HasPrefix(q.Action, "s3:") {
				qs[i] = ask(b, q.Action, q.Resource, q.Keys)
			}
		}
		if err := ownTags(c, v, b, str(member(in, "Key")), member(in, "VersionId"), qs); err != nil || from < 0 {
			return qs, err
		}
		more, err := sourced(c, v, in, qs, from)
		return append(qs, more...), err
	}
}

// asks is questions for a typed row.
func asks[I any](operation string) func(*api.Call, store.View, *I) ([]api.Question, error) {
	f := questions(operation)
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) { return f(c, v, in) }
}

// member reads a member of text; nil when the input has none or it is not set.
func member(in any, name string) *string {
	f := reflect.ValueOf(in).Elem().FieldByName(name)
	if !f.IsValid() {
		return nil
	}
	p, _ := f.Interface().(*string)
	return p
}

// ofVersion makes questions ones about a version. Legal holds and retention have no actions of their own for versions.
func ofVersion(qs []api.Question, id string) {
	of := map[string]string{
		"s3:GetObject": "s3:GetObjectVersion", "s3:GetObjectAttributes": "s3:GetObjectVersionAttributes", "s3:GetObjectAcl": "s3:GetObjectVersionAcl",
		"s3:PutObjectAcl": "s3:PutObjectVersionAcl", "s3:GetObjectTagging": "s3:GetObjectVersionTagging", "s3:PutObjectTagging": "s3:PutObjectVersionTagging",
		"s3:DeleteObjectTagging": "s3:DeleteObjectVersionTagging", "s3:DeleteObject": "s3:DeleteObjectVersion",
	}
	for i := range qs {
		if name := of[qs[i].Action]; name != "" {
			qs[i].Action = name
			if qs[i].Keys == nil {
				qs[i].Keys = map[string][]string{}
			}
			qs[i].Keys["s3:versionid"] = []string{id}
		}
	}
}

// asked adds what a sheet cannot say; from is the place of the question about a copy's source, or -1.
func asked(c *api.Call, in any, qs []api.Question) (_ []api.Question, from int) {
	switch in := in.(type) {
	case *shape.ListObjectVersionsRequest:
		maps.Copy(qs[0].Keys, listKeys(in.Prefix, in.Delimiter, in.MaxKeys))
	case *shape.PutObjectTaggingRequest:
		tags := map[string]string{}
		if in.Tagging != nil {
			for _, t := range in.Tagging.TagSet {
				tags[str(t.Key)] = str(t.Value)
			}
		}
		requestTags(qs[0].Keys, tags)
	case *shape.PutObjectRetentionRequest:
		if in.Retention != nil {
			remaining(c, in.Retention.RetainUntilDate, qs[0].Keys)
		}
		if in.BypassGovernanceRetention != nil && *in.BypassGovernanceRetention {
			qs = append(qs, also(qs[0], "s3:BypassGovernanceRetention"))
		}
	case *shape.PutBucketReplicationRequest:
		if r := in.ReplicationConfiguration; r != nil && r.Role != nil {
			role, _ := arn.Parse(*r.Role)
			qs = append(qs, api.Question{Action: "iam:PassRole", Resource: *r.Role, Owner: role.Account, Keys: map[string][]string{"iam:PassedToService": {"s3.amazonaws.com"}}})
		}
	case *shape.CopyObjectRequest:
		copySource(qs[0].Keys, in.CopySource)
		tags := map[string]string{}
		if v, err := url.ParseQuery(str(in.Tagging)); err == nil { // the handler refuses others
			for k := range v {
				tags[k] = v.Get(k)
			}
		}
		requestTags(qs[0].Keys, tags)
		remaining(c, in.ObjectLockRetainUntilDate, qs[0].Keys)
		// What a copy brings along with the bytes has an action of its own.
		for _, x := range []struct {
			given  bool
			action string
		}{
			{in.ACL != nil || in.GrantFullControl != nil || in.GrantRead != nil || in.GrantReadACP != nil || in.GrantWriteACP != nil, "s3:PutObjectAcl"},
			{len(tags) > 0, "s3:PutObjectTagging"},
			{in.ObjectLockMode != nil || in.ObjectLockRetainUntilDate != nil, "s3:PutObjectRetention"},
			{in.ObjectLockLegalHoldStatus != nil, "s3:PutObjectLegalHold"},
			{reads(in.IfMatch), "s3:GetObject"}, // of what the copy replaces
		} {
			if x.given {
				qs = append(qs, also(qs[0], x.action))
			}
		}
		return qs, 1
	case *shape.UploadPartCopyRequest:
		copySource(qs[0].Keys, in.CopySource)
		return qs, 1
	}
	return qs, -1
}

// also asks another action about the resource of a question, with those of its keys that the action has.
func also(q api.Question, name string) api.Question {
	a, _ := action.Lookup(name)
	keys := map[string][]string{}
	for k, val := range q.Keys {
		if canonical, ok := action.CanonicalKey(k); ok && slices.Contains(a.Keys, canonical) {
			keys[k] = val
		}
	}
	return api.Question{Action: name, Resource: q.Resource, Keys: keys}
}

func requestTags(keys map[string][]string, tags map[string]string) {
	for k, val := range tags {
		keys["s3:RequestObjectTag/"+k] = []string{val}
	}
	if len(tags) > 0 {
		keys["s3:RequestObjectTagKeys"] = slices.Sorted(maps.Keys(tags))
	}
}

// bringing adds what a write asks beside s3:PutObject when it brings tags or locks along.
func bringing[I any](f func(*api.Call, store.View, *I) ([]api.Question, error)) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) {
		qs, err := f(c, v, in)
		if err != nil {
			return qs, err
		}
		put := &qs[0]
		if put.Keys == nil {
			put.Keys = map[string][]string{}
		}
		tags := map[string]string{}
		if q, err := url.ParseQuery(str(member(in, "Tagging"))); err == nil { // the handler refuses others
			for k := range q {
				tags[k] = q.Get(k)
			}
		}
		requestTags(put.Keys, tags)
		mode, hold := member(in, "ObjectLockMode"), member(in, "ObjectLockLegalHoldStatus")
		until, _ := reflect.ValueOf(in).Elem().FieldByName("ObjectLockRetainUntilDate").Interface().(*time.Time)
		if mode != nil {
			put.Keys["s3:object-lock-mode"] = []string{*mode}
		}
		if until != nil {
			put.Keys["s3:object-lock-retain-until-date"] = []string{until.UTC().Format(time.RFC3339)}
		}
		if hold != nil {
			put.Keys["s3:object-lock-legal-hold"] = []string{*hold}
		}
		remaining(c, until, put.Keys)
		for _, x := range []struct {
			given  bool
			action string
		}{{len(tags) > 0, "s3:PutObjectTagging"}, {mode != nil || until != nil, "s3:PutObjectRetention"}, {hold != nil, "s3:PutObjectLegalHold"}} {
			if x.given {
				q := also(*put, x.action)
				q.Owner, q.Policy = put.Owner, put.Policy
				qs = append(qs, q)
			}
		}
		return qs, nil
	}
}

// remaining is how many days a retention would last from now on, the last one begun (S3 User Guide, "Object Lock", limits by
// bucket policy; that it is rounded up is our reading).
func remaining(c *api.Call, until *time.Time, keys map[string][]string) {
	if until != nil {
		const day = 24 * time.Hour
		keys["s3:object-lock-remaining-retention-days"] = []string{strconv.FormatInt(int64((until.Sub(c.Time)+day-1)/day), 10)}
	}
}

// source is what x-amz-copy-source names: bucket/key, url-encoded, with a slash before it or without, and ?versionId=.
func source(header *string) (bucket, key, version string, ok bool) {
	text, query, _ := strings.Cut(str(header), "?")
	path, err := url.PathUnescape(text)
	if err != nil {
		return "", "", "", false
	}
	bucket, key, ok = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if query != "" {
		if version, ok = strings.CutPrefix(query, "versionId="); !ok || version == "" {
			return "", "", "", false
		}
	}
	return bucket, key, version, ok && key != "" && checkBucket(bucket) == nil
}

// badSource says what is wrong with a source. The sentences are S3's, as versitygw's functional tests have them.
func badSource(header string) error {
	text, _, _ := strings.Cut(header, "?")
	what, value := "Invalid copy source object key", ""
	if path, err := url.PathUnescape(text); err != nil {
		what, value = "Invalid copy source encoding", header
	} else if bucket, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/"); key != "" || checkBucket(bucket) != nil {
		what, value = "Invalid copy source bucket name", header
	}
	return fault.New("InvalidArgument", "%s", what).With(400).Field("ArgumentName", "x-amz-copy-source").Field("ArgumentValue", value)
}

// copySource is the key of a copy's source, in one form however it was written: no rule is evaded by a slash or an escape.
func copySource(keys map[string][]string, header *string) {
	if bucket, key, _, ok := source(header); ok {
		keys["s3:x-amz-copy-source"] = []string{bucket + "/" + key}
	}
}

// sourced makes a question about any object one about the source of a copy, which may be another account's. Tags that come along with
// the copy are read of the source and written to what is made of it (S3 API Reference, CopyObject).
func sourced(c *api.Call, v store.View, in any, qs []api.Question, from int) ([]api.Question, error) {
	q := &qs[from]
	bucket, key, version, ok := source(member(in, "CopySource"))
	if !ok {
		return nil, badSource(str(member(in, "CopySource")))
	}
	q.Resource = objectARN(c, bucket, key)
	b, err := findAnywhere(c, v, &bucket, member(in, "ExpectedSourceBucketOwner"))
	if err != nil {
		return nil, err
	}
	*q = ask(b, "s3:GetObject", q.Resource, map[string][]string{})
	own := []api.Question{*q}
	if copy, ok := in.(*shape.CopyObjectRequest); ok && str(copy.TaggingDirective) != "REPLACE" && b.Value.Tagged {
		o, err := tagged(c, v, b, key, opt(version))
		if err != nil {
			return nil, err
		}
		if o != nil && len(o.Tags) > 0 {
			write := also(qs[0], "s3:PutObjectTagging")
			write.Owner, write.Policy = qs[0].Owner, qs[0].Policy
			requestTags(write.Keys, o.Tags)
			own = append(own, ask(b, "s3:GetObjectTagging", q.Resource, map[string][]string{}), write)
		}
	}
	if version != "" {
		ofVersion(own[:min(2, len(own))], version)
	}
	err = ownTags(c, v, b, key, opt(version), own)
	*q = own[0]
	return own[1:], err
}
