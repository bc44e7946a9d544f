package rows

import (
	"time"

	"cloister/internal/core/trail"
	"cloister/internal/store"
)

// Trails live in their account and home region; the id is the trail's name.
var Trails = store.Table[trail.Trail]{Kind: "trail"}

// TrailState is how far a trail's deliveries are. It lives beside its trail.
type TrailState struct {
	Windows []TrailWindow         // of events to deliver, the oldest first
	Batch   *TrailBatch           `json:",omitempty"` // is being delivered
	Digests map[string]*TrailPart `json:",omitempty"` // by region

	Delivered time.Time // the last time that a file arrived
	Attempted time.Time
	Error     string // of the last attempt; empty: it went well
	Failures  int    // in a row
	Next      time.Time

	Digested    time.Time
	DigestError string

	Lines      time.Time // the last time that events came to CloudWatch Logs
	LinesError string
}

// TrailWindow is a span of events, by their sequence numbers: behind From, up to To; 0: there is no end yet.
type TrailWindow struct{ From, To int64 }

// TrailBatch is what was made up to be delivered next: written down before it is, so that after a crash the same files come again, under the
// same names.
type TrailBatch struct {
	Through int64
	Time    time.Time
}

// TrailPart is a region's chain of digests.
type TrailPart struct {
	Since time.Time // where the next digest begins
	Files []trail.LogFile
	Prev  *trail.Chained `json:",omitempty"`
	// The digest that is being delivered: its end, and how many of the files it names. As a batch, it is written down first.
	End   time.Time `json:",omitzero"`
	Count int       `json:",omitempty"`
}

// TrailStates has a state for each trail, under its name.
var TrailStates = store.Table[TrailState]{Kind: "trail-state"}

// TrailKey is a key pair that signs digests, in its account and region; the id is its fingerprint.
type TrailKey struct {
	Public      []byte // PKCS 1, DER
	Sealed      []byte // the private key, PKCS 1, sealed for "trail-key/ACCOUNT/REGION/FINGERPRINT"
	From, Until time.Time
}

// TrailKeys stay for ever: old digests are verified by them.
var TrailKeys = store.Table[TrailKey]{Kind: "trail-key"}

// TrailEnd is the number of the newest event, 0 if there never was one.
func TrailEnd(v store.View) (int64, error) {
	evs, err := v.Trail(store.TrailQuery{Limit: 1, Reverse: true})
	if err != nil || len(evs) > 0 {
		if err == nil {
			return evs[0].Seq, nil
		}
		return 0, err
	}
	base, _, err := v.Chain(0, 1)
	return base.Seq, err
}
