package cloudtrail

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/identity"
	"cloister/internal/core/trail"
	"cloister/internal/driver/sqlite"
	shape "cloister/internal/shape/cloudtrail"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// TestOneSpelling: a trail has one ARN, by which policies know it.
func TestOneSpelling(t *testing.T) {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "l.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sc := store.Scope{Partition: "aws", Account: "111122223333", Region: "us-west-2"}
	err = s.Update(context.Background(), func(tx store.Tx) error {
		tr := &trail.Trail{ARN: "arn:aws:cloudtrail:us-west-2:111122223333:trail/t", Name: "t", Account: sc.Account, Home: sc.Region, Logging: true}
		if err := errors.Join(rows.Trails.Create(tx, sc, "t", tr), rows.TrailStates.Create(tx, sc, "t", &rows.TrailState{Windows: []rows.TrailWindow{{}}})); err != nil {
			return err
		}
		c := &api.Call{Partition: "aws", Account: sc.Account, Region: sc.Region, Caller: &identity.Principal{}, Time: time.Now()}
		for _, r := range New(Config{}).Rows() {
			if r.Name != "StopLogging" {
				continue
			}
			in := &shape.StopLoggingRequest{Name: new("arn:aws:cloudtrail:us-west-2:111122223333:trail:t")}
			qs, err := r.Questions(c, tx, in)
			t.Logf("asked about %s %v", qs[0].Resource, err)
			_, err = r.Act(c, tx, in)
			it, _ := rows.Trails.Get(tx, sc, "t")
			t.Logf("act: %v; logging %v", err, it.Value.Logging)
			if err == nil && qs[0].Resource != tr.ARN {
				t.Errorf("asked about %s, stopped %s", qs[0].Resource, tr.ARN)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
