package conformance_test

import (
	"strings"
)

const (
	sentence = "Maria Lopez of Acme Corporation loved the new library in Lisbon. Write to maria@example.com."
	submit   = `"[0-9a-f]{32}"`
	nothing  = ``
	flywheel = "arn:aws:comprehend:us-east-1:123456789012:flywheel/f"
	absence  = "RESOURCE_NOT_FOUND: Could not find specified resource. There are no flywheels here, and no datasets of them: "
	none     = "There are no flywheels here, and no datasets of them: "
)

// stops are the kinds of jobs that AWS can stop.
var stops = []string{"DominantLanguageDetection", "EntitiesDetection", "KeyPhrasesDetection", "SentimentDetection", "TargetedSentimentDetection", "PiiEntitiesDetection"}

func (w *whole) walk() {
	english := []string{"--language-code", "en"}
	with := func(l []string, more ...string) []string { return append(append([]string{}, l...), more...) }
	in := func(object string) []string {
		return []string{"--data-access-role-arn", w.role, "--output-data-config", "S3Uri=s3://" + w.bucket + "/out",
			"--input-data-config", "S3Uri=s3://" + w.bucket + "/in/" + object + ",InputFormat=ONE_DOC_PER_LINE"}
	}
	// start is the call of a kind; one of words is told the language.
	start := func(kind, object string, more ...string) command {
		args := with(in(object), "--job-name", strings.TrimSuffix(object, ".txt"))
		switch kind {
		case "PiiEntitiesDetection":
			args = with(args, "--mode", "ONLY_OFFSETS", "--language-code", "en")
		case "EntitiesDetection", "KeyPhrasesDetection", "SentimentDetection", "TargetedSentimentDetection":
			args = with(args, english...)
		}
		return answers("Start"+kind+"Job", "JobId", submit, with(args, more...)...)
	}
	status := func(kind, id string) command {
		return answers("Describe"+kind+"Job", kind+"JobProperties.JobStatus", "", "--job-id", id)
	}
	train := func(name, version string) []command {
		base := with(english, "--data-access-role-arn", w.role, "--version-name", version)
		docs := "s3://" + w.bucket + "/in/"
		return []command{
			answers("CreateDocumentClassifier", "DocumentClassifierArn", `".*:document-classifier/`+name+`/version/`+version+`"`, with(base, "--document-classifier-name", name,
				"--input-data-config", "S3Uri="+docs+"labels.csv")...),
			answers("CreateEntityRecognizer", "EntityRecognizerArn", `".*:entity-recognizer/`+name+`/version/`+version+`"`, with(base, "--recognizer-name", name,
				"--input-data-config", "EntityTypes=[{Type=DEVICE}],Documents={S3Uri="+docs+"devices.txt},Annotations={S3Uri="+docs+"marks.csv}")...),
		}
	}
	trained := func(models []string) []command {
		return []command{answers("DescribeDocumentClassifier", "DocumentClassifierProperties.Status", "", "--document-classifier-arn", models[0]),
			answers("DescribeEntityRecognizer", "EntityRecognizerProperties.Status", "", "--entity-recognizer-arn", models[1])}
	}
	text := func(name string) []string { return []string{"--" + name, sentence} }

	kinds := with(stops, "TopicsDetection")
	var begin []command
	for _, k := range kinds {
		begin = append(begin, start(k, "few.txt"))
	}
	begun := w.all(append(begin, train("desk", "one")...)...)
	ids, models := begun[:len(kinds)], begun[len(kinds):]

	w.all(
		answers("DetectDominantLanguage", "Languages[0].LanguageCode", `"en"`, text("text")...),
		answers("DetectEntities", "Entities[?Type=='PERSON'].[Text,BeginOffset,EndOffset]", `\[\["Maria Lopez",0,11\]\]`, with(text("text"), english...)...),
		answers("DetectKeyPhrases", "KeyPhrases[].Text | contains(@, 'the new library')", "true", with(text("text"), english...)...),
		answers("DetectPiiEntities", "Entities[?Type=='EMAIL'].[BeginOffset,EndOffset]", `\[\[74,91\]\]`, with(text("text"), english...)...),
		answers("DetectSentiment", "Sentiment", `"POSITIVE"`, with(text("text"), english...)...),
		answers("DetectSyntax", "SyntaxTokens[0].[Text,PartOfSpeech.Tag]", `\["Maria","PROPN"\]`, with(text("text"), english...)...),
		answers("DetectTargetedSentiment", "Entities[].Mentions[].Text | contains(@, 'Maria Lopez')", "true", with(text("text"), english...)...),
		answers("ContainsPiiEntities", "Labels[?Name=='EMAIL'].Name", `\["EMAIL"\]`, with(text("text"), english...)...),
		refuses("DetectToxicContent", "NotImplementedException", "No engine judges toxicity here", with([]string{"--text-segments", "Text=well"}, english...)...),
		answers("BatchDetectDominantLanguage", "ResultList[].Languages[0].LanguageCode", `\["en"\]`, text("text-list")...),
		answers("BatchDetectEntities", "ResultList[0].Entities[?Type=='PERSON'].Text", `\["Maria Lopez"\]`, with(text("text-list"), english...)...),
		answers("BatchDetectKeyPhrases", "ResultList[0].KeyPhrases[].Text | contains(@, 'the new library')", "true", with(text("text-list"), english...)...),
		answers("BatchDetectSentiment", "ResultList[0].Sentiment", `"POSITIVE"`, with(text("text-list"), english...)...),
		answers("BatchDetectSyntax", "ResultList[0].SyntaxTokens[0].PartOfSpeech.Tag", `"PROPN"`, with(text("text-list"), english...)...),
		answers("BatchDetectTargetedSentiment", "ResultList[0].Entities[].Mentions[].Text | contains(@, 'Maria Lopez')", "true", with(text("text-list"), english...)...),
	)
	w.all( // there are no flywheels and no events
		refuses("CreateFlywheel", "InvalidRequestException", none, "--flywheel-name", "f", "--data-access-role-arn", w.role, "--data-lake-s3-uri", "s3://"+w.bucket+"/lake"),
		refuses("CreateDataset", "InvalidRequestException", none, "--flywheel-arn", flywheel, "--dataset-name", "d", "--input-data-config", "DataFormat=COMPREHEND_CSV,DocumentClassifierInputDataConfig={S3Uri=s3://"+w.bucket+"/in/}"),
		refuses("DescribeFlywheel", "ResourceNotFoundException", absence, "--flywheel-arn", flywheel),
		refuses("DescribeDataset", "ResourceNotFoundException", absence, "--dataset-arn", flywheel+"/dataset/d"),
		refuses("DescribeFlywheelIteration", "ResourceNotFoundException", absence, "--flywheel-arn", flywheel, "--flywheel-iteration-id", "20261101T000000Z"),
		refuses("ListFlywheelIterationHistory", "ResourceNotFoundException", absence, "--flywheel-arn", flywheel),
		refuses("DeleteFlywheel", "ResourceNotFoundException", absence, "--flywheel-arn", flywheel),
		refuses("UpdateFlywheel", "ResourceNotFoundException", absence, "--flywheel-arn", flywheel),
		refuses("StartFlywheelIteration", "ResourceNotFoundException", absence, "--flywheel-arn", flywheel),
		answers("ListFlywheels", "FlywheelSummaryList", `\[\]`),
		answers("ListDatasets", "DatasetPropertiesList", `\[\]`),
		refuses("StartEventsDetectionJob", "InvalidRequestException", "No engine detects events here.", with(in("few.txt"), "--language-code", "en", "--target-event-types", "BANKRUPTCY")...),
		refuses("DescribeEventsDetectionJob", "JobNotFoundException", "The specified job was not found. Check the job ID and try again.", "--job-id", "1234"),
		refuses("StopEventsDetectionJob", "JobNotFoundException", "The specified job was not found. Check the job ID and try again.", "--job-id", "1234"),
		answers("ListEventsDetectionJobs", "EventsDetectionJobPropertiesList", `\[\]`),
	)

	var done []command
	for i, k := range kinds {
		done = append(done, status(k, ids[i]))
	}
	w.becomes("COMPLETED", "SUBMITTED|IN_PROGRESS", done...)
	w.becomes("TRAINED", "SUBMITTED|TRAINING", trained(models)...)

	var lists []command
	for i, k := range kinds {
		lists = append(lists, answers("List"+k+"Jobs", k+"JobPropertiesList[].JobId", `\["`+ids[i]+`"\]`, "--filter", "JobName=few"))
	}
	w.all(append(lists,
		answers("ListDocumentClassifiers", "DocumentClassifierPropertiesList[].ClassifierMetadata.NumberOfLabels", `\[2\]`, "--filter", "Status=TRAINED"),
		answers("ListDocumentClassifierSummaries", "DocumentClassifierSummariesList[].[DocumentClassifierName,NumberOfVersions,LatestVersionStatus]", `\[\["desk",1,"TRAINED"\]\]`),
		answers("ListEntityRecognizers", "EntityRecognizerPropertiesList[].RecognizerMetadata.EntityTypes[].Type", `\["DEVICE"\]`, "--filter", "RecognizerName=desk"),
		answers("ListEntityRecognizerSummaries", "EntityRecognizerSummariesList[].[RecognizerName,NumberOfVersions,LatestVersionStatus]", `\[\["desk",1,"TRAINED"\]\]`),
	)...)

	pinned := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"comprehend:ImportModel","Resource":"` + models[0] + `"}]}`
	next := w.all(
		answers("CreateEndpoint", "EndpointArn", `".*:document-classifier-endpoint/desk"`, "--endpoint-name", "desk", "--model-arn", models[0], "--desired-inference-units", "1"),
		answers("CreateEndpoint", "EndpointArn", `".*:entity-recognizer-endpoint/desk"`, "--endpoint-name", "desk", "--model-arn", models[1], "--desired-inference-units", "1"),
		answers("StartDocumentClassificationJob", "JobId", submit, with(in("labels.csv"), "--job-name", "sorted", "--document-classifier-arn", models[0])...),
		answers("ImportModel", "ModelArn", `".*:document-classifier/copy"`, "--source-model-arn", models[0], "--model-name", "copy"),
		answers("PutResourcePolicy", "PolicyRevisionId", submit, "--resource-arn", models[0], "--resource-policy", pinned),
		answers("TagResource", "", nothing, "--resource-arn", models[1], "--tags", "Key=team,Value=red", "Key=stage,Value=test"),
	)
	ends, sorted, revision := next[:2], next[2], next[4]
	w.all(
		answers("DescribeResourcePolicy", "[PolicyRevisionId, contains(ResourcePolicy, 'comprehend:ImportModel')]", `\["`+revision+`",true\]`, "--resource-arn", models[0]),
		answers("UntagResource", "", nothing, "--resource-arn", models[1], "--tag-keys", "stage"),
		answers("ListDocumentClassificationJobs", "DocumentClassificationJobPropertiesList[].JobId", `\["`+sorted+`"\]`),
	)
	w.all(answers("ListTagsForResource", "Tags", `\[\{"Key":"team","Value":"red"\}\]`, "--resource-arn", models[1]),
		answers("DeleteResourcePolicy", "", nothing, "--resource-arn", models[0], "--policy-revision-id", revision))
	serving := func(end string) command {
		return answers("DescribeEndpoint", "EndpointProperties.Status", "", "--endpoint-arn", end)
	}
	w.becomes("IN_SERVICE", "CREATING", serving(ends[0]), serving(ends[1]))
	w.becomes("COMPLETED", "SUBMITTED|IN_PROGRESS", status("DocumentClassification", sorted))
	w.all(
		answers("ClassifyDocument", "Classes[0].Name", `"garden"`, "--endpoint-arn", ends[0], "--text", "Water the tulips before the sun is high."),
		answers("DetectEntities", "Entities[].[Type,Text]", `\[\["DEVICE","Cantor R512"\]\]`, "--endpoint-arn", ends[1], "--text", "On Monday the Cantor R512 stopped without a warning."),
		answers("ListEndpoints", "EndpointPropertiesList[].EndpointArn", `\["`+ends[1]+`"\]`, "--filter", "ModelArn="+models[1]),
		answers("UpdateEndpoint", "DesiredModelArn", `"`+models[0]+`"`, "--endpoint-arn", ends[0], "--desired-inference-units", "2"),
	)

	// Long jobs take all places; trainings wait behind them and are stopped.
	var long, stop, ended []command
	for _, k := range stops {
		long = append(long, start(k, "many.txt"))
	}
	ids = w.all(long...)
	second := w.all(train("desk", "two")...)
	w.all(answers("StopTrainingDocumentClassifier", "", nothing, "--document-classifier-arn", second[0]),
		answers("StopTrainingEntityRecognizer", "", nothing, "--entity-recognizer-arn", second[1]))
	for i, k := range stops {
		stop = append(stop, answers("Stop"+k+"Job", "[JobId,JobStatus]", `\["`+ids[i]+`","STOP(_REQUESTED|PED)"\]`, "--job-id", ids[i]))
		ended = append(ended, status(k, ids[i]))
	}
	w.all(stop...)
	w.becomes("STOPPED", "STOP_REQUESTED", append(ended, trained(second)...)...)

	w.becomes("IN_SERVICE", "UPDATING", serving(ends[0]))
	w.all(answers("DeleteEndpoint", "", nothing, "--endpoint-arn", ends[0]), answers("DeleteEndpoint", "", nothing, "--endpoint-arn", ends[1]),
		answers("DeleteDocumentClassifier", "", nothing, "--document-classifier-arn", second[0]),
		answers("DeleteEntityRecognizer", "", nothing, "--entity-recognizer-arn", second[1]))
}
