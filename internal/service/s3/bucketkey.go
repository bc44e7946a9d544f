package s3

import (
	"bytes"
	"strings"
	"sync"
	"time"

	"cloister/internal/api"
	"cloister/internal/store"
)

// bucketKeyLife is how long a writer goes on with a bucket-level key before KMS is asked again. S3 keeps its bucket keys for a limited
// time that it does not tell (S3 User Guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys").
const bucketKeyLife = time.Minute

const maxBucketKeys = 1024

// bucketKey is a data key as KMS made it: many objects of a bucket lie under it, each with a salt of its own.
type bucketKey struct {
	arn            string
	wrapped, plain []byte
	until          time.Time
}

// bucketKeys keeps bucket-level keys for writing, in memory alone, one for each requester, bucket, KMS key and encryption context: each
// requester's permission is asked for, and is in the trail. The state of the KMS key is looked at by every write; reading never takes a
// key from here.
type bucketKeys struct {
	mu   sync.Mutex
	held map[string]bucketKey
}

// get gives the requester's key while its KMS key may be used, or asks for one.
func (k *bucketKeys) get(c *api.Call, b store.Item[Bucket], p plan, usable func(arn string) (bool, error), ask func() (bucketKey, error)) (bucketKey, error) {
	// The access key stands for the session, with its own policies and its end.
	id := strings.Join([]string{c.Caller.ARN, c.Caller.ID, c.Caller.AccessKey, c.SourceARN, c.Account, c.Region, b.Value.ID, p.key, p.context}, "\x00")
	k.mu.Lock()
	found, ok := k.held[id]
	k.mu.Unlock()
	if ok && c.Time.Before(found.until) {
		switch still, err := usable(found.arn); {
		case err != nil:
			return bucketKey{}, err
		case still:
			return found, nil
		}
		k.forget() // and KMS says why
	}
	made, err := ask()
	if err != nil {
		return made, err
	}
	made.until = c.Time.Add(bucketKeyLife)
	k.mu.Lock()
	defer k.mu.Unlock()
	for old, v := range k.held {
		if len(k.held) >= maxBucketKeys || !c.Time.Before(v.until) {
			delete(k.held, old)
		}
	}
	if k.held == nil {
		k.held = map[string]bucketKey{}
	}
	kept := made
	kept.plain = bytes.Clone(made.plain)
	k.held[id] = kept
	return made, nil
}

// forget drops all keys.
func (k *bucketKeys) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id := range k.held {
		delete(k.held, id)
	}
}
