package serve

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cloister/internal/api"
	"cloister/internal/core/envelope"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// failure is an error that the owner of a model or endpoint is told.
type failure struct{ code, message string }

func (f *failure) Error() string { return f.code + ": " + f.message }

func fail(code, format string, a ...any) *failure {
	return &failure{code, fmt.Sprintf(format, a...)}
}

// as is the service itself, for one of its resources.
func as(at store.Scope, arn string) api.As {
	return api.As{Partition: at.Partition, Account: at.Account, Region: at.Region, Service: Principal, SourceAccount: at.Account, SourceARN: arn}
}

// dataKey opens the data key of a model: by the grant on the model's key, or by the ledger's keyring if it has none. Who asks is the service,
// for the resource that it needs the model for, or a role.
func (e *Engine) dataKey(ctx context.Context, who api.As, m *model.Model) ([]byte, error) {
	if m.Artifact.Blob == "" {
		return nil, fail("MODEL_UNAVAILABLE", "The model %s has no data.", m.ARN)
	}
	if m.ModelKey == "" {
		return e.Sealer.Open(m.Artifact.Wrapped, model.Place(m.ARN))
	}
	out, _, err := e.Calls.Invoke(ctx, who, "kms", "Decrypt", &kms.DecryptRequest{KeyId: &m.ModelKey, CiphertextBlob: m.Artifact.Wrapped, EncryptionContext: model.Context(m.ARN)})
	if err != nil {
		return nil, keyFailure(m.ModelKey, "kms:Decrypt", err)
	}
	return out.(*kms.DecryptResponse).Plaintext, nil
}

// standing is that of a model's key; empty: it has none of KMS.
func (e *Engine) standing(v store.View, m *model.Model) (string, error) {
	if m.ModelKey == "" {
		return "", nil
	}
	s, err := e.Keys.Standing(v, m.ModelKey, m.Grant)
	if err != nil {
		return "", fmt.Errorf("cannot see the key %s: %w", m.ModelKey, err)
	}
	return s, nil
}

// keyFailure says why a key could not be used, if KMS refused it.
func keyFailure(key, action string, err error) error {
	var f *fault.Fault
	if !errors.As(err, &f) || f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		return err
	}
	if f.Kind == fault.AccessDenied {
		return fail(job.KeyCode("AccessDenied"), "The KMS key %s cannot be used: %s is denied. The grant on the key may have been revoked, or the role lacks the permission.", key, action)
	}
	return fail(job.KeyCode(f.Code), "The KMS key %s cannot be used: %s", key, f.Message)
}

// reader gives the plain bytes of a model.
func (e *Engine) reader(ctx context.Context, m *model.Model, key []byte) (io.ReadCloser, error) {
	b, err := e.Blobs.Open(ctx, m.Artifact.Blob)
	if err != nil {
		return nil, fmt.Errorf("cannot open the model's bytes: %w", err)
	}
	r, err := envelope.NewReader(b, envelope.PlainSize(m.Artifact.Size), key, m.Artifact.Salt, model.Info(m.ARN))
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("cannot open the model: %w", err)
	}
	return opened{r, b}, nil
}

type opened struct {
	*envelope.Reader
	blob io.Closer
}

func (o opened) Close() error { return errors.Join(o.Reader.Close(), o.blob.Close()) }
