package job

// Task is what the job agent is told, as JSON on its standard input; it is the only way credentials reach it. Fresh
// Credentials follow on the same input while the job runs.
type Task struct {
	Job       string // job id, for the session's user agent
	Account   string
	Region    string
	InputURI  string
	Format    string // ONE_DOC_PER_LINE | ONE_DOC_PER_FILE
	OutputURI string // full URI of output.tar.gz
	Member    string // file name inside the archive
	Setup     Setup  // the analyser's first frame
	Creds     Credentials
	CA        string // PEM of the authority that S3's certificates are checked against
	Limits    Limits
}

// Credentials are the role session's. They live in the agent's memory alone.
type Credentials struct{ AccessKey, Secret, Token string }

// Limits of one job. Sizes in bytes.
type Limits struct {
	Document  int64 // one document
	Total     int64 // all input
	Documents int64 // count
}

// LanguageLimits are Comprehend's quotas for dominant language detection (Developer Guide, guidelines and limits).
var LanguageLimits = Limits{Document: 1 << 20, Total: 5 << 30, Documents: 1_000_000}

// Report is a line of the agent's standard output. The last one has Final set.
type Report struct {
	Documents int64
	Failed    int64 // documents that have an error instead of a result
	Final     bool
	Stopped   bool
	Err       *Failure `json:",omitempty"`
}

// Failure says why the agent could not do its task.
type Failure struct {
	Code      string // as in Job.Message: NO_READ_ACCESS_TO_INPUT, ...
	Message   string
	Stage     string // list | read | analyse | write
	Cause     string // denied | missing | unreachable | unresolved | limit | internal
	Detail    string // the store's own words or the socket's error; no document text
	RequestID string // of the refused request, for explain
}
