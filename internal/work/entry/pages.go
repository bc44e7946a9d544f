package entry

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/page"
)

// paged lets an engine of texts analyse files of pages too, each page by itself.
func paged(open func(job.Setup, io.Reader) (analyse.Engine, error)) func(job.Setup, io.Reader) (analyse.Engine, error) {
	return func(s job.Setup, model io.Reader) (analyse.Engine, error) {
		e, err := open(s, model)
		if err != nil || s.Pages == 0 {
			return e, err
		}
		return &pages{Engine: e, setup: s}, nil
	}
}

type pages struct {
	analyse.Engine
	setup  job.Setup
	reader page.Reader
}

// Patience with one file: a page takes .2 to 1 s.
const (
	patience = 2 * time.Minute
	atOnce   = 20 * time.Second // one page, in real time
)

// Analyse satisfies analyse.Engine: of a text, it gives the engine's result, of a file with pages a job.Paged.
func (p *pages) Analyse(document []byte) (any, error) {
	form := job.FormOf(document)
	kind := "NATIVE_PDF"
	switch form {
	case job.PlainText:
		return p.Engine.Analyse(document)
	case job.DOCX:
		kind = "MS_WORD"
	case job.Image, job.OldWord:
		return nil, analyse.Refuse("UNSUPPORTED_DOC_TYPE", "The document is of a type that is not read here: images need Amazon Textract, and Word files must be .docx without a password.")
	}
	wait := patience
	if p.setup.Pages == 1 {
		wait = atOnce
	}
	read, err := p.reader.Read(document, p.setup.Pages, wait)
	switch {
	case errors.Is(err, page.ErrPages):
		return nil, analyse.Refuse("PAGE_LIMIT_EXCEEDED", "The document has more pages than the %d that are admitted.", p.setup.Pages)
	case errors.Is(err, page.ErrPassword):
		return nil, analyse.Refuse("UNSUPPORTED_DOC_TYPE", "The document cannot be read: it asks for a password.")
	case errors.Is(err, page.ErrLate):
		return nil, analyse.Refuse("INTERNAL_SERVER_ERROR", "The document cannot be read: reading it took more than %s.", wait)
	case errors.Is(err, page.ErrForm):
		return nil, analyse.Refuse("UNSUPPORTED_DOC_TYPE", "The document is of a type that is not read here.")
	case errors.Is(err, page.ErrBroken):
		return nil, analyse.Refuse("UNSUPPORTED_DOC_TYPE", "The document cannot be read: it is damaged.")
	case err != nil:
		return nil, err
	}
	out := job.Paged{Pages: make([]job.Page, len(read))}
	for i := range read {
		x, text := &out.Pages[i], read[i].Text
		x.Number, x.Type, x.Characters = i+1, kind, utf8.RuneCountInString(text)
		if read[i].Bad {
			x.ErrorCode, x.ErrorMessage = "TEXTRACT_BAD_PAGE", "The page cannot be read: it is damaged."
			continue
		}
		if form == job.PDF && strings.TrimSpace(text) == "" {
			x.Type, x.ErrorCode = "SCANNED_PDF", "TEXTRACT_BAD_PAGE"
			x.ErrorMessage = "The page has no text, only pictures if anything: to read those needs Amazon Textract, which is not here."
			continue
		}
		if p.setup.Pages == 1 && x.Characters > job.PageMax {
			x.ErrorCode, x.ErrorMessage = "PAGE_CHARACTERS_EXCEEDED", "The page has more than 10000 characters."
			continue
		}
		if err := p.one(x, text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// one analyses a page; what the engine refuses is the page's error.
func (p *pages) one(x *job.Page, text string) error {
	res, err := p.Engine.Analyse([]byte(text))
	var r *analyse.Refusal
	if errors.As(err, &r) {
		x.ErrorCode, x.ErrorMessage = r.Code, r.Message
		return nil
	}
	if err == nil {
		x.Members, err = json.Marshal(res)
	}
	return err
}
