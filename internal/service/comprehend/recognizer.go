package comprehend

import (
	"encoding/json"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
)

func (s *custom) recognizerRows() []api.Rower {
	taught, retaught := sheet.Questions("CreateEntityRecognizer"), sheet.As("CreateEntityRecognizer", "entity-recognizer-version=RecognizerName+VersionName")
	return []api.Rower{
		api.Op[shape.CreateEntityRecognizerRequest, shape.CreateEntityRecognizerResponse]{Name: "CreateEntityRecognizer",
			Honours: slices.Concat(trainingHonours, []string{"RecognizerName", "InputDataConfig.DataFormat", "InputDataConfig.EntityTypes.*", "InputDataConfig.Documents.*",
				"InputDataConfig.Annotations.*", "InputDataConfig.EntityList.S3Uri", "InputDataConfig.AugmentedManifests.*"}),
			Questions: func(c *api.Call, v store.View, in *shape.CreateEntityRecognizerRequest) ([]api.Question, error) {
				if deref(in.VersionName) != "" {
					return retaught(c, v, in)
				}
				return taught(c, v, in)
			},
			Act: func(c *api.Call, tx store.Tx, in *shape.CreateEntityRecognizerRequest) (*shape.CreateEntityRecognizerResponse, error) {
				t, err := recognizing(in)
				if err != nil {
					return nil, err
				}
				m, err := s.train(c, tx, t)
				if err != nil {
					return nil, err
				}
				return &shape.CreateEntityRecognizerResponse{EntityRecognizerArn: &m.ARN}, nil
			}},
		api.Op[shape.DescribeEntityRecognizerRequest, shape.DescribeEntityRecognizerResponse]{Name: "DescribeEntityRecognizer", Honours: []string{"EntityRecognizerArn"},
			Questions: ask.Ask[shape.DescribeEntityRecognizerRequest](sheet, "DescribeEntityRecognizer"),
			View: func(c *api.Call, v store.View, in *shape.DescribeEntityRecognizerRequest) (*shape.DescribeEntityRecognizerResponse, error) {
				it, err := modelOf(c, v, model.Recognizer, in.EntityRecognizerArn)
				if err != nil {
					return nil, err
				}
				p, err := recognizerProperties(&it.Value)
				return &shape.DescribeEntityRecognizerResponse{EntityRecognizerProperties: p}, err
			}},
		api.Op[shape.ListEntityRecognizersRequest, shape.ListEntityRecognizersResponse]{Name: "ListEntityRecognizers",
			Honours:   []string{"Filter.Status", "Filter.RecognizerName", "Filter.SubmitTimeBefore", "Filter.SubmitTimeAfter", "NextToken", "MaxResults"},
			Questions: ask.Ask[shape.ListEntityRecognizersRequest](sheet, "ListEntityRecognizers"),
			View: func(c *api.Call, v store.View, in *shape.ListEntityRecognizersRequest) (*shape.ListEntityRecognizersResponse, error) {
				var f filter
				if x := in.Filter; x != nil {
					f = filter{x.RecognizerName, x.Status, x.SubmitTimeBefore, x.SubmitTimeAfter}
				}
				ms, next, err := models(c, v, model.Recognizer, f, in.NextToken, in.MaxResults)
				if err != nil {
					return nil, err
				}
				out := &shape.ListEntityRecognizersResponse{NextToken: next, EntityRecognizerPropertiesList: []shape.EntityRecognizerProperties{}}
				for i := range ms {
					p, err := recognizerProperties(&ms[i])
					if err != nil {
						return nil, err
					}
					out.EntityRecognizerPropertiesList = append(out.EntityRecognizerPropertiesList, *p)
				}
				return out, nil
			}},
		api.Op[shape.ListEntityRecognizerSummariesRequest, shape.ListEntityRecognizerSummariesResponse]{Name: "ListEntityRecognizerSummaries", Honours: []string{"NextToken", "MaxResults"},
			Questions: ask.Ask[shape.ListEntityRecognizerSummariesRequest](sheet, "ListEntityRecognizerSummaries"),
			View: func(c *api.Call, v store.View, in *shape.ListEntityRecognizerSummariesRequest) (*shape.ListEntityRecognizerSummariesResponse, error) {
				all, next, err := summaries(c, v, model.Recognizer, in.NextToken, in.MaxResults)
				if err != nil {
					return nil, err
				}
				out := &shape.ListEntityRecognizerSummariesResponse{NextToken: next, EntityRecognizerSummariesList: []shape.EntityRecognizerSummary{}}
				for _, x := range all {
					out.EntityRecognizerSummariesList = append(out.EntityRecognizerSummariesList, shape.EntityRecognizerSummary{RecognizerName: &x.name,
						NumberOfVersions: &x.versions, LatestVersionCreatedAt: &x.latest.Submitted, LatestVersionName: some(x.latest.Version), LatestVersionStatus: some(string(x.latest.Status))})
				}
				return out, nil
			}},
		api.Op[shape.StopTrainingEntityRecognizerRequest, shape.StopTrainingEntityRecognizerResponse]{Name: "StopTrainingEntityRecognizer", Honours: []string{"EntityRecognizerArn"},
			Questions: ask.Ask[shape.StopTrainingEntityRecognizerRequest](sheet, "StopTrainingEntityRecognizer"),
			Act: func(c *api.Call, tx store.Tx, in *shape.StopTrainingEntityRecognizerRequest) (*shape.StopTrainingEntityRecognizerResponse, error) {
				return &shape.StopTrainingEntityRecognizerResponse{}, stopTraining(c, tx, model.Recognizer, in.EntityRecognizerArn)
			}},
		api.Op[shape.DeleteEntityRecognizerRequest, shape.DeleteEntityRecognizerResponse]{Name: "DeleteEntityRecognizer", Honours: []string{"EntityRecognizerArn"},
			Questions: ask.Ask[shape.DeleteEntityRecognizerRequest](sheet, "DeleteEntityRecognizer"),
			Act: func(c *api.Call, tx store.Tx, in *shape.DeleteEntityRecognizerRequest) (*shape.DeleteEntityRecognizerResponse, error) {
				return &shape.DeleteEntityRecognizerResponse{}, deleteModel(c, tx, model.Recognizer, in.EntityRecognizerArn)
			}},
	}
}

// maxTypes is how many types of entities a recogniser may have (Comprehend Developer Guide, guidelines and quotas).
const maxTypes = 25

// recognizing reads what is to be trained. Source: Comprehend API Reference, EntityRecognizerInputDataConfig.
func recognizing(in *shape.CreateEntityRecognizerRequest) (training, error) {
	bad := func(format string, a ...any) (training, error) {
		return training{}, fault.New("InvalidRequestException", format, a...)
	}
	kept := *in // the event has the tags as they came
	kept.Tags = ordered(in.Tags)
	t := training{kind: model.Recognizer, name: *in.RecognizerName, version: deref(in.VersionName), language: *in.LanguageCode, role: *in.DataAccessRoleArn, token: deref(in.ClientRequestToken),
		tags: in.Tags, vpc: in.VpcConfig, volumeKey: deref(in.VolumeKmsKeyId), modelKey: deref(in.ModelKmsKeyId), policy: in.ModelPolicy, spec: &kept}
	d := in.InputDataConfig
	if n := len(d.EntityTypes); n == 0 || n > maxTypes {
		return bad("A recognizer must have 1 to %d entity types; %d are given.", maxTypes, n)
	}
	for _, e := range d.EntityTypes {
		name := *e.Type
		switch {
		case name == "" || strings.ContainsAny(name, "\n\r\t,") || strings.Contains(name, `\n`) || strings.Contains(name, `\r`) || strings.Contains(name, `\t`):
			return bad("The entity type %q has a character that it may not have: line breaks, tabs (also escaped) and commas are reserved.", name)
		case slices.Contains(t.setup.Types, name):
			return bad("The entity type %s is given twice.", name)
		}
		t.setup.Types = append(t.setup.Types, name)
	}
	if deref(d.DataFormat) == "AUGMENTED_MANIFEST" {
		if d.Documents != nil || d.Annotations != nil || d.EntityList != nil {
			return bad("Documents, Annotations and EntityList cannot be given when DataFormat is AUGMENTED_MANIFEST: the manifests hold the documents.")
		}
		var err error
		t.setup.Format = "ONE_DOC_PER_LINE"
		t.inputs, err = manifests(d.AugmentedManifests, &t.setup)
		return t, err
	}
	switch {
	case d.AugmentedManifests != nil:
		return bad("AugmentedManifests can be given only when DataFormat is AUGMENTED_MANIFEST.")
	case d.Documents == nil:
		return bad("Documents is required when DataFormat is COMPREHEND_CSV.")
	case d.Annotations == nil && d.EntityList == nil:
		return bad("Either Annotations or EntityList is required when DataFormat is COMPREHEND_CSV.")
	case d.Annotations != nil && d.EntityList != nil:
		return bad("Annotations and EntityList cannot both be given.")
	}
	if t.setup.Format = deref(d.Documents.InputFormat); t.setup.Format == "" {
		t.setup.Format = "ONE_DOC_PER_LINE"
	}
	documents := func(role, uri string) {
		t.inputs = append(t.inputs, job.Input{Role: role, URI: uri, Format: t.setup.Format})
	}
	var test *string
	if d.Annotations != nil {
		// The labels first: documents are read with them at hand.
		t.inputs = append(t.inputs, job.Input{Role: job.Annotations, URI: *d.Annotations.S3Uri})
		if test = d.Annotations.TestS3Uri; test != nil {
			t.inputs = append(t.inputs, job.Input{Role: job.Test + job.Annotations, URI: *test})
		}
	} else {
		t.inputs = append(t.inputs, job.Input{Role: job.EntityList, URI: *d.EntityList.S3Uri})
	}
	if (test == nil) != (d.Documents.TestS3Uri == nil) {
		return bad("Test documents and test annotations belong together: give a TestS3Uri in both Documents and Annotations, or in neither.")
	}
	documents(job.Documents, *d.Documents.S3Uri)
	if test != nil {
		t.setup.Tested = true
		documents(job.Test+job.Documents, *d.Documents.TestS3Uri)
	}
	return t, nil
}

func recognizerProperties(m *model.Model) (*shape.EntityRecognizerProperties, error) {
	p := &shape.EntityRecognizerProperties{EntityRecognizerArn: &m.ARN, LanguageCode: &m.Language, Status: some(string(m.Status)), Message: some(m.Message), SubmitTime: &m.Submitted,
		EndTime: when(m.Ended), TrainingStartTime: when(m.TrainBegan), TrainingEndTime: when(m.TrainEnded), DataAccessRoleArn: some(m.RoleARN),
		VersionName: some(m.Version), SourceModelArn: some(m.Source)}
	if m.Source == "" {
		var in shape.CreateEntityRecognizerRequest
		if err := json.Unmarshal(m.Spec, &in); err != nil {
			return nil, err
		}
		d := in.InputDataConfig
		if d.DataFormat == nil {
			d.DataFormat = new("COMPREHEND_CSV")
		}
		if d.Documents != nil && d.Documents.InputFormat == nil {
			d.Documents.InputFormat = new("ONE_DOC_PER_LINE")
		}
		p.InputDataConfig, p.VolumeKmsKeyId, p.VpcConfig, p.ModelKmsKeyId = in.InputDataConfig, in.VolumeKmsKeyId, in.VpcConfig, in.ModelKmsKeyId
	} else {
		p.ModelKmsKeyId = some(m.ModelKey)
	}
	if m.Status.Ready() && m.Result != nil {
		p.RecognizerMetadata = &shape.EntityRecognizerMetadata{}
		return p, json.Unmarshal(m.Result, p.RecognizerMetadata)
	}
	return p, nil
}
