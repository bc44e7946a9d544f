package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"cloister/internal/core/job"
	"cloister/internal/work/frame"
)

// hasPages says whether a document is given to the analyser as the file that it is.
func (a *agent) hasPages(document []byte) bool {
	return a.task.Setup.Pages > 0 && job.FormOf(document) != job.PlainText
}

// bound looks at the beginning of an object that is one document and says how many bytes it may have.
func (a *agent) bound(body io.Reader) (io.Reader, int64, error) {
	most := a.task.Kind.Limits.Document
	if a.task.Setup.Pages == 0 {
		return body, most, nil
	}
	in := bufio.NewReaderSize(body, 64<<10)
	begin, err := in.Peek(16)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	switch job.FormOf(begin) {
	case job.PDF:
		most = job.PDFMax
	case job.DOCX:
		most = job.DOCXMax
	}
	return in, most, nil
}

// results writes what came of one document: one line, or one for each of its pages.
func (a *agent) results(d document, k frame.Kind, result []byte) error {
	if k != frame.Result || a.task.Setup.Pages == 0 {
		return a.line(d, k, result)
	}
	p, ok, err := job.PagedOf(result)
	if err != nil {
		return fmt.Errorf("cannot read a result: %w", err)
	}
	if !ok {
		return a.line(d, k, result)
	}
	for _, x := range p.Pages {
		b, err := pageMembers(x, len(p.Pages))
		if err != nil {
			return fmt.Errorf("cannot read a result: %w", err)
		}
		if err := a.line(d, k, b); err != nil {
			return err
		}
	}
	return nil
}

// pageMembers is a page's result as AWS writes it. Source: Comprehend Developer Guide, "Outputs for asynchronous analysis jobs", semi-structured
// input documents; the name MSWord is inferred.
func pageMembers(x job.Page, pages int) ([]byte, error) {
	names := map[string]string{"NATIVE_PDF": "NativePDF", "SCANNED_PDF": "ScannedPDF", "MS_WORD": "MSWord"}
	type metadata struct{ PageNumber, Pages int }
	type pageError struct {
		ErrorCode, ErrorMessage string
		Page                    int
	}
	about := struct {
		DocumentMetadata metadata
		DocumentType     string
		Errors           []pageError `json:",omitempty"`
	}{DocumentMetadata: metadata{x.Number, pages}, DocumentType: names[x.Type]}
	if x.ErrorCode != "" {
		about.Errors = []pageError{{x.ErrorCode, x.ErrorMessage, x.Number}}
	}
	b, err := json.Marshal(about)
	if err != nil || x.ErrorCode != "" {
		return b, err
	}
	members, err := own(x.Members)
	if err != nil || len(members) <= 2 { // {}
		return b, err
	}
	return append(append(bytes.TrimSuffix(members, []byte("}")), ','), b[1:]...), nil
}
