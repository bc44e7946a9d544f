package bedrock

import (
	"testing"

	"cloister/test/question"
)

// Sources: Service Authorization Reference, list_bedrock (resources and keys of actions; TagResource beside operations that
// make things); Bedrock User Guide, "Required permissions for batch inference" (model and model-invocation-job/*); a refusal in
// public (aws-samples/amazon-bedrock-workshop, issue 233) for model-customization-job/*.
func TestQuestions(t *testing.T) {
	const role = `"roleArn":"arn:aws:iam::111122223333:role/R"`
	const mine = "arn:aws:bedrock:us-west-2:111122223333:"
	question.Check(t, "bedrock", Rows(), []question.Case{
		{Name: "a base model", Op: "CreateModelCustomizationJob", In: `{"jobName":"j","customModelName":"m","baseModelIdentifier":"amazon.titan-text-express-v1:0:8k",` + role + `,"vpcConfig":{"subnetIds":["subnet-a"],"securityGroupIds":["sg-1"]},"customModelKmsKeyId":"k"}`,
			Want: `bedrock:CreateModelCustomizationJob arn:aws:bedrock:us-west-2:111122223333:model-customization-job/*
				bedrock:CreateModelCustomizationJob arn:aws:bedrock:us-west-2:111122223333:custom-model/*
				bedrock:CreateModelCustomizationJob arn:aws:bedrock:us-west-2::foundation-model/amazon.titan-text-express-v1:0:8k
				iam:PassRole arn:aws:iam::111122223333:role/R iam:PassedToService=bedrock.amazonaws.com`},
		{Name: "nothing is set", Op: "CreateModelCustomizationJob",
			Want: `bedrock:CreateModelCustomizationJob arn:aws:bedrock:us-west-2:111122223333:model-customization-job/*
				bedrock:CreateModelCustomizationJob arn:aws:bedrock:us-west-2:111122223333:custom-model/*
				bedrock:CreateModelCustomizationJob arn:aws:bedrock:us-west-2::foundation-model/*`},
		{Name: "each has its own tags", Op: "CreateModelCustomizationJob", In: `{"baseModelIdentifier":"` + mine + `custom-model/amazon.titan-text-express-v1:0:8k/abcdefghijkl","jobTags":[{"key":"team","value":"blue"},{"key":"job","value":"1"}],"customModelTags":[{"key":"team","value":"red"}]}`,
			Tagged: map[string]map[string]string{mine + "custom-model/amazon.titan-text-express-v1:0:8k/abcdefghijkl": {"old": "yes"}},
			Want: `bedrock:CreateModelCustomizationJob arn:aws:bedrock:us-west-2:111122223333:model-customization-job/* aws:RequestTag/job=1 aws:RequestTag/team=blue aws:TagKeys=job,team
				bedrock:CreateModelCustomizationJob arn:aws:bedrock:us-west-2:111122223333:custom-model/* aws:RequestTag/job=1 aws:RequestTag/team=red aws:TagKeys=job,team
				bedrock:CreateModelCustomizationJob arn:aws:bedrock:us-west-2:111122223333:custom-model/amazon.titan-text-express-v1:0:8k/abcdefghijkl aws:RequestTag/job=1 aws:RequestTag/team=red aws:ResourceTag/old=yes aws:TagKeys=job,team
				bedrock:TagResource arn:aws:bedrock:us-west-2:111122223333:model-customization-job/* aws:RequestTag/job=1 aws:RequestTag/team=blue aws:TagKeys=job,team
				bedrock:TagResource arn:aws:bedrock:us-west-2:111122223333:custom-model/* aws:RequestTag/team=red aws:TagKeys=team`},
		{Name: "tags of the job alone", Op: "CreateModelCustomizationJob", In: `{"baseModelIdentifier":"my-model","jobTags":[{"key":"a","value":"b"}]}`,
			Want: `bedrock:CreateModelCustomizationJob arn:aws:bedrock:us-west-2:111122223333:model-customization-job/* aws:RequestTag/a=b aws:TagKeys=a
				bedrock:CreateModelCustomizationJob arn:aws:bedrock:us-west-2:111122223333:custom-model/* aws:RequestTag/a=b aws:TagKeys=a
				bedrock:TagResource arn:aws:bedrock:us-west-2:111122223333:model-customization-job/* aws:RequestTag/a=b aws:TagKeys=a`},
		{Name: "no resources, two things made", Op: "CreateModelImportJob", In: `{` + role + `,"jobTags":[{"key":"a","value":"1"}],"importedModelTags":[{"key":"b","value":"2"}]}`,
			Want: `bedrock:CreateModelImportJob * aws:RequestTag/a=1 aws:RequestTag/b=2 aws:TagKeys=a,b
				bedrock:TagResource arn:aws:bedrock:us-west-2:111122223333:model-import-job/* aws:RequestTag/a=1 aws:TagKeys=a
				bedrock:TagResource arn:aws:bedrock:us-west-2:111122223333:imported-model/* aws:RequestTag/b=2 aws:TagKeys=b
				iam:PassRole arn:aws:iam::111122223333:role/R iam:PassedToService=bedrock.amazonaws.com`},
		{Name: "a batch", Op: "CreateModelInvocationJob", In: `{"modelId":"anthropic.claude-3-haiku-20240307-v1:0",` + role + `,"tags":[{"key":"a","value":"b"}]}`,
			Want: `bedrock:CreateModelInvocationJob arn:aws:bedrock:us-west-2:111122223333:model-invocation-job/* aws:RequestTag/a=b aws:TagKeys=a
				bedrock:CreateModelInvocationJob arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-3-haiku-20240307-v1:0 aws:RequestTag/a=b aws:TagKeys=a
				bedrock:TagResource arn:aws:bedrock:us-west-2:111122223333:model-invocation-job/* aws:RequestTag/a=b aws:TagKeys=a
				iam:PassRole arn:aws:iam::111122223333:role/R iam:PassedToService=bedrock.amazonaws.com`},
		{Name: "a batch over regions", Op: "CreateModelInvocationJob", In: `{"modelId":"us.anthropic.claude-3-haiku-20240307-v1:0"}`,
			Want: `bedrock:CreateModelInvocationJob arn:aws:bedrock:us-west-2:111122223333:model-invocation-job/*
				bedrock:CreateModelInvocationJob arn:aws:bedrock:us-west-2:111122223333:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0
				bedrock:CreateModelInvocationJob arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-3-haiku-20240307-v1:0`},
		{Name: "the tags are the new model's", Op: "CreateModelCopyJob", In: `{"sourceModelArn":"arn:aws:bedrock:eu-west-1:444455556666:custom-model/m/abcdefghijkl","targetModelTags":[{"key":"a","value":"b"}]}`,
			Want: `bedrock:CreateModelCopyJob arn:aws:bedrock:eu-west-1:444455556666:custom-model/m/abcdefghijkl aws:RequestTag/a=b aws:TagKeys=a
				bedrock:TagResource arn:aws:bedrock:us-west-2:111122223333:custom-model/* aws:RequestTag/a=b aws:TagKeys=a`},
		{Name: "no resources", Op: "CreateCustomModel", In: `{` + role + `,"modelTags":[{"key":"a","value":"b"}]}`,
			Want: `bedrock:CreateCustomModel * aws:RequestTag/a=b aws:TagKeys=a
				bedrock:TagResource arn:aws:bedrock:us-west-2:111122223333:custom-model/* aws:RequestTag/a=b aws:TagKeys=a
				iam:PassRole arn:aws:iam::111122223333:role/R iam:PassedToService=bedrock.amazonaws.com`},
		{Name: "the tags are the deployment's", Op: "CreateCustomModelDeployment", In: `{"modelArn":"` + mine + `custom-model/m/abcdefghijkl","tags":[{"key":"a","value":"b"}]}`,
			Want: `bedrock:CreateCustomModelDeployment arn:aws:bedrock:us-west-2:111122223333:custom-model/m/abcdefghijkl aws:RequestTag/a=b aws:TagKeys=a
				bedrock:TagResource arn:aws:bedrock:us-west-2:111122223333:custom-model-deployment/* aws:RequestTag/a=b aws:TagKeys=a`},
		{Name: "a base model", Op: "CreateProvisionedModelThroughput", In: `{"modelId":"amazon.titan-text-express-v1","tags":[{"key":"a","value":"b"}]}`,
			Want: `bedrock:CreateProvisionedModelThroughput arn:aws:bedrock:us-west-2::foundation-model/amazon.titan-text-express-v1 aws:RequestTag/a=b aws:TagKeys=a
				bedrock:TagResource arn:aws:bedrock:us-west-2:111122223333:provisioned-model/* aws:RequestTag/a=b aws:TagKeys=a`},
		{Name: "a new name alone", Op: "UpdateProvisionedModelThroughput", In: `{"provisionedModelId":"p","desiredProvisionedModelName":"q"}`,
			Want: `bedrock:UpdateProvisionedModelThroughput arn:aws:bedrock:us-west-2:111122223333:provisioned-model/p`},
		{Name: "another model", Op: "UpdateProvisionedModelThroughput", In: `{"provisionedModelId":"p","desiredModelId":"` + mine + `custom-model/m/abcdefghijkl"}`,
			Want: `bedrock:UpdateProvisionedModelThroughput arn:aws:bedrock:us-west-2:111122223333:provisioned-model/p
				bedrock:UpdateProvisionedModelThroughput arn:aws:bedrock:us-west-2:111122223333:custom-model/m/abcdefghijkl`},
		{Name: "a base model has no account", Op: "GetFoundationModel", In: `{"modelIdentifier":"amazon.nova-pro-v1:0"}`, Want: `bedrock:GetFoundationModel arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-pro-v1:0`},
		{Name: "a tagged job", Op: "StopModelCustomizationJob", In: `{"jobIdentifier":"` + mine + `model-customization-job/m/j"}`, Tagged: map[string]map[string]string{mine + "model-customization-job/m/j": {"team": "blue"}},
			Want: `bedrock:StopModelCustomizationJob arn:aws:bedrock:us-west-2:111122223333:model-customization-job/m/j aws:ResourceTag/team=blue`},
		{Name: "the role that writes logs", Op: "PutModelInvocationLoggingConfiguration", In: `{"loggingConfig":{"cloudWatchConfig":{"roleArn":"arn:aws:iam::111122223333:role/L"}}}`,
			Want: `bedrock:PutModelInvocationLoggingConfiguration *
				iam:PassRole arn:aws:iam::111122223333:role/L iam:PassedToService=bedrock.amazonaws.com`},
		{Name: "keys to take away", Op: "UntagResource", In: `{"resourceARN":"` + mine + `provisioned-model/p","tagKeys":["a"]}`, Want: `bedrock:UntagResource arn:aws:bedrock:us-west-2:111122223333:provisioned-model/p aws:TagKeys=a`},
		{Name: "all", Op: "ListFoundationModels", Want: `bedrock:ListFoundationModels *`},
	})
}

// Sources: Bedrock API Reference (Converse is authorised as InvokeModel); User Guide, "Enforce the use of specific guardrails in
// model inference requests" (the key's value), "Set up permissions to use Amazon Bedrock Guardrails" (ApplyGuardrail),
// "Prerequisites for inference profiles" (profile and model, and the model's key).
func TestInvocations(t *testing.T) {
	question.Check(t, "bedrockruntime", Rows(), []question.Case{
		{Name: "a base model", Op: "InvokeModel", In: `{"modelId":"amazon.nova-pro-v1:0"}`, Want: `bedrock:InvokeModel arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-pro-v1:0`},
		{Name: "nothing is set", Op: "InvokeModel", Want: `bedrock:InvokeModel *`},
		{Name: "a guardrail's version", Op: "InvokeModel", In: `{"modelId":"amazon.nova-pro-v1:0","guardrailIdentifier":"abc","guardrailVersion":"1","serviceTier":"flex"}`, Tagged: map[string]map[string]string{"arn:aws:bedrock:us-west-2:111122223333:guardrail/abc": {"team": "blue"}},
			Want: `bedrock:InvokeModel arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-pro-v1:0 bedrock:GuardrailIdentifier=arn:aws:bedrock:us-west-2:111122223333:guardrail/abc:1 bedrock:ServiceTier=flex
				bedrock:ApplyGuardrail arn:aws:bedrock:us-west-2:111122223333:guardrail/abc aws:ResourceTag/team=blue`},
		{Name: "a guardrail's draft", Op: "Converse", In: `{"modelId":"arn:aws:bedrock:us-west-2:111122223333:provisioned-model/abcdefghijkl","guardrailConfig":{"guardrailIdentifier":"arn:aws:bedrock:us-west-2:444455556666:guardrail/abc","guardrailVersion":"DRAFT"},"serviceTier":{"type":"priority"}}`,
			Want: `bedrock:InvokeModel arn:aws:bedrock:us-west-2:111122223333:provisioned-model/abcdefghijkl bedrock:GuardrailIdentifier=arn:aws:bedrock:us-west-2:444455556666:guardrail/abc bedrock:ServiceTier=priority
				bedrock:ApplyGuardrail arn:aws:bedrock:us-west-2:444455556666:guardrail/abc`},
		{Name: "an inference profile", Op: "ConverseStream", In: `{"modelId":"us.anthropic.claude-3-haiku-20240307-v1:0","guardrailConfig":{"guardrailIdentifier":"abc","guardrailVersion":"2"}}`,
			Want: `bedrock:InvokeModelWithResponseStream arn:aws:bedrock:us-west-2:111122223333:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0 bedrock:GuardrailIdentifier=arn:aws:bedrock:us-west-2:111122223333:guardrail/abc:2
				bedrock:InvokeModelWithResponseStream arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-3-haiku-20240307-v1:0 bedrock:GuardrailIdentifier=arn:aws:bedrock:us-west-2:111122223333:guardrail/abc:2 bedrock:InferenceProfileArn=arn:aws:bedrock:us-west-2:111122223333:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0
				bedrock:ApplyGuardrail arn:aws:bedrock:us-west-2:111122223333:guardrail/abc`},
		{Name: "a model id with two dots", Op: "InvokeModel", In: `{"modelId":"minimax.minimax-m2.1"}`, Want: `bedrock:InvokeModel arn:aws:bedrock:us-west-2::foundation-model/minimax.minimax-m2.1`},
		{Name: "a custom model", Op: "InvokeModelWithResponseStream", In: `{"modelId":"arn:aws:bedrock:us-west-2:111122223333:imported-model/abcdefghijkl"}`, Want: `bedrock:InvokeModelWithResponseStream arn:aws:bedrock:us-west-2:111122223333:imported-model/abcdefghijkl`},
		{Name: "a bought model", Op: "InvokeModel", In: `{"modelId":"my-throughput"}`, Want: `bedrock:InvokeModel arn:aws:bedrock:us-west-2:111122223333:provisioned-model/my-throughput`},
		{Name: "an endpoint of SageMaker", Op: "InvokeModel", In: `{"modelId":"arn:aws:sagemaker:us-west-2:111122223333:endpoint/e"}`, Want: `bedrock:InvokeModel arn:aws:bedrock:us-west-2:111122223333:marketplace/model-endpoint/all-access`},
		{Name: "an empty guardrail", Op: "InvokeModel", In: `{"modelId":"amazon.nova-pro-v1:0","guardrailIdentifier":"","guardrailVersion":""}`, Want: `bedrock:InvokeModel arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-pro-v1:0`},
		{Name: "tokens", Op: "CountTokens", In: `{"modelId":"amazon.nova-pro-v1:0"}`, Want: `bedrock:CountTokens arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-pro-v1:0`},
	})
}
