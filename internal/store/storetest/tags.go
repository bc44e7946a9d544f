package storetest

import (
	"errors"
	"maps"
	"strings"

	"cloister/internal/store"
)

func (e *env) wantTags(arn string, want map[string]string) {
	e.Helper()
	e.view(func(v store.View) error {
		got, err := v.Tags(arn)
		if err != nil || got == nil || !maps.Equal(got, want) {
			e.Errorf("tags of %s: got %v, %v, want %v", arn, got, err, want)
		}
		return nil
	})
}

func testTags(e *env) {
	const arn = "arn:aws:ec2:eu-central-1:111122223333:vpc/vpc-1"
	e.wantTags(arn, map[string]string{})
	e.update(func(tx store.Tx) error {
		return tx.SetTags(arn, home, map[string]string{"Env": "dev", "env": "", "team": "x"})
	})
	e.wantTags(arn, map[string]string{"Env": "dev", "env": "", "team": "x"})
	e.update(func(tx store.Tx) error { return tx.SetTags(arn, home, map[string]string{"Env": "prod", "new": "1"}) })
	e.wantTags(arn, map[string]string{"Env": "prod", "env": "", "team": "x", "new": "1"})
	e.update(func(tx store.Tx) error { return tx.RemoveTags(arn, []string{"env", "not there"}) })
	e.wantTags(arn, map[string]string{"Env": "prod", "team": "x", "new": "1"})
	e.update(func(tx store.Tx) error { return tx.RemoveTags(arn, []string{}) })
	e.wantTags(arn, map[string]string{"Env": "prod", "team": "x", "new": "1"})
	e.update(func(tx store.Tx) error { return tx.RemoveTags(arn, nil) })
	e.wantTags(arn, map[string]string{})
}

func testTagged(e *env) {
	set := func(tx store.Tx, arn string, s store.Scope, kv ...string) error {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return tx.SetTags(arn, s, m)
	}
	global := store.Scope{Partition: "aws", Account: home.Account}
	e.update(func(tx store.Tx) error {
		return errors.Join(
			set(tx, "arn:b", home, "env", "dev", "team", "x"), set(tx, "arn:a", home, "env", "prod"), set(tx, "arn:c", home, "team", "x", "zone", "z"),
			set(tx, "brn:d", home, "env", "dev"), set(tx, "arn:iam", global, "env", "dev"))
	})
	for _, c := range []struct {
		name string
		q    store.TagQuery
		want string
	}{
		{"all", store.TagQuery{Scope: home}, "arn:a arn:b arn:c brn:d"},
		{"key", store.TagQuery{Scope: home, Key: "env"}, "arn:a arn:b brn:d"},
		{"key and value", store.TagQuery{Scope: home, Key: "env", Value: "dev"}, "arn:b brn:d"},
		{"value", store.TagQuery{Scope: home, Value: "x"}, "arn:b arn:c"},
		{"prefix", store.TagQuery{Scope: home, Prefix: "arn:", Key: "env"}, "arn:a arn:b"},
		{"page", store.TagQuery{Scope: home, After: "arn:a", Limit: 2}, "arn:b arn:c"},
		{"another scope", store.TagQuery{Scope: global}, "arn:iam"},
		{"no scope has it", store.TagQuery{Scope: store.Scope{Partition: "aws"}}, ""},
	} {
		e.view(func(v store.View) error {
			ts, err := v.Tagged(c.q)
			var arns []string
			for _, t := range ts {
				arns = append(arns, t.ARN)
			}
			e.wantIDs(c.name, arns, strings.Fields(c.want)...)
			return err
		})
	}
	e.view(func(v store.View) error {
		ts, err := v.Tagged(store.TagQuery{Scope: home, Key: "team", Limit: 1})
		if err != nil || len(ts) != 1 || !maps.Equal(ts[0].Tags, map[string]string{"env": "dev", "team": "x"}) {
			e.Errorf("an ARN comes with all its tags: got %v, %v", ts, err)
		}
		return nil
	})
}
