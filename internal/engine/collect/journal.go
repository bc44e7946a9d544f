package collect

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"time"

	"cloister/internal/core/flow"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// backlog is how many files of one log wait for their destination at most; the oldest is given up first.
const backlog = 500

// load looks which logs there are. Readers of networks come and go with them.
func (c *Collector) load(ctx context.Context) {
	if err := c.reload(ctx); err != nil && ctx.Err() == nil {
		c.Log.Error("cannot read the flow logs", "error", err)
	}
}

func (c *Collector) reload(ctx context.Context) error {
	var all []store.Item[vpc.FlowLog]
	states := map[string]vpc.FlowState{}
	attached := map[string][]flow.Interface{} // by VPC
	err := c.Store.View(ctx, func(v store.View) (err error) {
		if all, err = rows.FlowLogs.List(v, store.Query{AnyScope: true}); err != nil || len(all) == 0 {
			return err
		}
		old, err := rows.FlowStates.List(v, store.Query{AnyScope: true})
		for _, s := range old {
			states[s.ID] = s.Value
		}
		for _, it := range all {
			if _, known := c.logs[it.ID]; known || attached[it.Value.VPC] != nil || states[it.ID].Covered.IsZero() {
				continue
			}
			enis, err := rows.Interfaces.List(v, store.Query{Scope: it.Scope, Term: store.Term{Name: "vpc", Value: it.Value.VPC}})
			if err != nil {
				return err
			}
			for _, e := range enis {
				if e.Value.Attachment != nil {
					attached[it.Value.VPC] = append(attached[it.Value.VPC], flow.Interface{ID: e.ID, Account: e.Scope.Account, VPC: e.Value.VPC, Subnet: e.Value.Subnet, Region: e.Scope.Region})
				}
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	now := c.World.Now()
	there := map[string]bool{}
	var fresh []*journal
	for _, it := range all {
		there[it.ID] = true
		if c.logs[it.ID] != nil {
			continue
		}
		j := &journal{FlowLog: it.Value, scope: it.Scope, window: flow.NewWindow(now)}
		if j.format, err = flow.ParseFormat(j.Format); err != nil {
			return fmt.Errorf("cannot read the format of %s: %w", it.ID, err)
		}
		if s := states[it.ID]; !s.Covered.IsZero() && !s.Clean {
			for _, x := range attached[j.VPC] {
				if j.covers(&x) {
					j.window.Skip(&x, s.Covered)
					c.Log.Warn("the records since the last interval are lost", "flow_log", j.ID, "interface", x.ID, "since", s.Covered)
				}
			}
		}
		c.logs[it.ID] = j
		fresh = append(fresh, j)
	}
	for id := range c.logs {
		if !there[id] {
			delete(c.logs, id)
		}
	}
	if len(fresh) > 0 {
		c.note(ctx, fresh, func(s *vpc.FlowState) {
			if s.Covered.IsZero() {
				s.Covered = now
			}
			s.Clean = false
		})
		c.wake()
	}
	for _, n := range c.nets {
		if err := c.follow(ctx, n); err != nil && ctx.Err() == nil {
			c.Log.Error("cannot read the flows of a network", "network", n.id, "error", err)
		}
	}
	return nil
}

// note changes the states of logs that are still there.
func (c *Collector) note(ctx context.Context, js []*journal, change func(*vpc.FlowState)) {
	err := c.Store.Update(ctx, func(tx store.Tx) error {
		for _, j := range js {
			if err := noteIn(tx, j.scope, j.ID, change); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		c.Log.Error("cannot write the state of flow logs", "error", err)
	}
}

func noteIn(tx store.Tx, s store.Scope, id string, change func(*vpc.FlowState)) error {
	if _, err := rows.FlowLogs.Get(tx, s, id); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}
	it, err := rows.FlowStates.Get(tx, s, id)
	if errors.Is(err, store.ErrNotFound) {
		var st vpc.FlowState
		change(&st)
		return rows.FlowStates.Create(tx, s, id, &st)
	}
	if err != nil {
		return err
	}
	was := it.Value
	if change(&it.Value); it.Value == was {
		return nil
	}
	return rows.FlowStates.Save(tx, &it)
}

// keep closes the windows of logs and writes their files down: from then on a crash takes nothing of them. What cannot be
// written stays in memory, as a part of the next window.
func (c *Collector) keep(ctx context.Context, js []*journal, now time.Time, clean bool) {
	if len(js) == 0 {
		return
	}
	files := make([]*vpc.FlowFile, len(js))
	for i, j := range js {
		f, err := c.file(j, now)
		if err != nil {
			c.Log.Error("cannot make a file of a flow log", "flow_log", j.ID, "error", err)
			return
		}
		files[i] = f
	}
	dropped := map[string]int{}
	err := c.Store.Update(ctx, func(tx store.Tx) error {
		for i, j := range js {
			if _, err := rows.FlowLogs.Get(tx, j.scope, j.ID); errors.Is(err, store.ErrNotFound) {
				continue // deleted: no new records
			}
			lost := 0
			if f := files[i]; f != nil {
				wait, err := tx.List(store.Query{Scope: j.scope, Kind: rows.FlowFiles.Kind, Prefix: j.ID + "/"})
				if err != nil {
					return err
				}
				for ; len(wait)-lost >= backlog; lost++ {
					if err := tx.Delete(wait[lost].Key, 0); err != nil {
						return err
					}
				}
				if err := rows.FlowFiles.Create(tx, j.scope, j.ID+"/"+now.UTC().Format("20060102T150405.000000Z"), f); err != nil {
					return err
				}
			}
			dropped[j.ID] = lost
			if err := noteIn(tx, j.scope, j.ID, func(s *vpc.FlowState) { s.Covered, s.Clean, s.Dropped = now, clean, s.Dropped+lost }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		c.Log.Error("cannot write the records of flow logs", "error", err)
		return
	}
	for _, j := range js {
		old := j.window
		j.window = flow.NewWindow(now)
		if n := dropped[j.ID]; n > 0 {
			c.Log.Error("gave up files of a flow log: its destination takes none", "flow_log", j.ID, "files", n)
			old.Each(func(x *flow.Interface) { j.window.Skip(x, now) })
		}
	}
	c.wake()
}

// file is a window as an object; nil: it has no records.
func (c *Collector) file(j *journal, now time.Time) (*vpc.FlowFile, error) {
	records := j.window.Close(now)
	switch {
	case len(records) == 0:
		return nil, nil
	case j.Group != "":
		return c.sheaf(j, records)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := fmt.Fprintln(z, j.format.Header())
	for _, r := range records {
		if err == nil {
			_, err = fmt.Fprintln(z, j.format.Line(r))
		}
	}
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, err
	}
	return &vpc.FlowFile{Log: j.ID, Account: j.Account, Region: j.Region, Bucket: j.Bucket, Key: flow.ObjectKey(&j.FlowLog, now, b.Bytes()), Body: b.Bytes()}, nil
}

func (c *Collector) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}
