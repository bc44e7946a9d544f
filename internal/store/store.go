// Package store is contract 2: the ledger. Everything that must survive is a row, a tag, a trail event or a lease, and
// one transaction holds the act and its record.
package store

import (
	"context"
	"errors"
	"time"

	"cloister/internal/core/trail"
)

// Errors every driver answers with (wrapped or bare).
var (
	ErrNotFound = errors.New("store: not found")
	ErrConflict = errors.New("store: version conflict") // expected version differs, or a unique term is taken
	ErrFenced   = errors.New("store: lease lost")       // a newer epoch holds the lease: stop writing
	ErrFull     = errors.New("store: no space")         // disk full; nothing was written
	ErrAway     = errors.New("store: away")             // where the bytes lie cannot be reached, or refuses us; nothing was written
)

// Scope is where a row lives. Global things leave Region empty; partition-wide names (S3 buckets) leave Account empty too.
type Scope struct{ Partition, Account, Region string }

// Key names one row. IDs sort bytewise; lists and scans come in that order.
type Key struct {
	Scope
	Kind string // "vpc", "subnet", "role", "s3-object", ...
	ID   string // roles and users: AROA..., AIDA...
}

// Term is an index entry of a row: Name/Value find it, Unique makes the pair belong to one row within Scope+Kind.
type Term struct {
	Name, Value string
	Unique      bool
}

// Row is what is stored. Version counts from 1 and rises with each put.
type Row struct {
	Key
	Version int64
	Updated time.Time
	Value   []byte // JSON; of few kinds what the table's own codec writes (logbook)
	Terms   []Term // on put: replaces the row's index entries; reads leave it nil
}

// Query lists rows of one kind in one scope. Any of the narrowing fields may be empty. AnyScope ignores Scope (engines).
type Query struct {
	Scope
	Kind     string
	AnyScope bool
	Prefix   string // IDs that begin with it
	After    string // IDs that sort after it, exclusive
	Before   string // IDs that sort before it, exclusive
	Term     Term   // rows that carry this term (Unique is ignored)
	Limit    int    // 0: all
	Reverse  bool
}

// View is a consistent snapshot for reading.
type View interface {
	Now() time.Time // UTC, one time for the whole transaction
	Get(Key) (Row, error)
	List(Query) ([]Row, error)
	Tags(arn string) (map[string]string, error)
	Tagged(q TagQuery) ([]TaggedARN, error)
	Trail(q TrailQuery) ([]trail.Event, error)
	// Chain reads links after a sequence number, and what the first of them hangs on: the last one that Prune took, or zero.
	Chain(after int64, limit int) (base Link, links []Link, err error)
	// Stamp is a number that rises with each commit that changed a tag or a row of a kind that is not Busy: two views of one stamp show
	// the same of them. settled is false where it counts what may still be taken back (an Update). Memo is made of it.
	Stamp() (n int64, settled bool, err error)
}

// Tx is a write transaction: all or nothing, durable when Update returns nil. There is one writer at a time.
type Tx interface {
	View
	// Put writes r. Version 0 creates (ErrConflict if the key exists); else it must equal the stored version (ErrConflict,
	// also if the row is gone). A Put that fails with ErrConflict changed nothing, the transaction may go on.
	Put(r Row) (version int64, err error)
	// Delete removes a row; version 0 means whatever is there. ErrNotFound if nothing is.
	Delete(k Key, version int64) error
	// SetTags merges into an ARN's tags; RemoveTags drops keys, all of them when keys is nil.
	SetTags(arn string, scope Scope, tags map[string]string) error
	RemoveTags(arn string, keys []string) error
	// Record appends the event of this act; its Seq is set.
	Record(*trail.Event) error
	// Prune drops the oldest events that are older than before and not beyond the sequence number through, at most limit, and says how many.
	Prune(before time.Time, through int64, limit int) (int, error)
	// Fence fails with ErrFenced unless l is still held with that epoch. A lease past its end that nobody else took is held.
	Fence(l Lease) error
}

// TagQuery finds tagged ARNs of an account and region; Key/Value may be empty.
type TagQuery struct {
	Scope
	Key, Value string
	Prefix     string // of the ARN
	After      string
	Limit      int
}

// TaggedARN is one ARN with its tags.
type TaggedARN struct {
	ARN  string
	Tags map[string]string
}

// TrailQuery reads events of one account (the recipient) in the order of their sequence, newest last unless Reverse. With ByTime they come by
// the time of their calls, the newest first: then every attribute has its index, with Management and a Region the fastest.
type TrailQuery struct {
	Account   string // empty: all
	AfterSeq  int64  // exclusive
	BeforeSeq int64  // exclusive; 0: open (pages of a reversed read)
	RequestID string
	Resource  string // ARN
	Name      string
	From, To  time.Time // inclusive; zero: open
	Limit     int
	Reverse   bool

	ByTime     bool // needs an Account; AfterSeq, BeforeSeq and RequestID are not looked at
	Region     string
	Management bool  // no data events
	ReadOnly   *bool // management events alone
	Service    string
	User       string
	AccessKey  string
	Kind       string // of a resource: AWS::KMS::Key; management events alone
	Before     Moment // events before it; zero: open
}

// Moment is an event's place in the order of time.
type Moment struct {
	Time time.Time
	Seq  int64
}

// Link is one event as the chain holds it: each Hash is SHA-256 of the Hash before and the Body.
type Link struct {
	Seq  int64
	Hash []byte // empty: older than the chain
	Body []byte // the event's JSON, a line break, and a JSON list of the terms by which it is found
}

// Lease is a named right to act, held by one daemon. Epoch rises with each new holder. Holder must be unique to one start of a
// process: a restart under the same name would renew the lease of a predecessor that may still live.
type Lease struct {
	Name, Holder string
	Epoch        int64
	Until        time.Time
}

// Store is the ledger.
type Store interface {
	// View runs f on a snapshot.
	View(ctx context.Context, f func(View) error) error
	// Snapshot is View for who cannot say in one function what he reads: until end, which must be called, and soon. end's error is of
	// the database, as View's would be.
	Snapshot(ctx context.Context) (v View, end func() error, err error)
	// Update runs f in the one write transaction and commits durably if f returns nil and ctx is not done. A panic in f rolls back
	// and goes on. Concurrent updates may share one commit: f sees what those before it wrote, and all of them wait for the disk together.
	// Never call Update, Append, Acquire, Release or Reset inside f: they wait for the writer, which f holds.
	Update(ctx context.Context, f func(Tx) error) error
	// Append writes events durably before it returns; concurrent appends share one commit (group commit).
	Append(ctx context.Context, events ...*trail.Event) error
	// Watch pings (level-triggered, coalesced) whenever a commit changed a row of one of the kinds; none means any. It may miss
	// commits of other processes: resync on a timer. The channel is closed when ctx ends.
	Watch(ctx context.Context, kinds ...string) <-chan struct{}
	// Acquire takes or renews a lease; ErrConflict while another holder's is unexpired.
	Acquire(ctx context.Context, name, holder string, ttl time.Duration) (Lease, error)
	// Release ends a lease that is held; it is no error if it was lost.
	Release(ctx context.Context, l Lease) error
	// FenceWith makes every later Update, Append and Reset check l first: a daemon that lost its lease cannot write.
	FenceWith(l Lease)
	// Reset deletes every row, tag and event (dev only).
	Reset(ctx context.Context) error
	Close() error
}
