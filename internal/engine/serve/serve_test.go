package serve

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/core/model"
	shape "cloister/internal/shape/comprehend"
	keys "cloister/internal/shape/kms"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// TestEndpoint: Comprehend Developer Guide, "Managing Amazon Comprehend endpoints".
func TestEndpoint(t *testing.T) {
	h := build(t)
	one, two := h.trained(home, "one", "", "first model"), h.trained(home, "two", "", "second model")
	e := h.endpoint(home, "e", one, 2)
	p := h.reaches(home, e, "IN_SERVICE")
	if *p.ModelArn != one || *p.CurrentInferenceUnits != 2 || *p.DesiredInferenceUnits != 2 || p.Message != nil {
		t.Errorf("%+v", *p)
	}
	if got, err := h.says(e, "x"); got != "document-classification first model" {
		t.Errorf("%q %v", got, err)
	}
	_, err := h.engine.AnalyseAt(t.Context(), e, job.Setup{Kind: "entities-detection"}, []string{"x"})
	h.refused(err, "InvalidRequestException", "another kind")
	_, err = h.says(strings.Replace(e, "/e", "/f", 1), "x")
	h.refused(err, "ResourceNotFoundException", "")
	_, err = h.try(home, "comprehend", "DeleteDocumentClassifier", &shape.DeleteDocumentClassifierRequest{DocumentClassifierArn: &one})
	h.refused(err, "ResourceInUseException", e)

	// Another model and more units, while the first goes on.
	units := int64(10)
	h.do(home, "comprehend", "UpdateEndpoint", &shape.UpdateEndpointRequest{EndpointArn: &e, DesiredModelArn: &two, DesiredInferenceUnits: &units})
	p = h.reaches(home, e, "IN_SERVICE")
	if *p.ModelArn != two || *p.CurrentInferenceUnits != 10 {
		t.Errorf("%+v", *p)
	}
	if got, err := h.says(e, "x"); got != "document-classification second model" {
		t.Errorf("%q %v", got, err)
	}

	// An analyser that goes by itself is replaced.
	if _, err := h.says(e, "die"); err == nil {
		t.Error("it answers without an analyser")
	}
	if got, err := h.says(e, "x"); got != "document-classification second model" {
		t.Errorf("after its end: %q %v", got, err)
	}

	h.do(home, "comprehend", "DeleteEndpoint", &shape.DeleteEndpointRequest{EndpointArn: &e})
	h.until("the endpoint to go", func() bool {
		_, err := h.try(home, "comprehend", "DescribeEndpoint", &shape.DescribeEndpointRequest{EndpointArn: &e})
		return err != nil
	})
	_, err = h.says(e, "x")
	h.refused(err, "ResourceNotFoundException", "")
	h.until("the analysers to go", func() bool {
		return h.config.Analysers.(*echo).running() == 0
	})
}

// TestUnits: an endpoint does what its units allow, and no more.
func TestUnits(t *testing.T) {
	h := build(t)
	e := h.endpoint(home, "e", h.trained(home, "m", "", "m"), 1)
	h.reaches(home, e, "IN_SERVICE")
	if _, err := h.says(e, strings.Repeat("é", 5000)); err != nil {
		t.Errorf("a long document: %v", err)
	}
	if _, err := h.says(e, "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("after it: %v", err)
	}
}

// TestRestart: what is in service is in service again after a daemon's end.
func TestRestart(t *testing.T) {
	h := build(t)
	e := h.endpoint(home, "e", h.trained(home, "m", h.key(home), "sealed"), 2)
	h.reaches(home, e, "IN_SERVICE")
	h.stop()
	if n := h.config.Analysers.(*echo).running(); n != 0 {
		t.Errorf("%d analysers outlive their daemon", n)
	}
	h.run()
	if got, err := h.says(e, "x"); got != "document-classification sealed" {
		t.Errorf("%q %v", got, err)
	}
}

// TestModelKey: the owner of a model's key ends its service, by whichever way, and lets it come back.
func TestModelKey(t *testing.T) {
	h := build(t)
	key := h.key(home)
	m := h.trained(home, "m", key, "sealed")
	e := h.endpoint(home, "e", m, 10)
	h.reaches(home, e, "IN_SERVICE")
	used := h.uses(home, "Decrypt", key)
	if used == 0 || h.uses(home, "GenerateDataKey", key) != 1 {
		t.Errorf("the trail shows %d uses of the key", used)
	}
	h.until("the key to be used again", func() bool { return h.uses(home, "Decrypt", key) > used+1 })

	h.do(home, "kms", "DisableKey", &keys.DisableKeyRequest{KeyId: &key})
	p := h.reaches(home, e, "FAILED")
	if p.Message == nil || !strings.Contains(*p.Message, "KMS_KEY_DISABLED") || !strings.Contains(*p.Message, key+" is disabled") {
		t.Errorf("%+v", p.Message)
	}
	_, err := h.says(e, "x")
	h.refused(err, "ResourceUnavailableException", key)
	if h.config.Analysers.(*echo).running() != 0 {
		t.Error("the model is still in memory")
	}
	h.do(home, "kms", "EnableKey", &keys.EnableKeyRequest{KeyId: &key})
	if p = h.reaches(home, e, "IN_SERVICE"); p.Message != nil {
		t.Errorf("%s", *p.Message)
	}
	if got, err := h.says(e, "x"); got != "document-classification sealed" {
		t.Errorf("%q %v", got, err)
	}

	grants := h.do(home, "kms", "ListGrants", &keys.ListGrantsRequest{KeyId: &key}).(*keys.ListGrantsResponse).Grants
	if len(grants) != 1 || *grants[0].GranteePrincipal != Principal || *grants[0].RetiringPrincipal != Principal || grants[0].Constraints.EncryptionContextSubset["aws:comprehend:arn"] != m {
		t.Fatalf("%+v", grants)
	}
	h.do(home, "kms", "RevokeGrant", &keys.RevokeGrantRequest{KeyId: &key, GrantId: grants[0].GrantId})
	if p = h.reaches(home, e, "FAILED"); !strings.Contains(*p.Message, "KMS_KEY_ACCESS_DENIED") || !strings.Contains(*p.Message, key) {
		t.Errorf("%s", *p.Message)
	}
}

// TestPulled: what the owner of a key does to it is felt by the next question, and the endpoint's status says so at once, however seldom keys are used
// for their own sake.
func TestPulled(t *testing.T) {
	h := build(t)
	h.stop()
	h.config.Check = time.Hour
	h.run()
	key := h.key(home)
	m := h.trained(home, "m", key, "sealed")
	e := h.endpoint(home, "e", m, 10)
	h.reaches(home, e, "IN_SERVICE")
	policy := func(more string) {
		doc := `{"Version":"2012-10-17","Statement":[` + more + `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + home + `:root"},"Action":"kms:*","Resource":"*"}]}`
		h.do(home, "kms", "PutKeyPolicy", &keys.PutKeyPolicyRequest{KeyId: &key, Policy: &doc})
	}
	for _, x := range []struct {
		name       string
		pull, back func()
	}{
		{"disabled", func() { h.do(home, "kms", "DisableKey", &keys.DisableKeyRequest{KeyId: &key}) },
			func() { h.do(home, "kms", "EnableKey", &keys.EnableKeyRequest{KeyId: &key}) }},
		{"to be deleted", func() { h.do(home, "kms", "ScheduleKeyDeletion", &keys.ScheduleKeyDeletionRequest{KeyId: &key}) }, func() {
			h.do(home, "kms", "CancelKeyDeletion", &keys.CancelKeyDeletionRequest{KeyId: &key})
			h.do(home, "kms", "EnableKey", &keys.EnableKeyRequest{KeyId: &key})
		}},
		{"denied", func() { policy(`{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"},`) }, func() { policy("") }},
		{"revoked", func() {
			g := h.do(home, "kms", "ListGrants", &keys.ListGrantsRequest{KeyId: &key}).(*keys.ListGrantsResponse).Grants
			h.do(home, "kms", "RevokeGrant", &keys.RevokeGrantRequest{KeyId: &key, GrantId: g[0].GrantId})
		}, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got, err := h.says(e, "x"); got != "document-classification sealed" {
				t.Fatalf("before: %q %v", got, err)
			}
			x.pull()
			if got, err := h.says(e, "x"); err == nil {
				t.Errorf("it answers %q", got)
			}
			h.reaches(home, e, "FAILED")
			h.until("the analyser to go", func() bool { return h.config.Analysers.(*echo).running() == 0 })
			if x.back != nil {
				x.back()
				h.reaches(home, e, "IN_SERVICE")
			}
		})
	}

	// What is done to others' keys and grants is no reason to use this one.
	other := h.trained(home, "other", h.key(home), "sealed")
	end := h.endpoint(home, "other", other, 10)
	h.reaches(home, end, "IN_SERVICE")
	var row model.Model
	if err := h.store.View(t.Context(), func(v store.View) error {
		it, err := rows.Models.Find(v, store.Scope{Partition: "aws", Account: home, Region: here}, "arn", other)
		row = it.Value
		return err
	}); err != nil {
		t.Fatal(err)
	}
	used := h.uses(home, "Decrypt", row.ModelKey)
	h.trained(home, "third", row.ModelKey, "of the same key") // another grant of it
	h.trained(home, "fourth", h.key(home), "of another")
	if _, err := h.says(end, "x"); err != nil || h.uses(home, "Decrypt", row.ModelKey) != used {
		t.Errorf("%d uses after %d, %v", h.uses(home, "Decrypt", row.ModelKey), used, err)
	}
}

// TestDelete: a deleted model leaves nothing: no bytes, no grant, no tags, no row of its training.
func TestDelete(t *testing.T) {
	h := build(t)
	key := h.key(home)
	m := h.trained(home, "m", key, "sealed")
	h.do(home, "comprehend", "TagResource", &shape.TagResourceRequest{ResourceArn: &m, Tags: []shape.Tag{{Key: new("team"), Value: new("red")}}})
	var row model.Model
	at := store.Scope{Partition: "aws", Account: home, Region: here}
	if err := h.store.View(t.Context(), func(v store.View) error {
		it, err := rows.Models.Find(v, at, "arn", m)
		row = it.Value
		return err
	}); err != nil {
		t.Fatal(err)
	}
	h.do(home, "comprehend", "DeleteDocumentClassifier", &shape.DeleteDocumentClassifierRequest{DocumentClassifierArn: &m})
	h.until("the model to go", func() bool {
		_, err := h.try(home, "comprehend", "DescribeDocumentClassifier", &shape.DescribeDocumentClassifierRequest{DocumentClassifierArn: &m})
		return err != nil
	})
	if g := h.do(home, "kms", "ListGrants", &keys.ListGrantsRequest{KeyId: &key}).(*keys.ListGrantsResponse).Grants; len(g) != 0 {
		t.Errorf("a grant is left: %+v", g)
	}
	if h.uses(home, "RetireGrant", key) != 1 {
		t.Error("the trail does not show that the grant was retired")
	}
	if f, err := h.blobs.Open(t.Context(), row.Artifact.Blob); err == nil {
		f.Close()
		t.Error("its bytes are left")
	}
	if err := h.store.View(t.Context(), func(v store.View) error {
		if _, err := rows.Jobs.Get(v, at, row.Job); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the training's row: %v", err)
		}
		tags, err := v.Tags(m)
		if len(tags) != 0 {
			t.Errorf("tags %v", tags)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	h.trained(home, "m", key, "again") // the name is free
}

// TestCallerThatGoesAway: a call that is given up ends no analyser that others ask.
func TestCallerThatGoesAway(t *testing.T) {
	h := build(t)
	x := h.config.Analysers.(*echo)
	x.slow = make(chan struct{})
	e := h.endpoint(home, "e", h.trained(home, "one", "", "first model"), 10)
	h.reaches(home, e, "IN_SERVICE")
	if _, err := h.says(e, "x"); err != nil {
		t.Fatal(err)
	}
	h.engine.mu.Lock()
	p := h.engine.posts[store.Key{Scope: store.Scope{Partition: "aws", Account: home, Region: here}, Kind: rows.ModelEndpoints.Kind, ID: "document-classifier-endpoint/e"}]
	h.engine.mu.Unlock()
	first := p.serving
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.engine.AnalyseAt(ctx, e, job.Setup{Kind: "document-classification"}, []string{"slow"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		defer cancel()
		h.until("the analyser to work", func() bool {
			idle := first.asked.TryLock()
			if idle {
				first.asked.Unlock()
			}
			return !idle
		})
	}()
	if _, err := h.engine.AnalyseAt(ctx, e, job.Setup{Kind: "document-classification"}, []string{"slow"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(x.slow)
	if got, err := h.says(e, "x"); got != "document-classification first model" {
		t.Errorf("%q %v", got, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.serving != first || p.lost || x.running() != 1 {
		t.Errorf("the analyser is another one, or given up; %d run", x.running())
	}
}

// TestNoRoom: an endpoint for which the host has no memory says so, takes no other one's, and is served when there is some.
func TestNoRoom(t *testing.T) {
	h := build(t)
	h.config.Analysers.(*echo).most = 1
	one, two := h.trained(home, "one", "", "first model"), h.trained(home, "two", "", "second model")
	e := h.endpoint(home, "e", one, 2)
	h.reaches(home, e, "IN_SERVICE")
	f := h.endpoint(home, "f", two, 2)
	if p := h.reaches(home, f, "FAILED"); p.Message == nil || !strings.HasPrefix(*p.Message, "INSUFFICIENT_CAPACITY: ") {
		t.Errorf("%+v", *p)
	}
	if got, err := h.says(e, "x"); got != "document-classification first model" {
		t.Errorf("%q %v", got, err)
	}
	// Another model takes the place of its own first one.
	h.do(home, "comprehend", "UpdateEndpoint", &shape.UpdateEndpointRequest{EndpointArn: &e, DesiredModelArn: &two})
	h.until("the second model", func() bool { got, _ := h.says(e, "x"); return got == "document-classification second model" })
	h.do(home, "comprehend", "DeleteEndpoint", &shape.DeleteEndpointRequest{EndpointArn: &e})
	h.reaches(home, f, "IN_SERVICE")
}

// TestAnotherRelease: an endpoint whose model the analyser does not take is FAILED, and says what to do.
func TestAnotherRelease(t *testing.T) {
	h := build(t)
	one, two := h.trained(home, "one", "", foreign), h.trained(home, "two", "", "second model")
	e := h.endpoint(home, "e", one, 2)
	if p := h.reaches(home, e, "FAILED"); p.Message == nil || *p.Message != "MODEL_NOT_USABLE: The analyzer does not take the model "+one+". A model is bound to the release that trained it: train it anew." {
		t.Errorf("%+v", *p)
	}
	h.do(home, "comprehend", "UpdateEndpoint", &shape.UpdateEndpointRequest{EndpointArn: &e, DesiredModelArn: &two})
	h.reaches(home, e, "IN_SERVICE")
}
