package gate

import (
	"context"
	"testing"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// TestNoted: where a fault's message may quote what the caller gave, the event says something else.
func TestNoted(t *testing.T) {
	h := open(t, func(c *Config) {
		c.Rows = append(c.Rows, api.Rows("kms", api.Op[kms.DecryptRequest, kms.DecryptResponse]{Name: "Decrypt", Honours: []string{"CiphertextBlob"},
			Questions: func(*api.Call, store.View, *kms.DecryptRequest) ([]api.Question, error) {
				return []api.Question{{Action: "kms:Decrypt", Resource: "*"}}, nil
			},
			View: func(_ *api.Call, _ store.View, in *kms.DecryptRequest) (*kms.DecryptResponse, error) {
				f := fault.New("InvalidCiphertextException", "cannot read %s", in.CiphertextBlob)
				if string(in.CiphertextBlob) == "private" {
					f = f.Note("It was refused.")
				}
				return nil, f
			}})...)
	})
	for i, x := range []struct{ text, noted string }{{"open", "cannot read open"}, {"private", "It was refused."}} {
		_, _, err := h.gate.Invoke(context.Background(), api.As{Partition: "aws", Account: account, Region: "us-east-1", AccessKey: "AKIAALICE"}, "kms", "Decrypt", &kms.DecryptRequest{CiphertextBlob: []byte(x.text)})
		if f := fault.From(err); f.Message != "cannot read "+x.text {
			t.Errorf("the caller hears %v", err)
		}
		if e := h.events(); len(e) != i+1 || e[i].Error != x.noted {
			t.Errorf("%d events, %+v, want %q", len(e), e, x.noted)
		}
	}
}
