package comprehend

import (
	"slices"
	"strings"

	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	shape "cloister/internal/shape/comprehend"
)

// maxTypes is how many types of entities a recogniser may have (Comprehend Developer Guide, guidelines and quotas).
const maxTypes = 25

// readRecognizer reads what is to be learnt from. Source: Comprehend API Reference, EntityRecognizerInputDataConfig.
func readRecognizer(t *training) error {
	bad := func(format string, a ...any) error { return fault.New("InvalidRequestException", format, a...) }
	d := t.InputDataConfig.(*shape.EntityRecognizerInputDataConfig)
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
		t.setup.Format = "ONE_DOC_PER_LINE"
		return t.manifests(d.AugmentedManifests)
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
	return nil
}
