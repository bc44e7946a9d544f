package ec2

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	"cloister/internal/core/flow"
	"cloister/internal/core/identity"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// watchLimit is how many flow logs a resource may have. Source: VPC User Guide, quotas: "Flow logs per resource".
const watchLimit = 2

func (s *Service) flowRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateFlowLogsRequest, shape.CreateFlowLogsResult]{
			Name: "CreateFlowLogs", Honours: []string{"ResourceIds", "ResourceType", "TrafficType", "LogDestinationType", "LogDestination", "LogFormat", "TagSpecifications.*",
				"MaxAggregationInterval", "DestinationOptions.*", "DeliverLogsPermissionArn", "LogGroupName", "ClientToken", "DryRun"},
			Questions: asking[shape.CreateFlowLogsRequest]("CreateFlowLogs"),
			Act:       createFlowLogs,
		},
		api.Op[shape.DeleteFlowLogsRequest, shape.DeleteFlowLogsResult]{
			Name: "DeleteFlowLogs", Honours: []string{"FlowLogIds", "DryRun"},
			Questions: asking[shape.DeleteFlowLogsRequest]("DeleteFlowLogs"),
			Act:       deleteFlowLogs,
		},
		api.Op[shape.DescribeFlowLogsRequest, shape.DescribeFlowLogsResult]{
			Name: "DescribeFlowLogs", Honours: []string{"FlowLogIds", "Filter.*", "MaxResults", "NextToken", "DryRun"},
			Questions: describing[shape.DescribeFlowLogsRequest]("DescribeFlowLogs"),
			View:      describeFlowLogs,
		},
	}
}

func badParameter(format string, args ...any) *fault.Fault {
	return fault.New("InvalidParameter", format, args...)
}

// wantedLog is a log as a call wants it, but for its resource.
func wantedLog(c *api.Call, in *shape.CreateFlowLogsRequest) (vpc.FlowLog, error) {
	l := vpc.FlowLog{Account: c.Account, Region: c.Region, Traffic: deref(in.TrafficType), Destination: deref(in.LogDestinationType), Given: deref(in.LogDestination),
		Format: deref(in.LogFormat), Interval: 600, Created: c.Time}
	if l.Traffic == "" {
		return l, missing("TrafficType")
	}
	if in.MaxAggregationInterval != nil {
		if l.Interval = int(*in.MaxAggregationInterval); l.Interval != 60 && l.Interval != 600 {
			return l, badParameter("Invalid Flow Log Max Aggregation Interval")
		}
	}
	var err error
	switch l.Destination {
	case "s3":
		err = toBucket(c, in, &l)
	case "", "cloud-watch-logs":
		l.Destination = "cloud-watch-logs"
		err = toGroup(c, in, &l)
	default:
		err = notBuilt("Flow logs are delivered to S3 and CloudWatch Logs: LogDestinationType %s is not available.", l.Destination)
	}
	if err != nil {
		return l, err
	}
	if l.Format == "" {
		l.Format = flow.DefaultFormat
	}
	if _, err := flow.ParseFormat(l.Format); err != nil {
		return l, badParameter("Invalid LogFormat: %v", err)
	}
	if o := in.DestinationOptions; o != nil {
		if deref(o.FileFormat) == "parquet" {
			return l, notBuilt("Files of flow logs are plain text: parquet is not available.")
		}
		l.Options = &vpc.FlowFiles{Format: "plain-text", Hive: deref(o.HiveCompatiblePartitions), PerHour: deref(o.PerHourPartition)}
	}
	// Who made it for S3 with a key of long life is asked for in its name to look after the bucket's policy.
	if p := c.Caller; l.Bucket != "" && p != nil && (p.Kind == identity.User || p.Kind == identity.Root) && !p.Unverified && strings.HasPrefix(p.AccessKey, "AKIA") {
		l.Creator = p.AccessKey
	}
	return l, nil
}

// toBucket reads where in S3 a log goes.
func toBucket(c *api.Call, in *shape.CreateFlowLogsRequest, l *vpc.FlowLog) error {
	switch {
	case in.LogGroupName != nil:
		return badParameter("LogDestination type must be cloud-watch-logs if LogGroupName is provided.")
	case in.DeliverLogsPermissionArn != nil:
		return badParameter("DeliverLogsPermissionArn is not applicable for s3 delivery")
	case l.Given == "":
		return badParameter("LogDestination can't be empty if LogGroupName is not provided.")
	}
	a, err := arn.Parse(l.Given)
	if err != nil || a.Service != "s3" || a.Partition != c.Partition || a.Region != "" || a.Account != "" {
		return badParameter("LogDestination: %s is not the ARN of a bucket.", l.Given)
	}
	l.Bucket, l.Prefix, _ = strings.Cut(a.Resource, "/")
	if l.Prefix != "" && !strings.HasSuffix(l.Prefix, "/") {
		l.Prefix += "/"
	}
	if l.Bucket == "" || slices.Contains(strings.Split(l.Prefix, "/"), "AWSLogs") {
		return badParameter("LogDestination: %s needs a bucket, and no folder that is called AWSLogs.", l.Given)
	}
	return nil
}

// groupName is what a log group may be called. Source: CloudWatch Logs API reference, CreateLogGroup.
var groupName = regexp.MustCompile(`^[\.\-_/#A-Za-z0-9]{1,512}$`)

// toGroup reads which log group of the account and region a log goes to, and by which role of the account.
func toGroup(c *api.Call, in *shape.CreateFlowLogsRequest, l *vpc.FlowLog) error {
	l.Group, l.Role = deref(in.LogGroupName), deref(in.DeliverLogsPermissionArn)
	switch {
	case l.Group != "" && l.Given != "":
		return badParameter("Please only provide LogGroupName or only provide LogDestination.")
	case l.Group == "" && l.Given == "":
		return badParameter("LogDestination can't be empty if LogGroupName is not provided.")
	case l.Role == "":
		return badParameter("DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.")
	case in.DestinationOptions != nil:
		return badParameter("DestinationOptions are of files, and not applicable for cloud-watch-logs delivery.")
	}
	if l.Given != "" {
		a, err := arn.Parse(l.Given)
		if err != nil || a.Service != "logs" || a.Partition != c.Partition || a.Region != c.Region || a.Account != c.Account || !strings.HasPrefix(a.Resource, "log-group:") {
			return badParameter("LogDestination: %s is not the ARN of a log group of this account and region.", l.Given)
		}
		l.Group = strings.TrimSuffix(strings.TrimPrefix(a.Resource, "log-group:"), ":*")
	}
	if !groupName.MatchString(l.Group) {
		return badParameter("LogGroupName: %s is no name of a log group.", l.Group)
	}
	if a, err := arn.Parse(l.Role); err != nil || a.Service != "iam" || a.Account != c.Account || !strings.HasPrefix(a.Resource, "role/") {
		return badParameter("DeliverLogsPermissionArn: %s is not the ARN of a role of this account.", l.Role)
	}
	return nil
}

func createFlowLogs(c *api.Call, tx store.Tx, in *shape.CreateFlowLogsRequest) (*shape.CreateFlowLogsResult, error) {
	want, err := wantedLog(c, in)
	if err != nil {
		return nil, err
	}
	if len(in.ResourceIds) == 0 {
		return nil, missing("ResourceId")
	}
	out := &shape.CreateFlowLogsResult{ClientToken: in.ClientToken, FlowLogIds: []string{}, Unsuccessful: []shape.UnsuccessfulItem{}}
	params := fmt.Sprint(in.ResourceIds, want.Traffic, want.Given, want.Group, want.Role, want.Format, want.Interval, want.Options != nil && want.Options.Hive, want.Options != nil && want.Options.PerHour)
	for _, id := range in.ResourceIds {
		tok := in.ClientToken // one token makes one log for each resource
		if tok != nil && *tok != "" {
			tok = new(*tok + "/" + id)
		}
		if was, err := repeated(c, tx, rows.FlowLogs, "flow-log", tok, params); err != nil {
			return nil, err
		} else if was != nil {
			out.FlowLogIds = append(out.FlowLogIds, was.ID)
			continue
		}
		l := want
		l.Resource = id
		if l.VPC, err = watched(c, tx, deref(in.ResourceType), id); err != nil {
			return nil, err
		}
		if refused, err := another(c, tx, &l); err != nil {
			return nil, err
		} else if refused != nil {
			out.Unsuccessful = append(out.Unsuccessful, shape.UnsuccessfulItem{ResourceId: &id, Error: &shape.UnsuccessfulItemError{Code: &refused.Code, Message: &refused.Message}})
			continue
		}
		l.ID = c.Dice.ID("fl")
		if err := rows.FlowLogs.Create(tx, c.Scope(), l.ID, &l); err != nil {
			return nil, err
		}
		if err := remember(c, tx, "flow-log", tok, l.ID, params); err != nil {
			return nil, err
		}
		if _, err := tagNew(c, tx, aFlowLog, l.ID, in.TagSpecifications); err != nil {
			return nil, err
		}
		c.Touch(aFlowLog.arn(c, l.ID))
		out.FlowLogIds = append(out.FlowLogIds, l.ID)
	}
	return out, nil
}

// watched is the VPC of a resource that there is.
func watched(c *api.Call, v store.View, kind, id string) (string, error) {
	switch kind {
	case "VPC":
		it, err := load(v, c, rows.VPCs, aVPC, &id, "ResourceId")
		return it.ID, err
	case "Subnet":
		it, err := load(v, c, rows.Subnets, aSubnet, &id, "ResourceId")
		return it.Value.VPC, err
	case "NetworkInterface":
		it, err := load(v, c, rows.Interfaces, anInterface, &id, "ResourceId")
		return it.Value.VPC, err
	}
	return "", notBuilt("Flow logs of %s are not available: there are none of these.", kind)
}

// another says why a resource may not have one more log like this.
func another(c *api.Call, v store.View, l *vpc.FlowLog) (*fault.Fault, error) {
	all, err := rows.FlowLogs.List(v, store.Query{Scope: c.Scope(), Term: store.Term{Name: "resource", Value: l.Resource}})
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.Value.Bucket == l.Bucket && o.Value.Prefix == l.Prefix && o.Value.Group == l.Group && o.Value.Traffic == l.Traffic {
			return fault.New("FlowLogAlreadyExists", "Error. There is an existing Flow Log with the same configuration and log destination."), nil
		}
	}
	if len(all) >= watchLimit {
		return fault.New("FlowLogsLimitExceeded", "You've reached the limit on the number of flow logs for %s: %d.", l.Resource, watchLimit), nil
	}
	return nil, nil
}

// deleteFlowLogs deletes all of them or, if one is not there, none. Files that are on their way still arrive.
func deleteFlowLogs(c *api.Call, tx store.Tx, in *shape.DeleteFlowLogsRequest) (*shape.DeleteFlowLogsResult, error) {
	if len(in.FlowLogIds) == 0 {
		return nil, missing("FlowLogId")
	}
	var none []string
	for _, id := range in.FlowLogIds {
		if err := aFlowLog.well(id); err != nil {
			return nil, err
		}
		if _, err := rows.FlowLogs.Get(tx, c.Scope(), id); absent(err) {
			none = append(none, id)
		} else if err != nil {
			return nil, err
		}
	}
	if len(none) > 0 {
		return nil, fault.New(aFlowLog.notFound, "These flow log ids in the input list are not found: [TotalCount: %d] %s", len(none), strings.Join(none, " "))
	}
	ids := slices.Clone(in.FlowLogIds)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if err := drop(c, tx, rows.FlowLogs, aFlowLog, id); err != nil {
			return nil, err
		}
		if err := rows.FlowStates.Delete(tx, c.Scope(), id); err != nil && !absent(err) {
			return nil, err
		}
	}
	return &shape.DeleteFlowLogsResult{Unsuccessful: []shape.UnsuccessfulItem{}}, nil
}

func describeFlowLogs(c *api.Call, v store.View, in *shape.DescribeFlowLogsRequest) (*shape.DescribeFlowLogsResult, error) {
	var err error
	state := func(l *vpc.FlowLog) vpc.FlowState {
		it, e := rows.FlowStates.Get(v, c.Scope(), l.ID)
		if e != nil && !absent(e) {
			err = e
		}
		return it.Value
	}
	one := func(get func(*vpc.FlowLog) string) func(*vpc.FlowLog) []string {
		return func(l *vpc.FlowLog) []string { return []string{get(l)} }
	}
	all, next, e := describe(c, v, rows.FlowLogs, aFlowLog, wanted{in.FlowLogIds, in.Filter, in.MaxResults, in.NextToken}, map[string]func(*vpc.FlowLog) []string{
		"deliver-log-status":   one(func(l *vpc.FlowLog) string { return state(l).Status }),
		"log-destination-type": one(func(l *vpc.FlowLog) string { return l.Destination }),
		"flow-log-id":          one(func(l *vpc.FlowLog) string { return l.ID }),
		"log-group-name": func(l *vpc.FlowLog) []string {
			if l.Group == "" {
				return nil
			}
			return []string{l.Group}
		},
		"resource-id":  one(func(l *vpc.FlowLog) string { return l.Resource }),
		"traffic-type": one(func(l *vpc.FlowLog) string { return l.Traffic }),
	})
	if e != nil {
		return nil, e
	}
	out := &shape.DescribeFlowLogsResult{FlowLogs: []shape.FlowLog{}, NextToken: next}
	for i := range all {
		l, st := &all[i].Value, state(&all[i].Value)
		x := shape.FlowLog{FlowLogId: &l.ID, CreationTime: &l.Created, FlowLogStatus: new("ACTIVE"), ResourceId: &l.Resource, TrafficType: &l.Traffic, LogDestinationType: &l.Destination,
			LogFormat: &l.Format, MaxAggregationInterval: new(int64(l.Interval)), Tags: tagList(all[i].Tags)}
		if l.Given != "" {
			x.LogDestination = &l.Given
		}
		if l.Group != "" {
			x.LogGroupName, x.DeliverLogsPermissionArn = &l.Group, &l.Role
		}
		if st.Status != "" {
			x.DeliverLogsStatus = &st.Status
		}
		if st.Message != "" {
			x.DeliverLogsErrorMessage = &st.Message
		}
		if o := l.Options; o != nil {
			x.DestinationOptions = &shape.DestinationOptionsResponse{FileFormat: &o.Format, HiveCompatiblePartitions: &o.Hive, PerHourPartition: &o.PerHour}
		}
		out.FlowLogs = append(out.FlowLogs, x)
	}
	return out, err
}
