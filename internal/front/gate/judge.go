package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	"cloister/internal/store"
)

// Directory says who a key belongs to and which policies hang on a principal.
type Directory interface {
	// Credential resolves an access key id and, for temporary ones, its token. Faults: UnknownKey, BadToken, ExpiredToken.
	Credential(v store.View, accessKey, token string, now time.Time) (api.Credential, error)
	// Issued reports whether the key id was given out here, whatever became of it: --dev never takes it for a stranger's.
	Issued(v store.View, accessKey string) (bool, error)
	Policies(v store.View, p *identity.Principal) (api.PolicySets, error)
	// Refusal is what sts:DecodeAuthorizationMessage shows of a refusal, Encode seals it for the account that was refused.
	Refusal(r *policy.Request, v policy.Verdict) ([]byte, error)
	Encode(account string, refusal []byte) (string, error)
	// Used notes when a key or role was last used; Unnoted is whether it would write, which is once an hour.
	Unnoted(v store.View, p *identity.Principal) (bool, error)
	Used(tx store.Tx, p *identity.Principal, service, region string) error
}

// defaultEndpoint is what an endpoint without a policy of its own has (Amazon VPC guide, endpoint policies).
const defaultEndpoint = `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`

// judge decides the questions of one call.
type judge struct {
	gate *Gate
	walk *passage
	call *api.Call
	path *api.Path // nil: not through a VPC endpoint
	sets *policy.Sets
	base policy.Context
	view store.View
	orgs map[string]membership // by account
}

// newJudge gathers what holds for all questions of a call: the caller's policies, the endpoint's, and the global keys.
func (g *Gate) newJudge(v store.View, p *passage) (*judge, error) {
	c := p.call
	j := &judge{gate: g, walk: p, call: c, view: v}
	if c.Origin.Door == api.InVPC {
		path, f := g.Path(v, c.Origin, c.Service)
		if f != nil {
			return nil, f
		}
		j.path = path
	}
	named, err := g.Directory.Policies(v, c.Caller)
	if err != nil {
		return nil, fmt.Errorf("cannot read the caller's policies: %w", err)
	}
	s := &policy.Sets{}
	if s.Identity, err = g.compiled(named.Identity, policy.Identity); err != nil {
		return nil, err
	}
	if s.Boundary, err = g.compiled(named.Boundary, policy.Boundary); err != nil {
		return nil, err
	}
	if s.Session, err = g.compiled(named.Session, policy.Session); err != nil {
		return nil, err
	}
	for _, level := range named.SCP {
		l, err := g.compiled(level, policy.SCP)
		if err != nil {
			return nil, err
		}
		s.SCP = append(s.SCP, l)
	}
	if j.path != nil {
		text := j.path.PolicyText
		if text == "" {
			text = defaultEndpoint
		}
		e, err := g.compiled([]api.NamedPolicy{{Name: "policy of endpoint " + j.path.Endpoint, Owner: c.Origin.Account, Text: text}}, policy.Endpoint)
		if err != nil {
			return nil, err
		}
		s.Endpoint, s.EndpointGateway = &e[0], j.path.Gateway
	}
	j.sets = s
	j.base = globalKeys(c, j.path)
	for k, val := range p.signed {
		j.base.Set(k, val)
	}
	if err := j.belonging(); err != nil {
		return nil, fmt.Errorf("cannot read the caller's organization: %w", err)
	}
	return j, nil
}

// compiled compiles policy texts, each text once. A stored policy that does not compile stops the call: nothing is decided
// without it.
func (g *Gate) compiled(in []api.NamedPolicy, k policy.Kind) ([]policy.Source, error) {
	if in == nil {
		return nil, nil
	}
	out := make([]policy.Source, len(in))
	for i, n := range in {
		d, err := g.cache.Get(n.Text, k)
		if err != nil {
			return nil, fmt.Errorf("cannot compile %s: %w", n.Name, err)
		}
		out[i] = policy.Source{Name: n.Name, Owner: n.Owner, Doc: d}
	}
	return out, nil
}

// globalKeys are the aws: keys of a call's real origin. Source: IAM User Guide, global condition context keys. SourceIp is
// there for calls from outside, the Vpc keys for calls through an endpoint, never both.
func globalKeys(c *api.Call, path *api.Path) policy.Context {
	k := policy.NewContext(40)
	p := c.Caller
	k.Set(policy.KeyCurrentTime, c.Time.Format(time.RFC3339))
	k.Set(policy.KeyEpochTime, strconv.FormatInt(c.Time.Unix(), 10))
	k.Set(policy.KeySecureTransport, strconv.FormatBool(c.TLS))
	k.Set(policy.KeyRequestedRegion, c.Region)
	k.Set(policy.KeyPrincipalIsAWSService, strconv.FormatBool(p.Kind == identity.Service))
	k.Set(policy.KeyViaAWSService, strconv.FormatBool(len(c.Via) > 0))
	if n := len(c.Via); n > 0 {
		k.Set(policy.KeyCalledVia, c.Via...)
		k.Set(policy.KeyCalledViaFirst, c.Via[0])
		k.Set(policy.KeyCalledViaLast, c.Via[n-1])
	}
	k.Set(policy.KeyUserid, p.ID)
	k.Set(policy.KeyPrincipalType, principalType(p.Kind))
	if c.UserAgent != "" {
		k.Set(policy.KeyUserAgent, c.UserAgent)
	}
	if p.Kind != identity.Anonymous && p.Kind != identity.Service {
		k.Set(policy.KeyPrincipalArn, p.PrincipalARN())
		k.Set(policy.KeyPrincipalAccount, p.Account)
	}
	if p.Kind == identity.User {
		k.Set(policy.KeyUsername, p.Name)
	}
	if p.Kind == identity.Service {
		k.Set(policy.KeyPrincipalServiceName, p.Service)
		k.Set(policy.KeyPrincipalServiceNamesList, p.Service)
	}
	if !p.IssuedAt.IsZero() {
		k.Set(policy.KeyTokenIssueTime, p.IssuedAt.Format(time.RFC3339))
		k.Set(policy.KeyMultiFactorAuthPresent, "false")
	}
	if p.SourceID != "" {
		k.Set(policy.KeySourceIdentity, p.SourceID)
	}
	for t, v := range p.Tags {
		k.Set(policy.KeyPrincipalTag+t, v)
	}
	// aws:SourceAccount and aws:SourceArn stand for the resource a service acts for: only where the service itself asks.
	if p.Kind == identity.Service && c.SourceAccount != "" {
		k.Set(policy.KeySourceAccount, c.SourceAccount)
		k.Set(policy.KeySourceArn, c.SourceARN)
	}
	ip := c.Origin.Peer.Addr().Unmap()
	switch {
	case path != nil:
		k.Set(policy.KeySourceVpce, path.Endpoint)
		k.Set(policy.KeySourceVpc, c.Origin.VPC)
		k.Set(policy.KeyVpceAccount, c.Origin.Account)
		if ip.IsValid() {
			k.Set(policy.KeyVpcSourceIP, ip.String())
		}
	case ip.IsValid() && c.Origin.Door != api.House:
		k.Set(policy.KeySourceIP, ip.String())
	}
	return k
}

func principalType(k identity.Kind) string {
	switch k {
	case identity.Root:
		return "Account"
	case identity.User:
		return "User"
	case identity.Session:
		return "AssumedRole"
	case identity.Federated:
		return "FederatedUser"
	case identity.Service:
		return "AWSService"
	}
	return "Anonymous"
}

// request makes the engine's request of a question.
func (j *judge) request(q *api.Question) (*policy.Request, *policy.Sets, error) {
	owner := q.Owner
	if owner == "" {
		owner = j.call.Account
	}
	r := &policy.Request{Principal: j.call.Caller, Action: q.Action, Resource: q.Resource, ResourceAccount: owner, Context: j.base.With(q.Keys)}
	if owner != "" {
		r.Context.Set(policy.KeyResourceAccount, owner)
		if strings.HasPrefix(q.Action, "s3:") {
			r.Context.Set("s3:ResourceAccount", owner)
		}
		if err := j.belongs(&r.Context, "Resource", owner); err != nil {
			return nil, nil, fmt.Errorf("cannot read an owner's organization: %w", err)
		}
	}
	if strings.HasPrefix(q.Action, "kms:") {
		j.throughService(&r.Context, q.Action)
	}
	s := *j.sets
	s.Grants = q.Grants
	if q.Policy != nil {
		k, ok := policy.KindOf(q.Policy.Kind)
		if !ok {
			return nil, nil, fmt.Errorf("no policy kind %q", q.Policy.Kind)
		}
		s.ResourceKind = k
		if q.Policy.Text != "" {
			src, err := j.gate.compiled([]api.NamedPolicy{{Name: q.Policy.Name, Owner: owner, Text: q.Policy.Text}}, k)
			if err != nil {
				return nil, nil, err
			}
			s.Resource = &src[0]
		}
	}
	return r, &s, nil
}

// Explained is what is kept with an event for explain: of a refusal all reasons, of an allowed question the statement.
type Explained struct {
	Action   string          `json:"action"`
	Resource string          `json:"resource"`
	Decision string          `json:"decision"`
	Layer    string          `json:"layer,omitempty"`
	Source   string          `json:"source,omitempty"` // allowed: the policy, its owner and statement
	Owner    string          `json:"owner,omitempty"`
	Index    int             `json:"statement"`
	Sid      string          `json:"sid,omitempty"`
	Foreign  string          `json:"foreign,omitempty"` // the account that the resource is of, if not the call's
	Endpoint string          `json:"endpoint,omitempty"`
	Table    string          `json:"routeTable,omitempty"`
	Reasons  json.RawMessage `json:"reasons,omitempty"`
}

// Allowance is what is kept with an event that succeeded.
type Allowance struct {
	Allowed []Explained `json:"allowed"`
}

// ask decides one question. The fault is nil when it is allowed, else it has AWS's sentence.
func (j *judge) ask(q api.Question) (*fault.Fault, *Explained, error) {
	r, s, err := j.request(&q)
	if err != nil {
		return nil, nil, err
	}
	v := policy.Decide(r, s)
	ex := &Explained{Action: q.Action, Resource: q.Resource, Decision: v.Decision.String(), Layer: v.Layer.String(), Index: v.Statement, Sid: v.Sid}
	if v.Source != nil {
		ex.Source, ex.Owner = v.Source.Name, v.Source.Owner
	}
	if r.ResourceAccount != j.call.Account {
		ex.Foreign = r.ResourceAccount
	}
	if j.path != nil {
		ex.Endpoint, ex.Table = j.path.Endpoint, j.path.RouteTable
	}
	if v.Decision == policy.Allowed {
		return nil, ex, nil
	}
	v, reasons := policy.Explain(r, s)
	if ex.Reasons, err = json.Marshal(reasons); err != nil {
		return nil, nil, fmt.Errorf("cannot encode an explanation: %w", err)
	}
	if q.Veiled != "" {
		ex.Resource, ex.Reasons = q.Veiled, bytes.ReplaceAll(ex.Reasons, []byte(q.Resource), []byte(q.Veiled))
	}
	// The wire puts EC2's own first sentence before the message.
	text := strings.TrimPrefix(policy.Message(r, v), "You are not authorized to perform this operation. ")
	if j.call.Service == "ec2" && j.call.Account != "" { // the one service whose refusals carry it
		b, err := j.gate.Directory.Refusal(r, v)
		if err != nil {
			return nil, nil, fmt.Errorf("cannot tell a refusal: %w", err)
		}
		enc, err := j.gate.Directory.Encode(j.call.Account, b)
		if err != nil {
			return nil, nil, fmt.Errorf("cannot seal a refusal: %w", err)
		}
		text += ". Encoded authorization failure message: " + enc
	}
	return fault.Of(fault.AccessDenied, "%s", text), ex, nil
}

// filtered asks the endpoint's policy alone, as if everything else allowed: what a network may not ask for, it is not told
// about either.
func (j *judge) filtered(qs []api.Question) (*fault.Fault, *Explained, error) {
	all, err := j.gate.compiled([]api.NamedPolicy{{Name: "everything", Owner: j.call.Caller.Account,
		Text: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}}, policy.Identity)
	if err != nil {
		return nil, nil, err
	}
	open := *j
	open.sets = &policy.Sets{Identity: all, Endpoint: j.sets.Endpoint, EndpointGateway: j.sets.EndpointGateway}
	for _, q := range qs {
		f, ex, err := open.ask(q)
		if err != nil {
			return nil, nil, err
		}
		if f != nil && ex.Layer == policy.LayerEndpoint.String() {
			return f, ex, nil
		}
	}
	return nil, nil, nil
}

// maxKept is how many allowed questions an event keeps; a call that asks more asks the same of many things.
const maxKept = 8

// all decides the questions in order and stops at the first refusal, which it explains.
func (j *judge) all(qs []api.Question) (*fault.Fault, *Explained, []Explained, error) {
	var allowed []Explained
	for _, q := range qs {
		f, ex, err := j.ask(q)
		if err != nil || f != nil {
			return f, ex, nil, err
		}
		if len(allowed) < maxKept {
			allowed = append(allowed, *ex)
		}
	}
	return nil, nil, allowed, nil
}
