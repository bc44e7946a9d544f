// Package page reads the text of PDF and Word files, page by page. Files are hostile: they are read within bounds of memory and time, and
// what reads them sees nothing but the file.
package page

import (
	"errors"
	"time"

	"cloister/internal/core/job"
)

// What can be wrong with a file.
var (
	ErrBroken   = errors.New("page: the file cannot be read")
	ErrPassword = errors.New("page: the file asks for a password")
	ErrPages    = errors.New("page: the file has too many pages")
	ErrLate     = errors.New("page: reading the file took too long")
	ErrForm     = errors.New("page: the file is neither PDF nor Word")
)

// Reader reads one file after another. Its zero value is ready; the first PDF file costs some half a second.
type Reader struct{ pdf pdf }

// Page is one of a file's: its text, lines parted by \n. A bad one is damaged, or what came before it was more than the reader could take.
type Page struct {
	Text string
	Bad  bool
}

// Read gives the pages within patience; one of them at least is not bad. A page of pictures has no text. A Word file's pages are parted where its writer
// put a break, or its program last laid one out.
func (r *Reader) Read(file []byte, most int, patience time.Duration) ([]Page, error) {
	switch job.FormOf(file) {
	case job.PDF:
		return r.pdf.read(file, most, patience)
	case job.DOCX:
		return word(file, most, patience)
	}
	return nil, ErrForm
}
