package entity_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"cloister/internal/work/entity"
)

func open(t testing.TB) *entity.Detector {
	t.Helper()
	m, err := entity.Open()
	if err != nil {
		t.Fatal(err)
	}
	return m.NewDetector()
}

// found prints the entities of some types: text/TYPE.
func found(d *entity.Detector, text string, types ...string) string {
	var out []string
	for _, e := range d.Find(text) {
		for _, t := range types {
			if e.Type == t {
				out = append(out, e.Text)
			}
		}
	}
	return strings.Join(out, " | ")
}

func TestDates(t *testing.T) {
	d := open(t)
	for _, c := range []struct{ in, want string }{
		{"The payment is due by July 31st.", "July 31st"},
		{"We met on Tuesday, 5 May 2015 at 12:30 pm in town.", "Tuesday, 5 May 2015 at 12:30 pm"},
		{"It opened in 1994, closed on 2003-02-01 and again on 01/02/2004.", "1994 | 2003-02-01 | 01/02/2004"},
		{"See you tomorrow morning or next week, not yesterday.", "tomorrow morning | next week | yesterday"},
		{"In the late 19th century and the 1990s prices fell.", "late 19th century | 1990s"},
		{"I may march on, but in May we march.", "May"},
		{"They left two years ago and came back three days later.", "two years ago | three days later"},
		{"Office hours are 9 a.m. to 5 p.m. each day; I am 5 years old.", "9 a.m. to 5 p.m."},
		{"From 1914–1918 and June 5, 1944 to March 1945.", "1914–1918 | June 5, 1944 | March 1945"},
		{"Call 555-1234-777 or use version 1.2.3 now.", ""},
	} {
		if got := found(d, c.in, "DATE"); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestQuantities(t *testing.T) {
	d := open(t)
	for _, c := range []struct{ in, want string }{
		{"a minimum payment of $24.53 and US$5.3 million", "$24.53 | US$5.3 million"},
		{"About 25 percent of them, or 12%, paid 900 dollars.", "25 percent | 12% | 900 dollars"},
		{"It weighs 2.5 kg, runs 100 km/h and costs €5.", "2.5 kg | 100 km/h | €5"},
		{"A 10-year plan for 1,500 people took five hours.", "10-year | 1,500 people | five hours"},
		{"two hundred and five sheep, 5 to 10 miles away", "two hundred and five | 5 to 10 miles"},
		{"See page 5. No one of us has one.", ""},
	} {
		if got := found(d, c.in, "QUANTITY"); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	d := open(t)
	for _, c := range []struct{ in, want string }{
		{"Mr. James Carter met Maria Lopez's brother in Berlin.", "James Carter/PERSON | Maria Lopez/PERSON | Berlin/LOCATION"},
		{"> Bob Smith wrote: please send the files to Kate.", "Bob Smith/PERSON | Kate/PERSON"},
		{"IBM opened an office.", "IBM/ORGANIZATION"},
		{"Your account at AnyCompany Financial Services is open.", "AnyCompany Financial Services/ORGANIZATION"},
		{"She studied at the University of California, Berkeley.", "University of California, Berkeley/ORGANIZATION"},
		{"HEADING: THEY MET IN PARIS", "PARIS/LOCATION"},
		{"Nobody came, and nothing happened.", ""},
	} {
		var out []string
		for _, e := range d.Find(c.in) {
			out = append(out, e.Text+"/"+e.Type)
		}
		if got := strings.Join(out, " | "); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

// check holds the laws of Find to a text.
func check(t *testing.T, d *entity.Detector, text string) {
	t.Helper()
	runes := []rune(text)
	end := 0
	for _, e := range d.Find(text) {
		if e.BeginOffset < end || e.EndOffset <= e.BeginOffset || e.EndOffset > len(runes) || string(runes[e.BeginOffset:e.EndOffset]) != e.Text {
			t.Fatalf("%+v after %d of %d", e, end, len(runes))
		}
		if !(e.Score > 0 && e.Score <= 1) {
			t.Fatalf("%+v: score", e)
		}
		end = e.EndOffset
	}
}

func TestOffsets(t *testing.T) {
	d := open(t)
	for _, s := range []string{"", "\x00", "Zoë 👍 met José in São Paulo on 5 May.", strings.Repeat("Ana Lopez ", 2000), strings.Repeat("x", 1<<16), strings.Repeat("(", 5000), strings.Repeat("May 5 ", 3000), strings.Repeat("5 million ", 2000)} {
		check(t, d, s)
	}
}

func TestSameTwice(t *testing.T) {
	text := "Ana Lopez of Contoso Ltd. flew from Lisbon to New York on 5 May for $300."
	if a, b := fmt.Sprint(open(t).Find(text)), fmt.Sprint(open(t).Find(text)); a != b {
		t.Errorf("%s\n%s", a, b)
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"", "Dr. Ana Lopez's $5 on 5 May 2004 – 7 June", "1990-1995 10-year '04 US$ 5 %", "\u200d’s AC/DC (U.S.)"} {
		f.Add(s)
	}
	d := open(f)
	f.Fuzz(func(t *testing.T, s string) {
		if utf8.ValidString(s) {
			check(t, d, s)
		}
	})
}

var text = strings.Repeat("Mr. James Carter, who works for Contoso Ltd. in New York, paid $1,000 to Maria Lopez on 5 May 2015; she didn't know what to do with it at first. ", 50)

// Who is called Mr or Dr is a person, whatever the name means else.
func TestAddress(t *testing.T) {
	d := open(t)
	for _, c := range []struct{ in, want string }{
		{"We wrote to Mr Field yesterday.", "Field"},
		{"Mrs. Summer agreed.", "Summer"},
		{"Dear Mr. Smith, Ms. Jane Banks called.", "Smith | Jane Banks"},
		{"Miss World was held in Sanya.", ""},
		{"The MR scan is done.", ""},
	} {
		if got := found(d, c.in, "PERSON"); got != c.want {
			t.Errorf("%q: people %q, not %q", c.in, got, c.want)
		}
	}
}

// A name that stands clear elsewhere in the document is known where it does not.
func TestMentions(t *testing.T) {
	d := open(t)
	const unclear = "They were glad at Quantro."
	if got := found(d, unclear, "ORGANIZATION"); got != "" {
		t.Fatalf("alone: %q", got)
	}
	if got := found(d, "Quantro Corp. makes pumps. Quantro Corp. is in Boston. "+unclear, "ORGANIZATION"); got != "Quantro Corp. | Quantro Corp. | Quantro" {
		t.Errorf("in a document that tells: %q", got)
	}
	if got := found(d, unclear, "ORGANIZATION"); got != "" {
		t.Errorf("after that document: %q", got)
	}
}

func BenchmarkFind(b *testing.B) {
	d := open(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		d.Find(text)
	}
	b.ReportMetric(float64(b.N)*50*34/b.Elapsed().Seconds(), "tokens/s")
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		if _, err := entity.Open(); err != nil {
			b.Fatal(err)
		}
	}
}
