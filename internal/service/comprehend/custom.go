package comprehend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// customRows are the operations in real time that are more than one engine's answer.
func customRows(e Engines) []api.Operation {
	row := func(name string, honours []string, f func(context.Context, *api.Call, any) (any, error)) api.Operation {
		return api.Operation{Service: "comprehend", Name: name, ReadOnly: true, Honours: honours, Questions: sheet.Questions(name), Stream: f}
	}
	document := []string{"Text", "Bytes", "EndpointArn", "DocumentReaderConfig.DocumentReadAction", "DocumentReaderConfig.DocumentReadMode", "DocumentReaderConfig.FeatureTypes"}
	return []api.Operation{
		row("DetectEntities", append(slices.Clone(document), "LanguageCode"), func(ctx context.Context, c *api.Call, in any) (any, error) {
			return detectEntities(ctx, c, e, in.(*shape.DetectEntitiesRequest))
		}),
		row("ClassifyDocument", document, func(ctx context.Context, c *api.Call, in any) (any, error) {
			return classify(ctx, c, e, in.(*shape.ClassifyDocumentRequest))
		}),
		row("ContainsPiiEntities", []string{"Text", "LanguageCode"}, func(ctx context.Context, c *api.Call, in any) (any, error) {
			return containsPII(ctx, c, e, in)
		}),
		{Service: "comprehend", Name: "DetectToxicContent", ReadOnly: true, Questions: sheet.Questions("DetectToxicContent"),
			Unbuilt: "No engine judges toxicity here, and none is guessed: a custom classifier, trained on labelled examples, is what comes nearest."},
	}
}

// document is what a custom model is to read in real time.
type document struct {
	Text, EndpointArn    *string
	Bytes                []byte
	DocumentReaderConfig *shape.DocumentReaderConfig
}

// text is the document as text. Source: Comprehend API Reference, DetectEntities, ClassifyDocument: either Text or Bytes; Bytes may be text.
func (d document) text() (string, error) {
	bad := func(sentence string) error { return fault.New("InvalidRequestException", "%s", sentence) }
	switch {
	case d.Text != nil && d.Bytes != nil:
		return "", bad("Text and Bytes are both given: give one of them.")
	case d.Text != nil && d.DocumentReaderConfig != nil:
		return "", bad("DocumentReaderConfig can be given with Bytes only.")
	case d.Text != nil:
		return *d.Text, nil
	case d.Bytes == nil:
		return "", bad("Text or Bytes is required.")
	}
	if x := d.DocumentReaderConfig; x != nil {
		if err := readable(x); err != nil {
			return "", err
		}
	}
	for _, begin := range []string{"%PDF-", "PK\x03\x04", "\x89PNG", "\xff\xd8\xff", "II*\x00", "MM\x00*", "\xd0\xcf\x11\xe0"} {
		if bytes.HasPrefix(d.Bytes, []byte(begin)) {
			return "", fault.New("InvalidRequestException", "The document is no plain text: PDF files, Word files and images are not read here.").Field("Reason", "INVALID_DOCUMENT")
		}
	}
	if !utf8.Valid(d.Bytes) {
		return "", fault.New("InvalidRequestException", "The document is not in UTF-8 format.").Field("Reason", "INVALID_DOCUMENT")
	}
	return string(d.Bytes), nil
}

// at asks an endpoint's model about the document; out has the members of its answer.
func (d document) at(ctx context.Context, c *api.Call, e Engines, kind string, out any) error {
	text, err := d.text()
	if err != nil {
		return err
	}
	if err := fits(text, customText); err != nil {
		return err
	}
	s := job.Setup{Kind: kind, Model: true}
	err = c.Read(ctx, func(v store.View) (err error) {
		s.Language, err = languageAt(c, v, *d.EndpointArn)
		return err
	})
	if err != nil {
		return err
	}
	a, err := e.AnalyseAt(ctx, *d.EndpointArn, s, []string{text})
	if err := answered(out, a, err); err != nil {
		return err
	}
	if d.Bytes == nil {
		return nil
	}
	page := int64(1)
	carry(out, &struct {
		DocumentMetadata *shape.DocumentMetadata
		DocumentType     []shape.DocumentTypeListItem
	}{&shape.DocumentMetadata{Pages: &page, ExtractedCharacters: []shape.ExtractedCharactersListItem{{Page: &page, Count: new(int64(utf8.RuneCountInString(text)))}}},
		[]shape.DocumentTypeListItem{{Page: &page, Type: new("PLAIN_TEXT")}}})
	return nil
}

// languageAt is the language of the model that an endpoint serves.
func languageAt(c *api.Call, v store.View, endpoint string) (string, error) {
	e, err := rows.ModelEndpoints.Find(v, c.Scope(), "arn", endpoint)
	switch {
	case isNotFound(err):
		return "", refuse("ResourceUnavailableException", "The endpoint %s is not available: there is none of that name.", endpoint)
	case err != nil:
		return "", err
	case e.Value.Status != model.InService && e.Value.Status != model.Updating:
		return "", refuse("ResourceUnavailableException", "The endpoint %s is in the status %s: it can be used when it is IN_SERVICE.", endpoint, e.Value.Status)
	}
	a, err := arn.Parse(e.Value.Model)
	if err != nil {
		return "", fmt.Errorf("cannot read the model of %s: %w", endpoint, err)
	}
	m, err := rows.Models.Find(v, store.Scope{Partition: a.Partition, Account: a.Account, Region: a.Region}, "arn", e.Value.Model)
	if err != nil {
		return "", fmt.Errorf("cannot find the model of %s: %w", endpoint, err)
	}
	return m.Value.Language, nil
}

// detectEntities asks the built-in engine, or an endpoint: then the language is its model's, whatever the call says.
func detectEntities(ctx context.Context, c *api.Call, e Engines, in *shape.DetectEntitiesRequest) (any, error) {
	var d document
	carry(&d, in)
	out := &shape.DetectEntitiesResponse{}
	switch {
	case d.EndpointArn != nil:
		return out, d.at(ctx, c, e, builtInEntities.kind, out)
	case in.LanguageCode == nil:
		return nil, fault.New("InvalidRequestException", "LanguageCode is required, unless EndpointArn is given.")
	case d.Bytes != nil || d.DocumentReaderConfig != nil:
		return nil, fault.New("InvalidRequestException", "Bytes and DocumentReaderConfig can be given with EndpointArn only.")
	case d.Text == nil:
		return nil, fault.New("InvalidRequestException", "Text is required.")
	}
	return builtInEntities.detect(ctx, c, e, in, out)
}

func classify(ctx context.Context, c *api.Call, e Engines, in *shape.ClassifyDocumentRequest) (any, error) {
	var d document
	carry(&d, in)
	if a, err := arn.Parse(*d.EndpointArn); err == nil && a.Account == "aws" {
		return nil, fault.New("InvalidRequestException", "The endpoint %s is AWS's own: no engine judges the safety of prompts here, and none is guessed.", *d.EndpointArn)
	}
	out := &shape.ClassifyDocumentResponse{}
	if err := d.at(ctx, c, e, "document-classification", out); err != nil {
		return nil, err
	}
	if d.Bytes != nil {
		for i := range out.Classes {
			out.Classes[i].Page = new(int64(1))
		}
		for i := range out.Labels {
			out.Labels[i].Page = new(int64(1))
		}
	}
	return out, nil
}

// containsPII names the types of entities that a text has, each with the score of the surest of them.
func containsPII(ctx context.Context, c *api.Call, e Engines, in any) (any, error) {
	found := &shape.DetectPiiEntitiesResponse{}
	if _, err := private.detect(ctx, c, e, in, found); err != nil {
		return nil, err
	}
	best := map[string]float64{}
	for _, x := range found.Entities {
		if x.Type == nil || x.Score == nil {
			return nil, errors.New("the engine found an entity without type or score")
		}
		best[*x.Type] = max(best[*x.Type], *x.Score)
	}
	out := &shape.ContainsPiiEntitiesResponse{Labels: []shape.EntityLabel{}}
	for _, name := range slices.Sorted(maps.Keys(best)) {
		out.Labels = append(out.Labels, shape.EntityLabel{Name: &name, Score: new(best[name])})
	}
	return out, nil
}
