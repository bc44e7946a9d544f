package comprehend

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/model"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
)

// family is one kind of custom models: what its six operations do not share with those of the other. Those read it, and a family that is
// described here is whole.
type family struct {
	kind      string   // model.Model.Kind
	operation string   // behind Create, Describe, StopTraining and Delete; its ARNs' member is operation + "Arn"
	name      string   // the member that names it
	metadata  string   // the member of its metrics
	mirrored  bool     // filter.mirrored
	honours   []string // members of Create's own
	read      func(*training) error
}

// families are the custom models. Source: Comprehend API Reference, CreateDocumentClassifier, CreateEntityRecognizer.
var families = []family{
	{kind: model.Classifier, operation: "DocumentClassifier", name: "DocumentClassifierName", metadata: "ClassifierMetadata", read: readClassifier,
		honours: []string{"Mode", "OutputDataConfig.S3Uri", "OutputDataConfig.KmsKeyId", "InputDataConfig.DataFormat",
			"InputDataConfig.S3Uri", "InputDataConfig.TestS3Uri", "InputDataConfig.LabelDelimiter", "InputDataConfig.AugmentedManifests.*", "InputDataConfig.DocumentType",
			"InputDataConfig.Documents.S3Uri", "InputDataConfig.Documents.TestS3Uri", "InputDataConfig.DocumentReaderConfig.DocumentReadAction",
			"InputDataConfig.DocumentReaderConfig.DocumentReadMode", "InputDataConfig.DocumentReaderConfig.FeatureTypes"}},
	{kind: model.Recognizer, operation: "EntityRecognizer", name: "RecognizerName", metadata: "RecognizerMetadata", mirrored: true, read: readRecognizer,
		honours: []string{"InputDataConfig.DataFormat", "InputDataConfig.EntityTypes.*", "InputDataConfig.Documents.*", "InputDataConfig.Annotations.*",
			"InputDataConfig.EntityList.S3Uri", "InputDataConfig.AugmentedManifests.*"}},
}

// order is all that the calls for a training may say; each has most of it.
type order struct {
	DocumentClassifierName, RecognizerName, VersionName *string
	LanguageCode, DataAccessRoleArn, Mode               *string
	ClientRequestToken, ModelPolicy                     *string
	VolumeKmsKeyId, ModelKmsKeyId                       *string
	Tags                                                []shape.Tag
	VpcConfig                                           *shape.VpcConfig
	OutputDataConfig                                    *shape.DocumentClassifierOutputDataConfig
	InputDataConfig                                     any // a pointer to the family's own shape
}

// trainingHonours are members that both calls have.
var trainingHonours = []string{"VersionName", "DataAccessRoleArn", "Tags.*", "ClientRequestToken", "LanguageCode", "VolumeKmsKeyId",
	"VpcConfig.SecurityGroupIds", "VpcConfig.Subnets", "ModelKmsKeyId", "ModelPolicy"}

// rows are the operations of a family.
func (f family) rows(s *custom) []api.Operation {
	row := func(name string, honours ...string) api.Operation {
		return api.Operation{Service: "comprehend", Name: name, Honours: honours, Questions: sheet.Questions(name)}
	}
	create := row("Create"+f.operation, slices.Concat([]string{f.name}, trainingHonours, f.honours)...)
	first, again := create.Questions, sheet.As(create.Name, f.kind+"-version="+f.name+"+VersionName")
	create.Questions = func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		if deref(said(in, "VersionName")) != "" {
			return again(c, v, in)
		}
		return first(c, v, in)
	}
	create.Act = func(c *api.Call, tx store.Tx, in any) (any, error) {
		m, err := s.order(c, tx, f, in)
		if err != nil {
			return nil, err
		}
		out := shape.NewOutput(create.Name)
		member(out, f.operation+"Arn").Set(reflect.ValueOf(&m.ARN))
		return out, nil
	}
	describe := row("Describe"+f.operation, f.operation+"Arn")
	describe.ReadOnly = true
	describe.View = func(c *api.Call, v store.View, in any) (any, error) {
		it, err := modelOf(c, v, f.kind, said(in, f.operation+"Arn"))
		if err != nil {
			return nil, err
		}
		out := shape.NewOutput(describe.Name)
		p := member(out, f.operation+"Properties")
		p.Set(reflect.New(p.Type().Elem()))
		return out, f.shown(c, &it.Value, p.Interface())
	}
	many := row("List"+f.operation+"s", "Filter.Status", "Filter."+f.name, "Filter.SubmitTimeBefore", "Filter.SubmitTimeAfter", "NextToken", "MaxResults")
	many.ReadOnly = true
	many.View = func(c *api.Call, v store.View, in any) (any, error) {
		return f.list(c, v, in, shape.NewOutput(many.Name))
	}
	brief := row("List"+f.operation+"Summaries", "NextToken", "MaxResults")
	brief.ReadOnly = true
	brief.View = func(c *api.Call, v store.View, in any) (any, error) {
		return f.summaries(c, v, in, shape.NewOutput(brief.Name))
	}
	stop := row("StopTraining"+f.operation, f.operation+"Arn")
	stop.Act = func(c *api.Call, tx store.Tx, in any) (any, error) {
		return shape.NewOutput(stop.Name), stopTraining(c, tx, f.kind, said(in, f.operation+"Arn"))
	}
	remove := row("Delete"+f.operation, f.operation+"Arn")
	remove.Act = func(c *api.Call, tx store.Tx, in any) (any, error) {
		return shape.NewOutput(remove.Name), deleteModel(c, tx, f.kind, said(in, f.operation+"Arn"))
	}
	return []api.Operation{create, describe, many, brief, stop, remove}
}

// progress is what a model has come to: members of its properties.
type progress struct {
	DocumentClassifierArn, EntityRecognizerArn              *string
	LanguageCode, Status, Message, DataAccessRoleArn        *string
	Mode, VersionName, SourceModelArn, ModelKmsKeyId        *string
	SubmitTime, EndTime, TrainingStartTime, TrainingEndTime *time.Time
}

// shown writes into a family's properties what was asked for and what became of it.
func (f family) shown(c *api.Call, m *model.Model, out any) error {
	p := progress{DocumentClassifierArn: &m.ARN, EntityRecognizerArn: &m.ARN, LanguageCode: &m.Language, Status: some(string(m.Status)), Message: some(m.Message),
		DataAccessRoleArn: some(m.RoleARN), Mode: some(m.Mode), VersionName: some(m.Version), SourceModelArn: some(m.Source),
		SubmitTime: &m.Submitted, EndTime: when(m.Ended), TrainingStartTime: when(m.TrainBegan), TrainingEndTime: when(m.TrainEnded)}
	if m.Source == "" {
		in := shape.NewInput("Create" + f.operation)
		if err := json.Unmarshal(m.Spec, in); err != nil {
			return err
		}
		var r order
		carry(&r, in)
		r.complete()
		if o := r.OutputDataConfig; o != nil && o.S3Uri != nil {
			o.S3Uri = some(outputOf(*o.S3Uri, c.Account, f.kind, m.Job))
			carry(out, &struct{ OutputDataConfig any }{o})
		}
		carry(out, &struct {
			InputDataConfig               any
			VpcConfig                     *shape.VpcConfig
			VolumeKmsKeyId, ModelKmsKeyId *string
		}{r.InputDataConfig, r.VpcConfig, r.VolumeKmsKeyId, r.ModelKmsKeyId})
	} else {
		p.ModelKmsKeyId = some(m.ModelKey)
	}
	carry(out, &p)
	if !m.Status.Ready() || m.Result == nil {
		return nil
	}
	meta := member(out, f.metadata)
	meta.Set(reflect.New(meta.Type().Elem()))
	return json.Unmarshal(m.Result, meta.Interface())
}

// complete writes down what a call leaves to us, as AWS's examples of DescribeEntityRecognizer and DescribeDocumentClassifier have it.
func (r *order) complete() {
	switch d := r.InputDataConfig.(type) {
	case *shape.DocumentClassifierInputDataConfig:
		d.DataFormat = cmp.Or(d.DataFormat, new("COMPREHEND_CSV"))
	case *shape.EntityRecognizerInputDataConfig:
		d.DataFormat = cmp.Or(d.DataFormat, new("COMPREHEND_CSV"))
		if d.Documents != nil {
			d.Documents.InputFormat = cmp.Or(d.Documents.InputFormat, new("ONE_DOC_PER_LINE"))
		}
	}
}
