package pii

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"cloister/internal/core/job"
)

func analyse(t testing.TB, s job.Setup, text string) string {
	t.Helper()
	s.Language = "en"
	e, err := Open(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Analyse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	j, _ := json.Marshal(got)
	return string(j)
}

type result struct {
	Entities []Entity
	Redacted string
}

func entities(t testing.TB, text string) []Entity {
	var r result
	if err := json.Unmarshal([]byte(analyse(t, job.Setup{}, text)), &r); err != nil {
		t.Fatal(err)
	}
	return r.Entities
}

// The texts and offsets of AWS's own examples: aws-cli's start-pii-entities-detection-job, and the guide's "Detecting PII entities".
// The scores are ours.
func TestExamplesOfAWS(t *testing.T) {
	for _, x := range []struct {
		text string
		want []Entity
	}{
		{"Hello Zhang Wei, I am John. Your AnyCompany Financial Services, LLC credit card account 1111-XXXX-1111-XXXX has a minimum payment of $24.53 that is due by July 31st.",
			[]Entity{{0, name, 6, 15}, {0, name, 22, 26}, {0, card, 88, 107}, {0, date, 155, 164}}},
		{"Dear Max, based on your autopay settings for your account Internet.org account, we will withdraw your payment on the due date from your bank account number XXXXXX1111 with the routing number XXXXX0000. ",
			[]Entity{{0, name, 5, 8}, {0, url, 58, 70}, {0, account, 156, 166}, {0, routing, 191, 200}}},
		{"Jane, please submit any customer feedback from this weekend to Sunshine Spa, 123 Main St, Anywhere and send comments to Alice at AnySpa@example.com.",
			[]Entity{{0, name, 0, 4}, {0, address, 77, 98}, {0, name, 120, 125}, {0, email, 129, 147}}}, // AWS: address to 88, e-mail to 144 (of 18 characters)
		{"Hello Paulo Santos. The latest statement for your credit card account 1111-0000-1111-0000 was mailed to 123 Any Street, Seattle, WA 98109.",
			[]Entity{{0, name, 6, 18}, {0, card, 70, 89}, {0, address, 104, 137}}}, // AWS: 69-88 and 103-138
	} {
		got := entities(t, x.text)
		for i := range got {
			if got[i].Score < .5 || got[i].Score > 1 {
				t.Errorf("score %v", got[i])
			}
			got[i].Score = 0
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(x.want)
		if string(a) != string(b) {
			t.Errorf("%s\n got %s\nwant %s", x.text, a, b)
		}
	}
}

func TestRedaction(t *testing.T) {
	const text = "Hello Paulo Santos, büro: (206) 555-0143."
	for _, x := range []struct {
		name string
		pii  job.PII
		want string
	}{
		{"masked", job.PII{Mode: "ONLY_REDACTION"}, "Hello ***** ******, büro: ***** ********."},
		{"another sign", job.PII{Mode: "ONLY_REDACTION", Mask: "MASK", Char: "#"}, "Hello ##### ######, büro: ##### ########."},
		{"types", job.PII{Mode: "ONLY_REDACTION", Mask: "REPLACE_WITH_PII_ENTITY_TYPE"}, "Hello [NAME], büro: [PHONE]."},
		{"some types", job.PII{Mode: "ONLY_REDACTION", Mask: "REPLACE_WITH_PII_ENTITY_TYPE", Types: []string{"PHONE", "SSN"}}, "Hello Paulo Santos, büro: [PHONE]."},
		{"all types", job.PII{Mode: "ONLY_REDACTION", Types: []string{"SSN", "ALL"}}, "Hello ***** ******, büro: ***** ********."},
	} {
		t.Run(x.name, func(t *testing.T) {
			var r result
			if err := json.Unmarshal([]byte(analyse(t, job.Setup{PII: &x.pii}, text)), &r); err != nil || r.Redacted != x.want {
				t.Errorf("%q, want %q", r.Redacted, x.want)
			}
		})
	}
	if got := analyse(t, job.Setup{}, ""); got != `{"Entities":[]}` {
		t.Error(got)
	}
	if got := analyse(t, job.Setup{PII: &job.PII{Mode: "ONLY_REDACTION"}}, ""); got != `{"Redacted":""}` {
		t.Error(got)
	}
}

// Offsets are code points, whatever stands before.
func TestOffsets(t *testing.T) {
	got := entities(t, "Grüße 🎉 — SSN 212-48-9911")
	if len(got) != 1 || got[0].BeginOffset != 14 || got[0].EndOffset != 25 {
		t.Errorf("%+v", got)
	}
}

func TestRefused(t *testing.T) {
	for _, s := range []job.Setup{{Language: "es"}, {PII: &job.PII{Mode: "BOTH"}}, {PII: &job.PII{Mask: "BLACK"}}, {PII: &job.PII{Types: []string{"SHOE_SIZE"}}}} {
		if _, err := Open(s, nil); err == nil {
			t.Errorf("%+v: opened", s)
		}
	}
}

// Names of an engine behind are taken where the grammar knows none.
func TestMoreNames(t *testing.T) {
	e, err := Open(job.Setup{}, func(text string) []Span {
		b := strings.Index(text, "Xochitl")
		return []Span{{Begin: b, End: b + 7, Score: .9}}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.find("We saw Xochitl there."); len(got) != 1 || got[0].kind != name || got[0].begin != 7 {
		t.Errorf("%+v", got)
	}
}

func TestChecks(t *testing.T) {
	for _, x := range []struct {
		name      string
		check     func(string) bool
		good, bad string
	}{
		{"luhn", luhn, "4111111111111111", "4111111111111112"}, {"iban", iban, "GB82WEST12345698765432", "GB82WEST12345698765433"}, {"iban's length", iban, "NO9386011117947", "NO93860111179470"},
		{"aba", aba, "021000021", "021000022"}, {"aba's district", aba, "325070760", "995070766"}, {"vin", vin, "1HGCM82633A004352", "1HGCM82643A004352"}, {"vin's X", vin, "1M8GDM9AXKP042788", "1M8GDM9A1KP042788"},
		{"nhs", nhs, "9434765919", "9434765918"}, {"verhoeff", verhoeff, "234567890124", "234567890142"}, {"ssn", ssn, "212489911", "666489911"}, {"itin", itin, "912784321", "912664321"},
		{"issuer", issuer, "371449635398431", "9914496353984312"},
	} {
		if !x.check(x.good) || x.check(x.bad) {
			t.Errorf("%s: %s %v, %s %v", x.name, x.good, x.check(x.good), x.bad, x.check(x.bad))
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add("Hello Paulo Santos, SSN 212-48-9911 – (206) 555-0143 x12 GB82 WEST 1234 5698 7654 32")
	f.Add("••••8611 @a_b password: x 123 Main St, 2:: fe80::1 Dr. É. 31 May")
	for _, s := range load(f, "second.txt") {
		f.Add(s.text)
	}
	e, err := Open(job.Setup{PII: &job.PII{Mode: "ONLY_REDACTION"}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip()
		}
		at := 0
		for _, x := range e.find(text) {
			if x.begin < at || x.end <= x.begin || x.end > len(text) || !utf8.ValidString(text[x.begin:x.end]) || x.score <= 0 || x.score > 1 {
				t.Fatalf("%+v in %q", x, text)
			}
			at = x.end
		}
		if got := e.redacted(text, e.find(text)); utf8.RuneCountInString(got) != utf8.RuneCountInString(text) {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	var all strings.Builder
	for _, s := range load(b, "sentences.txt") {
		all.WriteString(s.text + "\n")
	}
	text := all.String()
	prose := strings.Repeat("The quick brown fox jumps over the lazy dog while nobody is looking at the river. ", 200)
	e, err := Open(job.Setup{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, x := range []struct{ name, text string }{{"dense", text}, {"prose", prose}} {
		b.Run(x.name, func(b *testing.B) {
			b.SetBytes(int64(len(x.text)))
			for b.Loop() {
				e.find(x.text)
			}
		})
	}
}
