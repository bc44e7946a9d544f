package comprehend

import (
	"testing"

	"cloister/test/question"
)

func TestSheet(t *testing.T) {
	for _, err := range sheet.Verify(nil) {
		t.Error(err)
	}
}

// Sources: Service Authorization Reference, list_comprehend (which action has which key on which type; what each API operation
// asks for besides); Comprehend API Reference (forms of ids and ARNs); Developer Guide, "Copying custom models between AWS
// accounts" (ImportModel is allowed on the source model) and "Using real-time custom classification" (endpoints of AWS).
func TestQuestions(t *testing.T) {
	const net = `"VpcConfig":{"Subnets":["subnet-a","subnet-b"],"SecurityGroupIds":["sg-1"]}`
	const tags = `"Tags":[{"Key":"team","Value":"blue"},{"Key":"empty","Value":""}]`
	job := func(kind string) string { return "arn:aws:comprehend:us-west-2:111122223333:" + kind }
	question.Check(t, "comprehend", Rows(nil, nil), []question.Case{
		{Name: "everything is set", Op: "CreateDocumentClassifier", In: `{"DocumentClassifierName":"c","DataAccessRoleArn":"arn:aws:iam::111122223333:role/R","VolumeKmsKeyId":"1234abcd-12ab-34cd-56ef-1234567890ab",
			"ModelKmsKeyId":"alias/model","OutputDataConfig":{"KmsKeyId":"arn:aws:kms:us-west-2:444455556666:key/k"},` + net + `,` + tags + `}`,
			Want: `comprehend:CreateDocumentClassifier arn:aws:comprehend:us-west-2:111122223333:document-classifier/c aws:RequestTag/empty= aws:RequestTag/team=blue aws:TagKeys=empty,team comprehend:ModelKmsKey=arn:aws:kms:us-west-2:111122223333:alias/model comprehend:OutputKmsKey=arn:aws:kms:us-west-2:444455556666:key/k comprehend:VolumeKmsKey=arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab comprehend:VpcSecurityGroupIds=sg-1 comprehend:VpcSubnets=subnet-a,subnet-b
				comprehend:TagResource arn:aws:comprehend:us-west-2:111122223333:document-classifier/c aws:RequestTag/empty= aws:RequestTag/team=blue aws:TagKeys=empty,team
				iam:PassRole arn:aws:iam::111122223333:role/R iam:PassedToService=comprehend.amazonaws.com`},
		{Name: "nothing is set", Op: "CreateDocumentClassifier", Want: `comprehend:CreateDocumentClassifier arn:aws:comprehend:us-west-2:111122223333:document-classifier/*`},
		{Name: "a version", Op: "CreateDocumentClassifier", In: `{"DocumentClassifierName":"c","VersionName":"v2",` + net + `}`,
			Want: `comprehend:CreateDocumentClassifier arn:aws:comprehend:us-west-2:111122223333:document-classifier/c/version/v2 comprehend:VpcSecurityGroupIds=sg-1 comprehend:VpcSubnets=subnet-a,subnet-b`},
		{Name: "an empty VpcConfig", Op: "CreateDocumentClassifier", In: `{"DocumentClassifierName":"c","VpcConfig":{"Subnets":[]}}`,
			Want: `comprehend:CreateDocumentClassifier arn:aws:comprehend:us-west-2:111122223333:document-classifier/c`},
		{Name: "it has no key of output", Op: "CreateEntityRecognizer", In: `{"RecognizerName":"r","VersionName":"v1","ModelKmsKeyId":"k","VolumeKmsKeyId":"k2",` + tags + `}`,
			Want: `comprehend:CreateEntityRecognizer arn:aws:comprehend:us-west-2:111122223333:entity-recognizer/r/version/v1 aws:RequestTag/empty= aws:RequestTag/team=blue aws:TagKeys=empty,team comprehend:ModelKmsKey=arn:aws:kms:us-west-2:111122223333:key/k comprehend:VolumeKmsKey=arn:aws:kms:us-west-2:111122223333:key/k2
				comprehend:TagResource arn:aws:comprehend:us-west-2:111122223333:entity-recognizer/r/version/v1 aws:RequestTag/empty= aws:RequestTag/team=blue aws:TagKeys=empty,team`},
		{Name: "a job", Op: "StartDominantLanguageDetectionJob", In: `{"DataAccessRoleArn":"arn:aws:iam::444455556666:role/R","VolumeKmsKeyId":"k","OutputDataConfig":{"KmsKeyId":"k3"},` + net + `}`,
			Want: `comprehend:StartDominantLanguageDetectionJob arn:aws:comprehend:us-west-2:111122223333:dominant-language-detection-job/* comprehend:OutputKmsKey=arn:aws:kms:us-west-2:111122223333:key/k3 comprehend:VolumeKmsKey=arn:aws:kms:us-west-2:111122223333:key/k comprehend:VpcSecurityGroupIds=sg-1 comprehend:VpcSubnets=subnet-a,subnet-b
				iam:PassRole arn:aws:iam::444455556666:role/R iam:PassedToService=comprehend.amazonaws.com`},
		{Name: "a job without a network", Op: "StartDominantLanguageDetectionJob", In: `{` + tags + `}`,
			Want: `comprehend:StartDominantLanguageDetectionJob arn:aws:comprehend:us-west-2:111122223333:dominant-language-detection-job/* aws:RequestTag/empty= aws:RequestTag/team=blue aws:TagKeys=empty,team
				comprehend:TagResource arn:aws:comprehend:us-west-2:111122223333:dominant-language-detection-job/* aws:RequestTag/empty= aws:RequestTag/team=blue aws:TagKeys=empty,team`},
		{Name: "keys hold for each resource", Op: "StartEntitiesDetectionJob", In: `{"EntityRecognizerArn":"arn:aws:comprehend:us-west-2:444455556666:entity-recognizer/r","FlywheelArn":"` + job("flywheel/f") + `",` + net + `}`,
			Tagged: map[string]map[string]string{job("flywheel/f"): {"team": "red"}},
			Want: `comprehend:StartEntitiesDetectionJob arn:aws:comprehend:us-west-2:111122223333:entities-detection-job/* comprehend:VpcSecurityGroupIds=sg-1 comprehend:VpcSubnets=subnet-a,subnet-b
				comprehend:StartEntitiesDetectionJob arn:aws:comprehend:us-west-2:444455556666:entity-recognizer/r comprehend:VpcSecurityGroupIds=sg-1 comprehend:VpcSubnets=subnet-a,subnet-b
				comprehend:StartEntitiesDetectionJob arn:aws:comprehend:us-west-2:111122223333:flywheel/f aws:ResourceTag/team=red comprehend:VpcSecurityGroupIds=sg-1 comprehend:VpcSubnets=subnet-a,subnet-b`},
		{Name: "no recogniser", Op: "StartEntitiesDetectionJob", Want: `comprehend:StartEntitiesDetectionJob arn:aws:comprehend:us-west-2:111122223333:entities-detection-job/*`},
		{Name: "the key of output alone", Op: "StartPiiEntitiesDetectionJob", In: `{"OutputDataConfig":{"KmsKeyId":"k"}}`,
			Want: `comprehend:StartPiiEntitiesDetectionJob arn:aws:comprehend:us-west-2:111122223333:pii-entities-detection-job/* comprehend:OutputKmsKey=arn:aws:kms:us-west-2:111122223333:key/k`},
		{Name: "of a classifier", Op: "CreateEndpoint", In: `{"EndpointName":"e","ModelArn":"` + job("document-classifier/c/version/1") + `","DataAccessRoleArn":"arn:aws:iam::111122223333:role/R","Tags":[{"Key":"a","Value":"b"}]}`,
			Want: `comprehend:CreateEndpoint arn:aws:comprehend:us-west-2:111122223333:document-classifier-endpoint/e aws:RequestTag/a=b aws:TagKeys=a
				comprehend:CreateEndpoint arn:aws:comprehend:us-west-2:111122223333:document-classifier/c/version/1
				comprehend:TagResource arn:aws:comprehend:us-west-2:111122223333:document-classifier-endpoint/e aws:RequestTag/a=b aws:TagKeys=a
				iam:PassRole arn:aws:iam::111122223333:role/R iam:PassedToService=comprehend.amazonaws.com`},
		{Name: "of a recogniser", Op: "CreateEndpoint", In: `{"EndpointName":"e","ModelArn":"` + job("entity-recognizer/r") + `"}`,
			Want: `comprehend:CreateEndpoint arn:aws:comprehend:us-west-2:111122223333:entity-recognizer-endpoint/e
				comprehend:CreateEndpoint arn:aws:comprehend:us-west-2:111122223333:entity-recognizer/r`},
		{Name: "of a flywheel", Op: "CreateEndpoint", In: `{"EndpointName":"e","FlywheelArn":"` + job("flywheel/f") + `","Tags":[{"Key":"a","Value":"b"}]}`,
			Want: `comprehend:CreateEndpoint arn:aws:comprehend:us-west-2:111122223333:document-classifier-endpoint/e aws:RequestTag/a=b aws:TagKeys=a
				comprehend:CreateEndpoint arn:aws:comprehend:us-west-2:111122223333:entity-recognizer-endpoint/e aws:RequestTag/a=b aws:TagKeys=a
				comprehend:CreateEndpoint arn:aws:comprehend:us-west-2:111122223333:flywheel/f
				comprehend:TagResource arn:aws:comprehend:us-west-2:111122223333:document-classifier-endpoint/e aws:RequestTag/a=b aws:TagKeys=a
				comprehend:TagResource arn:aws:comprehend:us-west-2:111122223333:entity-recognizer-endpoint/e aws:RequestTag/a=b aws:TagKeys=a`},
		{Name: "keys hold for each resource, tags for the flywheel", Op: "CreateFlywheel", In: `{"FlywheelName":"f","ActiveModelArn":"` + job("document-classifier/c") + `","DataSecurityConfig":{"DataLakeKmsKeyId":"d","ModelKmsKeyId":"m","VolumeKmsKeyId":"v",` + net + `},` + tags + `}`,
			Want: `comprehend:CreateFlywheel arn:aws:comprehend:us-west-2:111122223333:flywheel/f aws:RequestTag/empty= aws:RequestTag/team=blue aws:TagKeys=empty,team comprehend:DataLakeKmsKey=arn:aws:kms:us-west-2:111122223333:key/d comprehend:ModelKmsKey=arn:aws:kms:us-west-2:111122223333:key/m comprehend:VolumeKmsKey=arn:aws:kms:us-west-2:111122223333:key/v comprehend:VpcSecurityGroupIds=sg-1 comprehend:VpcSubnets=subnet-a,subnet-b
				comprehend:CreateFlywheel arn:aws:comprehend:us-west-2:111122223333:document-classifier/c comprehend:DataLakeKmsKey=arn:aws:kms:us-west-2:111122223333:key/d comprehend:ModelKmsKey=arn:aws:kms:us-west-2:111122223333:key/m comprehend:VolumeKmsKey=arn:aws:kms:us-west-2:111122223333:key/v comprehend:VpcSecurityGroupIds=sg-1 comprehend:VpcSubnets=subnet-a,subnet-b
				comprehend:TagResource arn:aws:comprehend:us-west-2:111122223333:flywheel/f aws:RequestTag/empty= aws:RequestTag/team=blue aws:TagKeys=empty,team`},
		{Name: "a changed flywheel", Op: "UpdateFlywheel", In: `{"FlywheelArn":"` + job("flywheel/f") + `","ActiveModelArn":"` + job("entity-recognizer/r") + `","DataSecurityConfig":{"ModelKmsKeyId":"m"},"DataAccessRoleArn":"arn:aws:iam::111122223333:role/R"}`,
			Want: `comprehend:UpdateFlywheel arn:aws:comprehend:us-west-2:111122223333:flywheel/f comprehend:ModelKmsKey=arn:aws:kms:us-west-2:111122223333:key/m
				comprehend:UpdateFlywheel arn:aws:comprehend:us-west-2:111122223333:entity-recognizer/r comprehend:ModelKmsKey=arn:aws:kms:us-west-2:111122223333:key/m
				iam:PassRole arn:aws:iam::111122223333:role/R iam:PassedToService=comprehend.amazonaws.com`},
		{Name: "the tags are the dataset's", Op: "CreateDataset", In: `{"FlywheelArn":"` + job("flywheel/f") + `","DatasetName":"d","Tags":[{"Key":"a","Value":"b"}]}`,
			Want: `comprehend:CreateDataset arn:aws:comprehend:us-west-2:111122223333:flywheel/f aws:RequestTag/a=b aws:TagKeys=a
				comprehend:TagResource arn:aws:comprehend:us-west-2:111122223333:flywheel/f/dataset/d aws:RequestTag/a=b aws:TagKeys=a`},
		{Name: "an iteration", Op: "DescribeFlywheelIteration", In: `{"FlywheelArn":"` + job("flywheel/f") + `","FlywheelIterationId":"20260102T030405Z"}`,
			Want: `comprehend:DescribeFlywheelIteration arn:aws:comprehend:us-west-2:111122223333:flywheel/f comprehend:FlywheelIterationId=20260102T030405Z`},
		{Name: "another account's model", Op: "ImportModel", In: `{"SourceModelArn":"arn:aws:comprehend:us-west-2:444455556666:document-classifier/c/version/1","ModelKmsKeyId":"k","DataAccessRoleArn":"arn:aws:iam::111122223333:role/R","Tags":[{"Key":"a","Value":"b"}]}`,
			Want: `comprehend:ImportModel arn:aws:comprehend:us-west-2:444455556666:document-classifier/c/version/1 aws:RequestTag/a=b aws:TagKeys=a comprehend:ModelKmsKey=arn:aws:kms:us-west-2:111122223333:key/k
				iam:PassRole arn:aws:iam::111122223333:role/R iam:PassedToService=comprehend.amazonaws.com`},
		{Name: "a role is passed", Op: "UpdateEndpoint", In: `{"EndpointArn":"` + job("entity-recognizer-endpoint/e") + `","DesiredDataAccessRoleArn":"arn:aws:iam::111122223333:role/R"}`,
			Want: `comprehend:UpdateEndpoint arn:aws:comprehend:us-west-2:111122223333:entity-recognizer-endpoint/e
				iam:PassRole arn:aws:iam::111122223333:role/R iam:PassedToService=comprehend.amazonaws.com`},
		{Name: "an endpoint of AWS", Op: "ClassifyDocument", In: `{"EndpointArn":"arn:aws:comprehend:us-west-2:aws:document-classifier-endpoint/prompt-safety"}`,
			Want: `comprehend:ClassifyDocument arn:aws:comprehend:us-west-2:aws:document-classifier-endpoint/prompt-safety`},
		{Name: "one's own model", Op: "DetectEntities", In: `{"EndpointArn":"` + job("entity-recognizer-endpoint/e") + `"}`, Want: `comprehend:DetectEntities arn:aws:comprehend:us-west-2:111122223333:entity-recognizer-endpoint/e`},
		{Name: "no model", Op: "DetectEntities", In: `{"Text":"x"}`, Want: `comprehend:DetectEntities *`},
		{Name: "a tagged job", Op: "DescribeDominantLanguageDetectionJob", In: `{"JobId":"1"}`, Tagged: map[string]map[string]string{job("dominant-language-detection-job/1"): {"team": "red"}},
			Want: `comprehend:DescribeDominantLanguageDetectionJob arn:aws:comprehend:us-west-2:111122223333:dominant-language-detection-job/1 aws:ResourceTag/team=red`},
		{Name: "all", Op: "ListDominantLanguageDetectionJobs", In: `{"Filter":{"JobName":"x"}}`, Want: `comprehend:ListDominantLanguageDetectionJobs *`},
		{Name: "tags of what is tagged", Op: "TagResource", In: `{"ResourceArn":"` + job("topics-detection-job/1") + `",` + tags + `}`, Tagged: map[string]map[string]string{job("topics-detection-job/1"): {"team": "red"}},
			Want: `comprehend:TagResource arn:aws:comprehend:us-west-2:111122223333:topics-detection-job/1 aws:RequestTag/empty= aws:RequestTag/team=blue aws:ResourceTag/team=red aws:TagKeys=empty,team`},
		{Name: "keys to take away", Op: "UntagResource", In: `{"ResourceArn":"` + job("topics-detection-job/1") + `","TagKeys":["team"]}`,
			Want: `comprehend:UntagResource arn:aws:comprehend:us-west-2:111122223333:topics-detection-job/1 aws:TagKeys=team`},
	})
}
