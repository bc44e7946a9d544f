// Package cloister is our own service: a few operations for the command line and the console. It reads what other rooms
// recorded and decides nothing.
package cloister

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
	"cloister/internal/core/policy"
	"cloister/internal/core/trail"
	shape "cloister/internal/shape/cloister"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// Config is what the service needs of the house.
type Config struct {
	// Uplink: the network that stands for the internet leads out of this host.
	Uplink bool
	// Probe sends one packet from an interface and says "answered", "refused" or "silent". Nil: Probe is not built.
	Probe func(ctx context.Context, eni string, proto int, to netip.AddrPort, source uint16) (string, error)
}

// Service is the house's own.
type Service struct{ cfg Config }

// New makes the service.
func New(cfg Config) *Service { return &Service{cfg} }

// Rows is the table.
func (s *Service) Rows() []api.Operation {
	return api.Rows("cloister", api.Op[shape.ExplainRequest, shape.ExplainResponse]{
		Name: "Explain", Honours: []string{"Subject"},
		Questions: func(c *api.Call, v store.View, in *shape.ExplainRequest) ([]api.Question, error) {
			return []api.Question{{Action: "cloister:Explain", Resource: resource(c, deref(in.Subject))}}, nil
		},
		View: explain,
	}, s.reachRow(), s.probeRow())
}

// resource is what the permission is asked for: the job's ARN itself, or the request in the caller's account.
func resource(c *api.Call, subject string) string {
	if strings.HasPrefix(subject, "arn:") {
		return subject
	}
	return c.ARN("cloister", "request/"+subject)
}

func explain(c *api.Call, v store.View, in *shape.ExplainRequest) (*shape.ExplainResponse, error) {
	if strings.HasPrefix(*in.Subject, "arn:") {
		return explainJob(c, v, *in.Subject)
	}
	evs, err := v.Trail(store.TrailQuery{Account: c.Account, RequestID: *in.Subject})
	if err != nil {
		return nil, err
	}
	if len(evs) == 0 {
		return nil, fault.New("ResourceNotFoundException", "No call of the account %s has the request id %s.", c.Account, *in.Subject)
	}
	out := &shape.ExplainResponse{Subject: in.Subject, Findings: []shape.Finding{}}
	e := &evs[0]
	allowed := e.ErrorCode == ""
	out.Allowed = &allowed
	if allowed {
		out.Summary = ptr(fmt.Sprintf("%s:%s by %s was allowed and done.", e.Service, e.Name, e.Caller.ARN))
	} else {
		out.Summary = ptr(fmt.Sprintf("%s:%s by %s was refused: %s: %s", e.Service, e.Name, e.Caller.ARN, e.ErrorCode, said(e)))
	}
	for i := range evs {
		out.Findings = append(out.Findings, findings(c.Account, "", &evs[i])...)
	}
	return out, nil
}

func explainJob(c *api.Call, v store.View, arn string) (*shape.ExplainResponse, error) {
	it, err := rows.Jobs.Find(v, c.Scope(), "arn", arn)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New("ResourceNotFoundException", "The account %s has no job %s.", c.Account, arn)
	}
	if err != nil {
		return nil, err
	}
	j := &it.Value
	ok := j.State != job.Failed
	out := &shape.ExplainResponse{Subject: &arn, Allowed: &ok, Findings: []shape.Finding{}, Summary: ptr(summary(j))}
	for _, s := range j.Steps {
		for _, id := range s.RequestIDs {
			evs, err := v.Trail(store.TrailQuery{Account: c.Account, RequestID: id})
			if err != nil {
				return nil, err
			}
			for i := range evs {
				out.Findings = append(out.Findings, findings(c.Account, s.Name, &evs[i])...)
			}
		}
	}
	if j.Instances > 0 { // it came to that
		f := shape.Finding{Layer: ptr("analyser"), Text: ptr("the job's analyser is the built-in engine")}
		if j.Image != "" {
			f.Rule, f.Text = ptr(j.Image), ptr("this image is the job's analyser, in the built-in engine's place")
		}
		out.Findings = append(out.Findings, f)
	}
	for _, r := range j.Reasons {
		out.Findings = append(out.Findings, shape.Finding{Layer: ptr(r.Layer), Rule: opt(r.Rule), Text: ptr(r.Text), Change: opt(r.Change)})
	}
	return out, nil
}

func summary(j *job.Job) string {
	s := fmt.Sprintf("%s is %s", j.ARN, j.State)
	if j.Trains != "" { // its ARN is the model's, whose statuses have names of their own
		var m model.Model
		m.Follow(j)
		s = fmt.Sprintf("%s is %s", j.ARN, m.Status)
	}
	if j.Message != "" {
		s += ": " + j.Message
	}
	if n := len(j.Steps); n > 0 && j.State == job.Failed {
		s += " (in step " + j.Steps[n-1].Name + ")"
	}
	return s
}

// kept is how the gate keeps an explanation with an event: of a refusal its reasons, of a success what allowed each question.
type kept struct {
	Action, Resource, Decision, Layer string
	Endpoint, RouteTable              string
	Source, Owner, Sid                string
	Foreign                           string
	Statement                         int
	Reasons                           []policy.Reason
	Allowed                           []kept
}

// allowed tells which statement allowed each question of a call that was done.
func allowed(account string, base shape.Finding, e *trail.Event) []shape.Finding {
	var k kept
	if len(e.Explanation) == 0 || json.Unmarshal(e.Explanation, &k) != nil {
		return nil
	}
	var out []shape.Finding
	for _, q := range k.Allowed {
		f := base
		f.Call = ptr(q.Action + " on " + q.Resource)
		if q.Layer != "none" {
			f.Layer = opt(q.Layer)
		}
		switch {
		case q.Owner != "" && q.Owner != account:
			f.Text = ptr("allowed; a policy of " + whose(q.Resource, q.Owner) + " bears on this, and what it says is for that account to see")
		case q.Source != "":
			f.Rule = opt(rule(policy.Reason{Source: q.Source, Statement: q.Statement, Sid: q.Sid}))
			f.Text = ptr("allowed")
		default:
			f.Text = ptr("allowed without a policy of its own: " + e.Caller.Type + " callers have this right by what they are")
		}
		if q.Endpoint != "" {
			f.Text = ptr(*f.Text + "; the request came through " + q.Endpoint + ", to which the route table " + q.RouteTable + " led it")
		}
		out = append(out, f)
	}
	return out
}

// whose names another account where the resource's ARN does: whom a bucket belongs to is not for everybody to know.
func whose(resource, owner string) string {
	if a, err := arn.Parse(resource); err == nil && a.Account == owner {
		return "the account " + owner
	}
	return "another account"
}

// findings are an event's reasons. What a policy of another account says stays hidden: that it decided is told, not how; of a
// service control policy also the level. It is told once and always, so that neither how many of its statements come near, nor whether a role exists, can be counted.
func findings(account, step string, e *trail.Event) []shape.Finding {
	base := shape.Finding{RequestId: opt(e.RequestID), Step: opt(step), Call: ptr(e.Service + ":" + e.Name)}
	if e.ErrorCode == "" {
		return allowed(account, base, e)
	}
	one := base
	one.Layer, one.Text = ptr("answer"), ptr(e.ErrorCode+": "+said(e))
	out := []shape.Finding{one}
	var k kept
	if len(e.Explanation) == 0 || json.Unmarshal(e.Explanation, &k) != nil {
		return out
	}
	if k.Endpoint != "" {
		via := base
		via.Layer, via.Rule = ptr("path"), ptr(k.Endpoint)
		via.Text = ptr(fmt.Sprintf("the request came through %s, to which the route table %s led it", k.Endpoint, k.RouteTable))
		out = append(out, via)
	}
	theirs := ""
	if a, err := arn.Parse(k.Resource); err == nil && a.Account != account {
		theirs = a.Account
	}
	foreign := k.Foreign != "" && k.Foreign != account
	if foreign {
		theirs = k.Foreign
	}
	for _, r := range k.Reasons {
		if foreign && (r.Layer == policy.LayerResource.String() || r.Layer == policy.LayerTrust.String() && r.Kind == "layer") {
			continue // whether there is a policy, and whether it is silent or denies, is theirs to know too
		}
		if r.Owner != "" && r.Owner != account {
			if r.Layer != policy.LayerSCP.String() {
				theirs = r.Owner
			} else if r.Kind == "decision" || r.Kind == "layer" {
				out = append(out, limited(base, &k, &r))
			}
			continue
		}
		f := base
		f.Call = ptr(k.Action + " on " + k.Resource)
		f.Layer, f.Rule, f.Text = opt(r.Layer), opt(rule(r)), ptr(r.Text)
		if r.Kind == "change" {
			f.Text, f.Change = nil, ptr(r.Text)
		}
		out = append(out, f)
	}
	if theirs != "" {
		f := base
		f.Layer = ptr("another account")
		f.Call, f.Text = ptr(k.Action+" on "+k.Resource), ptr("a policy of "+whose(k.Resource, theirs)+" bears on this; what it says is for that account to see")
		out = append(out, f)
	}
	return out
}

// limited tells a member that a service control policy decided, and at which level; the policy itself is the management account's.
func limited(f shape.Finding, k *kept, r *policy.Reason) shape.Finding {
	level := "a level above the account"
	if i := strings.LastIndex(r.Source, attached); i >= 0 {
		level = r.Source[i+len(attached):]
	}
	text := "no service control policy attached to " + level + " allows it"
	if r.Statement >= 0 {
		text = "a service control policy attached to " + level + " denies it"
	}
	f.Call, f.Layer = ptr(k.Action+" on "+k.Resource), ptr(r.Layer)
	f.Text = ptr(text + "; what it says is for the management account " + r.Owner + " to see")
	return f
}

// attached stands before the place in the name of a service control policy.
const attached = " attached to "

// said is the answer without what it hides in its encoded part, which an explanation tells in clear.
func said(e *trail.Event) string {
	s, _, _ := strings.Cut(e.Error, ". Encoded authorization failure message: ")
	return s
}

func rule(r policy.Reason) string {
	s := r.Source
	if r.Statement >= 0 && s != "" {
		s += fmt.Sprintf(", statement %d", r.Statement)
		if r.Sid != "" {
			s += " (" + r.Sid + ")"
		}
	}
	return s
}

func ptr(s string) *string { return &s }

func opt(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
