package collect

import (
	"bytes"
	"encoding/json"

	"cloister/internal/core/vpc"
	"cloister/internal/store"
)

// withGrant adds to a bucket policy the two statements that let log delivery write; empty: they are there. Source: VPC User
// Guide, "Amazon S3 bucket permissions for flow logs".
func withGrant(text string, l store.Item[vpc.FlowLog]) (string, error) {
	type object = map[string]any
	policy := object{"Version": "2012-10-17"}
	if text != "" {
		d := json.NewDecoder(bytes.NewReader([]byte(text)))
		d.UseNumber()
		if err := d.Decode(&policy); err != nil {
			return "", err
		}
	}
	var all []any
	switch s := policy["Statement"].(type) {
	case []any:
		all = s
	case object:
		all = []any{s}
	}
	bucket := "arn:" + l.Scope.Partition + ":s3:::" + l.Value.Bucket
	folder := "AWSLogs/" + l.Scope.Account
	if o := l.Value.Options; o != nil && o.Hive {
		folder = "AWSLogs/aws-account-id=" + l.Scope.Account
	}
	source := object{"ArnLike": object{"aws:SourceArn": "arn:" + l.Scope.Partition + ":logs:" + l.Scope.Region + ":" + l.Scope.Account + ":*"}}
	grant := func(sid string, action any, resource string, equals object) object {
		equals["aws:SourceAccount"] = l.Scope.Account
		return object{"Sid": sid, "Effect": "Allow", "Principal": object{"Service": principal}, "Action": action, "Resource": resource,
			"Condition": object{"StringEquals": equals, "ArnLike": source["ArnLike"]}}
	}
	added := false
	for _, g := range []object{
		grant("AWSLogDeliveryWrite", "s3:PutObject", bucket+"/"+l.Value.Prefix+folder+"/*", object{"s3:x-amz-acl": "bucket-owner-full-control"}),
		grant("AWSLogDeliveryAclCheck", []any{"s3:GetBucketAcl", "s3:ListBucket"}, bucket, object{}),
	} {
		if !has(all, g) {
			all, added = append(all, g), true
		}
	}
	if !added {
		return "", nil
	}
	names(all)
	policy["Statement"] = all
	b, err := json.Marshal(policy)
	return string(b), err
}

// has looks for a statement, whatever its name.
func has(all []any, want map[string]any) bool {
	plain := func(s map[string]any) string {
		c := map[string]any{}
		for k, v := range s {
			if k != "Sid" {
				c[k] = v
			}
		}
		b, _ := json.Marshal(c) // of what was decoded
		return string(b)
	}
	for _, s := range all {
		if m, ok := s.(map[string]any); ok && plain(m) == plain(want) {
			return true
		}
	}
	return false
}

// names makes statement ids unique again.
func names(all []any) {
	taken := map[any]bool{}
	for _, s := range all {
		m, ok := s.(map[string]any)
		if !ok || m["Sid"] == nil {
			continue
		}
		for n := byte('1'); taken[m["Sid"]] && n <= '9'; n++ {
			m["Sid"] = m["Sid"].(string) + string(n)
		}
		taken[m["Sid"]] = true
	}
}
