package classify

import (
	"encoding/json"
	"io"
	"slices"

	"cloister/internal/work/analyse"
	"cloister/internal/work/mesh"
)

// Metrics are AWS's, from 0 to 1 (Developer Guide, "Custom classifier metrics"; averages are those of scikit-learn, to which it points).
// Precision, Recall and F1Score are the means over the classes that the test data or the predictions have. Accuracy of labels is the share of
// documents all of whose labels are right and complete.
type Metrics struct {
	Accuracy, Precision, Recall, F1Score      float64
	MicroPrecision, MicroRecall, MicroF1Score float64
	HammingLoss                               float64
}

// Result is what a training gives: ClassifierMetadata.
type Result struct {
	NumberOfLabels           int
	NumberOfTrainedDocuments int
	NumberOfTestDocuments    int
	EvaluationMetrics        Metrics
}

// trials counts what was said of test documents. In MULTI_CLASS one row of pairs for each actual class.
type trials struct {
	multi          bool
	k              int
	pairs          [][]int // MULTI_CLASS: actual, said
	tp, fp, fn, tn []int
	exact, n       int
}

func newTrials(k int, multi bool) *trials {
	t := &trials{multi: multi, k: k, tp: make([]int, k), fp: make([]int, k), fn: make([]int, k), tn: make([]int, k)}
	if !multi {
		t.pairs = make([][]int, k)
		for i := range t.pairs {
			t.pairs[i] = make([]int, k)
		}
	}
	return t
}

// add takes the labels of one document, ascending, and what was said.
func (t *trials) add(actual, said []int32) {
	t.n++
	if slices.Equal(actual, said) {
		t.exact++
	}
	if !t.multi {
		t.pairs[actual[0]][said[0]]++
	}
	for k := range int32(t.k) {
		is, was := slices.Contains(said, k), slices.Contains(actual, k)
		switch {
		case is && was:
			t.tp[k]++
		case is:
			t.fp[k]++
		case was:
			t.fn[k]++
		default:
			t.tn[k]++
		}
	}
}

// sum adds what the other instances counted.
func (t *trials) sum(m *mesh.Mesh) error {
	all := []int{t.exact, t.n}
	parts := append([][]int{t.tp, t.fp, t.fn, t.tn}, t.pairs...)
	for _, p := range parts {
		all = append(all, p...)
	}
	if err := mesh.Sum(m, all); err != nil {
		return err
	}
	t.exact, t.n, all = all[0], all[1], all[2:]
	for _, p := range parts {
		all = all[copy(p, all):]
	}
	return nil
}

// seen says whether a class is among the test documents or the predictions.
func (t *trials) seen(k int) bool { return t.tp[k]+t.fp[k]+t.fn[k] > 0 }

func share(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func (t *trials) metrics() Metrics {
	var m Metrics
	var tp, fp, fn, seen int
	for k := range t.k {
		if !t.seen(k) {
			continue
		}
		seen++
		tp, fp, fn = tp+t.tp[k], fp+t.fp[k], fn+t.fn[k]
		m.Precision += share(t.tp[k], t.tp[k]+t.fp[k])
		m.Recall += share(t.tp[k], t.tp[k]+t.fn[k])
		m.F1Score += share(2*t.tp[k], 2*t.tp[k]+t.fp[k]+t.fn[k])
	}
	if seen > 0 {
		m.Precision, m.Recall, m.F1Score = m.Precision/float64(seen), m.Recall/float64(seen), m.F1Score/float64(seen)
	}
	m.Accuracy = share(t.exact, t.n)
	m.MicroPrecision, m.MicroRecall = share(tp, tp+fp), share(tp, tp+fn)
	m.MicroF1Score = share(2*tp, 2*tp+fp+fn)
	if t.multi {
		m.HammingLoss = share(fp+fn, t.n*t.k)
	} else if t.n > 0 {
		m.HammingLoss = 1 - m.Accuracy
	}
	return m
}

// confusion writes AWS's confusion_matrix.json (Developer Guide, "Confusion matrix"): labels are those that the matrix has.
func (t *trials) confusion(names []string, w io.Writer) error {
	out := struct {
		Type   string   `json:"type"`
		Matrix any      `json:"confusion_matrix"`
		Labels []string `json:"labels"`
		All    []string `json:"all_labels"`
	}{Type: "multi_class", Labels: []string{}, All: names}
	var has []int
	for k, s := range names {
		if t.multi || t.seen(k) {
			has = append(has, k)
			out.Labels = append(out.Labels, s)
		}
	}
	if t.multi {
		cells := [][2][2]int{}
		for k := range names {
			cells = append(cells, [2][2]int{{t.tn[k], t.fp[k]}, {t.fn[k], t.tp[k]}})
		}
		out.Type, out.Matrix = "multi_label", cells
	} else {
		cells := [][]int{}
		for _, a := range has {
			row := []int{}
			for _, b := range has {
				row = append(row, t.pairs[a][b])
			}
			cells = append(cells, row)
		}
		out.Matrix = cells
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(out)
}

// Finish trains, tests, and writes the model and the confusion matrix.
func (l *Learner) Finish(create func(name string) io.Writer) (any, error) {
	c := l.c
	if c.len() == 0 {
		return nil, analyse.Refuse(none, "The training data has no documents.")
	}
	given := slices.Contains(c.tested, true)
	c.sort()
	if err := c.check(given || l.setup.Tested); err != nil {
		return nil, err
	}
	var train, test []int
	for d, is := range c.tested {
		if is {
			test = append(test, d)
		} else {
			train = append(train, d)
		}
	}
	if !given {
		train, test = c.split(train, 10)
	}
	m, err := c.train(train)
	if err != nil {
		return nil, err
	}
	t := newTrials(len(c.names), c.multi)
	v, z := new(vector), make([]float32, len(c.names))
	for _, d := range test {
		if !c.mesh.Owns(d) {
			continue
		}
		v.reset()
		c.each(d, func(b uint32, n uint16) { v.add(&m.index, m.idf, b, n) })
		v.norm(&m.index)
		m.logits(v, z)
		m.probabilities(z)
		t.add(c.labels(d), m.said(z))
	}
	if err := t.sum(c.mesh); err != nil || c.mesh.Index > 0 {
		return nil, err
	}
	if err := t.confusion(c.names, create("confusion_matrix.json")); err != nil {
		return nil, err
	}
	if err := m.write(create(analyse.ModelFile)); err != nil {
		return nil, err
	}
	return Result{NumberOfLabels: len(c.names), NumberOfTrainedDocuments: len(train), NumberOfTestDocuments: len(test),
		EvaluationMetrics: t.metrics()}, nil
}

// said gives the classes that probabilities mean: the best one, or every label that is likelier than not.
func (m *model) said(p []float32) (out []int32) {
	if !m.multi {
		return []int32{int32(argmax(p))}
	}
	for k, x := range p {
		if x >= .5 {
			out = append(out, int32(k))
		}
	}
	return out
}

// train makes a model of texts. Every instance has it then.
func (c *corpus) train(docs []int) (*model, error) {
	s, slope, shift, err := c.tune(docs)
	if err != nil {
		return nil, err
	}
	s.epochs, s.room = c.length(docs, c.mesh.Count), room
	if c.mesh.Count > 1 {
		s.room = mixed
	}
	t, err := newTrainer(c, c.mesh, docs, s)
	if err == nil {
		err = t.run()
	}
	if err != nil {
		return nil, err
	}
	m := t.model()
	m.slope, m.shift = slope, shift
	return m, nil
}
