package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/envelope"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
	"cloister/internal/shape/comprehend"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// keyed says whether the job lives on keys of its owner's, or on a model.
func (w *walk) keyed() bool { return w.job.VolumeKey != "" || w.job.Model != "" || w.job.Trains != "" }

// asService is the service itself, for the job.
func (w *walk) asService() api.As {
	as := w.as()
	as.AccessKey, as.Token = "", ""
	return as
}

// keys proves, before anything else is made, that every key can be used for what the job will need it for: the role grants the service their
// use, and the service uses the grant. (The key of the results is used by S3 for the role; the agent tries it before it reads.)
func (w *walk) keys(ctx context.Context) error {
	if w.job.VolumeKey != "" {
		about := model.Context(w.job.ARN)
		if err := w.grant(ctx, job.Grant{Key: w.job.VolumeKey, Name: "comprehend-" + w.job.ID + "-volume"}, about); err != nil {
			return err
		}
		k, err := w.dataKey(ctx, w.job.VolumeKey, w.granted("comprehend-"+w.job.ID+"-volume"), about)
		if err != nil {
			return err
		}
		w.volume = k.Plaintext
	}
	if w.job.Trains != "" {
		if err := w.newModel(ctx); err != nil {
			return err
		}
	}
	if w.job.Model != "" {
		return w.openModel(ctx)
	}
	return nil
}

// grant lets the service use a key for one resource, which is in the encryption context of all that it does with it.
func (w *walk) grant(ctx context.Context, g job.Grant, about map[string]string) error {
	if err := w.edit(ctx, func(j *job.Job) { j.Grants = append(j.Grants, g) }); err != nil {
		return err
	}
	out, err := ask[kms.CreateGrantResponse](ctx, w, w.as(), "CreateGrant", g.Key, w.grantRequest(g, about))
	if err != nil {
		return err
	}
	return w.edit(ctx, func(j *job.Job) {
		if i := slices.IndexFunc(j.Grants, func(x job.Grant) bool { return x.Name == g.Name }); i >= 0 {
			j.Grants[i].ID = *out.GrantId
		}
	})
}

func (w *walk) grantRequest(g job.Grant, about map[string]string) *kms.CreateGrantRequest {
	return &kms.CreateGrantRequest{KeyId: &g.Key, GranteePrincipal: &w.job.Service, RetiringPrincipal: &w.job.Service, Operations: model.Operations(),
		Constraints: &kms.GrantConstraints{EncryptionContextSubset: about}, Name: &g.Name}
}

// granted gives the id of a grant of the job's.
func (w *walk) granted(name string) string {
	for _, g := range w.job.Grants {
		if g.Name == name {
			return g.ID
		}
	}
	return ""
}

// dataKey makes one, and holds the key from then on.
func (w *walk) dataKey(ctx context.Context, key, grant string, about map[string]string) (*kms.GenerateDataKeyResponse, error) {
	standing, err := w.stands(ctx, key, grant)
	if err != nil {
		return nil, err
	}
	spec := "AES_256"
	k, err := ask[kms.GenerateDataKeyResponse](ctx, w, w.asService(), "GenerateDataKey", key, &kms.GenerateDataKeyRequest{KeyId: &key, KeySpec: &spec, EncryptionContext: about})
	if err == nil {
		w.hold(held{key: key, grant: grant, about: about, wrapped: k.CiphertextBlob, standing: standing})
	}
	return k, err
}

// newModel makes the data key under which the model is sealed that the job trains.
func (w *walk) newModel(ctx context.Context) error {
	a := &model.Artifact{Blob: w.World.Hex(32), Salt: w.World.Bytes(envelope.SaltSize)}
	plain := w.World.Bytes(envelope.KeySize)
	if w.job.ModelKey == "" {
		var err error
		if a.Wrapped, err = w.Sealer.Seal(plain, model.Place(w.job.Trains)); err != nil {
			return fmt.Errorf("cannot seal a model's data key: %w", err)
		}
	} else {
		about := model.Context(w.job.Trains)
		if err := w.grant(ctx, job.Grant{Key: w.job.ModelKey, Name: "comprehend-" + w.job.ID + "-model", Model: true}, about); err != nil {
			return err
		}
		k, err := w.dataKey(ctx, w.job.ModelKey, w.granted("comprehend-"+w.job.ID+"-model"), about)
		if err != nil {
			return err
		}
		plain, a.Wrapped = k.Plaintext, k.CiphertextBlob
	}
	w.trained = a
	w.artifact = &job.Artifact{Key: plain, Salt: a.Salt, Info: model.Info(w.job.Trains), Write: true}
	return nil
}

// openModel opens the data key of the model by which the job analyses.
func (w *walk) openModel(ctx context.Context) error {
	var m model.Model
	err := w.Store.View(ctx, func(v store.View) error {
		p := strings.SplitN(w.job.Model, ":", 6)
		if len(p) != 6 {
			return store.ErrNotFound
		}
		it, err := rows.Models.Find(v, store.Scope{Partition: p[1], Account: p[4], Region: p[3]}, "arn", w.job.Model)
		m = it.Value
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && (!m.Status.Ready() || m.Artifact.Blob == "") {
		return fail("MODEL_NOT_AVAILABLE", "The model %s is not there any more.", w.job.Model)
	}
	if err != nil {
		return err
	}
	a := &job.Artifact{Salt: m.Artifact.Salt, Info: model.Info(m.ARN), Size: m.Artifact.Size}
	if m.ModelKey == "" {
		if a.Key, err = w.Sealer.Open(m.Artifact.Wrapped, model.Place(m.ARN)); err != nil {
			return fmt.Errorf("cannot open the data key of %s: %w", m.ARN, err)
		}
	} else {
		h := held{key: m.ModelKey, grant: m.Grant, about: model.Context(m.ARN), wrapped: m.Artifact.Wrapped}
		if h.standing, err = w.stands(ctx, h.key, h.grant); err != nil {
			return err
		}
		out, err := ask[kms.DecryptResponse](ctx, w, w.asService(), "Decrypt", m.ModelKey, &kms.DecryptRequest{KeyId: &h.key, CiphertextBlob: h.wrapped, EncryptionContext: h.about})
		if err != nil {
			return err
		}
		w.hold(h)
		a.Key = out.Plaintext
	}
	w.artifact, w.model = a, m.Artifact.Blob
	return nil
}

// measured says whether what a training says of its model is what Describe can tell: an analyser may say anything, and a List of models would
// fail for ever at one that it can't read.
func measured(kind string, result []byte) error {
	var into any
	switch kind {
	case model.Classifier:
		into = &comprehend.ClassifierMetadata{}
	case model.Recognizer:
		into = &comprehend.EntityRecognizerMetadata{}
	default:
		return nil
	}
	if err := json.Unmarshal(result, into); err != nil {
		return errors.New("cannot read what the training says of its model") // in words that may be a document's
	}
	return nil
}

// ask asks KMS about a key. A refusal fails the job and names key and call.
func ask[O any](ctx context.Context, w *walk, as api.As, op, key string, in any) (*O, error) {
	out, id, err := w.Calls.Invoke(ctx, as, "kms", op, in)
	if err == nil {
		o, ok := out.(*O)
		if !ok {
			return nil, fmt.Errorf("cannot read KMS's answer to %s", op)
		}
		return o, nil
	}
	if !refusal(err) {
		return nil, err
	}
	w.noted(ctx, id)
	return nil, refusedKey(as, op, key, err)
}

// refusedKey is the job's failure where KMS refused.
func refusedKey(as api.As, op, key string, err error) error {
	var f *fault.Fault
	errors.As(err, &f)
	code := f.Code
	if f.Kind == fault.AccessDenied {
		code = "AccessDenied"
	}
	if code == "AccessDenied" && as.AccessKey != "" {
		return fail(job.KeyCode(code), "The provided data access role is not authorized to perform kms:%s on the key %s.", op, key)
	}
	if code == "AccessDenied" {
		return fail(job.KeyCode(code), "%s is not authorized to perform kms:%s on the key %s: the grant that allowed it may have been revoked.", as.Service, op, key)
	}
	return fail(job.KeyCode(code), "The KMS key %s cannot be used: %s", key, f.Message)
}

// retire ends the grants that the job lived on, but for that of a model which was trained. KMS does not refuse to retire what is not there.
func (w *walk) retire(ctx context.Context, keep bool) error {
	for _, g := range w.job.Grants {
		if keep && g.Model {
			continue
		}
		if err := w.retireOne(ctx, g); err != nil {
			if !refusal(err) {
				return err
			}
			w.log.Warn("cannot retire a grant", "key", g.Key, "grant", cmp.Or(g.ID, g.Name), "error", err) // the key or the role is gone, or somebody revoked it
		}
	}
	return w.edit(ctx, func(j *job.Job) {
		j.Grants = slices.DeleteFunc(j.Grants, func(g job.Grant) bool { return !keep || !g.Model })
	})
}

func (w *walk) retireOne(ctx context.Context, g job.Grant) error {
	ids := []string{g.ID}
	if g.ID == "" { // a daemon died while it was made: the ledger knows whether it was, also when role or key are gone
		about := model.Context(w.job.ARN)
		if g.Model {
			about = model.Context(w.job.Trains)
		}
		if err := w.Store.View(ctx, func(v store.View) (err error) {
			ids, err = w.Keys.GrantsOf(v, g.Key, w.job.Account, w.job.Service, g.Name, about)
			return err
		}); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if _, _, err := w.Calls.Invoke(ctx, w.asService(), "kms", "RetireGrant", &kms.RetireGrantRequest{KeyId: &g.Key, GrantId: &id}); err != nil {
			return err
		}
	}
	return nil
}

// learned writes what a training left into its model's row, in the transaction in which the job ends.
func (w *walk) learned(tx store.Tx, j *job.Job) error {
	if j.Trains == "" {
		return nil
	}
	it, err := rows.Models.Find(tx, w.key.Scope, "arn", j.Trains)
	if errors.Is(err, store.ErrNotFound) { // deleted meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	m := &it.Value
	if j.State == job.Completed && !m.Status.Ended() {
		m.Artifact = *w.trained
		if i := slices.IndexFunc(j.Grants, func(g job.Grant) bool { return g.Model }); i >= 0 {
			m.Grant = j.Grants[i].ID
			j.Grants = slices.Delete(j.Grants, i, i+1)
		}
	}
	m.Follow(j)
	return rows.Models.Save(tx, &it)
}
