package comprehend

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/core/model"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// people know one user, by name and by id.
type people struct{}

const (
	friend   = "arn:aws:iam::444455556666:user/friend"
	friendID = "AIDAFRIENDFRIENDFRIE"
)

func (people) ResolvePrincipal(_ store.View, arn string) (string, bool) {
	return friendID, arn == friend
}
func (people) RenderPrincipal(_ store.View, id string) (string, bool) { return friend, id == friendID }

func custodian(t *testing.T) *house {
	h := open(t)
	h.rows = Rows(h.minds, people{})
	return h
}

// classifier and recognizer are inputs that are taken; more replaces or adds members, "" takes one away.
func classifier(more map[string]string) string {
	return merged(map[string]string{"DocumentClassifierName": `"c"`, "LanguageCode": `"en"`, "DataAccessRoleArn": `"` + role + `"`, "InputDataConfig": `{"S3Uri":"s3://bucket/train.csv"}`}, more)
}

func recognizer(more map[string]string) string {
	return merged(map[string]string{"RecognizerName": `"r"`, "LanguageCode": `"de"`, "DataAccessRoleArn": `"` + role + `"`,
		"InputDataConfig": `{"EntityTypes":[{"Type":"DRUG"}],"Documents":{"S3Uri":"s3://bucket/docs/"},"Annotations":{"S3Uri":"s3://bucket/a.csv"}}`}, more)
}

func merged(base, more map[string]string) string {
	var out []string
	for k, v := range base {
		if _, other := more[k]; !other {
			out = append(out, `"`+k+`":`+v)
		}
	}
	for k, v := range more {
		if v != "" {
			out = append(out, `"`+k+`":`+v)
		}
	}
	slices.Sort(out)
	return "{" + strings.Join(out, ",") + "}"
}

// TestTrainings: what a training is told, and its description. Source: Comprehend API Reference, CreateDocumentClassifier, CreateEntityRecognizer,
// DocumentClassifierProperties, EntityRecognizerProperties.
func TestTrainings(t *testing.T) {
	const manifests = `{"DataFormat":"AUGMENTED_MANIFEST","AugmentedManifests":[{"S3Uri":"s3://bucket/m1","AttributeNames":["a","b"]},{"S3Uri":"s3://bucket/m2","AttributeNames":["a"],"Split":"TEST","DocumentType":"PLAIN_TEXT_DOCUMENT"}]`
	for _, x := range []struct {
		name, op, in  string
		inputs, setup string
	}{
		{"a classifier", "CreateDocumentClassifier", classifier(nil), `[{"Role":"labels","URI":"s3://bucket/train.csv","Format":""}]`,
			`{"Mode":"MULTI_CLASS","Delimiter":"|","Types":null,"Format":"","Manifest":false,"Tested":false}`},
		{"labels and test data", "CreateDocumentClassifier", classifier(map[string]string{"Mode": `"MULTI_LABEL"`, "InputDataConfig": `{"DataFormat":"COMPREHEND_CSV","S3Uri":"s3://bucket/x","TestS3Uri":"s3://bucket/y","LabelDelimiter":";"}`}),
			`[{"Role":"labels","URI":"s3://bucket/x","Format":""},{"Role":"test-labels","URI":"s3://bucket/y","Format":""}]`, `{"Mode":"MULTI_LABEL","Delimiter":";","Types":null,"Format":"","Manifest":false,"Tested":true}`},
		{"a classifier's manifests", "CreateDocumentClassifier", classifier(map[string]string{"InputDataConfig": manifests + `}`}),
			`[{"Role":"manifest","URI":"s3://bucket/m1","Format":"","Attributes":["a","b"]},{"Role":"test-manifest","URI":"s3://bucket/m2","Format":"","Attributes":["a"]}]`,
			`{"Mode":"MULTI_CLASS","Delimiter":"|","Types":null,"Format":"","Manifest":true,"Tested":true}`},
		{"annotations", "CreateEntityRecognizer", recognizer(nil), `[{"Role":"annotations","URI":"s3://bucket/a.csv","Format":""},{"Role":"documents","URI":"s3://bucket/docs/","Format":"ONE_DOC_PER_LINE"}]`,
			`{"Mode":"","Delimiter":"","Types":["DRUG"],"Format":"ONE_DOC_PER_LINE","Manifest":false,"Tested":false}`},
		{"an entity list", "CreateEntityRecognizer", recognizer(map[string]string{"InputDataConfig": `{"EntityTypes":[{"Type":"DRUG"},{"Type":"side effect"}],"Documents":{"S3Uri":"s3://bucket/docs/","InputFormat":"ONE_DOC_PER_FILE"},"EntityList":{"S3Uri":"s3://bucket/l.csv"}}`}),
			`[{"Role":"entity-list","URI":"s3://bucket/l.csv","Format":""},{"Role":"documents","URI":"s3://bucket/docs/","Format":"ONE_DOC_PER_FILE"}]`,
			`{"Mode":"","Delimiter":"","Types":["DRUG","side effect"],"Format":"ONE_DOC_PER_FILE","Manifest":false,"Tested":false}`},
		{"annotated test data", "CreateEntityRecognizer", recognizer(map[string]string{"InputDataConfig": `{"EntityTypes":[{"Type":"DRUG"}],"Documents":{"S3Uri":"s3://bucket/d","TestS3Uri":"s3://bucket/td"},"Annotations":{"S3Uri":"s3://bucket/a","TestS3Uri":"s3://bucket/ta"}}`}),
			`[{"Role":"annotations","URI":"s3://bucket/a","Format":""},{"Role":"test-annotations","URI":"s3://bucket/ta","Format":""},{"Role":"documents","URI":"s3://bucket/d","Format":"ONE_DOC_PER_LINE"},{"Role":"test-documents","URI":"s3://bucket/td","Format":"ONE_DOC_PER_LINE"}]`,
			`{"Mode":"","Delimiter":"","Types":["DRUG"],"Format":"ONE_DOC_PER_LINE","Manifest":false,"Tested":true}`},
		{"a recogniser's manifests", "CreateEntityRecognizer", recognizer(map[string]string{"InputDataConfig": manifests + `,"EntityTypes":[{"Type":"DRUG"}]}`}),
			`[{"Role":"manifest","URI":"s3://bucket/m1","Format":"","Attributes":["a","b"]},{"Role":"test-manifest","URI":"s3://bucket/m2","Format":"","Attributes":["a"]}]`,
			`{"Mode":"","Delimiter":"","Types":["DRUG"],"Format":"ONE_DOC_PER_LINE","Manifest":true,"Tested":true}`},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := custodian(t)
			arn := first(h.must(x.op, x.in))
			m, j := h.model(arn)
			inputs, _ := json.Marshal(j.Inputs)
			setup, _ := json.Marshal(j.Setup.Training)
			if string(inputs) != x.inputs {
				t.Errorf("inputs %s, want %s", inputs, x.inputs)
			}
			if string(setup) != x.setup {
				t.Errorf("setup %s, want %s", setup, x.setup)
			}
			if j.Trains != arn || j.ARN != arn || j.Kind != m.Kind || j.Setup.Kind != m.Kind || j.Setup.Language != m.Language || j.RoleARN != role || j.OutputURI != "" || j.OutputObject != "" {
				t.Errorf("%+v", j)
			}
			kind := strings.TrimPrefix(x.op, "Create")
			var in, want map[string]any
			_ = json.Unmarshal([]byte(x.in), &in)
			told := in["InputDataConfig"].(map[string]any)
			if told["DataFormat"] == nil { // as aws-cli's examples of DescribeEntityRecognizer and DescribeDocumentClassifier have it
				told["DataFormat"] = "COMPREHEND_CSV"
			}
			if d, ok := told["Documents"].(map[string]any); ok && d["InputFormat"] == nil {
				d["InputFormat"] = "ONE_DOC_PER_LINE"
			}
			p := inside(h.must("Describe"+kind, `{"`+kind+`Arn":"`+arn+`"}`))
			want = map[string]any{kind + "Arn": arn, "Status": "SUBMITTED", "SubmitTime": p["SubmitTime"], "LanguageCode": in["LanguageCode"], "DataAccessRoleArn": role, "InputDataConfig": in["InputDataConfig"]}
			if kind == "DocumentClassifier" {
				want["Mode"] = m.Mode
			}
			a, _ := json.Marshal(p)
			b, _ := json.Marshal(want)
			if string(a) != string(b) {
				t.Errorf("described as\n%s, want\n%s", a, b)
			}
		})
	}
}

// TestTrainingMembers: keys, network, output and tags reach the job, and are described as they were given.
func TestTrainingMembers(t *testing.T) {
	h := custodian(t)
	const other = "arn:aws:kms:us-west-2:444455556666:key/" + keyName
	arn := first(h.must("CreateDocumentClassifier", classifier(map[string]string{"VersionName": `"v1"`, "VolumeKmsKeyId": `"` + keyName + `"`, "ModelKmsKeyId": `"` + other + `"`,
		"OutputDataConfig": `{"S3Uri":"s3://bucket/out/","KmsKeyId":"alias/out"}`, "VpcConfig": `{"Subnets":["subnet-0a"],"SecurityGroupIds":["sg-0a"]}`, "Tags": `[{"Key":"team","Value":"red"}]`,
		"ModelPolicy": `"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"` + friend + `\"},\"Action\":\"comprehend:ImportModel\",\"Resource\":\"*\"}]}"`})))
	if want := "arn:aws:comprehend:us-west-2:111122223333:document-classifier/c/version/v1"; arn != want {
		t.Errorf("%s", arn)
	}
	m, j := h.model(arn)
	out := "s3://bucket/out/111122223333-CLR-" + j.ID + "/output/output.tar.gz"
	if j.VolumeKey != "arn:aws:kms:us-west-2:111122223333:key/"+keyName || j.ModelKey != other || m.ModelKey != other || j.OutputKey != "arn:aws:kms:us-west-2:111122223333:alias/out" ||
		j.OutputObject != out || j.Network == nil || j.Network.Subnets[0] != "subnet-0a" {
		t.Errorf("%+v", j)
	}
	p := inside(h.must("DescribeDocumentClassifier", `{"DocumentClassifierArn":"`+arn+`"}`))
	for member, want := range map[string]string{"VersionName": `"v1"`, "VolumeKmsKeyId": `"` + keyName + `"`, "ModelKmsKeyId": `"` + other + `"`, "OutputDataConfig": `{"KmsKeyId":"alias/out","S3Uri":"` + out + `"}`,
		"VpcConfig": `{"SecurityGroupIds":["sg-0a"],"Subnets":["subnet-0a"]}`} {
		if got, _ := json.Marshal(p[member]); string(got) != want {
			t.Errorf("%s is %s, want %s", member, got, want)
		}
	}
	if got := fmt.Sprint(h.must("ListTagsForResource", `{"ResourceArn":"`+arn+`"}`)["Tags"]); got != "[map[Key:team Value:red]]" {
		t.Error(got)
	}
	if got := h.must("DescribeResourcePolicy", `{"ResourceArn":"`+arn+`"}`)["ResourcePolicy"].(string); !strings.Contains(got, friend) || strings.Contains(m.Policy, friend) || !strings.Contains(m.Policy, friendID) {
		t.Errorf("%s %s", got, m.Policy)
	}
}

func TestTrainingsRefused(t *testing.T) {
	types := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`{"Type":"T%d"}`, i))
		}
		return `{"EntityTypes":[` + strings.Join(all, ",") + `],"Documents":{"S3Uri":"s3://bucket/d"},"Annotations":{"S3Uri":"s3://bucket/a"}}`
	}
	const manifest = `{"S3Uri":"s3://bucket/m","AttributeNames":["a"]}`
	many := strings.Repeat(manifest+",", 5) + manifest
	for _, x := range []struct{ name, op, in, code, words string }{
		{"a language", "CreateDocumentClassifier", classifier(map[string]string{"LanguageCode": `"ja"`}), "UnsupportedLanguageException", "ja"},
		{"another account's role", "CreateDocumentClassifier", classifier(map[string]string{"DataAccessRoleArn": `"arn:aws:iam::444455556666:role/R"`}), "InvalidRequestException", "444455556666"},
		{"a name", "CreateDocumentClassifier", classifier(map[string]string{"DocumentClassifierName": `"a--"`}), "Invalid", "documentClassifierName"},
		{"no data", "CreateDocumentClassifier", classifier(map[string]string{"InputDataConfig": `{"DataFormat":"COMPREHEND_CSV"}`}), "InvalidRequestException", "S3Uri"},
		{"no manifest", "CreateDocumentClassifier", classifier(map[string]string{"InputDataConfig": `{"DataFormat":"AUGMENTED_MANIFEST"}`}), "InvalidRequestException", "AugmentedManifests"},
		{"manifests in CSV", "CreateDocumentClassifier", classifier(map[string]string{"InputDataConfig": `{"S3Uri":"s3://bucket/x","AugmentedManifests":[` + manifest + `]}`}), "InvalidRequestException", "AUGMENTED_MANIFEST"},
		{"CSV beside manifests", "CreateDocumentClassifier", classifier(map[string]string{"InputDataConfig": `{"DataFormat":"AUGMENTED_MANIFEST","S3Uri":"s3://bucket/x","AugmentedManifests":[` + manifest + `]}`}), "InvalidRequestException", "S3Uri"},
		{"six manifests", "CreateDocumentClassifier", classifier(map[string]string{"InputDataConfig": `{"DataFormat":"AUGMENTED_MANIFEST","AugmentedManifests":[` + many + `]}`}), "InvalidRequestException", "6 manifests"},
		{"tests alone", "CreateDocumentClassifier", classifier(map[string]string{"InputDataConfig": `{"DataFormat":"AUGMENTED_MANIFEST","AugmentedManifests":[{"S3Uri":"s3://bucket/m","AttributeNames":["a"],"Split":"TEST"}]}`}), "InvalidRequestException", "TRAIN"},
		{"pages", "CreateDocumentClassifier", classifier(map[string]string{"InputDataConfig": `{"S3Uri":"s3://bucket/x","DocumentType":"SEMI_STRUCTURED_DOCUMENT"}`}), "InvalidRequestException", "plain text"},
		{"pages beside the CSV", "CreateDocumentClassifier", classifier(map[string]string{"InputDataConfig": `{"S3Uri":"s3://bucket/x","Documents":{"S3Uri":"s3://bucket/pdf/"}}`}), "InvalidRequestException", "plain text"},
		{"a reader of pages", "CreateDocumentClassifier", classifier(map[string]string{"InputDataConfig": `{"S3Uri":"s3://bucket/x","DocumentReaderConfig":{"DocumentReadAction":"TEXTRACT_DETECT_DOCUMENT_TEXT"}}`}), "InvalidRequestException", "plain text"},
		{"annotated pages", "CreateEntityRecognizer", recognizer(map[string]string{"InputDataConfig": `{"EntityTypes":[{"Type":"D"}],"DataFormat":"AUGMENTED_MANIFEST","AugmentedManifests":[{"S3Uri":"s3://bucket/m","AttributeNames":["a"],"AnnotationDataS3Uri":"s3://bucket/n"}]}`}), "InvalidRequestException", "plain text"},
		{"a delimiter without use", "CreateDocumentClassifier", classifier(map[string]string{"InputDataConfig": `{"S3Uri":"s3://bucket/x","LabelDelimiter":";"}`}), "InvalidRequestException", "multi-label"},
		{"an output key without output", "CreateDocumentClassifier", classifier(map[string]string{"OutputDataConfig": `{"KmsKeyId":"` + keyName + `"}`}), "InvalidRequestException", "S3Uri"},
		{"an alias for the model", "CreateDocumentClassifier", classifier(map[string]string{"ModelKmsKeyId": `"alias/x"`}), "KmsKeyValidationException", "ModelKmsKeyId"},
		{"no key", "CreateEntityRecognizer", recognizer(map[string]string{"VolumeKmsKeyId": `"nothing"`}), "KmsKeyValidationException", "VolumeKmsKeyId"},
		{"a key elsewhere", "CreateEntityRecognizer", recognizer(map[string]string{"ModelKmsKeyId": `"arn:aws:kms:us-east-1:111122223333:key/` + keyName + `"`}), "KmsKeyValidationException", "us-west-2"},
		{"a subnet twice", "CreateEntityRecognizer", recognizer(map[string]string{"VpcConfig": `{"Subnets":["subnet-0a","subnet-0a"],"SecurityGroupIds":["sg-0a"]}`}), "InvalidRequestException", "twice"},
		{"26 types", "CreateEntityRecognizer", recognizer(map[string]string{"InputDataConfig": types(26)}), "InvalidRequestException", "25"},
		{"no type", "CreateEntityRecognizer", recognizer(map[string]string{"InputDataConfig": types(0)}), "InvalidRequestException", "0 are given"},
		{"a type twice", "CreateEntityRecognizer", recognizer(map[string]string{"InputDataConfig": strings.Replace(types(2), "T1", "T0", 1)}), "InvalidRequestException", "twice"},
		{"no labels", "CreateEntityRecognizer", recognizer(map[string]string{"InputDataConfig": `{"EntityTypes":[{"Type":"D"}],"Documents":{"S3Uri":"s3://bucket/d"}}`}), "InvalidRequestException", "Annotations or EntityList"},
		{"both labels", "CreateEntityRecognizer", recognizer(map[string]string{"InputDataConfig": `{"EntityTypes":[{"Type":"D"}],"Documents":{"S3Uri":"s3://bucket/d"},"Annotations":{"S3Uri":"s3://bucket/a"},"EntityList":{"S3Uri":"s3://bucket/l"}}`}), "InvalidRequestException", "both"},
		{"no documents", "CreateEntityRecognizer", recognizer(map[string]string{"InputDataConfig": `{"EntityTypes":[{"Type":"D"}],"Annotations":{"S3Uri":"s3://bucket/a"}}`}), "InvalidRequestException", "Documents"},
		{"half a test", "CreateEntityRecognizer", recognizer(map[string]string{"InputDataConfig": `{"EntityTypes":[{"Type":"D"}],"Documents":{"S3Uri":"s3://bucket/d","TestS3Uri":"s3://bucket/t"},"Annotations":{"S3Uri":"s3://bucket/a"}}`}), "InvalidRequestException", "together"},
		{"a policy about all", "CreateEntityRecognizer", recognizer(map[string]string{"ModelPolicy": `"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"comprehend:ImportModel\",\"Resource\":\"arn:aws:comprehend:us-west-2:111122223333:entity-recognizer/q\"}]}"`}), "InvalidRequestException", "entity-recognizer/q"},
		{"a policy about other actions", "CreateEntityRecognizer", recognizer(map[string]string{"ModelPolicy": `"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":[\"comprehend:ImportModel\",\"comprehend:*\"],\"Resource\":\"*\"}]}"`}), "InvalidRequestException", "comprehend:*"},
		{"a policy about all but one action", "CreateEntityRecognizer", recognizer(map[string]string{"ModelPolicy": `"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"NotAction\":\"comprehend:ImportModel\",\"Resource\":\"*\"}]}"`}), "InvalidRequestException", "ImportModel"},
		{"no policy", "CreateEntityRecognizer", recognizer(map[string]string{"ModelPolicy": `"{"`}), "InvalidRequestException", "not valid"},
		{"a stranger", "CreateEntityRecognizer", recognizer(map[string]string{"ModelPolicy": `"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::444455556666:user/nobody\"},\"Action\":\"comprehend:ImportModel\",\"Resource\":\"*\"}]}"`}), "InvalidRequestException", "no such user"},
		{"a tag of AWS", "CreateEntityRecognizer", recognizer(map[string]string{"Tags": `[{"Key":"aws:x"}]`}), "InvalidRequestException", "aws:"},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := custodian(t)
			_, err := h.ask(x.op, x.in)
			h.refused(err, x.code, x.words)
		})
	}
}

// TestRetryWithTags: the order of tags makes no other request.
func TestRetryWithTags(t *testing.T) {
	h := custodian(t)
	for make, in := range map[string]func(map[string]string) string{"CreateDocumentClassifier": classifier, "CreateEntityRecognizer": recognizer} {
		try := func(tags string) string {
			return first(h.must(make, in(map[string]string{"ClientRequestToken": `"t"`, "Tags": tags})))
		}
		one := try(`[{"Key":"b","Value":"1"},{"Key":"a","Value":"2"}]`)
		if again := try(`[{"Key":"a","Value":"2"},{"Key":"b","Value":"1"}]`); again != one {
			t.Errorf("%s: a retry made %s beside %s", make, again, one)
		}
	}
}

// TestVersions: a name is used once without a version; versions have names of their own. Tokens give the first model again.
func TestVersions(t *testing.T) {
	h := custodian(t)
	plain := first(h.must("CreateDocumentClassifier", classifier(map[string]string{"ClientRequestToken": `"t"`})))
	if again := first(h.must("CreateDocumentClassifier", classifier(map[string]string{"ClientRequestToken": `"t"`}))); again != plain {
		t.Errorf("%s", again)
	}
	_, err := h.ask("CreateDocumentClassifier", classifier(map[string]string{"ClientRequestToken": `"t"`, "Mode": `"MULTI_LABEL"`}))
	h.refused(err, "InvalidRequestException", "token")
	_, err = h.ask("CreateDocumentClassifier", classifier(nil))
	h.refused(err, "ResourceInUseException", "VersionName")
	h.now = h.now.Add(time.Second)
	one := first(h.must("CreateDocumentClassifier", classifier(map[string]string{"VersionName": `"one"`})))
	_, err = h.ask("CreateDocumentClassifier", classifier(map[string]string{"VersionName": `"one"`}))
	h.refused(err, "ResourceInUseException", "one")
	first(h.must("CreateEntityRecognizer", recognizer(map[string]string{"RecognizerName": `"c"`}))) // of the other kind
	h.now = h.now.Add(time.Second)
	h.must("CreateDocumentClassifier", classifier(map[string]string{"DocumentClassifierName": `"d"`, "VersionName": `"x"`}))
	_, err = h.ask("CreateDocumentClassifier", classifier(map[string]string{"DocumentClassifierName": `"d"`}))
	h.refused(err, "ResourceInUseException", "d")
	var got []string
	for _, p := range h.must("ListDocumentClassifiers", `{}`)["DocumentClassifierPropertiesList"].([]any) {
		got = append(got, p.(map[string]any)["DocumentClassifierArn"].(string))
	}
	if want := []string{strings.Replace(plain, "/c", "/d/version/x", 1), one, plain}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	all := h.must("ListDocumentClassifierSummaries", `{"MaxResults":1}`)
	b, _ := json.Marshal(all["DocumentClassifierSummariesList"])
	if want := `[{"DocumentClassifierName":"d","LatestVersionCreatedAt":"2026-03-04T05:06:09.891234Z","LatestVersionName":"x","LatestVersionStatus":"SUBMITTED","NumberOfVersions":1}]`; string(b) != want {
		t.Errorf("%s", b)
	}
	b, _ = json.Marshal(h.must("ListDocumentClassifierSummaries", `{"NextToken":"`+all["NextToken"].(string)+`"}`))
	if want := `{"DocumentClassifierSummariesList":[{"DocumentClassifierName":"c","LatestVersionCreatedAt":"2026-03-04T05:06:08.891234Z","LatestVersionName":"one","LatestVersionStatus":"SUBMITTED","NumberOfVersions":2}]}`; string(b) != want {
		t.Errorf("%s", b)
	}
	count := func(filter string) int {
		return len(h.must("ListDocumentClassifiers", `{"Filter":{`+filter+`}}`)["DocumentClassifierPropertiesList"].([]any))
	}
	for filter, want := range map[string]int{`"DocumentClassifierName":"c"`: 2, `"Status":"SUBMITTED"`: 3, `"Status":"TRAINED"`: 0, `"SubmitTimeAfter":"2026-03-04T05:06:08Z"`: 2, `"SubmitTimeBefore":"2026-03-04T05:06:08Z"`: 1} {
		if got := count(filter); got != want {
			t.Errorf("%s: %d, want %d", filter, got, want)
		}
	}
	_, err = h.ask("ListDocumentClassifiers", `{"Filter":{"DocumentClassifierName":"c","Status":"TRAINED"}}`)
	h.refused(err, "InvalidFilterException")
}

// TestActiveTrainings: only so many trainings of a kind go on at once.
func TestActiveTrainings(t *testing.T) {
	h := custodian(t)
	for i := range maxActive {
		h.must("CreateEntityRecognizer", recognizer(map[string]string{"VersionName": fmt.Sprintf(`"v%d"`, i)}))
	}
	_, err := h.ask("CreateEntityRecognizer", recognizer(map[string]string{"VersionName": `"more"`}))
	h.refused(err, "ResourceLimitExceededException", "10")
	h.must("CreateDocumentClassifier", classifier(nil))
	h.must("StopTrainingEntityRecognizer", `{"EntityRecognizerArn":"arn:aws:comprehend:us-west-2:111122223333:entity-recognizer/r/version/v0"}`)
	h.work("arn:aws:comprehend:us-west-2:111122223333:entity-recognizer/r/version/v0", func(j *job.Job) { j.State, j.Cleaned = job.Stopped, true })
	h.must("CreateEntityRecognizer", recognizer(map[string]string{"VersionName": `"more"`}))
}

// TestLifeOfModel follows a model through its job's states. Source: Comprehend API Reference, ModelStatus, ClassifierMetadata.
func TestLifeOfModel(t *testing.T) {
	h := custodian(t)
	arn := first(h.must("CreateDocumentClassifier", classifier(nil)))
	named := `{"DocumentClassifierArn":"` + arn + `"}`
	status := func() string {
		return fmt.Sprint(inside(h.must("DescribeDocumentClassifier", named))["Status"])
	}
	h.work(arn, func(j *job.Job) { j.State = job.InProgress })
	if got := status(); got != "TRAINING" {
		t.Error(got)
	}
	_, err := h.ask("DeleteDocumentClassifier", named)
	h.refused(err, "ResourceUnavailableException", "TRAINING")
	_, err = h.ask("CreateEndpoint", `{"EndpointName":"e","ModelArn":"`+arn+`","DesiredInferenceUnits":1}`)
	h.refused(err, "ResourceUnavailableException", "TRAINING")
	h.must("StopTrainingDocumentClassifier", named)
	_, j := h.model(arn)
	if got := status(); got != "STOP_REQUESTED" || !j.StopAsked || j.State != job.StopRequested {
		t.Errorf("%s %+v", got, j)
	}
	h.must("StopTrainingDocumentClassifier", named)
	// It ended before it could be stopped.
	h.work(arn, func(j *job.Job) {
		j.State, j.Ended, j.Cleaned, j.Steps = job.Completed, h.now.Add(time.Minute), true, []job.Step{{Name: "analyze", Begun: h.now.Add(time.Second), Done: h.now.Add(30 * time.Second)}}
		j.Result = []byte(`{"NumberOfLabels":2,"NumberOfTrainedDocuments":90,"NumberOfTestDocuments":10,"EvaluationMetrics":{"Accuracy":0.9,"HammingLoss":0.1},"Labels":["a","b"]}`)
	})
	b, _ := json.Marshal(inside(h.must("DescribeDocumentClassifier", named)))
	if want := `{"ClassifierMetadata":{"EvaluationMetrics":{"Accuracy":0.9,"HammingLoss":0.1},"NumberOfLabels":2,"NumberOfTestDocuments":10,"NumberOfTrainedDocuments":90},"DataAccessRoleArn":"arn:aws:iam::111122223333:role/R","DocumentClassifierArn":"` + arn + `","EndTime":"2026-03-04T05:07:07.891234Z","InputDataConfig":{"DataFormat":"COMPREHEND_CSV","S3Uri":"s3://bucket/train.csv"},"LanguageCode":"en","Mode":"MULTI_CLASS","Status":"TRAINED","SubmitTime":"2026-03-04T05:06:07.891234Z","TrainingEndTime":"2026-03-04T05:06:37.891234Z","TrainingStartTime":"2026-03-04T05:06:08.891234Z"}`; string(b) != want {
		t.Errorf("%s, want\n%s", b, want)
	}
	h.must("StopTrainingDocumentClassifier", named) // as Terraform does before it deletes
	if got := status(); got != "TRAINED" {
		t.Error(got)
	}
	h.must("DeleteDocumentClassifier", named)
	h.must("StopTrainingDocumentClassifier", named)
	if got := status(); got != "DELETING" {
		t.Error(got)
	}
	h.must("DeleteDocumentClassifier", named)
	for _, op := range []string{"DescribeEntityRecognizer", "DeleteEntityRecognizer", "StopTrainingEntityRecognizer"} {
		_, err = h.ask(op, `{"EntityRecognizerArn":"arn:aws:comprehend:us-west-2:111122223333:entity-recognizer/none"}`)
		h.refused(err, "ResourceNotFoundException", "RESOURCE_NOT_FOUND")
	}
	failing := first(h.must("CreateEntityRecognizer", recognizer(nil)))
	h.work(failing, func(j *job.Job) { j.State, j.Message, j.Ended = job.Failed, "NO_READ_ACCESS_TO_INPUT: no.", h.now })
	if p := inside(h.must("DescribeEntityRecognizer", `{"EntityRecognizerArn":"`+failing+`"}`)); p["Status"] != "IN_ERROR" || p["Message"] != "NO_READ_ACCESS_TO_INPUT: no." || p["RecognizerMetadata"] != nil {
		t.Errorf("%v", p)
	}
}

// TestResourcePolicies: Comprehend API Reference, PutResourcePolicy, DescribeResourcePolicy, DeleteResourcePolicy.
func TestResourcePolicies(t *testing.T) {
	h := custodian(t)
	arn := h.put(account, "document-classifier/c", "en", model.Trained)
	put := func(principal, revision string) (any, error) {
		text, _ := json.Marshal(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"comprehend:ImportModel","Resource":"` + arn + `"}]}`)
		in := `{"ResourceArn":"` + arn + `","ResourcePolicy":` + string(text)
		if revision != "" {
			in += `,"PolicyRevisionId":"` + revision + `"`
		}
		return h.ask("PutResourcePolicy", in+"}")
	}
	_, err := h.ask("DescribeResourcePolicy", `{"ResourceArn":"`+arn+`"}`)
	h.refused(err, "ResourceNotFoundException", "no resource policy")
	if _, err := put(friend, ""); err != nil {
		t.Fatal(err)
	}
	one := h.must("DescribeResourcePolicy", `{"ResourceArn":"`+arn+`"}`)
	h.now = h.now.Add(time.Minute)
	_, err = put("444455556666", strings.Repeat("0", 32))
	h.refused(err, "InvalidRequestException", "revision")
	if _, err := put("444455556666", one["PolicyRevisionId"].(string)); err != nil {
		t.Fatal(err)
	}
	two := h.must("DescribeResourcePolicy", `{"ResourceArn":"`+arn+`"}`)
	if !strings.Contains(one["ResourcePolicy"].(string), friend) || one["CreationTime"] != two["CreationTime"] || one["LastModifiedTime"] == two["LastModifiedTime"] || one["PolicyRevisionId"] == two["PolicyRevisionId"] {
		t.Errorf("%v\n%v", one, two)
	}
	_, err = h.ask("DeleteResourcePolicy", `{"ResourceArn":"`+arn+`","PolicyRevisionId":"`+one["PolicyRevisionId"].(string)+`"}`)
	h.refused(err, "InvalidRequestException", "revision")
	h.must("DeleteResourcePolicy", `{"ResourceArn":"`+arn+`","PolicyRevisionId":"`+strings.ToUpper(two["PolicyRevisionId"].(string))+`"}`)
	_, err = h.ask("DeleteResourcePolicy", `{"ResourceArn":"`+arn+`"}`)
	h.refused(err, "ResourceNotFoundException")
}

// TestEndpoints holds endpoints to their quotas. Source: Comprehend Developer Guide, guidelines and quotas.
func TestEndpoints(t *testing.T) {
	h := custodian(t)
	m := h.put(account, "document-classifier/c", "en", model.Trained) // with one endpoint, of no units
	r := h.put(account, "entity-recognizer/r", "en", model.Trained)   // and another
	create := func(name, model string, units int, more string) (any, error) {
		return h.ask("CreateEndpoint", fmt.Sprintf(`{"EndpointName":%q,"ModelArn":%q,"DesiredInferenceUnits":%d%s}`, name, model, units, more))
	}
	update := func(name, more string) error {
		_, err := h.ask("UpdateEndpoint", `{"EndpointArn":"arn:aws:comprehend:us-west-2:111122223333:document-classifier-endpoint/`+name+`",`+more+`}`)
		return err
	}
	_, err := create("e", m, 11, "")
	h.refused(err, "ResourceLimitExceededException", "10 inference units")
	_, err = create("e", strings.Replace(m, "/c", "/none", 1), 1, "")
	h.refused(err, "ResourceNotFoundException")
	_, err = create("e", strings.Replace(m, account, "444455556666", 1), 1, "")
	h.refused(err, "ResourceNotFoundException")
	_, err = create("e", m, 1, `,"DataAccessRoleArn":"arn:aws:iam::444455556666:role/R"`)
	h.refused(err, "InvalidRequestException", "does not belong")
	for range 2 {
		if _, err := create("e", m, 2, `,"ClientRequestToken":"t"`); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []func() error{
		func() error { _, err := create("f", m, 2, `,"ClientRequestToken":"t"`); return err },
		func() error { _, err := create("e", m, 9, `,"ClientRequestToken":"t"`); return err },
		func() error {
			_, err := create("e", m, 2, `,"ClientRequestToken":"t","Tags":[{"Key":"a","Value":"b"}]`)
			return err
		},
		func() error {
			_, err := create("e", m, 2, `,"ClientRequestToken":"t","DataAccessRoleArn":"arn:aws:iam::`+account+`:role/R"`)
			return err
		},
	} {
		h.refused(other(), "InvalidRequestException", "token")
	}
	_, err = create("e", m, 2, "")
	h.refused(err, "ResourceInUseException", "already exists")
	p := inside(h.must("DescribeEndpoint", `{"EndpointArn":"arn:aws:comprehend:us-west-2:111122223333:document-classifier-endpoint/e"}`))
	if p["Status"] != "CREATING" || p["CurrentInferenceUnits"] != 0. || p["DesiredInferenceUnits"] != 2. || p["ModelArn"] != m {
		t.Errorf("%v", p)
	}
	h.refused(update("e", `"DesiredInferenceUnits":3`), "ResourceInUseException", "CREATING")
	h.serving("document-classifier-endpoint/e")
	h.refused(update("e", `"DesiredInferenceUnits":11`), "ResourceLimitExceededException", "10 inference units")
	h.refused(update("e", `"DesiredModelArn":"`+r+`"`), "InvalidRequestException", "another kind")
	h.refused(update("none", `"DesiredInferenceUnits":1`), "ResourceNotFoundException")
	if err := update("e", `"DesiredInferenceUnits":10`); err != nil {
		t.Error(err)
	}
	for i := range 4 {
		if _, err := create(fmt.Sprint("f", i), m, 10, ""); err != nil {
			t.Fatal(err)
		}
	}
	_, err = create("g", m, 1, "")
	h.refused(err, "ResourceLimitExceededException", "50 inference units")
	for i := range 3 { // seven are there: two of put, e and four of ten units
		h.must("DeleteEndpoint", fmt.Sprintf(`{"EndpointArn":"arn:aws:comprehend:us-west-2:111122223333:document-classifier-endpoint/f%d"}`, i))
	}
	list := func(filter string) int {
		return len(h.must("ListEndpoints", `{"Filter":{`+filter+`}}`)["EndpointPropertiesList"].([]any))
	}
	if a, b, c := list(`"Status":"DELETING"`), list(`"ModelArn":"`+r+`"`), list(`"Status":"UPDATING"`); a != 3 || b != 1 || c != 1 {
		t.Error(a, b, c)
	}
	_, err = h.ask("DeleteDocumentClassifier", `{"DocumentClassifierArn":"`+m+`"}`)
	h.refused(err, "ResourceInUseException", "endpoint")
	_, err = h.ask("DeleteEndpoint", `{"EndpointArn":"arn:aws:comprehend:us-west-2:111122223333:document-classifier-endpoint/none"}`)
	h.refused(err, "ResourceNotFoundException")
}

// TestEndpointCount: ten in a region.
func TestEndpointCount(t *testing.T) {
	h := custodian(t)
	m := h.put(account, "document-classifier/c", "en", model.Trained)
	for i := range maxEndpoints - 1 {
		h.must("CreateEndpoint", fmt.Sprintf(`{"EndpointName":"e%d","ModelArn":%q,"DesiredInferenceUnits":1}`, i, m))
	}
	_, err := h.ask("CreateEndpoint", `{"EndpointName":"more","ModelArn":"`+m+`","DesiredInferenceUnits":1}`)
	h.refused(err, "ResourceLimitExceededException", "10 endpoints")
}

// TestImports: what is refused before a byte is moved; the rest is the engine's.
func TestImports(t *testing.T) {
	h := custodian(t)
	m := h.put("444455556666", "document-classifier/c", "en", model.Trained)
	h.put("444455556666", "document-classifier/new", "en", model.Training)
	for in, want := range map[string][]string{
		`{"SourceModelArn":"` + strings.Replace(m, "us-west-2", "us-east-1", 1) + `"}`:                {"InvalidRequestException", "us-west-2"},
		`{"SourceModelArn":"` + strings.Replace(m, "/c", "/none", 1) + `"}`:                           {"ResourceNotFoundException", ""},
		`{"SourceModelArn":"` + strings.Replace(m, "/c", "/new", 1) + `"}`:                            {"ResourceUnavailableException", "TRAINING"},
		`{"SourceModelArn":"` + m + `","ModelKmsKeyId":"` + keyName + `"}`:                            {"InvalidRequestException", "DataAccessRoleArn"},
		`{"SourceModelArn":"` + m + `","ModelKmsKeyId":"alias/x","DataAccessRoleArn":"` + role + `"}`: {"KmsKeyValidationException", ""},
		`{"SourceModelArn":"` + m + `","DataAccessRoleArn":"arn:aws:iam::444455556666:role/R"}`:       {"InvalidRequestException", "does not belong"},
		`{"SourceModelArn":"` + m + `","Tags":[{"Key":"a"},{"Key":"a"}]}`:                             {"InvalidRequestException", "Duplicate"},
	} {
		_, err := h.ask("ImportModel", in)
		h.refused(err, want[0], want[1])
	}
	arn := first(h.must("ImportModel", `{"SourceModelArn":"`+m+`","ModelName":"mine","VersionName":"v"}`))
	if want := "arn:aws:comprehend:us-west-2:111122223333:document-classifier/mine/version/v"; arn != want {
		t.Error(arn)
	}
	p := inside(h.must("DescribeDocumentClassifier", `{"DocumentClassifierArn":"`+arn+`"}`))
	if p["Status"] != "SUBMITTED" || p["SourceModelArn"] != m || p["VersionName"] != "v" {
		t.Errorf("%v", p)
	}
	_, err := h.ask("StopTrainingDocumentClassifier", `{"DocumentClassifierArn":"`+arn+`"}`)
	h.refused(err, "InvalidRequestException", "import")
}

// TestFlywheels: there are none, and it is said so.
func TestFlywheels(t *testing.T) {
	h := custodian(t)
	const arn = "arn:aws:comprehend:us-west-2:111122223333:flywheel/f"
	named := `{"FlywheelArn":"` + arn + `"}`
	for op, x := range map[string][2]string{
		"CreateFlywheel":               {`{"FlywheelName":"f","DataAccessRoleArn":"` + role + `","DataLakeS3Uri":"s3://bucket/lake","DataSecurityConfig":{"ModelKmsKeyId":"` + keyName + `"}}`, "InvalidRequestException"},
		"CreateDataset":                {`{"FlywheelArn":"` + arn + `","DatasetName":"d","InputDataConfig":{"DataFormat":"COMPREHEND_CSV"}}`, "InvalidRequestException"},
		"DescribeFlywheel":             {named, "ResourceNotFoundException"},
		"DescribeFlywheelIteration":    {`{"FlywheelArn":"` + arn + `","FlywheelIterationId":"20260102T030405Z"}`, "ResourceNotFoundException"},
		"DescribeDataset":              {`{"DatasetArn":"` + arn + `/dataset/d"}`, "ResourceNotFoundException"},
		"DeleteFlywheel":               {named, "ResourceNotFoundException"},
		"UpdateFlywheel":               {named, "ResourceNotFoundException"},
		"StartFlywheelIteration":       {named, "ResourceNotFoundException"},
		"ListFlywheelIterationHistory": {named, "ResourceNotFoundException"},
		"ListDatasets":                 {named, "ResourceNotFoundException"},
		"CreateEndpoint":               {`{"EndpointName":"e","DesiredInferenceUnits":1,"FlywheelArn":"` + arn + `"}`, "InvalidRequestException"},
	} {
		_, err := h.ask(op, x[0])
		h.refused(err, x[1], "no flywheels here")
	}
	if l := h.must("ListFlywheels", `{}`)["FlywheelSummaryList"].([]any); len(l) != 0 {
		t.Errorf("%v", l)
	}
	if l := h.must("ListDatasets", `{}`)["DatasetPropertiesList"].([]any); len(l) != 0 {
		t.Errorf("%v", l)
	}
}

// first is the one member of an answer, a text; inside is it as a structure.
func first(m map[string]any) string {
	for _, v := range m {
		return fmt.Sprint(v)
	}
	return ""
}

func inside(m map[string]any) map[string]any {
	for _, v := range m {
		return v.(map[string]any)
	}
	return nil
}

// model reads a model and its training.
func (h *house) model(arn string) (m model.Model, j job.Job) {
	h.Helper()
	at := store.Scope{Partition: "aws", Account: account, Region: region}
	if err := h.db.View(h.Context(), func(v store.View) error {
		it, err := rows.Models.Find(v, at, "arn", arn)
		if err != nil {
			return err
		}
		m = it.Value
		x, err := rows.Jobs.Get(v, at, m.Job)
		j = x.Value
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}); err != nil {
		h.Fatal(err)
	}
	return m, j
}

// work does to a training what its runner would.
func (h *house) work(arn string, f func(*job.Job)) {
	h.Helper()
	_, j := h.model(arn)
	if err := h.db.Update(h.Context(), func(tx store.Tx) error {
		it, err := rows.Jobs.Get(tx, store.Scope{Partition: "aws", Account: account, Region: region}, j.ID)
		if err != nil {
			return err
		}
		f(&it.Value)
		return rows.Jobs.Save(tx, &it)
	}); err != nil {
		h.Fatal(err)
	}
}

// serving makes an endpoint what its engine would.
func (h *house) serving(id string) {
	h.Helper()
	if err := h.db.Update(h.Context(), func(tx store.Tx) error {
		it, err := rows.ModelEndpoints.Get(tx, store.Scope{Partition: "aws", Account: account, Region: region}, id)
		if err != nil {
			return err
		}
		it.Value.Status, it.Value.Units = model.InService, it.Value.DesiredUnits
		return rows.ModelEndpoints.Save(tx, &it)
	}); err != nil {
		h.Fatal(err)
	}
}
