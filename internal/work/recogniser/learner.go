package recogniser

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/crf"
	"cloister/internal/work/entity"
	"cloister/internal/work/mesh"
	"cloister/internal/work/vector"
)

// Learner trains a recogniser. It satisfies analyse.Learner.
type Learner struct {
	mesh        *mesh.Mesh
	setup       job.Training
	types       []string
	lexicon     *entity.Lexicon
	vectors     *vector.Table // nil for other languages than English
	train, test *corpus
	list        map[string]int32 // of an entity list: texts and types
	listed      int64            // bytes of its texts
	found       []int            // mentions in all training documents, by type
}

// languages are those of custom entity recognition (Developer Guide, "Supported languages").
var languages = []string{"en", "es", "de", "it", "fr", "pt"}

// Learn begins a training.
func Learn(s job.Setup) (*Learner, error) {
	if s.Language != "" && !slices.Contains(languages, s.Language) {
		return nil, fmt.Errorf("cannot train a recogniser for language %q", s.Language)
	}
	l := &Learner{mesh: mesh.Alone(), train: newCorpus(), test: newCorpus(), list: map[string]int32{}}
	if s.Training != nil {
		l.setup = *s.Training
	}
	l.types = l.setup.Types
	if n := len(l.types); n == 0 || n > typesMax {
		return nil, fmt.Errorf("cannot train a recogniser for %d types", n)
	}
	if slices.ContainsFunc(l.types, func(t string) bool { return !named(t) }) {
		return nil, fmt.Errorf("cannot train a recogniser for types %q", l.types)
	}
	if s.Language == "" || s.Language == "en" {
		l.vectors = vector.Open()
	}
	var err error
	l.lexicon, err = entity.OpenLexicon()
	return l, err
}

// Join makes it one of several that learn together: each keeps the texts of its share alone, and the annotations of all. It satisfies analyse.Joiner.
func (l *Learner) Join(m *mesh.Mesh) { l.mesh, l.train.mesh, l.test.mesh = m, m, m }

// Take reads one object.
func (l *Learner) Take(o job.Object, r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	role, test := strings.CutPrefix(o.Role, job.Test)
	c := l.train
	if test {
		c = l.test
	}
	if o.Name == "" { // a folder's own object
		if empty, err := begin(o.Name, in); empty || err != nil {
			return err
		}
	}
	switch {
	case role == job.Documents:
		return c.read(o.Name, l.setup.Format, in)
	case role == job.Annotations:
		return l.annotations(c, o.Name, in)
	case role == job.EntityList && !test:
		return l.entries(o.Name, in)
	case role == job.Manifest:
		return l.manifest(c, o, in)
	}
	return fmt.Errorf("cannot train with an object of role %q", o.Role)
}

// resolve matches annotations to documents.
func (c *corpus) resolve() error {
	var bad faults
	object := ""
	for _, a := range c.notes {
		if a.object != object {
			if err := bad.refusal(object, "row"); err != nil {
				return err
			}
			object = a.object
		}
		file, ok := c.files[a.file]
		if !ok {
			bad.add(a.row, "the File %s, which is none of the documents", quote(a.file))
			continue
		}
		if c.ambiguous[a.file] {
			bad.add(a.row, "the File %s, of which there are several among the documents", quote(a.file))
			continue
		}
		i, ok := c.at[place(file, a.line)]
		if !ok {
			bad.add(a.row, "a Line that %s has not, or that is empty", quote(a.file))
			continue
		}
		d := &c.documents[i]
		if a.end > d.length {
			bad.add(a.row, "offsets outside of the text")
			continue
		}
		d.mentions = append(d.mentions, a.mention)
	}
	if err := bad.refusal(object, "row"); err != nil {
		return err
	}
	c.notes = nil
	var wrong []string
	for i := range c.documents {
		d := &c.documents[i]
		why := settle(&d.mentions)
		switch {
		case why == "":
		case len(wrong) < told:
			wrong = append(wrong, fmt.Sprintf("line %d of %s has %s", d.line, quote(c.name(d.file)), why))
		default: // it is counted alone: to look its name up takes as long as there are files
			wrong = append(wrong, "")
		}
	}
	if len(wrong) > 0 {
		return analyse.Refuse(invalid, "Each annotation must be the only one of its text: %s.", some(wrong))
	}
	return nil
}

func (c *corpus) name(file int32) string {
	for n, i := range c.files {
		if i == file {
			return n
		}
	}
	return ""
}

// mentions counts those of each type in annotated documents.
func mentions(ds []document, types int) []int {
	n := make([]int, types)
	for _, d := range ds {
		for _, m := range d.mentions {
			n[m.kind]++
		}
	}
	return n
}

// check refuses what can't be learned from, as AWS does (the sentences are ours).
func (l *Learner) check() error {
	least, noun := annotationsMin, "annotations"
	if len(l.list) > 0 {
		least, noun = matchesMin, "matches of the entity list in the documents"
	}
	if len(l.train.documents) == 0 {
		return analyse.Refuse(none, "The training data has no documents.")
	}
	if n := len(l.train.documents); n < documentsMin {
		return analyse.Refuse(invalid, "The training data has %d documents. A recognizer needs at least %d.", n, documentsMin)
	}
	var few, missing []string
	for i, n := range l.found {
		if n < least {
			few = append(few, fmt.Sprintf("%s has %d", l.types[i], n))
		}
	}
	if len(few) > 0 {
		return analyse.Refuse(invalid, "Each entity type needs at least %d %s. %d of %d have fewer: %s.", least, noun, len(few), len(l.types), some(few))
	}
	if !l.setup.Tested && len(l.test.documents) == 0 {
		return nil
	}
	if len(l.test.documents) == 0 {
		return analyse.Refuse(none, "The test data has no documents.")
	}
	for i, n := range mentions(l.test.documents, len(l.types)) {
		if n == 0 {
			missing = append(missing, l.types[i])
		}
	}
	if len(missing) > 0 {
		return analyse.Refuse(invalid, "The test data must have at least one annotation of each entity type. It lacks %d of %d: %s.", len(missing), len(l.types), some(missing))
	}
	return nil
}

// Metrics are of exact spans, 0 to 100.
type Metrics struct{ Precision, Recall, F1Score float64 }

// Type is what is told of a type. One that the test documents don't have has no metrics.
type Type struct {
	Type                  string
	EvaluationMetrics     *Metrics `json:",omitempty"`
	NumberOfTrainMentions int
}

// Result is what is told of a training. Metrics of all types together are micro averages.
type Result struct {
	NumberOfTrainedDocuments int
	NumberOfTestDocuments    int
	EvaluationMetrics        Metrics
	EntityTypes              []Type
}

// Finish trains on nine documents in ten and tests on the others, or on the test data if there is some. The model that is kept is
// the one that was tested.
func (l *Learner) Finish(create func(string) io.Writer) (any, error) {
	if err := l.train.resolve(); err != nil {
		return nil, err
	}
	if err := l.test.resolve(); err != nil {
		return nil, err
	}
	if len(l.list) > 0 {
		l.match()
	}
	var err error
	if l.found, err = l.mentioned(l.train.documents); err != nil {
		return nil, err
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	train, test := l.train.documents, l.test.documents
	if len(test) == 0 {
		train, test = part(train)
	}
	out := Result{NumberOfTrainedDocuments: len(train), NumberOfTestDocuments: len(test)}
	count, err := l.mentioned(train)
	if err != nil {
		return nil, err
	}
	e, err := l.learn(train)
	if err != nil {
		return nil, err
	}
	all, each, err := e.measure(l.mesh, test)
	if err != nil || l.mesh.Index > 0 {
		return nil, err
	}
	out.EvaluationMetrics = all.metrics()
	for i, t := range l.types {
		row := Type{Type: t, NumberOfTrainMentions: count[i]}
		if each[i].gold > 0 {
			m := each[i].metrics()
			row.EvaluationMetrics = &m
		}
		out.EntityTypes = append(out.EntityTypes, row)
	}
	return out, e.write(create(analyse.ModelFile))
}

// part parts documents for training from those for testing: one in ten, at least one, chosen by a fixed seed.
func part(all []document) (train, test []document) {
	rng := rand.New(rand.NewPCG(1, uint64(len(all)))) //nolint:gosec // not for secrets: the choice must repeat
	order := rng.Perm(len(all))
	held := map[int]bool{}
	for _, i := range order[:max(1, len(all)/10)] {
		held[i] = true
	}
	for i, d := range all {
		if held[i] {
			test = append(test, d)
		} else {
			train = append(train, d)
		}
	}
	return train, test
}

// score counts spans.
type score struct{ hit, found, gold int }

func (s score) metrics() Metrics {
	p, r := 100*float64(s.hit)/float64(max(s.found, 1)), 100*float64(s.hit)/float64(max(s.gold, 1))
	m := Metrics{Precision: p, Recall: r}
	if s.hit > 0 {
		m.F1Score = 2 * p * r / (p + r)
	}
	return m
}

// mentioned counts the mentions of each type. Those of an entity list each instance knows in its own share alone.
func (l *Learner) mentioned(ds []document) ([]int, error) {
	n := mentions(ds, len(l.types))
	if len(l.list) == 0 {
		return n, nil
	}
	return n, mesh.Sum(l.mesh, n)
}

// measure tests on labelled documents, all types together and each. Every instance has the texts of its share.
func (e *Engine) measure(m *mesh.Mesh, test []document) (all score, each []score, err error) {
	each = make([]score, len(e.types))
	for _, d := range test {
		if d.text == "" { // another's
			continue
		}
		for _, m := range d.mentions {
			each[m.kind].gold++
			all.gold++
		}
		e.find(d.text, func(s crf.Span, a, b entity.Piece) {
			each[s.Type].found++
			all.found++
			if slices.Contains(d.mentions, mention{a.From, b.To, int32(s.Type)}) {
				each[s.Type].hit++
				all.hit++
			}
		})
	}
	sums := []int{all.hit, all.found, all.gold}
	for _, s := range each {
		sums = append(sums, s.hit, s.found, s.gold)
	}
	if err := mesh.Sum(m, sums); err != nil {
		return all, each, err
	}
	all = score{sums[0], sums[1], sums[2]}
	for i := range each {
		s := sums[3+3*i:]
		each[i] = score{s[0], s[1], s[2]}
	}
	return all, each, nil
}
