package page

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"
)

// mainPart finds the part that holds a document's text: the package's relationships name it. Source: ECMA-376, part 2, "Package Relationships".
func mainPart(z *zip.Reader, until time.Time) (*zip.File, error) {
	name := "word/document.xml"
	rels, err := partOf(z, "_rels/.rels")
	switch {
	case err == nil:
		if name, err = target(rels, name, until); err != nil {
			return nil, err
		}
	case !errors.Is(err, ErrForm):
		return nil, err
	}
	return partOf(z, name)
}

// partOf finds a part by its name, in which case does not count. It looks through the list: an index of all names would be as large as they like.
func partOf(z *zip.Reader, name string) (*zip.File, error) {
	var found *zip.File
	for _, f := range z.File {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		if found != nil { // of two, programs read now the one, now the other
			return nil, ErrBroken
		}
		found = f
	}
	if found == nil {
		return nil, ErrForm
	}
	return found, nil
}

// target reads which part a package's relationships name as its document, or gives otherwise.
func target(rels *zip.File, otherwise string, until time.Time) (string, error) {
	r, err := rels.Open()
	if err != nil {
		return "", ErrBroken
	}
	defer r.Close()
	in := newMarkup(r, until)
	for {
		t, err := in.token()
		switch {
		case errors.Is(err, io.EOF):
			return otherwise, nil
		case errors.Is(err, ErrLate):
			return "", err
		case err != nil:
			return "", ErrBroken
		}
		if e, ok := t.(xml.StartElement); ok && e.Name.Local == "Relationship" && strings.HasSuffix(attribute(e, "Type"), "/officeDocument") {
			return strings.TrimPrefix(attribute(e, "Target"), "/"), nil
		}
	}
}

// markup is a part of a package, read token by token within bounds.
type markup struct {
	*xml.Decoder
	bounds *bounds
	text   bool // the last one was text: the decoder has seen the < behind it
}

func newMarkup(part io.Reader, until time.Time) *markup {
	m := &markup{bounds: &bounds{in: bufio.NewReaderSize(part, 32<<10), all: wordMax, until: until}}
	m.Decoder = xml.NewDecoder(m.bounds)
	m.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, ErrBroken } // the standard admits UTF-8 and UTF-16; Word writes UTF-8
	return m
}

// token gives the next one, as it is written: nothing says that elements end. Text may be as long as all is.
func (m *markup) token() (xml.Token, error) {
	m.bounds.token = tokenMax
	if next, err := m.bounds.in.Peek(1); !m.text && err == nil && next[0] != '<' {
		m.bounds.token = wordMax
	}
	t, err := m.RawToken()
	_, m.text = t.(xml.CharData)
	return t, err
}

// bounds is read byte by byte, as the decoder reads what can be: so what one token takes is known before it is made.
type bounds struct {
	in         *bufio.Reader
	all, token int // bytes that may come
	until      time.Time
}

// ReadByte satisfies io.ByteReader.
func (b *bounds) ReadByte() (byte, error) {
	b.all--
	b.token--
	switch {
	case b.all < 0 || b.token < 0:
		return 0, ErrBroken
	case b.all%(64<<10) == 0 && time.Now().After(b.until):
		return 0, ErrLate
	}
	return b.in.ReadByte()
}

// Read satisfies io.Reader, which the decoder asks for and does not use.
func (b *bounds) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := b.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}
