// Package analyse is the program inside the analyser's cell: documents come in by a pipe, results go out by a pipe. It
// has no network, no credentials and no files, so what it sees can go nowhere else.
package analyse

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"cloister/internal/work/frame"
)

// Engine turns one document, valid UTF-8, into the members of its result.
type Engine interface {
	Analyse(text []byte) (any, error)
}

// Serve answers every document frame of r with one frame on w, in order, until r ends.
func Serve(e Engine, r io.Reader, w io.Writer) error {
	in, out := bufio.NewReaderSize(r, 256<<10), bufio.NewWriterSize(w, 256<<10)
	var buf []byte
	for {
		if in.Buffered() == 0 { // nothing waits: let the reader of the results go on
			if err := out.Flush(); err != nil {
				return fmt.Errorf("cannot give results: %w", err)
			}
		}
		k, b, err := frame.Read(in, buf)
		if errors.Is(err, io.EOF) {
			return out.Flush()
		}
		if err != nil {
			return fmt.Errorf("cannot take a document: %w", err)
		}
		if k != frame.Document {
			return fmt.Errorf("cannot take a document: frame of kind %q", k)
		}
		buf = b
		kind := frame.Result
		res, err := e.Analyse(b)
		if err != nil {
			kind, res = frame.Refusal, map[string]string{"ErrorCode": "INTERNAL_ERROR", "ErrorMessage": "The document could not be analyzed."}
		}
		j, err := json.Marshal(res)
		if err != nil {
			return fmt.Errorf("cannot encode a result: %w", err)
		}
		if err := frame.Write(out, kind, j); err != nil {
			return fmt.Errorf("cannot give results: %w", err)
		}
	}
}
