package sigv4

import (
	"crypto/md5" // Content-MD5 is part of S3's protocol; it guards against accidents, not against people
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"

	"cloister/internal/core/checksum"
	"cloister/internal/core/fault"
)

const sumHeader = "x-amz-checksum-"

func manySums() *fault.Fault {
	return fault.New("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.").With(400)
}

// digest is a hash and what it must come to.
type digest struct {
	name string // of the header
	h    hash.Hash
	want string // base64; empty until a trailer brings it
}

// digests reads Content-MD5 and x-amz-checksum-* of the headers. Of the latter there may be one.
func digests(h map[string][]string) ([]digest, *fault.Fault) {
	var out []digest
	sums := 0
	for k := range h {
		if name := strings.ToLower(k); strings.HasPrefix(name, sumHeader) && checksum.New(name) != nil {
			sums++
		}
	}
	if sums > 1 {
		return nil, manySums()
	}
	for k, vs := range h {
		name := strings.ToLower(k)
		d := digest{name: name}
		switch {
		case name == "content-md5":
			d.h = md5.New()
		case strings.HasPrefix(name, sumHeader):
			if d.h = checksum.New(name); d.h == nil {
				continue // -mode, -type, -algorithm
			}
		default:
			continue
		}
		d.want = vs[0]
		if len(vs) != 1 || !d.wellFormed() {
			if name == "content-md5" {
				return nil, fault.New("InvalidDigest", "The Content-MD5 you specified was invalid.").With(400).Field("Content-MD5", strings.Join(vs, ","))
			}
			return nil, fault.New("InvalidRequest", "Value for %s header is invalid.", name).With(400)
		}
		out = append(out, d)
	}
	return out, nil
}

// wellFormed says whether what is wanted can be a sum of that kind at all.
func (d *digest) wellFormed() bool {
	b, err := base64.StdEncoding.DecodeString(d.want)
	return err == nil && len(b) == d.h.Size()
}

func (d *digest) check() *fault.Fault {
	if base64.StdEncoding.EncodeToString(d.h.Sum(nil)) == d.want {
		return nil
	}
	f := fault.Of(fault.BodyMismatch, "The %s you specified did not match the calculated checksum.", strings.ToUpper(strings.TrimPrefix(d.name, sumHeader)))
	if d.name == "content-md5" {
		f.Message = "The Content-MD5 you specified did not match what we received."
		want, _ := base64.StdEncoding.DecodeString(d.want) // S3 writes one in hex, the other in base64
		_ = f.Field("ExpectedDigest", hex.EncodeToString(want)).Field("CalculatedDigest", base64.StdEncoding.EncodeToString(d.h.Sum(nil)))
	}
	f.Param = d.name
	return f
}
