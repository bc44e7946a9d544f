package gate

import (
	"context"
	"testing"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// TestViewThatMustWrite: a View that needs a write gives way to its Act, which is asked for again; once that is done it answers by itself. Both are
// reads in the trail, and one call is one event.
func TestViewThatMustWrite(t *testing.T) {
	asked, acted := 0, 0
	there := func(v store.View) bool {
		_, err := things.Get(v, store.Scope{Partition: "aws"}, "key")
		return err == nil
	}
	answer := func() *kms.DecryptResponse { return &kms.DecryptResponse{Plaintext: []byte("plain")} }
	h := open(t, func(c *Config) {
		c.Rows = append(c.Rows, api.Rows("kms", api.Op[kms.DecryptRequest, kms.DecryptResponse]{Name: "Decrypt", Honours: []string{"CiphertextBlob"},
			Questions: func(*api.Call, store.View, *kms.DecryptRequest) ([]api.Question, error) {
				asked++
				return []api.Question{{Action: "kms:Decrypt", Resource: "*"}}, nil
			},
			View: func(_ *api.Call, v store.View, _ *kms.DecryptRequest) (*kms.DecryptResponse, error) {
				if !there(v) {
					return nil, api.ErrWrite
				}
				return answer(), nil
			},
			Act: func(_ *api.Call, tx store.Tx, in *kms.DecryptRequest) (*kms.DecryptResponse, error) {
				acted++
				if string(in.CiphertextBlob) == "bad" {
					return nil, fault.New("InvalidCiphertextException", "")
				}
				return answer(), things.Create(tx, store.Scope{Partition: "aws"}, "key", &thing{"key"})
			}})...)
	})
	ask := func(text string) error {
		_, _, err := h.gate.Invoke(context.Background(), api.As{Partition: "aws", Account: account, Region: "us-east-1", AccessKey: "AKIAALICE"}, "kms", "Decrypt", &kms.DecryptRequest{CiphertextBlob: []byte(text)})
		return err
	}
	for i, x := range []struct {
		text         string
		asked, acted int
		code         string
	}{{"bad", 2, 1, "InvalidCiphertextException"}, {"good", 4, 2, ""}, {"good", 5, 2, ""}} {
		err := ask(x.text)
		if asked != x.asked || acted != x.acted || (err != nil) != (x.code != "") || err != nil && !fault.Is(err, x.code) {
			t.Errorf("call %d: asked %d times, acted %d, %v; want %+v", i, asked, acted, err, x)
		}
		if e := h.events(); len(e) != i+1 || !e[i].ReadOnly || e[i].ErrorCode != x.code || e[i].Response != nil {
			t.Errorf("call %d: %d events, the last %+v", i, len(e), e[len(e)-1])
		}
	}
	h.who.policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
	if err := ask("good"); err == nil || fault.From(err).Kind != fault.AccessDenied {
		t.Errorf("refused: %v", err)
	}
}
