package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/trail"
	"cloister/internal/store"
)

// TestVerifyTrail finds every kind of change to the trail behind the ledger's back, and nothing in a sound one.
func TestVerifyTrail(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"sound", "", ""},
		{"pruned", "prune", ""},
		{"removed", "delete from trail where seq = 3", "4: the event does not follow"},
		{"the first removed", "delete from trail where seq = 1", "2: the event does not follow"},
		{"changed", "update trail set event = cast(replace(cast(event as text), 'user-3', 'nobody') as blob) where seq = 3", "3: the event does not follow"},
		{"exchanged", "update trail set seq = 99 where seq = 3; update trail set seq = 3 where seq = 4; update trail set seq = 4 where seq = 99", "3: the event does not follow"},
		{"hidden from lookups", "update trail set recipient = 'x' where seq = 3", "3: the columns"},
		{"other terms", "update trail set terms = '[]' where seq = 3", "3: the event does not follow"},
		{"taken from the index", "prune; delete from trail_terms where seq = 5", "5: the event is missing from the index"},
		{"the newest removed", "delete from trail where seq = 6", "6: the newest events are gone"},
		{"added", "insert into trail (time, recipient, request_id, name, event) values (1, '1', 'r', 'n', x'7b7d')", "7: the event has no hash"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ledger.db")
			s := openAt(t, path, time.Now)
			for i := range 6 {
				ev := &trail.Event{ID: fmt.Sprint(i), Recipient: "1", Time: time.Unix(int64(i), 0), Caller: trail.Caller{Type: "IAMUser", UserName: fmt.Sprintf("user-%d", i+1)}}
				if err := s.Append(t.Context(), ev); err != nil {
					t.Fatal(err)
				}
			}
			script, prune := strings.CutPrefix(c.script, "prune")
			if prune {
				if err := s.Update(t.Context(), func(tx store.Tx) error { _, err := tx.Prune(time.Unix(3, 0), 99, 99); return err }); err != nil {
					t.Fatal(err)
				}
			}
			raw(t, path, "select 1; "+strings.TrimPrefix(script, ";"))
			var got []string
			_, _, err := s.VerifyTrail(t.Context(), func(b Broken) { got = append(got, fmt.Sprintf("%d: %s", b.Seq, b.What)) })
			if err != nil || c.want == "" && len(got) > 0 || c.want != "" && (len(got) == 0 || !strings.HasPrefix(got[0], c.want)) {
				t.Errorf("found %q, %v; want %q", got, err, c.want)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestOlderTrail: a ledger of the first schema keeps its events, finds them by the new ways, and the chain begins behind them.
func TestOlderTrail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	steps, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	old := `{"eventID":"e","eventTime":"2026-03-01T12:00:00Z","requestID":"r","service":"kms","eventName":"CreateKey","recipientAccountId":"1","awsRegion":"eu",` +
		`"userIdentity":{"type":"IAMUser","userName":"ann","accessKeyId":"AKIA"},"resources":["arn:aws:kms:eu:1:key/k"]}`
	raw(t, path, steps[0]+fmt.Sprintf(`; pragma application_id = %d; pragma user_version = 1; insert into trail (time, recipient, request_id, name, event) values (%d, '1', 'r', 'CreateKey', cast('%s' as blob));
		insert into trail_resources values ('arn:aws:kms:eu:1:key/k', 1)`, applicationID, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMicro(), old))
	s := openAt(t, path, time.Now)
	defer s.Close()
	if err := s.Append(t.Context(), &trail.Event{ID: "f", Recipient: "1", Region: "eu"}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []store.TrailQuery{{User: "ann", Management: true}, {AccessKey: "AKIA", Management: true}, {Service: "kms", Management: true}, {Resource: "arn:aws:kms:eu:1:key/k"}} {
		q.Account, q.Region, q.ByTime = "1", "eu", true
		if err := s.View(t.Context(), func(v store.View) error {
			evs, err := v.Trail(q)
			if len(evs) != 1 || evs[0].ID != "e" {
				t.Errorf("%+v finds %+v", q, evs)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, n, err := s.VerifyTrail(t.Context(), func(b Broken) { t.Errorf("%d: %s", b.Seq, b.What) }); n != 2 || err != nil {
		t.Errorf("%d events, %v", n, err)
	}
}
