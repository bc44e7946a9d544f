package sts

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	shape "cloister/internal/shape/sts"
	"cloister/internal/store"
)

const (
	defaultSession = time.Hour
	shortest       = 15 * time.Minute
	chained        = time.Hour // the longest session that a session may open
	mostPolicies   = 10        // managed session policies of one call
	mostTags       = 50
)

// nobody is the trust policy of a role that does not exist: AWS refuses such a call in the words of a role that trusts
// somebody else, so that names can't be probed. The unique id is one that is never given: ids have 16 places after AROA,
// of A-Z and 2-7.
const nobody = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"AROA0000000000000000"},"Action":"sts:AssumeRole"}]}`

// mayAssume asks for the role's own consent: its trust policy decides together with the caller's policies. Tags and source
// identity are two further actions on the role.
func (s *Service) mayAssume(c *api.Call, v store.View, in *shape.AssumeRoleRequest) ([]api.Question, error) {
	if in.RoleArn == nil { // the validation that follows says so
		return []api.Question{{Action: "sts:AssumeRole", Resource: "*"}}, nil
	}
	a, err := arn.Parse(*in.RoleArn)
	if kind, _ := a.Split(); err != nil || a.Partition == "" || a.Service != "iam" || a.Region != "" || a.Account == "" || kind == "" {
		return nil, invalid("%s is invalid", *in.RoleArn)
	}
	// The caller of --dev whose key nobody issued stands for whoever tries the house out; a real root is refused as in AWS.
	if c.Caller.Kind == identity.Root && !c.Caller.Unverified {
		return nil, fault.Of(fault.AccessDenied, "Roles may not be assumed by root accounts.")
	}
	q := api.Question{Action: "sts:AssumeRole", Resource: *in.RoleArn, Owner: a.Account, Keys: map[string][]string{},
		Policy: &api.ResourcePolicy{Kind: "trust", Name: "trust policy of role " + a.Resource[strings.LastIndexByte(a.Resource, '/')+1:], Text: nobody}}
	role, trust, _, err := s.roles.Assumable(v, *in.RoleArn)
	switch {
	case err == nil:
		q.Policy.Text = trust
		for k, val := range role.Tags {
			q.Keys["aws:ResourceTag/"+k] = []string{val}
			q.Keys["iam:ResourceTag/"+k] = []string{val}
		}
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	case a.Account == c.Account: // the name shows in explain alone, and there to one's own account
		q.Policy.Name += ", which does not exist"
	}
	set := func(k string, val *string) {
		if val != nil {
			q.Keys[k] = []string{*val}
		}
	}
	set("sts:RoleSessionName", in.RoleSessionName)
	set("sts:ExternalId", in.ExternalId)
	source := in.SourceIdentity
	if source == nil && c.Caller.SourceID != "" {
		source = &c.Caller.SourceID
	}
	set("sts:SourceIdentity", source)
	inherited, err := s.roles.Inherited(v, c.Caller.AccessKey)
	if err != nil {
		return nil, err
	}
	if names := requestTags(q.Keys, in.Tags); len(names) > 0 {
		q.Keys["aws:TagKeys"] = names
	}
	if len(in.TransitiveTagKeys) > 0 {
		q.Keys["sts:TransitiveTagKeys"] = in.TransitiveTagKeys
	}
	out := []api.Question{q}
	if len(in.Tags) > 0 || len(in.TransitiveTagKeys) > 0 || len(inherited) > 0 {
		out = append(out, also(q, "sts:TagSession"))
	}
	if source != nil {
		out = append(out, also(q, "sts:SetSourceIdentity"))
	}
	return out, nil
}

// requestTags puts session tags among the keys and gives their names.
func requestTags(keys map[string][]string, tags []shape.Tag) (names []string) {
	for _, t := range tags {
		if t.Key != nil && t.Value != nil {
			keys["aws:RequestTag/"+*t.Key] = []string{*t.Value}
			names = append(names, *t.Key)
		}
	}
	return names
}

func also(q api.Question, action string) api.Question {
	q.Action = action
	return q
}

func (s *Service) assume(c *api.Call, tx store.Tx, in *shape.AssumeRoleRequest) (*shape.AssumeRoleResponse, error) {
	// The trust policy may have changed, or the role may be another one, since the questions were asked: the transaction
	// that opens the session asks them again.
	qs, err := s.mayAssume(c, tx, in)
	if err != nil {
		return nil, err
	}
	for _, q := range qs {
		if err := c.May(tx, q); err != nil {
			return nil, err
		}
	}
	p, _, longest, err := s.roles.Assumable(tx, *in.RoleArn)
	if err != nil { // nobody would not have let it come here
		return nil, err
	}
	length, err := duration(c, in, longest)
	if err != nil {
		return nil, err
	}
	tags, transitive, err := s.sessionTags(c, tx, in.Tags, in.TransitiveTagKeys)
	if err != nil {
		return nil, err
	}
	if p.SessionPolicies, err = s.sessionPolicies(tx, in.Policy, in.PolicyArns, p.Account); err != nil {
		return nil, err
	}
	p.Session, p.Tags, p.SourceID = *in.RoleSessionName, tags, c.Caller.SourceID
	switch {
	case in.SourceIdentity == nil:
	case p.SourceID != "" && p.SourceID != *in.SourceIdentity:
		return nil, fault.Of(fault.AccessDenied, "The source identity of a session cannot be changed: it is %s.", p.SourceID)
	default:
		p.SourceID = *in.SourceIdentity
	}
	if c.Caller.Kind == identity.Service {
		p.InvokedBy = c.Caller.Service
	}
	expires := tx.Now().Add(length).Truncate(time.Second)
	key, secret, token, err := s.roles.Issue(tx, c.Dice, p, transitive, expires)
	if err != nil {
		return nil, err
	}
	c.Touch(*in.RoleArn)
	// PackedPolicySize stays out: AWS does not say how it packs, and a number of our own would mean nothing.
	id := p.UniqueID + ":" + p.Session
	name := arn.Make(p.Partition, "sts", "", p.Account, "assumed-role/"+p.Name+"/"+p.Session)
	out := &shape.AssumeRoleResponse{
		Credentials:     &shape.Credentials{AccessKeyId: &key, SecretAccessKey: &secret, SessionToken: &token, Expiration: &expires},
		AssumedRoleUser: &shape.AssumedRoleUser{AssumedRoleId: &id, Arn: &name},
	}
	if p.SourceID != "" {
		out.SourceIdentity = &p.SourceID
	}
	return out, nil
}

// duration is how long the session lasts: what was asked for, within the role's bounds, and an hour at most when a session
// opens another.
func duration(c *api.Call, in *shape.AssumeRoleRequest, longest time.Duration) (time.Duration, error) {
	if in.DurationSeconds == nil {
		return min(defaultSession, longest), nil
	}
	d := time.Duration(*in.DurationSeconds) * time.Second
	switch {
	case d < shortest:
		return 0, invalid("1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900", *in.DurationSeconds)
	case c.Caller.Kind == identity.Session && d > chained:
		return 0, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	case d > longest:
		return 0, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return d, nil
}

// sessionTags gives the session's tags, inherited ones among them, and the keys of those that go along further.
func (s *Service) sessionTags(c *api.Call, v store.View, given []shape.Tag, along []string) (map[string]string, []string, error) {
	tags, err := s.roles.Inherited(v, c.Caller.AccessKey)
	if err != nil {
		return nil, nil, err
	}
	if tags == nil {
		tags = map[string]string{}
	}
	transitive := slices.Sorted(maps.Keys(tags))
	asked := map[string]bool{}
	for _, t := range given {
		low := strings.ToLower(*t.Key)
		switch {
		case asked[low]:
			return nil, nil, badValue("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		case strings.HasPrefix(low, "aws:"):
			return nil, nil, badValue("Tag keys that start with aws: are reserved for system use.")
		case holds(transitive, low):
			return nil, nil, badValue("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		asked[low] = true
		tags[*t.Key] = *t.Value
	}
	for _, k := range along {
		low := strings.ToLower(k)
		switch {
		case holds(transitive, low):
			return nil, nil, badValue("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		case !asked[low]:
			return nil, nil, badValue("The specified transitive tag key must be included in the requested tags.")
		}
	}
	for _, t := range given {
		if slices.ContainsFunc(along, func(k string) bool { return strings.EqualFold(k, *t.Key) }) {
			transitive = append(transitive, *t.Key)
		}
	}
	if len(tags) > mostTags {
		return nil, nil, badValue("A session may have at most %d tags.", mostTags)
	}
	return tags, transitive, nil
}

func holds(keys []string, low string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return strings.ToLower(k) == low })
}

// sessionPolicies gives the policies passed with the call; nil when none were, which does not limit. Managed ones are
// those of the account, as they stand now.
func (s *Service) sessionPolicies(v store.View, inline *string, arns []shape.PolicyDescriptorType, account string) ([]string, error) {
	var out []string
	if inline != nil {
		if _, err := policy.Parse([]byte(*inline), policy.Session); err != nil {
			return nil, malformed(err)
		}
		out = append(out, *inline)
	}
	if len(arns) > mostPolicies {
		return nil, fault.New("LimitExceeded", "At most %d managed session policies may be passed.", mostPolicies).With(409)
	}
	for _, d := range arns {
		if d.Arn == nil {
			return nil, invalid("1 validation error detected: Value null at 'policyArns.member.arn' failed to satisfy constraint: Member must not be null")
		}
		text, err := s.roles.PolicyText(v, account, *d.Arn)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

func malformed(err error) error {
	var e *policy.SyntaxError
	if !errors.As(err, &e) {
		return err
	}
	return fault.New("MalformedPolicyDocument", "%s", e.Error()).With(400)
}
