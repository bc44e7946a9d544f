package s3

import (
	"context"
	"errors"
	"net/netip"
	"regexp"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// checkBucket holds a new name to the rules for general purpose buckets (User Guide, "Bucket naming rules").
func checkBucket(name string) error {
	ok := len(name) >= 3 && len(name) <= 63 && alnum(name[0]) && alnum(name[len(name)-1]) && !strings.Contains(name, "..")
	for i := 0; ok && i < len(name); i++ {
		ok = alnum(name[i]) || name[i] == '-' || name[i] == '.'
	}
	if _, err := netip.ParseAddr(name); err == nil {
		ok = false
	}
	for _, p := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		ok = ok && !strings.HasPrefix(name, p)
	}
	for _, p := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		ok = ok && !strings.HasSuffix(name, p)
	}
	if !ok {
		return fault.New("InvalidBucketName", "The specified bucket is not valid.").With(400).Field("BucketName", name)
	}
	return nil
}

func alnum(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

var regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)

// place decides the region of a new bucket from the endpoint's and the constraint. us-east-1 may make buckets anywhere.
func place(endpoint string, constraint *string) (string, error) {
	want := str(constraint)
	if want == "EU" {
		want = "eu-west-1"
	}
	switch {
	case want == "" && endpoint == "us-east-1":
		return endpoint, nil
	case want == "":
		return "", fault.New("IllegalLocationConstraintException", "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.").With(400)
	case want == "us-east-1" || !regionName.MatchString(want):
		return "", fault.New("InvalidLocationConstraint", "The specified location-constraint is not valid").With(400).Field("LocationConstraint", want)
	case want != endpoint && endpoint != "us-east-1":
		return "", fault.New("IllegalLocationConstraintException", "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", want).With(400)
	}
	return want, nil
}

func (s *Service) createBucket() api.Rower {
	return api.Op[shape.CreateBucketRequest, shape.CreateBucketOutput]{
		Name:    "CreateBucket",
		Honours: []string{"Bucket", "CreateBucketConfiguration.LocationConstraint", "CreateBucketConfiguration.Tags.*", "ACL", "GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP", "ObjectOwnership", "ObjectLockEnabledForBucket"},
		Questions: func(c *api.Call, _ store.View, in *shape.CreateBucketRequest) ([]api.Question, error) {
			q := api.Question{Action: "s3:CreateBucket", Resource: bucketARN(c, str(in.Bucket))}
			if l := in.CreateBucketConfiguration; l != nil && l.LocationConstraint != nil {
				q.Keys = map[string][]string{"s3:LocationConstraint": {*l.LocationConstraint}}
			}
			qs := []api.Question{q}
			if l := in.CreateBucketConfiguration; l != nil && len(l.Tags) > 0 { // S3 API Reference, CreateBucket, "Permissions"
				t := api.Question{Action: "s3:TagResource", Resource: q.Resource, Keys: map[string][]string{}}
				for _, x := range l.Tags {
					t.Keys["aws:RequestTag/"+str(x.Key)] = []string{str(x.Value)}
					t.Keys["aws:TagKeys"] = append(t.Keys["aws:TagKeys"], str(x.Key))
				}
				qs = append(qs, t)
			}
			if yes(in.ObjectLockEnabledForBucket) { // S3 API Reference, CreateBucket, "Permissions"
				for _, a := range []string{"s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"} {
					qs = append(qs, api.Question{Action: a, Resource: q.Resource})
				}
			}
			return qs, nil
		},
		Act: func(c *api.Call, tx store.Tx, in *shape.CreateBucketRequest) (*shape.CreateBucketOutput, error) {
			name := str(in.Bucket)
			if err := checkBucket(name); err != nil {
				return nil, err
			}
			if err := enforced(in.ObjectOwnership); err != nil {
				return nil, err
			}
			if err := checkCreateACL(in); err != nil {
				return nil, err
			}
			var constraint *string
			var tags map[string]string
			if l := in.CreateBucketConfiguration; l != nil {
				constraint = l.LocationConstraint
				var err error
				if tags, err = bucketTags(l.Tags); err != nil {
					return nil, err
				}
			}
			region, err := place(c.Region, constraint)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, name))
			out := &shape.CreateBucketOutput{Location: ptr("/" + name), BucketArn: ptr(bucketARN(c, name))}
			b := Bucket{ID: c.Dice.Hex(16), Owner: c.Account, Region: region, Created: tx.Now(), Access: Access{Block: shut()}}
			above, _, err := s.AccountBlock(tx, c.Partition, c.Account)
			if err != nil {
				return nil, err
			}
			b.Access.Above = Block{above[0], above[1], above[2], above[3]}
			if yes(in.ObjectLockEnabledForBucket) {
				b.Versioning, b.Lock = enabled, &BucketLock{}
			}
			err = buckets.Create(tx, land(c), name, &b)
			if err == nil && len(tags) > 0 {
				err = tx.SetTags(bucketARN(c, name), home(c.Partition, b), tags)
			}
			if !errors.Is(err, store.ErrConflict) {
				return out, err
			}
			old, err := buckets.Get(tx, land(c), name)
			switch {
			case err != nil:
				return nil, err
			case old.Value.Owner != c.Account:
				return nil, fault.New("BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.").
					With(409).Field("BucketName", name)
			case old.Value.Region == "us-east-1" && region == "us-east-1": // as it has been there since the beginning
				return out, nil
			}
			return nil, fault.New("BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.").
				With(409).Field("BucketName", name)
		},
	}
}

func (s *Service) deleteBucket() api.Rower {
	return api.Op[shape.DeleteBucketRequest, shape.DeleteBucketOutput]{
		Name:    "DeleteBucket",
		Honours: []string{"Bucket", "ExpectedBucketOwner"},
		Questions: onBucket("s3:DeleteBucket", func(in *shape.DeleteBucketRequest) (_, _ *string) {
			return in.Bucket, in.ExpectedBucketOwner
		}),
		// A stream row only since the parts of open uploads must go after the commit.
		Stream: func(ctx context.Context, c *api.Call, in *shape.DeleteBucketRequest) (*shape.DeleteBucketOutput, error) {
			var t trash
			c.Touch(bucketARN(c, str(in.Bucket)))
			_, err := c.Commit(ctx, func(tx store.Tx) (any, error) {
				t = trash{}
				b, err := find(c, tx, in.Bucket, in.ExpectedBucketOwner)
				if err != nil {
					return nil, err
				}
				sc := home(c.Partition, b.Value)
				for _, table := range []store.Table[Object]{objects, versions} {
					some, err := table.List(tx, store.Query{Scope: sc, Prefix: b.ID + "\x00", Limit: 1})
					if err != nil {
						return nil, err
					}
					if len(some) == 0 {
						continue
					}
					text := "The bucket you tried to delete is not empty"
					if b.Value.Versioning != "" {
						text += ". You must delete all versions in the bucket."
					}
					return nil, fault.New("BucketNotEmpty", "%s", text).With(409).Field("BucketName", b.ID)
				}
				open, err := uploads.List(tx, store.Query{Scope: sc, Prefix: b.ID + "\x00"})
				if err != nil {
					return nil, err
				}
				for _, u := range open {
					if err := t.upload(tx, sc, u.ID, u.ID[strings.LastIndexByte(u.ID, 0)+1:], nil); err != nil {
						return nil, err
					}
				}
				if err := unrule(tx, &b, sc); err != nil {
					return nil, err
				}
				if err := tx.RemoveTags(bucketARN(c, b.ID), nil); err != nil {
					return nil, err
				}
				return &shape.DeleteBucketOutput{}, buckets.Delete(tx, b.Scope, b.ID)
			})
			if err != nil {
				return nil, full(err)
			}
			s.empty(ctx, t)
			return &shape.DeleteBucketOutput{}, nil
		},
	}
}

func (s *Service) headBucket() api.Rower {
	return api.Op[shape.HeadBucketRequest, shape.HeadBucketOutput]{
		Name:      "HeadBucket",
		Honours:   []string{"Bucket", "ExpectedBucketOwner"},
		Anonymous: true,
		Questions: onBucket("s3:ListBucket", func(in *shape.HeadBucketRequest) (_, _ *string) { return in.Bucket, in.ExpectedBucketOwner }),
		View: func(c *api.Call, v store.View, in *shape.HeadBucketRequest) (*shape.HeadBucketOutput, error) {
			b, err := find(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			return &shape.HeadBucketOutput{BucketRegion: ptr(b.Value.Region), BucketArn: ptr(bucketARN(c, b.ID)), AccessPointAlias: ptr(false)}, nil
		},
	}
}

func (s *Service) getBucketLocation() api.Rower {
	return api.Op[shape.GetBucketLocationRequest, shape.GetBucketLocationOutput]{
		Name:      "GetBucketLocation",
		Honours:   []string{"Bucket", "ExpectedBucketOwner"},
		Anonymous: true,
		// Answered from every region: clients ask it to learn the region.
		Questions: func(c *api.Call, v store.View, in *shape.GetBucketLocationRequest) ([]api.Question, error) {
			b, err := findAnywhere(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			return []api.Question{ask(b, "s3:GetBucketLocation", bucketARN(c, b.ID), nil)}, nil
		},
		View: func(c *api.Call, v store.View, in *shape.GetBucketLocationRequest) (*shape.GetBucketLocationOutput, error) {
			b, err := findAnywhere(c, v, in.Bucket, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			c.Touch(bucketARN(c, b.ID))
			if b.Value.Region == "us-east-1" {
				return &shape.GetBucketLocationOutput{}, nil // S3 says us-east-1 by saying nothing
			}
			return &shape.GetBucketLocationOutput{LocationConstraint: ptr(b.Value.Region)}, nil
		},
	}
}

func (s *Service) listBuckets() api.Rower {
	return api.Op[shape.ListBucketsRequest, shape.ListBucketsOutput]{
		Name:    "ListBuckets",
		Honours: []string{"MaxBuckets", "ContinuationToken", "Prefix", "BucketRegion"},
		// The literal resource lets both "*" and "arn:aws:s3:::*" in a policy grant it; AWS's documents disagree.
		Questions: func(c *api.Call, _ store.View, _ *shape.ListBucketsRequest) ([]api.Question, error) {
			return []api.Question{{Action: "s3:ListAllMyBuckets", Resource: bucketARN(c, "*")}}, nil
		},
		View: func(c *api.Call, v store.View, in *shape.ListBucketsRequest) (*shape.ListBucketsOutput, error) {
			limit := int64(10000)
			if in.MaxBuckets != nil {
				limit = *in.MaxBuckets
			}
			if limit < 1 || limit > 10000 {
				return nil, fault.New("InvalidArgument", "Argument max-buckets must be an integer between 1 and 10000.").With(400)
			}
			after, err := readToken(in.ContinuationToken)
			if err != nil {
				return nil, err
			}
			rows, err := buckets.List(v, store.Query{Scope: land(c), Prefix: str(in.Prefix), After: after, Term: store.Term{Name: "owner", Value: c.Account}})
			if err != nil {
				return nil, err
			}
			id := canonical(c.Partition, c.Account)
			out := &shape.ListBucketsOutput{Buckets: []shape.Bucket{}, Prefix: in.Prefix, Owner: &shape.Owner{ID: &id}}
			for _, b := range rows {
				if in.BucketRegion != nil && *in.BucketRegion != b.Value.Region {
					continue
				}
				if int64(len(out.Buckets)) == limit {
					out.ContinuationToken = ptr(makeToken(str(out.Buckets[limit-1].Name)))
					break
				}
				item := shape.Bucket{Name: ptr(b.ID), CreationDate: ptr(b.Value.Created), BucketArn: ptr(bucketARN(c, b.ID))}
				if in.MaxBuckets != nil || in.Prefix != nil || in.BucketRegion != nil || in.ContinuationToken != nil {
					item.BucketRegion = ptr(b.Value.Region) // S3 gives it in paginated answers alone
				}
				out.Buckets = append(out.Buckets, item)
			}
			return out, nil
		},
	}
}
