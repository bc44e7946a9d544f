package cloudformation

import (
	"testing"

	"cloister/test/question"
)

func TestSheet(t *testing.T) {
	for _, err := range sheet.Verify(nil) {
		t.Error(err)
	}
}

// Sources: Service Authorization Reference, list_cloudformation (resources, keys, iam:PassRole); API Reference, DescribeStacks
// (a Deny with NotResource stack/*/* refuses the call that names no stack); User Guide, "Control access based on resource-mutating
// API actions" (TagResource with CreateAction); refusals in public: aws/aws-sam-cli issue 5567 and
// lucpod/aws-lambda-workshop issue 2 (stack/NAME/*), mattclay/aws-terminator pull request 131 (a whole ARN).
func TestQuestions(t *testing.T) {
	const id = "arn:aws:cloudformation:us-west-2:111122223333:stack/s/7e1cbd30-63c2-11eb-996f-126643f85ad9"
	question.Check(t, "cloudformation", Rows(), []question.Case{
		{Name: "everything is set", Op: "CreateStack", In: `{"StackName":"s","TemplateURL":"https://b.s3.amazonaws.com/t","StackPolicyURL":"https://b.s3.amazonaws.com/p","ResourceTypes":["AWS::S3::Bucket","AWS::EC2::*"],"RoleARN":"arn:aws:iam::111122223333:role/R","Tags":[{"Key":"team","Value":"blue"}]}`,
			Want: `cloudformation:CreateStack arn:aws:cloudformation:us-west-2:111122223333:stack/s/* aws:RequestTag/team=blue aws:TagKeys=team cloudformation:ResourceTypes=AWS::S3::Bucket,AWS::EC2::* cloudformation:RoleArn=arn:aws:iam::111122223333:role/R cloudformation:StackPolicyUrl=https://b.s3.amazonaws.com/p cloudformation:TemplateUrl=https://b.s3.amazonaws.com/t
				cloudformation:TagResource arn:aws:cloudformation:us-west-2:111122223333:stack/s/* aws:RequestTag/team=blue aws:TagKeys=team cloudformation:CreateAction=CreateStack
				iam:PassRole arn:aws:iam::111122223333:role/R iam:PassedToService=cloudformation.amazonaws.com`},
		{Name: "a template in the request has no URL", Op: "CreateStack", In: `{"StackName":"s","TemplateBody":"{}"}`, Want: `cloudformation:CreateStack arn:aws:cloudformation:us-west-2:111122223333:stack/s/*`},
		{Name: "nothing is set", Op: "CreateStack", Want: `cloudformation:CreateStack arn:aws:cloudformation:us-west-2:111122223333:stack/*/*`},
		{Name: "a stack's id", Op: "UpdateStack", In: `{"StackName":"` + id + `","UsePreviousTemplate":true}`, Tagged: map[string]map[string]string{id: {"team": "blue"}},
			Want: `cloudformation:UpdateStack ` + id + ` aws:ResourceTag/team=blue`},
		{Name: "a change set", Op: "CreateChangeSet", In: `{"StackName":"s","ChangeSetName":"c","ChangeSetType":"IMPORT","ResourcesToImport":[{"ResourceType":"AWS::S3::Bucket"},{"ResourceType":"AWS::EC2::VPC"}],"RoleARN":"arn:aws:iam::111122223333:role/R"}`,
			Want: `cloudformation:CreateChangeSet arn:aws:cloudformation:us-west-2:111122223333:stack/s/* cloudformation:ChangeSetName=c cloudformation:ImportResourceTypes=AWS::S3::Bucket,AWS::EC2::VPC cloudformation:RoleArn=arn:aws:iam::111122223333:role/R
				iam:PassRole arn:aws:iam::111122223333:role/R iam:PassedToService=cloudformation.amazonaws.com`},
		{Name: "a change set with tags", Op: "CreateChangeSet", In: `{"StackName":"s","ChangeSetName":"c","Tags":[{"Key":"team","Value":"blue"}]}`,
			Want: `cloudformation:CreateChangeSet arn:aws:cloudformation:us-west-2:111122223333:stack/s/* aws:RequestTag/team=blue aws:TagKeys=team cloudformation:ChangeSetName=c
				cloudformation:TagResource arn:aws:cloudformation:us-west-2:111122223333:stack/s/* aws:RequestTag/team=blue aws:TagKeys=team cloudformation:CreateAction=CreateChangeSet`},
		{Name: "by name", Op: "ExecuteChangeSet", In: `{"StackName":"s","ChangeSetName":"c"}`, Want: `cloudformation:ExecuteChangeSet arn:aws:cloudformation:us-west-2:111122223333:stack/s/* cloudformation:ChangeSetName=c`},
		{Name: "by ARN, of an unknown stack", Op: "ExecuteChangeSet", In: `{"ChangeSetName":"arn:aws:cloudformation:us-west-2:111122223333:changeSet/c/1a2b"}`,
			Want: `cloudformation:ExecuteChangeSet arn:aws:cloudformation:us-west-2:111122223333:stack/*/* cloudformation:ChangeSetName=c`},
		{Name: "the role alone", Op: "DeleteStack", In: `{"StackName":"s","RoleARN":"arn:aws:iam::444455556666:role/R"}`,
			Want: `cloudformation:DeleteStack arn:aws:cloudformation:us-west-2:111122223333:stack/s/* cloudformation:RoleArn=arn:aws:iam::444455556666:role/R
				iam:PassRole arn:aws:iam::444455556666:role/R iam:PassedToService=cloudformation.amazonaws.com`},
		{Name: "one", Op: "DescribeStacks", In: `{"StackName":"s"}`, Want: `cloudformation:DescribeStacks arn:aws:cloudformation:us-west-2:111122223333:stack/s/*`},
		{Name: "all", Op: "DescribeStacks", Want: `cloudformation:DescribeStacks *`},
		{Name: "of a physical id", Op: "DescribeStackResources", In: `{"PhysicalResourceId":"vpc-1"}`, Want: `cloudformation:DescribeStackResources arn:aws:cloudformation:us-west-2:111122223333:stack/*/*`},
		{Name: "of a stack and a change set", Op: "DescribeEvents", In: `{"StackName":"s","ChangeSetName":"c"}`,
			Want: `cloudformation:DescribeEvents arn:aws:cloudformation:us-west-2:111122223333:stack/s/*
				cloudformation:DescribeEvents arn:aws:cloudformation:us-west-2:111122223333:changeSet/c/*`},
		{Name: "of an operation", Op: "DescribeEvents", In: `{"OperationId":"o"}`, Want: `cloudformation:DescribeEvents *`},
		{Name: "of a stack set", Op: "GetTemplateSummary", In: `{"StackSetName":"set"}`, Want: `cloudformation:GetTemplateSummary arn:aws:cloudformation:us-west-2:111122223333:stackset/set:*`},
		{Name: "of a template", Op: "GetTemplateSummary", In: `{"TemplateURL":"https://b.s3.amazonaws.com/t"}`, Want: `cloudformation:GetTemplateSummary * cloudformation:TemplateUrl=https://b.s3.amazonaws.com/t`},
		{Name: "a template", Op: "ValidateTemplate", In: `{"TemplateURL":"https://b.s3.amazonaws.com/t"}`, Want: `cloudformation:ValidateTemplate * cloudformation:TemplateUrl=https://b.s3.amazonaws.com/t`},
		{Name: "its policy", Op: "SetStackPolicy", In: `{"StackName":"s","StackPolicyURL":"https://b.s3.amazonaws.com/p"}`, Want: `cloudformation:SetStackPolicy arn:aws:cloudformation:us-west-2:111122223333:stack/s/* cloudformation:StackPolicyUrl=https://b.s3.amazonaws.com/p`},
		{Name: "a role is no key of it", Op: "RollbackStack", In: `{"StackName":"s"}`, Want: `cloudformation:RollbackStack arn:aws:cloudformation:us-west-2:111122223333:stack/s/*`},
		{Name: "all", Op: "ListStacks", Want: `cloudformation:ListStacks *`},
	})
}
