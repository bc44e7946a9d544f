package policy

import "fmt"

// SyntaxError says why a document can't be saved. Code and Message are AWS's; position and Hint are ours.
type SyntaxError struct {
	Code         string // MalformedPolicyDocument, MalformedPolicy, ...
	Message      string // AWS's wording for the kind of document
	Offset       int    // bytes from the start
	Line, Column int    // from 1; the column counts characters
	Hint         string // what is wrong here and how to mend it; may be empty
}

// Error is the message with place and hint.
func (e *SyntaxError) Error() string {
	s := fmt.Sprintf("%s (line %d, column %d", e.Message, e.Line, e.Column)
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s + ")"
}

// codeOf is the error code of the API that saves the kind.
func codeOf(k Kind) string {
	switch k {
	case Bucket:
		return "MalformedPolicy"
	case Key, SCP:
		return "MalformedPolicyDocumentException"
	case Endpoint:
		return "InvalidPolicyDocument"
	case Model:
		return "InvalidRequestException"
	}
	return "MalformedPolicyDocument"
}

// refusal is a rule of the grammar. The rules are in the order in which IAM reports them: of several broken ones the
// first is named.
type refusal uint8

const (
	badJSON refusal = iota
	badFirstByte
	badElement
	badType
	noStatement
	emptyStatement
	badVersion
	noEffect
	noPrincipal
	emptyPrincipal
	strayPrincipal
	badPrincipal
	allowNotPrincipal
	badOperator
	bothActions
	bothResources
	strayResource
	strayNotResource
	badEffect
	badValue
	twinSid
	badSid
	noAction
	noResource
	badResource
	noVendor
	manyColons
	badVendor
	notSTS
	badKey
	misfit
	tooLong
	refusals
)

// wording has a sentence for IAM (identity policies, boundaries, sessions, SCPs; also key, endpoint and model policies,
// whose services give no wording of their own), for trust policies and for S3. %s is the thing refused. An empty cell
// takes the general sentence of its column. Sources: answers of AWS as recorded in public issues and open-source doubles.
var wording = [refusals]struct{ iam, trust, s3 string }{
	badJSON:           {"Syntax errors in policy.", "This policy contains invalid Json", "This policy contains invalid Json"},
	badFirstByte:      {"Syntax errors in policy.", "This policy contains invalid Json", "Policies must be valid JSON and the first byte must be '{'"},
	noStatement:       {"Syntax errors in policy.", "Could not parse the policy: Statement is empty!", "Missing required field Statement"},
	emptyStatement:    {"Syntax errors in policy.", "Could not parse the policy: Statement is empty!", "Could not parse the policy: Statement is empty!"},
	badVersion:        {"Syntax errors in policy.", "The policy must contain a valid version string", "The policy must contain a valid version string"},
	noEffect:          {"Syntax errors in policy.", "Missing required field Effect", "Missing required field Effect"},
	badEffect:         {"The policy failed legacy parsing", "Invalid effect: %s", "Invalid effect: %s"},
	noPrincipal:       {"Syntax errors in policy.", "Missing required field Principal", "Missing required field Principal"},
	emptyPrincipal:    {"Syntax errors in policy.", "Missing required field Principal cannot be empty!", "Invalid principal in policy"},
	strayPrincipal:    {"Policy document should not specify a principal.", "", ""},
	badPrincipal:      {"Invalid principal in policy: %s", "Invalid principal in policy: %s", "Invalid principal in policy"},
	allowNotPrincipal: {"Allow with NotPrincipal is not allowed.", "Allow with NotPrincipal is not allowed.", "Allow with NotPrincipal is not allowed."},
	badOperator:       {"Syntax errors in policy.", "Invalid Condition type : %s", "Invalid Condition type : %s"},
	strayResource:     {"", "Has prohibited field Resource", ""},
	strayNotResource:  {"", "AssumeRole policy must not contain resources.", ""},
	badValue:          {"The policy failed legacy parsing", "", ""},
	twinSid:           {"Statement IDs (SID) in a single policy must be unique.", "The Statement Ids in the policy are not unique", "The Statement Ids in the policy are not unique"},
	badSid:            {"Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*", "", ""},
	noAction:          {"Policy statement must contain actions.", "Missing required field Action", "Missing required field Action"},
	noResource:        {"Policy statement must contain resources.", "", "Missing required field Resource"},
	badResource:       {"%s", "", "Policy has invalid resource"},
	noVendor:          {"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.", "AssumeRole policy may only specify STS AssumeRole actions.", "Policy has invalid action"},
	manyColons:        {"Actions/Condition can contain only one colon.", "AssumeRole policy may only specify STS AssumeRole actions.", "Policy has invalid action"},
	badVendor:         {"Vendor %s is not valid", "AssumeRole policy may only specify STS AssumeRole actions.", "Policy has invalid action"},
	notSTS:            {"", "AssumeRole policy may only specify STS AssumeRole actions.", "Policy has invalid action"},
	badKey:            {"Syntax errors in policy.", "", "Policy has an invalid condition key"},
	misfit:            {"", "", "Action does not apply to any resource(s) in statement"},
	tooLong:           {"Policy document exceeds the maximum size of %s characters", "Cannot exceed quota for ACLSizePerRole: %s", "Normalized policy document exceeds the maximum allowed size of %s bytes"},
}

func (r refusal) message(k Kind, arg string) string {
	w := wording[r]
	m, general := w.iam, "Syntax errors in policy."
	switch k {
	case Trust:
		m, general = w.trust, "Syntax errors in policy."
	case Bucket:
		m, general = w.s3, "Invalid policy syntax."
	}
	if m == "" {
		return general
	}
	for i := 0; i+1 < len(m); i++ {
		if m[i] == '%' && m[i+1] == 's' {
			return m[:i] + arg + m[i+2:]
		}
	}
	return m
}

// Largest sizes in characters (bytes for Bucket, Key and Endpoint). Identity limits depend on the owner: IAM sums the
// inline policies of an entity. White space counts for Endpoint alone. Source: IAM and STS quotas, S3, KMS, VPC guides.
const (
	MaxUserInline  = 2048
	MaxGroupInline = 5120
	MaxRoleInline  = 10240
	MaxManaged     = 6144
	MaxTrust       = 2048
	MaxSCP         = 5120
	MaxSession     = 2048
	MaxBucket      = 20480
	MaxKey         = 32768
	MaxEndpoint    = 20480
)

// Size is the length of a document as IAM counts it: characters without white space outside strings.
func Size(text string) int {
	n := 0
	squeeze(text, func(c byte) {
		if c&0xC0 != 0x80 { // not a later byte of a character
			n++
		}
	})
	return n
}

// squeeze calls f for each byte that is not white space outside strings.
func squeeze(text string, f func(byte)) {
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted && i+1 < len(text):
			f(c)
			i++
			c = text[i]
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		f(c)
	}
}

// sizeOf counts as the service of the kind does.
func sizeOf(k Kind, text string) int {
	switch k {
	case Endpoint:
		return len(text)
	case Bucket, Key: // bytes of the normalised document
		n := 0
		squeeze(text, func(byte) { n++ })
		return n
	}
	return Size(text)
}

// limitOf is the size that Parse itself enforces; 0: the service does.
func limitOf(k Kind) int {
	switch k {
	case Trust:
		return MaxTrust
	case SCP:
		return MaxSCP
	case Bucket:
		return MaxBucket
	case Key:
		return MaxKey
	case Endpoint:
		return MaxEndpoint
	}
	return 0
}
