package logs

import (
	"maps"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/shape/logs"
	"cloister/internal/store"
)

// Principal is the service principal that assumes a subscription's role.
const Principal = "logs.amazonaws.com"

// rest are the rows of what is not built: who may not ask is refused as ever, who may is told why.
func rest(built []api.Operation) []api.Operation {
	out := sheet.Rest(built...)
	for i, r := range out {
		if why := refusals[r.Name]; why != "" {
			out[i].Unbuilt = why
		}
		switch r.Name {
		case "FilterLogEvents", "GetLogEvents", "GetLogRecord":
			out[i].Questions = unmasked(r.Questions)
		case "PutSubscriptionFilter":
			out[i].Questions = destined(r.Questions)
		}
	}
	return out
}

// asked are the questions of a typed row that reads events.
func asked[I any](operation string) func(*api.Call, store.View, *I) ([]api.Question, error) {
	f := unmasked(sheet.Questions(operation))
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) { return f(c, v, in) }
}

// sheet: a log group goes by its name or, in newer members, by either; who sets both is asked about both, for neither is
// ignored. What a record, a query or a task belongs to is known when they are built; until then it is any log group.
var sheet = &ask.Sheet{
	Service: "logs", Principal: Principal, Roles: "roleArn", Tags: "tags", TagKeys: "tagKeys|tags",
	Operations: map[string]string{
		"AssociateKmsKey":               "log-group=logGroupName? log-group=resourceIdentifier?",
		"CancelExportTask":              "",
		"CreateExportTask":              "log-group=logGroupName",
		"CreateLogGroup":                "log-group=logGroupName",
		"CreateLogStream":               "log-stream=logGroupName+logStreamName",
		"DeleteDataProtectionPolicy":    "log-group=logGroupIdentifier",
		"DeleteLogGroup":                "log-group=logGroupName",
		"DeleteLogStream":               "log-stream=logGroupName+logStreamName",
		"DeleteMetricFilter":            "log-group=logGroupName",
		"DeleteResourcePolicy":          "",
		"DeleteRetentionPolicy":         "log-group=logGroupName",
		"DeleteSubscriptionFilter":      "log-group=logGroupName",
		"DescribeExportTasks":           "",
		"DescribeLogGroups":             "",
		"DescribeLogStreams":            "log-group=logGroupName? log-group=logGroupIdentifier?",
		"DescribeMetricFilters":         "log-group=logGroupName",
		"DescribeQueries":               "",
		"DescribeResourcePolicies":      "",
		"DescribeSubscriptionFilters":   "log-group=logGroupName",
		"DisassociateKmsKey":            "log-group=logGroupName? log-group=resourceIdentifier?",
		"FilterLogEvents":               "log-group=logGroupName? log-group=logGroupIdentifier?",
		"GetDataProtectionPolicy":       "log-group=logGroupIdentifier",
		"GetLogEvents":                  "log-stream=logGroupName|logGroupIdentifier+logStreamName",
		"GetLogGroupFields":             "log-group=logGroupName? log-group=logGroupIdentifier?",
		"GetLogRecord":                  "log-group",
		"GetQueryResults":               "log-group",
		"ListLogGroups":                 "",
		"ListTagsForResource":           "=resourceArn",
		"ListTagsLogGroup":              "log-group=logGroupName",
		"PutDataProtectionPolicy":       "log-group=logGroupIdentifier",
		"PutLogEvents":                  "log-stream=logGroupName+logStreamName",
		"PutLogGroupDeletionProtection": "log-group=logGroupIdentifier",
		"PutMetricFilter":               "log-group=logGroupName",
		"PutResourcePolicy":             "",
		"PutRetentionPolicy":            "log-group=logGroupName",
		"PutSubscriptionFilter":         "log-group=logGroupName destination=destinationArn?",
		"StartLiveTail":                 "log-group=logGroupIdentifiers",
		"StartQuery":                    "log-group=logGroupName? log-group=logGroupNames? log-group=logGroupIdentifiers?",
		"StopQuery":                     "",
		"TagLogGroup":                   "log-group=logGroupName",
		"TagResource":                   "=resourceArn",
		"TestMetricFilter":              "",
		"UntagLogGroup":                 "log-group=logGroupName",
		"UntagResource":                 "=resourceArn",
	},
	Find: find,
}

// within is how the ARN of a log group goes on where it is asked about: the form that real refusals name, with an empty
// stream. Policies for "log-group:NAME:*" match it, and those for "log-group:NAME" do not, as the guide has it ("Overview of
// managing access": the ARN without ":*" is for TagResource, UntagResource and ListTagsForResource).
const within = ":log-stream:"

// bare are the actions that are asked about a log group's ARN as it is.
var bare = map[string]bool{"logs:TagResource": true, "logs:UntagResource": true, "logs:ListTagsForResource": true}

// everywhere are actions without a resource of their own that are yet asked about a log group without a name: real refusals of
// DescribeLogGroups say "log-group::log-stream:", and the guide grants the three on "log-group:*" ("Logs sent to CloudWatch
// Logs").
var everywhere = map[string]bool{"logs:DescribeLogGroups": true, "logs:DescribeResourcePolicies": true, "logs:PutResourcePolicy": true}

// find gives a question the ARN that policies are written for, and a stream the tags of its group: it has none itself, and the
// reference lists aws:ResourceTag for it.
func find(c *api.Call, v store.View, kind string, q *api.Question) error {
	owner := q.Owner
	if owner == "" {
		owner = c.Account
	}
	var err error
	if q.Policy, err = granted(c, v, owner); err != nil {
		return err
	}
	switch {
	case everywhere[q.Action]:
		q.Resource, q.Owner = c.ARN("logs", "log-group:"+within), c.Account
	case kind == "log-group" && !bare[q.Action] && strings.Contains(q.Resource, ":log-group:"):
		q.Resource += within
	case kind == "log-stream":
		group, _, _ := strings.Cut(q.Resource, within)
		tags, err := v.Tags(group)
		for k, val := range tags {
			q.Keys["aws:ResourceTag/"+k] = []string{val}
		}
		return err
	}
	return nil
}

type questions = func(*api.Call, store.View, any) ([]api.Question, error)

// unmasked asks for logs:Unmask too when the call wants masked data to be shown (API reference, FilterLogEvents, unmask).
func unmasked(f questions) questions {
	return func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		qs, err := f(c, v, in)
		var want *bool
		switch in := in.(type) {
		case *logs.FilterLogEventsRequest:
			want = in.Unmask
		case *logs.GetLogEventsRequest:
			want = in.Unmask
		case *logs.GetLogRecordRequest:
			want = in.Unmask
		}
		if err != nil || want == nil || !*want {
			return qs, err
		}
		for _, q := range qs[:len(qs):len(qs)] {
			q.Action, q.Keys = "logs:Unmask", maps.Clone(q.Keys)
			if group, _, ok := strings.Cut(q.Resource, within); ok { // of the group, whichever stream is read
				q.Resource = group + within
			}
			qs = append(qs, q)
		}
		return qs, nil
	}
}

// destined leaves out a subscription's destination that is none of CloudWatch Logs' own: of streams and functions of other
// services the permission of the role or of their own policy decides.
func destined(f questions) questions {
	return func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		qs, err := f(c, v, in)
		var out []api.Question
		for i, q := range qs {
			if i == 0 || q.Action != "logs:PutSubscriptionFilter" || strings.Contains(q.Resource, ":destination:") {
				out = append(out, q)
			}
		}
		return out, err
	}
}
