package sigv4

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloister/internal/core/fault"
)

// Form is what a browser's POST says before the file: its fields by lower-case name, the bucket among them.
// Source: S3 API Reference, "Browser-Based Uploads Using POST (AWS Signature Version 4)", and "Creating a POST Policy".
type Form struct {
	Fields   map[string]string
	auth     *Auth
	signed   string // the policy as it was signed
	Min, Max int64  // of the file's length; Max -1: no limit
}

// maxFormAge is how long a form's signature lasts, whatever its policy says.
const maxFormAge = 7 * 24 * time.Hour

// Parse reads who signed the form; nil for one that is not signed.
func (f *Form) Parse() (*Auth, *fault.Fault) {
	f.Max = -1
	v2 := f.has("awsaccesskeyid") || f.has("signature")
	names := []string{"policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"}
	if v2 {
		names = []string{"policy", "awsaccesskeyid", "signature"}
	}
	if !slices.ContainsFunc(names, f.has) {
		return nil, nil
	}
	for _, n := range names {
		if !f.has(n) {
			return nil, argument(n, "", "Bucket POST must contain a field named '"+n+"'.  If it is specified, please check the order of the fields.")
		}
	}
	a := &Auth{Service: "s3", Token: f.Fields["x-amz-security-token"], V2: v2}
	f.auth, f.signed = a, f.Fields["policy"]
	if v2 {
		a.AccessKey, a.Signature = f.Fields["awsaccesskeyid"], f.Fields["signature"]
		return a, nil
	}
	a.Signature = f.Fields["x-amz-signature"]
	if g := f.Fields["x-amz-algorithm"]; g != algorithm {
		return nil, argument("X-Amz-Algorithm", g, "Only AWS4-HMAC-SHA256 is supported")
	}
	cred := f.Fields["x-amz-credential"]
	if why := a.credential(cred); why != "" {
		return nil, argument("x-amz-credential", cred, why+".")
	}
	if a.Service != "s3" {
		return nil, argument("x-amz-credential", cred, "incorrect service "+strconv.Quote(clip(a.Service))+`. This endpoint belongs to "s3".`)
	}
	var err error
	if a.Time, err = time.Parse(basicDate, f.Fields["x-amz-date"]); err != nil {
		return nil, argument("X-Amz-Date", f.Fields["x-amz-date"], "X-Amz-Date must be formated via ISO8601 Long format")
	}
	return a, nil
}

func (f *Form) has(name string) bool { _, ok := f.Fields[name]; return ok }

func argument(name, value, message string) *fault.Fault {
	return fault.New("InvalidArgument", "%s", message).With(400).Field("ArgumentName", name).Field("ArgumentValue", clip(value))
}

// Verify checks the signature of the policy, unless the signer is taken on trust (Unproved), and holds the form to it. Faults:
// BadSignature, InvalidPolicyDocument, AccessDenied with the condition that fails.
func (f *Form) Verify(secret string, now time.Time) *fault.Fault {
	a := f.auth
	switch {
	case a.Unproved:
	case a.V2:
		if !hmac.Equal([]byte(v2of(secret, f.signed)), []byte(a.Signature)) {
			return a.mismatch(f.signed)
		}
	default:
		if !hmac.Equal([]byte(hex.EncodeToString(mac(a.key(secret), f.signed))), []byte(a.Signature)) || a.Time.Format("20060102") != a.Date {
			return a.mismatch(f.signed)
		}
		if now.After(a.Time.Add(maxFormAge)) {
			return unfit("Policy expired.")
		}
		if a.Time.After(now.Add(Skew)) {
			return fault.Of(fault.Skewed, "")
		}
	}
	return f.hold(now)
}

func badPolicy(why string) *fault.Fault {
	return fault.New("InvalidPolicyDocument", "Invalid Policy: %s", why).With(400)
}

func unfit(why string) *fault.Fault {
	return fault.Of(fault.AccessDenied, "Invalid according to Policy: %s", why)
}

// unbound are fields that need no condition.
var unbound = map[string]bool{"awsaccesskeyid": true, "signature": true, "x-amz-signature": true, "policy": true, "file": true}

// hold reads the policy and holds every field to it.
func (f *Form) hold(now time.Time) *fault.Fault {
	text, err := base64.StdEncoding.DecodeString(f.signed)
	switch {
	case err != nil:
		return badPolicy("invalid Base64 encoding.")
	case len(bytes.TrimSpace(text)) == 0:
		return badPolicy("Expecting '{' but found End-of-Input")
	}
	var doc map[string]json.RawMessage
	if json.Unmarshal(text, &doc) != nil {
		return badPolicy("Invalid JSON.")
	}
	for k := range doc {
		if k != "expiration" && k != "conditions" {
			return badPolicy("Unexpected: " + strconv.Quote(clip(k)))
		}
	}
	if doc["expiration"] == nil {
		return badPolicy("Policy missing expiration.")
	}
	var ends string
	if json.Unmarshal(doc["expiration"], &ends) != nil {
		return badPolicy("Invalid JSON.")
	}
	end, err := time.Parse(time.RFC3339, ends)
	if err != nil {
		return badPolicy("Invalid 'expiration' value: '" + clip(ends) + "'")
	}
	if doc["conditions"] == nil {
		return badPolicy("Policy missing conditions.")
	}
	var conditions []json.RawMessage
	if json.Unmarshal(doc["conditions"], &conditions) != nil {
		return badPolicy("Invalid 'conditions' value: must be a List.")
	}
	if now.After(end) {
		return unfit("Policy expired.")
	}
	bound := map[string]bool{}
	for _, c := range conditions {
		if fl := f.condition(c, bound); fl != nil {
			return fl
		}
	}
	names := make([]string, 0, len(f.Fields))
	for k := range f.Fields {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		if !bound[k] && !unbound[k] && !strings.HasPrefix(k, "x-ignore-") {
			return unfit("Extra input fields: " + clip(k))
		}
	}
	return nil
}

// condition checks one test of the policy and notes which field it binds.
func (f *Form) condition(raw json.RawMessage, bound map[string]bool) *fault.Fault {
	var simple map[string]json.RawMessage
	if json.Unmarshal(raw, &simple) == nil && simple != nil {
		if len(simple) != 1 {
			return badPolicy("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
		}
		for k, v := range simple {
			var want string
			if json.Unmarshal(v, &want) != nil {
				return badPolicy("Invalid Simple-Condition: value must be a string.")
			}
			low := strings.ToLower(k)
			bound[low] = true
			if f.Fields[low] != want {
				return unfit(`Policy Condition failed: ["eq", "$` + clip(k) + `", "` + clip(want) + `"]`)
			}
		}
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return badPolicy("Invalid condition test: must be a List or Object.")
	}
	if len(list) == 0 {
		return badPolicy("Invalid Condition: missing operation identifier.")
	}
	var op string
	if json.Unmarshal(list[0], &op) != nil {
		return badPolicy("Invalid JSON.")
	}
	switch low := strings.ToLower(op); {
	case low != "eq" && low != "starts-with" && low != "content-length-range":
		return badPolicy("Invalid Condition: unknown operation '" + clip(op) + "'.")
	case len(list) != 3:
		return badPolicy("Invalid " + low + ": wrong number of arguments.")
	case low == "content-length-range":
		least, ok := length(list[1])
		most, okay := length(list[2])
		if !ok || !okay {
			return badPolicy("Invalid JSON.")
		}
		f.Min = max(f.Min, least)
		if f.Max < 0 || most < f.Max {
			f.Max = most
		}
		return nil
	default:
		var name, want string
		if json.Unmarshal(list[1], &name) != nil || json.Unmarshal(list[2], &want) != nil {
			return badPolicy("Invalid JSON.")
		}
		key, dollar := strings.CutPrefix(strings.ToLower(name), "$")
		got := f.Fields[key]
		if dollar {
			bound[key] = true
		}
		// "Creating a POST Policy", "Matching Content-Types for browser form uploads": a list is held to it value by value.
		values := []string{got}
		if key == "content-type" && low == "starts-with" {
			values = strings.Split(got, ",")
		}
		short := slices.ContainsFunc(values, func(v string) bool { return v != got && !strings.HasPrefix(strings.TrimSpace(v), want) })
		if !dollar || low == "eq" && got != want || low == "starts-with" && (short || !strings.HasPrefix(got, want)) {
			var b bytes.Buffer
			_ = json.Compact(&b, raw)
			return unfit("Policy Condition failed: " + b.String())
		}
		return nil
	}
}

// length reads a number, which may stand as text.
func length(raw json.RawMessage) (int64, bool) {
	n, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	return n, err == nil && n >= 0
}
