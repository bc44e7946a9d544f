// Package cloudtrail is AWS CloudTrail: what the ledger's trail shows an account of its own calls, and the trails that bring them elsewhere.
// It only reads events and says what is to be delivered; who delivers is an engine.
package cloudtrail

import (
	"context"
	"errors"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	"cloister/internal/core/trail"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// Config is what the service needs of the house.
type Config struct {
	// Check tries whether a trail's files would arrive, as CloudTrail itself.
	Check func(ctx context.Context, partition string, t *trail.Trail) error
}

// Service answers the operations.
type Service struct{ cfg Config }

// New makes the service.
func New(c Config) *Service { return &Service{c} }

// Rows is the table.
func (s *Service) Rows() []api.Operation {
	built := api.Rows("cloudtrail",
		lookupRow(), s.createRow(), s.updateRow(), deleteRow(), describeRow(), getRow(), listRow(), statusRow(), startRow(), stopRow(),
		putSelectorsRow(), getSelectorsRow(), getInsightsRow(), putInsightsRow(), addTagsRow(), removeTagsRow(), listTagsRow(), keysRow())
	return append(built, rest(built)...)
}

// asks are an operation's questions, by the sheet.
func asks[I any](operation string) func(*api.Call, store.View, *I) ([]api.Question, error) {
	return ask.Ask[I](sheet, operation)
}

func notFound(name string) error {
	return fault.New("TrailNotFoundException", "Unknown trail: %s for the user: this account", name)
}

// named splits a trail's name or ARN. Source: CloudTrail API Reference, "GetTrail": a name, or an ARN.
func named(c *api.Call, name string) (region, short string, err error) {
	if !strings.HasPrefix(name, "arn:") {
		return c.Region, name, nil
	}
	a, perr := arn.Parse(name)
	id, kind := strings.CutPrefix(a.Resource, "trail/") // and not trail:NAME, which policies about trail/NAME do not know
	if perr != nil || a.Service != "cloudtrail" || !kind || id == "" || a.Region == "" || len(a.Account) != 12 || a.Partition != c.Partition {
		return "", "", fault.New("CloudTrailARNInvalidException", "Invalid ARN: %s. The format of a trail ARN is arn:aws:cloudtrail:us-east-2:123456789012:trail/MyTrail", name)
	}
	if a.Account != c.Account {
		return "", "", notFound(name) // trails of organizations are not built, so nobody sees another account's
	}
	return a.Region, id, nil
}

// all lists an account's trails in all regions.
func all(c *api.Call, v store.View) ([]store.Item[trail.Trail], error) {
	items, err := rows.Trails.List(v, store.Query{AnyScope: true})
	return slices.DeleteFunc(items, func(t store.Item[trail.Trail]) bool {
		return t.Scope.Account != c.Account || t.Scope.Partition != c.Partition
	}), err
}

// find is the trail that a name means in a region: one at home there, or the shadow of one that is of all regions.
func find(c *api.Call, v store.View, name *string) (store.Item[trail.Trail], error) {
	if name == nil || *name == "" {
		return store.Item[trail.Trail]{}, fault.New("InvalidTrailNameException", "Trail name cannot be blank!")
	}
	region, short, err := named(c, *name)
	if err != nil {
		return store.Item[trail.Trail]{}, err
	}
	items, err := all(c, v)
	if err != nil {
		return store.Item[trail.Trail]{}, err
	}
	for _, it := range items {
		if it.ID == short && (it.Scope.Region == region || it.Value.Multi && !strings.HasPrefix(*name, "arn:")) {
			return it, nil
		}
	}
	return store.Item[trail.Trail]{}, notFound(*name)
}

// findHome is find for what changes a trail, which must be asked for in its home region.
func findHome(c *api.Call, v store.View, name *string) (store.Item[trail.Trail], error) {
	it, err := find(c, v, name)
	if err == nil && it.Scope.Region != c.Region {
		return it, fault.New("InvalidHomeRegionException", "Trail %s's home region is %s: it cannot be changed from %s.", it.ID, it.Scope.Region, c.Region)
	}
	if err == nil {
		c.Touch(it.Value.ARN)
	}
	return it, err
}

func state(v store.View, it store.Item[trail.Trail]) (store.Item[rows.TrailState], error) {
	return rows.TrailStates.Get(v, it.Scope, it.ID)
}

// change edits a trail and its state in one transaction.
func change(c *api.Call, tx store.Tx, name *string, f func(t *trail.Trail, s *rows.TrailState) error) (store.Item[trail.Trail], error) {
	it, err := findHome(c, tx, name)
	if err != nil {
		return it, err
	}
	st, err := state(tx, it)
	if err != nil {
		return it, err
	}
	if err := f(&it.Value, &st.Value); err != nil {
		return it, err
	}
	return it, errors.Join(rows.Trails.Save(tx, &it), rows.TrailStates.Save(tx, &st))
}

func opt(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
