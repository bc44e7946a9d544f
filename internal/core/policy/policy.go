// Package policy decides whether a call is allowed, as IAM does, and says why.
// It is a pure function of a request and the policies that bear on it: no I/O, no clock, no state that outlives a call.
//
// Sources: the IAM User Guide (evaluation logic, cross-account logic, policy elements, condition operators, variables,
// permissions boundaries), the KMS and VPC developer guides. Where the guides are silent or disagree, the comment says so.
package policy

import "cloister/internal/core/identity"

// Kind says what a document hangs on. It decides the grammar, the wording of refusals and, for resource policies, the
// rule by which an Allow counts.
type Kind uint8

// The kinds of document. Zero is None: no resource policy.
const (
	None     Kind = iota
	Identity      // inline or managed policy of a user, group or role
	Boundary      // permissions boundary
	Session       // passed with AssumeRole and the like
	SCP           // service control policy
	Trust         // a role's trust policy
	Bucket        // S3 bucket policy
	Key           // KMS key policy
	Model         // Comprehend model policy: a plain resource policy
	Endpoint      // VPC endpoint policy
)

var kindNames = [...]string{"none", "identity", "boundary", "session", "scp", "trust", "bucket", "key", "model", "endpoint"}

// String is the kind's lower-case name.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind?"
}

// article is the kind's name with its article.
func (k Kind) article() string {
	switch k {
	case Identity, SCP, Endpoint:
		return "an " + k.String()
	}
	return "a " + k.String()
}

// KindOf reads what String wrote; "" is None.
func KindOf(s string) (Kind, bool) {
	if s == "" {
		return None, true
	}
	for i, n := range kindNames {
		if n == s {
			return Kind(i), true
		}
	}
	return None, false
}

// hasPrincipal reports whether statements of the kind carry a Principal element.
func (k Kind) hasPrincipal() bool { return k >= Trust }

// Request is one question: may this principal do this action on this resource?
type Request struct {
	Principal *identity.Principal // nil: anonymous. Federated users: RoleARN is the ARN of the issuing user
	Action    string              // "s3:GetObject"; case does not matter
	Resource  string              // ARN, or "*" for an action without resource-level permissions
	// ResourceAccount owns the resource; empty means the caller's own account.
	ResourceAccount string
	Context         Context
	// CanonicalUser is the caller's S3 canonical user id, for {"CanonicalUser": ...} principals; may be empty.
	CanonicalUser string
}

// Source is a document and where it comes from.
type Source struct {
	Name  string // "inline policy X of role Y"
	Owner string // account whose policy it is
	Doc   *Document
}

// Grant is a KMS grant on the key in question.
type Grant struct {
	Name       string            // "grant 1f3c..."
	Grantee    string            // ARN, unique id (AROA..., AIDA...) or service principal
	Operations []string          // "kms:Decrypt" or "Decrypt"
	Equals     map[string]string // EncryptionContextEquals; nil: no constraint
	Subset     map[string]string // EncryptionContextSubset; nil: no constraint
}

// Sets holds all policies that bear on a request.
type Sets struct {
	Identity []Source // user: inline, managed and groups'; session: the role's
	Boundary []Source // none or one
	// Session policies limit when any were passed; nil means that none were.
	Session []Source
	// SCP has a level each for root, units and account; nil: no organisation, or its management account.
	SCP             [][]Source
	Resource        *Source
	ResourceKind    Kind    // None, Bucket, Key, Trust or Model: which rule holds, even when Resource is nil
	Grants          []Grant // KMS only
	Endpoint        *Source // only when the call comes through a VPC endpoint
	EndpointGateway bool    // gateway endpoints read account principals as the account's root user alone
}

// Decision is the outcome in the words of SimulateCustomPolicy.
type Decision uint8

// The decisions. Zero denies.
const (
	ImplicitlyDenied Decision = iota
	ExplicitlyDenied
	Allowed
)

// String is the name of the decision.
func (d Decision) String() string {
	switch d {
	case Allowed:
		return "Allowed"
	case ExplicitlyDenied:
		return "ExplicitlyDenied"
	}
	return "ImplicitlyDenied"
}

// Layer is the policy type that decided.
type Layer uint8

// The layers, in the order in which a denial is reported.
const (
	LayerNone Layer = iota // no policy was asked (sts:GetCallerIdentity)
	LayerSCP
	LayerEndpoint
	LayerBoundary
	LayerSession
	LayerIdentity
	LayerResource
	LayerTrust
	LayerGrant
	layers
)

var layerNames = [...]string{"none", "service control policy", "VPC endpoint policy", "permissions boundary", "session policy",
	"identity-based policy", "resource-based policy", "role trust policy", "grant"}

// String is the layer's name as AWS's messages have it.
func (l Layer) String() string {
	if int(l) < len(layerNames) {
		return layerNames[l]
	}
	return "layer?"
}

// Verdict is an outcome and what brought it about.
type Verdict struct {
	Decision Decision
	Layer    Layer   // the deciding layer; of an implicit denial: the layer without an Allow
	Source   *Source // the deciding document; nil when none did
	// Statement is the index in Source.Doc; -1 when an absence decided.
	Statement int
	Sid       string
}

// Allowed reports whether the call may go on.
func (v Verdict) Allowed() bool { return v.Decision == Allowed }
