// Package tagging is the Resource Groups Tagging API; its IAM prefix is tag. It reads the tags of the ledger, and changes none itself: each
// service is asked for its own resources as the caller, so that its permissions and limits hold.
package tagging

import (
	"cloister/internal/api"
	"cloister/internal/api/ask"
)

// Rows is the service's table.
func Rows() []api.Operation {
	built := api.Rows("tagging", getResources(), getTagKeys(), getTagValues(), tagResources(), untagResources())
	return append(built, sheet.Rest(built...)...)
}

// sheet: no action has resources or keys. The tagging of each resource is its own service's to allow, and is asked about when it
// happens. Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Resource Group Tagging
// API"; TagResources in its API Reference.
var sheet = &ask.Sheet{Service: "tagging", Operations: map[string]string{
	"GetResources":   "",
	"GetTagKeys":     "",
	"GetTagValues":   "",
	"TagResources":   "",
	"UntagResources": "",
}}
