// Package model is what a training leaves: custom models, who may copy them, and the endpoints that serve them. It knows states, not
// how a model is trained or served.
package model

import "time"

// Status is Comprehend's ModelStatus.
type Status string

// The statuses.
const (
	Submitted     Status = "SUBMITTED"
	Training      Status = "TRAINING"
	Deleting      Status = "DELETING"
	StopRequested Status = "STOP_REQUESTED"
	Stopped       Status = "STOPPED"
	InError       Status = "IN_ERROR"
	Trained       Status = "TRAINED"
	Warned        Status = "TRAINED_WITH_WARNING"
)

// The kinds: resource types of their ARNs, and kinds of the jobs that train them.
const (
	Classifier = "document-classifier"
	Recognizer = "entity-recognizer"
)

// Model is one version of a custom model. While it trains, the job of the id Job says how far it is.
type Model struct {
	ARN, Kind                 string
	Name, Version             string
	Language                  string
	Mode                      string // of a classifier: MULTI_CLASS | MULTI_LABEL
	Status                    Status
	Message                   string
	Submitted, Ended          time.Time
	TrainBegan                time.Time // TrainingStartTime
	TrainEnded                time.Time
	Job                       string // id of the training's row in the same scope; empty: imported
	Spec                      []byte // JSON: the input of the call that made it, for Describe
	Result                    []byte `json:",omitempty"` // JSON: metadata as the engine measured it
	RoleARN                   string
	ModelKey                  string // ModelKmsKeyId, an ARN
	Grant                     string // id of the grant on it, by which the service uses the key
	Artifact                  Artifact
	Source                    string // SourceModelArn of an imported one
	Policy                    string // resource policy, principals bound to unique ids
	PolicyRevision            string
	PolicyMade, PolicyChanged time.Time
	Token                     string // ClientRequestToken
}

// Artifact is where a model's bytes lie: sealed with core/envelope under a data key, in the store of objects' bytes.
type Artifact struct {
	Blob    string // id there; empty: none
	Size    int64  // sealed bytes
	Salt    []byte
	Wrapped []byte // data key: KMS ciphertext under ModelKey, or sealed by the ledger's keyring without one
}

// EndpointStatus is Comprehend's EndpointStatus.
type EndpointStatus string

// The statuses of endpoints.
const (
	Creating  EndpointStatus = "CREATING"
	Removing  EndpointStatus = "DELETING"
	Broken    EndpointStatus = "FAILED"
	InService EndpointStatus = "IN_SERVICE"
	Updating  EndpointStatus = "UPDATING"
)

// Endpoint serves a model in real time.
type Endpoint struct {
	ARN, Name            string
	Status               EndpointStatus
	Message              string
	Model, DesiredModel  string // ARNs
	Units, DesiredUnits  int64  // inference units: 100 characters and 2 documents a second each
	RoleARN, DesiredRole string
	Made, Changed        time.Time
	Token                string
	Asked                string // JSON: the input of the call that made it
}
