package sigv4

import (
	"crypto/md5"  // Content-MD5 is part of S3's protocol; it guards against accidents, not against people
	"crypto/sha1" // so is x-amz-checksum-sha1
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"strings"

	"cloister/internal/core/fault"
)

// NewChecksum makes the hash of an S3 checksum header or trailer ("x-amz-checksum-crc32c") or algorithm ("CRC32C"); nil when
// there is none of that name. The sum's bytes are what the header has in base64.
// Source: S3 User Guide, "Checking object integrity".
func NewChecksum(name string) hash.Hash {
	switch strings.TrimPrefix(strings.ToLower(name), "x-amz-checksum-") {
	case "crc32":
		return crc32.NewIEEE()
	case "crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "crc64nvme":
		return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5)) // the NVMe polynomial, reversed
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	}
	return nil
}

// digest is a hash and what it must come to.
type digest struct {
	name string // of the header
	h    hash.Hash
	want string // base64; empty until a trailer brings it
}

// digests reads Content-MD5 and x-amz-checksum-* of the headers.
func digests(h map[string][]string) ([]digest, *fault.Fault) {
	var out []digest
	for k, vs := range h {
		name := strings.ToLower(k)
		d := digest{name: name}
		switch {
		case name == "content-md5":
			d.h = md5.New()
		case strings.HasPrefix(name, "x-amz-checksum-"):
			if d.h = NewChecksum(name); d.h == nil {
				continue // -mode, -type, -algorithm
			}
		default:
			continue
		}
		b, err := base64.StdEncoding.DecodeString(vs[0])
		if len(vs) != 1 || err != nil || len(b) != d.h.Size() {
			if name == "content-md5" {
				return nil, fault.New("InvalidDigest", "The Content-MD5 you specified was invalid.").With(400)
			}
			return nil, fault.New("InvalidRequest", "Value for %s header is invalid.", name).With(400)
		}
		d.want = vs[0]
		out = append(out, d)
	}
	return out, nil
}

func (d *digest) check() *fault.Fault {
	if base64.StdEncoding.EncodeToString(d.h.Sum(nil)) == d.want {
		return nil
	}
	f := fault.Of(fault.BodyMismatch, "The %s you specified did not match the calculated checksum.", strings.ToUpper(strings.TrimPrefix(d.name, "x-amz-checksum-")))
	if d.name == "content-md5" {
		f.Message = "The Content-MD5 you specified did not match what we received."
	}
	f.Param = d.name
	return f
}
