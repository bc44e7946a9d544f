package whole_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestDetect: the engines answer at once, with the members of AWS's answers and nothing of the text in the trail.
func TestDetect(t *testing.T) {
	t.Parallel()
	a := common(t).root(t)
	const secret = "The harbour pilot Wilhelmina Quist praised the new lighthouse in Rotterdam. Write to quist@example.com."
	in := func(more ...string) dict {
		d := dict{"Text": secret, "LanguageCode": "en"}
		for _, m := range more {
			delete(d, m)
		}
		return d
	}
	for _, x := range []struct {
		op      string
		in      dict
		members []string
		word    string
	}{
		{"DetectDominantLanguage", in("LanguageCode"), []string{"Languages"}, `"LanguageCode":"en"`},
		{"DetectKeyPhrases", in(), []string{"KeyPhrases"}, `"Text":"the new lighthouse"`},
		{"DetectEntities", in(), []string{"Entities"}, `"Text":"Wilhelmina Quist","Type":"PERSON"`},
		{"DetectPiiEntities", in(), []string{"Entities"}, `"Type":"EMAIL"`},
		{"ContainsPiiEntities", in(), []string{"Labels"}, `"Name":"EMAIL"`},
		{"BatchDetectEntities", dict{"TextList": []string{secret}, "LanguageCode": "en"}, []string{"ErrorList", "ResultList"}, `"Text":"Rotterdam"`},
		{"DetectSentiment", in(), []string{"Sentiment", "SentimentScore"}, `"Sentiment":"POSITIVE"`},
		{"BatchDetectSentiment", dict{"TextList": []string{secret}, "LanguageCode": "en"}, []string{"ErrorList", "ResultList"}, `"Mixed":`},
		{"DetectTargetedSentiment", in(), []string{"Entities"}, `"Type":"PERSON"`},
		{"BatchDetectTargetedSentiment", dict{"TextList": []string{english, secret}, "LanguageCode": "en"}, []string{"ErrorList", "ResultList"}, `"GroupScore":`},
		{"BatchDetectSyntax", dict{"TextList": []string{secret}, "LanguageCode": "en"}, []string{"ErrorList", "ResultList"}, `"Tag":"PROPN"`},
		{"DetectSyntax", in(), []string{"SyntaxTokens"}, `"Tag":"VERB"`},
		{"BatchDetectDominantLanguage", dict{"TextList": []string{english, german}}, []string{"ErrorList", "ResultList"}, `"LanguageCode":"de"`},
		{"BatchDetectKeyPhrases", dict{"TextList": []string{secret, english}, "LanguageCode": "en"}, []string{"ErrorList", "ResultList"}, `"Index":1`},
		{"BatchDetectKeyPhrases", dict{"TextList": []string{english, strings.Repeat("x", 5001)}, "LanguageCode": "en"}, []string{"ErrorList", "ResultList"}, `"ErrorCode":"TEXT_SIZE_LIMIT_EXCEEDED"`},
	} {
		out, err := a.call(x.op, x.in)
		if err != nil {
			t.Errorf("%s: %v", x.op, err)
			continue
		}
		b := encode(t, out)
		if !strings.Contains(b, x.word) {
			t.Errorf("%s says nothing of %s: %s", x.op, x.word, b)
		}
		for m := range out {
			if !slices.Contains(x.members, m) {
				t.Errorf("%s answers %s", x.op, m)
			}
		}
		offsets(t, x.op, secret, out)
	}
	for _, op := range []string{"DetectDominantLanguage", "DetectEntities", "DetectKeyPhrases", "DetectPiiEntities", "DetectSyntax", "ContainsPiiEntities", "BatchDetectEntities"} {
		var events struct {
			Events []struct{ EventName, CloudTrailEvent string }
		}
		err := a.JSON(t.Context(), "cloudtrail", "CloudTrail_20131101.LookupEvents", dict{"LookupAttributes": []dict{{"AttributeKey": "EventName", "AttributeValue": op}}}, &events)
		if err != nil || len(events.Events) == 0 {
			t.Errorf("%s has no event: %v", op, err)
			continue
		}
		for _, e := range events.Events {
			for _, w := range []string{"Quist", "lighthouse", "example.com", "Rotterdam"} {
				if strings.Contains(e.CloudTrailEvent, w) {
					t.Errorf("%s's event tells %q: %s", op, w, e.CloudTrailEvent)
				}
			}
			if !strings.Contains(e.CloudTrailEvent, `"readOnly":true`) || !strings.Contains(e.CloudTrailEvent, "HIDDEN_DUE_TO_SECURITY_REASONS") {
				t.Errorf("%s's event: %s", op, e.CloudTrailEvent)
			}
		}
	}
}

// offsets holds each text that an answer quotes to its offsets in the document, in code points.
func offsets(t *testing.T, op, text string, out dict) {
	t.Helper()
	type span struct {
		Text                   string
		BeginOffset, EndOffset int
	}
	var found struct {
		KeyPhrases, SyntaxTokens []span
		Entities                 []struct {
			span
			Mentions []span // of a targeted entity, which has no place of its own
		}
	}
	if err := json.Unmarshal([]byte(encode(t, out)), &found); err != nil {
		t.Fatal(err)
	}
	r, all := []rune(text), slices.Concat(found.KeyPhrases, found.SyntaxTokens)
	for _, e := range found.Entities {
		if all = append(all, e.Mentions...); e.Mentions == nil {
			all = append(all, e.span)
		}
	}
	for _, s := range all {
		if s.BeginOffset < 0 || s.EndOffset > len(r) || s.BeginOffset >= s.EndOffset || s.Text != "" && string(r[s.BeginOffset:s.EndOffset]) != s.Text {
			t.Errorf("%s: %+v is not in the text", op, s)
		}
	}
}

// TestDetectRefused: what cannot be answered is refused in AWS's words.
func TestDetectRefused(t *testing.T) {
	t.Parallel()
	a := common(t).root(t)
	long := strings.Repeat("x", 5001)
	for _, x := range []struct {
		op, code, word string
		in             dict
	}{
		{"DetectSyntax", "TextSizeLimitExceededException", "allowed is 5000 bytes while in this request the text size is 5001 bytes", dict{"Text": long, "LanguageCode": "en"}},
		{"DetectDominantLanguage", "TextSizeLimitExceededException", "100000 bytes", dict{"Text": strings.Repeat("x", 100001)}},
		{"BatchDetectDominantLanguage", "BatchSizeLimitExceededException", "25", dict{"TextList": slices.Repeat([]string{"x"}, 26)}},
		{"BatchDetectDominantLanguage", "ValidationException", "textList", dict{"TextList": []string{}}},
		{"DetectKeyPhrases", "UnsupportedLanguageException", "ja", dict{"Text": "x", "LanguageCode": "ja"}},
		{"DetectKeyPhrases", "ValidationException", "languageCode", dict{"Text": "x", "LanguageCode": "xx"}},
		{"DetectKeyPhrases", "ValidationException", "text", dict{"Text": "", "LanguageCode": "en"}},
		{"ClassifyDocument", "ResourceUnavailableException", "none", dict{"Text": "x", "EndpointArn": "arn:aws:comprehend:us-east-1:" + a.account + ":document-classifier-endpoint/none"}},
		{"ClassifyDocument", "InvalidRequestException", "prompts", dict{"Text": "x", "EndpointArn": "arn:aws:comprehend:us-east-1:aws:document-classifier-endpoint/prompt-safety"}},
	} {
		_, err := a.call(x.op, x.in)
		a.refused(err, 400, x.code, x.word)
	}
	_, err := a.call("DetectToxicContent", dict{"TextSegments": []dict{{"Text": "x"}}, "LanguageCode": "en"})
	a.refused(err, 501, "NotImplementedException", "toxicity")
	u := a.user("quiet", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"comprehend:DetectSyntax","Resource":"*"}]}`)
	if _, err := u.call("DetectSyntax", dict{"Text": "x", "LanguageCode": "en"}); err != nil {
		t.Error(err)
	}
	_, err = u.call("DetectKeyPhrases", dict{"Text": "x", "LanguageCode": "en"})
	u.refused(err, 403, "AccessDeniedException", "comprehend:DetectKeyPhrases")
}
