package job

import (
	"bytes"
	"encoding/json"
)

// Form is what a document is, by its first bytes.
type Form int

// The forms. Image is what only Amazon Textract reads; OldWord is one from before 2007.
const (
	PlainText Form = iota
	PDF
	DOCX // or another file in a zip archive
	Image
	OldWord
)

// FormOf looks at the beginning of a document. A PDF file may have up to 1,024 bytes before its header (ISO 32000, implementation
// notes); here it must be first, as for text that speaks of PDF.
func FormOf(document []byte) Form {
	for _, x := range []struct {
		begin string
		form  Form
	}{
		{"%PDF-", PDF}, {"PK\x03\x04", DOCX}, {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OldWord},
		{"\x89PNG\r\n\x1a\n", Image}, {"\xff\xd8\xff", Image}, {"II*\x00", Image}, {"MM\x00*", Image},
	} {
		if bytes.HasPrefix(document, []byte(x.begin)) {
			return x.form
		}
	}
	return PlainText
}

// Bounds of files of pages. Source: Comprehend Developer Guide, "Inputs for asynchronous custom analysis", "Inputs for real-time custom analysis".
const (
	PDFMax   = 50 * mb // of a job, bytes
	DOCXMax  = 5 * mb  // of a job, bytes
	PagesMax = 100     // of a file of a job
	FileMax  = 10 * mb // in real time, bytes
	PageMax  = 10_000  // in real time, characters
)

// Paged is the result of a document that has pages. Whether a result is one is told by its first member.
type Paged struct{ Pages []Page }

// Page is what came of one page: Members, or an error.
type Page struct {
	Number       int // from 1
	Characters   int
	Type         string          // as the real-time operations name it: NATIVE_PDF | SCANNED_PDF | MS_WORD
	Members      json.RawMessage `json:",omitempty"`
	ErrorCode    string          `json:",omitempty"`
	ErrorMessage string          `json:",omitempty"`
}

// PagedOf gives the pages of a result, if it is one of a document with pages.
func PagedOf(result []byte) (p Paged, ok bool, err error) {
	if !bytes.HasPrefix(result, []byte(`{"Pages":`)) {
		return p, false, nil
	}
	return p, true, json.Unmarshal(result, &p)
}
