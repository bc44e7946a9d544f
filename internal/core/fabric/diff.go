package fabric

// Delta is the way from one ruleset to another in three steps: write Sets and Chains (Fixed, not referred to yet, any
// number of batches); apply Elems and Turns, in one transaction; remove OldChains, then OldSets. Between a failed and a repeated
// attempt nothing is wider open than before or after: a driver that must split takes all Del, then Turns, then each Add.
type Delta struct {
	Sets      []Set
	Chains    []Chain
	Elems     []Change
	Turns     []Chain  // that are not Fixed and have other rules now
	OldChains []string // in an order in which each can be removed
	OldSets   []string
}

// Change is what happens to the elements of a set that is not Fixed. Of a set that leaves (a group is gone) nothing is
// said here: the chains that read it are removed first.
type Change struct {
	Set      Set // without elements
	Del, Add []Elem
}

// Diff plans the way from have to want. have may be the zero Ruleset; then all of want is in Sets and Chains, the elements
// of sets that are not Fixed excepted.
func Diff(have, want Ruleset) Delta {
	var d Delta
	oldSets, oldChains := map[string]*Set{}, map[string]*Chain{}
	for i := range have.Sets {
		oldSets[have.Sets[i].Name] = &have.Sets[i]
	}
	for i := range have.Chains {
		oldChains[have.Chains[i].Name] = &have.Chains[i]
	}
	kept := map[string]bool{}
	for _, s := range want.Sets {
		kept[s.Name] = true
		was := oldSets[s.Name]
		bare := s
		if !s.Fixed {
			bare.Elems = nil
		}
		if was == nil {
			d.Sets = append(d.Sets, bare)
		}
		if s.Fixed {
			continue
		}
		c := Change{Set: bare}
		if was != nil && alike(was.Elems, s.Elems, Elem.is) {
			continue
		}
		if was != nil {
			c.Del = missing(was.Elems, s.Elems)
			c.Add = missing(s.Elems, was.Elems)
		} else {
			c.Add = s.Elems
		}
		if len(c.Del)+len(c.Add) > 0 {
			d.Elems = append(d.Elems, c)
		}
	}
	for _, c := range want.Chains {
		kept["chain "+c.Name] = true
		switch was := oldChains[c.Name]; {
		case was == nil:
			d.Chains = append(d.Chains, c)
		case !c.Fixed && c.Hook == "" && !alike(was.Rules, c.Rules, func(a, b Rule) bool { return a.Target == b.Target && a.Text() == b.Text() }):
			d.Turns = append(d.Turns, c)
		}
	}
	for i := len(have.Chains) - 1; i >= 0; i-- { // those that jump before those that are jumped to
		if !kept["chain "+have.Chains[i].Name] {
			d.OldChains = append(d.OldChains, have.Chains[i].Name)
		}
	}
	for _, s := range have.Sets {
		if !kept[s.Name] {
			// A set that leaves with elements is emptied by its removal; its readers left before it.
			d.OldSets = append(d.OldSets, s.Name)
		}
	}
	return d
}

func (e Elem) is(o Elem) bool { return e == o }

// missing gives the elements of a that are not in b, in a's order.
func missing(a, b []Elem) []Elem {
	in := make(map[Elem]bool, len(b))
	for _, e := range b {
		in[e] = true
	}
	var out []Elem
	for _, e := range a {
		if !in[e] {
			out = append(out, e)
		}
	}
	return out
}
