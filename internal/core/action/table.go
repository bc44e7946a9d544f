package action

import (
	_ "embed" // the table below
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed table.txt
var text string

// table reads the text once.
var table = sync.OnceValue(func() *reference { return read(text) })

type reference struct {
	order    []string // prefixes
	services map[string]*service
	keys     map[string]*key // by lower-case name
	open     []*key          // with placeholders
	global   []string
	needs    map[string][]Need // by "service:Operation"
}

type service struct {
	whole   bool
	partial bool
	keys    []string
	types   []ResourceType
	actions []Action
	lower   []string       // names without prefix
	index   map[string]int // by lower-case name
}

type key struct {
	name, typ    string
	global       bool
	head, middle string // lower-case text before the first placeholder and after it
}

// key finds a key by a name that somebody wrote. Names with placeholders stand for whatever fills them.
func (r *reference) key(name string) *key {
	l := strings.ToLower(name)
	if k := r.keys[l]; k != nil {
		return k
	}
	for _, k := range r.open {
		if len(l) > len(k.head)+len(k.middle) && strings.HasPrefix(l, k.head) && strings.HasSuffix(l, k.middle) {
			return k
		}
	}
	return nil
}

// add keeps the first of two keys of one name; a type is better than none.
func (r *reference) add(name, typ string, global bool) *key {
	l := strings.ToLower(name)
	if k := r.keys[l]; k != nil {
		if k.typ == "" {
			k.typ = typ
		}
		return k
	}
	k := &key{name: name, typ: typ, global: global}
	r.keys[l] = k
	if i := strings.Index(l, "${"); i >= 0 {
		k.head, k.middle = l[:i], l[strings.LastIndexByte(l, '}')+1:]
		r.open = append(r.open, k)
	}
	return k
}

// supported are the keys of the global list that each action must support by itself. Source: IAM User Guide, "AWS global
// condition context keys", availability of each.
func supported(name string) bool {
	return name == "aws:TagKeys" || strings.HasPrefix(name, "aws:RequestTag/") || strings.HasPrefix(name, "aws:ResourceTag/")
}

// read trusts its text: it is generated, and a test reads all of it.
func read(text string) *reference {
	r := &reference{services: map[string]*service{}, keys: map[string]*key{}, needs: map[string][]Need{}}
	var s *service
	var prefix string
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Split(line, "\t")
		for len(f) < 5 {
			f = append(f, "")
		}
		switch f[0] {
		case "G":
			r.add(f[1], f[2], !supported(f[1]))
			if !supported(f[1]) {
				r.global = append(r.global, f[1])
			}
		case "S":
			prefix = f[1]
			s = &service{whole: f[2] == "whole", partial: f[2] == "partial", index: map[string]int{}}
			r.services[prefix] = s
			r.order = append(r.order, prefix)
		case "K":
			s.keys = append(s.keys, r.add(f[1], f[2], false).name)
		case "T":
			s.types = append(s.types, ResourceType{Name: f[1], ARN: f[2], Keys: s.pick(f[3])})
		case "A":
			s.add(prefix, f)
		case "O":
			for _, n := range f[2:] {
				if n != "" {
					r.needs[f[1]] = append(r.needs[f[1]], needOf(n))
				}
			}
		}
	}
	for prefix, list := range names {
		for name := range strings.SplitSeq(list, " ") {
			addition{service: prefix, action: name}.apply(r.services[prefix])
		}
	}
	for _, x := range extra {
		if s := r.services[x.service]; s != nil {
			x.apply(s)
		}
	}
	slices.Sort(r.order)
	return r
}

// pick gives the keys whose numbers stand in the list.
func (s *service) pick(list string) []string {
	var out []string
	for n := range strings.SplitSeq(list, ",") {
		if i, err := strconv.ParseInt(n, 36, 32); err == nil && int(i) < len(s.keys) {
			out = append(out, s.keys[i])
		}
	}
	return out
}

func (s *service) add(prefix string, f []string) {
	a := Action{Name: prefix + ":" + f[1], AccessLevel: f[2], Keys: s.pick(f[4]), Complete: s.whole || s.partial}
	switch f[3] {
	case "":
		a.WildcardOnly = a.Complete
	case "?":
		a.Complete = false
	default:
		for t := range strings.SplitSeq(f[3], ";") {
			at, keys, _ := strings.Cut(t, ":")
			num, required := strings.CutSuffix(at, "!")
			i, err := strconv.ParseInt(num, 36, 32)
			if err != nil || int(i) >= len(s.types) {
				continue
			}
			rt := s.types[i]
			rt.Required = required
			rt.Keys = join(s.pick(keys), rt.Keys)
			a.Resources = append(a.Resources, rt)
		}
	}
	s.put(a)
}

func (s *service) put(a Action) {
	_, short, _ := strings.Cut(a.Name, ":")
	l := strings.ToLower(short)
	s.index[l] = len(s.actions)
	s.actions = append(s.actions, a)
	s.lower = append(s.lower, l)
}

// join adds to an action's keys on a type those of the type itself, but for keys of the request: an action that takes no
// tags has none, whatever tags its resources can bear.
func join(own, types []string) []string {
	for _, k := range types {
		if k != "aws:TagKeys" && !strings.HasPrefix(k, "aws:RequestTag/") && !slices.Contains(own, k) {
			own = append(own, k)
		}
	}
	return own
}
