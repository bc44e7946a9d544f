package logs

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/driver/keyfile"
	"cloister/internal/driver/sqlite"
	"cloister/internal/front/wire"
	shape "cloister/internal/shape/logs"
	"cloister/internal/world"
	"cloister/test/row"
)

// house is the service over a real ledger and a real root key; calls walk through their rows as in the gate, but for the decision.
type house struct {
	t      testing.TB
	ledger *sqlite.Store
	rows   map[string]api.Operation
	now    time.Time
	invoke func(as api.As, service, operation string, in any) (any, error)
	reg    *wire.Registry
}

func open(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, rows: map[string]api.Operation{}, now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), reg: wire.Open()}
	dir := t.TempDir()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "ledger.db"), func() time.Time { return h.now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	h.ledger = db
	key, err := keyfile.Open(filepath.Join(t.TempDir(), "root.key"), dir, world.Real{}.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Sealer: key, Invoke: func(_ context.Context, as api.As, service, operation string, in any) (any, string, error) {
		out, err := h.invoke(as, service, operation, in)
		return out, "r", err
	}})
	for _, r := range s.Operations() {
		h.rows[r.Name] = r
	}
	return h
}

func (h *house) try(in any) (out any, err error) {
	h.t.Helper()
	name := strings.TrimSuffix(reflect.TypeOf(in).Elem().Name(), "Request")
	r := h.rows[name]
	c := &api.Call{RequestID: "r", Time: h.now, Partition: "aws", Account: "111122223333", Region: "us-west-2", Service: "logs", Name: name, Dice: world.Real{},
		Caller: &identity.Principal{Kind: identity.User, Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/ann", ID: "AIDAANN"}}
	if f := h.reg.Service("logs").Operation(name).Validate(in); f != nil {
		return nil, f
	}
	return row.Walk(context.Background(), h.ledger, r, c, in)
}

// do is a call that must succeed.
func do[O any](h *house, in any) *O {
	h.t.Helper()
	out, err := h.try(in)
	if err != nil {
		h.t.Fatalf("%T: %v", in, err)
	}
	return out.(*O)
}

// refuse is a call that must fail with a code, or a kind of fault, and a sentence that holds text.
func (h *house) refuse(code, text string, in any) {
	h.t.Helper()
	_, err := h.try(in)
	var f *fault.Fault
	if !errors.As(err, &f) || f.Code != code && f.Kind.String() != code || !strings.Contains(f.Message, text) {
		h.t.Errorf("%T: %v, want %s %q", in, err, code, text)
	}
}

func (h *house) group(name string) {
	h.t.Helper()
	do[shape.CreateLogGroupOutput](h, &shape.CreateLogGroupRequest{LogGroupName: &name})
}

func (h *house) stream(group, name string) {
	h.t.Helper()
	do[shape.CreateLogStreamOutput](h, &shape.CreateLogStreamRequest{LogGroupName: &group, LogStreamName: &name})
}

// put puts messages, each at its time.
func (h *house) put(group, stream string, events ...shape.InputLogEvent) *shape.PutLogEventsResponse {
	h.t.Helper()
	return do[shape.PutLogEventsResponse](h, &shape.PutLogEventsRequest{LogGroupName: &group, LogStreamName: &stream, LogEvents: events})
}

// at is an event some time after the house's.
func (h *house) at(d time.Duration, message string) shape.InputLogEvent {
	return shape.InputLogEvent{Timestamp: new(h.now.Add(d).UnixMilli()), Message: &message}
}
