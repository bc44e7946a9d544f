package sqlite

import (
	"context"
	"errors"
	"maps"
	"sync/atomic"

	"cloister/internal/store"
)

// group is one SQLite transaction with the work of several callers in it, so that they share its way to the disk. Each caller's part
// stands or falls on its own, behind a savepoint; the commit is everybody's. It belongs to the holder of the slot.
type group struct {
	size  int
	kinds map[string]bool
	done  chan struct{} // closed after the commit or its failure
	err   error         // of the commit; read after done
}

// maxGroup bounds how many wait for one commit, and with them what one failing disk takes back.
const maxGroup = 64

// groups is the open transaction, if there is one, and who wants to be next.
type groups struct {
	open    *group // guarded by the slot
	waiting atomic.Int32
}

// locked runs f under the write slot and returns when its outcome is on the disk; the call is already counted in. A caller that others
// wait for leaves the commit to them and lines up behind: whoever finds nobody new before it commits for all.
func (s *Store) locked(ctx context.Context, fenced bool, f func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.groups.waiting.Add(1)
	select {
	case s.slot <- struct{}{}:
		s.groups.waiting.Add(-1)
	case <-ctx.Done():
		s.groups.waiting.Add(-1)
		return ctx.Err()
	}
	return s.write(ctx, fenced, f)
}

// write runs f as a part of the open group, or begins one, and gives the slot back.
func (s *Store) write(ctx context.Context, fenced bool, f func(*tx) error) (err error) {
	if s.writer == nil {
		if s.writer, err = dial(ctx, s.db); err != nil {
			<-s.slot
			return s.translate(err)
		}
	}
	g := s.groups.open
	first := g == nil
	begin := "savepoint part"
	if first {
		begin = "begin immediate"
	}
	if err := s.writer.begin(ctx, begin); err != nil {
		if first {
			s.undo()
			<-s.slot
			return s.translate(err)
		}
		return errors.Join(s.translate(err), s.settle(g))
	}
	if first {
		g = &group{done: make(chan struct{}), kinds: map[string]bool{}}
		s.groups.open = g
	}
	t := &tx{view: view{ctx: ctx, store: s, s: s.writer}}
	held := false // f and its commit went well
	// Deferred, so that the others go on when f panics or ends its goroutine.
	defer func() {
		broken := t.broken // why, if it was the database; what f itself said is for its caller alone
		t.broken = errOver
		switch {
		case held:
			maps.Copy(g.kinds, t.kinds)
			g.size++
			if cerr := s.settle(g); cerr != nil {
				err = cerr
			}
		case first: // nobody else is in it
			s.undo()
			s.groups.open = nil
			<-s.slot
		default:
			_, uerr := s.writer.exec("rollback to part")
			if uerr == nil {
				_, uerr = s.writer.exec("release part")
			}
			if uerr != nil { // SQLite has rolled back all of it (full disk)
				s.fail(g, broken, uerr)
				return
			}
			// What f saw of the others may still come to nothing: then that is the answer.
			if cerr := s.settle(g); cerr != nil {
				err = cerr
			}
		}
	}()
	t.now = s.now() // after the wait for the slot: times follow the order of commits
	if l := s.fence.Load(); fenced && l != nil {
		if err := t.Fence(*l); err != nil {
			return err
		}
	}
	if err := f(t); err != nil {
		return err
	}
	if err := t.indexTrail(indexEvery); err != nil {
		return err
	}
	if err := t.alive(); err != nil {
		return err
	}
	if !first {
		if _, err := s.writer.exec("release part"); err != nil {
			return s.translate(err)
		}
	}
	held = true
	return nil
}

// settle ends a caller's part: it commits the group, or leaves that to those who wait. It gives the slot back and returns the outcome.
func (s *Store) settle(g *group) error {
	if s.groups.waiting.Load() > 0 && g.size < maxGroup {
		<-s.slot
		select {
		case <-g.done:
			return g.err
		case s.slot <- struct{}{}:
		}
		if s.groups.open != g { // it was committed while this caller got the slot
			<-s.slot
			<-g.done
			return g.err
		}
	}
	if _, err := s.writer.exec("commit"); err != nil {
		g.err = s.translate(err)
		s.undo()
	}
	s.end(g)
	return g.err
}

// fail tells all of a group that it came to nothing, for the reason of the one who broke it.
func (s *Store) fail(g *group, errs ...error) {
	g.err = errors.Join(errs...)
	if full := s.translate(g.err); errors.Is(full, store.ErrFull) {
		g.err = full
	}
	s.undo()
	s.end(g)
}

func (s *Store) end(g *group) {
	s.groups.open = nil
	close(g.done)
	if g.err == nil {
		s.watch.ping(g.kinds)
	}
	<-s.slot
}

// undo rolls back. SQLite may have done so already (full disk): then this fails. Whatever it is, a new connection is sound.
func (s *Store) undo() {
	if _, err := s.writer.exec("rollback"); err != nil {
		s.writer.close()
		s.writer = nil
	}
}
