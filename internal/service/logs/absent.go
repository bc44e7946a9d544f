package logs

import (
	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/logs"
	"cloister/internal/store"
)

// refusals are the reasons why something is not to be had.
var refusals = map[string]string{
	"PutMetricFilter":         "There is no CloudWatch here that a metric filter could count in: nobody would ever see its metrics. TestMetricFilter and FilterLogEvents take the same patterns.",
	"PutSubscriptionFilter":   "Nothing follows a log group here: there are no functions and streams that a subscription filter could send to.",
	"StartQuery":              "CloudWatch Logs Insights is not built: FilterLogEvents searches log groups.",
	"GetLogGroupFields":       "CloudWatch Logs Insights is not built, and nothing else looks for fields in log events.",
	"GetLogRecord":            "CloudWatch Logs Insights is not built: no query gives the pointer of a record.",
	"StartLiveTail":           "Live tail is not built: FilterLogEvents with a start time shows what is new.",
	"PutDataProtectionPolicy": "Data protection policies are not built: nothing in log events is found and masked.",
	"CreateExportTask":        "Export tasks are not built: read the events by FilterLogEvents and put them into a bucket.",
}

// never are the rows that show or remove what nobody here can have: where AWS would not find it, it is not found.
func (s *Service) neverRows() []api.Rower {
	none := func(what string) error {
		return fault.New("ResourceNotFoundException", "The specified %s does not exist.", what)
	}
	return []api.Rower{
		view("DescribeMetricFilters", []string{"logGroupName", "filterNamePrefix", "nextToken", "limit", "metricName", "metricNamespace"},
			func(c *api.Call, v store.View, in *shape.DescribeMetricFiltersRequest) (*shape.DescribeMetricFiltersResponse, error) {
				var err error
				if in.LogGroupName != nil {
					_, err = findGroup(c, v, in.LogGroupName)
				}
				return &shape.DescribeMetricFiltersResponse{MetricFilters: []shape.MetricFilter{}}, err
			}),
		view("DescribeSubscriptionFilters", []string{"logGroupName", "filterNamePrefix", "nextToken", "limit"},
			func(c *api.Call, v store.View, in *shape.DescribeSubscriptionFiltersRequest) (*shape.DescribeSubscriptionFiltersResponse, error) {
				_, err := findGroup(c, v, in.LogGroupName)
				return &shape.DescribeSubscriptionFiltersResponse{SubscriptionFilters: []shape.SubscriptionFilter{}}, err
			}),
		view("DescribeQueries", []string{"logGroupName", "status", "maxResults", "nextToken", "queryLanguage"},
			func(*api.Call, store.View, *shape.DescribeQueriesRequest) (*shape.DescribeQueriesResponse, error) {
				return &shape.DescribeQueriesResponse{Queries: []shape.QueryInfo{}}, nil
			}),
		view("DescribeExportTasks", []string{"statusCode", "nextToken", "limit", "taskId"},
			func(_ *api.Call, _ store.View, in *shape.DescribeExportTasksRequest) (*shape.DescribeExportTasksResponse, error) {
				if in.TaskId != nil {
					return nil, none("export task")
				}
				return &shape.DescribeExportTasksResponse{ExportTasks: []shape.ExportTask{}}, nil
			}),
		view("GetQueryResults", []string{"queryId", "nextToken", "maxItems"}, func(*api.Call, store.View, *shape.GetQueryResultsRequest) (*shape.GetQueryResultsResponse, error) {
			return nil, none("query")
		}),
		view("GetDataProtectionPolicy", []string{"logGroupIdentifier"},
			func(c *api.Call, v store.View, in *shape.GetDataProtectionPolicyRequest) (*shape.GetDataProtectionPolicyResponse, error) {
				_, err := either(c, v, nil, in.LogGroupIdentifier)
				return &shape.GetDataProtectionPolicyResponse{LogGroupIdentifier: in.LogGroupIdentifier}, err
			}),
		act("DeleteMetricFilter", []string{"logGroupName", "filterName"}, func(c *api.Call, v store.View, in *shape.DeleteMetricFilterRequest) (*shape.DeleteMetricFilterOutput, error) {
			if _, err := findGroup(c, v, in.LogGroupName); err != nil {
				return nil, err
			}
			return nil, none("metric filter")
		}),
		act("DeleteSubscriptionFilter", []string{"logGroupName", "filterName"}, func(c *api.Call, v store.View, in *shape.DeleteSubscriptionFilterRequest) (*shape.DeleteSubscriptionFilterOutput, error) {
			if _, err := findGroup(c, v, in.LogGroupName); err != nil {
				return nil, err
			}
			return nil, none("subscription filter")
		}),
		act("DeleteDataProtectionPolicy", []string{"logGroupIdentifier"}, func(c *api.Call, v store.View, in *shape.DeleteDataProtectionPolicyRequest) (*shape.DeleteDataProtectionPolicyOutput, error) {
			if _, err := either(c, v, nil, in.LogGroupIdentifier); err != nil {
				return nil, err
			}
			return nil, none("data protection policy")
		}),
		act("StopQuery", []string{"queryId"}, func(*api.Call, store.View, *shape.StopQueryRequest) (*shape.StopQueryResponse, error) {
			return nil, none("query")
		}),
		act("CancelExportTask", []string{"taskId"}, func(*api.Call, store.View, *shape.CancelExportTaskRequest) (*shape.CancelExportTaskOutput, error) {
			return nil, none("export task")
		}),
	}
}

func view[I, O any](name string, honours []string, f func(*api.Call, store.View, *I) (*O, error)) api.Rower {
	return api.Op[I, O]{Name: name, Honours: honours, Questions: ask.Ask[I](sheet, name), View: f}
}

func act[I, O any](name string, honours []string, f func(*api.Call, store.View, *I) (*O, error)) api.Rower {
	return api.Op[I, O]{Name: name, Honours: honours, Questions: ask.Ask[I](sheet, name), Act: func(c *api.Call, tx store.Tx, in *I) (*O, error) { return f(c, tx, in) }}
}
