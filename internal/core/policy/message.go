package policy

import (
	"strings"

	"cloister/internal/core/identity"
)

// Message is AWS's sentence for a denial; empty when the call is allowed. S3 puts the resource in quotes and tells
// callers of other accounts nothing; EC2 begins with a sentence of its own. Source: IAM User Guide, "Troubleshoot access
// denied error messages", and answers quoted in public issues.
func Message(req *Request, v Verdict) string {
	if v.Decision == Allowed {
		return ""
	}
	p := req.caller()
	vendor, _, _ := strings.Cut(strings.ToLower(req.Action), ":")
	resource := req.Resource
	if vendor == "s3" {
		if p.Account != "" && req.ResourceAccount != "" && p.Account != req.ResourceAccount || p.Kind == identity.Anonymous {
			return "Access Denied"
		}
		resource = `"` + resource + `"`
	}
	// Of a key of another account it is not said whether it is there.
	unseen := vendor == "kms" && p.Account != "" && req.ResourceAccount != "" && p.Account != req.ResourceAccount
	who := p.ARN
	switch {
	case who != "":
	case p.Kind == identity.Service:
		who = p.Service
	default:
		who = "anonymous"
	}
	var b strings.Builder
	if vendor == "ec2" {
		b.WriteString("You are not authorized to perform this operation. ")
	}
	b.WriteString("User: " + who + " is not authorized to perform: " + req.Action)
	switch {
	case unseen:
		b.WriteString(" on this resource")
	case req.Resource != "" && req.Resource != "*" && !strings.HasSuffix(req.Resource, ":s3:::*"): // AWS names no resource where there is none
		b.WriteString(" on resource: " + resource)
	}
	switch {
	case unseen && v.Layer == LayerResource:
		b.WriteString(" because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access")
	case v.Decision == ExplicitlyDenied && v.Statement >= 0:
		b.WriteString(" with an explicit deny in " + v.Layer.article())
	default:
		b.WriteString(" because no " + v.Layer.String() + " allows the " + req.Action + " action")
	}
	return b.String()
}

// article is the layer's name with its article, as the guide's sentences have it.
func (l Layer) article() string {
	switch l {
	case LayerIdentity:
		return "an " + l.String()
	case LayerTrust:
		return "the " + l.String()
	}
	return "a " + l.String()
}
