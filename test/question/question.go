// Package question puts inputs to a service's rows and compares what they ask. It decides nothing, and is for tests alone.
package question

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/identity"
	"cloister/internal/driver/sqlite"
	"cloister/internal/front/wire"
	"cloister/internal/store"
)

// The place that calls of a table act in.
const (
	Account = "111122223333"
	Region  = "us-west-2"
)

// Case is an input and what it must ask.
type Case struct {
	Name   string
	Op     string
	In     string                       // members as JSON; empty: none
	Input  any                          // the input itself, instead of In
	Tagged map[string]map[string]string // tags of resources that exist, by ARN
	Setup  func(store.Tx) error         // makes what exists; may be nil
	// Want has a line for each question: action, resource, then the keys in order, "key=value,value".
	Want string
}

// Check asks each case's row of a service and compares the questions, their order included.
func Check(t *testing.T, service string, rows []api.Operation, cases []Case) {
	t.Helper()
	reg := wire.Open()
	for _, x := range cases {
		t.Run(x.Op+"/"+x.Name, func(t *testing.T) {
			db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), time.Now)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			c := &api.Call{Partition: "aws", Account: Account, Region: Region, Service: service, Name: x.Op, Caller: &identity.Principal{Account: Account}}
			for arn, tags := range x.Tagged {
				if err := db.Update(t.Context(), func(tx store.Tx) error { return tx.SetTags(arn, c.Scope(), tags) }); err != nil {
					t.Fatal(err)
				}
			}
			if x.Setup != nil {
				if err := db.Update(t.Context(), x.Setup); err != nil {
					t.Fatal(err)
				}
			}
			i := slices.IndexFunc(rows, func(r api.Operation) bool { return r.Service == service && r.Name == x.Op })
			if i < 0 {
				t.Fatal("it has no row")
			}
			in := x.Input
			if in == nil {
				in = reg.Service(service).Operation(x.Op).New()
			}
			if x.In != "" {
				d := json.NewDecoder(strings.NewReader(x.In))
				d.DisallowUnknownFields()
				if err := d.Decode(in); err != nil {
					t.Fatal(err)
				}
			}
			var qs []api.Question
			if err := db.View(t.Context(), func(v store.View) (err error) { qs, err = rows[i].Questions(c, v, in); return err }); err != nil {
				t.Fatal(err)
			}
			if got, want := Written(qs), trim(x.Want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// Written has a line for each question, as Case.Want. An owner stands in brackets where the ARN names another, or none and it is
// not the call's account.
func Written(qs []api.Question) string {
	var lines []string
	for _, q := range qs {
		l := q.Action + " " + q.Resource
		named := Account
		if a, err := arn.Parse(q.Resource); err == nil && len(a.Account) == len(Account) {
			named = a.Account
		}
		if owner := cmp.Or(q.Owner, Account); owner != named {
			l += " [" + owner + "]"
		}
		for _, k := range slices.Sorted(maps.Keys(q.Keys)) {
			l += fmt.Sprintf(" %s=%s", k, strings.Join(q.Keys[k], ","))
		}
		lines = append(lines, l)
	}
	return strings.Join(lines, "\n")
}

// trim takes the indentation of a table's text away.
func trim(s string) string {
	var lines []string
	for l := range strings.SplitSeq(strings.TrimSpace(s), "\n") {
		lines = append(lines, strings.TrimSpace(l))
	}
	return strings.Join(lines, "\n")
}
