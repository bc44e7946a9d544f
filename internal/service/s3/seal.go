package s3

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"

	"cloister/internal/api"
	sheets "cloister/internal/api/ask"
	"cloister/internal/core/envelope"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

// The modes of a seal, as x-amz-server-side-encryption spells them.
const (
	sseS3   = "AES256"
	sseKMS  = "aws:kms"
	sseDSSE = "aws:kms:dsse"

	managedKey = "alias/aws/s3" // what aws:kms means without a key id
	arnContext = "aws:s3:arn"   // the pair that S3 adds to every encryption context

	dataKeySize = 32
	saltSize    = 32
)

// wish is what a request says of encryption.
type wish struct {
	mode, key, context *string
	bucketKey          *bool
	customer           []*string // x-amz-server-side-encryption-customer-*
}

// keys are the condition keys of a wish: of what the request says, not of what the bucket adds (S3 User Guide, "Requiring SSE-KMS for
// all objects written to a bucket": Null finds a request without the header).
func (w wish) keys(c *api.Call, k map[string][]string) map[string][]string {
	if k == nil {
		k = map[string][]string{}
	}
	if w.mode != nil {
		k["s3:x-amz-server-side-encryption"] = []string{*w.mode}
	}
	if w.key != nil {
		k["s3:x-amz-server-side-encryption-aws-kms-key-id"] = []string{sheets.KeyARN(c, *w.key)}
	}
	if len(w.customer) > 0 && w.customer[0] != nil {
		k["s3:x-amz-server-side-encryption-customer-algorithm"] = []string{*w.customer[0]}
	}
	return k
}

// plan is how bytes are to lie: as the request says, else as the bucket's default encryption does.
type plan struct {
	mode, key, context string
	bucketKey          bool
}

// said reports whether the request itself says how.
func (w wish) said() bool {
	return w.mode != nil || w.key != nil || w.context != nil || w.bucketKey != nil
}

// plan decides how the bytes of a request are to lie in a bucket. The mode of the request goes before the bucket's, with its key;
// whether there is a bucket key is decided by the request's header, else by the bucket, whosever the mode is. Sources: S3 API
// Reference, PutObject, x-amz-server-side-encryption-*; S3 User Guide, "Configuring an S3 Bucket Key at the object level".
func (w wish) plan(b Bucket) (plan, error) {
	for _, c := range w.customer {
		if c != nil { // S3 User Guide, "Blocking or unblocking SSE-C for a general purpose bucket": 403 AccessDenied
			return plan{}, fault.Of(fault.AccessDenied, "Requests that specify Server Side Encryption with Customer provided keys (SSE-C) are not allowed: the bucket blocks this encryption type.")
		}
	}
	d := b.encryption()
	p := plan{mode: d.Mode, key: d.Key, bucketKey: d.BucketKey, context: str(w.context)}
	if w.mode != nil {
		p.mode, p.key = *w.mode, str(w.key)
	}
	switch {
	case w.mode == nil && (w.key != nil || w.context != nil && p.mode != sseKMS), p.mode == sseS3 && (w.key != nil || w.context != nil):
		return p, badEncryption("Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms", str(w.mode))
	case p.mode == sseDSSE:
		return p, &fault.Fault{Kind: fault.NotHonoured, Param: "ServerSideEncryption", Message: "Dual-layer encryption (aws:kms:dsse) is not honoured: use aws:kms."}
	case p.mode != sseS3 && p.mode != sseKMS:
		return p, badEncryption("The encryption method specified is not supported", p.mode)
	}
	if w.bucketKey != nil {
		p.bucketKey = *w.bucketKey
	}
	if p.mode == sseS3 {
		p.bucketKey = false // it is about requests to KMS, of which there are none
	} else if p.key == "" {
		p.key = managedKey
	}
	_, err := p.pairs("")
	return p, err
}

func badEncryption(message, value string) error {
	return fault.New("InvalidArgument", "%s", message).With(400).Field("ArgumentName", "x-amz-server-side-encryption").Field("ArgumentValue", value)
}

// pairs is the encryption context: the client's pairs and aws:s3:arn, which no client sets.
func (p plan) pairs(arn string) (map[string]string, error) {
	out := map[string]string{}
	if p.context != "" {
		text, err := base64.StdEncoding.DecodeString(p.context)
		if err == nil {
			err = json.Unmarshal(text, &out)
		}
		if _, own := out[arnContext]; err != nil || own || out == nil {
			return nil, fault.New("InvalidArgument", "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map").
				With(400).Field("ArgumentName", "x-amz-server-side-encryption-context")
		}
	}
	out[arnContext] = arn
	return out, nil
}

// spot is where an object's or upload's bytes belong; their data key opens nowhere else. name is the blob's or the upload's id.
type spot struct {
	bucket    store.Item[Bucket]
	key, name string
}

func (p spot) aad() []byte {
	return []byte("s3-data-key/" + p.bucket.Scope.Partition + "/" + p.bucket.Value.ID + "/" + p.name + "/" + p.key)
}

func (p spot) arn(c *api.Call, bucketKey bool) string {
	if bucketKey {
		return bucketARN(c, p.bucket.ID)
	}
	return objectARN(c, p.bucket.ID, p.key)
}

// newKey makes the data key of bytes that come, and what their row keeps of it. KMS is asked for the caller, so never call it inside
// of Read or Commit.
func (s *Service) newKey(ctx context.Context, c *api.Call, at spot, p plan) (Seal, []byte, error) {
	if s.clear {
		return Seal{}, nil, nil
	}
	out := Seal{Mode: p.mode}
	if p.mode == sseS3 {
		plain := c.Dice.Bytes(dataKeySize)
		var err error
		if out.Wrapped, err = s.sealer.Seal(plain, at.aad()); err != nil {
			return out, nil, fmt.Errorf("cannot seal the data key of %q in %s: %w", at.key, at.bucket.ID, err)
		}
		return out, plain, nil
	}
	if err := signed(c); err != nil {
		return out, nil, err
	}
	pairs, err := p.pairs(at.arn(c, p.bucketKey))
	if err != nil {
		return out, nil, err
	}
	out.Context, out.BucketKey = p.context, p.bucketKey
	get := func() (k bucketKey, err error) {
		answer, err := s.kms(ctx, c, "GenerateDataKey", &kms.GenerateDataKeyRequest{KeyId: &p.key, KeySpec: ptr("AES_256"), EncryptionContext: pairs})
		if err != nil {
			return k, err
		}
		g, ok := answer.(*kms.GenerateDataKeyResponse)
		if !ok || len(g.Plaintext) != dataKeySize || len(g.CiphertextBlob) == 0 || g.KeyId == nil {
			return k, fmt.Errorf("cannot use the data key that KMS made under %s", p.key)
		}
		return bucketKey{arn: *g.KeyId, wrapped: g.CiphertextBlob, plain: g.Plaintext}, nil
	}
	var k bucketKey
	if p.bucketKey {
		k, err = s.bucketKeys.get(c, at.bucket, p, func(arn string) (still bool, err error) {
			err = c.Read(ctx, func(v store.View) error { still, err = s.keys.Usable(v, arn, c.Time); return err })
			return still, err
		}, get)
	} else {
		k, err = get()
	}
	out.Key, out.Wrapped = k.arn, k.wrapped
	return out, k.plain, err
}

// openKey opens the data key of bytes that lie; nil for bytes in clear. KMS is asked for the caller at every read, also of objects
// under a bucket key: a key that is disabled and a permission that is taken back stop reading at once.
func (s *Service) openKey(ctx context.Context, c *api.Call, at spot, l Seal) ([]byte, error) {
	switch l.Mode {
	case "":
		return nil, nil
	case sseS3:
		plain, err := s.sealer.Open(l.Wrapped, at.aad())
		if err != nil {
			return nil, fmt.Errorf("cannot open the data key of %q in %s: %w", at.key, at.bucket.ID, err)
		}
		return plain, nil
	}
	if err := signed(c); err != nil {
		return nil, err
	}
	pairs, err := plan{context: l.Context}.pairs(at.arn(c, l.BucketKey))
	if err != nil {
		return nil, err
	}
	answer, err := s.kms(ctx, c, "Decrypt", &kms.DecryptRequest{CiphertextBlob: l.Wrapped, KeyId: &l.Key, EncryptionContext: pairs})
	if err != nil {
		return nil, err
	}
	d, ok := answer.(*kms.DecryptResponse)
	if !ok || len(d.Plaintext) != dataKeySize {
		return nil, fmt.Errorf("cannot use the data key of %q in %s that KMS opened", at.key, at.bucket.ID)
	}
	return d.Plaintext, nil
}

// signed refuses callers that KMS cannot know. The sentence is S3's (S3 User Guide, "Using server-side encryption with AWS KMS keys":
// such requests need Signature Version 4).
func signed(c *api.Call) error {
	if c.Caller == nil || c.Caller.Kind == identity.Anonymous {
		return fault.New("InvalidArgument", "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.").
			With(400).Field("ArgumentName", "Authorization").Field("ArgumentValue", "null")
	}
	return nil
}

// kms asks KMS for the caller. Its refusals come through as S3 tells them: "KMS." before the code, status 400; a refused permission
// stays AccessDenied with KMS's sentence.
func (s *Service) kms(ctx context.Context, c *api.Call, operation string, in any) (any, error) {
	out, err := c.Forward(ctx, "kms", operation, in)
	if err == nil {
		return out, nil
	}
	s.bucketKeys.forget() // what KMS refuses once is not kept for others
	var f *fault.Fault
	if !errors.As(err, &f) {
		return nil, fmt.Errorf("cannot ask KMS to %s: %w", operation, err)
	}
	told := *f
	switch {
	case f.Kind == fault.Invalid: // a key id that is none
		told = fault.Fault{Code: "InvalidArgument", Message: f.Message, Cause: f.Cause}
		return nil, told.With(400)
	case f.Kind != fault.Modelled:
		return nil, f
	case f.Code == "InvalidCiphertextException", f.Code == "IncorrectKeyException": // the row is damaged, which is not the client's doing
		return nil, fmt.Errorf("cannot open a data key: %w", errors.New(f.Error()))
	}
	told.Code, told.Fields = "KMS."+f.Code, maps.Clone(f.Fields)
	return nil, told.With(400)
}

// lock seals the bytes of one blob; without a key they lie in clear.
type lock struct {
	blob      string
	key, salt []byte
}

// newLock is for bytes that come under a data key: with a salt of their own.
func newLock(c *api.Call, blob string, key []byte) lock {
	l := lock{blob: blob, key: key}
	if key != nil {
		l.salt = c.Dice.Bytes(saltSize)
	}
	return l
}

// opened reads a sealed blob; closing it closes the blob. On an error the blob is closed.
func (p *piece) opened(f io.ReadSeekCloser, key []byte) (io.ReadSeekCloser, error) {
	r, err := envelope.NewReader(f, p.size, key, p.salt, []byte(p.blob))
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("cannot open the blob %s: %w", p.blob, err)
	}
	return sealedBlob{r, f}, nil
}

// sealedBlob is a blob's plaintext; Close ends both.
type sealedBlob struct {
	*envelope.Reader
	blob io.Closer
}

func (b sealedBlob) Close() error { return errors.Join(b.Reader.Close(), b.blob.Close()) }

// opaque is the entity tag of bytes under a KMS key, which is not their MD5 (S3 API Reference, Object.ETag); empty: it is.
func (l Seal) opaque(c *api.Call) string {
	if l.Mode == sseKMS {
		return hex.EncodeToString(c.Dice.Bytes(16))
	}
	return ""
}

// show puts a seal into the members of an answer; context may be nil.
func (l Seal) show(mode, key, context **string, bucketKey **bool) {
	*mode, *key, *bucketKey = opt(l.Mode), opt(l.Key), opt(l.BucketKey)
	if context != nil {
		*context = opt(l.Context)
	}
}

// sealed gives the writer that seals a blob's bytes; its Close writes the last segment, without which nothing opens.
func (l lock) sealed(w io.Writer) (io.WriteCloser, error) {
	return envelope.NewWriter(w, l.key, l.salt, []byte(l.blob))
}
