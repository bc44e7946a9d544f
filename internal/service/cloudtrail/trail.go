package cloudtrail

import (
	"context"
	"errors"
	"net/netip"
	"regexp"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	"cloister/internal/core/trail"
	shape "cloister/internal/shape/cloudtrail"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// mostTrails is how many trails a region may have. Source: CloudTrail User Guide, "Quotas in AWS CloudTrail".
const mostTrails = 5

var (
	goodName   = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9]|[._-][A-Za-z0-9])*$`)
	goodBucket = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	goodGroup  = regexp.MustCompile(`^arn:[a-z-]+:logs:[a-z0-9-]+:[0-9]{12}:log-group:[^:*]+(:\*)?$`)
)

// settings are what CreateTrail and UpdateTrail have in common.
type settings struct {
	bucket, prefix, group, role, key *string
	global, multi, validate, org     *bool
}

func (s *settings) apply(t *trail.Trail, partition string) error {
	set := func(to *string, v *string) {
		if v != nil {
			*to = *v
		}
	}
	flag := func(to *bool, v *bool) {
		if v != nil {
			*to = *v
		}
	}
	if deref(s.org) {
		return fault.New("OperationNotPermittedException", "Trails of organizations are not built: a trail holds its own account's events.")
	}
	set(&t.Bucket, s.bucket)
	set(&t.Prefix, s.prefix)
	set(&t.LogGroup, s.group)
	set(&t.LogRole, s.role)
	flag(&t.Global, s.global)
	flag(&t.Multi, s.multi)
	flag(&t.Validate, s.validate)
	if s.key != nil {
		t.Key = *s.key
		if k := t.Key; k != "" && !strings.HasPrefix(k, "arn:") {
			if !strings.HasPrefix(k, "alias/") {
				k = "key/" + k
			}
			t.Key = arn.Make(partition, "kms", t.Home, t.Account, k)
		}
	}
	switch {
	case !goodBucket.MatchString(t.Bucket):
		return fault.New("InvalidS3BucketNameException", "Bucket name is not valid: %s", t.Bucket)
	case len(t.Prefix) > 200 || strings.ContainsAny(t.Prefix, "{}<>\\^`|\"~#%"):
		return fault.New("InvalidS3PrefixException", "The prefix is longer than 200 characters or has characters that are not allowed.")
	case strings.HasSuffix(t.Prefix, "/") || strings.HasPrefix(t.Prefix, "/"):
		return fault.New("InvalidS3PrefixException", "A prefix neither begins nor ends with a slash.")
	case t.Multi && !t.Global:
		return fault.New("InvalidParameterCombinationException", "Multi-Region trail must include global service events.")
	case (t.LogGroup == "") != (t.LogRole == ""):
		return fault.New("InvalidParameterCombinationException", "A log group and a role to write to it are given together or not at all.")
	case t.LogGroup != "" && !goodGroup.MatchString(t.LogGroup):
		return fault.New("InvalidCloudWatchLogsLogGroupArnException", "The log group's ARN is not valid: %s", t.LogGroup)
	}
	if a, err := arn.Parse(t.LogGroup); err == nil && (a.Account != t.Account || a.Region != t.Home) {
		return fault.New("InvalidCloudWatchLogsLogGroupArnException", "The log group must be in the trail's account and home region.")
	}
	if a, err := arn.Parse(t.LogRole); t.LogRole != "" && (err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "role/")) {
		return fault.New("InvalidCloudWatchLogsRoleArnException", "The role's ARN is not valid: %s", t.LogRole)
	}
	return nil
}

// nameable holds a name to AWS's rules. Source: CloudTrail API Reference, CreateTrail, Name.
func nameable(name string) error {
	if _, err := netip.ParseAddr(name); len(name) < 3 || len(name) > 128 || !goodName.MatchString(name) || err == nil {
		return fault.New("InvalidTrailNameException", "Trail name or ARN can have from 3 to 128 letters, digits, periods, underscores and dashes; it begins and ends with a letter or digit, has no two of the others in a row, and is no IP address: %s", name)
	}
	return nil
}

// vacant says whether an account may have one more trail of that name.
func vacant(c *api.Call, v store.View, name string, multi bool) error {
	items, err := all(c, v)
	if err != nil {
		return err
	}
	n := 0
	for _, it := range items {
		here := it.Scope.Region == c.Region || it.Value.Multi
		if it.ID == name && (here || multi) {
			return fault.New("TrailAlreadyExistsException", "Trail %s already exists for customer: %s", name, c.Account)
		}
		if here {
			n++
		}
	}
	if n >= mostTrails {
		return fault.New("MaximumNumberOfTrailsExceededException", "User: %s already has %d trails in %s.", c.Account, n, c.Region)
	}
	return nil
}

func (s *Service) createRow() api.Rower {
	return api.Op[shape.CreateTrailRequest, shape.CreateTrailResponse]{Name: "CreateTrail", Questions: asks[shape.CreateTrailRequest]("CreateTrail"),
		Honours: []string{"Name", "S3BucketName", "S3KeyPrefix", "IncludeGlobalServiceEvents", "IsMultiRegionTrail", "EnableLogFileValidation", "CloudWatchLogsLogGroupArn",
			"CloudWatchLogsRoleArn", "KmsKeyId", "IsOrganizationTrail", "TagsList.*"},
		Stream: s.create}
}

// create tries the destination before anything is written, as AWS does: a trail that could not deliver is not made.
func (s *Service) create(ctx context.Context, c *api.Call, in *shape.CreateTrailRequest) (*shape.CreateTrailResponse, error) {
	name := deref(in.Name)
	if err := nameable(name); err != nil {
		return nil, err
	}
	if in.S3BucketName == nil {
		return nil, fault.New("InvalidS3BucketNameException", "Bucket name cannot be blank!")
	}
	t := &trail.Trail{ARN: c.ARN("cloudtrail", "trail/"+name), Name: name, Account: c.Account, Home: c.Region, Global: true, CreatedBy: c.Caller.ARN}
	w := settings{bucket: in.S3BucketName, prefix: in.S3KeyPrefix, group: in.CloudWatchLogsLogGroupArn, role: in.CloudWatchLogsRoleArn, key: in.KmsKeyId,
		global: in.IncludeGlobalServiceEvents, multi: in.IsMultiRegionTrail, validate: in.EnableLogFileValidation, org: in.IsOrganizationTrail}
	if err := w.apply(t, c.Partition); err != nil {
		return nil, err
	}
	if err := c.Read(ctx, func(v store.View) error { return vacant(c, v, name, t.Multi) }); err != nil {
		return nil, err
	}
	if err := s.cfg.Check(ctx, c.Partition, t); err != nil {
		return nil, err
	}
	out, err := c.Commit(ctx, func(tx store.Tx) (any, error) {
		if err := vacant(c, tx, name, t.Multi); err != nil { // somebody may have been faster
			return nil, err
		}
		c.Touch(t.ARN)
		if err := setTags(c, tx, t.ARN, in.TagsList); err != nil {
			return nil, err
		}
		// A state that a trail of this name left behind was deleted with it.
		if err := errors.Join(rows.Trails.Create(tx, c.Scope(), name, t), rows.TrailStates.Create(tx, c.Scope(), name, &rows.TrailState{})); err != nil {
			return nil, err
		}
		return &shape.CreateTrailResponse{Name: &t.Name, S3BucketName: &t.Bucket, S3KeyPrefix: opt(t.Prefix), IncludeGlobalServiceEvents: &t.Global, IsMultiRegionTrail: &t.Multi,
			TrailARN: &t.ARN, LogFileValidationEnabled: &t.Validate, CloudWatchLogsLogGroupArn: opt(t.LogGroup), CloudWatchLogsRoleArn: opt(t.LogRole), KmsKeyId: opt(t.Key),
			IsOrganizationTrail: new(false)}, nil
	})
	if err != nil {
		return nil, err
	}
	return out.(*shape.CreateTrailResponse), nil
}

func (s *Service) updateRow() api.Rower {
	return api.Op[shape.UpdateTrailRequest, shape.UpdateTrailResponse]{Name: "UpdateTrail", Questions: asks[shape.UpdateTrailRequest]("UpdateTrail"),
		Honours: []string{"Name", "S3BucketName", "S3KeyPrefix", "IncludeGlobalServiceEvents", "IsMultiRegionTrail", "EnableLogFileValidation", "CloudWatchLogsLogGroupArn",
			"CloudWatchLogsRoleArn", "KmsKeyId", "IsOrganizationTrail"},
		Stream: s.update}
}

func (s *Service) update(ctx context.Context, c *api.Call, in *shape.UpdateTrailRequest) (*shape.UpdateTrailResponse, error) {
	w := settings{bucket: in.S3BucketName, prefix: in.S3KeyPrefix, group: in.CloudWatchLogsLogGroupArn, role: in.CloudWatchLogsRoleArn, key: in.KmsKeyId,
		global: in.IncludeGlobalServiceEvents, multi: in.IsMultiRegionTrail, validate: in.EnableLogFileValidation, org: in.IsOrganizationTrail}
	var t trail.Trail
	err := c.Read(ctx, func(v store.View) error {
		it, err := find(c, v, in.Name)
		t = it.Value
		return err
	})
	if err == nil {
		err = w.apply(&t, c.Partition)
	}
	if err == nil && t.Home == c.Region {
		err = s.cfg.Check(ctx, c.Partition, &t)
	}
	if err != nil {
		return nil, err
	}
	out, err := c.Commit(ctx, func(tx store.Tx) (any, error) {
		it, err := change(c, tx, in.Name, func(t *trail.Trail, st *rows.TrailState) error {
			validated, bucket, prefix := t.Validate, t.Bucket, t.Prefix
			if err := w.apply(t, c.Partition); err != nil {
				return err
			}
			// A new chain begins with validation and with a new destination, as on AWS.
			if validated && (!t.Validate || t.Bucket != bucket || t.Prefix != prefix) || !validated && t.Validate {
				st.Digests = nil
				if t.Validate {
					st.Digests = map[string]*rows.TrailPart{t.Home: {Since: c.Time}}
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		t := &it.Value
		return &shape.UpdateTrailResponse{Name: &t.Name, S3BucketName: &t.Bucket, S3KeyPrefix: opt(t.Prefix), IncludeGlobalServiceEvents: &t.Global, IsMultiRegionTrail: &t.Multi,
			TrailARN: &t.ARN, LogFileValidationEnabled: &t.Validate, CloudWatchLogsLogGroupArn: opt(t.LogGroup), CloudWatchLogsRoleArn: opt(t.LogRole), KmsKeyId: opt(t.Key),
			IsOrganizationTrail: new(false)}, nil
	})
	if err != nil {
		return nil, err
	}
	return out.(*shape.UpdateTrailResponse), nil
}

func deleteRow() api.Rower {
	return api.Op[shape.DeleteTrailRequest, shape.DeleteTrailResponse]{Name: "DeleteTrail", Honours: []string{"Name"}, Questions: asks[shape.DeleteTrailRequest]("DeleteTrail"),
		Act: func(c *api.Call, tx store.Tx, in *shape.DeleteTrailRequest) (*shape.DeleteTrailResponse, error) {
			it, err := findHome(c, tx, in.Name)
			if err != nil {
				return nil, err
			}
			return &shape.DeleteTrailResponse{}, errors.Join(rows.Trails.Delete(tx, it.Scope, it.ID), rows.TrailStates.Delete(tx, it.Scope, it.ID), tx.RemoveTags(it.Value.ARN, nil))
		}}
}

// shown is a trail as DescribeTrails and GetTrail tell it.
func shown(t *trail.Trail) *shape.Trail {
	return &shape.Trail{Name: &t.Name, S3BucketName: &t.Bucket, S3KeyPrefix: opt(t.Prefix), IncludeGlobalServiceEvents: &t.Global, IsMultiRegionTrail: &t.Multi, HomeRegion: &t.Home,
		TrailARN: &t.ARN, LogFileValidationEnabled: &t.Validate, CloudWatchLogsLogGroupArn: opt(t.LogGroup), CloudWatchLogsRoleArn: opt(t.LogRole), KmsKeyId: opt(t.Key),
		HasCustomEventSelectors: &t.Changed, HasInsightSelectors: new(false), IsOrganizationTrail: new(false)}
}

func describeRow() api.Rower {
	return api.Op[shape.DescribeTrailsRequest, shape.DescribeTrailsResponse]{Name: "DescribeTrails", Honours: []string{"trailNameList", "includeShadowTrails"},
		Questions: asks[shape.DescribeTrailsRequest]("DescribeTrails"),
		View: func(c *api.Call, v store.View, in *shape.DescribeTrailsRequest) (*shape.DescribeTrailsResponse, error) {
			out := &shape.DescribeTrailsResponse{TrailList: []shape.Trail{}}
			shadows := in.IncludeShadowTrails == nil || *in.IncludeShadowTrails
			if len(in.TrailNameList) > 0 { // what is not there is left out
				for _, n := range in.TrailNameList {
					it, err := find(c, v, &n)
					if fault.Is(err, "TrailNotFoundException") {
						continue
					}
					if err != nil {
						return nil, err
					}
					out.TrailList = append(out.TrailList, *shown(&it.Value))
				}
				return out, nil
			}
			items, err := all(c, v)
			if err != nil {
				return nil, err
			}
			for _, it := range items {
				if it.Scope.Region == c.Region || shadows && it.Value.Multi {
					out.TrailList = append(out.TrailList, *shown(&it.Value))
				}
			}
			return out, nil
		}}
}

func getRow() api.Rower {
	return api.Op[shape.GetTrailRequest, shape.GetTrailResponse]{Name: "GetTrail", Honours: []string{"Name"}, Questions: asks[shape.GetTrailRequest]("GetTrail"),
		View: func(c *api.Call, v store.View, in *shape.GetTrailRequest) (*shape.GetTrailResponse, error) {
			it, err := find(c, v, in.Name)
			if err != nil {
				return nil, err
			}
			return &shape.GetTrailResponse{Trail: shown(&it.Value)}, nil
		}}
}

func listRow() api.Rower {
	return api.Op[shape.ListTrailsRequest, shape.ListTrailsResponse]{Name: "ListTrails", Questions: asks[shape.ListTrailsRequest]("ListTrails"),
		View: func(c *api.Call, v store.View, _ *shape.ListTrailsRequest) (*shape.ListTrailsResponse, error) {
			items, err := all(c, v)
			out := &shape.ListTrailsResponse{Trails: []shape.TrailInfo{}}
			for _, it := range items {
				t := it.Value
				out.Trails = append(out.Trails, shape.TrailInfo{TrailARN: &t.ARN, Name: &t.Name, HomeRegion: &t.Home})
			}
			return out, err
		}}
}
