package gate

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/sigv4"
	"cloister/internal/front/wire"
	"cloister/internal/store"
)

// maxForm is how much a form may say before its file, as on AWS.
const maxForm = 20 << 10

// isUpload tells a browser's upload to a bucket: POST to the bucket itself, without a sub-resource.
func isUpload(req *http.Request, bucket string) bool {
	rest := strings.TrimPrefix(req.URL.Path, "/")
	if wire.VirtualBucket(req.Host) == "" {
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, bucket), "/")
	}
	return req.Method == http.MethodPost && bucket != "" && rest == "" && req.URL.RawQuery == "" && req.Header.Get("Authorization") == "" && req.Header.Get("X-Amz-Target") == ""
}

// upload walks a browser's form: who signed its policy puts an object, with the same questions as PutObject.
func (p *passage) upload(ctx context.Context, bucket string) *fault.Fault {
	g, o := p.gate, p.call.Origin
	p.from = whence(o, "")
	if !g.limit.allowed(p.from, p.call.Time) {
		return fault.Of(fault.Throttled, "Too many requests could not be authenticated.")
	}
	p.op = p.service.Operation("PutObject")
	p.call.Service, p.call.Name = p.service.Name, p.op.Name
	p.row = g.rows["s3.PutObject"]
	kind, params, err := mime.ParseMediaType(p.req.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return fault.New("PreconditionFailed", "At least one of the pre-conditions you specified did not hold").With(412).
			Field("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
	}
	if params["boundary"] == "" {
		return notForm()
	}
	f, file, fl := fields(multipart.NewReader(p.req.Body, params["boundary"]), bucket)
	if fl != nil {
		return fl
	}
	if fl := p.signer(ctx, f); fl != nil {
		return fl
	}
	put, fl := f.request(p.req)
	if fl != nil {
		return fl
	}
	body, fl := openBody(nil, &sigv4.Request{Method: put.Method, Header: put.Header}, &measured{src: file, form: f.Form}, "", true)
	if fl != nil {
		return fl
	}
	p.labels = wire.Labels{"Bucket": bucket, "Key": f.Fields["key"]}
	if err := p.share(ctx); err != nil {
		return faultOf(err)
	}
	if p.in, fl = p.op.Decode(put, p.labels, nil, body); fl != nil {
		if p.call.Caller.Kind != identity.Anonymous {
			p.known = true
			return p.recorded(ctx, fl, nil)
		}
		return fl
	}
	out, fl := g.perform(ctx, p)
	if fl != nil {
		return fl
	}
	return p.posted(f, bucket, out)
}

func notForm() *fault.Fault {
	return fault.New("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.").With(400)
}

// sheet is a form with the names of its fields as they were written.
type sheet struct{ *sigv4.Form }

// fields reads all that stands before the file. What stands behind it is not read.
func fields(r *multipart.Reader, bucket string) (*sheet, io.Reader, *fault.Fault) {
	f := &sheet{&sigv4.Form{Fields: map[string]string{"bucket": bucket}}}
	left := maxForm
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, nil, argument("file", "POST requires exactly one file upload per request.")
		}
		if err != nil {
			return nil, nil, notForm()
		}
		name := strings.ToLower(part.FormName())
		if name == "file" {
			if _, ok := f.Fields["key"]; !ok {
				return nil, nil, argument("key", "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.")
			}
			f.Fields["key"] = strings.ReplaceAll(f.Fields["key"], "${filename}", part.FileName())
			return f, part, nil
		}
		b, err := io.ReadAll(io.LimitReader(part, int64(left)+1))
		if err != nil {
			return nil, nil, notForm()
		}
		if left -= len(b) + len(name); left < 0 {
			return nil, nil, fault.New("MaxPostPreDataLengthExceeded", "Your POST request fields preceding the upload file were too large.").With(400)
		}
		if _, twice := f.Fields[name]; name == "" || twice && name != "bucket" {
			return nil, nil, argument(name, "A field of the form stands more than once.")
		}
		if name == "bucket" && string(b) != bucket {
			return nil, nil, argument(name, "The form is for another bucket.")
		}
		f.Fields[name] = string(b)
	}
}

func argument(name, message string) *fault.Fault {
	return fault.New("InvalidArgument", "%s", message).With(400).Field("ArgumentName", name)
}

// signer says who signed the form, and holds it to its policy; a form without one is nobody's.
func (p *passage) signer(ctx context.Context, f *sheet) *fault.Fault {
	g, o := p.gate, p.call.Origin
	auth, fl := f.Parse()
	if fl != nil {
		return fl
	}
	if auth == nil {
		p.call.Caller = &identity.Principal{Kind: identity.Anonymous, Partition: g.Partition, ID: "anonymous"}
		p.signed = signatureKeys(nil, p.req.TLS, p.call.Time)
		return nil
	}
	if auth.V2 {
		auth.Region = p.call.Region
	}
	if !regions.MatchString(auth.Region) || o.Door == api.InVPC && auth.Region != o.Region {
		return argument("x-amz-credential", "the region of the credential is wrong")
	}
	p.from = whence(o, auth.AccessKey)
	if !g.limit.allowed(p.from, p.call.Time) {
		return fault.Of(fault.Throttled, "Too many requests could not be authenticated.")
	}
	var cred api.Credential
	err := g.Store.View(ctx, func(v store.View) (err error) {
		if cred, err = g.Directory.Credential(v, auth.AccessKey, auth.Token, p.call.Time); err != nil {
			cred, err = p.stranger(v, auth.AccessKey, err)
		}
		return err
	})
	if err != nil {
		return keyFault(err, auth.AccessKey)
	}
	auth.Unproved = cred.Principal.Unverified
	if fl := f.Verify(cred.Secret, p.call.Time); fl != nil {
		return fl
	}
	p.signed = signatureKeys(auth, p.req.TLS, p.call.Time)
	p.signed["s3:authType"] = "POST"
	p.call.Caller, p.call.Account, p.call.Region = &cred.Principal, cred.Principal.Account, auth.Region
	return nil
}

// request is the PutObject that the form stands for. A field that PutObject has no header for is given all the same, so that the row
// refuses what it does not honour.
func (f *sheet) request(from *http.Request) (*http.Request, *fault.Fault) {
	put := &http.Request{Method: http.MethodPut, URL: &url.URL{Path: from.URL.Path}, Host: from.Host, Header: http.Header{}, TLS: from.TLS, ContentLength: -1}
	for k, v := range f.Fields {
		if k != "tagging" && k != "key" && strings.ContainsAny(v, "\r\n\x00") {
			return nil, argument(k, "A field of the form holds a control character.")
		}
		switch k {
		case "acl":
			put.Header.Set("X-Amz-Acl", v)
		case "tagging":
			q, fl := wire.TaggingHeader(v)
			if fl != nil {
				return nil, fl
			}
			put.Header.Set("X-Amz-Tagging", q)
		case "content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires", "content-md5":
			put.Header.Set(k, v)
		case "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature", "x-amz-security-token":
		default:
			if strings.HasPrefix(k, "x-amz-") {
				put.Header.Set(k, v)
			}
		}
	}
	return put, nil
}

// measured holds a file to the lengths that the policy allows.
type measured struct {
	src  io.Reader
	form *sigv4.Form
	n    int64
}

func (m *measured) Read(b []byte) (int, error) {
	n, err := m.src.Read(b)
	m.n += int64(n)
	switch {
	case m.form.Max >= 0 && m.n > m.form.Max:
		return 0, fault.New("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").With(400).Field("ProposedSize", strconv.FormatInt(m.n, 10)).Field("MaxSizeAllowed", strconv.FormatInt(m.form.Max, 10))
	case errors.Is(err, io.EOF) && m.n < m.form.Min:
		return 0, fault.New("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size").With(400).Field("ProposedSize", strconv.FormatInt(m.n, 10)).Field("MinSizeAllowed", strconv.FormatInt(m.form.Min, 10))
	}
	return n, err
}

// posted answers as the form asked: with a redirect, or with 200, 201 and a document, or 204.
func (p *passage) posted(f *sheet, bucket string, out any) *fault.Fault {
	text := func(name string) string {
		if m := reflect.ValueOf(out).Elem().FieldByName(name); m.IsValid() && m.Kind() == reflect.Pointer && !m.IsNil() {
			return m.Elem().String()
		}
		return ""
	}
	key, etag := f.Fields["key"], text("ETag")
	scheme := "http"
	if p.req.TLS != nil {
		scheme = "https"
	}
	at := &url.URL{Scheme: scheme, Host: p.req.Host, Path: "/" + bucket + "/" + key}
	if wire.VirtualBucket(p.req.Host) != "" {
		at.Path = "/" + key
	}
	h := p.w.Header()
	h.Set("x-amz-request-id", p.call.RequestID)
	h.Set("ETag", etag)
	h.Set("Location", at.String())
	if v := text("VersionId"); v != "" {
		h.Set("x-amz-version-id", v)
	}
	status := http.StatusNoContent
	to := f.Fields["success_action_redirect"]
	if to == "" {
		to = f.Fields["redirect"]
	}
	u, err := url.Parse(to)
	switch asked := f.Fields["success_action_status"]; {
	case to != "" && err == nil && (u.Scheme == "http" || u.Scheme == "https"):
		q := u.Query()
		q.Set("bucket", bucket)
		q.Set("key", key)
		q.Set("etag", etag)
		u.RawQuery = q.Encode()
		h.Set("Location", u.String())
		status = http.StatusSeeOther
	case asked == "200":
		status = http.StatusOK
	case asked == "201":
		status = http.StatusCreated
		h.Set("Content-Type", "application/xml")
	}
	p.w.WriteHeader(status)
	if status == http.StatusCreated {
		_, _ = io.WriteString(p.w, wire.PostResponse(at.String(), bucket, key, etag))
	}
	return nil
}
