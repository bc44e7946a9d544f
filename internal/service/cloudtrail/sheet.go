package cloudtrail

import (
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/trail"
	"cloister/internal/shape/cloudtrail"
	"cloister/internal/store"
)

// rest are the operations that are not built: event data stores and their queries, and policies of them.
func rest(built []api.Operation) []api.Operation {
	rows := sheet.Rest(built...)
	for i, r := range rows {
		switch r.Name {
		case "CancelQuery", "DescribeQuery", "GetQueryResults", "StartQuery":
			rows[i].Questions = lent(r.Questions)
		}
	}
	return rows
}

// lent asks about the store of the account that a call on a query says owns it. An ARN says so itself.
func lent(f func(*api.Call, store.View, any) ([]api.Question, error)) func(*api.Call, store.View, any) ([]api.Question, error) {
	return func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		qs, err := f(c, v, in)
		var owner, id *string
		switch in := in.(type) {
		case *cloudtrail.CancelQueryRequest:
			owner, id = in.EventDataStoreOwnerAccountId, in.EventDataStore
		case *cloudtrail.DescribeQueryRequest:
			owner, id = in.EventDataStoreOwnerAccountId, in.EventDataStore
		case *cloudtrail.GetQueryResultsRequest:
			owner, id = in.EventDataStoreOwnerAccountId, in.EventDataStore
		case *cloudtrail.StartQueryRequest:
			owner = in.EventDataStoreOwnerAccountId
		}
		if owner == nil || *owner == "" || id != nil && strings.HasPrefix(*id, "arn:") {
			return qs, err
		}
		for i := range qs {
			qs[i].Owner = *owner
			qs[i].Resource = strings.Replace(qs[i].Resource, ":"+c.Account+":", ":"+*owner+":", 1)
		}
		return qs, err
	}
}

// sheet: trails and event data stores go by name or ARN. A query's store stands in its statement, where StartQuery does not look
// for it: it is asked about any store. So are the operations on a query that leave its store out, as they may.
var sheet = &ask.Sheet{
	Service: "cloudtrail", Principal: trail.Principal, Roles: "CloudWatchLogsRoleArn", Tags: "TagsList",
	Operations: map[string]string{
		"AddTags":                      "=ResourceId",
		"CancelQuery":                  "eventdatastore=EventDataStore",
		"CreateEventDataStore":         "eventdatastore",
		"CreateTrail":                  "trail=Name",
		"DeleteEventDataStore":         "eventdatastore=EventDataStore",
		"DeleteResourcePolicy":         "=ResourceArn",
		"DeleteTrail":                  "trail=Name",
		"DescribeQuery":                "eventdatastore=EventDataStore",
		"DescribeTrails":               "",
		"GetEventDataStore":            "eventdatastore=EventDataStore",
		"GetEventSelectors":            "trail=TrailName",
		"GetInsightSelectors":          "trail=TrailName? eventdatastore=EventDataStore?",
		"GetQueryResults":              "eventdatastore=EventDataStore",
		"GetResourcePolicy":            "=ResourceArn",
		"GetTrail":                     "trail=Name",
		"GetTrailStatus":               "trail=Name",
		"ListEventDataStores":          "",
		"ListPublicKeys":               "",
		"ListQueries":                  "eventdatastore=EventDataStore",
		"ListTags":                     "=ResourceIdList",
		"ListTrails":                   "",
		"LookupEvents":                 "",
		"PutEventSelectors":            "trail=TrailName",
		"PutInsightSelectors":          "trail=TrailName? eventdatastore=EventDataStore? eventdatastore=InsightsDestination?",
		"PutResourcePolicy":            "=ResourceArn",
		"RemoveTags":                   "=ResourceId",
		"RestoreEventDataStore":        "eventdatastore=EventDataStore",
		"StartEventDataStoreIngestion": "eventdatastore=EventDataStore",
		"StartLogging":                 "trail=Name",
		"StartQuery":                   "eventdatastore",
		"StopEventDataStoreIngestion":  "eventdatastore=EventDataStore",
		"StopLogging":                  "trail=Name",
		"UpdateEventDataStore":         "eventdatastore=EventDataStore",
		"UpdateTrail":                  "trail=Name",
	},
}
