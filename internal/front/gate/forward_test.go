package gate

import (
	"context"
	"io"
	"strings"
	"testing"

	"cloister/internal/api"
	"cloister/internal/core/policy"
	"cloister/internal/shape/kms"
	"cloister/internal/shape/s3"
	"cloister/internal/store"
)

// TestForward: what a service asks for its caller is decided with the caller's policies and recorded as a call of the caller through
// that service; a grant on the key allows like a policy.
func TestForward(t *testing.T) {
	const key = "arn:aws:kms:us-east-1:" + account + ":key/k"
	keyPolicy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}]}`
	var grants []policy.Grant
	rows := append(api.Rows("kms", api.Op[kms.DecryptRequest, kms.DecryptResponse]{Name: "Decrypt", Honours: []string{"CiphertextBlob"}, ReadOnly: true,
		Questions: func(*api.Call, store.View, *kms.DecryptRequest) ([]api.Question, error) {
			return []api.Question{{Action: "kms:Decrypt", Resource: key, Owner: account, Policy: &api.ResourcePolicy{Kind: "key", Name: "policy of key k", Text: keyPolicy}, Grants: grants}}, nil
		},
		View: func(c *api.Call, _ store.View, in *kms.DecryptRequest) (*kms.DecryptResponse, error) {
			c.Touch(key)
			return &kms.DecryptResponse{Plaintext: append([]byte("plain "), in.CiphertextBlob...)}, nil
		}}), api.Rows("s3", api.Op[s3.GetObjectRequest, s3.GetObjectOutput]{Name: "GetObject", Anonymous: true, ReadOnly: true, Honours: []string{"Bucket", "Key"},
		Questions: func(_ *api.Call, _ store.View, in *s3.GetObjectRequest) ([]api.Question, error) {
			return []api.Question{{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Owner: account,
				Policy: &api.ResourcePolicy{Kind: "bucket", Name: "bucket policy", Text: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}`}}}, nil
		},
		Stream: func(ctx context.Context, c *api.Call, _ *s3.GetObjectRequest) (*s3.GetObjectOutput, error) {
			out, err := c.Forward(ctx, "kms", "Decrypt", &kms.DecryptRequest{CiphertextBlob: []byte("text")})
			if err != nil {
				return nil, err
			}
			return &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(string(out.(*kms.DecryptResponse).Plaintext)))}, nil
		}})...)
	h := open(t, func(c *Config) { c.Rows = rows })
	allow := func(conditions string) {
		h.who.policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":` + conditions + `}]}`
	}
	ask := func(signed bool) (int, string) {
		w := h.send(outside, get("127.0.0.1:4566", "/b/k", signed))
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		conditions string
		code       int
	}{
		{`{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com","aws:CalledViaFirst":"s3.amazonaws.com","aws:CalledViaLast":"s3.amazonaws.com"},"Bool":{"aws:ViaAWSService":"true"}}`, 200},
		{`{"ForAnyValue:StringEquals":{"aws:CalledVia":"s3.amazonaws.com"}}`, 200},
		{`{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}`, 403},
		{`{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, 403}, // no packet of the caller reached the key
		{`{"Bool":{"aws:ViaAWSService":"false"}}`, 403},
	} {
		allow(c.conditions)
		if code, body := ask(true); code != c.code || code == 200 && body != "plain text" || code == 403 && !strings.Contains(body, "kms:Decrypt on resource: "+key) {
			t.Errorf("%s: %d %s", c.conditions, code, body)
		}
	}
	if ev := h.events(); len(ev) < 2 || !strings.Contains(string(ev[len(ev)-1].Explanation), "kms:Decrypt") || !strings.Contains(string(ev[len(ev)-2].Explanation), "kms:Decrypt") {
		t.Errorf("the refusal is not explained with both events: %+v", ev)
	}
	if code, _ := ask(false); code != 403 {
		t.Errorf("nobody got %d", code)
	}
	allow(`{"StringEquals":{"aws:username":"bob"}}`)
	grants = []policy.Grant{{Name: "grant 1", Grantee: "arn:aws:iam::" + account + ":user/alice", Operations: []string{"Decrypt"}}}
	if code, body := ask(true); code != 200 {
		t.Errorf("with a grant: %d %s", code, body)
	}
	ev := h.events()
	if len(ev) < 2 || ev[0].Name != "Decrypt" || ev[0].Caller.InvokedBy != "s3.amazonaws.com" || ev[0].SourceIP != "s3.amazonaws.com" || ev[0].Parent != ev[1].RequestID || ev[0].Caller.UserName != "alice" ||
		ev[1].Name != "GetObject" || ev[1].Caller.InvokedBy != "" || ev[1].SourceIP != "127.0.0.1" {
		t.Errorf("recorded %+v", ev[:min(2, len(ev))])
	}
}
