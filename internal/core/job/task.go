package job

// Task is what the job agent is told, as JSON on its standard input; it is the only way credentials reach it. Fresh
// Credentials follow on the same input while the job runs.
type Task struct {
	Job       string // job id, for the session's user agent
	Account   string
	Region    string
	Kind      Kind
	Setup     Setup // the analyser's first frame
	Foreign   bool  // the analyser is a program that is not ours: each result is looked at
	Inputs    []Input
	OutputURI string    // full URI of output.tar.gz, or of a folder; empty: nothing is delivered
	OutputKey string    // KMS key of the results; empty: as the bucket says
	Volume    []byte    // data key that seals the scratch, 32 bytes; nil: one that the agent makes and nobody else has
	Artifact  *Artifact `json:",omitempty"`
	Share     Share     // what the first instance may ask for
	Group     *Group    `json:",omitempty"` // of another instance than the first
	Creds     Credentials
	CA        string // PEM of the authority that S3's certificates are checked against
}

// Artifact is the model that the agent reads or writes, sealed (core/envelope), on a descriptor of its own.
type Artifact struct {
	Key   []byte // data key, 32 bytes
	Salt  []byte
	Info  []byte // what the seal is bound to
	Size  int64  // of the sealed bytes; a model that is written has none yet
	Write bool
}

// Credentials are the role session's. They live in the agent's memory alone.
type Credentials struct{ AccessKey, Secret, Token string }

// Limits of one job. Sizes in bytes.
type Limits struct {
	Document  int64 // one document
	Total     int64 // all input
	Documents int64 // count
}

// Report is a line of the agent's standard output. The last one has Final set.
type Report struct {
	Documents int64
	Failed    int64 // documents that have an error instead of a result
	Final     bool
	Stopped   bool
	Instances int      // asks for so many; a Word with a Group answers
	Artifact  int64    // bytes of the sealed model that was written
	Result    []byte   `json:",omitempty"` // JSON: what a Learner found
	Err       *Failure `json:",omitempty"`
}

// Failure says why the agent could not do its task.
type Failure struct {
	Code      string // as in Job.Message: NO_READ_ACCESS_TO_INPUT, ...
	Message   string
	Stage     string // list | read | analyse | write | join
	Cause     string // denied | missing | unreachable | unresolved | limit | internal
	Detail    string // the store's own words or the socket's error; no document text
	RequestID string // of the refused request, for explain
	Instance  int    // that met it
}
