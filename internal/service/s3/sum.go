package s3

import (
	"crypto/md5"  //nolint:gosec // an ETag is MD5 by S3's contract
	"crypto/sha1" //nolint:gosec // a checksum the client may choose
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/minio/crc64nvme"

	"cloister/internal/core/fault"
)

const (
	maxPut   = 5 << 30 // bytes of one PUT or part
	minPart  = 5 << 20 // bytes of every part but the last
	maxParts = 10000

	fullObject = "FULL_OBJECT"
	composite  = "COMPOSITE"
	standing   = "CRC64NVME" // what S3 takes when the client chooses nothing
)

// Sum is a checksum that S3 keeps with an object. Value is base64, "-N" behind it when Type is COMPOSITE.
type Sum struct{ Algorithm, Type, Value string }

// algorithms in the order of the members' names.
func algorithms() [5]string { return [5]string{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} }

func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "CRC32":
		return crc32.NewIEEE()
	case "CRC32C":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "CRC64NVME":
		return crc64nvme.New()
	case "SHA1":
		return sha1.New() //nolint:gosec // see above
	case "SHA256":
		return sha256.New()
	}
	return nil
}

// claim is what a client says about a body before it sends it.
type claim struct {
	length    *int64
	md5       *string
	algorithm *string    // x-amz-sdk-checksum-algorithm: what it will send, maybe in a trailer
	sums      [5]*string // x-amz-checksum-*, as algorithms orders them
	want      string     // the algorithm that the upload asks for; empty: none
	opaque    string     // the entity tag, where it is not the MD5
}

// chosen is the one checksum header that is set.
func chosen(sums [5]*string) (algorithm, value string, err error) {
	for i, v := range sums {
		if v == nil {
			continue
		}
		if algorithm != "" {
			return "", "", fault.New("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.").With(400)
		}
		algorithm, value = algorithms()[i], *v
	}
	return algorithm, value, nil
}

func (cl *claim) check() error {
	if cl.length != nil && *cl.length > maxPut {
		return fault.New("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").With(400).
			Field("ProposedSize", strconv.FormatInt(*cl.length, 10)).Field("MaxSizeAllowed", strconv.Itoa(maxPut))
	}
	if cl.md5 != nil {
		if b, err := base64.StdEncoding.DecodeString(*cl.md5); err != nil || len(b) != md5.Size {
			return fault.New("InvalidDigest", "The Content-MD5 you specified was invalid.").With(400)
		}
	}
	alg, value, err := chosen(cl.sums)
	if err != nil {
		return err
	}
	if alg != "" {
		if b, err := base64.StdEncoding.DecodeString(value); err != nil || len(b) != newHash(alg).Size() {
			return fault.New("InvalidRequest", "Value for x-amz-checksum-%s header is invalid.", strings.ToLower(alg)).With(400)
		}
	}
	if a := str(cl.algorithm); a != "" {
		if newHash(a) == nil {
			return fault.New("InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]").With(400)
		}
		if alg != "" && a != alg {
			return fault.New("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.").With(400)
		}
		alg = a
	}
	if cl.want != "" && alg != "" && alg != cl.want {
		return fault.New("InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
			strings.ToLower(cl.want), strings.ToLower(alg)).With(400)
	}
	return nil
}

// sent is the algorithm of the checksum that comes with the body; empty: none.
func (cl *claim) sent() string {
	if a := str(cl.algorithm); a != "" {
		return a
	}
	a, _, _ := chosen(cl.sums)
	return a
}

// kept is the algorithm whose checksum is stored.
func (cl *claim) kept() string {
	switch {
	case cl.want != "":
		return cl.want
	case cl.sent() != "":
		return cl.sent()
	}
	return standing
}

// digest is what a body was.
type digest struct {
	size int64
	md5  []byte // nil where nobody asks for it
	tag  string
	sum  Sum
}

type hasher struct {
	size int64
	md5  hash.Hash
	kept hash.Hash
}

func (cl *claim) hasher() *hasher {
	h := &hasher{kept: newHash(cl.kept())}
	if cl.opaque == "" || cl.md5 != nil {
		h.md5 = md5.New() //nolint:gosec // ETag
	}
	return h
}

func (h *hasher) write(p []byte) {
	h.size += int64(len(p))
	if h.md5 != nil {
		_, _ = h.md5.Write(p)
	}
	_, _ = h.kept.Write(p)
}

func (h *hasher) verify(cl claim) (digest, error) {
	d := digest{size: h.size, tag: cl.opaque}
	if h.md5 != nil {
		d.md5 = h.md5.Sum(nil)
	}
	if d.tag == "" {
		d.tag = hex.EncodeToString(d.md5)
	}
	d.sum = Sum{cl.kept(), fullObject, base64.StdEncoding.EncodeToString(h.kept.Sum(nil))}
	if cl.length != nil && *cl.length != h.size {
		return d, fault.New("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header.").With(400)
	}
	if cl.md5 != nil && *cl.md5 != base64.StdEncoding.EncodeToString(d.md5) {
		return d, fault.New("BadDigest", "The Content-MD5 you specified did not match what we received.").With(400).
			Field("ExpectedDigest", *cl.md5).Field("CalculatedDigest", base64.StdEncoding.EncodeToString(d.md5))
	}
	if alg, value, _ := chosen(cl.sums); alg != "" && value != d.sum.Value {
		return d, badSum(alg)
	}
	return d, nil
}

func badSum(algorithm string) error {
	return fault.New("BadDigest", "The %s you specified did not match the calculated checksum.", algorithm).With(400)
}

func (d digest) etag() string { return d.tag }

// place puts the value into the member of its algorithm.
func (s Sum) place(members [5]**string) {
	for i, a := range algorithms() {
		if a == s.Algorithm && s.Value != "" {
			*members[i] = ptr(s.Value)
		}
	}
}

// joined is the checksum of a multipart object: of the whole for FULL_OBJECT (CRCs are combined), of the parts' for COMPOSITE.
func joined(algorithm, kind string, ps []Part) (Sum, error) {
	out := Sum{Algorithm: algorithm, Type: kind}
	if kind == composite {
		h := newHash(algorithm)
		for _, p := range ps {
			b, err := base64.StdEncoding.DecodeString(p.Sum.Value)
			if err != nil {
				return out, err
			}
			_, _ = h.Write(b)
		}
		out.Value = base64.StdEncoding.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(ps))
		return out, nil
	}
	r := ringOf(algorithm)
	var crc uint64
	for _, p := range ps {
		b, err := base64.StdEncoding.DecodeString(p.Sum.Value)
		if err != nil {
			return out, err
		}
		crc = r.join(crc, number(b), p.Size)
	}
	b := binary.BigEndian.AppendUint64(nil, crc)
	out.Value = base64.StdEncoding.EncodeToString(b[8-r.width/8:])
	return out, nil
}

func number(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

const nvme = 0x9a6c9329ac4bc9b5 // CRC-64/NVME, reflected

// ring is the polynomials modulo a CRC's, bits reflected: the highest bit is x^0.
type ring struct {
	poly  uint64
	width int
}

func ringOf(algorithm string) ring {
	switch algorithm {
	case "CRC32":
		return ring{crc32.IEEE, 32}
	case "CRC32C":
		return ring{crc32.Castagnoli, 32}
	}
	return ring{nvme, 64}
}

func (r ring) mul(a, b uint64) (out uint64) {
	for bit := uint64(1) << (r.width - 1); bit != 0; bit >>= 1 {
		if a&bit != 0 {
			out ^= b
		}
		low := b & 1
		b >>= 1
		if low != 0 {
			b ^= r.poly
		}
	}
	return out
}

// join gives the CRC of a followed by b, from their CRCs and the length of b in bytes.
func (r ring) join(a, b uint64, n int64) uint64 {
	power, square := uint64(1)<<(r.width-1), uint64(1)<<(r.width-2) // x^0, x^1
	for e := uint64(n) * 8; e > 0; e >>= 1 {
		if e&1 != 0 {
			power = r.mul(power, square)
		}
		square = r.mul(square, square)
	}
	return r.mul(a, power) ^ b
}
