// Package logbook holds the nouns of CloudWatch Logs: groups, streams, and the blocks in which events lie in the ledger. It reads
// no clock and knows no keys: a block is sealed by the cipher that it is given.
package logbook

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Group is a log group; its row's id is its name.
type Group struct {
	ID        string // of this group, apart from an earlier one of its name: 16 hex digits
	Created   time.Time
	Retention int    `json:",omitempty"` // days; 0: for ever
	Protected bool   `json:",omitempty"` // against deletion
	Seal      string // id of the seal of new events
	Key       string `json:",omitempty"` // ARN of the KMS key of that seal; empty: the root of trust
}

// Usage is how much lies in a group; its row's id is the group's ID. It is apart from the group, which few changes touch.
type Usage struct{ Stored int64 }

// Stream is a log stream; its row's id is the group's ID, a slash, and its name.
type Stream struct {
	ID       string // 16 hex digits
	Created  time.Time
	First    int64  `json:",omitempty"` // ms since 1970, of the event that happened first and last, and of the last ingestion
	Last     int64  `json:",omitempty"`
	Ingested int64  `json:",omitempty"`
	Events   int64  `json:",omitempty"` // that ever came: the ordinal of the next
	Blocks   int64  `json:",omitempty"` // that ever were: the number of the next
	Tail     string `json:",omitempty"` // id of the block that small batches are added to
}

// Seal is the key of a group's blocks; its row's id is the group's ID, a slash, and the seal's own.
type Seal struct {
	Key     string `json:",omitempty"` // ARN of the KMS key that wrapped it; empty: the root of trust did
	Wrapped []byte
}

// Doomed is what is to be emptied; its row's id is a group's ID, or one with a slash and a stream's ID.
type Doomed struct{ At time.Time }

// ResourcePolicy is a resource policy of an account and region; its row's id is its name.
type ResourcePolicy struct {
	Text    string
	Updated time.Time
}

// Overhead is what an event counts beside its message, in bytes. Source: API reference, PutLogEvents.
const Overhead = 26

// Span is how far apart in time the events of a block may lie, in ms: what happened since a time is looked for from a span before
// it on.
const Span = 900_000

// BlockID is the id of a block's row. Blocks of a group sort by the time of their first event.
func BlockID(group string, first int64, stream string, n int64) string {
	return fmt.Sprintf("%s/%012x/%s/%08x", group, first, stream, n)
}

// After is an id that sorts before all blocks of a group that begin at a time or later, and after those that begin sooner.
func After(group string, ms int64) string { return fmt.Sprintf("%s/%012x", group, max(ms, 0)) }

// StreamOf is the stream in a block's id.
func StreamOf(id string) string {
	if p := strings.Split(id, "/"); len(p) == 4 {
		return p[2]
	}
	return ""
}

// NumberOf is the number in a block's id.
func NumberOf(id string) (int64, error) {
	p := strings.Split(id, "/")
	return strconv.ParseInt(p[len(p)-1], 16, 64)
}
