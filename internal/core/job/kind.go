package job

// Layout is how a kind of job delivers its results.
type Layout int

// The layouts (Comprehend Developer Guide, asynchronous analysis: outputs; classifier and topic modelling outputs).
const (
	OneMember Layout = iota // output.tar.gz with one file of lines, Kind.Member
	ByFile                  // output.tar.gz with NAME.out for each input file
	Objects                 // no archive: the object NAME.out for each input file
	Files                   // output.tar.gz with the files of a Learner
)

// Kind is what all jobs of one kind have in common.
type Kind struct {
	Name   string // Job.Kind; the ARN's resource type of an analysis is Name + "-job"
	Code   string // in the output's path: <account>-<Code>-<job id>
	Layout Layout
	Member string
	Limits Limits
	Corpus bool // one Learner takes the whole input

	LineText bool // the number of a line is a string in its results
}

// Sizes in bytes.
const (
	kb = 1 << 10
	mb = 1 << 20
	gb = 1 << 30
)

// Kinds are the analyses and trainings, by name. Sources of codes, members and limits: Comprehend Developer Guide, guidelines and
// quotas; AWS CLI examples of each Describe call. SENTIMENT is inferred by analogy.
func Kinds() map[string]Kind {
	quota := func(doc, total, n int64) Limits { return Limits{Document: doc, Total: total, Documents: n} }
	usual := quota(mb, 5*gb, 1_000_000)
	out := map[string]Kind{}
	for _, k := range []Kind{
		{Name: "dominant-language-detection", Code: "LANGUAGE", Member: "output", Limits: usual},
		{Name: "entities-detection", Code: "NER", Member: "output", Limits: usual},
		{Name: "key-phrases-detection", Code: "KP", Member: "output", Limits: usual},
		{Name: "sentiment-detection", Code: "SENTIMENT", Member: "output", Limits: quota(5*kb, 5*gb, 1_000_000)},
		{Name: "targeted-sentiment-detection", Code: "TS", Layout: ByFile, Limits: quota(10*kb, 300*mb, 30_000)},
		{Name: "pii-entities-detection", Code: "PII", Layout: Objects, Limits: usual},
		{Name: "document-classification", Code: "CLN", Member: "predictions.jsonl", LineText: true, Limits: quota(10*mb, 5*gb, 1_000_000)},
		{Name: "topics-detection", Code: "TOPICS", Layout: Files, Corpus: true, Limits: quota(100*mb, 5*gb, 1_000_000)},
		{Name: "document-classifier", Code: "CLR", Layout: Files, Corpus: true, Limits: quota(5*gb, 5*gb, 1_000_000)},
		{Name: "entity-recognizer", Code: "CER", Layout: Files, Corpus: true, Limits: quota(200*mb, 200*mb, 1_000_000)},
	} {
		out[k.Name] = k
	}
	return out
}
