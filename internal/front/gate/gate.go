// Package gate is the one path that every call walks: identify, verify, decode, authorise, validate, act, record, answer.
// It knows rows, never services, and nothing is answered before its record is durable.
package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	"cloister/internal/core/trail"
	"cloister/internal/front/wire"
	"cloister/internal/store"
	"cloister/internal/world"
)

// Config is what a gate needs.
type Config struct {
	Registry  *wire.Registry
	Rows      []api.Operation
	Store     store.Store
	World     world.World
	Directory Directory
	// Path finds the endpoint that a request from inside a VPC takes to a service; a fault when none carries it.
	Path func(v store.View, o *api.Origin, service string) (*api.Path, *fault.Fault)
	// Organization is what an account belongs to and its path there (o-.../r-.../ou-.../); empty outside of one. Nil: there are none.
	Organization func(v store.View, partition, account string) (id, path string, err error)
	// Sharing answers scripts of other origins (S3's CORS). Nil: nothing does.
	Sharing   Sharing
	Log       *slog.Logger
	Partition string // "aws"
	Region    string // of unsigned calls
	Account   string // the default account; --dev: whose root an unknown key is
	Dev       bool
}

// Gate serves calls. It is safe for concurrent use.
type Gate struct {
	Config
	rows  map[string]*api.Operation // "ec2.CreateVpc"
	cache policy.Cache
	limit limiter
}

// New makes a gate. A row twice, or of an operation that no model has, is an error.
func New(c Config) (*Gate, error) {
	g := &Gate{Config: c, rows: map[string]*api.Operation{}}
	for i := range c.Rows {
		r := &c.Rows[i]
		name := r.Service + "." + r.Name
		if g.rows[name] != nil {
			return nil, fmt.Errorf("cannot serve %s: two rows", name)
		}
		s := c.Registry.Service(r.Service)
		if s == nil || s.Operation(r.Name) == nil {
			return nil, fmt.Errorf("cannot serve %s: no model has it", name)
		}
		if !r.Free && r.Questions == nil {
			return nil, fmt.Errorf("cannot serve %s: it asks no questions", name)
		}
		g.rows[name] = r
	}
	return g, nil
}

type originKey struct{}

// WithOrigin binds a connection's origin to its requests (http.Server.ConnContext).
func WithOrigin(ctx context.Context, o *api.Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// passage is one request on its way.
type passage struct {
	gate    *Gate
	w       http.ResponseWriter
	req     *http.Request
	call    *api.Call
	service *wire.Service
	op      *wire.Operation
	labels  wire.Labels
	row     *api.Operation
	in      any
	path    *api.Path         // of a request through a VPC endpoint
	signed  map[string]string // condition keys of how the request was signed and sent
	owner   string            // account of the resource that was asked about first
	allowed []Explained       // what allowed the row's questions
	asked   []api.Question    // the row's questions
	further []api.Question    // what the row asked by May and was allowed, one for each owner
	parent  string            // the request for which a service asks
	why     *Explained        // of a refusal, once the call is done
	trial   bool              // a dry run that is carried through and taken back
	known   bool              // the caller is authenticated, or anonymous and allowed
	held    store.View        // the snapshot of a request without a body, until it is judged
	end     func() error      // ends it
	from    source
	begun   time.Time
	line    []slog.Attr
}

// ServeHTTP walks one request. A request without a bound origin is refused: nobody knows where it came from.
func (g *Gate) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	o, _ := req.Context().Value(originKey{}).(*api.Origin)
	p := &passage{gate: g, w: w, req: req, begun: time.Now()}
	now := g.World.Now()
	p.call = &api.Call{RequestID: trail.ID(now, g.World.Bytes(10)), Time: now, Origin: o, Partition: g.Partition, Region: g.Region,
		Dice: g.World, Host: req.Host, TLS: req.TLS != nil, UserAgent: printable(req.UserAgent(), 256)}
	if o == nil {
		p.refuse(fault.Of(fault.Unavailable, "The connection's origin is not known."))
		return
	}
	if o.Region != "" {
		p.call.Region = o.Region
	}
	defer p.logged()
	defer func() {
		if r := recover(); r != nil {
			if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(r)
			}
			p.line = append(p.line, slog.String("panic", fmt.Sprint(r)))
			g.Log.Error("a call panicked", "request_id", p.call.RequestID, "panic", fmt.Sprint(r), "stack", stack())
			p.refuse(fault.Of(fault.Internal, ""))
		}
	}()
	if f := p.walk(req.Context()); f != nil {
		if c := p.call.Caller; c == nil || c.Kind == identity.Anonymous {
			g.limit.failed(p.from, p.call.Time)
		}
		p.refuse(f)
	}
}

// walk does everything up to the answer; a fault is what to answer instead.
func (p *passage) walk(ctx context.Context) *fault.Fault {
	defer func() { _ = p.leave() }()
	if p.req.Method == http.MethodOptions && p.gate.Sharing != nil {
		if p.service, _ = p.gate.Registry.Identify(p.req, ""); p.service != nil && p.service.Name == "s3" {
			return p.preflight(ctx)
		}
	}
	if bucket := wire.Bucket(p.req); isUpload(p.req, bucket) {
		if p.service, _ = p.gate.Registry.Identify(p.req, ""); p.service != nil && p.service.Name == "s3" {
			return p.upload(ctx, bucket)
		}
	}
	body, f := p.arrive(ctx)
	if f != nil {
		return f
	}
	var form url.Values
	if p.service.Form() {
		if form, f = wire.ParseForm(p.req, body.bytes); f != nil {
			return f
		}
	}
	if p.op, p.labels, f = p.service.Find(p.req, form); f != nil {
		if p.call.Caller.Kind == identity.Anonymous && !p.service.Streams() {
			return fault.Of(fault.MissingAuth, "") // who is nobody is not told what exists
		}
		return f
	}
	p.call.Service, p.call.Name = p.service.Name, p.op.Name
	p.row = p.gate.rows[p.service.Name+"."+p.op.Name]
	if err := p.share(ctx); err != nil {
		return faultOf(err)
	}
	if p.call.Caller.Kind == identity.Anonymous && (p.row == nil || !p.row.Anonymous) && !p.op.Unsigned() {
		return fault.Of(fault.MissingAuth, "%s", p.op.Anonymous())
	}
	if p.in, f = p.op.Decode(p.req, p.labels, form, body.reader()); f != nil {
		if p.call.Caller.Kind != identity.Anonymous {
			p.known = true
			return p.recorded(ctx, f, nil)
		}
		return f
	}
	out, f := p.gate.perform(ctx, p)
	if f != nil {
		return f
	}
	if err := p.op.Encode(p.w, out, p.call.RequestID); err != nil {
		if errors.Is(err, wire.ErrBroken) {
			p.line = append(p.line, slog.String("broken", err.Error()))
			panic(http.ErrAbortHandler)
		}
		return fault.From(err)
	}
	p.line = append(p.line, slog.Int("status", 200))
	return nil
}

// restLimit is how long a refused client may take to send the rest of its body before it gets its answer and is cut off.
const restLimit = 2 * time.Second

func (p *passage) refuse(f *fault.Fault) {
	a := wire.Explain(p.service, p.op, f)
	p.line = append(p.line, slog.Int("status", a.Status), slog.String("code", a.Code))
	if f.Cause != nil {
		p.line = append(p.line, slog.String("cause", f.Cause.Error()))
	}
	if f.Kind == fault.Internal {
		p.gate.Log.Error("a call failed for a reason of ours", "request_id", p.call.RequestID, "service", p.call.Service, "operation", p.call.Name, "error", f.Cause)
	}
	// The server reads on for the rest of a small body, so that it is not taken for the next request. It must not wait long for
	// one that does not come, nor ask for one that waits to be asked for (Expect: 100-continue), so we do not read ourselves.
	_ = http.NewResponseController(p.w).SetReadDeadline(time.Now().Add(restLimit))
	wire.EncodeFault(p.w, p.req, p.service, p.op, f, p.call.RequestID)
}

// logged writes the request's one line. It has no query, no header and no member of the input.
func (p *passage) logged() {
	c := p.call
	line := append([]slog.Attr{slog.String("request_id", c.RequestID), slog.String("service", c.Service), slog.String("operation", c.Name),
		slog.String("method", p.req.Method), slog.String("peer", c.Origin.Peer.String()), slog.Int64("us", time.Since(p.begun).Microseconds())}, p.line...)
	if c.Caller != nil {
		line = append(line, slog.String("caller", c.Caller.ARN))
	}
	if c.Origin.VPC != "" {
		line = append(line, slog.String("vpc", c.Origin.VPC), slog.String("interface", c.Origin.Interface))
	}
	p.gate.Log.LogAttrs(context.Background(), slog.LevelInfo, "call", line...)
}

// printable cuts what a client chose to what a record may hold.
func printable(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s), "")
}
