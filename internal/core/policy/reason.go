package policy

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Reason is one line of an explanation. Text says all of it; the other members are for programs. What it holds is
// shared with the policies and the request: read only.
type Reason struct {
	Kind      string   `json:"kind"` // decision | matched | missed | layer | change
	Layer     string   `json:"layer,omitempty"`
	Source    string   `json:"source,omitempty"`
	Owner     string   `json:"owner,omitempty"` // account whose policy it is: others must not see it
	Statement int      `json:"statement"`       // index; -1: none
	Sid       string   `json:"sid,omitempty"`
	Effect    string   `json:"effect,omitempty"`
	Part      string   `json:"part,omitempty"` // missed: principal | resource | condition
	Key       string   `json:"key,omitempty"`
	Expected  []string `json:"expected,omitempty"`
	Actual    []string `json:"actual,omitempty"` // nil: the key is missing
	// Text is set in a reason that was read from JSON. In one that Explain gave it is empty, and String makes it: a
	// sentence costs more than a decision, and most are never read.
	Text string `json:"text"`

	draft draft
}

// draft is what the sentence will be made of.
type draft struct {
	say  func(*explainer, *Reason) string
	of   *explainer
	src  *Source
	cond *condition
	// of a layer: which, and its level; of a change: the place of the reason that it is about
	layer Layer
	more  int
}

// String is the reason as people read it.
func (r Reason) String() string {
	if r.Text == "" && r.draft.say != nil {
		return r.draft.say(r.draft.of, &r)
	}
	return r.Text
}

// MarshalJSON writes the reason with its text.
func (r Reason) MarshalJSON() ([]byte, error) {
	type bare Reason
	b := bare(r)
	b.Text = r.String()
	return json.Marshal(b)
}

// place names a statement; then follows its name.
func place(s *Source, i int, then string) string {
	name := s.Name
	if name == "" {
		name = s.Doc.kind.String() + " policy"
	}
	if sid := s.Doc.statements[i].sid; sid != "" {
		return "statement " + strconv.Itoa(i) + " (" + sid + ") of " + name + then
	}
	return "statement " + strconv.Itoa(i) + " of " + name + then
}

func (e *explainer) question() string { return e.req.Action + " on " + e.req.Resource }

func (e *explainer) sayNeedless(*Reason) string {
	return "allowed: " + e.req.Action + " needs no permission"
}

func (e *explainer) sayDecider(*Reason) string {
	verb := "allowed: "
	if e.v.Decision == ExplicitlyDenied {
		verb = "denied: "
	}
	return verb + place(e.v.Source, e.v.Statement, " (") + e.v.Layer.String() + ") decides " + e.question() + " for " + e.who[0]
}

func (e *explainer) sayGrant(r *Reason) string {
	return "allowed: " + strings.TrimSpace("grant "+strings.TrimPrefix(r.Source, "grant ")) + " on the key gives " + e.question() + " to " + e.who[0]
}

func (e *explainer) sayRoot(*Reason) string {
	return "allowed: " + e.who[0] + " is the root user of its account, which nothing here denies"
}

func (e *explainer) sayLinked(*Reason) string { return "denied: a service-linked role can't be passed" }

func (e *explainer) sayNobody(*Reason) string {
	return "denied: no " + e.v.Layer.String() + " allows " + e.question() + " for " + e.who[0]
}

func (e *explainer) sayDenies(r *Reason) string {
	return place(r.draft.src, r.Statement, " denies ") + e.question()
}

func (e *explainer) sayAllows(r *Reason) string {
	return place(r.draft.src, r.Statement, " allows ") + e.question()
}

func (e *explainer) sayLeaves(r *Reason) string {
	return place(r.draft.src, r.Statement, " leaves ") + e.req.Action + " to the policies of account " + e.p.Account
}

// misses begins the sentence about a part that failed.
func misses(r *Reason) string {
	return place(r.draft.src, r.Statement, " (") + r.Effect + ") does not apply: "
}

func (e *explainer) sayPrincipal(r *Reason) string {
	s, element := &r.draft.src.Doc.statements[r.Statement], "Principal "
	if s.notPrincipal {
		element = "NotPrincipal "
	}
	t := misses(r) + element + listed(r.Expected) + " does not take in " + e.who[0]
	if r.Layer == LayerEndpoint.String() && e.sets.EndpointGateway && classify(s.principals, e.p, e.req.CanonicalUser, false) == namedAccount {
		t += "; in a gateway endpoint's policy an account means its root user alone"
	}
	return t
}

func (e *explainer) sayResource(r *Reason) string {
	s, element := &r.draft.src.Doc.statements[r.Statement], "Resource "
	if s.notResource {
		element = "NotResource "
	}
	t := misses(r) + element + listed(r.Expected) + " does not take in " + e.req.Resource
	for i := range s.resources {
		t += r.draft.src.Doc.note(&s.resources[i], &e.req.Context)
	}
	return t
}

func (e *explainer) sayCondition(r *Reason) string {
	t := misses(r) + r.draft.cond.failure(r.Expected, &e.req.Context)
	for i := range r.draft.cond.values {
		t += r.draft.src.Doc.note(&r.draft.cond.values[i].pat, &e.req.Context)
	}
	return t
}

// failure says what a condition wanted and what it got.
func (c *condition) failure(expected []string, ctx *Context) string {
	e := ctx.find(&c.keyName)
	want := "condition " + c.name + " " + c.key + " " + listed(expected)
	switch {
	case c.op.family == nullFamily && e == nil:
		return want + " wants " + c.key + " to be present; it is missing"
	case c.op.family == nullFamily:
		return want + " wants " + c.key + " to be missing; it is " + listed(e.values)
	case e == nil:
		return want + " fails: " + c.key + " is missing from the request"
	case e.multi && c.set == single:
		return want + " fails: " + c.key + " holds a set " + listed(e.values) + " and needs ForAllValues or ForAnyValue"
	}
	return want + " fails: " + c.key + " is " + listed(e.values)
}

// note tells what became of the variables in a pattern that did not match.
func (d *Document) note(p *pattern, ctx *Context) string {
	switch {
	case !p.vars && d.version != "2012-10-17" && holdsVariable(p.raw):
		return "; " + p.raw + " is plain text without \"Version\": \"2012-10-17\""
	case !p.resolvable(ctx):
		return "; " + p.raw + " holds a variable without a value"
	case p.vars:
		t := ""
		for i := range p.tokens {
			if r := p.tokens[i].ref; r != nil {
				v, _ := r.resolve(ctx)
				t += "; ${" + r.lower + "} is " + strconv.Quote(v)
			}
		}
		return t
	}
	return ""
}

func listed(v []string) string {
	if len(v) == 1 {
		return strconv.Quote(v[0])
	}
	q := make([]string, len(v))
	for i := range v {
		q[i] = strconv.Quote(v[i])
	}
	return "[" + strings.Join(q, ", ") + "]"
}

// title names a layer at the head of a line; level counts service control policies from the root.
func (l Layer) title(level int) string {
	switch l {
	case LayerSCP:
		return "level " + strconv.Itoa(level+1) + " of the service control policies"
	case LayerSession:
		return "the session policies"
	case LayerIdentity:
		return "the identity-based policies"
	}
	return "the " + l.String()
}

func (e *explainer) sayKeyless(*Reason) string {
	return "the resource has no policy, and its kind (" + e.sets.ResourceKind.String() + ") allows nobody without one"
}

func (e *explainer) sayStop(r *Reason) string {
	return "to allow it, statement " + strconv.Itoa(r.Statement) + " of " + r.Source + " must no longer match: an explicit deny wins over every allow"
}

func (e *explainer) sayNeed(*Reason) string {
	return "to allow it, " + e.v.Layer.article() + " needs a statement that allows " + e.question()
}

func (e *explainer) sayOwnRole(*Reason) string { return "pass a role of your own" }

func (e *explainer) sayBut(r *Reason) string {
	m := &e.out[r.draft.more]
	return "statement " + strconv.Itoa(r.Statement) + " of " + r.Source + " would allow it but for its " + strings.TrimSpace(m.Part+" "+m.Key)
}

func (e *explainer) sayNone(r *Reason) string {
	return r.draft.layer.title(r.draft.more) + ": there are none"
}

func (e *explainer) sayUnmatched(r *Reason) string {
	return r.draft.layer.title(r.draft.more) + ": no Allow matches " + e.question()
}

func (e *explainer) saySilent(r *Reason) string {
	return r.Source + ": no statement is about " + e.req.Action
}

func (e *explainer) sayAllSilent(r *Reason) string {
	return r.draft.layer.title(r.draft.more) + ": no statement is about " + e.req.Action
}
