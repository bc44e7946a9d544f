// Package job is the life of a job as the ledger keeps it: what was asked, which steps were taken, how it ended. It knows
// states and steps, not how a step is done.
package job

import "time"

// State is Comprehend's JobStatus.
type State string

// The states, in the order they are passed.
const (
	Submitted     State = "SUBMITTED"
	InProgress    State = "IN_PROGRESS"
	Completed     State = "COMPLETED"
	Failed        State = "FAILED"
	StopRequested State = "STOP_REQUESTED"
	Stopped       State = "STOPPED"
)

// Ended says whether nothing more will happen to the job (its undo may still run: see Job.Cleaned).
func (s State) Ended() bool { return s == Completed || s == Failed || s == Stopped }

// Job is one asynchronous job.
type Job struct {
	ID, ARN                    string
	Kind                       string // dominant-language-detection
	Partition, Account, Region string
	Service                    string // comprehend.amazonaws.com: the principal that assumes the role
	Name                       string
	RoleARN                    string
	Setup                      Setup // what its analyser is told
	Inputs                     []Input
	OutputURI                  string // as given; empty: a training that delivers nothing but its model
	OutputObject               string // the full URI of output.tar.gz, or of the folder (ends in /) where a kind delivers objects
	VolumeKey                  string // VolumeKmsKeyId: seals what lies on disk while the job runs
	OutputKey                  string // OutputDataConfig.KmsKeyId: results are SSE-KMS with it
	ModelKey                   string // ModelKmsKeyId: seals the model that is trained
	Model                      string // ARN of the custom model that analyses
	Trains                     string // ARN of the model that is trained
	Network                    *Network
	Spec                       []byte `json:",omitempty"` // JSON: what the call said, for Describe and to know a retry by
	Token                      string // ClientRequestToken
	State                      State
	Message                    string // CODE: sentence, as AWS writes it
	Submitted, Ended           time.Time
	RequestID                  string // of the call that started it
	Caller                     string // ARN of who started it
	StopAsked                  bool
	Attempt                    int // rises when a daemon takes the job over
	Steps                      []Step
	Interfaces                 []string // ENI ids, written before they are made
	Cleaned                    bool     // every step that was done is undone
	Reasons                    []Reason // for explain
	Documents                  int64    // processed
	Instances                  int      // that share the work; 0: not known yet
	Image                      string   `json:",omitempty"` // digest of the one that analysed in the built-in engine's place
	Grants                     []Grant  // made by the role for the service, retired when the job is over
	Result                     []byte   `json:",omitempty"` // JSON: what a training found
}

// Input is what a job reads: one object, or all whose keys begin with a prefix.
type Input struct {
	Role       string   // of its objects (Documents, Labels, ...)
	URI        string   // s3://bucket/prefix
	Format     string   // ONE_DOC_PER_LINE | ONE_DOC_PER_FILE
	Attributes []string `json:",omitempty"` // AttributeNames of a manifest
}

// Grant is a KMS grant that a job lives on. It is written down before it is asked for, with its name, by which the same request finds it.
type Grant struct {
	Key, ID string // an ID that is empty: not known to be made
	Name    string
	Model   bool // goes over to the model that is trained
}

// KeyCode is the code of a job that failed because KMS refused it, by KMS's code.
func KeyCode(code string) string {
	switch code {
	case "AccessDenied", "AccessDeniedException":
		return "KMS_KEY_ACCESS_DENIED"
	case "DisabledException":
		return "KMS_KEY_DISABLED"
	case "NotFoundException":
		return "KMS_KEY_NOT_FOUND"
	case "KMSInvalidStateException":
		return "KMS_KEY_INVALID_STATE"
	}
	return "KMS_KEY_UNAVAILABLE"
}

// Network is VpcConfig.
type Network struct{ Subnets, Groups []string }

// Step is one persisted step: begun before it is done, done before the next begins, undone at the end.
type Step struct {
	Name        string
	Begun, Done time.Time
	Undone      bool
	Err         string
	RequestIDs  []string // of the calls it made, for explain
}

// Reason is a line of an explanation: which wall, which rule, what was seen.
type Reason struct {
	Layer  string // iam | endpoint-policy | bucket-policy | route-table | security-group | s3 | limit | ...
	Rule   string // statement, rtb-..., sg-..., vpce-...
	Text   string
	Change string // what would change it
}

// Walked says when a step was begun and when it was done, as the last attempt took it; zero: not yet.
func (j *Job) Walked(step string) (began, ended time.Time) {
	for _, s := range j.Steps {
		if s.Name == step {
			began, ended = s.Begun, s.Done
		}
	}
	return began, ended
}
