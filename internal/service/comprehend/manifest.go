package comprehend

import (
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	shape "cloister/internal/shape/comprehend"
)

// maxManifests is the quota of augmented manifests of one training (Comprehend Developer Guide, guidelines and quotas).
const maxManifests = 5

// maxAttributes is how many attributes of a manifest a training may name (same page).
const maxAttributes = 5

const plainText = "PLAIN_TEXT_DOCUMENT"

// manifests reads AugmentedManifests. Documents other than plain text are refused: there is no reader of layouts here.
func (t *training) manifests(in []shape.AugmentedManifestsListItem) error {
	bad := func(format string, a ...any) error { return fault.New("InvalidRequestException", format, a...) }
	if len(in) == 0 {
		return bad("AugmentedManifests is required when DataFormat is AUGMENTED_MANIFEST.")
	}
	if len(in) > maxManifests {
		return bad("AugmentedManifests has %d manifests; a training may have %d.", len(in), maxManifests)
	}
	trains := false
	for _, m := range in {
		if d := deref(m.DocumentType); d != "" && d != plainText {
			return bad("Cloister trains on plain text alone: the DocumentType %s of a manifest is not supported.", d)
		}
		if m.AnnotationDataS3Uri != nil || m.SourceDocumentsS3Uri != nil {
			return bad("AnnotationDataS3Uri and SourceDocumentsS3Uri are for semi-structured documents: Cloister trains on plain text alone.")
		}
		if n := len(m.AttributeNames); n == 0 || n > maxAttributes {
			return bad("A manifest must name 1 to %d attributes; %s names %d.", maxAttributes, *m.S3Uri, n)
		}
		role := job.Manifest
		if deref(m.Split) == "TEST" {
			role, t.setup.Tested = job.Test+job.Manifest, true
		} else {
			trains = true
		}
		t.inputs = append(t.inputs, job.Input{Role: role, URI: *m.S3Uri, Attributes: m.AttributeNames})
	}
	if !trains {
		return bad("AugmentedManifests has manifests for testing alone: at least one must have the Split TRAIN.")
	}
	t.setup.Manifest = true
	return nil
}
