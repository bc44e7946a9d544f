package kms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/store"
)

// Key is a row of the partition's region, whoever owns it: a ciphertext names the id and no account. The row's id is the key's.
type Key struct {
	Account     string
	Created     time.Time
	Description string `json:",omitempty"`
	Spec        string
	Usage       string
	Origin      string
	Service     string `json:",omitempty"` // "s3": AWS manages the key for that service
	State       string // Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport
	Policy      string // principals bound to unique ids
	Public      []byte `json:",omitempty"` // asymmetric: SubjectPublicKeyInfo
	Material    string `json:",omitempty"` // id of the current one; empty: none yet

	Aliases []string `json:",omitempty"` // names, sorted
	Grants  int      `json:",omitempty"` // how many there are

	Window   int64     `json:",omitempty"` // days to deletion
	Deletion time.Time `json:",omitzero"`
	Rotation Rotation  `json:",omitzero"`
	Import   Import    `json:",omitzero"`

	Primary string   `json:",omitempty"` // multi-region: region of the primary key
	Regions []string `json:",omitempty"` // multi-region: all regions that have the key, sorted
}

// Rotation is how a key changes its material.
type Rotation struct {
	Enabled  bool      `json:",omitempty"`
	Period   int64     `json:",omitempty"` // days
	Next     time.Time `json:",omitzero"`
	OnDemand int       `json:",omitempty"` // how often somebody asked for it
}

// Import says of imported material when it ends.
type Import struct {
	Model   string    `json:",omitempty"` // KEY_MATERIAL_EXPIRES | KEY_MATERIAL_DOES_NOT_EXPIRE
	ValidTo time.Time `json:",omitzero"`  // of the first that ends: then the key waits for an import
	Ends    time.Time `json:",omitzero"`  // as ValidTo, of material that waits for a rotation too
}

// The states of a key. Source: KMS Developer Guide, "Key states of AWS KMS keys".
const (
	enabled         = "Enabled"
	disabled        = "Disabled"
	pendingDeletion = "PendingDeletion"
	pendingReplicas = "PendingReplicaDeletion"
	pendingImport   = "PendingImport"
)

var keys = store.Table[Key]{Kind: "kms-key", Terms: func(k *Key) []store.Term {
	t := []store.Term{{Name: "account", Value: k.Account}}
	if !k.Deletion.IsZero() || !k.Rotation.Next.IsZero() || !k.Import.Ends.IsZero() {
		t = append(t, store.Term{Name: "timed", Value: "yes"})
	}
	return t
}}

// Alias is a row of its account and region; the id is the name, with "alias/".
type Alias struct {
	Key              string
	Created, Updated time.Time
}

var aliases = store.Table[Alias]{Kind: "kms-alias"}

// region is where keys live: see Key.
func region(c *api.Call) store.Scope { return store.Scope{Partition: c.Partition, Region: c.Region} }

// key is a key as it was found.
type key struct {
	store.Item[Key]
	arn string
}

func keyARN(s store.Scope, account, id string) string {
	return "arn:" + s.Partition + ":kms:" + s.Region + ":" + account + ":key/" + id
}

// known is a decoded row, and of what: a key that was deleted and made again (a replica, a managed key after a reset) counts its versions anew.
type known struct {
	*key
	raw []byte
}

// byID reads a key; store.ErrNotFound if the region has none of that id. What it returns from a snapshot is shared: a change needs mine.
func (s *Service) byID(v store.View, at store.Scope, id string) (*key, error) {
	row, err := v.Get(store.Key{Scope: at, Kind: keys.Kind, ID: id})
	if err != nil {
		return nil, err
	}
	_, writes := v.(store.Tx) // a version that is not committed may never be, and another take its number
	name := ""
	if !writes {
		name = fmt.Sprint(at.Region, "/", id, "/", row.Version)
		if k, ok := s.known.get(name); ok && bytes.Equal(k.raw, row.Value) {
			return k.key, nil
		}
	}
	k := &key{Item: store.Item[Key]{Scope: at, ID: id, Version: row.Version}}
	if err := json.Unmarshal(row.Value, &k.Value); err != nil {
		return nil, fmt.Errorf("cannot decode key %s: %w", id, err)
	}
	k.arn = keyARN(at, k.Value.Account, id)
	if !writes {
		s.known.put(name, known{k, row.Value})
	}
	return k, nil
}

// state is the key's as of now: imported material ends by itself.
func (k *key) state(now time.Time) string {
	if k.Value.State != enabled && k.Value.State != disabled {
		return k.Value.State
	}
	if e := k.Value.Import.ValidTo; !e.IsZero() && !now.Before(e) {
		return pendingImport
	}
	return k.Value.State
}

// usable refuses a key that may not be used now. Source: KMS Developer Guide, "Key states of AWS KMS keys".
func (k *key) usable(now time.Time) error {
	switch k.state(now) {
	case enabled:
		return nil
	case disabled:
		return fault.New("DisabledException", "%s is disabled.", k.arn)
	case pendingImport:
		return fault.New("KMSInvalidStateException", "%s is pending import.", k.arn)
	}
	return k.going()
}

// Usable says whether the key of an ARN is there and may be used now, for services that hold data keys of it.
func (s *Service) Usable(v store.View, arn string, now time.Time) (bool, error) {
	p := strings.SplitN(arn, ":", 6)
	if len(p) != 6 || p[2] != "kms" {
		return false, fmt.Errorf("cannot look at the key %q: it is no ARN of a key", arn)
	}
	k, err := s.byID(v, store.Scope{Partition: p[1], Region: p[3]}, strings.TrimPrefix(p[5], "key/"))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && k.Value.Account == p[4] && k.usable(now) == nil, err
}

// going refuses a key that is to be deleted.
func (k *key) going() error {
	if k.Value.State == pendingDeletion || k.Value.State == pendingReplicas {
		return fault.New("KMSInvalidStateException", "%s is pending deletion (or pending replica deletion).", k.arn)
	}
	return nil
}

func (k *key) managed() bool { return k.Value.Service != "" }

func (k *key) multi() bool { return k.Value.Primary != "" }

func (k *key) replica() bool { return k.multi() && k.Value.Primary != k.Scope.Region }

// given is what a call names: one of an id and an alias (with "alias/").
type given struct {
	account, id, alias string
	arn                string // as the call wrote it; empty: it wrote none
}

// read takes apart what a call calls a key: an id, an alias, or an ARN of either. Source for the sentences: answers of AWS recorded in the
// tests of an open-source double (test_kms.snapshot.json of LocalStack).
func read(c *api.Call, name string) (given, error) {
	g := given{account: c.Account}
	rest := name
	if strings.HasPrefix(name, "arn:") {
		p := strings.SplitN(name, ":", 6)
		if len(p) != 6 || p[1] != c.Partition || p[2] != "kms" || len(p[4]) != 12 {
			return g, fault.New("InvalidArnException", "Invalid arn %s", name)
		}
		if p[3] != c.Region {
			return g, fault.New("NotFoundException", "Invalid arn %s", p[3])
		}
		g.account, g.arn = p[4], name
		id, isKey := strings.CutPrefix(p[5], "key/")
		switch {
		case isKey:
			rest = id
		case strings.HasPrefix(p[5], "alias/"):
			rest = p[5]
		default:
			return g, fault.New("InvalidArnException", "Invalid arn %s", name)
		}
	}
	switch {
	case strings.HasPrefix(rest, "alias/"):
		g.alias = rest
	case validID(rest):
		g.id = rest
	default:
		return g, fault.New("NotFoundException", "Invalid keyId '%s'", rest)
	}
	return g, nil
}

// validID knows a UUID and "mrk-" with 32 hex digits, in lower case.
func validID(s string) bool {
	h, multi := strings.CutPrefix(s, "mrk-")
	if !multi {
		if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
			return false
		}
		h = strings.ReplaceAll(s, "-", "")
	}
	return len(h) == 32 && strings.Trim(h, "0123456789abcdef") == ""
}

func mine(c *api.Call, account string) bool { return account == c.Account }
