package job

import (
	"runtime"
	"strings"
	"testing"
)

// TestSound: what a client would stumble over is no result; what AWS does not document is left out.
func TestSound(t *testing.T) {
	const mention = `{"Score":1,"GroupScore":1,"Text":"a","Type":"OTHER","MentionSentiment":{"Sentiment":"MIXED","SentimentScore":{"Positive":0,"Negative":0,"Neutral":0,"Mixed":1}},"BeginOffset":0,"EndOffset":1}`
	const token = `{"TokenId":1,"Text":"a","BeginOffset":0,"EndOffset":1,"PartOfSpeech":{"Tag":"NOUN","Score":0.5}}`
	const score = `"SentimentScore":{"Positive":1,"Negative":0,"Neutral":0,"Mixed":0}`
	for _, x := range []struct{ kind, members, want string }{ // want begins with {: the members; else: a word of the error
		{"entities-detection", `{"Entities":[{"Type":"DISEASE","Score":0.5,"Text":"a","BeginOffset":0,"EndOffset":5,"More":1}],"File":"x","Line":3}`,
			`{"Entities":[{"Score":0.5,"Type":"DISEASE","Text":"a","BeginOffset":0,"EndOffset":5}]}`},
		{"entities-detection", `{"Entities":[]}`, `{"Entities":[]}`},
		{"entities-detection", `{}`, "Entities is missing"},
		{"entities-detection", `[]`, "no JSON"},
		{"entities-detection", `null`, "missing"},
		{"entities-detection", `{"Entities":{"a":1}}`, "no JSON"},
		{"entities-detection", `{"Entities":[{"Type":7,"Score":0.5,"Text":"a","BeginOffset":0,"EndOffset":5}]}`, "no JSON"},
		{"entities-detection", `{"Entities":[{"Type":"","Score":0.5,"Text":"a","BeginOffset":0,"EndOffset":5}]}`, "Type"},
		{"entities-detection", `{"Entities":[{"Type":"A\u001b[2J","Score":0.5,"Text":"a","BeginOffset":0,"EndOffset":5}]}`, "Type"},
		{"entities-detection", `{"Entities":[{"Type":"A","Score":1.5,"Text":"a","BeginOffset":0,"EndOffset":5}]}`, "score"},
		{"entities-detection", `{"Entities":[{"Type":"A","Text":"a","BeginOffset":0,"EndOffset":5}]}`, "score"},
		{"entities-detection", `{"Entities":[{"Type":"A","Score":1,"BeginOffset":0,"EndOffset":5}]}`, "Text"},
		{"entities-detection", `{"Entities":[{"Type":"A","Score":1,"Text":"a","BeginOffset":0,"EndOffset":6}]}`, "offsets outside a text of 5"},
		{"entities-detection", `{"Entities":[{"Type":"A","Score":1,"Text":"a","BeginOffset":-1,"EndOffset":1}]}`, "offsets"},
		{"entities-detection", `{"Entities":[{"Type":"A","Score":1,"Text":"a","BeginOffset":3,"EndOffset":2}]}`, "offsets"},
		{"entities-detection", `{"Entities":[{"Type":"A","Score":1,"Text":"a","EndOffset":2}]}`, "BeginOffset"},
		{"entities-detection", "{\"Entities\":[{\"Type\":\"A\xff\"}]}", "UTF-8"},
		{"key-phrases-detection", `{"KeyPhrases":[{"Score":1,"Text":"a","BeginOffset":0,"EndOffset":1}]}`, `{"KeyPhrases":[{"Score":1,"Text":"a","BeginOffset":0,"EndOffset":1}]}`},
		{"key-phrases-detection", `{"KeyPhrases":[{"Score":1,"BeginOffset":0,"EndOffset":1}]}`, "Text"},
		{"pii-entities-detection", `{"Entities":[{"Score":1,"Type":"NAME","BeginOffset":0,"EndOffset":1}]}`, `{"Entities":[{"Score":1,"Type":"NAME","BeginOffset":0,"EndOffset":1}]}`},
		{"pii-entities-detection", `{"Redacted":"x"}`, "Entities is missing"},
		{"dominant-language-detection", `{"Languages":[{"LanguageCode":"zh-TW","Score":1}]}`, `{"Languages":[{"LanguageCode":"zh-TW","Score":1}]}`},
		{"dominant-language-detection", `{"Languages":[{"LanguageCode":"","Score":1}]}`, "LanguageCode"},
		{"sentiment-detection", `{"Sentiment":"POSITIVE",` + score + `}`, `{"Sentiment":"POSITIVE",` + score + `}`},
		{"sentiment-detection", `{"Sentiment":"GOOD",` + score + `}`, "Sentiment"},
		{"sentiment-detection", `{"Sentiment":"POSITIVE"}`, "score"},
		{"syntax-detection", `{"SyntaxTokens":[` + token + `]}`, `{"SyntaxTokens":[` + token + `]}`},
		{"syntax-detection", `{"SyntaxTokens":[` + strings.Replace(token, "NOUN", "THING", 1) + `]}`, "Tag"},
		{"targeted-sentiment-detection", `{"Entities":[{"DescriptiveMentionIndex":[0],"Mentions":[` + mention + `]}]}`, `{"Entities":[{"DescriptiveMentionIndex":[0],"Mentions":[` + mention + `]}]}`},
		{"targeted-sentiment-detection", `{"Entities":[{"DescriptiveMentionIndex":[1],"Mentions":[` + mention + `]}]}`, "names no mention"},
		{"targeted-sentiment-detection", `{"Entities":[{"DescriptiveMentionIndex":[]}]}`, "Mentions is missing"},
		{"topics-detection", `{}`, "no such kind"},
	} {
		got, err := Sound(Setup{Kind: x.kind}, []byte(x.members), 5)
		switch {
		case err == nil && string(got) != x.want:
			t.Errorf("%s %s: %s, want %s", x.kind, x.members, got, x.want)
		case err != nil && (strings.HasPrefix(x.want, "{") || !strings.Contains(err.Error(), x.want)):
			t.Errorf("%s %s: %v, want %s", x.kind, x.members, err, x.want)
		}
	}
	s := Setup{Kind: "pii-entities-detection", PII: &PII{Mode: "ONLY_REDACTION"}}
	if got, err := Sound(s, []byte(`{"Redacted":"x","More":1}`), 5); err != nil || string(got) != `{"Redacted":"x"}` {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := Sound(s, []byte(`{"Entities":[]}`), 5); err == nil {
		t.Error("no redacted text is a redaction")
	}
	for _, k := range Replaceable() {
		if _, err := Sound(Setup{Kind: k}, []byte(`{}`), 5); err == nil || strings.Contains(err.Error(), "no such kind") {
			t.Errorf("%s: %v", k, err)
		}
	}
}

// TestSoundIsBounded: a result that says nothing fills no more memory than one that does.
func TestSoundIsBounded(t *testing.T) {
	for kind, x := range map[string]string{"entities-detection": `{"Entities":[%]}`, "syntax-detection": `{"SyntaxTokens":[%]}`, "dominant-language-detection": `{"Languages":[%]}`,
		"targeted-sentiment-detection": `{"Entities":[{"DescriptiveMentionIndex":[0],"Mentions":[%]}]}`} {
		for _, each := range []string{"{},", "null,", "0,"} {
			b := []byte(strings.Replace(x, "%", strings.Repeat(each, (4<<20)/len(each))+"{}", 1))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := Sound(Setup{Kind: kind}, b, 5); err == nil {
				t.Errorf("%s of %s is sound", kind, each)
			}
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 48<<20 { // in all; most is gone again
				t.Errorf("%s of %s: %d bytes for %d", kind, each, n, len(b))
			}
		}
	}
	const index = `{"Entities":[{"DescriptiveMentionIndex":[%0],"Mentions":[]}]}`
	if _, err := Sound(Setup{Kind: "targeted-sentiment-detection"}, []byte(strings.Replace(index, "%", strings.Repeat("0,", 1<<20), 1)), 5); err == nil {
		t.Error("mentions that are not there are named")
	}
}
