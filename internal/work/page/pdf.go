package page

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/klippa-app/go-pdfium"
	pdferrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// memoryMax is what PDFium may use for one file, in pages of WebAssembly: 256 MiB. A file lies in it once.
const (
	wasmPage  = 64 << 10
	memoryMax = 4 << 10
)

// pdf is PDFium, compiled to WebAssembly. It runs in an interpreter: the analyser's cell forbids code that is made while it runs. Each file
// has an instance of its own, so that none meets what another left.
type pdf struct {
	pool   pdfium.Pool
	end    context.CancelFunc
	memory memory
}

// open translates the module, once: .3 to .6 s.
func (p *pdf) open() error {
	if p.pool != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(experimental.WithMemoryAllocator(context.Background(), &p.memory))
	pool, err := webassembly.Init(webassembly.Config{
		Context: ctx, MaxIdle: 1, MaxTotal: 1, Stdout: io.Discard, Stderr: io.Discard,
		FSConfig: wazero.NewFSConfig(), // no files
		RuntimeConfig: wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(memoryMax).WithCloseOnContextDone(true).
			WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling),
	})
	if err != nil {
		cancel()
		return err
	}
	p.pool, p.end = pool, cancel
	return nil
}

func (p *pdf) close() {
	p.end()
	_ = p.pool.Close()
	p.pool = nil
}

func (p *pdf) read(file []byte, most int, patience time.Duration) (pages []Page, err error) {
	if err := p.open(); err != nil {
		return nil, err
	}
	// What hangs is ended with all of the module, which the next file opens anew.
	late := time.AfterFunc(patience, p.end)
	defer func() {
		x := recover()
		if x != nil {
			pages, err = nil, ErrBroken
		}
		ended := !late.Stop()
		if ended {
			pages, err = nil, ErrLate
		}
		if x != nil || ended {
			p.close()
		}
	}()
	in, err := p.pool.GetInstance(patience)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	d, err := in.OpenDocument(&requests.OpenDocument{File: &file})
	switch {
	case errors.Is(err, pdferrors.ErrPassword):
		return nil, ErrPassword
	case err != nil:
		return nil, ErrBroken
	}
	n, err := in.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: d.Document})
	switch {
	case err != nil || n.PageCount < 1:
		return nil, ErrBroken
	case n.PageCount > most:
		return nil, ErrPages
	}
	sound, broken := 0, false
	for i := range n.PageCount {
		p := Page{Bad: true}
		if !broken {
			text, err := textOf(in, d.Document, i)
			if err == nil {
				p = Page{Text: tidy(text)}
				sound++
			}
			broken = err != nil && !errors.Is(err, pdferrors.ErrPage) // PDFium itself: what it would say of further pages is not to be trusted
		}
		pages = append(pages, p)
	}
	if sound == 0 {
		return nil, ErrBroken
	}
	return pages, nil
}

// textOf gives the text of a page, at once: by characters, as GetPageText takes it, those beyond the first plane come in halves and are lost.
func textOf(in pdfium.Pdfium, d references.FPDF_DOCUMENT, i int) (string, error) {
	p, err := in.FPDF_LoadPage(&requests.FPDF_LoadPage{Document: d, Index: i})
	if err != nil {
		return "", err
	}
	t, err := in.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: requests.Page{ByReference: &p.Page}})
	if err != nil {
		return "", err
	}
	n, err := in.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: t.TextPage})
	if err != nil {
		return "", err
	}
	text := ""
	if n.Count > 0 {
		all, err := in.FPDFText_GetText(&requests.FPDFText_GetText{TextPage: t.TextPage, Count: n.Count})
		if err != nil {
			return "", err
		}
		text = all.Text
	}
	if _, err = in.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: t.TextPage}); err == nil {
		_, err = in.FPDF_ClosePage(&requests.FPDF_ClosePage{Page: p.Page})
	}
	return text, err
}

// tidy makes \n of line ends, joins a word that is parted at one (PDFium marks the hyphen, or it is a soft one), and leaves out what is no text.
func tidy(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	for _, hyphen := range []string{"\x02", "\ufffe", "\u00ad"} {
		s = strings.ReplaceAll(strings.ReplaceAll(s, hyphen+"\n", ""), hyphen, "")
	}
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
