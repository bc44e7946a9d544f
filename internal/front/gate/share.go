package gate

import (
	"context"
	"net/http"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/front/wire"
	"cloister/internal/store"
)

// Sharing says what a bucket answers scripts of other origins: the headers to set, nil when no rule of it admits the request. preflight
// says that method and headers are asked about; what is not admitted is then a fault.
type Sharing func(v store.View, partition, bucket, origin, method string, headers []string, preflight bool) (map[string]string, *fault.Fault)

// preflight answers a browser that asks whether a script may send what it would: unsigned, decided by the bucket's rules alone, and no
// call of an API. Inside a VPC it needs an endpoint as every request does.
func (p *passage) preflight(ctx context.Context) *fault.Fault {
	g, o, req := p.gate, p.call.Origin, p.req
	p.from = whence(o, "")
	if !g.limit.allowed(p.from, p.call.Time) {
		return fault.Of(fault.Throttled, "Too many requests could not be authenticated.")
	}
	p.call.Service, p.call.Name = p.service.Name, "OPTIONS"
	var headers []string
	for h := range strings.SplitSeq(req.Header.Get("Access-Control-Request-Headers"), ",") {
		if h != "" {
			headers = append(headers, h)
		}
	}
	var out map[string]string
	var f *fault.Fault
	err := g.Store.View(ctx, func(v store.View) error {
		if o.Door == api.InVPC {
			if _, f = g.Path(v, o, p.service.Name); f != nil {
				return nil //nolint:nilerr // f is the answer
			}
		}
		out, f = g.Sharing(v, g.Partition, wire.Bucket(req), req.Header.Get("Origin"), req.Header.Get("Access-Control-Request-Method"), trimmed(headers), true)
		return nil
	})
	if err != nil {
		return faultOf(err)
	}
	if f != nil {
		return f
	}
	for k, v := range out {
		p.w.Header().Set(k, v)
	}
	p.w.Header().Set("x-amz-request-id", p.call.RequestID)
	p.w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	p.w.WriteHeader(http.StatusOK)
	return nil
}

// trimmed takes blanks off names, but for those that a name would be wrong with anyway.
func trimmed(names []string) []string {
	for i, n := range names {
		if t := strings.TrimSpace(n); !strings.ContainsAny(t, " /") {
			names[i] = t
		}
	}
	return names
}

// share puts a bucket's headers for scripts of other origins on an answer, whatever it will be.
func (p *passage) share(ctx context.Context) error {
	origin := p.req.Header.Get("Origin")
	if origin == "" || p.gate.Sharing == nil || p.labels["Bucket"] == "" || p.service.Name != "s3" {
		return nil
	}
	return p.view(ctx, func(v store.View) error {
		out, _ := p.gate.Sharing(v, p.gate.Partition, p.labels["Bucket"], origin, p.req.Method, nil, false)
		for k, v := range out {
			p.w.Header().Set(k, v)
		}
		return nil
	})
}
