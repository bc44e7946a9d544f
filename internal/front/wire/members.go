package wire

import (
	"encoding/json"
	"io"
	"strings"

	"cloister/internal/shape/model"
)

// Hidden stands in the trail where a secret was. Source: CloudTrail's own events.
const Hidden = "HIDDEN_DUE_TO_SECURITY_REASONS"

// SetMembers lists what the input sets, sorted: dotted paths to the values ("VpcConfig.Subnets", "IpPermissions.FromPort"), list
// elements without index, a map, a list of values, a document or an empty structure as a whole.
func (o *Operation) SetMembers(in any) []string {
	t, err := spread(o.op.Input, o.New(), in)
	if err != nil || o.op.Input == nil {
		return nil
	}
	set := map[string]bool{}
	membersOf(o.op.Input.Shape, t, "", set)
	return sortedKeys(set)
}

func membersOf(t *model.Shape, x tree, path string, set map[string]bool) {
	for _, f := range t.Members {
		if v := x[f.Name]; v != nil {
			memberOf(f, v, path+f.Name, set)
		}
	}
}

func memberOf(r *model.Ref, v any, path string, set map[string]bool) {
	switch x := v.(type) {
	case map[string]any:
		if r.Shape.Type == "structure" && !r.Shape.Document && len(x) > 0 {
			membersOf(r.Shape, x, path+".", set)
			return
		}
	case []any:
		if r.Shape.Type == "list" && len(x) > 0 && (r.Shape.Element.Shape.Type == "structure" || r.Shape.Element.Shape.Type == "list") {
			for _, y := range x {
				memberOf(r.Shape.Element, y, path, set)
			}
			return
		}
	}
	set[path] = true
}

// Params is the input as an event records it: lower-camel names, secrets and document text replaced by Hidden, bodies left
// out. Nil input gives null.
func (o *Operation) Params(in any) json.RawMessage { return record(o.op.Input, o.New(), in) }

// Elements is the output as an event records it.
func (o *Operation) Elements(out any) json.RawMessage { return record(o.op.Output, o.NewOutput(), out) }

func record(r *model.Ref, empty, v any) json.RawMessage {
	t, err := spread(r, empty, v)
	if err != nil || len(t) == 0 {
		return json.RawMessage("null")
	}
	return appendRecord(nil, r, t)
}

func appendRecord(b []byte, r *model.Ref, v any) []byte {
	t := r.Shape
	if secret(r) {
		return appendString(b, Hidden)
	}
	switch x := v.(type) {
	case map[string]any:
		if t.Document {
			return appendDocument(b, x)
		}
		b = append(b, '{')
		first := true
		put := func(k string, f *model.Ref, y any) {
			if _, body := y.(io.Reader); body || y == nil || f.Streaming {
				return
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = appendRecord(append(appendString(b, k), ':'), f, y)
		}
		if t.Type == "map" {
			for _, k := range sortedKeys(x) {
				put(k, t.Value, x[k])
			}
		} else {
			for _, f := range t.Members {
				put(lowerCamel(f.Name), f, x[f.Name])
			}
		}
		return append(b, '}')
	case []any:
		if t.Document {
			return appendDocument(b, x)
		}
		b = append(b, '[')
		for i, y := range x {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendRecord(b, t.Element, y)
		}
		return append(b, ']')
	case []byte:
		return appendString(b, Hidden) // a blob is a key, a ciphertext, a message or a document
	}
	if t.Type == "timestamp" && leaf(v) {
		return appendString(b, toText(r, v, "iso8601"))
	}
	return appendJSON(b, r, v)
}

// secret tells what is never recorded: what the model calls sensitive, and members it should have.
func secret(r *model.Ref) bool {
	if r.Shape.Sensitive {
		return true
	}
	switch r.Name {
	case "Text", "TextList", "TextSegments", "Plaintext", "PrivateKeyPlaintext", "SecretAccessKey", "SessionToken", "Password",
		"OldPassword", "NewPassword", "TokenCode", "WebIdentityToken", "SAMLAssertion", "SSECustomerKey", "CopySourceSSECustomerKey",
		"ServicePassword", "ServiceApiKeyValue", "Base32StringSeed", "QRCodePNG", "PrivateKey", "SharedSecret", "GrantToken", "GrantTokens",
		"logEvents", "logEventMessages":
		return r.Shape.Type == "string" || r.Shape.Type == "blob" || r.Shape.Type == "list"
	}
	return false
}

// lowerCamel is the name that AWS uses in events and validation messages: VpcConfig -> vpcConfig, KMSKeyId -> kMSKeyId.
func lowerCamel(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
