package deliver

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	"cloister/internal/core/trail"
	"cloister/internal/shape/logs"
	"cloister/internal/shape/sts"
	"cloister/internal/store"
)

// What one PutLogEvents may hold. Source: CloudWatch Logs API Reference, PutLogEvents; an event counts 26 bytes beside its text.
const (
	batchBytes = 1 << 20
	batchLines = 10000
	lineCost   = 26
	lineBytes  = 256<<10 - lineCost
)

// role opens a session of the trail's role for CloudWatch Logs, as CloudTrail.
func (d *Deliverer) role(ctx context.Context, partition string, t *trail.Trail) (api.As, error) {
	who := as(partition, t)
	out, _, err := d.Calls.Invoke(ctx, who, "sts", "AssumeRole", &sts.AssumeRoleRequest{RoleArn: &t.LogRole, RoleSessionName: new("CLOUDTRAIL_LOG_DELIVERY"), DurationSeconds: new(int64(900))})
	if err != nil {
		return who, err
	}
	c := out.(*sts.AssumeRoleResponse).Credentials
	who.AccessKey, who.Token = *c.AccessKeyId, *c.SessionToken
	return who, nil
}

// group is the name in a log group's ARN.
func group(t *trail.Trail) string {
	a, err := arn.Parse(t.LogGroup)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(a.Resource, "log-group:"), ":*")
}

// stream is where a region's events go. Source: CloudTrail User Guide, "Sending events to CloudWatch Logs": account_CloudTrail_region.
func stream(t *trail.Trail, region string) string {
	return t.Account + "_CloudTrail_" + region
}

func (d *Deliverer) openStream(ctx context.Context, who api.As, t *trail.Trail, region string) error {
	_, _, err := d.Calls.Invoke(ctx, who, "logs", "CreateLogStream", &logs.CreateLogStreamRequest{LogGroupName: new(group(t)), LogStreamName: new(stream(t, region))})
	if fault.Is(err, "ResourceAlreadyExistsException") {
		return nil
	}
	return err
}

// checkLines tries whether events would come to the log group.
func (d *Deliverer) checkLines(ctx context.Context, partition string, t *trail.Trail) error {
	who, err := d.role(ctx, partition, t)
	if err == nil {
		err = d.openStream(ctx, who, t, t.Home)
	}
	switch {
	case err == nil:
		return nil
	case fault.Is(err, "ResourceNotFoundException"):
		return fault.New("InvalidCloudWatchLogsLogGroupArnException", "CloudTrail cannot find the log group %s.", t.LogGroup)
	case fault.From(err).Kind == fault.AccessDenied:
		return fault.New("InvalidCloudWatchLogsRoleArnException", "Access denied. Check the trust relationships and the permissions of your role %s.", t.LogRole)
	}
	return err
}

// lines brings a file's events to the trail's log group. After a crash they may come twice.
func (d *Deliverer) lines(ctx context.Context, t store.Item[trail.Trail], f *file) error {
	who, err := d.role(ctx, t.Scope.Partition, &t.Value)
	if err != nil {
		return err
	}
	events := slices.Clone(f.events)
	slices.SortStableFunc(events, func(a, b trail.Event) int { return cmp.Compare(a.Time.UnixMilli(), b.Time.UnixMilli()) })
	for len(events) > 0 {
		in := &logs.PutLogEventsRequest{LogGroupName: new(group(&t.Value)), LogStreamName: new(stream(&t.Value, f.region))}
		size, n := 0, 0
		for ; n < len(events) && n < batchLines && events[n].Time.Sub(events[0].Time).Hours() < 23; n++ {
			text := string(trail.Record(&events[n]))
			if len(text) > lineBytes { // CloudTrail leaves such out, and so do we: the file has them
				continue
			}
			if size += len(text) + lineCost; size > batchBytes {
				break
			}
			in.LogEvents = append(in.LogEvents, logs.InputLogEvent{Timestamp: new(events[n].Time.UnixMilli()), Message: &text})
		}
		events = events[n:]
		if len(in.LogEvents) == 0 {
			continue
		}
		_, _, err := d.Calls.Invoke(ctx, who, "logs", "PutLogEvents", in)
		if fault.Is(err, "ResourceNotFoundException") {
			if err = d.openStream(ctx, who, &t.Value, f.region); err == nil {
				_, _, err = d.Calls.Invoke(ctx, who, "logs", "PutLogEvents", in)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
