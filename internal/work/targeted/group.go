package targeted

import "strings"

// GroupScores: one for each rule, in the order of how often such rules are right. They are ranks and no measured probabilities; the card says so. A
// mention that begins a group has 1.
const (
	sameName  = .99
	partName  = .9
	sameNoun  = .9
	speaker   = .95
	heShe     = .8
	itThey    = .7
	lookBack  = 3  // sentences
	lookAhead = 60 // mentions
)

// group joins the mentions of one thing.
func group(ms []mention) []Entity {
	of := make([]int, len(ms)) // the entity of each mention
	out := []Entity{}
	known := map[string]int{} // entity of a name, a noun or a speaker
	for i := range ms {
		m := &ms[i]
		at, sure := -1, 1.0
		switch m.form {
		case pronoun:
			at, sure = antecedent(ms, of, i, known)
			if at < 0 && m.key != "i" && m.key != "we" && m.key != "you" && m.key != "he" && m.key != "she" {
				of[i] = -1 // it rains: names nothing
				continue
			}
		case name:
			at, sure = earlierName(ms, of, i, known)
		case common:
			if g, ok := known["="+m.key]; ok {
				at, sure = g, sameNoun
			} else if g, ok := known["head="+m.head]; ok && m.key == m.head {
				at, sure = g, sameNoun
			}
		}
		if at < 0 {
			at = len(out)
			out = append(out, Entity{})
			sure = 1
		} else if first := ms[i].form == pronoun; first && m.key != "i" && m.key != "we" && m.key != "you" {
			m.Type = out[at].Mentions[0].Type
		}
		of[i] = at
		m.GroupScore = sure
		out[at].Mentions = append(out[at].Mentions, m.Mention)
		switch m.form {
		case name:
			known["="+m.key] = at
			if m.Type == "PERSON" {
				known["part="+m.head] = at
				if first, _, ok := strings.Cut(m.key, " "); ok {
					known["part="+first] = at
				}
			}
		case common:
			known["="+m.key] = at
			known["head="+m.head] = at
		case pronoun:
			known["pro="+m.key] = at
		}
	}
	for g := range out {
		best := 0
		for k, m := range out[g].Mentions {
			if rank(m) > rank(out[g].Mentions[best]) {
				best = k
			}
		}
		out[g].DescriptiveMentionIndex = []int{best}
	}
	return out
}

// rank says how well a mention describes its group: names by length, pronouns least.
func rank(m Mention) int {
	if person(strings.ToLower(m.Text)) != "" {
		return 0
	}
	return m.EndOffset - m.BeginOffset
}

// earlierName finds the group of the same name, or of the whole name of which this is a part.
func earlierName(ms []mention, _ []int, i int, known map[string]int) (int, float64) {
	m := &ms[i]
	if m.Type == "QUANTITY" {
		return -1, 1
	}
	if g, ok := known["="+m.key]; ok {
		return g, sameName
	}
	if m.Type == "PERSON" && !strings.Contains(m.key, " ") {
		if g, ok := known["part="+m.key]; ok {
			return g, partName
		}
	}
	return -1, 1
}

// antecedent finds what a pronoun stands for: a speaker's own group, else the nearest mention that fits, subjects first.
func antecedent(ms []mention, of []int, i int, known map[string]int) (int, float64) {
	m := &ms[i]
	switch m.key {
	case "i", "we", "you":
		if g, ok := known["pro="+m.key]; ok {
			return g, speaker
		}
		return -1, 1
	}
	sure := itThey
	if m.key == "he" || m.key == "she" {
		sure = heShe
	}
	barred := map[int]bool{} // what the same clause names is somebody else: he gave her
	for j := i - 1; j >= 0 && ms[j].sentence == m.sentence && ms[j].clause == m.clause; j-- {
		if !(ms[j].form == pronoun && ms[j].key == m.key) {
			barred[of[j]] = true
		}
	}
	// Of each sentence back, the subject that fits, else the nearest; in sentences before, a thing rather than its attribute.
	part := -1
	for j := i - 1; j >= 0 && m.sentence-ms[j].sentence < lookBack && i-j < lookAhead; {
		s, best := ms[j].sentence, -1
		for ; j >= 0 && ms[j].sentence == s; j-- {
			if of[j] < 0 || barred[of[j]] || !fits(m, &ms[j]) {
				continue
			}
			if s != m.sentence && ms[j].Type == "ATTRIBUTE" && ms[j].form != pronoun {
				if part < 0 {
					part = j
				}
				continue
			}
			if best < 0 || ms[j].subject && !ms[best].subject {
				best = j
			}
		}
		if best >= 0 {
			return of[best], sure
		}
	}
	if part >= 0 {
		return of[part], sure
	}
	return -1, 1
}

// fits says whether pronoun p may stand for m.
func fits(p, m *mention) bool {
	if m.form == pronoun {
		return p.key == m.key
	}
	thing := m.Type != "PERSON" && m.Type != "DATE" && m.Type != "QUANTITY" && m.Type != "PERSONAL_TITLE"
	switch p.key {
	case "he", "she":
		return m.Type == "PERSON" && !m.plural && m.male != -p.male
	case "they":
		return m.plural && m.Type != "DATE" && m.Type != "QUANTITY" || m.Type == "ORGANIZATION" || m.head == "staff" || m.head == "team" || m.head == "crew"
	case "it":
		return thing && !m.plural
	}
	return false
}
