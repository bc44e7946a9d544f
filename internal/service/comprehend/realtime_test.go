package comprehend

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
)

// TestDetect: each operation asks its engine, and answers with the members that it is to have.
func TestDetect(t *testing.T) {
	for _, x := range []struct{ op, in, asked, members string }{
		{"DetectDominantLanguage", `{"Text":"a b"}`, "- dominant-language-detection  false  1", "Languages"},
		{"DetectEntities", `{"Text":"a b","LanguageCode":"en"}`, "- entities-detection en false  1", "Entities"},
		{"DetectKeyPhrases", `{"Text":"a b","LanguageCode":"en"}`, "- key-phrases-detection en false  1", "KeyPhrases"},
		{"DetectSentiment", `{"Text":"a b","LanguageCode":"en"}`, "- sentiment-detection en false  1", "Sentiment SentimentScore"},
		{"DetectTargetedSentiment", `{"Text":"a b","LanguageCode":"en"}`, "- targeted-sentiment-detection en false  1", "Entities"},
		{"DetectPiiEntities", `{"Text":"a b","LanguageCode":"en"}`, "- pii-entities-detection en false ONLY_OFFSETS 1", "Entities"},
		{"ContainsPiiEntities", `{"Text":"a b","LanguageCode":"en"}`, "- pii-entities-detection en false ONLY_OFFSETS 1", "Labels"},
		{"BatchDetectDominantLanguage", `{"TextList":["a","b"]}`, "- dominant-language-detection  false  2", "ErrorList ResultList"},
		{"BatchDetectEntities", `{"TextList":["a","b"],"LanguageCode":"en"}`, "- entities-detection en false  2", "ErrorList ResultList"},
		{"BatchDetectKeyPhrases", `{"TextList":["a","b"],"LanguageCode":"en"}`, "- key-phrases-detection en false  2", "ErrorList ResultList"},
		{"BatchDetectSentiment", `{"TextList":["a","b"],"LanguageCode":"en"}`, "- sentiment-detection en false  2", "ErrorList ResultList"},
		{"BatchDetectTargetedSentiment", `{"TextList":["a","b"],"LanguageCode":"en"}`, "- targeted-sentiment-detection en false  2", "ErrorList ResultList"},
		{"BatchDetectSyntax", `{"TextList":["a","b"],"LanguageCode":"en"}`, "- syntax-detection en false  2", "ErrorList ResultList"},
	} {
		h := open(t)
		out := h.must(x.op, x.in)
		if len(h.minds.asked) != 1 || h.minds.asked[0] != x.asked {
			t.Errorf("%s asked %q, want %q", x.op, h.minds.asked, x.asked)
		}
		for m := range strings.FieldsSeq(x.members) {
			if out[m] == nil {
				t.Errorf("%s has no %s: %v", x.op, m, out)
			}
			delete(out, m)
		}
		if len(out) > 0 {
			t.Errorf("%s has more: %v", x.op, out)
		}
	}
}

// TestBatch: results and errors name their texts.
func TestBatch(t *testing.T) {
	h := open(t)
	out := h.must("BatchDetectSentiment", `{"TextList":["a","!b","c"],"LanguageCode":"en"}`)
	results, errs := out["ResultList"].([]any), out["ErrorList"].([]any)
	if len(results) != 2 || len(errs) != 1 || results[1].(map[string]any)["Index"] != 2.0 || results[1].(map[string]any)["Sentiment"] != "MIXED" {
		t.Errorf("%v", out)
	}
	if want := map[string]any{"Index": 1.0, "ErrorCode": "SOME_CODE", "ErrorMessage": "some words"}; !reflect.DeepEqual(errs[0], any(want)) {
		t.Errorf("%v, want %v", errs[0], want)
	}
	l := `["x"` + strings.Repeat(`,"x"`, 25) + `]`
	_, err := h.ask("BatchDetectSentiment", `{"TextList":`+l+`,"LanguageCode":"en"}`)
	h.refused(err, "BatchSizeLimitExceededException", "25", "26")
	long := strings.Repeat("x", 5001) // a text that is too long is an error of its own, also where it is the only one
	out = h.must("BatchDetectSentiment", `{"TextList":["a","`+long+`","!b","c"],"LanguageCode":"en"}`)
	results, errs = out["ResultList"].([]any), out["ErrorList"].([]any)
	if len(results) != 2 || results[0].(map[string]any)["Index"] != 0.0 || results[1].(map[string]any)["Index"] != 3.0 || len(errs) != 2 || errs[1].(map[string]any)["Index"] != 2.0 {
		t.Errorf("%v", out)
	}
	if e := errs[0].(map[string]any); e["Index"] != 1.0 || e["ErrorCode"] != "TEXT_SIZE_LIMIT_EXCEEDED" || !strings.Contains(e["ErrorMessage"].(string), "5000 bytes while in this request the text size is 5001 bytes") {
		t.Errorf("%v", e)
	}
	out = h.must("BatchDetectSentiment", `{"TextList":["`+long+`"],"LanguageCode":"en"}`)
	if len(out["ResultList"].([]any)) != 0 || len(out["ErrorList"].([]any)) != 1 {
		t.Errorf("%v", out)
	}
	_, err = h.ask("BatchDetectKeyPhrases", `{"TextList":["x"],"LanguageCode":"ja"}`)
	h.refused(err, "UnsupportedLanguageException", "ja")
}

// TestDetectRefused: sizes as AWS's refusals tell them (amazon-connect-salesforce-lambda, issue 20: 5000 bytes).
func TestDetectRefused(t *testing.T) {
	h := open(t)
	for _, x := range []struct{ op, in, code, word string }{
		{"DetectSentiment", `{"Text":"` + strings.Repeat("x", 5001) + `","LanguageCode":"en"}`, "TextSizeLimitExceededException", "allowed is 5000 bytes while in this request the text size is 5001 bytes"},
		{"DetectSentiment", `{"Text":"` + strings.Repeat("é", 2501) + `","LanguageCode":"en"}`, "TextSizeLimitExceededException", "5002 bytes"},
		{"DetectEntities", `{"Text":"` + strings.Repeat("x", 100001) + `","LanguageCode":"en"}`, "TextSizeLimitExceededException", "100000 bytes"},
		{"DetectDominantLanguage", `{"Text":"` + strings.Repeat("x", 100001) + `"}`, "TextSizeLimitExceededException", "100000 bytes"},
		{"DetectSyntax", `{"Text":"` + strings.Repeat("x", 5001) + `","LanguageCode":"en"}`, "TextSizeLimitExceededException", "5000 bytes"},
		{"DetectKeyPhrases", `{"Text":"x","LanguageCode":"fr"}`, "UnsupportedLanguageException", "fr"},
		{"DetectSyntax", `{"Text":"x","LanguageCode":"ja"}`, "Invalid", "languageCode"},
		{"DetectSentiment", `{"Text":"","LanguageCode":"en"}`, "Invalid", "text"},
		{"DetectSentiment", `{"Text":"x"}`, "Invalid", "languageCode"},
		{"DetectSentiment", `{"Text":"!x","LanguageCode":"en"}`, "InvalidRequestException", "SOME_CODE: some words"},
		{"ContainsPiiEntities", `{"Text":"x","LanguageCode":"es"}`, "UnsupportedLanguageException", "es"},
		{"DetectEntities", `{"Text":"x"}`, "InvalidRequestException", "LanguageCode"},
		{"DetectEntities", `{"LanguageCode":"en"}`, "InvalidRequestException", "Text"},
		{"DetectEntities", `{"Bytes":"eA==","LanguageCode":"en"}`, "InvalidRequestException", "EndpointArn"},
	} {
		_, err := h.ask(x.op, x.in)
		t.Log(x.op)
		h.refused(err, x.code, x.word)
	}
	h.minds.err = errors.New("it broke")
	if _, err := h.ask("DetectSentiment", `{"Text":"x","LanguageCode":"en"}`); err == nil || !strings.Contains(err.Error(), "it broke") {
		t.Errorf("%v", err)
	}
}

// TestRefusalsAreTheCallers: what an analyser says of a text may be the text. The caller hears it, the trail does not.
func TestRefusalsAreTheCallers(t *testing.T) {
	h := open(t)
	for _, in := range []string{`{"Text":"!x","LanguageCode":"en"}`, `{"Text":"* UNSUPPORTED_LANGUAGE","LanguageCode":"en"}`} {
		_, err := h.ask("DetectSentiment", in)
		var f *fault.Fault
		if !errors.As(err, &f) || !strings.Contains(f.Message, "some words") || f.Noted == "" || strings.Contains(f.Noted, "some words") {
			t.Errorf("%v, noted %q", f, f.Noted)
		}
	}
}

// TestOtherMinds: what does a kind of analysis in the built-in engine's place says which languages it reads, in calls and in jobs; other kinds are as before.
func TestOtherMinds(t *testing.T) {
	h := openWith(t, map[string][]string{"entities-detection": {"de", "fr"}, "key-phrases-detection": {"*"}, "dominant-language-detection": {"de"}, "pii-entities-detection": {"de"}})
	h.must("DetectEntities", `{"Text":"a","LanguageCode":"de"}`)
	h.must("BatchDetectEntities", `{"TextList":["a"],"LanguageCode":"fr"}`)
	h.must("DetectKeyPhrases", `{"Text":"a","LanguageCode":"ja"}`)
	h.must("DetectDominantLanguage", `{"Text":"a"}`)
	h.must("ContainsPiiEntities", `{"Text":"a","LanguageCode":"de"}`)
	for _, x := range []struct{ op, in, code, word string }{
		{"DetectEntities", `{"Text":"a","LanguageCode":"en"}`, "UnsupportedLanguageException", "de and fr"},
		{"DetectSentiment", `{"Text":"a","LanguageCode":"de"}`, "UnsupportedLanguageException", "en"},
		{"DetectKeyPhrases", `{"Text":"* UNSUPPORTED_LANGUAGE","LanguageCode":"ja"}`, "UnsupportedLanguageException", "some words"},
	} {
		_, err := h.ask(x.op, x.in)
		h.refused(err, x.code, x.word)
	}
	_, err := h.ask("DetectKeyPhrases", `{"Text":"* INTERNAL_ERROR","LanguageCode":"ja"}`)
	if f := fault.From(err); err == nil || f.Kind != fault.Internal {
		t.Errorf("a text on which an engine breaks is the caller's fault: %v", err)
	}
	in := `"InputDataConfig":{"S3Uri":"s3://bucket/in"},"OutputDataConfig":{"S3Uri":"s3://bucket/out"},"DataAccessRoleArn":"` + role + `"`
	h.must("StartEntitiesDetectionJob", `{`+in+`,"LanguageCode":"de"}`)
	h.must("StartKeyPhrasesDetectionJob", `{`+in+`,"LanguageCode":"ja"}`)
	_, err = h.ask("StartEntitiesDetectionJob", `{`+in+`,"LanguageCode":"en"}`)
	h.refused(err, "UnsupportedLanguageException", "de and fr")
}

// TestContains: of each type the best score.
func TestContains(t *testing.T) {
	h := open(t)
	out := h.must("ContainsPiiEntities", `{"Text":"NAME SSN NAME","LanguageCode":"en"}`)
	want := []any{map[string]any{"Name": "NAME", "Score": 0.5}, map[string]any{"Name": "SSN", "Score": 1.0 / 3}}
	if !reflect.DeepEqual(out["Labels"], any(want)) {
		t.Errorf("%v, want %v", out["Labels"], want)
	}
	if l, ok := h.must("ContainsPiiEntities", `{"Text":" ","LanguageCode":"en"}`)["Labels"].([]any); !ok || len(l) != 0 {
		t.Errorf("nothing is there: %v", l)
	}
}

// TestAtEndpoint: a custom model answers as text and as bytes; the language is the model's.
func TestAtEndpoint(t *testing.T) {
	h := open(t)
	h.put(account, "document-classifier/c", "fr", model.Trained)
	h.put(account, "entity-recognizer/r", "de", model.Trained)
	h.put(account, "document-classifier/raw", "en", model.Training)
	at := func(name string) string {
		return `"EndpointArn":"arn:aws:comprehend:us-west-2:111122223333:` + name + `"`
	}
	c, r := at("document-classifier-endpoint/c"), at("entity-recognizer-endpoint/r")
	out := h.must("ClassifyDocument", `{"Text":"a b",`+c+`}`)
	if l := out["Classes"].([]any); len(l) != 2 || l[0].(map[string]any)["Page"] != nil || out["DocumentMetadata"] != nil || out["DocumentType"] != nil {
		t.Errorf("text: %v", out)
	}
	out = h.must("ClassifyDocument", `{"Bytes":"`+base64.StdEncoding.EncodeToString([]byte("é b"))+`",`+c+`}`)
	if l := out["Classes"].([]any); len(l) != 2 || l[0].(map[string]any)["Page"] != 1.0 || !reflect.DeepEqual(out["DocumentType"], any([]any{map[string]any{"Page": 1.0, "Type": "PLAIN_TEXT"}})) ||
		!reflect.DeepEqual(out["DocumentMetadata"], any(map[string]any{"Pages": 1.0, "ExtractedCharacters": []any{map[string]any{"Page": 1.0, "Count": 3.0}}})) {
		t.Errorf("bytes: %v", out)
	}
	h.must("DetectEntities", `{"Text":"a","LanguageCode":"ja",`+r+`}`)
	arn := "arn:aws:comprehend:us-west-2:111122223333:"
	if want := []string{arn + "document-classifier-endpoint/c document-classification fr true  1", arn + "document-classifier-endpoint/c document-classification fr true  1",
		arn + "entity-recognizer-endpoint/r entities-detection de true  1"}; !reflect.DeepEqual(h.minds.asked, want) {
		t.Errorf("asked %q, want %q", h.minds.asked, want)
	}
	b64 := func(s string) string { return `"Bytes":"` + base64.StdEncoding.EncodeToString([]byte(s)) + `"` }
	for _, x := range []struct{ in, code, word string }{
		{`{"Text":"a",` + at("document-classifier-endpoint/none") + `}`, "ResourceUnavailableException", "none"},
		{`{"Text":"a",` + at("document-classifier-endpoint/raw") + `}`, "ResourceUnavailableException", "CREATING"},
		{`{"Text":"a","EndpointArn":"arn:aws:comprehend:us-west-2:aws:document-classifier-endpoint/prompt-safety"}`, "InvalidRequestException", "prompts"},
		{`{"Text":"` + strings.Repeat("x", 10001) + `",` + c + `}`, "TextSizeLimitExceededException", "10000 bytes"},
		{`{"Text":"a",` + b64("b") + `,` + c + `}`, "InvalidRequestException", "one of them"},
		{`{` + c + `}`, "InvalidRequestException", "required"},
		{`{` + b64("%PDF-PAGE_LIMIT_EXCEEDED:too many pages") + `,` + c + `}`, "InvalidRequestException", "too many pages"},
		{`{` + b64("%PDF-SOME_CODE:something else") + `,` + c + `}`, "InvalidRequestException", "something else"},
		{`{` + b64("\xff\xfex\x00") + `,` + c + `}`, "InvalidRequestException", "UTF-8"},
		{`{` + b64("x") + `,"DocumentReaderConfig":{"DocumentReadAction":"TEXTRACT_DETECT_DOCUMENT_TEXT","DocumentReadMode":"FORCE_DOCUMENT_READ_ACTION"},` + c + `}`, "InvalidRequestException", "Textract"},
		{`{` + b64("x") + `,"DocumentReaderConfig":{"DocumentReadAction":"TEXTRACT_ANALYZE_DOCUMENT"},` + c + `}`, "InvalidRequestException", "FeatureTypes"},
		{`{"Text":"x","DocumentReaderConfig":{"DocumentReadAction":"TEXTRACT_DETECT_DOCUMENT_TEXT"},` + c + `}`, "InvalidRequestException", "Bytes"},
	} {
		_, err := h.ask("ClassifyDocument", x.in)
		h.refused(err, x.code, x.word)
	}
	h.minds.err = ErrBusy
	_, err := h.ask("ClassifyDocument", `{"Text":"a",`+c+`}`)
	h.refused(err, "TooManyRequestsException", "inference units")
}

// TestFilesAtEndpoint: a file's pages come as AWS shows them; a recogniser reads none.
func TestFilesAtEndpoint(t *testing.T) {
	h := open(t)
	h.put(account, "document-classifier/c", "fr", model.Trained)
	h.put(account, "entity-recognizer/r", "de", model.Trained)
	ask := func(operation, file string) (any, error) {
		end := "document-classifier-endpoint/c"
		if operation == "DetectEntities" {
			end = "entity-recognizer-endpoint/r"
		}
		return h.ask(operation, `{"Bytes":"`+base64.StdEncoding.EncodeToString([]byte(file))+`","EndpointArn":"arn:aws:comprehend:us-west-2:111122223333:`+end+`"}`)
	}
	answer, err := ask("ClassifyDocument", `%PDF-{"Pages":[{"Number":1,"Characters":7,"Type":"NATIVE_PDF","Members":{"Classes":[{"Name":"A","Score":0.9},{"Name":"B","Score":0.1}]}},`+
		`{"Number":2,"Characters":0,"Type":"SCANNED_PDF","ErrorCode":"TEXTRACT_BAD_PAGE","ErrorMessage":"No text."}]}`)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	var got, want map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"Classes":[{"Name":"A","Score":0.9,"Page":1},{"Name":"B","Score":0.1,"Page":1}],
		"DocumentMetadata":{"Pages":2,"ExtractedCharacters":[{"Page":1,"Count":7},{"Page":2,"Count":0}]},
		"DocumentType":[{"Page":1,"Type":"NATIVE_PDF"},{"Page":2,"Type":"SCANNED_PDF"}],
		"Errors":[{"Page":2,"ErrorCode":"TEXTRACT_BAD_PAGE","ErrorMessage":"No text."}]}`), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(prune(got), any(want)) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
	for said, word := range map[string]string{"UNSUPPORTED_DOC_TYPE:asks for a password": "password", "INTERNAL_SERVER_ERROR:took too long": "too long"} {
		_, err = ask("ClassifyDocument", "%PDF-"+said)
		h.refused(err, "InvalidRequestException", word)
		if f := fault.From(err); f.Fields["Reason"] != "INVALID_DOCUMENT" || f.Fields["Detail.Reason"] != "UNSUPPORTED_DOC_TYPE" || f.Noted == "" {
			t.Errorf("%v", f.Fields)
		}
	}
	if _, err = ask("ClassifyDocument", `%PDF-{"Pages":3}`); err == nil || fault.From(err).Kind != fault.Internal {
		t.Errorf("a forged answer: %v", err)
	}
	_, err = ask("ClassifyDocument", "%PDF-"+strings.Repeat("x", job.FileMax))
	h.refused(err, "InvalidRequestException", "10485760 bytes")
	_, err = ask("DetectEntities", "PK\x03\x04")
	h.refused(err, "InvalidRequestException", "a recogniser reads no PDF")
	if f := fault.From(err); f.Noted != "" {
		t.Errorf("the trail hears of an analyser that was not asked: %q", f.Noted)
	}
}
