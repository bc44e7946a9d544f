package comprehend

import (
	"encoding/json"
	"slices"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
)

func (s *custom) classifierRows() []api.Rower {
	trained, retrained := sheet.Questions("CreateDocumentClassifier"), sheet.As("CreateDocumentClassifier", "document-classifier-version=DocumentClassifierName+VersionName")
	return []api.Rower{
		api.Op[shape.CreateDocumentClassifierRequest, shape.CreateDocumentClassifierResponse]{Name: "CreateDocumentClassifier",
			Honours: slices.Concat(trainingHonours, []string{"DocumentClassifierName", "Mode", "OutputDataConfig.S3Uri", "OutputDataConfig.KmsKeyId", "InputDataConfig.DataFormat",
				"InputDataConfig.S3Uri", "InputDataConfig.TestS3Uri", "InputDataConfig.LabelDelimiter", "InputDataConfig.AugmentedManifests.*", "InputDataConfig.DocumentType",
				"InputDataConfig.Documents.S3Uri", "InputDataConfig.Documents.TestS3Uri", "InputDataConfig.DocumentReaderConfig.DocumentReadAction",
				"InputDataConfig.DocumentReaderConfig.DocumentReadMode", "InputDataConfig.DocumentReaderConfig.FeatureTypes"}),
			Questions: func(c *api.Call, v store.View, in *shape.CreateDocumentClassifierRequest) ([]api.Question, error) {
				if deref(in.VersionName) != "" {
					return retrained(c, v, in)
				}
				return trained(c, v, in)
			},
			Act: func(c *api.Call, tx store.Tx, in *shape.CreateDocumentClassifierRequest) (*shape.CreateDocumentClassifierResponse, error) {
				t, err := classifying(in)
				if err != nil {
					return nil, err
				}
				m, err := s.train(c, tx, t)
				if err != nil {
					return nil, err
				}
				return &shape.CreateDocumentClassifierResponse{DocumentClassifierArn: &m.ARN}, nil
			}},
		api.Op[shape.DescribeDocumentClassifierRequest, shape.DescribeDocumentClassifierResponse]{Name: "DescribeDocumentClassifier", Honours: []string{"DocumentClassifierArn"},
			Questions: ask.Ask[shape.DescribeDocumentClassifierRequest](sheet, "DescribeDocumentClassifier"),
			View: func(c *api.Call, v store.View, in *shape.DescribeDocumentClassifierRequest) (*shape.DescribeDocumentClassifierResponse, error) {
				it, err := modelOf(c, v, model.Classifier, in.DocumentClassifierArn)
				if err != nil {
					return nil, err
				}
				p, err := classifierProperties(c, &it.Value)
				return &shape.DescribeDocumentClassifierResponse{DocumentClassifierProperties: p}, err
			}},
		api.Op[shape.ListDocumentClassifiersRequest, shape.ListDocumentClassifiersResponse]{Name: "ListDocumentClassifiers",
			Honours:   []string{"Filter.Status", "Filter.DocumentClassifierName", "Filter.SubmitTimeBefore", "Filter.SubmitTimeAfter", "NextToken", "MaxResults"},
			Questions: ask.Ask[shape.ListDocumentClassifiersRequest](sheet, "ListDocumentClassifiers"),
			View: func(c *api.Call, v store.View, in *shape.ListDocumentClassifiersRequest) (*shape.ListDocumentClassifiersResponse, error) {
				var f filter
				if x := in.Filter; x != nil {
					f = filter{x.DocumentClassifierName, x.Status, x.SubmitTimeBefore, x.SubmitTimeAfter}
				}
				ms, next, err := models(c, v, model.Classifier, f, in.NextToken, in.MaxResults)
				if err != nil {
					return nil, err
				}
				out := &shape.ListDocumentClassifiersResponse{NextToken: next, DocumentClassifierPropertiesList: []shape.DocumentClassifierProperties{}}
				for i := range ms {
					p, err := classifierProperties(c, &ms[i])
					if err != nil {
						return nil, err
					}
					out.DocumentClassifierPropertiesList = append(out.DocumentClassifierPropertiesList, *p)
				}
				return out, nil
			}},
		api.Op[shape.ListDocumentClassifierSummariesRequest, shape.ListDocumentClassifierSummariesResponse]{Name: "ListDocumentClassifierSummaries", Honours: []string{"NextToken", "MaxResults"},
			Questions: ask.Ask[shape.ListDocumentClassifierSummariesRequest](sheet, "ListDocumentClassifierSummaries"),
			View: func(c *api.Call, v store.View, in *shape.ListDocumentClassifierSummariesRequest) (*shape.ListDocumentClassifierSummariesResponse, error) {
				all, next, err := summaries(c, v, model.Classifier, in.NextToken, in.MaxResults)
				if err != nil {
					return nil, err
				}
				out := &shape.ListDocumentClassifierSummariesResponse{NextToken: next, DocumentClassifierSummariesList: []shape.DocumentClassifierSummary{}}
				for _, x := range all {
					out.DocumentClassifierSummariesList = append(out.DocumentClassifierSummariesList, shape.DocumentClassifierSummary{DocumentClassifierName: &x.name,
						NumberOfVersions: &x.versions, LatestVersionCreatedAt: &x.latest.Submitted, LatestVersionName: some(x.latest.Version), LatestVersionStatus: some(string(x.latest.Status))})
				}
				return out, nil
			}},
		api.Op[shape.StopTrainingDocumentClassifierRequest, shape.StopTrainingDocumentClassifierResponse]{Name: "StopTrainingDocumentClassifier", Honours: []string{"DocumentClassifierArn"},
			Questions: ask.Ask[shape.StopTrainingDocumentClassifierRequest](sheet, "StopTrainingDocumentClassifier"),
			Act: func(c *api.Call, tx store.Tx, in *shape.StopTrainingDocumentClassifierRequest) (*shape.StopTrainingDocumentClassifierResponse, error) {
				return &shape.StopTrainingDocumentClassifierResponse{}, stopTraining(c, tx, model.Classifier, in.DocumentClassifierArn)
			}},
		api.Op[shape.DeleteDocumentClassifierRequest, shape.DeleteDocumentClassifierResponse]{Name: "DeleteDocumentClassifier", Honours: []string{"DocumentClassifierArn"},
			Questions: ask.Ask[shape.DeleteDocumentClassifierRequest](sheet, "DeleteDocumentClassifier"),
			Act: func(c *api.Call, tx store.Tx, in *shape.DeleteDocumentClassifierRequest) (*shape.DeleteDocumentClassifierResponse, error) {
				return &shape.DeleteDocumentClassifierResponse{}, deleteModel(c, tx, model.Classifier, in.DocumentClassifierArn)
			}},
	}
}

// classifying reads what is to be trained. Source: Comprehend API Reference, DocumentClassifierInputDataConfig.
func classifying(in *shape.CreateDocumentClassifierRequest) (training, error) {
	bad := func(format string, a ...any) (training, error) {
		return training{}, fault.New("InvalidRequestException", format, a...)
	}
	kept := *in // the event has the tags as they came
	kept.Tags = ordered(in.Tags)
	t := training{kind: model.Classifier, name: *in.DocumentClassifierName, version: deref(in.VersionName), language: *in.LanguageCode, role: *in.DataAccessRoleArn, token: deref(in.ClientRequestToken),
		tags: in.Tags, vpc: in.VpcConfig, volumeKey: deref(in.VolumeKmsKeyId), modelKey: deref(in.ModelKmsKeyId), policy: in.ModelPolicy, spec: &kept, mode: deref(in.Mode)}
	if t.mode == "" {
		t.mode = "MULTI_CLASS"
	}
	if o := in.OutputDataConfig; o != nil {
		t.outputURI, t.outputKey = deref(o.S3Uri), deref(o.KmsKeyId)
		if t.outputURI == "" && t.outputKey != "" {
			return bad("OutputDataConfig.KmsKeyId is given without an S3Uri that it would be for.")
		}
	}
	d := in.InputDataConfig
	if x := deref(d.DocumentType); x != "" && x != plainText {
		return bad("Cloister trains on plain text alone: the DocumentType %s is not supported.", x)
	}
	if d.Documents != nil || d.DocumentReaderConfig != nil {
		return bad("Documents and DocumentReaderConfig are for semi-structured documents: Cloister trains on plain text alone.")
	}
	t.setup.Mode, t.setup.Delimiter = t.mode, "|"
	if d.LabelDelimiter != nil {
		if t.mode != "MULTI_LABEL" || deref(d.DataFormat) == "AUGMENTED_MANIFEST" {
			return bad("LabelDelimiter is for the CSV of a multi-label classifier alone.")
		}
		t.setup.Delimiter = *d.LabelDelimiter
	}
	if deref(d.DataFormat) == "AUGMENTED_MANIFEST" {
		if d.S3Uri != nil || d.TestS3Uri != nil {
			return bad("S3Uri and TestS3Uri cannot be given when DataFormat is AUGMENTED_MANIFEST: the manifests name the data.")
		}
		var err error
		t.inputs, err = manifests(d.AugmentedManifests, &t.setup)
		return t, err
	}
	switch {
	case d.AugmentedManifests != nil:
		return bad("AugmentedManifests can be given only when DataFormat is AUGMENTED_MANIFEST.")
	case d.S3Uri == nil:
		return bad("S3Uri is required when DataFormat is COMPREHEND_CSV.")
	}
	t.inputs = []job.Input{{Role: job.Labels, URI: *d.S3Uri}}
	if d.TestS3Uri != nil {
		t.setup.Tested = true
		t.inputs = append(t.inputs, job.Input{Role: job.Test + job.Labels, URI: *d.TestS3Uri})
	}
	return t, nil
}

func classifierProperties(c *api.Call, m *model.Model) (*shape.DocumentClassifierProperties, error) {
	p := &shape.DocumentClassifierProperties{DocumentClassifierArn: &m.ARN, LanguageCode: &m.Language, Status: some(string(m.Status)), Message: some(m.Message), SubmitTime: &m.Submitted,
		EndTime: when(m.Ended), TrainingStartTime: when(m.TrainBegan), TrainingEndTime: when(m.TrainEnded), DataAccessRoleArn: some(m.RoleARN), Mode: some(m.Mode),
		VersionName: some(m.Version), SourceModelArn: some(m.Source)}
	if m.Source == "" {
		var in shape.CreateDocumentClassifierRequest
		if err := json.Unmarshal(m.Spec, &in); err != nil {
			return nil, err
		}
		if in.InputDataConfig.DataFormat == nil {
			in.InputDataConfig.DataFormat = new("COMPREHEND_CSV")
		}
		p.InputDataConfig, p.VolumeKmsKeyId, p.VpcConfig, p.ModelKmsKeyId = in.InputDataConfig, in.VolumeKmsKeyId, in.VpcConfig, in.ModelKmsKeyId
		if o := in.OutputDataConfig; o != nil && o.S3Uri != nil {
			p.OutputDataConfig = &shape.DocumentClassifierOutputDataConfig{S3Uri: some(outputOf(*o.S3Uri, c.Account, model.Classifier, m.Job)), KmsKeyId: o.KmsKeyId}
		}
	} else {
		p.ModelKmsKeyId = some(m.ModelKey)
	}
	if m.Status.Ready() && m.Result != nil {
		p.ClassifierMetadata = &shape.ClassifierMetadata{}
		return p, json.Unmarshal(m.Result, p.ClassifierMetadata)
	}
	return p, nil
}
