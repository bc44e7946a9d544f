package page

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"
)

// Bounds of a Word file: bytes of its text with all markup, of one tag, and depth of elements within another. A tag's attributes take
// ten times its bytes.
const (
	wordMax  = 32 << 20
	tokenMax = 1 << 20
	depthMax = 512
)

// word reads the main part of an Office Open XML document: its text, without headers, notes and what was deleted or moved away under revision.
func word(file []byte, most int, patience time.Duration) ([]Page, error) {
	until := time.Now().Add(patience)
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, ErrBroken
	}
	main, err := mainPart(z, until)
	if err != nil {
		return nil, err
	}
	part, err := main.Open()
	if err != nil {
		return nil, ErrBroken
	}
	defer part.Close()
	in := newMarkup(part, until)
	var pages []Page
	var b strings.Builder
	end := func() {
		pages = append(pages, Page{Text: b.String()})
		b.Reset()
	}
	inText, depth, skip, begun := false, 0, 0, false
	for {
		t, err := in.token()
		switch {
		case errors.Is(err, io.EOF) && begun && depth == 0:
			if end(); len(pages) > most {
				return nil, ErrPages
			}
			return pages, nil
		case errors.Is(err, ErrLate):
			return nil, err
		case err != nil || depth > depthMax:
			return nil, ErrBroken
		case len(pages) > most:
			return nil, ErrPages
		}
		switch t := t.(type) {
		case xml.StartElement:
			if !begun && t.Name.Local != "document" {
				return nil, ErrForm
			}
			begun = true
			depth++
			if skip > 0 {
				skip++
				continue
			}
			switch t.Name.Local {
			case "Fallback", // says again what the choice beside it says
				"moveFrom", // is said again where it was moved to
				"tabs":     // where tabs would stand
				skip = 1
			case "t":
				inText = true
			case "tab":
				b.WriteByte('\t')
			case "cr":
				b.WriteByte('\n')
			case "noBreakHyphen":
				b.WriteByte('-')
			case "br":
				if attribute(t, "type") == "page" {
					end()
				} else {
					b.WriteByte('\n')
				}
			case "lastRenderedPageBreak":
				if strings.TrimSpace(b.String()) != "" { // else the break was written, too
					end()
				}
			}
		case xml.EndElement:
			depth--
			if skip > 0 {
				skip--
				continue
			}
			switch t.Name.Local {
			case "t":
				inText = false
			case "p", "tr":
				b.WriteByte('\n')
			case "tc":
				b.WriteByte('\t')
			}
		case xml.CharData:
			if inText && skip == 0 {
				b.Write(t)
			}
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
