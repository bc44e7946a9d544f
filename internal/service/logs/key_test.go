package logs

import (
	"bytes"
	"strings"
	"testing"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/shape/kms"
	shape "cloister/internal/shape/logs"
	"cloister/internal/world"
)

// vault is a key whose holder answers as KMS does, in its own words: what is asked of the real one is tested with the whole program.
type vault struct {
	*testing.T
	data   map[string][]byte // by ciphertext
	pulled bool
	asked  []string
}

const theKey = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

func (v *vault) invoke(as api.As, service, operation string, in any) (any, error) {
	if service != "kms" || as.Service != "logs.us-west-2.amazonaws.com" || as.AccessKey != "" || as.SourceAccount != "111122223333" {
		v.Errorf("asked as %+v", as)
	}
	v.asked = append(v.asked, operation)
	if v.pulled {
		return nil, fault.New("DisabledException", "%s is disabled.", theKey)
	}
	context := func(m map[string]string) {
		if len(m) != 1 || m["aws:logs:arn"] != "arn:aws:logs:us-west-2:111122223333:log-group:g" {
			v.Errorf("the context is %v", m)
		}
	}
	switch in := in.(type) {
	case *kms.GenerateDataKeyWithoutPlaintextRequest:
		context(in.EncryptionContext)
		blob := world.Real{}.Bytes(40)
		v.data[string(blob)] = world.Real{}.Bytes(int(*in.NumberOfBytes))
		return &kms.GenerateDataKeyWithoutPlaintextResponse{KeyId: in.KeyId, CiphertextBlob: blob}, nil
	case *kms.DecryptRequest:
		context(in.EncryptionContext)
		return &kms.DecryptResponse{KeyId: in.KeyId, Plaintext: bytes.Clone(v.data[string(in.CiphertextBlob)])}, nil
	}
	v.Fatalf("asked %s", operation)
	return nil, nil
}

// Each event is readable as long as the key that it came under is, and no longer; another key is for what comes after.
func TestKeys(t *testing.T) {
	h := open(t)
	v := &vault{T: t, data: map[string][]byte{}}
	h.invoke = v.invoke
	h.refuse("InvalidParameterException", "ARN of a KMS key", &shape.CreateLogGroupRequest{LogGroupName: new("g"), KmsKeyId: new("alias/mine")})
	h.group("g")
	h.stream("g", "s")
	h.put("g", "s", h.at(0, "before"))
	if len(v.asked) != 0 {
		t.Errorf("without a key KMS was asked: %v", v.asked)
	}
	do[shape.AssociateKmsKeyOutput](h, &shape.AssociateKmsKeyRequest{LogGroupName: new("g"), KmsKeyId: new(theKey)})
	h.put("g", "s", h.at(1e9, "under the key"))
	read := func() string { return strings.Join(h.read("g", "s", true, 0), "|") }
	if got := read(); got != "before|under the key" {
		t.Error(got)
	}
	if g := do[shape.DescribeLogGroupsResponse](h, &shape.DescribeLogGroupsRequest{}).LogGroups[0]; *g.KmsKeyId != theKey {
		t.Errorf("%+v", g)
	}
	v.pulled = true
	for _, in := range []any{
		&shape.PutLogEventsRequest{LogGroupName: new("g"), LogStreamName: new("s"), LogEvents: []shape.InputLogEvent{h.at(2e9, "x")}},
		&shape.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: new("s")},
		&shape.FilterLogEventsRequest{LogGroupName: new("g")},
		&shape.CreateLogGroupRequest{LogGroupName: new("h"), KmsKeyId: new(theKey)},
		&shape.AssociateKmsKeyRequest{LogGroupName: new("g"), KmsKeyId: new(theKey)},
	} {
		h.refuse("AccessDenied", "does not exist or is not allowed to be used with Arn", in)
	}
	end := h.now.UnixMilli() + 1
	if out := do[shape.GetLogEventsResponse](h, &shape.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: new("s"), EndTime: &end}); len(out.Events) != 1 {
		t.Errorf("what came before the key: %+v", out)
	}
	do[shape.DisassociateKmsKeyOutput](h, &shape.DisassociateKmsKeyRequest{ResourceIdentifier: new("arn:aws:logs:us-west-2:111122223333:log-group:g")})
	h.put("g", "s", h.at(3e9, "after"))
	h.refuse("AccessDenied", "", &shape.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: new("s")})
	v.pulled = false
	if got := read(); got != "before|under the key|after" {
		t.Error(got)
	}
	h.refuse("NotImplemented", "no queries", &shape.AssociateKmsKeyRequest{ResourceIdentifier: new("arn:aws:logs:us-west-2:111122223333:query-result:*"), KmsKeyId: new(theKey)})
}
