package sentiment

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var classes = []string{"POSITIVE", "NEGATIVE", "NEUTRAL", "MIXED"}

// TestQuality prints accuracies on $CLOISTER_DATA/goemotions/dev.tsv (text, label ids; four classes as tools/sentimentgen maps them), on any
// $CLOISTER_DATA/reviews/*.tsv (text, a tab, 1 for good or 0 for bad), and on our own sentences. It judges nothing: the gate is TestReviews.
func TestQuality(t *testing.T) {
	j := judge(t)
	developed, fresh := reviews(t)
	two, named := accuracy(j, developed)
	t.Logf("own review sentences, misses looked at: %d, two-way %.3f, named %.3f", len(developed), two, named)
	two, named = accuracy(j, fresh)
	t.Logf("own review sentences, second part: %d, two-way %.3f, named %.3f", len(fresh), two, named)
	domains, by, all := blind(t)
	two, named = accuracy(j, all)
	t.Logf("blind review sentences: %d, two-way %.3f, named %.3f", len(all), two, named)
	for _, d := range domains {
		two, named = accuracy(j, by[d])
		t.Logf("of them %s: %d, two-way %.3f, named %.3f", d, len(by[d]), two, named)
	}
	dir := os.Getenv("CLOISTER_DATA")
	if dir == "" {
		t.Log("CLOISTER_DATA names no folder: nothing more to measure")
		return
	}
	emotions(t, j, filepath.Join(dir, "goemotions"))
	files, err := filepath.Glob(filepath.Join(dir, "reviews", "*.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var rs []review
		for line := range strings.Lines(string(raw)) {
			line = strings.TrimSpace(line)
			if at := strings.LastIndexByte(line, '\t'); at > 0 {
				rs = append(rs, review{line[:at], line[at+1:] == "1"})
			}
		}
		two, named := accuracy(j, rs)
		t.Logf("%s: %d, two-way %.3f, named %.3f", filepath.Base(f), len(rs), two, named)
	}
}

func emotions(t *testing.T, j *Judge, dir string) {
	labels, err := os.ReadFile(filepath.Join(dir, "labels.txt"))
	raw, err2 := os.ReadFile(filepath.Join(dir, "dev.tsv"))
	if err != nil || err2 != nil {
		t.Logf("no GoEmotions in %s", dir)
		return
	}
	names := strings.Fields(string(labels))
	const good = " admiration amusement approval caring desire excitement gratitude joy love optimism pride relief "
	const bad = " anger annoyance disappointment disapproval disgust embarrassment fear grief nervousness remorse sadness "
	n, right := 0, 0
	found, want, hit := map[string]int{}, map[string]int{}, map[string]int{}
	var bins [10]struct {
		n, right int
		sum      float64
	}
	for line := range strings.Lines(string(raw)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		pos, neg := false, false
		for id := range strings.SplitSeq(f[1], ",") {
			k, err := strconv.Atoi(id)
			if err != nil {
				t.Fatal(err)
			}
			pos = pos || strings.Contains(good, " "+names[k]+" ")
			neg = neg || strings.Contains(bad, " "+names[k]+" ")
		}
		class := "NEUTRAL"
		switch {
		case pos && neg:
			class = "MIXED"
		case pos:
			class = "POSITIVE"
		case neg:
			class = "NEGATIVE"
		}
		got := j.Judge(f[0])
		n++
		found[got.Sentiment]++
		want[class]++
		s := got.SentimentScore
		top := max(s.Mixed, s.Negative, s.Neutral, s.Positive)
		b := &bins[min(9, int(top*10))]
		b.n, b.sum = b.n+1, b.sum+top
		if got.Sentiment == class {
			right++
			hit[class]++
			b.right++
		}
	}
	macro := 0.0
	for _, c := range classes {
		f1 := 2 * float64(hit[c]) / float64(max(1, found[c]+want[c]))
		macro += f1 / 4
		t.Logf("GoEmotions dev %-8s F1 %.3f of %d", c, f1, want[c])
	}
	t.Logf("GoEmotions dev, four classes: %d, accuracy %.4f, macro F1 %.3f", n, float64(right)/float64(n), macro)
	for i, b := range bins {
		if b.n > 0 {
			t.Logf("best score %.1f-%.1f: %d, mean %.3f, right %.3f", float64(i)/10, float64(i+1)/10, b.n, b.sum/float64(b.n), float64(b.right)/float64(b.n))
		}
	}
}
