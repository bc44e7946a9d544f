package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/sigv4"
	"cloister/internal/front/wire"
	"cloister/internal/store"
)

// body is a request's body: read and verified, or a stream that verifies itself as it is read.
type body struct {
	bytes  []byte
	stream io.Reader
}

func (b *body) reader() io.Reader {
	if b.stream != nil {
		return b.stream
	}
	return bytes.NewReader(b.bytes)
}

// regions are what a credential scope may name.
var regions = regexp.MustCompile(`^[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}$`)

// arrive identifies the service from the headers, verifies the signature and gives the body. No parser has seen the body
// when it returns.
func (p *passage) arrive(ctx context.Context) (*body, *fault.Fault) {
	req := p.req
	signed := &sigv4.Request{Method: req.Method, Path: rawPath(req), RawQuery: req.URL.RawQuery, Host: p.call.Host, Header: req.Header}
	auth, f := sigv4.Parse(signed)
	service, key := "", "" // as claimed, without believing either
	if auth != nil {
		service, key = auth.Service, auth.AccessKey
	}
	p.from = whence(p.call.Origin, key)
	if g := p.gate; !g.limit.allowed(p.from, p.call.Time) {
		p.service, _ = g.Registry.Identify(req, service) // for the protocol's own form
		return nil, fault.Of(fault.Throttled, "Too many requests could not be authenticated.")
	}
	return p.authenticate(ctx, signed, auth, f)
}

// authenticate takes what was parsed of the signature: auth, or why it could not be.
func (p *passage) authenticate(ctx context.Context, signed *sigv4.Request, auth *sigv4.Auth, f *fault.Fault) (*body, *fault.Fault) {
	g, o, req := p.gate, p.call.Origin, p.req
	repository(req, o)
	name := ""
	if auth != nil {
		name = auth.Service
	}
	var nf *fault.Fault
	if p.service, nf = g.Registry.Identify(req, name); nf != nil {
		return nil, nf
	}
	p.call.Service = p.service.Name
	if f != nil && p.service.Name == "s3" && errors.Is(f.Cause, sigv4.ErrScheme) {
		return nil, strangeScheme(req.Header.Get("Authorization"))
	}
	if f != nil {
		return nil, f
	}
	// A job's own segment leads to S3 and nowhere else; what a VPC leads to, its endpoints say when the call is judged.
	if o.Door == api.Service && p.service.Name != "s3" {
		return nil, fault.Of(fault.Unavailable, "The service %s is not reached through this network.", p.service.Name)
	}
	if p.service.Name == "s3" {
		p.signed = signatureKeys(auth, req.TLS, p.call.Time)
	}
	if auth == nil {
		return p.anonymous(signed)
	}
	if auth.V2 { // it has no region: the endpoint's
		auth.Region = p.call.Region
	}
	if !regions.MatchString(auth.Region) {
		return nil, fault.Of(fault.MalformedAuth, "Credential should be scoped to a valid region.")
	}
	var cred api.Credential
	err := p.view(ctx, func(v store.View) (err error) {
		if cred, err = g.Directory.Credential(v, auth.AccessKey, auth.Token, p.call.Time); err != nil {
			cred, err = p.stranger(v, auth.AccessKey, err)
		}
		return err
	})
	if err != nil {
		return nil, keyFault(err, auth.AccessKey)
	}
	auth.Unproved = cred.Principal.Unverified
	check := sigv4.Check{Secret: cred.Secret, Service: p.service.SigningName, Now: p.call.Time, Bucket: wire.VirtualBucket(req.Host)}
	if o.Door == api.InVPC {
		check.Region = o.Region
	}
	b := &body{}
	if !p.service.Streams() {
		if b.bytes, f = read(p.w, req); f != nil {
			return nil, f
		}
		check.Body = sigv4.Hash(b.bytes)
	}
	if !auth.Unproved {
		if f := auth.Verify(signed, check); f != nil {
			return nil, f
		}
	}
	if p.service.Streams() {
		// A completion's checksum headers speak of the whole object, not of its own body.
		whole := req.Method == http.MethodPost && req.URL.Query().Has("uploadId")
		if b.stream, f = openBody(auth, signed, req.Body, cred.Secret, !whole); f != nil {
			return nil, f
		}
	}
	p.call.Caller, p.call.Account, p.call.Region = &cred.Principal, cred.Principal.Account, auth.Region
	return b, nil
}

// strangeScheme is what S3 says of an Authorization header that is none of AWS's.
func strangeScheme(header string) *fault.Fault {
	kind, _, spaced := strings.Cut(header, " ")
	f := fault.New("InvalidArgument", "Unsupported Authorization Type")
	if !spaced {
		f.Message = "Authorization header is invalid -- one and only one ' ' (space) required."
	}
	return f.With(400).Field("ArgumentName", "Authorization").Field("ArgumentValue", printable(kind, 128))
}

// keyFault names the key that nobody has, as S3 does: it is what the client sent.
func keyFault(err error, key string) *fault.Fault {
	f := faultOf(err)
	if f.Kind == fault.UnknownKey {
		return f.Field("AWSAccessKeyId", printable(key, 128))
	}
	return f
}

func openBody(a *sigv4.Auth, r *sigv4.Request, src io.Reader, secret string, digests bool) (io.Reader, *fault.Fault) {
	s, f := a.Stream(r, src, secret, digests)
	if f != nil {
		return nil, f
	}
	return s, nil
}

// anonymous lets an unsigned request go on as nobody; whether an operation takes it is its row's to say.
func (p *passage) anonymous(signed *sigv4.Request) (*body, *fault.Fault) {
	b := &body{}
	var f *fault.Fault
	if p.service.Streams() {
		b.stream, f = openBody(nil, signed, p.req.Body, "", true)
	} else {
		b.bytes, f = read(p.w, p.req)
	}
	if f != nil {
		return nil, f
	}
	p.call.Caller = &identity.Principal{Kind: identity.Anonymous, Partition: p.gate.Partition, ID: "anonymous"}
	return b, nil
}

// bodyLimit is how long a client may take to send a body that is buffered.
const bodyLimit = 30 * time.Second

func read(w http.ResponseWriter, req *http.Request) ([]byte, *fault.Fault) {
	rc := http.NewResponseController(w)
	if rc.SetReadDeadline(time.Now().Add(bodyLimit)) == nil { // a test's recorder has no connection
		defer func() { _ = rc.SetReadDeadline(time.Time{}) }()
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, req.Body, wire.MaxBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, fault.Of(fault.TooLarge, "The request body is longer than %d bytes.", wire.MaxBody)
	case err != nil:
		f := fault.Of(fault.Malformed, "The request body could not be read.")
		f.Cause = fmt.Errorf("cannot read a body: %w", err)
		return nil, f
	}
	return b, nil
}

// rawPath is the path as the client sent it, which is what it signed.
func rawPath(req *http.Request) string {
	if strings.HasPrefix(req.RequestURI, "/") {
		p, _, _ := strings.Cut(req.RequestURI, "?")
		return p
	}
	return req.URL.EscapedPath()
}

// repository reads the names of Amazon Linux's package repositories, which are buckets of that very name, so that endpoint
// policies on arn:aws:s3:::packages.*.amazonaws.com/* see them.
func repository(req *http.Request, o *api.Origin) {
	if o.Door == api.Public {
		return
	}
	host, _, _ := strings.Cut(req.Host, ":")
	for _, r := range []string{"packages.", "repo.", "amazonlinux."} {
		if strings.HasPrefix(host, r) && strings.HasSuffix(host, ".amazonaws.com") && strings.Count(host, ".") == 3 {
			req.Host = host + ".s3." + o.Region + ".amazonaws.com"
			return
		}
	}
}
