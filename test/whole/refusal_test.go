package whole_test

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// elsewhere are refusals of calls that need more than a call: the tests named see them.
var elsewhere = []failure{
	{"AccessDeniedException", "any operation", "policies do not allow it; the sentence names the statement", "User: ARN is not authorized to perform: comprehend:OPERATION on resource: ARN because WHY", "TestKindsGuarded"},
	{"ConcurrentModificationException", "TagResource", "tags change at the same time: here one change waits for the other", "", "never"},
	{"InternalServerException", "any operation", "the fault is Cloister's, or an image's that analyses; the log has it under the request's id", "An internal error has occurred.", "TestImage"},
	{"ResourceInUseException", "DeleteDocumentClassifier", "an endpoint serves the model", "The model ARN is in use by the endpoint ARN.", "TestCrowded"},
	{"ResourceInUseException", "DeleteDocumentClassifier", "a job uses the model", "The model ARN is in use by the job ARN.", "TestCrowded"},
	{"ResourceInUseException", "UpdateEndpoint", "the endpoint is being made or changed", "The endpoint ARN is in the UPDATING state: wait until it is IN_SERVICE.", "TestCrowded"},
	{"ResourceLimitExceededException", "CreateDocumentClassifier", "ten trainings of the kind are active", "The maximum number of resources per account has been exceeded. Review the resources, and then try your request again. The account has 10 active trainings of kind document-classifier, which is the limit.", "TestCrowded"},
	{"ResourceLimitExceededException", "CreateEndpoint", "there are ten endpoints", "The maximum number of resources per account has been exceeded. Review the resources, and then try your request again. The account has 10 endpoints in this region, which is the limit.", "TestCrowded"},
	{"ResourceUnavailableException", "DeleteDocumentClassifier", "the model is in training", "The specified resource is not available. Check the resource and try your request again. The model ARN is in the SUBMITTED state: only a model whose training has ended can be deleted.", "TestCrowded"},
	{"TooManyRequestsException", "StartDominantLanguageDetectionJob", "ten jobs of the kind are active", "The number of requests exceeds the limit. Resubmit your request later. The account has 10 active dominant-language-detection jobs, which is the limit.", "TestCrowded"},
	{"TooManyRequestsException", "ClassifyDocument", "the endpoint's inference units are used up", "The number of requests exceeds the limit. Resubmit your request later. The endpoint's inference units are used up: wait, or give it more of them.", "TestServed"},
}

// elsewhereJobs are failures of jobs that need a network, or a moment.
var elsewhereJobs = []failure{
	{"VPC_ACCESS_DENIED", "any kind with VpcConfig", "the role lacks one of the nine EC2 permissions", "VPC_ACCESS_DENIED: The provided data access role is not authorized to perform ec2:OPERATION.", "TestNineCalls"},
	{"INVALID_VPC_CONFIG", "any kind with VpcConfig", "a subnet or group is not there, of another VPC, or the VPC of dedicated tenancy", "INVALID_VPC_CONFIG: WHY", "TestBadNetwork"},
	{"INVALID_VPC_CONFIG", "any kind with VpcConfig", "the group keeps the job's instances apart", "INVALID_VPC_CONFIG: WHY", "TestInstances"},
	{"NO_READ_ACCESS_TO_INPUT", "any kind with VpcConfig", "no way leads from the job's interface to S3", "NO_READ_ACCESS_TO_INPUT: The provided data access role does not have proper access to the input data.", "TestNoRoute"},
	{"INSUFFICIENT_FREE_ADDRESSES", "any kind with VpcConfig", "the subnets lack two free addresses for each instance", "INSUFFICIENT_FREE_ADDRESSES: The subnets SUBNETS have fewer than 2 free private IP addresses each; a job needs that many for each instance.", "TestBadNetwork"},
	{"INSUFFICIENT_FREE_ADDRESSES", "any kind with VpcConfig", "they have them for the first instance alone", "INSUFFICIENT_FREE_ADDRESSES: The subnets SUBNETS do not have enough free private IP addresses for the NUMBER instances of the job; a job needs 2 in a subnet for each instance.", "TestInstancesWithoutRoom"},
	{"NO_INPUT_FOUND", "any kind", "an object was listed and is gone when it is read", "NO_INPUT_FOUND: The input object URI was listed, but was not there any more when it was read.", "TestInputGoes"},
	{"INPUT_CHANGED", "any kind with VpcConfig", "an object was replaced while several instances read it", "INPUT_CHANGED: The input object URI was replaced while the job read it.", "TestInputChanges"},
	{"KMS_KEY_ACCESS_DENIED", "any kind", "the role may not decrypt the input", "KMS_KEY_ACCESS_DENIED: The KMS key of the input cannot be used: WHY", "TestKeys"},
	{"KMS_KEY_DISABLED", "any kind", "the key of the volume or the model is disabled while the job runs", "KMS_KEY_DISABLED: WHY", "TestKeyPulledFromAJob"},
	{"MODEL_NOT_AVAILABLE", "DocumentClassificationJob", "the model was deleted before the job began: here DeleteDocumentClassifier is refused while a job waits", "", "never"},
	{"HOST_CANNOT_ENFORCE", "any kind", "the daemon was started with -require-limits on a host without cgroups", "HOST_CANNOT_ENFORCE: The host cannot limit the job's memory and processes by cgroup, and the daemon was started with -require-limits.", "TestLimitsRequired"},
	{"INTERNAL_ERROR", "any kind", "its analyser ends", "INTERNAL_ERROR: The documents could not be analyzed.", "TestKilled"},
	{"INTERNAL_ERROR", "any kind", "its agent ends", "INTERNAL_ERROR: The job could not be run.", "TestKilled"},
	{"INTERNAL_ERROR", "any kind", "daemons die with it", "INTERNAL_ERROR: The job was interrupted 3 times and is given up.", "TestKilled"},
}

// brokenEndpoints are endpoints that are FAILED, and copies of models that are IN_ERROR.
var brokenEndpoints = []failure{
	{"INSUFFICIENT_CAPACITY", "CreateEndpoint", "the host has no memory left for its analyser", "INSUFFICIENT_CAPACITY: This host has no memory left for the endpoint's analyzer. Delete an endpoint, or start the daemon with more -endpoint-memory; the endpoint is tried again.", "TestCrowded"},
	{"INTERNAL_ERROR", "any kind", "the host's disk is full", "INTERNAL_ERROR: The host has no space left for what the job makes.", "TestFullDiskInTraining"},
	{"INTERNAL_ERROR", "any kind", "an image in the engine's place breaks", "INTERNAL_ERROR: The documents could not be analyzed.", "TestImageBreaks"},
	{"INTERNAL_ERROR", "topics and trainings by several instances", "an instance ends", "INTERNAL_ERROR: An instance of the job was lost.", "TestLearningInstances"},
	{"INTERNAL_ERROR", "any kind", "it did not end within three days", "INTERNAL_ERROR: The job did not end within 72h0m0s.", "TestBounds"},
	{"KMS_KEY_DISABLED", "CreateEndpoint", "the model's key is disabled", "KMS_KEY_DISABLED: The KMS key ARN cannot be used: ARN is disabled.", "TestServed"},
	{"MODEL_NOT_USABLE", "CreateEndpoint", "the model was trained by another release", "MODEL_NOT_USABLE: The analyzer does not take the model ARN. A model is bound to the release that trained it: train it anew.", "TestAnotherRelease"},
	{"SOURCE_MODEL_UNAVAILABLE", "ImportModel", "the source is deleted before it is copied", "SOURCE_MODEL_UNAVAILABLE: The model ARN is not there any more.", "TestImportLeavesNothing"},
}

// elsewhereDocuments are documents that fail which need a model, or an image.
var elsewhereDocuments = []failure{
	{"UNSUPPORTED_DOC_TYPE", "DocumentClassificationJob", "an image, or a Word file other than .docx", "The document is of a type that is not read here: images need Amazon Textract, and Word files must be .docx without a password.", "TestPages"},
	{"UNSUPPORTED_DOC_TYPE", "DocumentClassificationJob", "a PDF or Word file that is damaged", "The document cannot be read: it is damaged.", "TestPages"},
	{"PAGE_LIMIT_EXCEEDED", "DocumentClassificationJob", "more than 100 pages", "The document has more pages than the 100 that are admitted.", "TestPages"},
	{"TEXTRACT_BAD_PAGE", "DocumentClassificationJob", "a page without text", "The page has no text, only pictures if anything: to read those needs Amazon Textract, which is not here.", "TestPages"},
	{"TEXTRACT_BAD_PAGE", "DocumentClassificationJob", "a page of a PDF file that is damaged", "The page cannot be read: it is damaged.", "TestPages"},
	{"PAGE_CHARACTERS_EXCEEDED", "ClassifyDocument", "a page of more than 10,000 characters", "The page has more than 10000 characters.", "TestPages"},
	{"INTERNAL_SERVER_ERROR", "DocumentClassificationJob", "a file takes too long to read", "The document cannot be read: reading it took more than TIME.", "TestPatience"},
	{"INTERNAL_ERROR", "EntitiesDetectionJob", "an image in the engine's place gives what is no result", "The document could not be analyzed.", "TestImage"},
}

// refusals are calls that Comprehend refuses.
func (s *site) refusals() []failure {
	const sentence = "Eggs and toast are on the table."
	s.put(s.bucket, "train.csv", []byte(meals()))
	s.put(s.bucket, "one.csv", []byte("ONE,only\n"))
	trained := s.create(s.classifier("meals", "train.csv", dict{"ClientRequestToken": "meals"}))
	broken := s.create(s.classifier("broken", "one.csv", dict{"VersionName": "one"}))
	if p := s.settled(trained); p["Status"] != "TRAINED" {
		s.Fatal(p)
	}
	s.settled(broken)
	out, err := s.call("CreateEndpoint", dict{"EndpointName": "meals", "ModelArn": trained, "DesiredInferenceUnits": 1, "ClientRequestToken": "meals"})
	if err != nil {
		s.Fatal(err)
	}
	end := out["EndpointArn"].(string)
	s.serves(end, "IN_SERVICE")
	if _, err = s.call("PutResourcePolicy", dict{"ResourceArn": trained, "ResourcePolicy": sharing("111122223333", "comprehend:ImportModel", trained)}); err != nil {
		s.Fatal(err)
	}

	start := func(more ...dict) dict {
		return merged(append([]dict{{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/one.csv"}, "OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out"}, "DataAccessRoleArn": s.role}}, more...)...)
	}
	english := func(more ...dict) dict { return merged(append([]dict{{"LanguageCode": "en"}}, more...)...) }
	if out, err = s.call("StartDominantLanguageDetectionJob", start(dict{"ClientRequestToken": "first", "JobName": "first"})); err != nil {
		s.Fatal(err)
	}
	job := out["JobId"].(string)
	s.ended("DominantLanguageDetectionJob", job)
	if _, err = s.call("StartDominantLanguageDetectionJob", start()); err != nil {
		s.Fatal(err)
	}
	if out, err = s.call("ListDominantLanguageDetectionJobs", dict{"MaxResults": 1}); err != nil {
		s.Fatal(err)
	}
	token := out["NextToken"]
	tags := func(n int) (list []dict, keys []string) {
		for i := range n {
			list, keys = append(list, dict{"Key": fmt.Sprint("k", i), "Value": "v"}), append(keys, fmt.Sprint("k", i))
		}
		return list, keys
	}
	many, keys := tags(51)
	vpc := func(subnets, groups []string) dict {
		return dict{"VpcConfig": dict{"Subnets": subnets, "SecurityGroupIds": groups}}
	}
	pii := func(mode string, redaction dict) dict {
		d := english(start(), dict{"Mode": mode})
		if redaction != nil {
			d["RedactionConfig"] = redaction
		}
		return d
	}
	classifier := func(over dict) dict { return s.classifier("new", "train.csv", over) }
	recogniser := func(input dict) dict {
		return english(dict{"RecognizerName": "new", "DataAccessRoleArn": s.role, "InputDataConfig": merged(dict{"EntityTypes": []dict{{"Type": "MEAL"}},
			"Documents": dict{"S3Uri": "s3://" + s.bucket + "/d"}, "Annotations": dict{"S3Uri": "s3://" + s.bucket + "/a"}}, input)})
	}
	input := func(more dict) dict {
		return dict{"InputDataConfig": merged(dict{"S3Uri": "s3://" + s.bucket + "/train.csv"}, more)}
	}
	none := "arn:aws:comprehend:us-east-1:" + s.account + ":document-classifier/none"
	flywheel := "arn:aws:comprehend:us-east-1:" + s.account + ":flywheel/f"
	abroad := "arn:aws:kms:eu-west-1:" + s.account + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	long := func(n int) dict { return english(dict{"Text": strings.Repeat("x", n)}) }
	two := dict{"Filter": dict{"JobName": "a", "JobStatus": "FAILED"}}
	const invalid, size, language, inUse = "InvalidRequestException", "TextSizeLimitExceededException", "UnsupportedLanguageException", "ResourceInUseException"
	const limit, notThere, unavailable, noJob = "ResourceLimitExceededException", "ResourceNotFoundException", "ResourceUnavailableException", "JobNotFoundException"
	const filter, badKey = "InvalidFilterException", "KmsKeyValidationException"
	return s.told(slices.Concat([]refusal{
		{invalid, "StartDominantLanguageDetectionJob", "the token was used with other input", start(dict{"ClientRequestToken": "first", "JobName": "second"})},
		{invalid, "StartDominantLanguageDetectionJob", "the token was used with other tags", start(dict{"ClientRequestToken": "first", "JobName": "first", "Tags": many[:1]})},
		{invalid, "StartDominantLanguageDetectionJob", "a subnet is given twice", start(vpc([]string{s.subnet, s.subnet}, []string{s.group}))},
		{invalid, "StartDominantLanguageDetectionJob", "a group is given twice", start(vpc([]string{s.subnet}, []string{s.group, s.group}))},
		{invalid, "StartDominantLanguageDetectionJob", "a tag's key is AWS's", start(dict{"Tags": []dict{{"Key": "aws:team", "Value": "red"}}})},
		{invalid, "StartDominantLanguageDetectionJob", "a tag's key is given twice", start(dict{"Tags": []dict{{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}}})},
		{invalid, "StartEntitiesDetectionJob", "a flywheel is named", english(start(), dict{"FlywheelArn": flywheel})},
		{invalid, "StartEntitiesDetectionJob", "DocumentReaderConfig without a custom model", english(start(), dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/in", "DocumentReaderConfig": dict{"DocumentReadAction": "TEXTRACT_DETECT_DOCUMENT_TEXT"}}})},
		{invalid, "StartDocumentClassificationJob", "no model is named", start()},
		{invalid, "StartEventsDetectionJob", "always", english(start(), dict{"TargetEventTypes": []string{"BANKRUPTCY"}})},
		{invalid, "StartPiiEntitiesDetectionJob", "RedactionConfig with ONLY_OFFSETS", pii("ONLY_OFFSETS", dict{"MaskMode": "MASK"})},
		{invalid, "StartPiiEntitiesDetectionJob", "no RedactionConfig with ONLY_REDACTION", pii("ONLY_REDACTION", nil)},
		{invalid, "StartPiiEntitiesDetectionJob", "MaskCharacter without a mask", pii("ONLY_REDACTION", dict{"MaskMode": "REPLACE_WITH_PII_ENTITY_TYPE", "MaskCharacter": "*"})},
		{invalid, "StopDominantLanguageDetectionJob", "the job has ended", dict{"JobId": job}},
		{invalid, "ListSentimentDetectionJobs", "the token is another list's", dict{"NextToken": token}},
		{invalid, "ListDominantLanguageDetectionJobs", "the token is of other conditions", dict{"NextToken": token, "Filter": dict{"JobName": "first"}}},
		{invalid, "DetectEntities", "neither LanguageCode nor EndpointArn", dict{"Text": sentence}},
		{invalid, "DetectEntities", "Bytes without EndpointArn", english(dict{"Bytes": "eA=="})},
		{invalid, "DetectEntities", "no Text", english()},
		{invalid, "ClassifyDocument", "Text and Bytes", dict{"EndpointArn": end, "Text": sentence, "Bytes": "eA=="}},
		{invalid, "ClassifyDocument", "neither Text nor Bytes", dict{"EndpointArn": end}},
		{invalid, "ClassifyDocument", "a PDF file that is damaged", dict{"EndpointArn": end, "Bytes": "JVBERi0xLjcK"}},
		{invalid, "ClassifyDocument", "Bytes that are not UTF-8", dict{"EndpointArn": end, "Bytes": "gIE="}},
		{invalid, "ClassifyDocument", "AWS's endpoint for the safety of prompts", dict{"EndpointArn": "arn:aws:comprehend:us-east-1:aws:document-classifier-endpoint/prompt-safety", "Text": sentence}},
		{invalid, "CreateEndpoint", "no ModelArn", dict{"EndpointName": "new", "DesiredInferenceUnits": 1}},
		{invalid, "CreateEndpoint", "a flywheel is named", dict{"EndpointName": "new", "DesiredInferenceUnits": 1, "FlywheelArn": flywheel}},
		{invalid, "CreateEndpoint", "the token was used with other input", dict{"EndpointName": "meals", "ModelArn": trained, "DesiredInferenceUnits": 2, "ClientRequestToken": "meals"}},
		{invalid, "UpdateEndpoint", "nothing is to be changed", dict{"EndpointArn": end}},
		{invalid, "PutResourcePolicy", "the text is no policy", dict{"ResourceArn": trained, "ResourcePolicy": `{"Version":`}},
		{invalid, "PutResourcePolicy", "an action other than ImportModel", dict{"ResourceArn": trained, "ResourcePolicy": sharing("111122223333", "comprehend:DeleteDocumentClassifier", trained)}},
		{invalid, "PutResourcePolicy", "another resource", dict{"ResourceArn": trained, "ResourcePolicy": sharing("111122223333", "comprehend:ImportModel", none)}},
		{invalid, "PutResourcePolicy", "another revision is there", dict{"ResourceArn": trained, "ResourcePolicy": sharing("111122223333", "comprehend:ImportModel", trained), "PolicyRevisionId": strings.Repeat("0", 32)}},
		{invalid, "DeleteResourcePolicy", "another revision is there", dict{"ResourceArn": trained, "PolicyRevisionId": strings.Repeat("0", 32)}},
		{invalid, "ImportModel", "a model of another region", dict{"SourceModelArn": strings.Replace(trained, "us-east-1", "eu-west-1", 1)}},
		{invalid, "ImportModel", "a key without a role", dict{"SourceModelArn": trained, "ModelName": "copy", "ModelKmsKeyId": strings.Replace(abroad, "eu-west-1", "us-east-1", 1)}},
		{invalid, "CreateDocumentClassifier", "the token was used with other input", s.classifier("meals", "one.csv", dict{"ClientRequestToken": "meals"})},
		{invalid, "CreateDocumentClassifier", "a key of the output without an output", classifier(dict{"OutputDataConfig": dict{"KmsKeyId": "alias/out"}})},
		{invalid, "CreateDocumentClassifier", "no S3Uri", classifier(dict{"InputDataConfig": dict{}})},
		{invalid, "CreateDocumentClassifier", "LabelDelimiter of one class a document", classifier(input(dict{"LabelDelimiter": ";"}))},
		{invalid, "CreateDocumentClassifier", "semi-structured documents", classifier(input(dict{"DocumentType": "SEMI_STRUCTURED_DOCUMENT"}))},
		{invalid, "CreateDocumentClassifier", "AUGMENTED_MANIFEST without manifests", classifier(dict{"InputDataConfig": dict{"DataFormat": "AUGMENTED_MANIFEST"}})},
		{invalid, "CreateDocumentClassifier", "S3Uri beside manifests", classifier(input(dict{"DataFormat": "AUGMENTED_MANIFEST"}))},
		{invalid, "CreateDocumentClassifier", "manifests with COMPREHEND_CSV", classifier(input(dict{"AugmentedManifests": []dict{{"S3Uri": "s3://" + s.bucket + "/m", "AttributeNames": []string{"a"}}}}))},
		{invalid, "CreateEntityRecognizer", "a type twice", recogniser(dict{"EntityTypes": []dict{{"Type": "MEAL"}, {"Type": "MEAL"}}})},
		{invalid, "CreateEntityRecognizer", "no types", recogniser(dict{"EntityTypes": []dict{}})},
		{invalid, "CreateEntityRecognizer", "annotations and an entity list", recogniser(dict{"EntityList": dict{"S3Uri": "s3://" + s.bucket + "/l"}})},
		{invalid, "CreateEntityRecognizer", "test documents without test annotations", recogniser(dict{"Documents": dict{"S3Uri": "s3://" + s.bucket + "/d", "TestS3Uri": "s3://" + s.bucket + "/t"}})},
		{invalid, "CreateFlywheel", "always", dict{"FlywheelName": "f", "DataAccessRoleArn": s.role, "DataLakeS3Uri": "s3://" + s.bucket + "/lake"}},
		{size, "DetectDominantLanguage", "more than 100,000 bytes", dict{"Text": strings.Repeat("x", 100_001)}},
		{size, "DetectEntities", "more than 100,000 bytes", long(100_001)},
		{size, "DetectKeyPhrases", "more than 100,000 bytes", long(100_001)},
		{size, "DetectPiiEntities", "more than 100,000 bytes", long(100_001)},
		{size, "ContainsPiiEntities", "more than 100,000 bytes", long(100_001)},
		{size, "DetectSentiment", "more than 5,000 bytes", long(5001)},
		{size, "DetectSyntax", "more than 5,000 bytes", long(5001)},
		{size, "DetectTargetedSentiment", "more than 5,000 bytes", long(5001)},
		{size, "ClassifyDocument", "more than 10,000 bytes", dict{"EndpointArn": end, "Text": strings.Repeat("x", 10_001)}},
		{"BatchSizeLimitExceededException", "BatchDetectSentiment", "more than 25 documents", english(dict{"TextList": slices.Repeat([]string{"x"}, 26)})},
		{language, "DetectSentiment", "a language that no engine serves", dict{"Text": "x", "LanguageCode": "ja"}},
		{language, "BatchDetectEntities", "a language that no engine serves", dict{"TextList": []string{"x"}, "LanguageCode": "ar"}},
		{language, "StartKeyPhrasesDetectionJob", "a language that no engine serves", start(dict{"LanguageCode": "fr"})},
		{language, "CreateDocumentClassifier", "a language of no custom models", classifier(dict{"LanguageCode": "ko"})},
		{inUse, "CreateDocumentClassifier", "the name is taken", s.classifier("meals", "train.csv", nil)},
		{inUse, "CreateDocumentClassifier", "the version is taken", s.classifier("broken", "one.csv", dict{"VersionName": "one"})},
		{inUse, "ImportModel", "the name is taken", dict{"SourceModelArn": trained, "ModelName": "meals"}},
		{inUse, "CreateEndpoint", "the name is taken", dict{"EndpointName": "meals", "ModelArn": trained, "DesiredInferenceUnits": 1}},
		{inUse, "DeleteDocumentClassifier", "an endpoint serves the model", dict{"DocumentClassifierArn": trained}},
		{limit, "CreateEndpoint", "more than ten units", dict{"EndpointName": "new", "ModelArn": trained, "DesiredInferenceUnits": 11}},
		{notThere, "DescribeDocumentClassifier", "there is no such model", dict{"DocumentClassifierArn": none}},
		{notThere, "StartDocumentClassificationJob", "there is no such model", start(dict{"DocumentClassifierArn": none})},
		{notThere, "DescribeEndpoint", "there is no such endpoint", dict{"EndpointArn": end + "x"}},
		{notThere, "ImportModel", "there is no such model", dict{"SourceModelArn": none}},
		{notThere, "ListTagsForResource", "there is no such resource", dict{"ResourceArn": none}},
		{notThere, "DescribeResourcePolicy", "the model has no policy", dict{"ResourceArn": broken}},
		{notThere, "DescribeFlywheel", "always", dict{"FlywheelArn": flywheel}},
		{unavailable, "CreateEndpoint", "the model is not trained", dict{"EndpointName": "new", "ModelArn": broken, "DesiredInferenceUnits": 1}},
		{unavailable, "ImportModel", "the model is not trained", dict{"SourceModelArn": broken, "ModelName": "copy"}},
		{unavailable, "StartDocumentClassificationJob", "the model is not trained", start(dict{"DocumentClassifierArn": broken})},
		{unavailable, "ClassifyDocument", "there is no such endpoint", dict{"EndpointArn": end + "x", "Text": sentence}},
		{noJob, "DescribeSentimentDetectionJob", "there is no such job", dict{"JobId": strings.Repeat("0", 32)}},
		{noJob, "StopSentimentDetectionJob", "the job is of another kind", dict{"JobId": job}},
		{filter, "ListSentimentDetectionJobs", "two conditions", two},
		{filter, "ListDocumentClassifiers", "two conditions", dict{"Filter": dict{"DocumentClassifierName": "a", "Status": "TRAINED"}}},
		{filter, "ListEndpoints", "two conditions", dict{"Filter": dict{"ModelArn": trained, "Status": "IN_SERVICE"}}},
		{badKey, "StartSentimentDetectionJob", "VolumeKmsKeyId is an alias", english(start(), dict{"VolumeKmsKeyId": "alias/jobs"})},
		{badKey, "StartSentimentDetectionJob", "the output's key is of another region", english(start(), dict{"OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out", "KmsKeyId": abroad}})},
		{badKey, "CreateDocumentClassifier", "ModelKmsKeyId is an alias", classifier(dict{"ModelKmsKeyId": "alias/models"})},
		{"TooManyTagsException", "StartSentimentDetectionJob", "more than 50 tags", english(start(), dict{"Tags": many})},
		{"TooManyTagsException", "TagResource", "more than 50 tags", dict{"ResourceArn": trained, "Tags": many}},
		{"TooManyTagKeysException", "UntagResource", "more than 50 keys", dict{"ResourceArn": trained, "TagKeys": keys}},
	}))
}

// sharing is a model's policy.
func sharing(account, action, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":%q,"Resource":%q}]}`, account, action, resource)
}

// brokenTrainings are trainings that fail by their data.
func (s *site) brokenTrainings() []failure {
	s.Helper()
	n := 0
	put := func(text string) string {
		n++
		key := fmt.Sprintf("broken/%02d.csv", n)
		s.put(s.bucket, key, []byte(text))
		return "s3://" + s.bucket + "/" + key
	}
	rows := func(n int, row string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, row+"\n", i)
		}
		return b.String()
	}
	csv := func(text string) dict { return dict{"S3Uri": put(text)} }
	manifest := func(text string) dict {
		return dict{"DataFormat": "AUGMENTED_MANIFEST", "AugmentedManifests": []dict{{"S3Uri": put(text), "AttributeNames": []string{"kind"}}}}
	}
	good := meals()
	dishes := put(rows(60, "Porridge number %d is on the table."))
	documents := func(labels dict) dict {
		return merged(dict{"EntityTypes": []dict{{"Type": "MEAL"}}, "Documents": dict{"S3Uri": dishes, "InputFormat": "ONE_DOC_PER_LINE"}}, labels)
	}
	annotated := func(header, row string, n int) dict {
		return documents(dict{"Annotations": dict{"S3Uri": put(header + rows(n, row))}})
	}
	const header = "File,Line,Begin Offset,End Offset,Type\n"
	good60 := rows(60, path.Base(dishes)+",%d,0,8,MEAL")
	texts := func(text string) dict { // of documents
		uri := put(text)
		return documents(dict{"Documents": dict{"S3Uri": uri, "InputFormat": "ONE_DOC_PER_LINE"}, "Annotations": dict{"S3Uri": put(header + rows(60, path.Base(uri)+",%d,0,8,MEAL"))}})
	}
	labelled := func(text string) dict {
		return dict{"EntityTypes": []dict{{"Type": "MEAL"}}, "DataFormat": "AUGMENTED_MANIFEST", "AugmentedManifests": []dict{{"S3Uri": put(text), "AttributeNames": []string{"kind"}}}}
	}
	list := func(text string) dict { return documents(dict{"EntityList": dict{"S3Uri": put(text)}}) }
	s.multipart(s.bucket, "broken/great", []byte(strings.Repeat("x", 25<<20)), 4) // one line
	great := "s3://" + s.bucket + "/broken/great"
	var columns strings.Builder
	for i := range 1500 {
		columns.WriteString(strings.Repeat(",", 2+i) + "\n")
	}
	apart := s.house.root(s.TB)
	apart.newBucket("apart-" + s.account)
	apart.put("apart-"+s.account, "train.csv", []byte(good))
	elsewhere := "s3://apart-" + s.account + "/train.csv"
	type training struct {
		code, op, when string
		input          dict
		mode           string
	}
	const invalid, classifier, recogniser = "INVALID_TRAINING_DATA", "CreateDocumentClassifier", "CreateEntityRecognizer"
	all := []training{
		{"NO_INPUT_FOUND", classifier, "no object begins with the URI", dict{"S3Uri": "s3://" + s.bucket + "/none"}, ""},
		{invalid, classifier, "the object is empty", csv(""), ""},
		{invalid, classifier, "one class alone", csv(rows(60, "ONE,text number %d")), ""},
		{invalid, classifier, "fewer than ten documents of a class", csv(good + "RARE,seldom\n"), ""},
		{invalid, classifier, "fewer than 50 documents with labels", csv(rows(15, "A|B,text number %d") + rows(15, "A,words number %d")), "MULTI_LABEL"},
		{invalid, classifier, "rows with one column or three", csv(good + "BREAKFAST\nWEATHER,a,b\n"), ""},
		{invalid, classifier, "rows without a label or text", csv(good + ",text\nWEATHER,\n"), ""},
		{invalid, classifier, "quotes that are not closed", csv(good + "WEATHER,\"rain"), ""},
		{invalid, classifier, "rows that are not UTF-8", csv(good + "WEATHER,\xff\xfe\n"), ""},
		{invalid, classifier, "UTF-16", csv("\xff\xfeA\x00,\x00b\x00"), ""},
		{invalid, classifier, "gzip", csv("\x1f\x8b\x08\x00\x00\x00\x00\x00"), ""},
		{invalid, classifier, "the test data has a label of its own", merged(csv(good), dict{"TestS3Uri": put(good + "NIGHT,stars\n")}), ""},
		{invalid, classifier, "the test data lacks a label", merged(csv(good), dict{"TestS3Uri": put(rows(20, "WEATHER,rain number %d"))}), ""},
		{invalid, classifier, "blank lines alone", csv("\n\n\n"), ""},
		{invalid, classifier, "text behind closing quotes", csv(good + "\"WEATHER\" x,rain\nWEATHER,\"rain\" and wind\n"), ""},
		{invalid, classifier, "rows of all numbers of columns", csv(columns.String()), ""},
		{invalid, classifier, "a label of 5,001 characters", csv(good + rows(12, strings.Repeat("Ü", 5001)+",fog number %d")), ""},
		{invalid, classifier, "more than 1,000 classes", csv(rows(1001, "C%d,text")), ""},
		{invalid, classifier, "more than 100 labels", csv(rows(101, "L%d|M,text")), "MULTI_LABEL"},
		{invalid, classifier, "a document of more than 10 MiB", dict{"S3Uri": great}, ""},
		{invalid, classifier, "NUL characters at the beginning", csv("\x00\x00" + good), ""},
		{invalid, classifier, "NUL characters in text and label", csv(good + "WEATHER,rain\x00\nWEA\x00THER,rain\n"), ""},
		{invalid, classifier, "the test data is empty", merged(csv(good), dict{"TestS3Uri": put("")}), ""},
		{"NO_READ_ACCESS_TO_INPUT", classifier, "the data is another account's", dict{"S3Uri": elsewhere}, ""},
		{"NO_READ_ACCESS_TO_INPUT", classifier, "the manifest is another account's", dict{"DataFormat": "AUGMENTED_MANIFEST", "AugmentedManifests": []dict{{"S3Uri": elsewhere, "AttributeNames": []string{"kind"}}}}, ""},
		{invalid, classifier, "lines of a manifest that point at itself", manifest(rows(60, `{"source-ref":"s3://`+s.bucket+`/broken/","kind":%d}`)), ""},
		{invalid, classifier, "lines of a manifest that point at another account's object", manifest(rows(60, `{"source-ref":"`+elsewhere+`","kind":%d}`)), ""},
		{invalid, classifier, "a line of a manifest of 100 MiB", dict{"DataFormat": "AUGMENTED_MANIFEST", "AugmentedManifests": []dict{{"S3Uri": great, "AttributeNames": []string{"kind"}}}}, ""},
		{invalid, classifier, "a manifest that is empty", manifest(""), ""},
		{invalid, classifier, "a manifest that is gzip", manifest("\x1f\x8b\x08\x00\x00\x00\x00\x00"), ""},
		{invalid, classifier, "a manifest of two classes a line", manifest(rows(60, `{"source":"text %d","kind":0,"kind-metadata":{"class-name":7}}`)), ""},
		{invalid, classifier, "lines of a manifest that are no JSON", manifest(rows(60, `{"source":"text %d"`)), ""},
		{invalid, classifier, "lines of a manifest without the attribute", manifest(rows(60, `{"source":"text %d"}`)), ""},
		{invalid, recogniser, "fewer than 25 annotations of a type", annotated(header, path.Base(dishes)+",%d,0,8,MEAL", 20), ""},
		{invalid, recogniser, "annotations of documents that are not there", annotated(header, "nowhere,%d,0,8,MEAL", 40), ""},
		{invalid, recogniser, "a header that is none", annotated("Name,Place\n", path.Base(dishes)+",%d,0,8,MEAL", 40), ""},
		{invalid, recogniser, "the annotations are empty", annotated("", "", 0), ""},
		{invalid, recogniser, "entries that the documents hold too seldom", documents(dict{"EntityList": dict{"S3Uri": put("Text,Type\nPorridge,MEAL\n")}}), ""},
		{invalid, recogniser, "offsets outside of the text", annotated(header, path.Base(dishes)+",%d,0,800,MEAL", 40), ""},
		{invalid, recogniser, "documents that are empty", texts(""), ""},
		{invalid, recogniser, "fewer than three documents", labelled(rows(2, `{"source":"Porridge %d","kind":{"annotations":{"entities":[{"startOffset":0,"endOffset":8,"label":"MEAL"}]}}}`)), ""},
		{invalid, recogniser, "documents in UTF-16", texts("\xff\xfea\x00"), ""},
		{invalid, recogniser, "documents in gzip", texts("\x1f\x8b\x08\x00"), ""},
		{invalid, recogniser, "documents that begin with NUL characters", texts("\x00a\x00b"), ""},
		{invalid, recogniser, "a document of more than 5,000 bytes", texts("Porridge\n" + strings.Repeat("x", 5001) + "\n"), ""},
		{"INPUT_LIMIT_EXCEEDED", recogniser, "more than 200,000 documents", texts(strings.Repeat("x\n", 200_001)), ""},
		{invalid, recogniser, "rows with too many columns and open quotes", annotated(header+good60+"\n"+path.Base(dishes)+",1,0,8,MEAL,more\n\"", "", 0), ""},
		{invalid, recogniser, "a header with a column too many", annotated("File,Line,Begin Offset,End Offset,Type,Score\n", path.Base(dishes)+",%d,0,8,MEAL,1", 40), ""},
		{invalid, recogniser, "a header in UTF-16", annotated("\xff\xfeF\x00", "", 0), ""},
		{invalid, recogniser, "annotations that overlap", annotated(header+good60, path.Base(dishes)+",%d,4,12,MEAL", 40), ""},
		{invalid, recogniser, "annotations of all kinds of types", annotated(header, path.Base(dishes)+",1,0,8,KIND%d", 400), ""},
		{invalid, recogniser, "an entity list that is empty", list(""), ""},
		{invalid, recogniser, "an entry without a type, and one without a text", list("Text,Type\nPorridge,\n,MEAL\n"), ""},
		{"INPUT_LIMIT_EXCEEDED", recogniser, "more than 1,000,000 entries", list("Text,Type\n" + rows(1_000_001, "%d,MEAL")), ""},
		{invalid, recogniser, "the test data has no annotation of a type", documents(dict{"Documents": dict{"S3Uri": dishes, "InputFormat": "ONE_DOC_PER_LINE", "TestS3Uri": put("Rain\n")},
			"Annotations": dict{"S3Uri": put(header + good60), "TestS3Uri": put(header)}}), ""},
		{invalid, recogniser, "lines of a manifest that point at another account's object", labelled(rows(60, `{"source-ref":"`+elsewhere+`","kind":%d}`)), ""},
		{invalid, recogniser, "a line of a manifest of 100 MiB", dict{"EntityTypes": []dict{{"Type": "MEAL"}}, "DataFormat": "AUGMENTED_MANIFEST", "AugmentedManifests": []dict{{"S3Uri": great, "AttributeNames": []string{"kind"}}}}, ""},
		{invalid, recogniser, "offsets of a manifest outside of the text", labelled(rows(60, `{"source":"Porridge","kind":{"annotations":{"entities":[{"startOffset":0,"endOffset":8%d,"label":"MEAL"}]}}}`)), ""},
		{"NO_READ_ACCESS_TO_INPUT", recogniser, "the annotations are another account's", documents(dict{"Annotations": dict{"S3Uri": elsewhere}}), ""},
		{"INPUT_LIMIT_EXCEEDED", recogniser, "more than 200 MiB", documents(dict{"Documents": dict{"S3Uri": "s3://" + s.bucket + "/great/", "InputFormat": "ONE_DOC_PER_LINE"}, "Annotations": dict{"S3Uri": put(header + good60)}}), ""},
		{invalid, recogniser, "a type that was not named", annotated(header, path.Base(dishes)+",%d,0,8,DISH", 40), ""},
	}
	return slices.DeleteFunc(each(all, func(x training) (f failure) {
		in := dict{"DataAccessRoleArn": s.role, "LanguageCode": "en", "InputDataConfig": x.input}
		describe, member, name := "DescribeDocumentClassifier", "DocumentClassifierArn", "DocumentClassifierName"
		if x.op == recogniser {
			describe, member, name = "DescribeEntityRecognizer", "EntityRecognizerArn", "RecognizerName"
		}
		in[name] = "broken-" + regexp.MustCompile(`\W+`).ReplaceAllString(x.when[:min(len(x.when), 40)], "-") + "-x"
		if x.mode != "" {
			in["Mode"] = x.mode
		}
		out, err := s.call(x.op, in)
		if err != nil {
			s.Errorf("%s: %v", x.when, err)
			return f
		}
		p := s.trained(describe, member, out[member].(string))
		m := fmt.Sprint(p["Message"])
		if p["Status"] != "IN_ERROR" || !strings.HasPrefix(m, x.code+": ") {
			s.Errorf("%s: %v %s, want %s", x.when, p["Status"], m, x.code)
		}
		return failure{x.code, x.op, x.when, s.spell(m), "TestEveryFailure"}
	}), func(f failure) bool { return f.code == "" })
}

// brokenCopies are copies of a model of the account's that fail.
func (s *site) brokenCopies() []failure {
	s.Helper()
	const invalid, denied = "INVALID_DATA_ACCESS_ROLE", "KMS_KEY_ACCESS_DENIED"
	stranger := s.newRole("Outsider", strings.Replace(trust, "comprehend.", "sagemaker.", 1), dataAccess())
	var out []failure
	for _, x := range []struct{ code, when, role string }{{invalid, "the role does not trust Comprehend", stranger}, {denied, "the role may not make a grant on the copy's key", s.role}} {
		made, err := s.call("ImportModel", dict{"SourceModelArn": "arn:aws:comprehend:us-east-1:" + s.account + ":document-classifier/meals", "ModelName": "copy-" + x.code[:3], "DataAccessRoleArn": x.role, "ModelKmsKeyId": s.newKey()})
		if err != nil {
			s.Errorf("%s: %v", x.when, err)
			continue
		}
		p := s.settled(made["ModelArn"].(string))
		m := fmt.Sprint(p["Message"])
		if p["Status"] != "IN_ERROR" || !strings.HasPrefix(m, x.code+": ") {
			s.Errorf("%s: %v %s, want %s", x.when, p["Status"], m, x.code)
		}
		out = append(out, failure{x.code, "ImportModel", x.when, s.spell(m), "TestEveryFailure"})
	}
	return out
}

// trained waits for the end of a training of either kind.
func (a *actor) trained(describe, member, arn string) dict {
	a.Helper()
	var p dict
	until(a, 2*time.Minute, arn+" to end", func() bool {
		out, err := a.call(describe, dict{member: arn})
		if err != nil {
			a.Fatal(err)
		}
		p = out[strings.TrimPrefix(describe, "Describe")+"Properties"].(dict)
		return p["Status"] != "SUBMITTED" && p["Status"] != "TRAINING"
	})
	return p
}
