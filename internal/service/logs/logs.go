// Package logs is Amazon CloudWatch Logs: groups, streams and their events, retention and the search of what came. Events lie in
// sealed blocks, rows of the ledger like everything else: one is there when the call that brought it is answered.
//
// Nothing follows from an event but that it can be read: there are no metrics, subscriptions, queries and anomaly detectors, and what
// would make one is refused with the reason.
package logs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	"cloister/internal/core/keyring"
	"cloister/internal/core/logbook"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// Config is what the service needs.
type Config struct {
	// Sealer is the root of trust: it seals the keys of groups that have no KMS key.
	Sealer keyring.Sealer
	// Invoke asks another service as this one (the gate's).
	Invoke func(ctx context.Context, as api.As, service, operation string, in any) (out any, requestID string, err error)
}

// Service answers the operations.
type Service struct{ Config }

// New makes the service.
func New(c Config) *Service { return &Service{c} }

// Operations is the table.
func (s *Service) Operations() []api.Operation {
	built := api.Rows("logs", slices.Concat([]api.Rower{
		s.createLogGroup(), s.deleteLogGroup(), s.describeLogGroups(), s.listLogGroups(),
		s.putRetentionPolicy(), s.deleteRetentionPolicy(), s.putLogGroupDeletionProtection(), s.associateKmsKey(), s.disassociateKmsKey(),
		s.createLogStream(), s.deleteLogStream(), s.describeLogStreams(),
		s.putLogEvents(), s.getLogEvents(), s.filterLogEvents(), s.testMetricFilter(),
	}, s.tagRows(), s.policyRows(), s.neverRows())...)
	return append(built, rest(built)...)
}

func noGroup() error {
	return fault.New("ResourceNotFoundException", "The specified log group does not exist.")
}

func noStream() error {
	return fault.New("ResourceNotFoundException", "The specified log stream does not exist.")
}

func invalid(format string, args ...any) error {
	return fault.New("InvalidParameterException", format, args...)
}

func groupARN(c *api.Call, name string) string { return c.ARN("logs", "log-group:"+name) }

func streamARN(c *api.Call, group, stream string) string {
	return groupARN(c, group) + within + stream
}

// findGroup reads a group by name. Faults: ResourceNotFoundException.
func findGroup(c *api.Call, v store.View, name *string) (store.Item[logbook.Group], error) {
	if name == nil {
		return store.Item[logbook.Group]{}, invalid("1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null")
	}
	g, err := rows.LogGroups.Get(v, c.Scope(), *name)
	if notFound(err) {
		err = noGroup()
	}
	return g, err
}

// nameOf is the name behind a member that is a name or an ARN. An ARN of elsewhere is none of the groups here.
func nameOf(c *api.Call, id *string) (*string, error) {
	if id == nil || !strings.HasPrefix(*id, "arn:") {
		return id, nil
	}
	a, err := arn.Parse(*id)
	if err != nil || a.Service != "logs" || !strings.HasPrefix(a.Resource, "log-group:") {
		return nil, invalid("The specified ARN is not valid.")
	}
	name := strings.TrimPrefix(a.Resource, "log-group:")
	if strings.Contains(name, ":") {
		return nil, invalid("The ARN of a log group must not end in :*.")
	}
	if a.Partition != c.Partition || a.Region != c.Region || a.Account != c.Account {
		return nil, noGroup()
	}
	return &name, nil
}

// either is the group of an operation that takes its name or its identifier, one of both.
func either(c *api.Call, v store.View, name, identifier *string) (store.Item[logbook.Group], error) {
	switch {
	case name != nil && identifier != nil, name == nil && identifier == nil:
		return store.Item[logbook.Group]{}, invalid("LogGroup name or LogGroup ARN must be provided, not both.")
	case name == nil:
		var err error
		if name, err = nameOf(c, identifier); err != nil {
			return store.Item[logbook.Group]{}, err
		}
	}
	return findGroup(c, v, name)
}

func findStream(c *api.Call, v store.View, g logbook.Group, name *string) (store.Item[logbook.Stream], error) {
	it, err := rows.LogStreams.Get(v, c.Scope(), g.ID+"/"+deref(name))
	if notFound(err) {
		err = noStream()
	}
	return it, err
}

func notFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// ms is how the service tells times.
func ms(t time.Time) int64 { return t.UnixMilli() }

// expiry is the time of the oldest event that a group still shows.
func expiry(g logbook.Group, now time.Time) int64 {
	if g.Retention == 0 {
		return 0
	}
	return ms(now.Add(-time.Duration(g.Retention) * 24 * time.Hour))
}
