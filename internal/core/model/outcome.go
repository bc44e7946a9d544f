package model

import (
	"encoding/json"

	"cloister/internal/core/job"
)

// Follow brings a model up to what the job that trains it says. Whoever reads a model may do so at any time; the runner writes it
// in the transaction in which the job ends, when it has filled in Grant and Artifact. A model that is Ready or is being deleted stays as it is.
func (m *Model) Follow(j *job.Job) {
	if m.Status.Ended() || m.Status == Deleting {
		return
	}
	if began, ended := j.Walked("analyze"); !began.IsZero() {
		m.TrainBegan, m.TrainEnded = began, ended
	}
	switch j.State {
	case job.Submitted:
		m.Status = Submitted
	case job.InProgress:
		m.Status = Training
	case job.StopRequested:
		m.Status = StopRequested
	case job.Stopped:
		m.Status, m.Ended = Stopped, j.Ended
	case job.Failed:
		m.Status, m.Message, m.Ended = InError, j.Message, j.Ended
	case job.Completed:
		m.Status, m.Result, m.Ended = Trained, j.Result, j.Ended
		var said struct{ Warning string }
		if json.Unmarshal(j.Result, &said) == nil && said.Warning != "" {
			m.Status, m.Message = Warned, job.Plain(said.Warning, job.MessageMax)
		}
	}
}

// Ended says whether the training is over, however it ended.
func (s Status) Ended() bool { return s == Stopped || s == InError || s.Ready() }

// Ready says whether the model can be used.
func (s Status) Ready() bool { return s == Trained || s == Warned }

// Info is what the seal of a model's bytes is bound to (envelope's info): its ARN, so that one model cannot be given for another.
func Info(arn string) []byte { return []byte("model " + arn) }

// Context is the encryption context of the data key of a model that is sealed under a key of KMS. Source: Comprehend Developer Guide,
// "Sharing a custom model with another AWS account" (the context of the source's key).
func Context(arn string) map[string]string { return map[string]string{"aws:comprehend:arn": arn} }

// Operations are what the grant on a ModelKmsKeyId lets Comprehend do. Only a grant with all of them keeps a model.
func Operations() []string {
	return []string{"Decrypt", "DescribeKey", "GenerateDataKey", "RetireGrant"}
}

// Place is what the data key of a model without a key of KMS is bound to, when the ledger's keyring seals it.
func Place(arn string) []byte { return []byte("model key " + arn) }
