package policy

import (
	"strings"

	actions "cloister/internal/core/action"
)

// Rules for documents that are saved, beyond their shape. Source: IAM User Guide (grammar, Resource), the S3 and VPC
// guides, and the recorded order of IAM's own refusals.

func operatorHint(name string) string {
	if c, ok := parseOperator(name, true); ok {
		right := c.op.name
		if c.ifExists {
			right += "IfExists"
		}
		return "operators are spelt exactly: " + [...]string{"", "ForAllValues:", "ForAnyValue:"}[c.set] + right
	}
	if strings.Contains(strings.ToLower(name), "null") {
		return "Null takes neither IfExists nor ForAllValues: nor ForAnyValue:"
	}
	if strings.Contains(name, ":") && !strings.HasPrefix(name, "For") {
		return "\"" + name + "\" looks like a condition key; Condition is {operator: {key: value}}"
	}
	return "there is no condition operator \"" + name + "\""
}

func valueHint(c *condition, s string) string {
	want := map[family]string{numericFamily: "a number like 10 or 0.5", dateFamily: "a date like 2026-01-31T00:00:00Z or epoch seconds",
		boolFamily: "true or false", nullFamily: "\"true\" (the key is absent) or \"false\" (it is present)", binaryFamily: "base64",
		ipFamily: "an address or block like 10.0.0.0/16", arnFamily: "an ARN, with wildcards inside its parts"}[c.op.family]
	return "\"" + s + "\" is not what " + c.name + " compares: " + want
}

// resourceName holds an element of Resource to the form of an ARN.
func (b *builder) resourceName(n *node) {
	r := n.text
	if r == "*" {
		return
	}
	bad := func(message, hint string) { b.refuse(badResource, n.off, message, hint) }
	if !strings.HasPrefix(r, "arn:") {
		bad("Resource "+r+" must be in ARN format or \"*\".", "an ARN is arn:partition:service:region:account:resource")
		return
	}
	p := strings.SplitN(r, ":", 6)
	part := func(i int) string { // what a short ARN leaves out is a star
		if i < len(p) {
			return p[i]
		}
		return "*"
	}
	partition, service, region, account, rest := part(1), part(2), part(3), part(4), part(5)
	switch {
	case !strings.ContainsAny(partition, "*?") && partition != "aws" && !strings.HasPrefix(partition, "aws-"):
		bad("Partition \""+partition+"\" is not valid for resource \""+r+"\".", "the partition is aws, aws-cn or aws-us-gov")
	case len(p) < 4 || strings.ContainsAny(service, "*?") || service == "":
		bad("Resource vendor must be fully qualified and cannot contain regexes.", "no wildcard in the service part")
	case service == "s3" && region != "" && region != "*" && account == "":
		bad("Resource "+r+" can not contain region information.", "write arn:"+partition+":s3:::bucket/key")
	case service == "iam" && region != "" && region != "*":
		bad("IAM resource "+r+" cannot contain region information.", "IAM is global: leave the region empty")
	case service == "iam" && !iamPath(rest):
		bad("IAM resource path must either be \"*\" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, "+
			"server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.", "")
	case b.doc.kind == Bucket && service != "s3":
		bad("", "a bucket policy speaks of its bucket and the objects in it: arn:aws:s3:::bucket and arn:aws:s3:::bucket/*")
	case b.doc.kind == Endpoint && strings.ContainsAny(account, "*?") && account != "*":
		bad("Resource "+r+" is not valid.", "the account part is an id or \"*\", not a mixture")
	}
}

func iamPath(rest string) bool {
	if rest == "*" || rest == "root" {
		return true
	}
	kind, _, slash := strings.Cut(rest, "/")
	switch kind {
	case "user", "federated-user", "role", "group", "instance-profile", "mfa", "server-certificate", "policy", "sms-mfa",
		"saml-provider", "oidc-provider", "report", "access-report":
		return slash
	}
	return strings.HasSuffix(kind, "*") && !slash
}

// keyRules holds condition keys to what the kind's service takes. IAM takes any key: an unknown one is always missing.
func (b *builder) keyRules(c *condition, m member) {
	vendor, name, colon := strings.Cut(c.lower, ":")
	if !colon || vendor == "" || name == "" {
		b.refuse(badKey, m.off, "", "a condition key is service:Name, for example aws:SourceVpc")
		return
	}
	switch b.doc.kind {
	case Bucket:
		switch _, known := actions.CanonicalKey(c.key); {
		case vendor != "aws" && vendor != "s3":
			b.refuse(badKey, m.off, "", "S3 knows keys that begin with aws: and s3:")
		case !known:
			b.refuse(badKey, m.off, "", "S3 knows no key "+c.key)
		}
	case Endpoint:
		if c.lower != "aws:principalaccount" && c.lower != "aws:sourcevpc" && c.lower != "aws:sourcevpce" {
			return
		}
		if c.op.family == numericFamily {
			b.refuse(badValue, m.off, "", c.key+" holds an id of the system: no numeric operators")
		}
		for i := range c.values {
			if strings.ContainsAny(c.values[i].pat.raw, "*?") {
				b.refuse(badValue, m.value.off, "", c.key+" holds an id of the system: no wildcards")
			}
		}
	}
}

// objectActions and bucketActions are the S3 actions whose resource is beyond doubt.
func objectAction(a string) bool {
	switch a {
	case "s3:getobject", "s3:putobject", "s3:deleteobject", "s3:getobjectversion", "s3:deleteobjectversion", "s3:getobjectacl",
		"s3:putobjectacl", "s3:getobjecttagging", "s3:putobjecttagging", "s3:deleteobjecttagging", "s3:abortmultipartupload",
		"s3:listmultipartuploadparts", "s3:restoreobject", "s3:getobjectattributes":
		return true
	}
	return false
}

func bucketAction(a string) bool {
	switch a {
	case "s3:listbucket", "s3:listbucketversions", "s3:listbucketmultipartuploads", "s3:getbucketlocation", "s3:getbucketpolicy",
		"s3:putbucketpolicy", "s3:deletebucketpolicy", "s3:getbucketversioning", "s3:putbucketversioning", "s3:deletebucket":
		return true
	}
	return false
}

// fit refuses a statement with an action that none of its resources can be the resource of.
func (b *builder) fit(s *statement) {
	if s.notAction || s.notResource || len(s.resources) == 0 {
		return
	}
	objects, buckets := false, false
	for i := range s.resources {
		r := s.resources[i].raw
		objects = objects || strings.ContainsAny(r, "/*")
		buckets = buckets || !strings.Contains(r, "/") || strings.Contains(r[:strings.IndexByte(r, '/')], "*")
	}
	for i, a := range s.lowered {
		if objectAction(a) && !objects {
			b.refuse(misfit, s.off, "", s.actions[i]+" acts on objects: add \""+s.resources[0].raw+"/*\"")
		}
		if bucketAction(a) && !buckets {
			b.refuse(misfit, s.off, "", s.actions[i]+" acts on the bucket: add its ARN without a path")
		}
	}
}
