// Package bedrock is Amazon Bedrock's table of operations, the runtime's among them: both have the one IAM prefix. None is built
// yet; each is authorised.
package bedrock

import (
	"slices"

	"cloister/internal/api"
	"cloister/internal/api/ask"
)

// Principal is the service principal that assumes a job's role.
const Principal = "bedrock.amazonaws.com"

// Rows is the table of both services.
func Rows() []api.Operation {
	own := variedRows()
	calls := runtimeRows()
	return slices.Concat(own, sheet.Rest(own...), calls, runtime.Rest(calls...))
}

// sheet says what each operation acts on. Source: Service Authorization Reference, "Actions, resources, and condition keys for
// Amazon Bedrock". No action has keys of networks or of encryption.
var sheet = &ask.Sheet{
	Service: "bedrock", Principal: Principal, Roles: "roleArn|loggingConfig.cloudWatchConfig.roleArn",
	Tags: "jobTags|customModelTags|importedModelTags|targetModelTags|modelTags|tags", TagKeys: "tagKeys",
	Operations: map[string]string{
		"CreateCustomModel":                         "TagResource@custom-model",
		"CreateCustomModelDeployment":               "CreateCustomModelDeployment@custom-model=modelArn TagResource@custom-model-deployment",
		"CreateModelCopyJob":                        "CreateModelCopyJob@custom-model=sourceModelArn TagResource@custom-model",
		"CreateModelCustomizationJob":               customization + " foundation-model",
		"CreateModelImportJob":                      "TagResource@model-import-job TagResource@imported-model",
		"CreateModelInvocationJob":                  "model-invocation-job custom-model foundation-model",
		"CreateProvisionedModelThroughput":          "custom-model foundation-model TagResource@provisioned-model",
		"DeleteCustomModel":                         "custom-model=modelIdentifier",
		"DeleteCustomModelDeployment":               "custom-model-deployment=customModelDeploymentIdentifier",
		"DeleteImportedModel":                       "imported-model=modelIdentifier",
		"DeleteModelInvocationLoggingConfiguration": "",
		"DeleteProvisionedModelThroughput":          "provisioned-model=provisionedModelId",
		"GetCustomModel":                            "custom-model=modelIdentifier",
		"GetCustomModelDeployment":                  "custom-model-deployment=customModelDeploymentIdentifier",
		"GetFoundationModel":                        "foundation-model=modelIdentifier",
		"GetFoundationModelAvailability":            "",
		"GetImportedModel":                          "imported-model=modelIdentifier",
		"GetModelCopyJob":                           "model-copy-job=jobArn",
		"GetModelCustomizationJob":                  "model-customization-job=jobIdentifier",
		"GetModelImportJob":                         "model-import-job=jobIdentifier",
		"GetModelInvocationJob":                     "model-invocation-job=jobIdentifier",
		"GetModelInvocationLoggingConfiguration":    "",
		"GetProvisionedModelThroughput":             "provisioned-model=provisionedModelId",
		"ListCustomModelDeployments":                "",
		"ListCustomModels":                          "",
		"ListFoundationModels":                      "",
		"ListImportedModels":                        "",
		"ListModelCopyJobs":                         "",
		"ListModelCustomizationJobs":                "",
		"ListModelImportJobs":                       "",
		"ListModelInvocationJobs":                   "",
		"ListProvisionedModelThroughputs":           "",
		"ListTagsForResource":                       "=resourceARN",
		"PutModelInvocationLoggingConfiguration":    "",
		"StopModelCustomizationJob":                 "model-customization-job=jobIdentifier",
		"StopModelInvocationJob":                    "model-invocation-job=jobIdentifier",
		"TagResource":                               "=resourceARN",
		"UntagResource":                             "=resourceARN",
		"UpdateCustomModelDeployment":               "custom-model-deployment=customModelDeploymentIdentifier custom-model=modelArn",
		"UpdateProvisionedModelThroughput":          "provisioned-model=provisionedModelId custom-model=desiredModelId? foundation-model=desiredModelId?",
	},
}

// customization is what a customization job makes: real refusals name the job, though the reference does not list it. Each of
// the two has tags of its own.
const customization = "model-customization-job custom-model TagResource@model-customization-job TagResource@custom-model"
