package gate

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/trail"
	"cloister/internal/front/wire"
	"cloister/internal/store"
)

// record writes the events of a call that was done into the transaction of its act.
func (p *passage) record(tx store.Tx, out any) error {
	for _, e := range p.events(out, nil, nil) {
		if err := tx.Record(e); err != nil {
			return err
		}
	}
	return nil
}

// events are a call's: the caller's account has one, and so has the account whose resources it used. Source: CloudTrail User Guide, "CloudTrail
// record contents", sharedEventID; "AWS KMS Developer Guide", "Logging AWS KMS API calls": a refused call is in the caller's trail alone.
func (p *passage) events(out any, f *fault.Fault, why *Explained) []*trail.Event {
	e := p.event(out, f, why)
	all := []*trail.Event{e}
	if f != nil || e.Recipient == "" {
		return all
	}
	for _, owner := range p.owners(e) {
		all = append(all, e.Foreign(trail.ID(p.call.Time, p.call.Dice.Bytes(10)), owner))
	}
	if len(all) > 1 {
		id := p.call.Dice.UUID()
		for _, e := range all {
			e.SharedID = id
		}
	}
	return all
}

// owners are the accounts beside the recipient whose buckets, keys or roles the call used.
func (p *passage) owners(e *trail.Event) []string {
	var out []string
	for _, q := range slices.Concat(p.asked, p.further) {
		a, err := arn.Parse(q.Resource)
		if q.Owner == "" || q.Owner == e.Recipient || err != nil || slices.Contains(out, q.Owner) {
			continue
		}
		switch {
		case a.Service == "s3" && strings.HasPrefix(q.Action, "s3:"), a.Service == "kms" && strings.HasPrefix(q.Action, "kms:"), strings.HasPrefix(q.Action, "sts:Assume"):
			out = append(out, q.Owner)
		}
	}
	return out
}

// event is the call's record in the caller's account.
func (p *passage) event(out any, f *fault.Fault, why *Explained) *trail.Event {
	c, o := p.call, p.call.Origin
	e := &trail.Event{ID: trail.ID(c.Time, c.Dice.Bytes(10)), Time: c.Time, RequestID: c.RequestID, Parent: p.parent, Service: p.service.SigningName, Name: p.op.Name,
		ReadOnly: p.row != nil && p.row.ReadOnly, Account: c.Caller.Account, Recipient: c.Account, Region: c.Region, UserAgent: c.UserAgent,
		VPC: o.VPC, Interface: o.Interface, Resources: p.touched(f != nil), Caller: callerOf(c.Caller)}
	for _, q := range slices.Concat(p.asked, p.further) {
		if strings.HasPrefix(q.Resource, "arn:"+c.Partition+":s3:::") && e.Owner == "" {
			e.Owner = q.Owner
		}
	}
	switch {
	case o.Door == api.House:
		e.SourceIP = c.Caller.InvokedBy
		if e.SourceIP == "" {
			e.SourceIP = c.Caller.Service
		}
	case o.Peer.IsValid():
		e.SourceIP = o.Peer.Addr().Unmap().String()
	}
	if e.Recipient == "" { // nobody's call: the owner of what it touched is to see it
		e.Recipient = p.owner
	}
	if p.path != nil {
		e.Endpoint, e.EndpointOf = p.path.Endpoint, o.Account
	}
	if p.req != nil {
		e.Host = c.Host
		if s := p.req.TLS; s != nil {
			e.TLS = &trail.TLS{Version: strings.Replace(tls.VersionName(s.Version), "TLS 1", "TLSv1", 1), Cipher: tls.CipherSuiteName(s.CipherSuite), Host: c.Host}
		}
	}
	if p.in != nil {
		e.Request = bounded(p.op.Params(p.in))
	}
	e.Additional = p.additional(out)
	if f != nil {
		a := wire.Explain(p.service, p.op, f)
		e.ErrorCode, e.Error = a.Code, cmp.Or(f.Noted, a.Message)
		if p.service.Name == "ec2" {
			e.ErrorCode = "Client." + a.Code
		}
	} else if out != nil && p.row.View == nil && (!p.row.ReadOnly || p.service.Name == "sts") { // CloudTrail calls AssumeRole read-only, and still records which session it opened
		e.Response = bounded(p.op.Elements(out))
	}
	switch {
	case why != nil:
		e.Explanation, _ = json.Marshal(why)
	case f == nil && len(p.allowed) > 0:
		e.Explanation, _ = json.Marshal(Allowance{p.allowed})
	}
	return e
}

// maxElement bounds what an event keeps of a request and of an answer. Source: CloudTrail User Guide, "CloudTrail record contents": 100 KB each.
const maxElement = 100 << 10

func bounded(b json.RawMessage) json.RawMessage {
	if len(b) <= maxElement {
		return b
	}
	return json.RawMessage(`{"omitted":true,"originalSize":` + strconv.Itoa(len(b)) + `}`)
}

// maxResources is how many resources an event names: the keys of one DeleteObjects and their bucket. Trails select by them, so that
// one left out could be deleted unseen.
const maxResources = 1024

// touched are the resources that the call concerned: what its row says, and what was asked about, so that refused calls are found by them too.
func (p *passage) touched(refused bool) []string {
	out := slices.Clone(p.call.Touched())
	for _, q := range p.asked {
		if refused && q.Veiled != "" {
			continue
		}
		if strings.HasPrefix(q.Resource, "arn:") && !strings.ContainsAny(q.Resource, "*?") && !slices.Contains(out, q.Resource) {
			out = append(out, q.Resource)
		}
	}
	return out[:min(len(out), maxResources)]
}

// additional is additionalEventData. Sources: S3 User Guide, "Example: CloudTrail log file entries for Amazon S3"; and what S3's events say of
// an object's encryption.
func (p *passage) additional(out any) json.RawMessage {
	if p.service.Name != "s3" || p.req == nil {
		return nil
	}
	add := struct {
		Signature string `json:"SignatureVersion,omitempty"`
		Method    string `json:"AuthenticationMethod,omitempty"`
		Cipher    string `json:"CipherSuite,omitempty"`
		In        int64  `json:"bytesTransferredIn"`
		Out       int64  `json:"bytesTransferredOut"`
		Sealed    string `json:"SSEApplied,omitempty"`
	}{In: max(p.req.ContentLength, 0)}
	switch q := p.req.URL.Query(); {
	case p.req.Header.Get("Authorization") != "":
		add.Signature, add.Method = "SigV4", "AuthHeader"
	case q.Has("X-Amz-Signature"):
		add.Signature, add.Method = "SigV4", "QueryString"
	case q.Has("Signature"):
		add.Signature, add.Method = "SigV2", "QueryString"
	}
	if s := p.req.TLS; s != nil {
		add.Cipher = tls.CipherSuiteName(s.CipherSuite)
	}
	if n, err := strconv.ParseInt(p.req.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64); err == nil {
		add.In = n
	}
	if n := member(out, "ContentLength"); n.Kind() == reflect.Int64 && p.req.Method == "GET" {
		add.Out = n.Int()
	}
	switch sealed := member(out, "ServerSideEncryption"); sealed.String() {
	case "AES256":
		add.Sealed = "SSE_S3"
	case "aws:kms":
		add.Sealed = "SSE_KMS"
	case "aws:kms:dsse":
		add.Sealed = "DSSE_KMS"
	}
	b, err := json.Marshal(add)
	if err != nil {
		return nil
	}
	return b
}

// member is what a member of an output points to; the zero value where there is none.
func member(out any, name string) reflect.Value {
	v := reflect.ValueOf(out)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return reflect.Indirect(v.Elem().FieldByName(name))
}

func callerOf(p *identity.Principal) trail.Caller {
	c := trail.Caller{ARN: p.ARN, Principal: p.ID, Account: p.Account, AccessKey: p.AccessKey, InvokedBy: p.InvokedBy, SourceID: p.SourceID, Unverified: p.Unverified}
	if !p.IssuedAt.IsZero() {
		c.IssuedAt = p.IssuedAt.UTC().Format(time.RFC3339)
	}
	switch p.Kind {
	case identity.Root:
		c.Type = "Root"
	case identity.User:
		c.Type, c.UserName = "IAMUser", p.Name
	case identity.Session:
		c.Type, c.Issuer = "AssumedRole", p.RoleARN
	case identity.Federated:
		c.Type, c.Issuer = "FederatedUser", p.RoleARN
	case identity.Service:
		c.Type, c.InvokedBy = "AWSService", p.Service
	default:
		c.Type = "Unknown"
	}
	return c
}
