package page

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloister/internal/work/page/pagetest"
)

const long = time.Minute

func TestPages(t *testing.T) {
	var r Reader
	for name, c := range map[string]struct {
		file []byte
		want []string
	}{
		"a PDF file":  {pagetest.PDF("Invoice no. 17\nTotal: 3 EUR", "", "The end (really)."), []string{"Invoice no. 17\nTotal: 3 EUR", "", "The end (really)."}},
		"a Word file": {pagetest.DOCX("Dear Ada,\nbread & wine", "Yours"), []string{"Dear Ada,\nbread & wine", "Yours"}},
		"what Word writes besides": {pagetest.Zip("word/document.xml", `<w:document xmlns:w="x"><w:body><w:p><w:r><w:t>kept </w:t><w:delText>deleted</w:delText><w:instrText>PAGE</w:instrText><w:tab/><w:t>on</w:t></w:r>`+
			`<AlternateContent><Choice><t>once</t></Choice><Fallback><t>twice</t></Fallback></AlternateContent></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc></w:tr></w:tbl>`+
			`<w:p><w:r><w:lastRenderedPageBreak/><w:t>next</w:t></w:r></w:p></w:body></w:document>`), []string{"kept \tononce\na", "next"}},
		"an empty Word file":                  {pagetest.DOCX(""), []string{""}},
		"a PDF file with a page that is none": {bytes.Replace(pagetest.PDF("one", "two", "three"), []byte("[ 4 0 R 6 0 R "), []byte("[ 4 0 R 1 0 R "), 1), []string{"one", "bad", "three"}},
		"all of Unicode":                      {pagetest.Mapped("<61> <D83DDE00>\n<62> <D869DF00>\n<63> <FB01>\n<64> <00AD>\n<65> <202E>", "xaby", "czdze"), []string{"x\U0001F600\U0002A700y", "fizz\u202e"}},
		"from right to left":                  {pagetest.Mapped("<61> <05D0>\n<62> <05D1>", "ba zz", "x"), []string{"\u05d0\u05d1 zz", "x"}},
		"words that are parted":               {pagetest.PDF("a docu-\nment"), []string{"a document"}},
		"what was moved": {pagetest.Zip("word/document.xml", `<document><p><moveFrom><r><t>here </t></r></moveFrom><r><t>stays </t></r><moveTo><r><t>there</t></r></moveTo></p></document>`),
			[]string{"stays there"}},
		"a main part of another name": {pagetest.Zips("_rels/.rels", `<Relationships><Relationship Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="docProps/core.xml"/>`+
			`<Relationship Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="/word/document2.xml"/></Relationships>`,
			"word/document.xml", "<document><t>old</t></document>", "word/Document2.xml", "<document><t>new</t></document>"), []string{"new"}},
		"one long text": {pagetest.Zip("word/document.xml", "<document><r/><t>"+strings.Repeat("x", 3<<20)+"</t></document>"), []string{strings.Repeat("x", 3<<20)}},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := r.Read(c.file, 10, long)
			var got []string
			for _, p := range read {
				if p.Bad {
					p.Text = "bad"
				}
				got = append(got, strings.TrimSpace(p.Text))
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestWhatIsNoFile(t *testing.T) {
	var r Reader
	sound := pagetest.PDF("sound")
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"text":                {[]byte("text"), ErrForm},
		"a PDF's beginning":   {[]byte("%PDF-1.7\n"), ErrBroken},
		"no page":             {bytes.Replace(sound, []byte("[ 4 0 R "), []byte("[ 1 0 R "), 1), ErrBroken},
		"half a PDF":          {sound[:40], ErrBroken},
		"too many pages":      {pagetest.PDF("1", "2", "3", "4"), ErrPages},
		"half an archive":     {pagetest.DOCX("x")[:60], ErrBroken},
		"another archive":     {pagetest.Zip("xl/workbook.xml", "<x/>"), ErrForm},
		"no XML":              {pagetest.Zip("word/document.xml", "<document"), ErrBroken},
		"an open end":         {pagetest.Zip("word/document.xml", "<document><b></b>"), ErrBroken},
		"Word, many pages":    {pagetest.DOCX("1", "2", "3", "4"), ErrPages},
		"a pit of elements":   {pagetest.Zip("word/document.xml", strings.Repeat("<document>", 1<<20)), ErrBroken},
		"a bomb":              {pagetest.Zip("word/document.xml", "<document>"+strings.Repeat(" ", wordMax)+"</document>"), ErrBroken},
		"one of two":          {pagetest.Zips("word/document.xml", "<document><t>1</t></document>", "WORD/document.xml", "<document><t>2</t></document>"), ErrBroken},
		"a pit of attributes": {pagetest.Zip("word/document.xml", "<document"+strings.Repeat(` b=""`, 4<<20)+"></document>"), ErrBroken},
		"a workbook": {pagetest.Zips("_rels/.rels", `<Relationships><Relationship Type="http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
			"xl/workbook.xml", "<workbook/>"), ErrForm},
		"no element":         {pagetest.Zip("word/document.xml", " "), ErrBroken},
		"a foreign encoding": {pagetest.Zip("word/document.xml", `<?xml version="1.0" encoding="EBCDIC"?><document></document>`), ErrBroken},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := r.Read(c.file, 3, long); !errors.Is(err, c.want) || got != nil {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
			if got, err := r.Read(sound, 3, long); err != nil || len(got) != 1 { // the next file is none the worse
				t.Errorf("then got %v, %v", got, err)
			}
		})
	}
}

// A file that takes too long is given up, and the next is read.
func TestPatience(t *testing.T) {
	var r Reader
	sound := pagetest.PDF("sound")
	if _, err := r.Read(sound, 1, long); err != nil {
		t.Fatal(err)
	}
	many := make([]string, 400)
	for i := range many {
		many[i] = strings.Repeat("word ", 1000)
	}
	if got, err := r.Read(pagetest.PDF(many...), len(many), 20*time.Millisecond); !errors.Is(err, ErrLate) {
		t.Errorf("got %d pages, %v; want %v", len(got), err, ErrLate)
	}
	if got, err := r.Read(sound, 1, long); err != nil || len(got) != 1 {
		t.Errorf("then got %v, %v", got, err)
	}
}

// What a Word file's reading takes of memory and time is bounded, whatever its 50 KB unfold to.
func TestWordBombs(t *testing.T) {
	deep := make([]string, 0, 42)
	for i := range 20 {
		deep = append(deep, fmt.Sprint(i, "/")+strings.Repeat("a/", 32000)+"x", "")
	}
	for name, c := range map[string]struct {
		file     []byte
		patience time.Duration
		want     error
	}{
		"attributes":  {pagetest.Zip("word/document.xml", "<document"+strings.Repeat(` b=""`, 6<<20)+"></document>"), long, ErrBroken},
		"deep names":  {pagetest.Zips(append(deep, "word/document.xml", "<document/>")...), 2 * time.Second, nil},
		"many tokens": {pagetest.Zip("word/document.xml", "<document>"+strings.Repeat("<t>x</t>", 3<<20)+"</document>"), time.Millisecond, ErrLate},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := new(Reader).Read(c.file, 10, c.patience)
			runtime.ReadMemStats(&after)
			if took := (after.TotalAlloc - before.TotalAlloc) >> 20; !errors.Is(err, c.want) || took > 100 {
				t.Errorf("%v, %d MiB; want %v", err, took, c.want)
			}
		})
	}
}

// What PDFium computes with lies beside Go's heap, where growing needs no copy, and is given back with the file.
func TestMemory(t *testing.T) {
	var r Reader
	if _, err := r.Read(pagetest.PDF("first"), 1, long); err != nil {
		t.Fatal(err)
	}
	const size = 24 << 20
	large := pagetest.PDF("large")
	at := bytes.LastIndex(large, []byte("xref\n0 "))
	large = slices.Concat(large[:at], []byte("%"), bytes.Repeat([]byte("x"), size), []byte("\n"), large[at:])
	large = bytes.Replace(large, fmt.Appendf(nil, "startxref\n%d\n", at), fmt.Appendf(nil, "startxref\n%d\n", at+size+2), 1)
	debug.FreeOSMemory()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	held := resident(t)
	if got, err := r.Read(large, 1, long); err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	runtime.ReadMemStats(&after)
	if grew := after.TotalAlloc - before.TotalAlloc; grew > size {
		t.Errorf("a file of %d MiB took %d MiB of Go's heap", size>>20, grew>>20)
	}
	debug.FreeOSMemory()
	if more := resident(t) - held; more > size/2 {
		t.Errorf("%d MiB are kept of a file of %d MiB", more>>20, size>>20)
	}
}

// resident is what the process has of memory, in bytes.
func resident(t *testing.T) int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return n * os.Getpagesize()
}

func FuzzWord(f *testing.F) {
	f.Add(pagetest.DOCX("a", "b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if pages, err := word(b, 10, long); err == nil && (len(pages) == 0 || len(pages) > 10) {
			t.Errorf("%d pages", len(pages))
		}
	})
}

func BenchmarkPDF(b *testing.B) {
	var r Reader
	page := strings.TrimSuffix(strings.Repeat(strings.Repeat("seven words ", 8)+"\n", 45), "\n")
	file := pagetest.PDF(page, page, page, page)
	if _, err := r.Read(file, 4, long); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		if _, err := r.Read(file, 4, long); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(4*float64(b.N)/b.Elapsed().Seconds(), "pages/s")
}
