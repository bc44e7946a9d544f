package comprehend

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
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
	d.pages = true
	out := &shape.ClassifyDocumentResponse{}
	return out, d.at(ctx, c, e, "document-classification", out)
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
