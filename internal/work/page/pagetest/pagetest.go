// Package pagetest writes small PDF and Word files for tests. Only tests import it.
package pagetest

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// PDF gives a file with one page for each text, its lines below one another. A page without text has a grey square.
func PDF(pages ...string) []byte { return written("", pages) }

// Mapped gives such a file whose font says what its characters mean: by bfchar lines of a CMap, as <61> <05D0>.
func Mapped(bfchar string, pages ...string) []byte { return written(bfchar, pages) }

func written(bfchar string, pages []string) []byte {
	var b bytes.Buffer
	var at []int
	object := func(format string, args ...any) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(at), fmt.Sprintf(format, args...))
	}
	b.WriteString("%PDF-1.4\n")
	object("<< /Type /Catalog /Pages 2 0 R >>")
	var kids strings.Builder
	for i := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", 4+2*i)
	}
	object("<< /Type /Pages /Kids [ %s] /Count %d >>", kids.String(), len(pages))
	means := ""
	if bfchar != "" {
		means = fmt.Sprintf(" /ToUnicode %d 0 R", 4+2*len(pages))
	}
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding%s >>", means)
	for i, p := range pages {
		object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>", 5+2*i)
		content := "0.5 g 100 100 200 200 re f"
		if p != "" {
			escape := strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`)
			content = "BT /F1 11 Tf 14 TL 72 720 Td"
			for _, line := range strings.Split(p, "\n") {
				content += " (" + escape.Replace(line) + ") Tj T*"
			}
			content += " ET"
		}
		object("<< /Length %d >>\nstream\n%s\nendstream", len(content), content)
	}
	if bfchar != "" {
		cmap := fmt.Sprintf("begincmap\n1 begincodespacerange <00> <ff> endcodespacerange\n%d beginbfchar\n%s\nendbfchar\nendcmap", strings.Count(bfchar, "\n")+1, bfchar)
		object("<< /Length %d >>\nstream\n%s\nendstream", len(cmap), cmap)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, x := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", x)
	}
	fmt.Fprintf(&b, "trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, table)
	return b.Bytes()
}

// DOCX gives a file with one page for each text, one paragraph for each of its lines.
func DOCX(pages ...string) []byte {
	var body strings.Builder
	for i, p := range pages {
		if i > 0 {
			body.WriteString(`<w:p><w:r><w:br w:type="page"/></w:r></w:p>`)
		}
		for _, line := range strings.Split(p, "\n") {
			body.WriteString(`<w:p><w:pPr><w:tabs><w:tab w:val="left" w:pos="720"/></w:tabs></w:pPr><w:r><w:t xml:space="preserve">`)
			_ = xml.EscapeText(&body, []byte(line))
			body.WriteString(`</w:t></w:r></w:p>`)
		}
	}
	return Zip("word/document.xml", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>`+body.String()+`</w:body></w:document>`)
}

// Zip gives an archive of one file.
func Zip(name, content string) []byte { return Zips(name, content) }

// Zips gives an archive of files: names, each with the content that follows it.
func Zips(files ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			panic(err) // memory does not fail
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}
