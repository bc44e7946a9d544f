package s3

import (
	"crypto/md5" //nolint:gosec // an ETag is MD5 by S3's contract
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"reflect"
	"strconv"
	"strings"

	"cloister/internal/core/checksum"
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

// named is a sum that a request gives, by algorithm.
type named struct{ algorithm, value string }

// sumsOf lists the members ChecksumCRC32 and so on that are set in in, a pointer to a shape.
func sumsOf(in any) []named {
	var out []named
	v := reflect.ValueOf(in).Elem()
	for _, a := range checksum.Names() {
		if f := v.FieldByName("Checksum" + a); f.IsValid() && !f.IsNil() {
			out = append(out, named{a, f.Elem().String()})
		}
	}
	return out
}

// sumMembers names those members, for a row's Honours.
func sumMembers(prefix string) []string {
	var out []string
	for _, a := range checksum.Names() {
		out = append(out, prefix+"Checksum"+a)
	}
	return out
}

func unknownAlgorithm() error {
	return fault.New("InvalidRequest", "%s", checksum.Sentence()).With(400)
}

func badSumHeader(algorithm string) error {
	return fault.New("InvalidRequest", "Value for x-amz-checksum-%s header is invalid.", strings.ToLower(algorithm)).With(400)
}

// wellFormed says whether value can be a sum of the algorithm at all.
func wellFormed(algorithm, value string) bool {
	b, err := base64.StdEncoding.DecodeString(value)
	return err == nil && len(b) == checksum.New(algorithm).Size()
}

// claim is what a client says about a body before it sends it.
type claim struct {
	length    *int64
	md5       *string
	algorithm *string // x-amz-sdk-checksum-algorithm: what it will send, maybe in a trailer
	sums      []named // x-amz-checksum-*
	want      string  // the algorithm that the upload asks for; empty: none
	demanded  bool    // the upload takes no part without its checksum
	standing  bool    // the standing algorithm's sum is kept too, whichever is sent
	opaque    string  // the entity tag, where it is not the MD5
}

// chosen is the one checksum header that is set.
func chosen(sums []named) (algorithm, value string, err error) {
	switch len(sums) {
	case 0:
		return "", "", nil
	case 1:
		return sums[0].algorithm, sums[0].value, nil
	}
	return "", "", fault.New("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.").With(400)
}

func (cl *claim) check() error {
	if cl.length != nil && *cl.length > maxPut {
		return fault.New("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").With(400).
			Field("ProposedSize", strconv.FormatInt(*cl.length, 10)).Field("MaxSizeAllowed", strconv.Itoa(maxPut))
	}
	if cl.md5 != nil {
		if b, err := base64.StdEncoding.DecodeString(*cl.md5); err != nil || len(b) != md5.Size {
			return fault.New("InvalidDigest", "The Content-MD5 you specified was invalid.").With(400).Field("Content-MD5", *cl.md5)
		}
	}
	alg, value, err := chosen(cl.sums)
	if err != nil {
		return err
	}
	if alg != "" && !wellFormed(alg, value) {
		return badSumHeader(alg)
	}
	if a := str(cl.algorithm); a != "" {
		if checksum.New(a) == nil {
			return unknownAlgorithm()
		}
		if alg != "" && a != alg {
			return fault.New("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.").With(400)
		}
		alg = a
	}
	if cl.demanded && alg == "" {
		alg = "null" // S3's own word for it
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
	also string // the standing algorithm's sum, where it is kept beside sum
}

type hasher struct {
	size int64
	md5  hash.Hash
	kept hash.Hash
	also hash.Hash // nil: none
}

func (cl *claim) hasher() *hasher {
	h := &hasher{kept: checksum.New(cl.kept())}
	if cl.standing && cl.kept() != standing {
		h.also = checksum.New(standing)
	}
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
	if h.also != nil {
		_, _ = h.also.Write(p)
	}
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
	if h.also != nil {
		d.also = base64.StdEncoding.EncodeToString(h.also.Sum(nil))
	}
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

// place puts the value into its algorithm's member of out, a pointer to a shape.
func (s Sum) place(out any) {
	if s.Value != "" {
		reflect.ValueOf(out).Elem().FieldByName("Checksum" + s.Algorithm).Set(reflect.ValueOf(ptr(s.Value)))
	}
}

// joined is the checksum of a multipart object: of the whole for FULL_OBJECT (CRCs are combined), of the parts' for COMPOSITE.
func joined(algorithm, kind string, ps []Part) (Sum, error) {
	out := Sum{Algorithm: algorithm, Type: kind}
	if kind == composite {
		h := checksum.New(algorithm)
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
	return ring{checksum.NVMe, 64}
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
