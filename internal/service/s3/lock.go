package s3

import (
	"strconv"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

const (
	governance = "GOVERNANCE"
	compliance = "COMPLIANCE"
	on, off    = "ON", "OFF"
)

// Lock keeps a version from being deleted: until a date, or until the hold is taken away. Times are the ledger's.
type Lock struct {
	Mode  string    `json:",omitempty"` // GOVERNANCE | COMPLIANCE
	Until time.Time `json:",omitzero"`
	Hold  string    `json:",omitempty"` // ON | OFF; empty: never set
}

// BucketLock is the Object Lock configuration of a bucket; once there it stays. Mode empty: no default retention.
type BucketLock struct {
	Mode        string `json:",omitempty"`
	Days, Years int64  `json:",omitempty"`
}

// retained reports whether the retention still runs.
func (l Lock) retained(now time.Time) bool { return l.Mode != "" && now.Before(l.Until) }

// frees says whether the version may go. A hold and compliance yield to nobody; governance to who asked to bypass it and may.
func (l Lock) frees(now time.Time, bypass bool) error {
	if l.Hold == on || l.retained(now) && (l.Mode == compliance || !bypass) {
		return locked()
	}
	return nil
}

func locked() error {
	return &fault.Fault{Code: "AccessDenied", Status: 403, Message: "Access Denied because object protected by object lock."}
}

func noLock() error {
	return fault.New("InvalidRequest", "Bucket is missing Object Lock Configuration").With(400)
}

func badLock(name, value, text string) error {
	return fault.New("InvalidArgument", "%s", text).With(400).Field("ArgumentName", name).Field("ArgumentValue", value)
}

// headerLock reads the headers of a write that lock what it makes.
func headerLock(mode *string, until *time.Time, hold *string, now time.Time) (l Lock, err error) {
	const dateName, modeName = "x-amz-object-lock-retain-until-date", "x-amz-object-lock-mode"
	const both = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied."
	switch {
	case mode != nil && *mode != governance && *mode != compliance:
		return l, badLock(modeName, *mode, "Unknown wormMode directive.")
	case mode != nil && until == nil:
		return l, badLock(dateName, "", both)
	case mode == nil && until != nil:
		return l, badLock(modeName, "", both)
	case until != nil && !until.After(now):
		return l, badLock(dateName, until.UTC().Format(time.RFC3339), "The retain until date must be in the future!")
	case hold != nil && *hold != on && *hold != off:
		return l, badLock("x-amz-object-lock-legal-hold", *hold, "Legal Hold must be either of 'ON' or 'OFF'")
	}
	l.Hold = str(hold)
	if mode != nil {
		l.Mode, l.Until = *mode, until.UTC()
	}
	return l, nil
}

// retain is the retention that a bucket gives to what is made without one.
func (b *BucketLock) retain(now time.Time) (l Lock) {
	if b == nil || b.Mode == "" {
		return l
	}
	return Lock{Mode: b.Mode, Until: now.AddDate(int(b.Years), 0, int(b.Days))}
}

// extras are what a write gives its object beside bytes and head.
type extras struct {
	tags map[string]string
	lock Lock
}

// readExtras checks tags and locks of a write.
func readExtras(now time.Time, tagging, mode *string, until *time.Time, hold *string) (x extras, err error) {
	if x.tags, err = headerTags(tagging); err != nil {
		return x, err
	}
	x.lock, err = headerLock(mode, until, hold, now)
	return x, err
}

// fit refuses locks where the bucket has none.
func (x extras) fit(b store.Item[Bucket]) error {
	if x.lock != (Lock{}) && b.Value.Lock == nil {
		return fault.New("InvalidRequest", "Bucket is missing ObjectLockConfiguration").With(400) // S3 writes it so here, and otherwise where a lock is asked about
	}
	return nil
}

// onto gives tags and locks to a new object; b was read in the transaction.
func (x extras) onto(tx store.Tx, b *store.Item[Bucket], o *Object) error {
	if err := x.fit(*b); err != nil {
		return err
	}
	o.Tags, o.Lock = x.tags, x.lock
	return noteTags(tx, b, x.tags)
}

func (s *Service) putObjectLockConfiguration() api.Rower {
	return api.Op[shape.PutObjectLockConfigurationRequest, shape.PutObjectLockConfigurationOutput]{
		Name:      "PutObjectLockConfiguration",
		Honours:   []string{"Bucket", "ExpectedBucketOwner", "ObjectLockConfiguration.*", "ContentMD5", "ChecksumAlgorithm"},
		Questions: asks[shape.PutObjectLockConfigurationRequest]("PutObjectLockConfiguration"),
		Act: func(c *api.Call, tx store.Tx, in *shape.PutObjectLockConfigurationRequest) (*shape.PutObjectLockConfigurationOutput, error) {
			b, err := find(c, tx, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			l, err := bucketLock(in.ObjectLockConfiguration)
			if err != nil {
				return nil, err
			}
			if b.Value.Versioning != enabled {
				return nil, fault.New("InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration").With(409)
			}
			b.Value.Lock = l
			return &shape.PutObjectLockConfigurationOutput{}, buckets.Save(tx, &b)
		},
	}
}

// bucketLock reads a configuration (S3 API Reference, DefaultRetention: a mode, and days or years).
func bucketLock(conf *shape.ObjectLockConfiguration) (*BucketLock, error) {
	if conf == nil {
		return nil, fault.New("MissingRequestBodyError", "Request Body is empty").With(400)
	}
	if str(conf.ObjectLockEnabled) != enabled {
		return nil, malformedXML()
	}
	if conf.Rule == nil {
		return &BucketLock{}, nil
	}
	d := conf.Rule.DefaultRetention
	if d == nil || str(d.Mode) != governance && str(d.Mode) != compliance || (d.Days == nil) == (d.Years == nil) {
		return nil, malformedXML()
	}
	l := &BucketLock{Mode: *d.Mode}
	for _, x := range []struct {
		name string
		n    *int64
		to   *int64
		most int64
	}{{"Days", d.Days, &l.Days, 36500}, {"Years", d.Years, &l.Years, 100}} {
		switch {
		case x.n == nil:
		case *x.n < 1:
			return nil, badLock(x.name, strconv.FormatInt(*x.n, 10), "Default retention period must be a positive integer value.")
		case *x.n > x.most:
			return nil, badLock(x.name, strconv.FormatInt(*x.n, 10), "Default retention period too large.")
		default:
			*x.to = *x.n
		}
	}
	return l, nil
}

func (s *Service) getObjectLockConfiguration() api.Rower {
	return api.Op[shape.GetObjectLockConfigurationRequest, shape.GetObjectLockConfigurationOutput]{
		Name:      "GetObjectLockConfiguration",
		Honours:   []string{"Bucket", "ExpectedBucketOwner"},
		Questions: asks[shape.GetObjectLockConfigurationRequest]("GetObjectLockConfiguration"),
		View: func(c *api.Call, v store.View, in *shape.GetObjectLockConfigurationRequest) (*shape.GetObjectLockConfigurationOutput, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			l := b.Value.Lock
			if l == nil {
				return nil, fault.New("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket").With(404).Field("BucketName", b.ID)
			}
			out := &shape.ObjectLockConfiguration{ObjectLockEnabled: ptr(enabled)}
			if l.Mode != "" {
				out.Rule = &shape.ObjectLockRule{DefaultRetention: &shape.DefaultRetention{Mode: ptr(l.Mode), Days: opt(l.Days), Years: opt(l.Years)}}
			}
			return &shape.GetObjectLockConfigurationOutput{ObjectLockConfiguration: out}, nil
		},
	}
}

func (s *Service) putObjectRetention() api.Rower {
	return api.Op[shape.PutObjectRetentionRequest, shape.PutObjectRetentionOutput]{
		Name:      "PutObjectRetention",
		Anonymous: true,
		Honours:   []string{"Bucket", "Key", "VersionId", "ExpectedBucketOwner", "Retention.*", "BypassGovernanceRetention", "ContentMD5", "ChecksumAlgorithm"},
		Questions: asks[shape.PutObjectRetentionRequest]("PutObjectRetention"),
		Act: func(c *api.Call, tx store.Tx, in *shape.PutObjectRetentionRequest) (*shape.PutObjectRetentionOutput, error) {
			if err := new(Lock).change(tx.Now(), in.Retention, false); err != nil { // of nothing: what is wrong in itself
				return nil, err
			}
			_, err := amend(c, tx, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, func(b *store.Item[Bucket], o *Object) error {
				if b.Value.Lock == nil {
					return noLock()
				}
				return o.Lock.change(tx.Now(), in.Retention, in.BypassGovernanceRetention != nil && *in.BypassGovernanceRetention)
			})
			return &shape.PutObjectRetentionOutput{}, err
		},
	}
}

// change sets a retention. One that runs may be made longer by everybody who may set it; shortened, taken away or changed only in
// governance, by who bypasses it (S3 User Guide, "Object Lock", retention modes). Empty takes it away.
func (l *Lock) change(now time.Time, to *shape.ObjectLockRetention, bypass bool) error {
	if to == nil || (to.Mode == nil) != (to.RetainUntilDate == nil) || to.Mode != nil && *to.Mode != governance && *to.Mode != compliance {
		return malformedXML()
	}
	next := Lock{Hold: l.Hold, Mode: str(to.Mode)}
	if to.RetainUntilDate != nil {
		if next.Until = to.RetainUntilDate.UTC(); !next.Until.After(now) {
			return badLock("RetainUntilDate", next.Until.Format(time.RFC3339), "The retain until date must be in the future!")
		}
	}
	if l.retained(now) && (next.Mode != l.Mode || next.Until.Before(l.Until)) && (l.Mode == compliance || !bypass) {
		return locked()
	}
	*l = next
	return nil
}

func noObjectLock() error {
	return fault.New("NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration").With(404)
}

func (s *Service) getObjectRetention() api.Rower {
	return api.Op[shape.GetObjectRetentionRequest, shape.GetObjectRetentionOutput]{
		Name:      "GetObjectRetention",
		Anonymous: true,
		Honours:   []string{"Bucket", "Key", "VersionId", "ExpectedBucketOwner"},
		Questions: asks[shape.GetObjectRetentionRequest]("GetObjectRetention"),
		View: func(c *api.Call, v store.View, in *shape.GetObjectRetentionRequest) (*shape.GetObjectRetentionOutput, error) {
			b, o, err := inspect(c, v, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner)
			switch {
			case err != nil:
				return nil, err
			case b.Value.Lock == nil:
				return nil, noLock()
			case o.Lock.Mode == "":
				return nil, noObjectLock()
			}
			return &shape.GetObjectRetentionOutput{Retention: &shape.ObjectLockRetention{Mode: ptr(o.Lock.Mode), RetainUntilDate: ptr(o.Lock.Until)}}, nil
		},
	}
}

func (s *Service) putObjectLegalHold() api.Rower {
	return api.Op[shape.PutObjectLegalHoldRequest, shape.PutObjectLegalHoldOutput]{
		Name:      "PutObjectLegalHold",
		Anonymous: true,
		Honours:   []string{"Bucket", "Key", "VersionId", "ExpectedBucketOwner", "LegalHold.*", "ContentMD5", "ChecksumAlgorithm"},
		Questions: asks[shape.PutObjectLegalHoldRequest]("PutObjectLegalHold"),
		Act: func(c *api.Call, tx store.Tx, in *shape.PutObjectLegalHoldRequest) (*shape.PutObjectLegalHoldOutput, error) {
			if in.LegalHold == nil || str(in.LegalHold.Status) != on && str(in.LegalHold.Status) != off {
				return nil, malformedXML()
			}
			_, err := amend(c, tx, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, func(b *store.Item[Bucket], o *Object) error {
				if b.Value.Lock == nil {
					return noLock()
				}
				o.Lock.Hold = *in.LegalHold.Status
				return nil
			})
			return &shape.PutObjectLegalHoldOutput{}, err
		},
	}
}

func (s *Service) getObjectLegalHold() api.Rower {
	return api.Op[shape.GetObjectLegalHoldRequest, shape.GetObjectLegalHoldOutput]{
		Name:      "GetObjectLegalHold",
		Anonymous: true,
		Honours:   []string{"Bucket", "Key", "VersionId", "ExpectedBucketOwner"},
		Questions: asks[shape.GetObjectLegalHoldRequest]("GetObjectLegalHold"),
		View: func(c *api.Call, v store.View, in *shape.GetObjectLegalHoldRequest) (*shape.GetObjectLegalHoldOutput, error) {
			b, o, err := inspect(c, v, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner)
			switch {
			case err != nil:
				return nil, err
			case b.Value.Lock == nil:
				return nil, noLock()
			case o.Lock.Hold == "":
				return nil, noObjectLock()
			}
			return &shape.GetObjectLegalHoldOutput{LegalHold: &shape.ObjectLockLegalHold{Status: ptr(o.Lock.Hold)}}, nil
		},
	}
}
