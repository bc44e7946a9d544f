package whole_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloister/internal/daemon"
	"cloister/internal/front/wire"
	"cloister/internal/shape/model"
)

// TestEveryOperation sends each operation of every model. One that is not built tells the account's root so; without a signature
// each is refused, in the protocol's own form.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	a := common(t).root(t)
	rows := map[string]bool{}
	for _, r := range daemon.Rows() {
		rows[r.Service+"."+r.Name] = r.View != nil || r.Act != nil || r.Stream != nil || r.Free
	}
	seen := 0
	for _, s := range wire.Open().Services() {
		m, err := model.Load(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range s.Operations() {
			r := least(s, m.Operations[name])
			if r.header.Get("X-Amz-Account-Id") != "" { // what is another account's is refused before it is told to be missing
				r.header.Set("X-Amz-Account-Id", a.account)
			}
			r.creds = a.Creds
			built, ok := rows[s.Name+"."+name]
			if ok {
				seen++
			}
			if built {
				// Its own tests send it.
			} else if res, b := r.send(t, a.Endpoint); (res.StatusCode != 501 || !says(r, res, b, "NotImplemented")) && (s.Name != "s3" || !says(r, res, b, "NoSuchBucket")) {
				t.Errorf("%s.%s signed: %d %s", s.Name, name, res.StatusCode, b)
			}
			r.unsigned, r.from = true, "127.0.0.3"
			res, b := r.send(t, a.Endpoint)
			for strings.Contains(string(b), "could not be authenticated") { // it is one of too many within a second
				<-time.After(50 * time.Millisecond)
				res, b = r.send(t, a.Endpoint)
			}
			want := "MissingAuthenticationToken"
			switch {
			case m.Operations[name].NoAuth:
				want = "ValidationError" // the two that take a token for a signature
			case s.Name == "s3" || s.Name == "s3control":
				want = "<Code>" // AccessDenied, or what S3 tells anybody about a bucket's name
			case s.Name == "ec2":
				want = "AuthFailure"
			}
			if res.StatusCode < 400 || !says(r, res, b, want) || res.StatusCode == 501 && s.Name != "s3" {
				t.Errorf("%s.%s unsigned: %d %s", s.Name, name, res.StatusCode, b)
			}
		}
	}
	if seen != len(rows) {
		t.Errorf("%d rows, %d of them seen", len(rows), seen)
	}
}

// says looks for a code where the protocols put it; answers to HEAD have no body.
func says(r request, res *http.Response, b []byte, code string) bool {
	return r.method == http.MethodHead || strings.Contains(string(b), code) || strings.Contains(res.Header.Get("X-Amzn-Errortype"), code)
}

// least is an operation's smallest request that its route knows.
func least(s *wire.Service, o *model.Operation) request {
	r := request{method: http.MethodPost, service: s.SigningName, path: "/", header: http.Header{}, query: url.Values{}}
	if s.SigningName != "s3" { // unsigned, the host's name says which service is meant
		r.host = s.EndpointPrefix + ".us-east-1.amazonaws.com"
	}
	switch s.Protocol {
	case "json":
		r.header.Set("X-Amz-Target", s.TargetPrefix+"."+o.Name)
		r.header.Set("Content-Type", "application/x-amz-json-"+s.JSONVersion)
		r.body = []byte("{}")
	case "query", "ec2":
		r.header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.body = []byte(url.Values{"Action": {o.Name}, "Version": {s.Version}}.Encode())
	default:
		r.method = o.Method
		path, query, _ := strings.Cut(o.URI, "?")
		r.query, _ = url.ParseQuery(query)
		var members []*model.Ref
		if o.Input != nil {
			members = o.Input.Shape.Members
		}
		for _, f := range members {
			need := false
			for _, n := range o.Input.Shape.Required {
				need = need || n == f.Name
			}
			switch {
			case f.Location == "uri":
				for _, end := range []string{"}", "+}"} {
					path = strings.ReplaceAll(path, "{"+f.Wire()+end, "some-name")
				}
			case need && f.Location == "querystring":
				r.query.Set(f.Wire(), sample(f, "2026-01-02T03:04:05Z"))
			case need && f.Location == "header":
				r.header.Set(f.Wire(), sample(f, "Fri, 02 Jan 2026 03:04:05 GMT"))
			}
		}
		r.path = path
	}
	return r
}

func sample(f *model.Ref, at string) string {
	switch f.Shape.Type {
	case "integer", "long":
		return "1"
	case "boolean":
		return "true"
	case "timestamp":
		return at
	}
	if len(f.Shape.Enum) > 0 {
		return f.Shape.Enum[0]
	}
	return "x"
}
