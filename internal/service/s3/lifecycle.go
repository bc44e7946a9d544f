package s3

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// Lifecycle is the lifecycle configuration of a bucket; the id is the bucket's name, in the scope of what lies in it.
type Lifecycle struct{ Rules []shape.LifecycleRule }

var lifecycles = store.Table[Lifecycle]{Kind: "s3-lifecycle"}

const day = 24 * time.Hour

// sieve is what a rule is about.
type sieve struct {
	prefix           string
	tags             map[string]string
	larger, smaller  *int64
	conditions, deep int // how many there are; how many stand in And
}

func sieveOf(r *shape.LifecycleRule) (s sieve) {
	add := func(prefix *string, tags []shape.Tag, larger, smaller *int64) (n int) {
		if prefix != nil {
			s.prefix, n = *prefix, n+1
		}
		for _, t := range tags {
			if s.tags == nil {
				s.tags = map[string]string{}
			}
			s.tags[str(t.Key)], n = str(t.Value), n+1
		}
		if larger != nil {
			s.larger, n = larger, n+1
		}
		if smaller != nil {
			s.smaller, n = smaller, n+1
		}
		return n
	}
	s.conditions = add(r.Prefix, nil, nil, nil)
	if f := r.Filter; f != nil {
		var tag []shape.Tag
		if f.Tag != nil {
			tag = []shape.Tag{*f.Tag}
		}
		s.conditions += add(f.Prefix, tag, f.ObjectSizeGreaterThan, f.ObjectSizeLessThan)
		if a := f.And; a != nil {
			s.deep = add(a.Prefix, a.Tags, a.ObjectSizeGreaterThan, a.ObjectSizeLessThan)
		}
	}
	return s
}

// takes reports whether the rule is about the object. Delete markers have neither tags nor size.
func (s sieve) takes(key string, o *Object) bool {
	if !strings.HasPrefix(key, s.prefix) || o.Marker && (s.tags != nil || s.larger != nil || s.smaller != nil) ||
		s.larger != nil && o.Size <= *s.larger || s.smaller != nil && o.Size >= *s.smaller {
		return false
	}
	for k, v := range s.tags {
		if have, ok := o.Tags[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// midnight is when something of that age goes: the days later, at the next midnight (S3 User Guide, "Lifecycle configuration elements").
func midnight(at time.Time, days int64) time.Time {
	t := at.UTC().AddDate(0, 0, int(days)) // no Duration: 2^31 days are more than it holds
	if m := t.Truncate(day); m.Before(t) {
		return m.Add(day)
	}
	return t
}

// expires is when a rule takes what is visible; not ok when it never does.
func expires(r *shape.LifecycleRule, o *Object) (at time.Time, ok bool) {
	switch x := r.Expiration; {
	case str(r.Status) != enabled || x == nil:
		return at, false
	case x.Days != nil:
		return midnight(time.UnixMicro(o.made()), *x.Days), true
	case x.Date != nil:
		return x.Date.UTC(), true
	}
	return at, false
}

// expiry is the header x-amz-expiration of what is visible: the earliest date and its rule.
func expiry(v store.View, b store.Item[Bucket], sc store.Scope, key string, o *Object) (*string, error) {
	if !b.Value.Ruled {
		return nil, nil
	}
	l, err := lifecycles.Get(v, sc, b.ID)
	if err != nil {
		return nil, err
	}
	var first time.Time
	var id string
	for i := range l.Value.Rules {
		r := &l.Value.Rules[i]
		if at, ok := expires(r, o); ok && sieveOf(r).takes(key, o) && (id == "" || at.Before(first)) {
			first, id = at, str(r.ID)
		}
	}
	if id == "" {
		return nil, nil
	}
	return ptr(`expiry-date="` + first.Format("Mon, 02 Jan 2006 15:04:05 GMT") + `", rule-id="` + id + `"`), nil
}

// checkRules holds a configuration to what S3 demands (S3 API Reference, LifecycleRule, and User Guide, "Lifecycle configuration
// elements"); the sentences are S3's as far as they are public.
func checkRules(rules []shape.LifecycleRule, dice api.Dice) error {
	if len(rules) == 0 || len(rules) > 1000 {
		return malformedXML()
	}
	seen := map[string]bool{}
	for i := range rules {
		r := &rules[i]
		if str(r.ID) == "" {
			r.ID = ptr(dice.UUID())
		}
		if utf8.RuneCountInString(*r.ID) > 255 {
			return fault.New("InvalidArgument", "ID length should not exceed allowed limit of 255").With(400)
		}
		if seen[*r.ID] {
			return fault.New("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule").With(400)
		}
		seen[*r.ID] = true
		if err := checkRule(r); err != nil {
			return err
		}
	}
	return nil
}

func checkRule(r *shape.LifecycleRule) error {
	invalid := func(text string) error { return fault.New("InvalidArgument", "%s", text).With(400) }
	request := func(text string) error { return fault.New("InvalidRequest", "%s", text).With(400) }
	s := sieveOf(r)
	and := r.Filter != nil && r.Filter.And != nil
	switch {
	case str(r.Status) != enabled && str(r.Status) != "Disabled",
		(r.Prefix == nil) == (r.Filter == nil),
		s.conditions > 1, and && (s.conditions > 0 || s.deep < 2):
		return malformedXML()
	case r.Expiration == nil && r.NoncurrentVersionExpiration == nil && r.AbortIncompleteMultipartUpload == nil:
		return request("At least one action needs to be specified in a rule")
	case s.larger != nil && s.smaller != nil && *s.larger >= *s.smaller:
		return request("'ObjectSizeGreaterThan' has to be a value less than 'ObjectSizeLessThan'.")
	}
	for k, v := range s.tags {
		if err := checkTag(k, v); err != nil {
			return err
		}
	}
	narrow := s.tags != nil || s.larger != nil || s.smaller != nil
	if x := r.Expiration; x != nil {
		n := 0
		for _, given := range []bool{x.Days != nil, x.Date != nil, x.ExpiredObjectDeleteMarker != nil} {
			if given {
				n++
			}
		}
		switch {
		case n != 1:
			return malformedXML()
		case x.Days != nil && (*x.Days < 1 || *x.Days > 1<<31-1):
			return invalid("'Days' for Expiration action must be a positive integer")
		case x.Date != nil && !x.Date.Equal(x.Date.UTC().Truncate(day)):
			return invalid("'Date' must be at midnight GMT")
		case x.ExpiredObjectDeleteMarker != nil && narrow:
			return request("ExpiredObjectDeleteMarker cannot be specified with Tags or sizes.")
		}
	}
	if x := r.NoncurrentVersionExpiration; x != nil {
		switch {
		case x.NoncurrentDays == nil:
			return malformedXML()
		case *x.NoncurrentDays < 1 || *x.NoncurrentDays > 1<<31-1:
			return invalid("'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
		case x.NewerNoncurrentVersions != nil && (*x.NewerNoncurrentVersions < 1 || *x.NewerNoncurrentVersions > 100):
			return invalid("'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be an integer between 1 and 100")
		case x.NewerNoncurrentVersions != nil && r.Filter == nil:
			return malformedXML()
		}
	}
	if x := r.AbortIncompleteMultipartUpload; x != nil {
		if x.DaysAfterInitiation == nil || *x.DaysAfterInitiation < 1 || *x.DaysAfterInitiation > 1<<31-1 {
			return invalid("'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
		}
		if narrow {
			return request("AbortIncompleteMultipartUpload cannot be specified with Tags or sizes.")
		}
	}
	return nil
}

func (s *Service) putBucketLifecycleConfiguration() api.Rower {
	return api.Op[shape.PutBucketLifecycleConfigurationRequest, shape.PutBucketLifecycleConfigurationOutput]{
		Name: "PutBucketLifecycleConfiguration",
		// Transitions lead to storage classes that are not here: a rule with one is refused.
		Honours: []string{"Bucket", "ExpectedBucketOwner", "ChecksumAlgorithm", "LifecycleConfiguration.Rules.ID", "LifecycleConfiguration.Rules.Status",
			"LifecycleConfiguration.Rules.Prefix", "LifecycleConfiguration.Rules.Filter.*", "LifecycleConfiguration.Rules.Expiration.*",
			"LifecycleConfiguration.Rules.NoncurrentVersionExpiration.*", "LifecycleConfiguration.Rules.AbortIncompleteMultipartUpload.*"},
		Questions: asks[shape.PutBucketLifecycleConfigurationRequest]("PutBucketLifecycleConfiguration"),
		Act: func(c *api.Call, tx store.Tx, in *shape.PutBucketLifecycleConfigurationRequest) (*shape.PutBucketLifecycleConfigurationOutput, error) {
			b, err := find(c, tx, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			if in.LifecycleConfiguration == nil {
				return nil, malformedXML()
			}
			l := Lifecycle{Rules: append([]shape.LifecycleRule(nil), in.LifecycleConfiguration.Rules...)}
			if err := checkRules(l.Rules, c.Dice); err != nil {
				return nil, err
			}
			if err := unrule(tx, &b, home(c.Partition, b.Value)); err != nil {
				return nil, err
			}
			b.Value.Ruled = true
			return &shape.PutBucketLifecycleConfigurationOutput{}, errors.Join(lifecycles.Create(tx, home(c.Partition, b.Value), b.ID, &l), buckets.Save(tx, &b))
		},
	}
}

// unrule deletes a bucket's rules, if it has any.
func unrule(tx store.Tx, b *store.Item[Bucket], sc store.Scope) error {
	b.Value.Ruled = false
	if err := lifecycles.Delete(tx, sc, b.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

func (s *Service) getBucketLifecycleConfiguration() api.Rower {
	return api.Op[shape.GetBucketLifecycleConfigurationRequest, shape.GetBucketLifecycleConfigurationOutput]{
		Name:      "GetBucketLifecycleConfiguration",
		Honours:   []string{"Bucket", "ExpectedBucketOwner"},
		Questions: asks[shape.GetBucketLifecycleConfigurationRequest]("GetBucketLifecycleConfiguration"),
		View: func(c *api.Call, v store.View, in *shape.GetBucketLifecycleConfigurationRequest) (*shape.GetBucketLifecycleConfigurationOutput, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			l, err := lifecycles.Get(v, home(c.Partition, b.Value), b.ID)
			if errors.Is(err, store.ErrNotFound) {
				return nil, fault.New("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist").With(404).Field("BucketName", b.ID)
			}
			return &shape.GetBucketLifecycleConfigurationOutput{Rules: l.Value.Rules}, err
		},
	}
}

func (s *Service) deleteBucketLifecycle() api.Rower {
	return api.Op[shape.DeleteBucketLifecycleRequest, shape.DeleteBucketLifecycleOutput]{
		Name:      "DeleteBucketLifecycle",
		Honours:   []string{"Bucket", "ExpectedBucketOwner"},
		Questions: asks[shape.DeleteBucketLifecycleRequest]("DeleteBucketLifecycle"),
		Act: func(c *api.Call, tx store.Tx, in *shape.DeleteBucketLifecycleRequest) (*shape.DeleteBucketLifecycleOutput, error) {
			b, err := find(c, tx, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			return &shape.DeleteBucketLifecycleOutput{}, errors.Join(unrule(tx, &b, home(c.Partition, b.Value)), buckets.Save(tx, &b))
		},
	}
}
