package s3

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/store"
)

// What PutBucketVersioning may set (S3 API Reference, VersioningConfiguration).
const (
	enabled   = "Enabled"
	suspended = "Suspended"
	null      = "null" // the version id of what was written without one
)

// versionStem is what the rows of a key's versions begin with, in the order of keys: bucket, NUL, key, NUL. A NUL within the key is made
// to sort behind every rank, so that no key's rows lie among those of another.
func versionStem(bucket, key string) string {
	return bucket + "\x00" + strings.ReplaceAll(key, "\x00", "\x00\xff") + "\x00"
}

// versionRow is the id of a version's row: the newest version of a key sorts first.
func versionRow(bucket, key string, made int64) string {
	return fmt.Sprintf("%s%016x", versionStem(bucket, key), math.MaxInt64-made)
}

// keyOfVersion is the key in a version's row, of which the bucket was cut off.
func keyOfVersion(id string) string {
	return strings.ReplaceAll(id[:len(id)-17], "\x00\xff", "\x00")
}

// made is when the version came to be, in microseconds; what was written before there were versions tells it by its date.
func (o *Object) made() int64 {
	if o.Made != 0 {
		return o.Made
	}
	return o.Modified.UnixMicro()
}

// newVersion makes a version id: 32 letters that are safe in URLs. The time in it leads to the row, the rest is random.
func newVersion(d api.Dice, made int64) string {
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, uint64(made)), d.Bytes(16)...))
}

func madeOf(id string) (int64, bool) {
	b, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(b) != 24 || b[0]&0x80 != 0 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b)), true
}

// shown is the version id that answers carry: none as long as the bucket never had versions.
func shown(b store.Item[Bucket], o Object) *string {
	if b.Value.Versioning == "" {
		return nil
	}
	return ptr(idOf(o))
}

// given is the version id that a write answers: none when it made the null version.
func given(o Object) *string { return opt(o.Version) }

func idOf(o Object) string {
	if o.Version == "" {
		return null
	}
	return o.Version
}

// version is an object or a delete marker in the table where it lies.
type version struct {
	store.Item[Object]
	past bool // among the versions
}

// current reads the object that is visible, nil if none.
func current(v store.View, sc store.Scope, id string) (*store.Item[Object], error) {
	it, err := objects.Get(v, sc, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return &it, err
}

// newestPast reads the newest of a key's rows among the versions, nil if there is none.
func newestPast(v store.View, sc store.Scope, bucket, key string) (*store.Item[Object], error) {
	stem := versionStem(bucket, key)
	rows, err := versions.List(v, store.Query{Scope: sc, Prefix: stem, Before: stem + "\xff", Limit: 1})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// pick reads the version that id names, nil if there is none. Faults: InvalidArgument when no id looks like that.
func pick(v store.View, b store.Item[Bucket], sc store.Scope, key, id string) (*version, error) {
	made, ours := madeOf(id)
	if !ours && id != null {
		if plausible(id) {
			return nil, nil
		}
		text := "Invalid version id specified"
		if id == "" {
			text = "Version id cannot be the empty string"
		}
		return nil, fault.New("InvalidArgument", "%s", text).With(400).Field("ArgumentName", "versionId").Field("ArgumentValue", id)
	}
	cur, err := current(v, sc, objectID(b.ID, key))
	if err != nil {
		return nil, err
	}
	if cur != nil && idOf(cur.Value) == id {
		return &version{*cur, false}, nil
	}
	if b.Value.Versioning == "" {
		return nil, nil
	}
	var it store.Item[Object]
	if id == null {
		it, err = versions.Find(v, sc, "null", objectID(b.ID, key))
	} else {
		it, err = versions.Get(v, sc, versionRow(b.ID, key, made))
	}
	if errors.Is(err, store.ErrNotFound) || err == nil && idOf(it.Value) != id {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &version{it, true}, nil
}

// plausible ids could be those of some bucket; other text is told to be none. S3 does not document the border.
func plausible(id string) bool {
	if len(id) < 24 || len(id) > 1024 {
		return false
	}
	for i := range len(id) {
		c := id[i] | 0x20
		if (c < 'a' || c > 'z') && (id[i] < '0' || id[i] > '9') && !strings.ContainsRune("._-+/=", rune(id[i])) {
			return false
		}
	}
	return true
}

func noVersion(key, id string) error {
	return fault.New("NoSuchVersion", "The specified version does not exist.").With(404).Field("Key", key).Field("VersionId", id)
}

// isMarker refuses to read a delete marker that was named (S3 User Guide, "Working with delete markers").
func isMarker(o Object) error {
	return fault.New("MethodNotAllowed", "The specified method is not allowed against this resource.").With(405).
		Field("ResourceType", "DeleteMarker").Field("x-amz-delete-marker", "true").Field("x-amz-version-id", idOf(o))
}

// replace makes o the newest version of its key, if the condition holds for what is visible. What it cannot take the place of becomes a
// version of the past. o gets its version id.
func replace(c *api.Call, tx store.Tx, b store.Item[Bucket], sc store.Scope, key string, w condition, o *Object, t *trash) error {
	old, err := current(tx, sc, objectID(b.ID, key))
	if err != nil {
		return err
	}
	if err := w.hold(key, valueOf(old)); err != nil {
		return err
	}
	if o.Lock.Mode == "" {
		d := b.Value.Lock.retain(tx.Now())
		o.Lock.Mode, o.Lock.Until = d.Mode, d.Until
	}
	if b.Value.Versioning != "" {
		if err := stamp(c, tx, b, sc, key, old, o); err != nil {
			return err
		}
	}
	if err := yield(tx, b, sc, key, old, t); err != nil {
		return err
	}
	if old == nil {
		return objects.Create(tx, sc, objectID(b.ID, key), o)
	}
	old.Value = *o
	return objects.Save(tx, old)
}

func valueOf(it *store.Item[Object]) *Object {
	if it == nil {
		return nil
	}
	return &it.Value
}

// stamp gives a new version its place in time, behind everything that the key has, and its id.
func stamp(c *api.Call, tx store.Tx, b store.Item[Bucket], sc store.Scope, key string, old *store.Item[Object], o *Object) error {
	o.Made = tx.Now().UnixMicro()
	top := old
	if top == nil {
		var err error
		if top, err = newestPast(tx, sc, b.ID, key); err != nil {
			return err
		}
	}
	if top != nil {
		o.Made = max(o.Made, top.Value.made()+1) // also when the clock went back
	}
	if b.Value.Versioning == enabled {
		o.Version = newVersion(c.Dice, o.Made)
	}
	return nil
}

// yield makes room for a new version: with versions on, what is visible is kept; else the null version goes, wherever it is. The row of
// what is visible stays, for the caller to write over or to delete.
func yield(tx store.Tx, b store.Item[Bucket], sc store.Scope, key string, old *store.Item[Object], t *trash) error {
	if old != nil {
		if b.Value.Versioning == enabled || old.Value.Version != "" {
			past := old.Value
			if past.Version == "" {
				past.Null = old.ID
			}
			if err := versions.Create(tx, sc, versionRow(b.ID, key, past.made()), &past); err != nil {
				return err
			}
		} else if err := old.Value.Lock.frees(tx.Now(), false); err != nil {
			return err // before anything is let go of
		} else if err := t.object(tx, sc, old.Value); err != nil {
			return err
		}
	}
	if b.Value.Versioning != suspended {
		return nil
	}
	it, err := versions.Find(tx, sc, "null", objectID(b.ID, key))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return shed(tx, version{it, true}, false, t)
}

// shed deletes a version's row and lets go of its bytes, unless it is locked. Every deletion comes by here or by yield.
func shed(tx store.Tx, v version, bypass bool, t *trash) error {
	if err := v.Value.Lock.frees(tx.Now(), bypass); err != nil {
		return err
	}
	if !v.Value.Marker {
		if err := t.object(tx, v.Scope, v.Value); err != nil {
			return err
		}
	}
	if v.past {
		return versions.Delete(tx, v.Scope, v.ID)
	}
	return objects.Delete(tx, v.Scope, v.ID)
}

// settle makes the newest version visible if nothing is and it is no marker.
func settle(tx store.Tx, b store.Item[Bucket], sc store.Scope, key string) error {
	cur, err := current(tx, sc, objectID(b.ID, key))
	if err != nil || cur != nil {
		return err
	}
	top, err := newestPast(tx, sc, b.ID, key)
	if err != nil || top == nil || top.Value.Marker {
		return err
	}
	o := top.Value
	o.Null = ""
	if err := versions.Delete(tx, sc, top.ID); err != nil {
		return err
	}
	return objects.Create(tx, sc, objectID(b.ID, key), &o)
}

// deleted is what became of a deletion.
type deleted struct {
	marker  bool   // a delete marker was made, or one was deleted
	version string // of the marker, or of what was deleted; empty in a bucket without versions
}

// remove deletes what is visible, if the condition holds; what is not there is as good as deleted. With versions it is hidden behind a
// delete marker, also where nothing is (S3 User Guide, "Deleting object versions from a versioning-enabled bucket").
func remove(c *api.Call, tx store.Tx, b store.Item[Bucket], sc store.Scope, key string, w condition, t *trash) (deleted, error) {
	old, err := current(tx, sc, objectID(b.ID, key))
	if err != nil {
		return deleted{}, err
	}
	if err := w.hold(key, valueOf(old)); err != nil {
		return deleted{}, err
	}
	if b.Value.Versioning == "" {
		if old == nil {
			return deleted{}, nil
		}
		return deleted{}, shed(tx, version{*old, false}, false, t)
	}
	m := Object{Marker: true, Modified: seconds(tx)}
	if err := stamp(c, tx, b, sc, key, old, &m); err != nil {
		return deleted{}, err
	}
	if err := yield(tx, b, sc, key, old, t); err != nil {
		return deleted{}, err
	}
	if old != nil {
		if err := objects.Delete(tx, sc, old.ID); err != nil {
			return deleted{}, err
		}
	}
	if m.Version == "" {
		m.Null = objectID(b.ID, key)
	}
	return deleted{true, idOf(m)}, versions.Create(tx, sc, versionRow(b.ID, key, m.Made), &m)
}

// expunge deletes one version for good; the next one may become visible by it.
func expunge(tx store.Tx, b store.Item[Bucket], sc store.Scope, key, id string, bypass bool, w condition, t *trash) (deleted, error) {
	it, err := pick(tx, b, sc, key, id)
	if err != nil {
		return deleted{}, err
	}
	d := deleted{version: id}
	if it == nil {
		return d, w.hold(key, nil)
	}
	if err := w.hold(key, &it.Value); err != nil {
		return d, err
	}
	d.marker = it.Value.Marker
	if err := shed(tx, *it, bypass, t); err != nil {
		return d, err
	}
	return d, settle(tx, b, sc, key)
}
