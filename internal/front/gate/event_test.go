package gate

import (
	"strings"
	"testing"

	"cloister/internal/api"
	"cloister/internal/core/trail"
	"cloister/internal/shape/kms"
	"cloister/internal/shape/s3"
	"cloister/internal/store"
)

// TestEventsOfTwoAccounts: who owns a bucket has an event of its use by another account, with the same sharedEventID and without what is the
// caller's alone; of a call that was refused only the caller has one, and it names what was asked for.
func TestEventsOfTwoAccounts(t *testing.T) {
	const owner, object = "444455556666", "arn:aws:s3:::theirs/k"
	open := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}`
	policy := open
	rows := api.Rows("s3", api.Op[s3.GetObjectTaggingRequest, s3.GetObjectTaggingOutput]{Name: "GetObjectTagging", Anonymous: true, Honours: []string{"Bucket", "Key"},
		Questions: func(*api.Call, store.View, *s3.GetObjectTaggingRequest) ([]api.Question, error) {
			return []api.Question{{Action: "s3:GetObjectTagging", Resource: object, Owner: owner, Policy: &api.ResourcePolicy{Kind: "bucket", Name: "bucket policy", Text: policy}}}, nil
		},
		View: func(*api.Call, store.View, *s3.GetObjectTaggingRequest) (*s3.GetObjectTaggingOutput, error) {
			return &s3.GetObjectTaggingOutput{}, nil
		}})
	h := open2(t, rows)
	h.who.policy = open[:strings.Index(open, `"Principal"`)] + open[strings.Index(open, `"Action"`):]
	ask := func(signed bool, want int) []trail.Event {
		t.Helper()
		before := len(h.events())
		if w := h.send(outside, get("127.0.0.1:4566", "/theirs/k?tagging", signed)); w.Code != want {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return h.events()[before:]
	}
	ev := ask(true, 200)
	if len(ev) != 2 {
		t.Fatalf("%d events", len(ev))
	}
	mine, theirs := ev[0], ev[1]
	if mine.Recipient != account || mine.Caller.UserName != "alice" || mine.SharedID == "" || len(mine.Explanation) == 0 || len(mine.Resources) != 1 || mine.Resources[0] != object || mine.Owner != owner {
		t.Errorf("the caller's: %+v", mine)
	}
	if theirs.Recipient != owner || theirs.SharedID != mine.SharedID || theirs.ID == mine.ID || theirs.RequestID != mine.RequestID || len(theirs.Explanation) != 0 ||
		theirs.Caller != (trail.Caller{Type: "AWSAccount", Principal: mine.Caller.Principal, Account: account}) {
		t.Errorf("the owner's: %+v", theirs)
	}
	if at, ok := trail.At(mine.ID); !ok || at.UnixMilli() != mine.Time.UnixMilli() {
		t.Errorf("the id %s does not tell the time %v", mine.ID, mine.Time)
	}
	policy = strings.Replace(open, "Allow", "Deny", 1)
	if ev = ask(true, 403); len(ev) != 1 || ev[0].Recipient != account || ev[0].SharedID != "" || len(ev[0].Resources) != 1 || ev[0].ErrorCode != "AccessDenied" {
		t.Errorf("refused: %+v", ev)
	}
	policy = open
	if ev = ask(false, 200); len(ev) != 1 || ev[0].Recipient != owner {
		t.Errorf("nobody's: %+v", ev)
	}
}

func open2(t *testing.T, rows []api.Operation) *house {
	return open(t, func(c *Config) { c.Rows = rows })
}

// TestEventsHideKeys: what reads has no response elements, and no event ever the plaintext.
func TestEventsHideKeys(t *testing.T) {
	const key = "arn:aws:kms:us-east-1:" + account + ":key/k"
	rows := api.Rows("kms", api.Op[kms.GenerateDataKeyRequest, kms.GenerateDataKeyResponse]{Name: "GenerateDataKey", Honours: []string{"KeyId"}, ReadOnly: true,
		Questions: func(*api.Call, store.View, *kms.GenerateDataKeyRequest) ([]api.Question, error) {
			return []api.Question{{Action: "kms:GenerateDataKey", Resource: key}}, nil
		},
		Act: func(*api.Call, store.Tx, *kms.GenerateDataKeyRequest) (*kms.GenerateDataKeyResponse, error) {
			return &kms.GenerateDataKeyResponse{KeyId: new(key), Plaintext: []byte("secret"), CiphertextBlob: []byte("sealed")}, nil
		}})
	h := open2(t, rows)
	h.who.policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	if _, _, err := h.gate.Invoke(t.Context(), api.As{Partition: "aws", Account: account, Region: "us-east-1", Service: "s3.amazonaws.com", AccessKey: "AKIAALICE"}, "kms", "GenerateDataKey",
		&kms.GenerateDataKeyRequest{KeyId: new(key)}); err != nil {
		t.Fatal(err)
	}
	e := h.events()[len(h.events())-1]
	if e.Name != "GenerateDataKey" || !e.ReadOnly || len(e.Response) > 0 || e.SourceIP != "s3.amazonaws.com" || e.Caller.InvokedBy != "s3.amazonaws.com" {
		t.Errorf("%+v", e)
	}
	if got := string(h.gate.Registry.Service("kms").Operation("GenerateDataKey").Elements(&kms.GenerateDataKeyResponse{Plaintext: []byte("secret"), CiphertextBlob: []byte("sealed")})); strings.Contains(got, "c2VjcmV0") || strings.Contains(got, "c2VhbGVk") {
		t.Errorf("the response elements: %s", got)
	}
}
