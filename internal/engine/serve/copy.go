package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/envelope"
	"cloister/internal/core/fault"
	"cloister/internal/core/model"
	"cloister/internal/shape/kms"
	"cloister/internal/shape/sts"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// copy brings the bytes of an imported model over, sealed anew under a key of the copy's own. A copy that was interrupted is begun again.
func (e *Engine) copy(ctx context.Context, it store.Item[model.Model]) {
	at := it.Scope
	over := false
	err := e.change(ctx, it, func(m *model.Model) {
		if over = m.Status.Ended() || m.Status == model.Deleting; !over { // the list was old, and the copy is there meanwhile
			m.Status = model.Training
		}
	})
	if over {
		return
	}
	var done model.Model
	if err == nil {
		done, err = e.copied(ctx, at, it.Value)
	}
	if ctx.Err() != nil {
		return
	}
	var f *failure
	if err != nil {
		if rerr := e.ungrant(ctx, it); rerr != nil {
			e.Log.Error("cannot retire the grant of a copy that failed", "model", it.Value.ARN, "error", rerr)
		}
	}
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict): // somebody came between: look again
		return
	case errors.As(err, &f):
	case err != nil:
		e.Log.Error("cannot import a model", "model", it.Value.ARN, "error", err)
		f = fail("INTERNAL_ERROR", "The model could not be imported.")
	}
	err = e.change(ctx, it, func(m *model.Model) {
		m.Ended = e.World.Now()
		if f != nil {
			m.Status, m.Message = model.InError, f.Error()
			return
		}
		m.Status, m.Grant, m.Artifact, m.Result = model.Trained, done.Grant, done.Artifact, done.Result
	})
	if err != nil && ctx.Err() == nil {
		e.Log.Error("cannot write down an imported model", "model", it.Value.ARN, "error", err)
	}
}

// ungrant gives back what a copy was granted, now or by an attempt of a daemon that died with it.
func (e *Engine) ungrant(ctx context.Context, it store.Item[model.Model]) error {
	m := &it.Value
	about := map[string]string{m.ModelKey: m.ARN} // keys, and for which model each was granted
	ids := map[string][]string{}
	err := e.Store.View(ctx, func(v store.View) error {
		from := strings.SplitN(m.Source, ":", 6)
		source, err := rows.Models.Get(v, store.Scope{Partition: from[1], Account: from[4], Region: from[3]}, from[5])
		if err == nil && source.Value.ModelKey != m.ModelKey {
			about[source.Value.ModelKey] = m.Source
		}
		delete(about, "")
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		for key, arn := range about {
			if ids[key], err = e.Keys.GrantsOf(v, key, it.Scope.Account, Principal, grantName(m), model.Context(arn)); err != nil {
				return err
			}
		}
		return nil
	})
	for key, all := range ids {
		for _, id := range all {
			err = errors.Join(err, e.retire(ctx, it.Scope, m.ARN, key, id))
		}
	}
	return err
}

// grantName names the grants that a copy is given.
func grantName(m *model.Model) string { return "comprehend-" + m.Kind + "-" + m.Name + "-" + m.Version }

func (e *Engine) change(ctx context.Context, it store.Item[model.Model], f func(*model.Model)) error {
	return e.Store.Update(ctx, func(tx store.Tx) error {
		now, err := rows.Models.Get(tx, it.Scope, it.ID)
		if err != nil {
			return err
		}
		f(&now.Value)
		return rows.Models.Save(tx, &now)
	})
}

// copied moves the bytes. The model that is given back has its grant even if it fails.
func (e *Engine) copied(ctx context.Context, at store.Scope, m model.Model) (model.Model, error) {
	var source model.Model
	from := strings.SplitN(m.Source, ":", 6)
	err := e.Store.View(ctx, func(v store.View) error {
		x, err := rows.Models.Get(v, store.Scope{Partition: from[1], Account: from[4], Region: from[3]}, from[5])
		source = x.Value
		return err
	})
	// One that came later under the same name is another model, which this account may have no right to.
	if errors.Is(err, store.ErrNotFound) || err == nil && (!source.Status.Ready() || source.Submitted.After(m.Submitted)) {
		return m, fail("SOURCE_MODEL_UNAVAILABLE", "The model %s is not there any more.", m.Source)
	}
	if err != nil {
		return m, err
	}
	role := as(at, m.ARN)
	if m.RoleARN != "" {
		if role, err = e.assume(ctx, role, m.RoleARN); err != nil {
			return m, err
		}
	}
	old, err := e.sourceKey(ctx, at, role, &source, &m)
	if err != nil {
		return m, err
	}
	defer clear(old)
	fresh, err := e.newKey(ctx, at, role, &m)
	if err != nil {
		return m, err
	}
	defer clear(fresh)
	r, err := e.reader(ctx, &source, old)
	if err != nil {
		return m, err
	}
	defer r.Close()
	m.Artifact.Blob, m.Artifact.Salt, m.Result = e.World.Hex(32), e.World.Bytes(envelope.SaltSize), source.Result
	err = e.Blobs.Write(ctx, m.Artifact.Blob, func(w io.Writer) error {
		sealed, err := envelope.NewWriter(w, fresh, m.Artifact.Salt, model.Info(m.ARN))
		if err != nil {
			return err
		}
		n, err := io.Copy(sealed, r)
		if err != nil {
			sealed.Discard()
			return err
		}
		m.Artifact.Size = envelope.SealedSize(n)
		return sealed.Close()
	})
	if err != nil {
		err = fmt.Errorf("cannot write the model's bytes: %w", err)
	}
	return m, err
}

// newKey makes the data key of a model. With a key of KMS the role grants the use of it to the service first, and the service makes the data key
// by that grant: whatever holds later is then known to hold now. Source: Comprehend Developer Guide, "Importing a custom model".
func (e *Engine) newKey(ctx context.Context, at store.Scope, role api.As, m *model.Model) ([]byte, error) {
	if m.ModelKey == "" {
		key := e.World.Bytes(envelope.KeySize)
		var err error
		m.Artifact.Wrapped, err = e.Sealer.Seal(key, model.Place(m.ARN))
		return key, err
	}
	spec := "AES_256"
	var err error
	if m.Grant, err = e.grant(ctx, role, m.ModelKey, m.ARN, m, model.Operations()); err != nil {
		return nil, err
	}
	out, _, err := e.Calls.Invoke(ctx, as(at, m.ARN), "kms", "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: &m.ModelKey, KeySpec: &spec, EncryptionContext: model.Context(m.ARN)})
	if err != nil {
		return nil, keyFailure(m.ModelKey, "kms:GenerateDataKey", err)
	}
	o := out.(*kms.GenerateDataKeyResponse)
	m.Artifact.Wrapped = o.CiphertextBlob
	return o.Plaintext, nil
}

// sourceKey opens the data key of the model that is copied. The importer's role grants the service the use of the source's key for that one
// model, as the key's policy allows the role, and the grant ends with the use. Source: Comprehend Developer Guide, "Sharing a custom model
// with another AWS account", AWS KMS key policy statement.
func (e *Engine) sourceKey(ctx context.Context, at store.Scope, role api.As, source, m *model.Model) (key []byte, err error) {
	if source.ModelKey == "" {
		return e.dataKey(ctx, role, source)
	}
	id, err := e.grant(ctx, role, source.ModelKey, source.ARN, m, []string{"Decrypt", "RetireGrant"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.retire(ctx, at, source.ARN, source.ModelKey, id)) }()
	return e.dataKey(ctx, as(at, source.ARN), source)
}

// grant lets the service use a key for the model that about names, on behalf of m. The same request gives the same grant again.
func (e *Engine) grant(ctx context.Context, role api.As, key, about string, m *model.Model, operations []string) (id string, err error) {
	who, name := Principal, grantName(m)
	out, _, err := e.Calls.Invoke(ctx, role, "kms", "CreateGrant", &kms.CreateGrantRequest{KeyId: &key, GranteePrincipal: &who, RetiringPrincipal: &who, Operations: operations,
		Constraints: &kms.GrantConstraints{EncryptionContextSubset: model.Context(about)}, Name: &name})
	if err != nil {
		return "", keyFailure(key, "kms:CreateGrant", err)
	}
	return *out.(*kms.CreateGrantResponse).GrantId, nil
}

// session is how long a copy's role session lasts, in seconds.
const session = 3600

func (e *Engine) assume(ctx context.Context, who api.As, role string) (api.As, error) {
	name, secs := "comprehend-import", int64(session)
	out, _, err := e.Calls.Invoke(ctx, who, "sts", "AssumeRole", &sts.AssumeRoleRequest{RoleArn: &role, RoleSessionName: &name, DurationSeconds: &secs})
	var f *fault.Fault
	if errors.As(err, &f) && f.Kind != fault.Internal && f.Kind != fault.Unavailable {
		return who, fail("INVALID_DATA_ACCESS_ROLE", "The provided data access role %s cannot be assumed by %s.", role, Principal)
	}
	if err != nil {
		return who, err
	}
	c := out.(*sts.AssumeRoleResponse).Credentials
	who.AccessKey, who.Token = *c.AccessKeyId, *c.SessionToken
	return who, nil
}
