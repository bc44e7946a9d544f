package page

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Bounds of a Word file: bytes of its text with all markup, and depth of elements within another.
const (
	wordMax  = 32 << 20
	depthMax = 512
)

// word reads the main part of an Office Open XML document: its text, without headers, notes and what was deleted under revision.
func word(file []byte, most int) ([]string, error) {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, ErrBroken
	}
	part, err := z.Open("word/document.xml")
	if err != nil {
		return nil, ErrForm
	}
	defer part.Close()
	bounded := &io.LimitedReader{R: part, N: wordMax + 1}
	d := xml.NewDecoder(bounded)
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, ErrBroken } // the standard admits UTF-8 and UTF-16; Word writes UTF-8
	var pages []string
	var b strings.Builder
	end := func() {
		pages = append(pages, b.String())
		b.Reset()
	}
	inText, depth, skip := false, 0, 0
	for {
		t, err := d.RawToken()
		if bounded.N == 0 || depth > depthMax || len(pages) > most {
			break
		}
		if errors.Is(err, io.EOF) {
			if depth != 0 {
				return nil, ErrBroken
			}
			end()
			break
		}
		if err != nil {
			return nil, ErrBroken
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			if skip > 0 {
				skip++
				continue
			}
			switch t.Name.Local {
			case "Fallback": // says again what the choice beside it says
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
			case "tabs": // where tabs would stand
				skip = 1
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
	if bounded.N == 0 || depth > depthMax {
		return nil, ErrBroken
	}
	if len(pages) > most {
		return nil, ErrPages
	}
	return pages, nil
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
