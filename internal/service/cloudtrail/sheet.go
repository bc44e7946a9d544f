// Package cloudtrail is AWS CloudTrail's table of operations. None is built yet; each is authorised.
package cloudtrail

import (
	"cloister/internal/api"
	"cloister/internal/api/ask"
)

// Principal is the service principal that assumes a trail's role for CloudWatch Logs.
const Principal = "cloudtrail.amazonaws.com"

// Rows is the service's table.
func Rows() []api.Operation { return sheet.Rest() }

// sheet: trails and event data stores go by name or ARN. A query's store stands in its statement, where StartQuery does not look
// for it: it is asked about any store. So are the operations on a query that leave its store out, as they may.
var sheet = &ask.Sheet{
	Service: "cloudtrail", Principal: Principal, Roles: "CloudWatchLogsRoleArn", Tags: "TagsList",
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
