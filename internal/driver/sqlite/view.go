package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"cloister/internal/store"
)

// view reads inside a transaction. After an error of the database it is broken and every later call returns that error:
// SQLite may have ended the transaction by itself, and what came after would be on its own.
type view struct {
	ctx    context.Context
	store  *Store
	s      *session
	now    time.Time
	broken error
	stamp  int64 // 0: not read yet
}

func (v *view) Now() time.Time { return v.now }

// alive says whether the transaction may go on.
func (v *view) alive() error {
	if v.broken != nil {
		return v.broken
	}
	return v.ctx.Err()
}

func (v *view) breakWith(err error) error {
	v.broken = v.store.translate(err)
	return v.broken
}

// one reads one row; false if there is none.
func (v *view) one(q string, args []any, dest ...any) (bool, error) {
	if err := v.alive(); err != nil {
		return false, err
	}
	switch err := v.s.one(q, args, dest...); {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, v.breakWith(err)
	}
	return true, nil
}

// rows runs q and calls each for every row.
func (v *view) rows(q string, args []any, each func(scan func(...any) error) error) (err error) {
	if err := v.alive(); err != nil {
		return err
	}
	st, err := v.s.stmt(q)
	if err != nil {
		return v.breakWith(err)
	}
	rs, err := st.QueryContext(context.Background(), args...)
	if err != nil {
		return v.breakWith(err)
	}
	defer rs.Close()
	for rs.Next() {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		if err := each(rs.Scan); err != nil {
			return err
		}
	}
	if err := rs.Err(); err != nil {
		return v.breakWith(err)
	}
	return nil
}

// Stamp of a snapshot is read once.
func (v *view) Stamp() (int64, bool, error) {
	if v.stamp == 0 {
		if err := v.readStamp(); err != nil {
			return 0, false, err
		}
	}
	return v.stamp, true, v.alive()
}

func (v *view) readStamp() error {
	if ok, err := v.one("select n from stamp", nil, &v.stamp); err != nil || !ok {
		return errors.Join(err, errors.New("cannot read the ledger's stamp"))
	}
	return nil
}

const keyIs = "partition = ? and account = ? and region = ? and kind = ? and id = ?"

func keyArgs(k store.Key) []any { return []any{k.Partition, k.Account, k.Region, k.Kind, k.ID} }

func (v *view) Get(k store.Key) (store.Row, error) {
	r := store.Row{Key: k}
	var updated int64
	ok, err := v.one("select version, updated, value from rows where "+keyIs, keyArgs(k), &r.Version, &updated, &r.Value)
	if err != nil {
		return store.Row{}, err
	}
	if !ok {
		return store.Row{}, store.ErrNotFound
	}
	r.Updated = time.UnixMicro(updated).UTC()
	return r, nil
}

func (v *view) List(q store.Query) ([]store.Row, error) {
	text, args := listSQL(q)
	var out []store.Row
	err := v.rows(text, args, func(scan func(...any) error) error {
		r := store.Row{Key: store.Key{Kind: q.Kind}}
		var updated int64
		if err := scan(&r.Partition, &r.Account, &r.Region, &r.ID, &r.Version, &updated, &r.Value); err != nil {
			return err
		}
		r.Updated = time.UnixMicro(updated).UTC()
		out = append(out, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (v *view) Tags(arn string) (map[string]string, error) {
	tags := map[string]string{}
	err := v.rows("select key, value from tags where arn = ?", []any{arn}, func(scan func(...any) error) error {
		var k, val string
		err := scan(&k, &val)
		tags[k] = val
		return err
	})
	if err != nil {
		return nil, err
	}
	return tags, nil
}

func (v *view) Tagged(q store.TagQuery) ([]store.TaggedARN, error) {
	text, args := taggedSQL(q)
	var out []store.TaggedARN
	err := v.rows(text, args, func(scan func(...any) error) error {
		var arn, k, val string
		if err := scan(&arn, &k, &val); err != nil {
			return err
		}
		if n := len(out); n == 0 || out[n-1].ARN != arn {
			out = append(out, store.TaggedARN{ARN: arn, Tags: map[string]string{}})
		}
		out[len(out)-1].Tags[k] = val
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
