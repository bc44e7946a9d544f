package sqlite

import (
	"database/sql"
	"fmt"

	"cloister/internal/core/trail"
	"cloister/internal/store"
)

// tx writes. Each method checks everything before its first write, so that one that returns ErrConflict or ErrNotFound has
// changed nothing and the transaction may go on.
type tx struct {
	view
	kinds map[string]bool // changed; "" stands for all
	// The trail's end, once it was read: the newest event's hash and number, and up to which the index goes.
	last            []byte
	newest, indexed int64
}

func (t *tx) touch(kind string) {
	if t.kinds == nil {
		t.kinds = map[string]bool{}
	}
	t.kinds[kind] = true
}

func (t *tx) exec(q string, args ...any) (sql.Result, error) {
	if err := t.alive(); err != nil {
		return nil, err
	}
	t.stamp = 0
	res, err := t.s.exec(q, args...)
	if err != nil {
		return nil, t.breakWith(err)
	}
	return res, nil
}

// Stamp counts what this transaction, and those it shares a commit with, have changed so far.
func (t *tx) Stamp() (int64, bool, error) {
	if t.stamp == 0 {
		if err := t.readStamp(); err != nil {
			return 0, false, err
		}
	}
	return t.stamp, false, t.alive()
}

func (t *tx) Put(r store.Row) (int64, error) {
	if r.Kind == "" || r.ID == "" || r.Version < 0 {
		return 0, fmt.Errorf("cannot put %q %q at version %d: not a key and version", r.Kind, r.ID, r.Version)
	}
	var stored int64
	exists, err := t.one("select version from rows where "+keyIs, keyArgs(r.Key), &stored)
	if err != nil {
		return 0, err
	}
	if stored != r.Version { // 0 if there is none
		return 0, store.ErrConflict
	}
	want, err := t.claim(r)
	if err != nil {
		return 0, err
	}
	if r.Value == nil {
		r.Value = []byte{} // nil would be NULL
	}
	version := stored + 1
	if exists {
		_, err = t.exec("update rows set version = ?, updated = ?, value = ? where "+keyIs,
			append([]any{version, t.now.UnixMicro(), r.Value}, keyArgs(r.Key)...)...)
	} else {
		_, err = t.exec("insert into rows (partition, account, region, kind, id, version, updated, value) values (?, ?, ?, ?, ?, ?, ?, ?)",
			append(keyArgs(r.Key), version, t.now.UnixMicro(), r.Value)...)
	}
	if err == nil {
		err = t.index(r.Key, want, exists)
	}
	if err != nil {
		return 0, err
	}
	t.touch(r.Kind)
	return version, nil
}

type pair struct{ name, value string }

// claim gathers the row's terms and fails with ErrConflict if a unique one is another row's.
func (t *tx) claim(r store.Row) (map[pair]bool, error) {
	want := make(map[pair]bool, len(r.Terms))
	for _, m := range r.Terms {
		if m.Name == "" {
			return nil, fmt.Errorf("cannot put %s %s: a term has no name", r.Kind, r.ID)
		}
		p := pair{m.Name, m.Value}
		want[p] = want[p] || m.Unique
		if !m.Unique {
			continue
		}
		var owner string
		taken, err := t.one("select id from terms where partition = ? and account = ? and region = ? and kind = ? and name = ? and value = ? and uniq = 1",
			[]any{r.Partition, r.Account, r.Region, r.Kind, m.Name, m.Value}, &owner)
		if err != nil {
			return nil, err
		}
		if taken && owner != r.ID {
			return nil, store.ErrConflict
		}
	}
	return want, nil
}

// index makes the row's terms what want says, touching only what differs.
func (t *tx) index(k store.Key, want map[pair]bool, exists bool) error {
	if exists {
		var stale []pair
		err := t.rows("select name, value, uniq from terms where "+keyIs, keyArgs(k), func(scan func(...any) error) error {
			var p pair
			var uniq bool
			if err := scan(&p.name, &p.value, &uniq); err != nil {
				return err
			}
			if now, ok := want[p]; ok && now == uniq {
				delete(want, p)
			} else {
				stale = append(stale, p)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, p := range stale {
			if _, err := t.exec("delete from terms where "+keyIs+" and name = ? and value = ?", append(keyArgs(k), p.name, p.value)...); err != nil {
				return err
			}
		}
	}
	for p, uniq := range want {
		if _, err := t.exec("insert into terms (partition, account, region, kind, id, name, value, uniq) values (?, ?, ?, ?, ?, ?, ?, ?)",
			append(keyArgs(k), p.name, p.value, uniq)...); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) Delete(k store.Key, version int64) error {
	var stored int64
	ok, err := t.one("select version from rows where "+keyIs, keyArgs(k), &stored)
	switch {
	case err != nil:
		return err
	case !ok:
		return store.ErrNotFound
	case version != 0 && version != stored:
		return store.ErrConflict
	}
	if _, err := t.exec("delete from rows where "+keyIs, keyArgs(k)...); err != nil { // its terms follow
		return err
	}
	t.touch(k.Kind)
	return nil
}

func (t *tx) SetTags(arn string, s store.Scope, tags map[string]string) error {
	for k, v := range tags {
		if _, err := t.exec(`insert into tags (arn, key, partition, account, region, value) values (?, ?, ?, ?, ?, ?)
			on conflict (arn, key) do update set value = excluded.value`, arn, k, s.Partition, s.Account, s.Region, v); err != nil {
			return err
		}
	}
	return t.alive()
}

func (t *tx) RemoveTags(arn string, keys []string) error {
	if keys == nil {
		_, err := t.exec("delete from tags where arn = ?", arn)
		return err
	}
	for _, k := range keys {
		if _, err := t.exec("delete from tags where arn = ? and key = ?", arn, k); err != nil {
			return err
		}
	}
	return t.alive()
}

func (t *tx) Record(e *trail.Event) error {
	r, err := encode(e)
	if err != nil {
		return err
	}
	seq, err := t.insert(r)
	if err == nil {
		e.Seq = seq
	}
	return err
}
