package pii

import (
	"encoding/binary"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// sieve says which of at most 64 expressions may match at the beginning of a text, in one walk over it: an automaton of all of them whose states
// are made as texts lead to them. It never denies a match that there is; it takes for given what \b and $ demand, so who passes must still be
// asked. It is asked one text after another.
type sieve struct {
	nodes  []node
	heads  []int32 // where each expression begins
	runes  []syntax.Inst
	ascii  [utf8.RuneSelf]int32 // the class of each
	bounds []rune               // where the classes beyond ASCII begin
	beyond []int32
	member [][]bool // of a class: whether it is in each of runes
	states []stand
	known  map[string]int32
}

// node is an instruction of one of the expressions. A jump has no set.
type node struct {
	op   syntax.InstOp
	a, b int32 // where it goes on
	set  int32 // of runes
	expr int
}

// stand is where all expressions stand at once.
type stand struct {
	at     []int32 // nodes that wait for a rune, in order
	passes uint64  // expressions that have ended here
	alive  uint64  // expressions that may still end
	next   []int32 // by class: a state, or one of the two below
}

const (
	unmade = -1
	dead   = -2
	// statesMax bounds what is remembered: texts made for it would fill memory with states. At the bound all are forgotten.
	statesMax = 4096
)

func newSieve(of ...*regexp.Regexp) *sieve {
	s := &sieve{}
	seen := map[string]int32{}
	var cuts []rune
	for k, re := range of {
		tree, err := syntax.Parse(re.String(), syntax.Perl)
		if err != nil {
			panic(err) // it has been compiled before
		}
		prog, err := syntax.Compile(tree.Simplify())
		if err != nil {
			panic(err)
		}
		base := int32(len(s.nodes))
		s.heads = append(s.heads, base+int32(prog.Start))
		for _, in := range prog.Inst {
			n := node{op: in.Op, a: base + int32(in.Out), set: -1, expr: k}
			switch in.Op {
			case syntax.InstAlt, syntax.InstAltMatch:
				n.b = base + int32(in.Arg)
			case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
				key := in.Op.String() + "\x00" + string(in.Rune) + "\x00" + string(rune(in.Arg))
				id, ok := seen[key]
				if !ok {
					id = int32(len(s.runes))
					seen[key], s.runes = id, append(s.runes, in)
					for i, r := range in.Rune {
						cuts = append(cuts, r, r+1)
						for f := unicode.SimpleFold(r); f != r && i%2 == 0; f = unicode.SimpleFold(f) {
							cuts = append(cuts, f, f+1)
						}
					}
				}
				n.set = id
			}
			s.nodes = append(s.nodes, n)
		}
	}
	s.classify(append(cuts, utf8.RuneSelf, 'K', 'K'+1, 'ſ', 'ſ'+1)) // the two that fold to ASCII
	s.forget()
	return s
}

// classify puts runes that no expression tells apart into one class.
func (s *sieve) classify(cuts []rune) {
	ids := map[string]int32{}
	class := func(r rune) int32 {
		in := make([]bool, len(s.runes))
		key := make([]byte, len(s.runes))
		for i := range s.runes {
			if in[i] = s.runes[i].MatchRune(r); in[i] {
				key[i] = 1
			}
		}
		id, ok := ids[string(key)]
		if !ok {
			id = int32(len(s.member))
			ids[string(key)], s.member = id, append(s.member, in)
		}
		return id
	}
	for r := range rune(utf8.RuneSelf) {
		s.ascii[r] = class(r)
	}
	slices.Sort(cuts)
	for _, r := range slices.Compact(cuts) {
		if r >= utf8.RuneSelf {
			s.bounds, s.beyond = append(s.bounds, r), append(s.beyond, class(r))
		}
	}
}

func (s *sieve) classOf(r rune) int32 {
	if r < utf8.RuneSelf {
		return s.ascii[r]
	}
	i, ok := slices.BinarySearch(s.bounds, r)
	if !ok {
		i--
	}
	return s.beyond[i]
}

// forget makes the automaton of the first state alone.
func (s *sieve) forget() {
	s.states, s.known = s.states[:0], map[string]int32{}
	s.intern(s.heads)
}

// intern gives the state that stands at these nodes.
func (s *sieve) intern(from []int32) int32 {
	var st stand
	seen := map[int32]bool{}
	todo := slices.Clone(from)
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		switch n := s.nodes[at]; n.op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, n.b, n.a)
		case syntax.InstCapture, syntax.InstEmptyWidth, syntax.InstNop:
			todo = append(todo, n.a)
		case syntax.InstMatch:
			st.passes |= 1 << n.expr
		case syntax.InstFail:
		default:
			st.at, st.alive = append(st.at, at), st.alive|1<<n.expr
		}
	}
	slices.Sort(st.at)
	key := binary.LittleEndian.AppendUint64(nil, st.passes)
	for _, at := range st.at {
		key = binary.LittleEndian.AppendUint32(key, uint32(at))
	}
	if id, ok := s.known[string(key)]; ok {
		return id
	}
	st.next = make([]int32, len(s.member))
	for i := range st.next {
		st.next[i] = unmade
	}
	id := int32(len(s.states))
	s.states, s.known[string(key)] = append(s.states, st), id
	return id
}

// step makes the state that a class leads to.
func (s *sieve) step(from, class int32) int32 {
	var to []int32
	for _, at := range s.states[from].at {
		if n := s.nodes[at]; s.member[class][n.set] {
			to = append(to, n.a)
		}
	}
	if len(to) == 0 {
		s.states[from].next[class] = dead
		return dead
	}
	if len(s.states) >= statesMax {
		s.forget()
		return s.intern(to)
	}
	id := s.intern(to)
	s.states[from].next[class] = id
	return id
}

// ask gives the expressions that may match at the beginning of text, or of what text is the beginning of: bit k is the k-th.
func (s *sieve) ask(text string) (passes uint64) {
	at := int32(0)
	for i := 0; ; {
		passes |= s.states[at].passes
		if i >= len(text) {
			return passes | s.states[at].alive
		}
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[i:])
		}
		i += n
		class := s.classOf(r)
		next := s.states[at].next[class]
		if next == unmade {
			next = s.step(at, class)
		}
		if next == dead {
			return passes
		}
		at = next
	}
}

// sieves are those of an engine.
type sieves struct{ numbers, shapes *sieve }

// shapes are the expressions that are tried at words besides rules, in the order of the bits.
var shapes = []*regexp.Regexp{street, box, rooms, cities, post, byMonth, byDay, iso, slashes, clock, decade, plainYear, ofWeek, onlyMonth, expires, ageUnit, ageJoin, ageShort,
	link, domain, mailbox, hostLike, follows}

func newSieves() *sieves {
	of := make([]*regexp.Regexp, len(rules))
	for i := range rules {
		of[i] = rules[i].re
	}
	return &sieves{newSieve(of...), newSieve(shapes...)}
}

// bit is one of shapes, as ask gives it.
type bit uint64

const (
	mayStreet bit = 1 << iota
	mayBox
	mayRooms
	mayCities
	mayPost
	mayByMonth
	mayByDay
	mayISO
	maySlashes
	mayClock
	mayDecade
	mayPlainYear
	mayOfWeek
	mayOnlyMonth
	mayExpires
	mayAgeUnit
	mayAgeJoin
	mayAgeShort
	mayLink
	mayDomain
	mayMailbox
	mayHost
	mayFollow
)
