package logs

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/fault"
	"cloister/internal/core/logbook"
	shape "cloister/internal/shape/logs"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// standard is the one class of groups that there is.
const standard = "STANDARD"

// days are the retentions that there are. Source: API reference, PutRetentionPolicy.
var days = []int64{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func (s *Service) createLogGroup() api.Rower {
	return api.Op[shape.CreateLogGroupRequest, shape.CreateLogGroupOutput]{
		Name: "CreateLogGroup", Honours: []string{"logGroupName", "kmsKeyId", "tags", "logGroupClass", "deletionProtectionEnabled"},
		Questions: ask.Ask[shape.CreateLogGroupRequest](sheet, "CreateLogGroup"),
		// A stream row only since another service may be asked for the key.
		Stream: func(ctx context.Context, c *api.Call, in *shape.CreateLogGroupRequest) (*shape.CreateLogGroupOutput, error) {
			name := deref(in.LogGroupName)
			arn := groupARN(c, name)
			c.Touch(arn)
			switch {
			case strings.HasPrefix(name, "aws/"):
				return nil, invalid("Log groups starting with AWS/ are reserved for AWS.")
			case deref(in.LogGroupClass) != "" && *in.LogGroupClass != standard:
				return nil, cannot("Log groups are of the class STANDARD alone: those of others are read by queries or delivered elsewhere, of which neither is built.")
			}
			if err := checkTags(in.Tags); err != nil {
				return nil, err
			}
			if in.KmsKeyId != nil {
				if err := checkKey(*in.KmsKeyId); err != nil {
					return nil, err
				}
			}
			g := logbook.Group{ID: c.Dice.Hex(16), Created: c.Time, Protected: deref(in.DeletionProtectionEnabled)}
			seal, err := s.newSeal(ctx, c, arn, &g, deref(in.KmsKeyId))
			if err != nil {
				return nil, err
			}
			_, err = c.Commit(ctx, func(tx store.Tx) (any, error) {
				err := rows.LogGroups.Create(tx, c.Scope(), name, &g)
				if errors.Is(err, store.ErrConflict) {
					return nil, fault.New("ResourceAlreadyExistsException", "The specified log group already exists")
				}
				if err == nil {
					err = rows.LogUsages.Create(tx, c.Scope(), g.ID, &logbook.Usage{})
				}
				if err == nil {
					err = rows.LogSeals.Create(tx, c.Scope(), g.ID+"/"+g.Seal, &seal)
				}
				if err == nil {
					err = tx.SetTags(arn, c.Scope(), in.Tags)
				}
				return nil, err
			})
			return &shape.CreateLogGroupOutput{}, err
		},
	}
}

func (s *Service) deleteLogGroup() api.Rower {
	return api.Op[shape.DeleteLogGroupRequest, shape.DeleteLogGroupOutput]{
		Name: "DeleteLogGroup", Honours: []string{"logGroupName"}, Questions: ask.Ask[shape.DeleteLogGroupRequest](sheet, "DeleteLogGroup"),
		Act: func(c *api.Call, tx store.Tx, in *shape.DeleteLogGroupRequest) (*shape.DeleteLogGroupOutput, error) {
			g, err := findGroup(c, tx, in.LogGroupName)
			if err != nil {
				return nil, err
			}
			arn := groupARN(c, g.ID)
			c.Touch(arn)
			if g.Value.Protected {
				return nil, fault.New("ValidationException", "The log group %s cannot be deleted: its deletion protection is on.", g.ID)
			}
			if err := rows.LogGroups.Delete(tx, g.Scope, g.ID); err != nil {
				return nil, err
			}
			if err := rows.LogUsages.Delete(tx, g.Scope, g.Value.ID); err != nil {
				return nil, err
			}
			// Without its keys nothing of it can be read, long before it is emptied.
			seals, err := rows.LogSeals.List(tx, store.Query{Scope: g.Scope, Prefix: g.Value.ID + "/"})
			if err != nil {
				return nil, err
			}
			for _, x := range seals {
				if err := rows.LogSeals.Delete(tx, x.Scope, x.ID); err != nil {
					return nil, err
				}
			}
			if err := tx.RemoveTags(arn, nil); err != nil {
				return nil, err
			}
			return &shape.DeleteLogGroupOutput{}, rows.LogDoomed.Create(tx, g.Scope, g.Value.ID, &logbook.Doomed{At: tx.Now()})
		},
	}
}

// change makes a row's Act that changes a group.
func change[I, O any](name func(*api.Call, *I) (*string, error), f func(*I, *logbook.Group) error) func(*api.Call, store.Tx, *I) (*O, error) {
	return func(c *api.Call, tx store.Tx, in *I) (*O, error) {
		n, err := name(c, in)
		if err != nil {
			return nil, err
		}
		g, err := findGroup(c, tx, n)
		if err != nil {
			return nil, err
		}
		c.Touch(groupARN(c, g.ID))
		if err := f(in, &g.Value); err != nil {
			return nil, err
		}
		return new(O), rows.LogGroups.Save(tx, &g)
	}
}

func (s *Service) putRetentionPolicy() api.Rower {
	return api.Op[shape.PutRetentionPolicyRequest, shape.PutRetentionPolicyOutput]{
		Name: "PutRetentionPolicy", Honours: []string{"logGroupName", "retentionInDays"}, Questions: ask.Ask[shape.PutRetentionPolicyRequest](sheet, "PutRetentionPolicy"),
		Act: change[shape.PutRetentionPolicyRequest, shape.PutRetentionPolicyOutput](
			func(_ *api.Call, in *shape.PutRetentionPolicyRequest) (*string, error) { return in.LogGroupName, nil },
			func(in *shape.PutRetentionPolicyRequest, g *logbook.Group) error {
				n := deref(in.RetentionInDays)
				if !slices.Contains(days, n) {
					return invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %s", n, strings.ReplaceAll(fmt.Sprint(days), " ", ", "))
				}
				g.Retention = int(n)
				return nil
			}),
	}
}

func (s *Service) deleteRetentionPolicy() api.Rower {
	return api.Op[shape.DeleteRetentionPolicyRequest, shape.DeleteRetentionPolicyOutput]{
		Name: "DeleteRetentionPolicy", Honours: []string{"logGroupName"}, Questions: ask.Ask[shape.DeleteRetentionPolicyRequest](sheet, "DeleteRetentionPolicy"),
		Act: change[shape.DeleteRetentionPolicyRequest, shape.DeleteRetentionPolicyOutput](
			func(_ *api.Call, in *shape.DeleteRetentionPolicyRequest) (*string, error) {
				return in.LogGroupName, nil
			},
			func(_ *shape.DeleteRetentionPolicyRequest, g *logbook.Group) error { g.Retention = 0; return nil }),
	}
}

func (s *Service) putLogGroupDeletionProtection() api.Rower {
	return api.Op[shape.PutLogGroupDeletionProtectionRequest, shape.PutLogGroupDeletionProtectionOutput]{
		Name: "PutLogGroupDeletionProtection", Honours: []string{"logGroupIdentifier", "deletionProtectionEnabled"},
		Questions: ask.Ask[shape.PutLogGroupDeletionProtectionRequest](sheet, "PutLogGroupDeletionProtection"),
		Act: change[shape.PutLogGroupDeletionProtectionRequest, shape.PutLogGroupDeletionProtectionOutput](
			func(c *api.Call, in *shape.PutLogGroupDeletionProtectionRequest) (*string, error) {
				return nameOf(c, in.LogGroupIdentifier)
			},
			func(in *shape.PutLogGroupDeletionProtectionRequest, g *logbook.Group) error {
				g.Protected = deref(in.DeletionProtectionEnabled)
				return nil
			}),
	}
}

func (s *Service) describeLogGroups() api.Rower {
	return api.Op[shape.DescribeLogGroupsRequest, shape.DescribeLogGroupsResponse]{
		Name: "DescribeLogGroups", Honours: []string{"logGroupNamePrefix", "logGroupNamePattern", "nextToken", "limit", "logGroupClass", "logGroupIdentifiers"},
		Questions: ask.Ask[shape.DescribeLogGroupsRequest](sheet, "DescribeLogGroups"),
		View: func(c *api.Call, v store.View, in *shape.DescribeLogGroupsRequest) (*shape.DescribeLogGroupsResponse, error) {
			if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
				return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
			}
			if in.LogGroupIdentifiers != nil && (in.LogGroupNamePrefix != nil || in.LogGroupNamePattern != nil) {
				return nil, invalid("logGroupIdentifiers may not be combined with a prefix or a pattern.")
			}
			names := map[string]bool{}
			for i := range in.LogGroupIdentifiers {
				n, err := nameOf(c, &in.LogGroupIdentifiers[i])
				if err != nil {
					return nil, err
				}
				names[*n] = true
			}
			pattern := strings.ToLower(deref(in.LogGroupNamePattern))
			all, next, err := groups(c, v, deref(in.LogGroupNamePrefix), in.NextToken, in.Limit, func(name string) bool {
				return (len(names) == 0 || names[name]) && strings.Contains(strings.ToLower(name), pattern) && (in.LogGroupClass == nil || *in.LogGroupClass == standard)
			})
			if err != nil {
				return nil, err
			}
			out := &shape.DescribeLogGroupsResponse{LogGroups: []shape.LogGroup{}, NextToken: next}
			for i := range all {
				g := &all[i]
				u, err := rows.LogUsages.Get(v, g.Scope, g.Value.ID)
				if err != nil {
					return nil, err
				}
				x := shape.LogGroup{LogGroupName: &g.ID, CreationTime: new(ms(g.Value.Created)), MetricFilterCount: new(int64(0)), Arn: new(groupARN(c, g.ID) + ":*"),
					LogGroupArn: new(groupARN(c, g.ID)), StoredBytes: &u.Value.Stored, LogGroupClass: new(standard), DeletionProtectionEnabled: &g.Value.Protected}
				if g.Value.Retention != 0 {
					x.RetentionInDays = new(int64(g.Value.Retention))
				}
				if g.Value.Key != "" {
					x.KmsKeyId = &g.Value.Key
				}
				out.LogGroups = append(out.LogGroups, x)
			}
			return out, nil
		},
	}
}

func (s *Service) listLogGroups() api.Rower {
	return api.Op[shape.ListLogGroupsRequest, shape.ListLogGroupsResponse]{
		Name: "ListLogGroups", Honours: []string{"logGroupNamePattern", "logGroupClass", "nextToken", "limit"}, Questions: ask.Ask[shape.ListLogGroupsRequest](sheet, "ListLogGroups"),
		View: func(c *api.Call, v store.View, in *shape.ListLogGroupsRequest) (*shape.ListLogGroupsResponse, error) {
			pattern, err := regexp.Compile(deref(in.LogGroupNamePattern)) // of names' characters, ^ and | alone: the model's pattern
			if err != nil {
				return nil, invalid("The logGroupNamePattern is not valid.")
			}
			all, next, err := groups(c, v, "", in.NextToken, in.Limit, func(name string) bool {
				return pattern.MatchString(name) && (in.LogGroupClass == nil || *in.LogGroupClass == standard)
			})
			if err != nil {
				return nil, err
			}
			out := &shape.ListLogGroupsResponse{LogGroups: []shape.LogGroupSummary{}, NextToken: next}
			for _, g := range all {
				out.LogGroups = append(out.LogGroups, shape.LogGroupSummary{LogGroupName: new(g.ID), LogGroupArn: new(groupARN(c, g.ID)), LogGroupClass: new(standard)})
			}
			return out, nil
		},
	}
}

// groups is a page of those that are wanted, by name.
func groups(c *api.Call, v store.View, prefix string, token *string, limit *int64, want func(name string) bool) ([]store.Item[logbook.Group], *string, error) {
	after, err := readToken(token)
	if err != nil {
		return nil, nil, err
	}
	n := 50
	if limit != nil {
		n = int(*limit)
	}
	var out []store.Item[logbook.Group]
	for {
		page, err := rows.LogGroups.List(v, store.Query{Scope: c.Scope(), Prefix: prefix, After: after, Limit: 200})
		if err != nil {
			return nil, nil, err
		}
		for _, g := range page {
			after = g.ID
			if !want(g.ID) {
				continue
			}
			if len(out) == n {
				return out, writeToken(out[n-1].ID), nil
			}
			out = append(out, g)
		}
		if len(page) < 200 {
			return out, nil, nil
		}
	}
}

// A token of a list is the last id that was told.
func writeToken(id string) *string { return new(base64.RawURLEncoding.EncodeToString([]byte(id))) }

func readToken(t *string) (string, error) {
	if t == nil {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*t)
	if err != nil || len(b) == 0 {
		return "", invalid("The specified nextToken is invalid.")
	}
	return string(b), nil
}

func cannot(format string, args ...any) error { return fault.Of(fault.NotImplemented, format, args...) }

// checkTags holds tags to the rules. Source: API reference, TagResource.
func checkTags(tags map[string]string) error {
	for k := range tags {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return invalid("Tag keys starting with aws: are reserved.")
		}
	}
	if len(tags) > 50 {
		return invalid("A log group has at most 50 tags.")
	}
	return nil
}
