package kms

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/action"
	"cloister/internal/store"
)

// find completes a question about a key. Keys are not built yet. When they are, this is the place where an alias becomes its
// key, a ciphertext without KeyId names its key, and a key adds its policy, its aliases (kms:ResourceAliases), its tags, what
// it is (kms:KeySpec, KeyUsage, KeyOrigin, MultiRegion, MultiRegionKeyType) and a grant its constraint. Until then such a key
// is any key: nothing but a policy about all keys allows its use.
func find(c *api.Call, _ store.View, kind string, q *api.Question) error {
	if kind == "alias" { // "You can't use condition keys in a policy statement where the resource is an alias"
		q.Resource = strings.Replace(q.Resource, ":alias/alias/", ":alias/", 1)
		return nil
	}
	a, _ := action.Lookup(q.Action)
	if c.Caller != nil && c.Caller.Account != "" && slices.Contains(a.Keys, "kms:CallerAccount") {
		q.Keys["kms:CallerAccount"] = []string{c.Caller.Account}
	}
	if head, name, ok := aliased(q.Resource); ok {
		if slices.Contains(a.Keys, "kms:RequestAlias") {
			q.Keys["kms:RequestAlias"] = []string{name}
		}
		q.Resource = head + "key/*"
	}
	if t, err := time.Parse(time.RFC3339, first(q.Keys["kms:ValidTo"])); err == nil {
		// Numeric operators compare it in the guide, and date operators read it too.
		q.Keys["kms:ValidTo"] = []string{strconv.FormatInt(t.Unix(), 10)}
	}
	if q.Action == "kms:CreateKey" {
		created(c.Name, q.Keys)
	}
	return nil
}

// created completes what is asked about a key that is to be made.
func created(operation string, keys map[string][]string) {
	if operation == "ReplicateKey" { // the rest is the primary key's
		delete(keys, "kms:KeySpec")
		delete(keys, "kms:KeyUsage")
		delete(keys, "kms:KeyOrigin")
		keys["kms:MultiRegion"] = []string{"true"}
		keys["kms:MultiRegionKeyType"] = []string{"REPLICA"}
	} else if first(keys["kms:MultiRegion"]) == "true" {
		keys["kms:MultiRegionKeyType"] = []string{"PRIMARY"}
	}
	// Deprecated names that go on working.
	for now, once := range map[string]string{"kms:KeySpec": "kms:CustomerMasterKeySpec", "kms:KeyUsage": "kms:CustomerMasterKeyUsage"} {
		if keys[now] != nil {
			keys[once] = keys[now]
		}
	}
}

// aliased cuts the ARN of a key that the call names by its alias: what stands before the resource, and the alias's name.
func aliased(arn string) (head, name string, ok bool) {
	p := strings.SplitN(arn, ":", 6)
	if len(p) < 6 {
		return "", "", false
	}
	name = strings.TrimPrefix(p[5], "key/")
	return strings.TrimSuffix(arn, p[5]), name, strings.HasPrefix(name, "alias/")
}

// compared says whether ReEncrypt goes back to the key that it comes from, when the call tells both.
func compared(f questions) questions {
	return func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		qs, err := f(c, v, in)
		if len(qs) != 2 || strings.HasSuffix(qs[0].Resource, "*") || strings.HasSuffix(qs[1].Resource, "*") {
			return qs, err
		}
		for i := range qs {
			qs[i].Keys["kms:ReEncryptOnSameKey"] = []string{strconv.FormatBool(qs[0].Resource == qs[1].Resource)}
		}
		return qs, err
	}
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
