package s3

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"cloister/internal/core/fault"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
	"cloister/internal/world"
)

// keys answers what S3 asks KMS, with real ciphertexts bound to their context. The service itself is in test/whole.
type keys struct {
	mu      sync.Mutex
	held    map[string][]byte // ARN -> material
	refuse  error
	refused string // the operation that refuse is for; empty: all
	asked   []string
}

const testKey = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"

func newKeys() *keys {
	return &keys{held: map[string][]byte{testKey: world.Real{}.Bytes(32), "arn:aws:kms:us-east-1:111122223333:key/aws-s3": world.Real{}.Bytes(32)}}
}

func (k *keys) find(id string) (string, cipher.AEAD, error) {
	if id == "alias/aws/s3" {
		id = "key/aws-s3"
	}
	for arn, m := range k.held {
		if strings.HasSuffix(arn, id) {
			b, err := aes.NewCipher(m)
			if err != nil {
				return "", nil, err
			}
			a, err := cipher.NewGCM(b)
			return arn, a, err
		}
	}
	return "", nil, fault.New("NotFoundException", "Key '%s' does not exist", id)
}

// take gives what was asked since the last call: "operation context-arn".
func (k *keys) take() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := strings.Join(k.asked, " ")
	k.asked = nil
	return out
}

func (k *keys) set(operation string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused, k.refuse = operation, err
}

// Usable is true of the keys that there are, until set refuses all.
func (k *keys) Usable(_ store.View, arn string, _ time.Time) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held[arn] != nil && (k.refuse == nil || k.refused != ""), nil
}

func (k *keys) forward(_ context.Context, service, operation string, in any) (any, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse != nil && (k.refused == "" || k.refused == operation) {
		return nil, k.refuse
	}
	var id string
	var pairs map[string]string
	switch in := in.(type) {
	case *kms.GenerateDataKeyRequest:
		id, pairs = *in.KeyId, in.EncryptionContext
	case *kms.DecryptRequest:
		id, pairs = *in.KeyId, in.EncryptionContext
	}
	aad, err := json.Marshal(pairs)
	if err != nil {
		return nil, err
	}
	k.asked = append(k.asked, operation+" "+string(aad))
	arn, a, err := k.find(id)
	if err != nil {
		return nil, err
	}
	if d, ok := in.(*kms.DecryptRequest); ok {
		plain, err := a.Open(nil, d.CiphertextBlob[:12], d.CiphertextBlob[12:], aad)
		if err != nil {
			return nil, fault.New("InvalidCiphertextException", "")
		}
		return &kms.DecryptResponse{KeyId: &arn, Plaintext: plain}, nil
	}
	plain, nonce := world.Real{}.Bytes(32), world.Real{}.Bytes(12)
	return &kms.GenerateDataKeyResponse{KeyId: &arn, Plaintext: plain, CiphertextBlob: a.Seal(nonce, nonce, plain, aad)}, nil
}
