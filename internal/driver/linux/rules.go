package linux

import (
	"fmt"
	"slices"

	"github.com/google/nftables"

	"cloister/internal/core/fabric"
)

// A batch must fit the socket buffers of a stock host (208 KiB), acknowledgements and echoes included. Beyond that the
// kernel may have applied a batch whose answers were lost.
const (
	batchMessages = 100
	batchBytes    = 120 << 10
	chunkElems    = 200 // elements of one message
	ruleBytes     = 600 // a generous guess
	elemBytes     = 120
)

// load brings the kernel from what it holds to want. What was written is noted batch by batch, so that a repeated
// attempt starts where this one stopped; the old rules stand until the one transaction that switches. What first does is part
// of the first transaction.
func (c *child) load(book *rulebook, want fabric.Ruleset, first ...func(*nftables.Conn)) error {
	c.nft.Lock()
	defer c.nft.Unlock()
	have := &book.have
	d := fabric.Diff(*have, want)
	have.Table = want.Table
	b := &batch{book: book, table: &nftables.Table{Name: want.Table, Family: nftables.TableFamilyIPv4}}
	for _, f := range first {
		b.do(1, 64, func(c *nftables.Conn) error { f(c); return nil }, nil)
	}
	if len(have.Chains) == 0 {
		b.do(1, 64, func(c *nftables.Conn) error { c.AddTable(b.table); return nil }, nil)
	}
	for _, s := range d.Sets {
		b.addSet(s, func() { have.Sets = append(have.Sets, s) })
	}
	for _, ch := range d.Chains {
		b.addChain(ch, func() { have.Chains = append(have.Chains, ch) })
	}
	if err := b.change(d.Elems, d.Turns, have); err != nil {
		return err
	}
	for _, name := range d.OldChains {
		b.do(1, 128, func(c *nftables.Conn) error { c.DelChain(&nftables.Chain{Name: name, Table: b.table}); return nil }, func() {
			have.Chains = slices.DeleteFunc(have.Chains, func(c fabric.Chain) bool { return c.Name == name })
		})
	}
	for _, name := range d.OldSets {
		b.do(1, 128, func(c *nftables.Conn) error { c.DelSet(&nftables.Set{Name: name, Table: b.table}); return nil }, func() {
			have.Sets = slices.DeleteFunc(have.Sets, func(s fabric.Set) bool { return s.Name == name })
		})
	}
	if err := b.flush(); err != nil {
		return err
	}
	*have = want // the same content, in the order that the next difference counts on
	return nil
}

// batch collects commands and sends them as transactions. The first error sticks.
type batch struct {
	book            *rulebook
	table           *nftables.Table
	conn            *nftables.Conn
	messages, bytes int
	done            []func()
	err             error
}

// do adds a command; done is called once its transaction holds.
func (b *batch) do(messages, bytes int, cmd func(*nftables.Conn) error, done func()) {
	if b.err != nil {
		return
	}
	if b.messages > 0 && (b.messages+messages > batchMessages || b.bytes+bytes > batchBytes) {
		if b.flush() != nil {
			return
		}
	}
	if b.conn == nil {
		if b.conn, b.err = b.book.writer(); b.err != nil {
			return
		}
	}
	b.messages += messages
	b.bytes += bytes
	if err := cmd(b.conn); err != nil {
		b.err = err
		b.book.discard()
		return
	}
	if done != nil {
		b.done = append(b.done, done)
	}
}

func (b *batch) flush() error {
	if b.err != nil { // what is collected must not go with the next
		b.book.discard()
	}
	if b.err != nil || b.conn == nil {
		return b.err
	}
	if b.err = b.conn.Flush(); b.err != nil {
		b.book.discard()
	} else {
		b.book.gen++
		for _, f := range b.done {
			f()
		}
	}
	b.conn, b.messages, b.bytes, b.done = nil, 0, 0, nil
	return b.err
}

// addSet makes a set with the elements that it has from the start.
func (b *batch) addSet(s fabric.Set, done func()) {
	set := b.set(s)
	b.do(1, 256, func(c *nftables.Conn) error { return c.AddSet(set, nil) }, done)
	for part := range slices.Chunk(s.Elems, chunkElems) {
		b.do(1, len(part)*elemBytes, func(c *nftables.Conn) error { return c.SetAddElements(set, elements(s.Kind, part)) }, nil)
	}
}

// addChain makes a chain that nothing jumps to yet, or a hook that admits nobody, or gives a chain other rules.
func (b *batch) addChain(ch fabric.Chain, done func()) {
	chain, err := b.chain(ch)
	if err != nil {
		b.err = err
		return
	}
	// A half chain that an earlier attempt left under this name is emptied first.
	b.do(2, 256, func(c *nftables.Conn) error { c.AddChain(chain); c.FlushChain(chain); return nil }, nil)
	for _, r := range ch.Rules {
		rule, err := b.rule(chain, r)
		if err != nil {
			b.err = fmt.Errorf("chain %s: %w", ch.Name, err)
			return
		}
		b.do(1, ruleBytes, func(c *nftables.Conn) error { c.AddRule(rule); return nil }, nil)
	}
	// Only a whole chain counts as written.
	b.do(0, 0, func(*nftables.Conn) error { return nil }, done)
}

// change is the switch: one transaction when it fits, with what was collected before if that fits too, else all that leaves
// before what turns, and that before what comes.
func (b *batch) change(all []fabric.Change, turns []fabric.Chain, have *fabric.Ruleset) error {
	size, messages := 0, 0
	for _, ch := range turns {
		size += 256 + len(ch.Rules)*ruleBytes
		messages += 2 + len(ch.Rules)
	}
	for _, c := range all {
		size += (len(c.Del) + len(c.Add)) * elemBytes
		messages += 2 + (len(c.Del)+len(c.Add))/chunkElems
	}
	if b.messages+messages > batchMessages || b.bytes+size > batchBytes {
		if err := b.flush(); err != nil {
			return err
		}
	}
	for _, c := range all {
		b.eachChunk(c.Set, c.Del, func(conn *nftables.Conn, s *nftables.Set, e []nftables.SetElement) error {
			return conn.SetDeleteElements(s, e)
		}, func(part []fabric.Elem) { edit(have, c.Set.Name, part, nil) })
	}
	if size > batchBytes {
		if err := b.flush(); err != nil {
			return err
		}
	}
	for _, ch := range turns {
		b.addChain(ch, func() {
			for i := range have.Chains {
				if have.Chains[i].Name == ch.Name {
					have.Chains[i].Rules = ch.Rules
				}
			}
		})
	}
	if size > batchBytes {
		if err := b.flush(); err != nil {
			return err
		}
	}
	for _, c := range all {
		b.eachChunk(c.Set, c.Add, func(conn *nftables.Conn, s *nftables.Set, e []nftables.SetElement) error {
			return conn.SetAddElements(s, e)
		}, func(part []fabric.Elem) { edit(have, c.Set.Name, nil, part) })
	}
	return b.err
}

func (b *batch) eachChunk(s fabric.Set, elems []fabric.Elem, cmd func(*nftables.Conn, *nftables.Set, []nftables.SetElement) error, done func([]fabric.Elem)) {
	set := b.set(s)
	for part := range slices.Chunk(elems, chunkElems) {
		b.do(1, len(part)*elemBytes, func(c *nftables.Conn) error { return cmd(c, set, elements(s.Kind, part)) }, func() { done(part) })
	}
}

// edit notes which elements a set holds now.
func edit(have *fabric.Ruleset, name string, del, add []fabric.Elem) {
	for i := range have.Sets {
		s := &have.Sets[i]
		if s.Name != name {
			continue
		}
		gone := make(map[fabric.Elem]bool, len(del))
		for _, e := range del {
			gone[e] = true
		}
		kept := make([]fabric.Elem, 0, len(s.Elems)+len(add))
		for _, e := range s.Elems {
			if !gone[e] {
				kept = append(kept, e)
			}
		}
		s.Elems = append(kept, add...)
	}
}
