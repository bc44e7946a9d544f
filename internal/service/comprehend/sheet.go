package comprehend

import (
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
)

// sheet says what each operation acts on. Source: Service Authorization Reference, "Actions, resources, and condition keys for
// Amazon Comprehend". An absent VpcConfig leaves the keys of subnets and groups absent: Null conditions depend on it. Keys of
// encryption hold ARNs, whatever form of id the call gives. They hold for each resource of a call (a choice: the reference lists
// them on the job alone, and then a policy that pins the network of every Start call could never admit one with a classifier).
var sheet = &ask.Sheet{
	Service: "comprehend", Wide: true, Principal: Principal, Roles: "DataAccessRoleArn|DesiredDataAccessRoleArn", Tags: "Tags", TagKeys: "TagKeys",
	Keys: map[string]string{
		"comprehend:DataLakeKmsKey":      "DataSecurityConfig.DataLakeKmsKeyId#",
		"comprehend:FlywheelIterationId": "FlywheelIterationId",
		"comprehend:ModelKmsKey":         "ModelKmsKeyId|DataSecurityConfig.ModelKmsKeyId#",
		"comprehend:OutputKmsKey":        "OutputDataConfig.KmsKeyId#",
		"comprehend:VolumeKmsKey":        "VolumeKmsKeyId|DataSecurityConfig.VolumeKmsKeyId#",
		"comprehend:VpcSecurityGroupIds": "VpcConfig.SecurityGroupIds|DataSecurityConfig.VpcConfig.SecurityGroupIds",
		"comprehend:VpcSubnets":          "VpcConfig.Subnets|DataSecurityConfig.VpcConfig.Subnets",
	},
	Types: map[string]string{
		"document-classifier-version": "arn:${Partition}:comprehend:${Region}:${Account}:document-classifier/${Name}/version/${Version}",
		"entity-recognizer-version":   "arn:${Partition}:comprehend:${Region}:${Account}:entity-recognizer/${Name}/version/${Version}",
		"dataset-of-flywheel":         "${FlywheelArn}/dataset/${DatasetName}",
	},
	Operations: map[string]string{
		"BatchDetectDominantLanguage":           "",
		"BatchDetectEntities":                   "",
		"BatchDetectKeyPhrases":                 "",
		"BatchDetectSentiment":                  "",
		"BatchDetectSyntax":                     "",
		"BatchDetectTargetedSentiment":          "",
		"ClassifyDocument":                      "document-classifier-endpoint=EndpointArn",
		"ContainsPiiEntities":                   "",
		"CreateDataset":                         "CreateDataset@flywheel=FlywheelArn TagResource@dataset-of-flywheel=FlywheelArn+DatasetName",
		"CreateDocumentClassifier":              "document-classifier=DocumentClassifierName",
		"CreateEndpoint":                        endpointOfAny,
		"CreateEntityRecognizer":                "entity-recognizer=RecognizerName",
		"CreateFlywheel":                        "flywheel=FlywheelName =ActiveModelArn?",
		"DeleteDocumentClassifier":              "document-classifier=DocumentClassifierArn",
		"DeleteEndpoint":                        "=EndpointArn",
		"DeleteEntityRecognizer":                "entity-recognizer=EntityRecognizerArn",
		"DeleteFlywheel":                        "flywheel=FlywheelArn",
		"DeleteResourcePolicy":                  "=ResourceArn",
		"DescribeDataset":                       "flywheel-dataset=DatasetArn",
		"DescribeDocumentClassificationJob":     "document-classification-job=JobId",
		"DescribeDocumentClassifier":            "document-classifier=DocumentClassifierArn",
		"DescribeDominantLanguageDetectionJob":  "dominant-language-detection-job=JobId",
		"DescribeEndpoint":                      "=EndpointArn",
		"DescribeEntitiesDetectionJob":          "entities-detection-job=JobId",
		"DescribeEntityRecognizer":              "entity-recognizer=EntityRecognizerArn",
		"DescribeEventsDetectionJob":            "events-detection-job=JobId",
		"DescribeFlywheel":                      "flywheel=FlywheelArn",
		"DescribeFlywheelIteration":             "flywheel=FlywheelArn",
		"DescribeKeyPhrasesDetectionJob":        "key-phrases-detection-job=JobId",
		"DescribePiiEntitiesDetectionJob":       "pii-entities-detection-job=JobId",
		"DescribeResourcePolicy":                "=ResourceArn",
		"DescribeSentimentDetectionJob":         "sentiment-detection-job=JobId",
		"DescribeTargetedSentimentDetectionJob": "targeted-sentiment-detection-job=JobId",
		"DescribeTopicsDetectionJob":            "topics-detection-job=JobId",
		"DetectDominantLanguage":                "",
		"DetectEntities":                        "entity-recognizer-endpoint=EndpointArn?",
		"DetectKeyPhrases":                      "",
		"DetectPiiEntities":                     "",
		"DetectSentiment":                       "",
		"DetectSyntax":                          "",
		"DetectTargetedSentiment":               "",
		"DetectToxicContent":                    "",
		"ImportModel":                           "=SourceModelArn",
		"ListDatasets":                          "flywheel=FlywheelArn",
		"ListDocumentClassificationJobs":        "",
		"ListDocumentClassifierSummaries":       "",
		"ListDocumentClassifiers":               "",
		"ListDominantLanguageDetectionJobs":     "",
		"ListEndpoints":                         "",
		"ListEntitiesDetectionJobs":             "",
		"ListEntityRecognizerSummaries":         "",
		"ListEntityRecognizers":                 "",
		"ListEventsDetectionJobs":               "",
		"ListFlywheelIterationHistory":          "flywheel=FlywheelArn",
		"ListFlywheels":                         "",
		"ListKeyPhrasesDetectionJobs":           "",
		"ListPiiEntitiesDetectionJobs":          "",
		"ListSentimentDetectionJobs":            "",
		"ListTagsForResource":                   "=ResourceArn",
		"ListTargetedSentimentDetectionJobs":    "",
		"ListTopicsDetectionJobs":               "",
		"PutResourcePolicy":                     "=ResourceArn",
		"StartDocumentClassificationJob":        "document-classification-job document-classifier=DocumentClassifierArn? flywheel=FlywheelArn?",
		"StartDominantLanguageDetectionJob":     "dominant-language-detection-job",
		"StartEntitiesDetectionJob":             "entities-detection-job entity-recognizer=EntityRecognizerArn? flywheel=FlywheelArn?",
		"StartEventsDetectionJob":               "events-detection-job",
		"StartFlywheelIteration":                "flywheel=FlywheelArn",
		"StartKeyPhrasesDetectionJob":           "key-phrases-detection-job",
		"StartPiiEntitiesDetectionJob":          "pii-entities-detection-job",
		"StartSentimentDetectionJob":            "sentiment-detection-job",
		"StartTargetedSentimentDetectionJob":    "targeted-sentiment-detection-job",
		"StartTopicsDetectionJob":               "topics-detection-job",
		"StopDominantLanguageDetectionJob":      "dominant-language-detection-job=JobId",
		"StopEntitiesDetectionJob":              "entities-detection-job=JobId",
		"StopEventsDetectionJob":                "events-detection-job=JobId",
		"StopKeyPhrasesDetectionJob":            "key-phrases-detection-job=JobId",
		"StopPiiEntitiesDetectionJob":           "pii-entities-detection-job=JobId",
		"StopSentimentDetectionJob":             "sentiment-detection-job=JobId",
		"StopTargetedSentimentDetectionJob":     "targeted-sentiment-detection-job=JobId",
		"StopTrainingDocumentClassifier":        "document-classifier=DocumentClassifierArn",
		"StopTrainingEntityRecognizer":          "entity-recognizer=EntityRecognizerArn",
		"TagResource":                           "=ResourceArn",
		"UntagResource":                         "=ResourceArn",
		"UpdateEndpoint":                        "=EndpointArn flywheel=FlywheelArn?",
		"UpdateFlywheel":                        "flywheel=FlywheelArn =ActiveModelArn?",
	},
}

// An endpoint is of its model's kind. A flywheel may have models of either kind: then both must be allowed.
const (
	endpointOfClassifier = "document-classifier-endpoint=EndpointName document-classifier=ModelArn flywheel=FlywheelArn?"
	endpointOfRecognizer = "entity-recognizer-endpoint=EndpointName entity-recognizer=ModelArn flywheel=FlywheelArn?"
	endpointOfAny        = "document-classifier-endpoint=EndpointName entity-recognizer-endpoint=EndpointName " +
		"document-classifier=ModelArn? entity-recognizer=ModelArn? flywheel=FlywheelArn? " +
		"TagResource@document-classifier-endpoint=EndpointName TagResource@entity-recognizer-endpoint=EndpointName"
)

// variedRows are operations whose input decides of which kind the resource is.
func variedRows() []api.Rower {
	classifier, recognizer, either := sheet.As("CreateEndpoint", endpointOfClassifier), sheet.As("CreateEndpoint", endpointOfRecognizer), sheet.Questions("CreateEndpoint")
	trained, retrained := sheet.Questions("CreateDocumentClassifier"), sheet.As("CreateDocumentClassifier", "document-classifier-version=DocumentClassifierName+VersionName")
	taught, retaught := sheet.Questions("CreateEntityRecognizer"), sheet.As("CreateEntityRecognizer", "entity-recognizer-version=RecognizerName+VersionName")
	return []api.Rower{
		api.Op[shape.CreateEndpointRequest, shape.CreateEndpointResponse]{Name: "CreateEndpoint",
			Questions: func(c *api.Call, v store.View, in *shape.CreateEndpointRequest) ([]api.Question, error) {
				switch model := deref(in.ModelArn); {
				case strings.Contains(model, ":document-classifier/"):
					return classifier(c, v, in)
				case strings.Contains(model, ":entity-recognizer/"):
					return recognizer(c, v, in)
				}
				return either(c, v, in)
			}},
		api.Op[shape.CreateDocumentClassifierRequest, shape.CreateDocumentClassifierResponse]{Name: "CreateDocumentClassifier",
			Questions: func(c *api.Call, v store.View, in *shape.CreateDocumentClassifierRequest) ([]api.Question, error) {
				if deref(in.VersionName) != "" {
					return retrained(c, v, in)
				}
				return trained(c, v, in)
			}},
		api.Op[shape.CreateEntityRecognizerRequest, shape.CreateEntityRecognizerResponse]{Name: "CreateEntityRecognizer",
			Questions: func(c *api.Call, v store.View, in *shape.CreateEntityRecognizerRequest) ([]api.Question, error) {
				if deref(in.VersionName) != "" {
					return retaught(c, v, in)
				}
				return taught(c, v, in)
			}},
	}
}
