package agent

import (
	"strings"
	"testing"

	"cloister/internal/core/job"
)

// A file of pages gives a line for each of them, whatever the analyser calls them; one that is text is judged as text.
func TestPages(t *testing.T) {
	objects := map[string]string{
		"in/1.pdf": `%PDF-{"Pages":[{"Number":1,"Type":"NATIVE_PDF","Members":{"A":1,"File":"forged"}},{"Number":2,"Type":"SCANNED_PDF","ErrorCode":"BAD","ErrorMessage":"No."}]}`,
		"in/2.pdf": `%PDF-{"Pages":[]}`,
		"in/3.pdf": "%PDF-{\"B\":\"\xff\"}",
		"in/4.txt": "bad \xff",
		"in/5.doc": "PK\x03\x04" + strings.Repeat("x", job.DOCXMax),
	}
	for name, c := range map[string]struct {
		pages  int
		format string
		want   string
	}{
		"files": {100, "ONE_DOC_PER_FILE", `{"A":1,"DocumentMetadata":{"PageNumber":1,"Pages":2},"DocumentType":"NativePDF","File":"1.pdf"}
{"DocumentMetadata":{"PageNumber":2,"Pages":2},"DocumentType":"ScannedPDF","Errors":[{"ErrorCode":"BAD","ErrorMessage":"No.","Page":2}],"File":"1.pdf"}
{"B":"` + "\xff" + `","File":"3.pdf"}
{"ErrorCode":"UNSUPPORTED_ENCODING","ErrorMessage":"Document is not in UTF-8 format and all subsequent lines are ignored.","File":"4.txt"}
{"ErrorCode":"DOCUMENT_SIZE_EXCEEDED","ErrorMessage":"Document size exceeds maximum size limit 5242880 bytes.","File":"5.doc"}
`},
		"a kind that reads none": {0, "ONE_DOC_PER_FILE", `{"Pages":[{"Number":1,"Type":"NATIVE_PDF","Members":{"A":1,"File":"forged"}},{"Number":2,"Type":"SCANNED_PDF","ErrorCode":"BAD","ErrorMessage":"No."}],"File":"1.pdf"}
{"Pages":[],"File":"2.pdf"}
{"ErrorCode":"UNSUPPORTED_ENCODING","ErrorMessage":"Document is not in UTF-8 format and all subsequent lines are ignored.","File":"3.pdf"}
{"ErrorCode":"UNSUPPORTED_ENCODING","ErrorMessage":"Document is not in UTF-8 format and all subsequent lines are ignored.","File":"4.txt"}
`},
	} {
		t.Run(name, func(t *testing.T) {
			s := scene(t, "document-classification", objects)
			s.task.Setup.Pages, s.task.Inputs[0].Format = c.pages, c.format
			if c.pages == 0 {
				delete(s.shelf.objects, "in/5.doc")
			}
			if r := s.run(); r.Err != nil {
				t.Fatalf("%+v", r.Err)
			}
			same(t, s.delivered(), map[string]string{"predictions.jsonl": c.want})
		})
	}
	forged := scene(t, "document-classification", map[string]string{"in/1.pdf": `%PDF-{"Pages":7}`})
	forged.task.Setup.Pages, forged.task.Inputs[0].Format = 100, "ONE_DOC_PER_FILE"
	if r := forged.run(); r.Err == nil || r.Err.Code != "INTERNAL_ERROR" {
		t.Errorf("forged pages: %+v", r.Err)
	}
}
