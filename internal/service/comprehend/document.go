package comprehend

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"unicode/utf8"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
)

// document is what a custom model is to read in real time.
type document struct {
	Text, EndpointArn    *string
	Bytes                []byte
	DocumentReaderConfig *shape.DocumentReaderConfig
	pages                bool // a file of one page may be given
}

// text is the document as text, or the file that it is. Source: Comprehend API Reference, DetectEntities, ClassifyDocument: either Text or
// Bytes; Bytes may be text.
func (d document) text() (string, error) {
	bad := func(sentence string) error { return fault.New("InvalidRequestException", "%s", sentence) }
	switch {
	case d.Text != nil && d.Bytes != nil:
		return "", bad("Text and Bytes are both given: give one of them.")
	case d.Text != nil && d.DocumentReaderConfig != nil:
		return "", bad("DocumentReaderConfig can be given with Bytes only.")
	case d.Text != nil:
		return *d.Text, fits(*d.Text, customText)
	case d.Bytes == nil:
		return "", bad("Text or Bytes is required.")
	}
	if x := d.DocumentReaderConfig; x != nil {
		if err := readable(x); err != nil {
			return "", err
		}
	}
	text := string(d.Bytes)
	switch form := job.FormOf(d.Bytes); {
	case form == job.PlainText && !utf8.Valid(d.Bytes):
		return "", fault.New("InvalidRequestException", "The document is not in UTF-8 format.").Field("Reason", "INVALID_DOCUMENT")
	case form == job.PlainText:
		return text, fits(text, customText)
	case !d.pages:
		return "", noDocument("UNSUPPORTED_DOC_TYPE", "The document is no plain text: a recogniser reads no PDF files, Word files and images here.")
	case len(d.Bytes) > job.FileMax:
		return "", noDocument("DOCUMENT_SIZE_EXCEEDED", fmt.Sprintf("The document has more than %d bytes.", job.FileMax))
	}
	return text, nil
}

// noDocument is an error of a whole document, in a sentence of ours. Source: Comprehend Developer Guide, "Inputs for real-time custom analysis", document-level errors.
func noDocument(code, sentence string) *fault.Fault {
	return fault.New("InvalidRequestException", "%s", sentence).Field("Reason", "INVALID_DOCUMENT").Field("Detail.Reason", code)
}

// at asks an endpoint's model about the document; out has the members of its answer.
func (d document) at(ctx context.Context, c *api.Call, e Engines, kind string, out any) error {
	text, err := d.text()
	if err != nil {
		return err
	}
	s := job.Setup{Kind: kind, Model: true}
	err = c.Read(ctx, func(v store.View) (err error) {
		s.Language, err = languageAt(c, v, *d.EndpointArn)
		return err
	})
	if err != nil {
		return err
	}
	a, err := e.AnalyseAt(ctx, *d.EndpointArn, s, []string{text})
	file := job.FormOf([]byte(text)) != job.PlainText
	if err == nil && file && len(a) == 1 {
		switch code := a[0].Code; code {
		case "DOCUMENT_SIZE_EXCEEDED", "UNSUPPORTED_DOC_TYPE", "PAGE_LIMIT_EXCEEDED":
			return noDocument(code, a[0].Message).Note(refusedText)
		case "INTERNAL_SERVER_ERROR": // reading it took too long, and would again: AWS's codes have none for that, and an error of the server is tried again
			return noDocument("UNSUPPORTED_DOC_TYPE", a[0].Message).Note(refusedText)
		case "":
			return d.paged(a[0].Members, out)
		}
	}
	if err := answered(out, a, err); err != nil || d.Bytes == nil {
		return err
	}
	onPage(out, 1)
	about(out, []job.Page{{Number: 1, Characters: utf8.RuneCountInString(text), Type: "PLAIN_TEXT"}})
	return nil
}

// paged puts together what came of a file's pages. Source: Comprehend Developer Guide, "Outputs for real-time analysis".
func (d document) paged(result []byte, out any) error {
	p, ok, err := job.PagedOf(result)
	if err != nil || !ok {
		return fmt.Errorf("cannot read the pages of an answer: %w", err)
	}
	for _, x := range p.Pages {
		if x.Members == nil {
			continue
		}
		one := reflect.New(reflect.TypeOf(out).Elem())
		if err := json.Unmarshal(x.Members, one.Interface()); err != nil {
			return fmt.Errorf("cannot read an answer: %w", err)
		}
		onPage(one.Interface(), int64(x.Number))
		to := reflect.ValueOf(out).Elem()
		for _, name := range []string{"Classes", "Labels"} {
			if f := to.FieldByName(name); f.IsValid() {
				f.Set(reflect.AppendSlice(f, one.Elem().FieldByName(name)))
			}
		}
	}
	about(out, p.Pages)
	return nil
}

// onPage says of what was found where it stands.
func onPage(out any, page int64) {
	if o, ok := out.(*shape.ClassifyDocumentResponse); ok {
		for i := range o.Classes {
			o.Classes[i].Page = &page
		}
		for i := range o.Labels {
			o.Labels[i].Page = &page
		}
	}
}

// about says of a document given as Bytes what it is.
func about(out any, pages []job.Page) {
	a := struct {
		DocumentMetadata *shape.DocumentMetadata
		DocumentType     []shape.DocumentTypeListItem
		Errors           []shape.ErrorsListItem
	}{DocumentMetadata: &shape.DocumentMetadata{Pages: new(int64(len(pages)))}}
	for _, x := range pages {
		page := int64(x.Number)
		a.DocumentMetadata.ExtractedCharacters = append(a.DocumentMetadata.ExtractedCharacters, shape.ExtractedCharactersListItem{Page: &page, Count: new(int64(x.Characters))})
		a.DocumentType = append(a.DocumentType, shape.DocumentTypeListItem{Page: &page, Type: &x.Type})
		if x.ErrorCode != "" {
			a.Errors = append(a.Errors, shape.ErrorsListItem{Page: &page, ErrorCode: &x.ErrorCode, ErrorMessage: &x.ErrorMessage})
		}
	}
	carry(out, &a)
}
