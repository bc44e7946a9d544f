package comprehend

import (
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
)

// kind is one asynchronous analysis: what its four operations do not share with those of the others. Those read it, and a kind that is
// described here is whole.
type kind struct {
	name      string // job.Job.Kind; the ARN's resource type is name + "-job"
	operation string // behind Start, Describe, List and Stop
	languages []string
	model     string   // kind of the custom model that may analyse: its member is named after it
	must      bool     // there is no analysis without a custom model
	stops     bool     // AWS has a Stop
	mirrored  bool     // filter.mirrored
	secluded  bool     // it takes VpcConfig and VolumeKmsKeyId
	honours   []string // members of its own
	setup     func(r *request, s *job.Setup) error
	never     string // why no such job can be started
}

// kinds are the analyses that jobs do. Source of which has what: Comprehend API Reference, the Start* operations.
var kinds = []kind{
	{name: "dominant-language-detection", operation: "DominantLanguageDetectionJob", stops: true, secluded: true},
	{name: "entities-detection", operation: "EntitiesDetectionJob", languages: english, model: model.Recognizer, stops: true, secluded: true},
	{name: "key-phrases-detection", operation: "KeyPhrasesDetectionJob", languages: english, stops: true, secluded: true},
	{name: "sentiment-detection", operation: "SentimentDetectionJob", languages: english, stops: true, secluded: true},
	{name: "targeted-sentiment-detection", operation: "TargetedSentimentDetectionJob", languages: english, stops: true, secluded: true},
	{name: "pii-entities-detection", operation: "PiiEntitiesDetectionJob", languages: english, stops: true, setup: setupPII,
		honours: []string{"Mode", "RedactionConfig", "RedactionConfig.PiiEntityTypes", "RedactionConfig.MaskMode", "RedactionConfig.MaskCharacter"}},
	{name: "topics-detection", operation: "TopicsDetectionJob", mirrored: true, secluded: true, setup: setupTopics, honours: []string{"NumberOfTopics"}},
	{name: "document-classification", operation: "DocumentClassificationJob", model: model.Classifier, must: true, secluded: true,
		setup: func(_ *request, s *job.Setup) error {
			if s.Format == "ONE_DOC_PER_FILE" { // PDF and Word files, too
				s.Pages, s.Limit = job.PagesMax, max(s.Limit, job.PDFMax)
			}
			return nil
		}},
	{name: "events-detection", operation: "EventsDetectionJob", languages: english, stops: true, honours: []string{"TargetEventTypes"},
		never: "No engine detects events here. Entities, key phrases and custom models are what comes nearest."},
}

// member is the member that names a custom model.
func (k kind) member() string {
	if k.model == model.Recognizer {
		return "EntityRecognizerArn"
	}
	return "DocumentClassifierArn"
}

// defaultTopics is NumberOfTopics where the call leaves it out. Source: Comprehend Developer Guide, "Topic modeling".
const defaultTopics = 10

func setupTopics(r *request, s *job.Setup) error {
	if r.NumberOfTopics == nil {
		r.NumberOfTopics = new(int64(defaultTopics))
	}
	s.Topics = int(*r.NumberOfTopics)
	return nil
}

// setupPII: what is redacted is said with ONLY_REDACTION alone. Source: Comprehend API Reference, StartPiiEntitiesDetectionJob. That a mask
// without MaskMode is made of characters, and that a character without a mask is refused, is inferred.
func setupPII(r *request, s *job.Setup) error {
	mode := deref(r.Mode)
	s.PII = &job.PII{Mode: mode}
	switch {
	case mode == "ONLY_OFFSETS" && r.RedactionConfig == nil:
		return nil
	case mode == "ONLY_OFFSETS":
		return fault.New("InvalidRequestException", "RedactionConfig can be given with the mode ONLY_REDACTION only.")
	case r.RedactionConfig == nil:
		return fault.New("InvalidRequestException", "RedactionConfig is required with the mode ONLY_REDACTION.")
	}
	x := *r.RedactionConfig
	if len(x.PiiEntityTypes) == 0 {
		x.PiiEntityTypes = []string{"ALL"}
	}
	if x.MaskMode == nil {
		x.MaskMode = new("MASK")
	}
	switch {
	case *x.MaskMode == "MASK" && x.MaskCharacter == nil:
		x.MaskCharacter = new("*")
	case *x.MaskMode != "MASK" && x.MaskCharacter != nil:
		return fault.New("InvalidRequestException", "MaskCharacter can be given with the mask mode MASK only.")
	}
	r.RedactionConfig = &x
	s.PII.Types, s.PII.Mask, s.PII.Char = x.PiiEntityTypes, *x.MaskMode, deref(x.MaskCharacter)
	return nil
}
