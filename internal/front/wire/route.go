package wire

import (
	"net/http"
	"net/url"
	"strings"

	"cloister/internal/core/fault"
	"cloister/internal/shape/model"
)

// route is a REST operation's method and path. A segment is a literal, {label} or {label+}.
type route struct {
	segs   []string
	query  url.Values // constant parameters ("?acl", "?list-type=2")
	needed []*model.Ref
}

func newRoute(o *model.Operation) *route {
	p, q, _ := strings.Cut(o.URI, "?")
	r := &route{segs: strings.Split(strings.TrimPrefix(p, "/"), "/")}
	r.query, _ = url.ParseQuery(q) // models are checked by a test
	if o.Input != nil {
		for _, n := range o.Input.Shape.Required {
			if f := o.Input.Shape.ByName[n]; f.Location == "header" || f.Location == "querystring" {
				r.needed = append(r.needed, f)
			}
		}
	}
	return r
}

// match gives the raw labels and a score: constant parameters weigh more than literal segments. A score below 0 is no match.
func (rt *route) match(path string, q url.Values) (map[string]string, int) {
	for k, v := range rt.query {
		if g, ok := q[k]; !ok || (v[0] != "" && g[0] != v[0]) {
			return nil, -1
		}
	}
	in := strings.Split(strings.TrimPrefix(path, "/"), "/")
	lab := map[string]string{}
	score := 10 * len(rt.query)
	at := 0
	for i, s := range rt.segs {
		tail := len(rt.segs) - i - 1
		switch {
		case strings.HasSuffix(s, "+}"):
			end := len(in) - tail
			if end <= at {
				return nil, -1
			}
			v := strings.Join(in[at:end], "/")
			if v == "" {
				return nil, -1 // "/bucket/" is the bucket, not an empty key
			}
			lab[s[1:len(s)-2]] = v
			at = end
		case at >= len(in):
			return nil, -1
		case strings.HasPrefix(s, "{"):
			if in[at] == "" {
				return nil, -1
			}
			lab[s[1:len(s)-1]] = in[at]
			at++
		case s != in[at]:
			return nil, -1
		default:
			score++
			at++
		}
	}
	if rest := in[at:]; len(rest) > 1 || len(rest) == 1 && rest[0] != "" {
		return nil, -1
	}
	return lab, score
}

// bias tells operations apart that share a route (PutObject, CopyObject, UploadPart) by the headers and parameters that each
// requires: one that lacks any of its own is only taken when nothing else fits.
func (rt *route) bias(r *http.Request, q url.Values) int {
	n := 0
	for _, f := range rt.needed {
		has := f.Location == "header" && r.Header.Get(f.Wire()) != "" || f.Location == "querystring" && q.Has(f.Wire())
		switch {
		case !has && len(rt.query) > 0: // what names the operation is there: it is told what it lacks
			return -5
		case !has:
			return -1000
		}
		n += 100
	}
	return n
}

// Identify finds the service from method, URL and headers alone; no body is read. signingName is the service of the
// credential scope, "" for an unsigned request. The caller still has to check the scope against Service.SigningName.
// An unsigned form that no host name explains is STS's: no other query service has unsigned operations.
func (r *Registry) Identify(req *http.Request, signingName string) (*Service, *fault.Fault) {
	signed := r.signed(signingName)
	if len(signed) > 0 && signed[0].SigningName == "s3" {
		return r.object(req), nil
	}
	if t := req.Header.Get("X-Amz-Target"); t != "" {
		if s := r.target(t); s != nil {
			return s, nil
		}
		return nil, fault.Of(fault.UnknownAction, "The target %.100q is of no service that is served here.", t)
	}
	switch {
	case len(signed) == 1:
		return signed[0], nil
	case len(signed) > 1:
		return byPath(signed, req), nil
	case signingName != "":
		return nil, fault.Of(fault.UnknownAction, "The service %.100q is not served here.", signingName)
	}
	q := req.URL.Query()
	// The query services stand at the root; below it a form is an object (curl calls all data a form).
	form := (isForm(req) || q.Has("Action")) && strings.TrimPrefix(req.URL.Path, "/") == ""
	if form {
		for _, s := range r.all {
			if s.Form() && q.Get("Version") == s.Version {
				return s, nil
			}
		}
	}
	if s := r.host(req); s != nil && s.Name != "s3" && s.Form() == form {
		return s, nil
	}
	if form {
		return r.byName["sts"], nil
	}
	return r.object(req), nil
}

// object tells S3 from S3 Control, which has a path of its own and always names the account.
func (r *Registry) object(req *http.Request) *Service {
	if strings.HasPrefix(req.URL.Path, "/v20180820/") && req.Header.Get("X-Amz-Account-Id") != "" {
		return r.byName["s3control"]
	}
	return r.byName["s3"]
}

func (r *Registry) signed(name string) []*Service {
	for _, s := range r.all {
		if s.SigningName == name {
			return s.kin
		}
	}
	return nil
}

// target compares what stands behind the last dot of the prefix: CloudTrail's SDKs send a long and a short form.
func (r *Registry) target(t string) *Service {
	p, _ := cutLast(t)
	_, p = cutLast(p)
	for _, s := range r.all {
		if _, own := cutLast(s.TargetPrefix); own != "" && own == p {
			return s
		}
	}
	return nil
}

// cutLast cuts at the last dot; without one, all is tail.
func cutLast(s string) (head, tail string) {
	if i := strings.LastIndexByte(s, '.'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return "", s
}

// host reads a service from SERVICE.REGION.amazonaws.com or SERVICE.localhost.
func (r *Registry) host(req *http.Request) *Service {
	h := strings.ToLower(req.Host)
	for _, s := range r.all {
		if strings.HasPrefix(h, s.EndpointPrefix+".") {
			return s
		}
	}
	return nil
}

func isForm(req *http.Request) bool {
	return strings.HasPrefix(strings.ToLower(req.Header.Get("Content-Type")), "application/x-www-form-urlencoded")
}

// byPath picks the service of those with one signing name that knows the path; the first when none does.
func byPath(kin []*Service, req *http.Request) *Service {
	for _, s := range kin {
		if o, _ := s.pick(req, req.URL.EscapedPath(), req.URL.Query()); o != nil {
			return s
		}
	}
	return kin[0]
}

func (s *Service) pick(req *http.Request, path string, q url.Values) (*Operation, map[string]string) {
	var best *Operation
	var labels map[string]string
	top := 0
	for _, o := range s.load().byVerb[req.Method] {
		l, score := o.route.match(path, q)
		if score < 0 {
			continue
		}
		if score += o.route.bias(req, q); best == nil || score > top {
			best, labels, top = o, l, score
		}
	}
	return best, labels
}

// ParseForm reads a verified form body together with the URL's parameters (body first). It is the first parser that sees
// a query protocol's body.
func ParseForm(req *http.Request, body []byte) (url.Values, *fault.Fault) {
	form := url.Values{}
	if isForm(req) {
		f, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, fault.Of(fault.Malformed, "The form body cannot be parsed.")
		}
		form = f
	}
	q, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		return nil, fault.Of(fault.Malformed, "The query string cannot be parsed.")
	}
	for k, v := range q {
		if _, ok := form[k]; !ok {
			form[k] = v
		}
	}
	return form, nil
}

// Find finds the operation. form is ParseForm's for services with Form(), else nil. The labels go to Decode.
func (s *Service) Find(req *http.Request, form url.Values) (*Operation, Labels, *fault.Fault) {
	switch {
	case s.Form():
		a, v := form.Get("Action"), form.Get("Version")
		o := s.Operation(a)
		if o == nil {
			return nil, nil, fault.Of(fault.UnknownAction, "The action %s is not valid for this web service.", printable(a))
		}
		if v != "" && v != s.Version {
			return nil, nil, fault.Of(fault.UnknownAction, "Could not find operation %s for version %s", a, printable(v))
		}
		return o, nil, nil
	case s.rest():
		return s.findPath(req)
	}
	_, name := cutLast(req.Header.Get("X-Amz-Target"))
	if o := s.Operation(name); o != nil {
		return o, nil, nil
	}
	return nil, nil, fault.Of(fault.UnknownAction, "The operation %s is unknown.", printable(name))
}

func (s *Service) findPath(req *http.Request) (*Operation, Labels, *fault.Fault) {
	path := req.URL.EscapedPath()
	if s.Name == "s3" {
		if b := VirtualBucket(req.Host); b != "" {
			path = "/" + b + path
		}
	}
	q, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		return nil, nil, fault.Of(fault.Malformed, "The query string cannot be parsed.")
	}
	if s.Name == "s3" {
		if f := largeHeader(req); f != nil {
			return nil, nil, f
		}
		if f := meaningless(req, path, q); f != nil {
			return nil, nil, f
		}
	}
	o, raw := s.pick(req, path, q)
	if o == nil {
		if s.Name == "s3" {
			return nil, nil, notAllowed(req.Method, path)
		}
		return nil, nil, fault.Of(fault.UnknownAction, "The path is of no operation that is known here.")
	}
	if s.Name == "s3" {
		if k := o.strayResource(q); k != "" {
			f := fault.Of(fault.NotImplemented, "A query parameter you provided implies functionality that is not implemented: %s", k)
			f.Param = k
			return nil, nil, f
		}
	}
	labels := make(Labels, len(raw))
	for k, v := range raw {
		d, err := url.PathUnescape(v)
		if err != nil {
			return nil, nil, fault.Of(fault.Malformed, "The path cannot be decoded.")
		}
		labels[k] = d
	}
	return o, labels, nil
}

// printable keeps what a client sent from growing or bending our answer.
func printable(s string) string {
	if len(s) > 100 {
		s = s[:100]
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s), "?")
}
