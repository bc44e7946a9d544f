// Package tagging is the Resource Groups Tagging API's table of operations; its IAM prefix is tag. None is built yet; each is
// authorised.
package tagging

import (
	"cloister/internal/api"
	"cloister/internal/api/ask"
)

// Rows is the service's table.
func Rows() []api.Operation { return sheet.Rest() }

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
