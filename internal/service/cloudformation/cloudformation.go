// Package cloudformation is AWS CloudFormation's table of operations. None is built yet; each is authorised.
package cloudformation

import (
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/store"
)

// Principal is the service principal that assumes a stack's role.
const Principal = "cloudformation.amazonaws.com"

// Rows is the service's table.
func Rows() []api.Operation { return sheet.Rest() }

// sheet: a stack that goes by its name is asked about as stack/NAME/*, as real refusals say it; its id makes an ARN whole.
// Sources: Service Authorization Reference, "Actions, resources, and condition keys for AWS CloudFormation"; CloudFormation User
// Guide, "Example IAM identity-based policies".
var sheet = &ask.Sheet{
	Service: "cloudformation", Principal: Principal, Roles: "RoleARN", Tags: "Tags",
	Keys: map[string]string{
		"cloudformation:ChangeSetName":       "ChangeSetName",
		"cloudformation:ImportResourceTypes": "ResourcesToImport.ResourceType",
		"cloudformation:ResourceTypes":       "ResourceTypes",
		"cloudformation:RoleArn":             "RoleARN",
		"cloudformation:StackPolicyUrl":      "StackPolicyURL",
		"cloudformation:TemplateUrl":         "TemplateURL",
	},
	Operations: map[string]string{
		"CancelUpdateStack":                 "stack=StackName",
		"ContinueUpdateRollback":            "stack=StackName",
		"CreateChangeSet":                   "stack=StackName",
		"CreateStack":                       "stack=StackName",
		"DeleteChangeSet":                   "stack=StackName",
		"DeleteStack":                       "stack=StackName",
		"DescribeAccountLimits":             "",
		"DescribeChangeSet":                 "stack=StackName",
		"DescribeChangeSetHooks":            "stack=StackName",
		"DescribeEvents":                    "stack=StackName? changeset=ChangeSetName?",
		"DescribeStackDriftDetectionStatus": "",
		"DescribeStackEvents":               "stack=StackName",
		"DescribeStackResource":             "stack=StackName",
		"DescribeStackResourceDrifts":       "stack=StackName",
		"DescribeStackResources":            "stack=StackName",
		"DescribeStacks":                    "stack=StackName?",
		"DescribeType":                      "",
		"DetectStackDrift":                  "stack=StackName",
		"DetectStackResourceDrift":          "stack=StackName",
		"EstimateTemplateCost":              "",
		"ExecuteChangeSet":                  "stack=StackName",
		"GetStackPolicy":                    "stack=StackName",
		"GetTemplate":                       "stack=StackName",
		"GetTemplateSummary":                "stack=StackName? stackset=StackSetName?",
		"ListChangeSets":                    "stack=StackName",
		"ListExports":                       "",
		"ListImports":                       "",
		"ListStackResources":                "stack=StackName",
		"ListStacks":                        "",
		"ListTypes":                         "",
		"RollbackStack":                     "stack=StackName",
		"SetStackPolicy":                    "stack=StackName",
		"SignalResource":                    "stack=StackName",
		"UpdateStack":                       "stack=StackName",
		"UpdateTerminationProtection":       "stack=StackName",
		"ValidateTemplate":                  "",
	},
	Find: name,
}

// name leaves a change set's name in its key, for policies know no more: a call may give the ARN, which ends in the name and an id.
func name(_ *api.Call, _ store.View, _ string, q *api.Question) error {
	const key = "cloudformation:ChangeSetName"
	for i, val := range q.Keys[key] {
		if _, set, ok := strings.Cut(val, ":changeSet/"); ok && strings.HasPrefix(val, "arn:") {
			q.Keys[key][i], _, _ = strings.Cut(set, "/")
		}
	}
	return nil
}
