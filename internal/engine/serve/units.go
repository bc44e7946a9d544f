package serve

import "time"

// What one inference unit does in a second. Source: Comprehend Developer Guide, "Managing endpoints".
const (
	unitCharacters = 100
	unitDocuments  = 2
)

// burst is how much of what was not used is kept, in seconds.
const burst = 2

// meter admits as many documents and characters as the units of an endpoint allow. A document that is longer than what is there is admitted
// when anything is, and what it takes beyond is owed: so a long one can be analysed at all, and no more than the units allow over time.
type meter struct {
	units                 int64
	documents, characters float64
	at                    time.Time
}

// set changes the units; what is there is cut to what may be.
func (m *meter) set(units int64, now time.Time) {
	if m.units == 0 { // the first time
		m.units, m.documents, m.characters, m.at = units, float64(units*unitDocuments*burst), float64(units*unitCharacters*burst), now
		return
	}
	m.fill(now)
	m.units = units
	m.fill(now)
}

func (m *meter) fill(now time.Time) {
	s := max(0, now.Sub(m.at).Seconds())
	m.at = now
	u := float64(m.units)
	m.documents = min(m.documents+s*u*unitDocuments, u*unitDocuments*burst)
	m.characters = min(m.characters+s*u*unitCharacters, u*unitCharacters*burst)
}

// admit takes what some texts need, if there is any.
func (m *meter) admit(documents, characters int, now time.Time) bool {
	m.fill(now)
	if m.documents < 1 || m.characters <= 0 {
		return false
	}
	m.documents -= float64(documents)
	m.characters -= float64(characters)
	return true
}
