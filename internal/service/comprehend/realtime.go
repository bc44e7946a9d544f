package comprehend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	shape "cloister/internal/shape/comprehend"
)

// detection is one analysis in real time: the operations Detect<name> and BatchDetect<name>.
type detection struct {
	name      string
	kind      string   // job.Setup.Kind
	pii       *job.PII // job.Setup.PII
	limit     int      // bytes of Detect's text
	languages []string // LanguageCode that its engine serves; nil: it asks for none
	batch     bool     // there is a BatchDetect
	custom    bool     // Detect may ask an endpoint: customRows has it
}

// Sizes and numbers of real-time calls. Source: Comprehend Developer Guide, guidelines and quotas; the sizes as AWS's refusals tell them.
const (
	longText   = 100_000
	shortText  = 5_000
	customText = 10_000 // of custom models: "Inputs for real-time custom analysis"
	maxBatch   = 25
)

var (
	builtInEntities = detection{name: "Entities", kind: "entities-detection", limit: longText, languages: english, batch: true, custom: true}
	private         = detection{name: "PiiEntities", kind: "pii-entities-detection", pii: &job.PII{Mode: "ONLY_OFFSETS"}, limit: longText, languages: english}
)

// detections are the analyses that need no endpoint.
var detections = []detection{
	{name: "DominantLanguage", kind: "dominant-language-detection", limit: longText, batch: true},
	builtInEntities,
	{name: "KeyPhrases", kind: "key-phrases-detection", limit: longText, languages: english, batch: true},
	private,
	{name: "Sentiment", kind: "sentiment-detection", limit: shortText, languages: english, batch: true},
	{name: "Syntax", kind: "syntax-detection", limit: shortText, languages: english, batch: true},
	{name: "TargetedSentiment", kind: "targeted-sentiment-detection", limit: shortText, languages: english, batch: true},
}

// realtimeRows are the operations that answer at once. They are reads: what they answer is in no event, and neither is what they are asked.
func realtimeRows(e Engines) []api.Operation {
	out := customRows(e)
	row := func(name, text string, d detection, f func(ctx context.Context, c *api.Call, e Engines, in, out any) (any, error)) {
		honours := []string{text}
		if d.languages != nil {
			honours = append(honours, "LanguageCode")
		}
		out = append(out, api.Operation{Service: "comprehend", Name: name, ReadOnly: true, Honours: honours, Questions: sheet.Questions(name),
			Stream: func(ctx context.Context, c *api.Call, in any) (any, error) {
				return f(ctx, c, e, in, shape.NewOutput(name))
			}})
	}
	for _, d := range detections {
		if !d.custom {
			row("Detect"+d.name, "Text", d, d.detect)
		}
		if d.batch {
			row("BatchDetect"+d.name, "TextList", d, d.detectAll)
		}
	}
	return out
}

// detect analyses one text; out has the members of the engine's answer.
func (d detection) detect(ctx context.Context, c *api.Call, e Engines, in, out any) (any, error) {
	var r struct{ Text, LanguageCode *string }
	carry(&r, in)
	if err := speaks(spoken(e, d.kind, d.languages), r.LanguageCode); err != nil {
		return nil, err
	}
	if err := fits(*r.Text, d.limit); err != nil {
		return nil, err
	}
	a, err := e.Analyse(ctx, c.Account, d.setup(r.LanguageCode), []string{*r.Text})
	return out, answered(out, a, err)
}

func (d detection) setup(language *string) job.Setup {
	return job.Setup{Kind: d.kind, Language: deref(language), PII: d.pii}
}

// detectAll analyses the texts of a batch. A text that is refused is in the list of errors, under its place.
func (d detection) detectAll(ctx context.Context, c *api.Call, e Engines, in, out any) (any, error) {
	var r struct {
		TextList     []string
		LanguageCode *string
	}
	carry(&r, in)
	if err := speaks(spoken(e, d.kind, d.languages), r.LanguageCode); err != nil {
		return nil, err
	}
	if len(r.TextList) > maxBatch {
		return nil, refuse("BatchSizeLimitExceededException", "It has %d.", len(r.TextList))
	}
	results := reflect.ValueOf(out).Elem().FieldByName("ResultList")
	results.Set(reflect.MakeSlice(results.Type(), 0, len(r.TextList)))
	failed := []shape.BatchItemError{}
	var texts []string // that fit
	for _, t := range r.TextList {
		if fits(t, shortText) == nil {
			texts = append(texts, t)
		}
	}
	var all []Answer
	if len(texts) > 0 {
		var err error
		if all, err = e.Analyse(ctx, c.Account, d.setup(r.LanguageCode), texts); err != nil {
			return nil, err
		}
	}
	if len(all) != len(texts) {
		return nil, fmt.Errorf("the engine answered %d of %d texts", len(all), len(texts))
	}
	for i, t := range r.TextList {
		at := int64(i)
		a := Answer{}
		if f := fits(t, shortText); f != nil {
			a.Code, a.Message = itemCode(f)
		} else {
			a, all = all[0], all[1:]
		}
		if a.Code != "" {
			failed = append(failed, shape.BatchItemError{Index: &at, ErrorCode: &a.Code, ErrorMessage: &a.Message})
			continue
		}
		item := reflect.New(results.Type().Elem())
		if err := json.Unmarshal(a.Members, item.Interface()); err != nil {
			return nil, fmt.Errorf("cannot read an answer: %w", err)
		}
		item.Elem().FieldByName("Index").Set(reflect.ValueOf(&at))
		results.Set(reflect.Append(results, item.Elem()))
	}
	carry(out, &struct{ ErrorList []shape.BatchItemError }{failed})
	return out, nil
}

// itemCode tells a fault of one text of a batch. The guide's lists have an entry for each document that contained an error
// (API Reference, BatchDetectSentiment: ErrorList); the codes are those of the exceptions in capitals, inferred.
func itemCode(err error) (code, message string) {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return "INTERNAL_SERVER_ERROR", "The document could not be analyzed."
	}
	if f.Code == "TextSizeLimitExceededException" {
		return "TEXT_SIZE_LIMIT_EXCEEDED", f.Message
	}
	return "INVALID_REQUEST", f.Message
}

// refusedText is what the trail says of a text that was refused: the analyser's own words may be those of the text, which is the caller's alone.
const refusedText = "The analyzer refused the text."

// answered reads the one answer into an output. The members have the shapes' names.
func answered(out any, a []Answer, err error) error {
	switch {
	case errors.Is(err, ErrBusy):
		return refuse("TooManyRequestsException", "The endpoint's inference units are used up: wait, or give it more of them.")
	case err != nil:
		return err
	case len(a) != 1:
		return fmt.Errorf("the engine answered %d texts, of one", len(a))
	case a[0].Code == "UNSUPPORTED_LANGUAGE":
		return fault.New("UnsupportedLanguageException", "Amazon Comprehend can't process the language of the input text: %s", a[0].Message).Note(
			"Amazon Comprehend can't process the language of the input text.")
	case a[0].Code == "INTERNAL_ERROR": // its sentence is ours
		return errors.New("the engine broke on the text")
	case a[0].Code != "":
		return fault.New("InvalidRequestException", "%s: %s", a[0].Code, a[0].Message).Note(refusedText)
	}
	if err := json.Unmarshal(a[0].Members, out); err != nil {
		return fmt.Errorf("cannot read an answer: %w", err)
	}
	return nil
}

// fits refuses a text that is too long, in AWS's words, or none.
func fits(text string, limit int) error {
	if len(text) > limit {
		return fault.New("TextSizeLimitExceededException", "Input text size exceeds limit. Max length of request text allowed is %d bytes while in this request the text size is %d bytes", limit, len(text))
	}
	if !utf8.ValidString(text) {
		return fault.New("InvalidRequestException", "The input text is not in UTF-8 format.")
	}
	return nil
}
