// Package fault holds the one error type that an answer is made of. A Fault says what went wrong in the caller's
// terms; the wire maps it to each protocol's code, status and envelope at one place, and Cause never leaves the house.
package fault

import (
	"errors"
	"fmt"
)

// Kind sorts faults whose wire code depends on the protocol or service (an access refusal is AccessDeniedException,
// AccessDenied or UnauthorizedOperation). A Modelled fault carries its own Code.
type Kind uint8

// The kinds. Zero is Modelled: Code is the wire code.
const (
	Modelled       Kind = iota
	Internal            // ours to mend; Cause is logged, the client sees no detail
	AccessDenied        // the policy engine refused; Message is AWS's sentence
	MissingAuth         // no signature where one is needed
	UnknownKey          // the access key id is nobody's
	BadSignature        // the signature does not match
	BadToken            // the session token does not belong to the key, or is malformed
	ExpiredToken        // temporary credentials past their end, or an expired presigned URL
	Skewed              // the request's time is more than 15 minutes from ours
	MalformedAuth       // the Authorization header or presigned query cannot be read
	BodyMismatch        // x-amz-content-sha256 or Content-MD5 or a checksum differs from the body
	TooLarge            // a buffered body over its limit
	Malformed           // the body cannot be decoded (SerializationException and kin)
	Invalid             // a modelled constraint is violated (ValidationException and kin)
	UnknownAction       // no such operation
	NotImplemented      // a known operation that is not built yet
	NotHonoured         // a member was set that this operation does not honour yet
	DryRun              // EC2: the call would have succeeded
	Throttled           // too many requests
	Unavailable         // cannot be served now (full disk, fenced daemon, no enforcement)
)

// Fault is an answer that is not a result.
type Fault struct {
	Kind    Kind
	Code    string            // wire code when Kind is Modelled; else empty
	Message string            // for the client
	Noted   string            // what events say in Message's place, where that may quote what the caller gave; else empty
	Status  int               // HTTP status; 0 lets the model and the protocol decide
	Fields  map[string]string // further members (S3: BucketName, Key, Resource; modelled ones by name)
	Cause   error             // for the log only
	Param   string            // Invalid, NotHonoured: the member
}

// Error is for logs and tests.
func (f *Fault) Error() string {
	s := f.Code
	if s == "" {
		s = f.Kind.String()
	}
	s += ": " + f.Message
	if f.Cause != nil {
		s += " (" + f.Cause.Error() + ")"
	}
	return s
}

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Cause }

// New makes a modelled fault with AWS's code; format and args make the client's message.
func New(code, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Of makes a fault of a kind whose code the wire chooses.
func Of(k Kind, format string, args ...any) *Fault {
	return &Fault{Kind: k, Message: fmt.Sprintf(format, args...)}
}

// With sets the HTTP status and returns f.
func (f *Fault) With(status int) *Fault { f.Status = status; return f }

// Note sets what events say in the message's place and returns f.
func (f *Fault) Note(s string) *Fault { f.Noted = s; return f }

// Field adds a member and returns f.
func (f *Fault) Field(k, v string) *Fault {
	if f.Fields == nil {
		f.Fields = map[string]string{}
	}
	f.Fields[k] = v
	return f
}

// From turns any error into a fault: a Fault in the chain stays what it is, everything else is Internal.
func From(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return &Fault{Kind: Internal, Message: "An internal error occurred.", Cause: err}
}

// Is reports whether err is a modelled fault with this code.
func Is(err error, code string) bool {
	var f *Fault
	return errors.As(err, &f) && f.Code == code
}

var kindNames = [...]string{"Modelled", "Internal", "AccessDenied", "MissingAuth", "UnknownKey", "BadSignature", "BadToken",
	"ExpiredToken", "Skewed", "MalformedAuth", "BodyMismatch", "TooLarge", "Malformed", "Invalid", "UnknownAction",
	"NotImplemented", "NotHonoured", "DryRun", "Throttled", "Unavailable"}

// String names the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "Kind?"
}
