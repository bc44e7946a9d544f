package sigv4

import (
	"bufio"
	"bytes"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"

	"cloister/internal/core/fault"
)

const (
	maxLine     = 4 << 10  // of a frame's head or a trailer
	maxTrailers = 16       // lines
	minFrame    = 8 << 10  // of every frame but the last that has data
	maxSigned   = 16 << 20 // bytes of a signed frame, which is held back until its signature is checked
)

// chunked decodes aws-chunked frames: SIZE[;chunk-signature=S] CRLF DATA CRLF ... 0 CRLF [trailers] CRLF.
// Source: S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks",
// and the same with "Including Trailing Headers".
type chunked struct {
	br      *bufio.Reader
	left    uint64 // of an unsigned frame
	held    []byte // of a signed frame, checked
	inFrame bool
	short   bool // a frame below minFrame came: it must have been the last
	done    bool
	trailer bool
	names   map[string]bool // announced
	got     map[string]string

	unproved          bool   // frames are signed, and nobody checks it
	key               []byte // nil: frames are unsigned
	date, scope, prev string
}

func newChunked(r io.Reader, names []string) *chunked {
	c := &chunked{br: bufio.NewReaderSize(r, maxLine), names: map[string]bool{}, got: map[string]string{}}
	for _, n := range names {
		c.names[n] = true
	}
	return c
}

func (c *chunked) sign(a *Auth, secret string) {
	c.key, c.date, c.scope, c.prev = a.key(secret), a.Time.Format(basicDate), a.scope(), a.Signature
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(c.held) == 0 && c.left == 0 {
		if c.done {
			return 0, io.EOF
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if len(c.held) > 0 {
		n := copy(p, c.held)
		c.held = c.held[n:]
		return n, nil
	}
	if uint64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.br.Read(p)
	c.left -= uint64(n)
	if err != nil {
		return n, torn(err)
	}
	return n, nil
}

// misfits says whether the frame that was read to its end is not followed by CRLF, so that its length was wrong.
func (c *chunked) misfits() bool {
	if c.left > 0 || len(c.held) > 0 {
		return false
	}
	next, err := c.br.Peek(2)
	return err == nil && string(next) != "\r\n"
}

// torn makes an end in the middle a fault; other errors stay what they are.
func torn(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformedFrame()
	}
	return err
}

// malformedFrame is what S3 says of frames that cannot be read: it takes them for a body that is not all there.
func malformedFrame() *fault.Fault {
	return fault.New("IncompleteBody", "The request body terminated unexpectedly").With(400)
}

func malformedTrailer() *fault.Fault {
	return fault.New("MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.").With(400)
}

// line reads up to CRLF; the end of input is a fault, and so is a line feed alone.
func (c *chunked) line() (string, error) {
	l, err := c.br.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", malformedFrame()
	case err != nil:
		return "", torn(err)
	}
	text, ok := bytes.CutSuffix(l, []byte("\r\n"))
	if !ok || bytes.ContainsRune(text, '\r') {
		return "", malformedFrame()
	}
	return string(text), nil
}

// next opens the next frame that has data, or ends.
func (c *chunked) next() error {
	if c.inFrame {
		if l, err := c.line(); err != nil {
			return err
		} else if l != "" {
			return malformedFrame()
		}
		c.inFrame = false
	}
	l, err := c.line()
	if err != nil {
		return err
	}
	size, ext, _ := strings.Cut(l, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(size), 16, 63)
	if err != nil || c.key != nil && n > maxSigned {
		return malformedFrame()
	}
	// Source: S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks".
	if n > 0 && c.short {
		return fault.New("InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than %d bytes", minFrame).With(400)
	}
	c.short = n < minFrame
	if c.key != nil {
		data := make([]byte, 0, min(n, 64<<10))
		buf := bytes.NewBuffer(data)
		if _, err := io.CopyN(buf, c.br, int64(n)); err != nil {
			return torn(err)
		}
		if err := c.checkFrame(buf.Bytes(), ext); err != nil {
			return err
		}
		c.held = buf.Bytes()
	} else {
		c.left = n
	}
	if n > 0 {
		c.inFrame = true
		return nil
	}
	return c.end()
}

func (c *chunked) checkFrame(data []byte, ext string) error {
	sig, ok := strings.CutPrefix(strings.TrimSpace(ext), "chunk-signature=")
	if !ok || !isHash(sig) {
		return malformedFrame()
	}
	want := hex.EncodeToString(mac(c.key, "AWS4-HMAC-SHA256-PAYLOAD\n"+c.date+"\n"+c.scope+"\n"+c.prev+"\n"+emptyHash+"\n"+Hash(data)))
	if subtle.ConstantTimeCompare([]byte(sig), []byte(want)) != 1 {
		return fault.Of(fault.BadSignature, "")
	}
	c.prev = want
	return nil
}

// end reads what stands behind the last frame: trailers, an empty line, and nothing more.
func (c *chunked) end() error {
	c.done = true
	var canon strings.Builder
	signed := c.key == nil || !c.trailer
	for i := 0; ; i++ {
		l, err := c.line()
		if err != nil {
			return err
		}
		if l == "" {
			break
		}
		k, v, ok := strings.Cut(l, ":")
		k, v = strings.ToLower(strings.TrimSpace(k)), strings.TrimSpace(v)
		if k == "x-amz-trailer-signature" && c.unproved {
			continue
		}
		if !signed && len(c.got) == len(c.names) && !strings.HasPrefix(k, sumHeader) && (k != "x-amz-trailer-signature" || !isHash(v)) {
			return malformedFrame()
		}
		if k == "x-amz-trailer-signature" && !signed {
			want := hex.EncodeToString(mac(c.key, "AWS4-HMAC-SHA256-TRAILER\n"+c.date+"\n"+c.scope+"\n"+c.prev+"\n"+Hash([]byte(canon.String()))))
			if subtle.ConstantTimeCompare([]byte(v), []byte(want)) != 1 {
				return fault.Of(fault.BadSignature, "")
			}
			signed = true
			continue
		}
		if _, dup := c.got[k]; !ok || dup || !c.names[k] || i > maxTrailers {
			return malformedTrailer()
		}
		canon.WriteString(k + ":" + v + "\n")
		c.got[k] = v
	}
	if len(c.got) != len(c.names) {
		return malformedTrailer()
	}
	if !signed {
		return fault.Of(fault.BadSignature, "")
	}
	if _, err := c.br.ReadByte(); err == nil {
		return malformedFrame()
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
