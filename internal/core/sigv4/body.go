package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"

	"cloister/internal/core/checksum"
	"cloister/internal/core/fault"
)

// Body is a request's body held to what its headers say. Its last Read gives io.EOF when everything matched, else a
// *fault.Fault; whoever reads it must not keep what it read before io.EOF came.
type Body struct {
	src      io.Reader
	sum      hash.Hash // of the plain body; nil when x-amz-content-sha256 is no hash
	want     string
	digests  []digest
	frames   *chunked // nil for a plain body
	length   int64    // decoded length announced; -1 when it is not
	n        int64
	trailers map[string]string
	err      error
}

// Stream opens the body of a verified request, or of an anonymous one (a is nil). withDigests holds it to Content-MD5 and
// x-amz-checksum-* too; it must be false where those speak of the whole object (CompleteMultipartUpload). secret is needed
// for signed frames alone.
func (a *Auth) Stream(r *Request, src io.Reader, secret string, withDigests bool) (*Body, *fault.Fault) {
	payload := get(r.Header, "X-Amz-Content-Sha256")
	if a != nil {
		var f *fault.Fault
		if payload, f = a.payload(); f != nil {
			return nil, f
		}
	}
	b := &Body{src: src, length: -1}
	if src == nil {
		b.src = strings.NewReader("")
	}
	if withDigests {
		d, f := digests(r.Header)
		if f != nil {
			return nil, f
		}
		b.digests = d
	}
	switch payload {
	case "", Unsigned:
	case StreamUnsignedTrailer, StreamSigned, StreamSignedTrailer:
		if a == nil && payload != StreamUnsignedTrailer {
			return nil, fault.New("InvalidRequest", "Anonymous requests don't support this x-amz-content-sha256 value. Please use UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER.").With(400)
		}
		n, err := strconv.ParseInt(get(r.Header, "X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil || n < 0 {
			return nil, fault.New("MissingContentLength", "You must provide the Content-Length HTTP header.").With(411)
		}
		b.length = n
		if f := b.frame(a, r, payload, secret); f != nil {
			return nil, f
		}
	default:
		if a != nil && !isHash(payload) {
			return nil, fault.New("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid sha256 value.").With(400)
		}
		b.sum, b.want = sha256.New(), payload
	}
	return b, nil
}

// frame prepares aws-chunked reading. Checksums announced as trailers are computed while the body passes.
func (b *Body) frame(a *Auth, r *Request, payload, secret string) *fault.Fault {
	var names []string
	for _, v := range values(r.Header, "X-Amz-Trailer") {
		for _, n := range strings.Split(v, ",") {
			if n = strings.ToLower(strings.TrimSpace(n)); n != "" {
				names = append(names, n)
			}
		}
	}
	if len(names) > 0 && payload == StreamSigned || len(names) > maxTrailers {
		return malformedTrailer()
	}
	if len(names) > 0 && slices.ContainsFunc(b.digests, func(d digest) bool { return strings.HasPrefix(d.name, sumHeader) }) {
		return manySums()
	}
	for _, n := range names {
		h := checksum.New(n)
		if h == nil {
			return fault.New("InvalidRequest", "The value specified in the x-amz-trailer header is not supported").With(400)
		}
		b.digests = append(b.digests, digest{name: n, h: h})
	}
	b.frames = newChunked(b.src, names)
	b.frames.trailer = payload != StreamSigned
	switch {
	case payload == StreamUnsignedTrailer:
	case a.Unproved:
		b.frames.unproved = true
	default:
		b.frames.sign(a, secret)
	}
	b.src = b.frames
	return nil
}

// Length is the number of bytes that the headers announce for the decoded body of aws-chunked frames; -1 for plain bodies.
func (b *Body) Length() int64 { return b.length }

// Trailers are the checksums that came behind the body, by lower-case name; nil before io.EOF.
func (b *Body) Trailers() map[string]string { return b.trailers }

// Read reads decoded bytes.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.src.Read(p)
	b.n += int64(n)
	if b.sum != nil {
		_, _ = b.sum.Write(p[:n])
	}
	for i := range b.digests {
		_, _ = b.digests[i].h.Write(p[:n])
	}
	switch {
	case b.length >= 0 && b.n > b.length:
		if err = incomplete(); b.frames != nil && b.frames.misfits() {
			err = malformedFrame()
		}
	case errors.Is(err, io.ErrUnexpectedEOF): // the connection ended before Content-Length bytes came
		err = incomplete()
	case errors.Is(err, io.EOF):
		err = b.finish()
	}
	b.err = err
	return n, err
}

func (b *Body) finish() error {
	if b.length >= 0 && b.n != b.length {
		return incomplete()
	}
	if b.sum != nil {
		if got := hex.EncodeToString(b.sum.Sum(nil)); got != b.want {
			return fault.Of(fault.BodyMismatch, "").Field("ClientComputedContentSHA256", b.want).Field("S3ComputedContentSHA256", got)
		}
	}
	for i := range b.digests {
		d := &b.digests[i]
		if d.want == "" && b.frames != nil {
			d.want = b.frames.got[d.name]
			if !d.wellFormed() {
				return fault.New("InvalidRequest", "Value for %s trailing header is invalid.", d.name).With(400)
			}
		}
		if f := d.check(); f != nil {
			return f
		}
	}
	if b.frames != nil {
		b.trailers = b.frames.got
	}
	return io.EOF
}

func incomplete() *fault.Fault {
	return fault.New("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header").With(400)
}
