package wire

import (
	"fmt"
	"strings"
	"testing"

	"cloister/internal/shape/s3"
)

// The list of as many parts as an upload may have, with all that a client says of them, is read; one that goes on for ever is not.
func TestManyParts(t *testing.T) {
	list := func(n int) string {
		var b strings.Builder
		b.WriteString(`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
		for i := range n {
			fmt.Fprintf(&b, "<Part><ChecksumSHA256>%s=</ChecksumSHA256><ETag>&#34;%032x&#34;</ETag><PartNumber>%d</PartNumber></Part>", strings.Repeat("a", 43), i, i+1)
		}
		b.WriteString("</CompleteMultipartUpload>")
		return b.String()
	}
	_, in, f := decode(t, "s3", "POST", "/b/k?uploadId=x", nil, list(10000))
	if f != nil {
		t.Fatal(f)
	}
	if ps := in.(*s3.CompleteMultipartUploadRequest).MultipartUpload.Parts; len(ps) != 10000 || *ps[9999].PartNumber != 10000 {
		t.Errorf("%d parts", len(ps))
	}
	if _, _, f := decode(t, "s3", "POST", "/b/k?uploadId=x", nil, list(40000)); f == nil || f.Kind.String() != "TooLarge" {
		t.Errorf("without end: %v", f)
	}
}
