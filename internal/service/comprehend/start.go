package comprehend

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// request is all that Start calls may say; each kind has some of it. It is kept with the job, the token left out.
type request struct {
	InputDataConfig       *shape.InputDataConfig
	OutputDataConfig      *shape.OutputDataConfig
	DataAccessRoleArn     *string
	JobName               *string                `json:",omitempty"`
	ClientRequestToken    *string                `json:"-"`
	LanguageCode          *string                `json:",omitempty"`
	VolumeKmsKeyId        *string                `json:",omitempty"`
	VpcConfig             *shape.VpcConfig       `json:",omitempty"`
	EntityRecognizerArn   *string                `json:",omitempty"`
	DocumentClassifierArn *string                `json:",omitempty"`
	FlywheelArn           *string                `json:",omitempty"`
	NumberOfTopics        *int64                 `json:",omitempty"`
	Mode                  *string                `json:",omitempty"`
	RedactionConfig       *shape.RedactionConfig `json:",omitempty"`
	Tags                  []shape.Tag            `json:",omitempty"`
}

// maxActive is AWS's quota of active jobs of one kind in one account and region
// (Comprehend Developer Guide, guidelines and limits).
const maxActive = 10

// start writes the job down as SUBMITTED. The same token with the same input gives the first job again.
func (k kind) start(c *api.Call, tx store.Tx, r *request) (*job.Job, error) {
	if k.never != "" {
		return nil, fault.New("InvalidRequestException", "%s", k.never)
	}
	if accountOf(*r.DataAccessRoleArn) != c.Account {
		return nil, fault.New("InvalidRequestException", "The data access role %s does not belong to the account %s: a role cannot be passed across accounts.", *r.DataAccessRoleArn, c.Account)
	}
	tags, err := newTags(r.Tags)
	if err != nil {
		return nil, err
	}
	r.Tags = ordered(r.Tags) // a copy: the event has them as they came
	j := &job.Job{Kind: k.name, Partition: c.Partition, Account: c.Account, Region: c.Region, Service: Principal,
		Name: deref(r.JobName), RoleARN: *r.DataAccessRoleArn, OutputURI: *r.OutputDataConfig.S3Uri,
		Token: deref(r.ClientRequestToken), State: job.Submitted, Submitted: tx.Now(), RequestID: c.RequestID, Caller: c.Caller.ARN}
	if err := k.fill(c, j, r); err != nil {
		return nil, err
	}
	if j.Spec, err = json.Marshal(r); err != nil {
		return nil, err
	}
	if j.Token != "" {
		old, err := rows.Jobs.Find(tx, c.Scope(), "token", k.name+"/"+j.Token)
		switch {
		case err == nil && string(old.Value.Spec) == string(j.Spec):
			return &old.Value, nil
		case err == nil:
			return nil, fault.New("InvalidRequestException", "The client request token %s was used before with other parameters.", j.Token)
		case !isNotFound(err):
			return nil, err
		}
	}
	if err := k.useModel(c, tx, j, r); err != nil {
		return nil, err
	}
	if err := k.room(c, tx); err != nil {
		return nil, err
	}
	j.ID = newID(j.Submitted, c.Dice)
	j.ARN = c.ARN("comprehend", k.name+"-job/"+j.ID)
	j.OutputObject = outputOf(j.OutputURI, c.Account, k.name, j.ID)
	if err := rows.Jobs.Create(tx, c.Scope(), j.ID, j); err != nil {
		return nil, err
	}
	return j, made(c, tx, j.ARN, tags)
}

// fill reads what the call says into the job, and writes down in the request what it leaves to us.
func (k kind) fill(c *api.Call, j *job.Job, r *request) (err error) {
	in := *r.InputDataConfig
	if in.InputFormat == nil {
		in.InputFormat = new("ONE_DOC_PER_FILE")
	}
	r.InputDataConfig = &in
	if err := k.reader(r); err != nil {
		return err
	}
	if r.FlywheelArn != nil {
		return fault.New("InvalidRequestException", "FlywheelArn is given, and there are no flywheels here: name the model itself by %s.", k.member())
	}
	custom := r.EntityRecognizerArn != nil || r.DocumentClassifierArn != nil
	switch {
	case k.must && !custom:
		return fault.New("InvalidRequestException", "%s is required.", k.member())
	case !custom:
		if err := speaks(k.languages, r.LanguageCode); err != nil {
			return err
		}
	}
	j.Setup = job.Setup{Kind: k.name, Language: deref(r.LanguageCode), Limit: job.Kinds()[k.name].Limits.Document, Model: custom, Format: *in.InputFormat}
	if k.setup != nil {
		if err := k.setup(r, &j.Setup); err != nil {
			return err
		}
	}
	j.Inputs = []job.Input{{Role: job.Documents, URI: *in.S3Uri, Format: *in.InputFormat}}
	if j.Network, err = networkOf(r.VpcConfig); err != nil {
		return err
	}
	if j.VolumeKey, err = keyARN(c, "VolumeKmsKeyId", deref(r.VolumeKmsKeyId), false); err != nil {
		return err
	}
	j.OutputKey, err = keyARN(c, "OutputDataConfig.KmsKeyId", deref(r.OutputDataConfig.KmsKeyId), true)
	return err
}

// reader: DocumentReaderConfig says how custom models read PDF files and images. PDF files with text and Word files are read by a classifier with or
// without it; what would need Amazon Textract is refused. Source: Comprehend API Reference, DocumentReaderConfig.
func (k kind) reader(r *request) error {
	x := r.InputDataConfig.DocumentReaderConfig
	switch {
	case x == nil:
		return nil
	case r.EntityRecognizerArn == nil && r.DocumentClassifierArn == nil:
		return fault.New("InvalidRequestException", "DocumentReaderConfig can be given with a custom model only.")
	}
	return readable(x)
}

func readable(x *shape.DocumentReaderConfig) error {
	switch {
	case deref(x.DocumentReadAction) == "TEXTRACT_ANALYZE_DOCUMENT" && len(x.FeatureTypes) == 0:
		return fault.New("InvalidRequestException", "FeatureTypes is required with the document read action TEXTRACT_ANALYZE_DOCUMENT: one or both of TABLES and FORMS.")
	case deref(x.DocumentReadMode) == "FORCE_DOCUMENT_READ_ACTION":
		return fault.New("InvalidRequestException", "The document read mode FORCE_DOCUMENT_READ_ACTION needs Amazon Textract, which is not here: text is read as UTF-8, and as PDF and Word files have it.")
	}
	return nil
}

// useModel finds the custom model that is to analyse. Another account's is imported first: its policy can allow no more.
func (k kind) useModel(c *api.Call, v store.View, j *job.Job, r *request) error {
	name := r.EntityRecognizerArn
	if r.DocumentClassifierArn != nil {
		name = r.DocumentClassifierArn
	}
	if name == nil {
		return nil
	}
	it, err := modelOf(c, v, k.model, name)
	if err != nil {
		return err
	}
	m := &it.Value
	switch {
	case m.Status != model.Trained && m.Status != model.Warned:
		return refuse("ResourceUnavailableException", "The model %s is in the status %s: it can be used when it is TRAINED.", *name, m.Status)
	}
	// Of LanguageCode, AWS says that a recogniser's own language is used instead (Comprehend API Reference, StartEntitiesDetectionJob).
	j.Model, j.Setup.Language = m.ARN, m.Language
	c.Touch(m.ARN)
	return nil
}

// room refuses a job when as many are active as may be.
func (k kind) room(c *api.Call, v store.View) error {
	active, err := rows.Jobs.List(v, store.Query{Scope: c.Scope(), Term: store.Term{Name: "live", Value: "yes"}})
	if err != nil {
		return err
	}
	n := 0
	for _, a := range active {
		if a.Value.Kind == k.name && !a.Value.State.Ended() {
			n++
		}
	}
	if n >= maxActive {
		return refuse("TooManyRequestsException", "The account has %d active %s jobs, which is the limit.", n, k.name)
	}
	return nil
}

// newID is a job's id of 32 hexadecimal digits. The first twelve are the time in milliseconds, so that lists come in the order of time.
func newID(at time.Time, d api.Dice) string { return stamp(at.UnixMilli()) + d.Hex(20) }

// stamp writes a time in milliseconds so that stamps sort as times do; what six bytes cannot hold is as early or late as they can.
func stamp(ms int64) string {
	ms = min(max(ms, 0), 1<<48-1)
	b := []byte{byte(ms >> 40), byte(ms >> 32), byte(ms >> 24), byte(ms >> 16), byte(ms >> 8), byte(ms)}
	return hex.EncodeToString(b)
}

// ordered is a copy of tags by their keys: a retry may have them in another order.
func ordered(tags []shape.Tag) []shape.Tag {
	out := slices.Clone(tags)
	slices.SortFunc(out, func(a, b shape.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return out
}
