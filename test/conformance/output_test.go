package conformance_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// output reads a language job's output.tar.gz as AWS lays it out: one file, a JSON line for each document.
func output(t *testing.T, archive []byte) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files := tar.NewReader(z)
	head, err := files.Next()
	if err != nil || head.Name != "output" {
		t.Fatalf("the archive begins with %+v: %v", head, err)
	}
	n := 0
	for lines := bufio.NewScanner(files); lines.Scan(); n++ {
		var line struct {
			File      string
			Line      *int
			Languages []struct {
				LanguageCode string
				Score        float64
			}
		}
		d := json.NewDecoder(strings.NewReader(lines.Text()))
		d.DisallowUnknownFields()
		if err := d.Decode(&line); err != nil {
			t.Fatalf("line %d: %v: %s", n, err, lines.Text())
		}
		if n >= len(documents) {
			t.Fatalf("a line too many: %s", lines.Text())
		}
		if line.File != "docs.txt" || line.Line == nil || *line.Line != n || len(line.Languages) == 0 {
			t.Fatalf("line %d: %s", n, lines.Text())
		}
		if best := line.Languages[0]; best.LanguageCode != documents[n].code || best.Score <= 0.5 || best.Score > 1 {
			t.Errorf("line %d: found %s, want %s", n, lines.Text(), documents[n].code)
		}
	}
	if n != len(documents) {
		t.Errorf("%d lines, want %d", n, len(documents))
	}
	if _, err := files.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("the archive has more than one file: %v", err)
	}
}
