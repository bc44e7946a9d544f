package comprehend

import (
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	shape "cloister/internal/shape/comprehend"
)

// readClassifier reads what is to be learnt from. Source: Comprehend API Reference, DocumentClassifierInputDataConfig.
func readClassifier(t *training) error {
	bad := func(format string, a ...any) error { return fault.New("InvalidRequestException", format, a...) }
	if t.Mode == nil {
		t.Mode = new("MULTI_CLASS")
	}
	if o := t.OutputDataConfig; o != nil && o.S3Uri == nil && o.KmsKeyId != nil {
		return bad("OutputDataConfig.KmsKeyId is given without an S3Uri that it would be for.")
	}
	d := t.InputDataConfig.(*shape.DocumentClassifierInputDataConfig)
	if x := deref(d.DocumentType); x != "" && x != plainText {
		return bad("Cloister trains on plain text alone: the DocumentType %s is not supported.", x)
	}
	if d.Documents != nil || d.DocumentReaderConfig != nil {
		return bad("Documents and DocumentReaderConfig are for semi-structured documents: Cloister trains on plain text alone.")
	}
	t.setup.Mode, t.setup.Delimiter = *t.Mode, "|"
	if d.LabelDelimiter != nil {
		if *t.Mode != "MULTI_LABEL" || deref(d.DataFormat) == "AUGMENTED_MANIFEST" {
			return bad("LabelDelimiter is for the CSV of a multi-label classifier alone.")
		}
		t.setup.Delimiter = *d.LabelDelimiter
	}
	if deref(d.DataFormat) == "AUGMENTED_MANIFEST" {
		if d.S3Uri != nil || d.TestS3Uri != nil {
			return bad("S3Uri and TestS3Uri cannot be given when DataFormat is AUGMENTED_MANIFEST: the manifests name the data.")
		}
		return t.manifests(d.AugmentedManifests)
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
	return nil
}
