package whole_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// meals is training data of two classes.
func meals() string {
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, "BREAKFAST,\"Porridge, eggs and toast number %d are on the table\"\nWEATHER,Rain and wind number %d come from the west\n", i, i)
	}
	return b.String()
}

// classifier is what CreateDocumentClassifier takes, without a network.
func (s *site) classifier(name, train string, over dict) dict {
	in := dict{"DocumentClassifierName": name, "DataAccessRoleArn": s.role, "LanguageCode": "en", "InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/" + train}}
	for k, v := range over {
		in[k] = v
	}
	return in
}

// create begins a training and gives the model's ARN.
func (s *site) create(in dict) string {
	s.Helper()
	out, err := s.call("CreateDocumentClassifier", in)
	if err != nil {
		s.Fatal(err)
	}
	return out["DocumentClassifierArn"].(string)
}

// settled waits for the end of a training or import.
func (a *actor) settled(arn string) dict {
	a.Helper()
	var p dict
	until(a, 10*time.Minute, arn+" to end", func() bool {
		out, err := a.call("DescribeDocumentClassifier", dict{"DocumentClassifierArn": arn})
		if err != nil {
			a.Fatal(err)
		}
		p = out["DocumentClassifierProperties"].(dict)
		switch p["Status"] {
		case "TRAINED", "TRAINED_WITH_WARNING", "IN_ERROR", "STOPPED":
			return true
		}
		return false
	})
	return p
}

// serves waits until an endpoint has a status.
func (a *actor) serves(arn, status string) dict {
	a.Helper()
	var p dict
	until(a, 2*time.Minute, arn+" to be "+status, func() bool {
		out, err := a.call("DescribeEndpoint", dict{"EndpointArn": arn})
		if err != nil {
			a.Fatal(err)
		}
		p = out["EndpointProperties"].(dict)
		return p["Status"] == status
	})
	return p
}

// class is the best class of a text.
func (a *actor) class(endpoint, text string) string {
	a.Helper()
	out, err := a.call("ClassifyDocument", dict{"EndpointArn": endpoint, "Text": text})
	if err != nil {
		a.Fatal(err)
	}
	return out["Classes"].([]any)[0].(dict)["Name"].(string)
}

// TestServed is the life of a classifier: trained under a key, described, served, asked too much, cut off by its key's owner, shared with another
// account, deleted.
func TestServed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.newKey()
	s.role = s.keyed("Keyed", map[string][]string{key: granting})
	s.put(s.bucket, "train.csv", []byte(meals()))
	arn := s.create(s.classifier("meals", "train.csv", dict{"VersionName": "one", "ModelKmsKeyId": key, "OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out"}}))
	p := s.settled(arn)
	if p["Status"] != "TRAINED" {
		t.Fatalf("%v: %v\n%s", p["Status"], p["Message"], s.why(arn))
	}
	meta := p["ClassifierMetadata"].(dict)
	if n := meta["NumberOfTrainedDocuments"].(float64) + meta["NumberOfTestDocuments"].(float64); meta["NumberOfLabels"] != 2. || n != 120 || meta["EvaluationMetrics"].(dict)["Accuracy"].(float64) < .9 {
		t.Errorf("%v", meta)
	}
	if p["TrainingStartTime"].(float64) < p["SubmitTime"].(float64) || p["TrainingEndTime"].(float64) < p["TrainingStartTime"].(float64) || p["EndTime"].(float64) < p["TrainingEndTime"].(float64) {
		t.Errorf("times %v", p)
	}
	var matrix struct {
		Type   string   `json:"type"`
		Matrix [][]int  `json:"confusion_matrix"`
		Labels []string `json:"labels"`
	}
	if err := json.Unmarshal(s.member(p["OutputDataConfig"].(dict)["S3Uri"].(string), "confusion_matrix.json"), &matrix); err != nil || matrix.Type != "multi_class" || len(matrix.Matrix) != 2 || len(matrix.Labels) != 2 {
		t.Errorf("%+v %v", matrix, err)
	}

	out, err := s.call("CreateEndpoint", dict{"EndpointName": "meals", "ModelArn": arn, "DesiredInferenceUnits": 1})
	if err != nil {
		t.Fatal(err)
	}
	end := out["EndpointArn"].(string)
	s.serves(end, "IN_SERVICE")
	if got := s.class(end, "Eggs and toast on the table"); got != "BREAKFAST" {
		t.Error(got)
	}
	_, err = s.call("DeleteDocumentClassifier", dict{"DocumentClassifierArn": arn})
	s.refused(err, 400, "ResourceInUseException", end)
	// One unit is two documents a second, and what is left of the last two seconds.
	for range 20 {
		if _, err = s.call("ClassifyDocument", dict{"EndpointArn": end, "Text": "Rain from the west"}); err != nil {
			break
		}
	}
	s.refused(err, 400, "TooManyRequestsException", "inference units")

	// Whoever has the key has the model.
	s.kms("DisableKey", dict{"KeyId": key})
	if p := s.serves(end, "FAILED"); !strings.Contains(fmt.Sprint(p["Message"]), key+" is disabled") {
		t.Errorf("%v", p)
	}
	_, err = s.call("ClassifyDocument", dict{"EndpointArn": end, "Text": "Rain from the west"})
	s.refused(err, 400, "ResourceUnavailableException", "FAILED")
	s.kms("EnableKey", dict{"KeyId": key})
	s.serves(end, "IN_SERVICE")
	until(t, 20*time.Second, "its units to be there again", func() bool { // they come back at their own pace, the key at once
		if out, err = s.call("ClassifyDocument", dict{"EndpointArn": end, "Text": "Rain from the west"}); err != nil {
			s.refused(err, 400, "TooManyRequestsException", "inference units")
		}
		return err == nil
	})
	if got := out["Classes"].([]any)[0].(dict)["Name"]; got != "WEATHER" {
		t.Error(got)
	}
	for _, op := range []string{"GenerateDataKey", "Decrypt"} {
		l := s.mustJSON("cloudtrail", "CloudTrail_20131101.LookupEvents", dict{"LookupAttributes": []dict{{"AttributeKey": "ResourceName", "AttributeValue": key}}})
		found := false
		for _, e := range l["Events"].([]any) {
			text := e.(dict)["CloudTrailEvent"].(string)
			found = found || e.(dict)["EventName"] == op && strings.Contains(text, `"type":"AWSService"`) && strings.Contains(text, "comprehend.amazonaws.com")
		}
		if !found {
			t.Errorf("the trail does not show that Comprehend asked kms:%s of the model's key", op)
		}
	}

	// Another account takes a copy, as the policy and the key allow.
	o := siteIn(t, s.house)
	own := o.newKey()
	o.role = o.keyed("Importer", map[string][]string{key: granting, own: granting})
	in := dict{"SourceModelArn": arn, "ModelName": "copy", "DataAccessRoleArn": o.role, "ModelKmsKeyId": own}
	_, err = o.call("ImportModel", in)
	o.refused(err, 403, "AccessDeniedException", "comprehend:ImportModel")
	policy := encode(t, dict{"Version": "2012-10-17", "Statement": []dict{{"Effect": "Allow", "Principal": dict{"AWS": "arn:aws:iam::" + o.account + ":root"}, "Action": "comprehend:ImportModel", "Resource": arn}}})
	if _, err := s.call("PutResourcePolicy", dict{"ResourceArn": arn, "ResourcePolicy": policy}); err != nil {
		t.Fatal(err)
	}
	s.kms("PutKeyPolicy", dict{"KeyId": key, "PolicyName": "default", "Policy": encode(t, dict{"Version": "2012-10-17", "Statement": []dict{
		{"Effect": "Allow", "Principal": dict{"AWS": "arn:aws:iam::" + s.account + ":root"}, "Action": "kms:*", "Resource": "*"},
		{"Effect": "Allow", "Principal": dict{"AWS": o.role}, "Action": "kms:CreateGrant", "Resource": "*", "Condition": dict{"StringEquals": dict{"kms:EncryptionContext:aws:comprehend:arn": arn}}}}})})
	if out, err = o.call("ImportModel", in); err != nil {
		t.Fatal(err)
	}
	if p := o.settled(out["ModelArn"].(string)); p["Status"] != "TRAINED" || p["SourceModelArn"] != arn || p["ModelKmsKeyId"] != own {
		t.Errorf("%v", p)
	}
	if out, err = o.call("CreateEndpoint", dict{"EndpointName": "copy", "ModelArn": out["ModelArn"], "DesiredInferenceUnits": 1}); err != nil {
		t.Fatal(err)
	}
	o.serves(out["EndpointArn"].(string), "IN_SERVICE")
	if got := o.class(out["EndpointArn"].(string), "Porridge and eggs"); got != "BREAKFAST" {
		t.Error(got)
	}

	if _, err := s.call("DeleteEndpoint", dict{"EndpointArn": end}); err != nil {
		t.Fatal(err)
	}
	until(t, time.Minute, "the endpoint to go", func() bool {
		_, err := s.call("DescribeEndpoint", dict{"EndpointArn": end})
		return err != nil
	})
	if _, err := s.call("DeleteDocumentClassifier", dict{"DocumentClassifierArn": arn}); err != nil {
		t.Fatal(err)
	}
	until(t, time.Minute, "the model to go", func() bool {
		_, err = s.call("DescribeDocumentClassifier", dict{"DocumentClassifierArn": arn})
		return err != nil
	})
	s.refused(err, 400, "ResourceNotFoundException")
	if n := s.grantsOf(key); n != 0 {
		t.Errorf("%d grants are left", n)
	}
}

// TestServedAgain: a daemon that is killed while it trains trains again, and endpoints outlive the daemon that began to serve them.
func TestServedAgain(t *testing.T) {
	t.Parallel()
	h := open(t)
	s := siteIn(t, h)
	again := func() {
		t.Helper()
		if err := h.serve(); err != nil {
			t.Fatal(err)
		}
		s.Client = h.client(s.Creds)
	}
	key := s.newKey()
	s.role = s.keyed("Keyed", map[string][]string{key: granting})
	s.put(s.bucket, "train.csv", []byte(meals()))
	arn := s.create(s.classifier("meals", "train.csv", dict{"ModelKmsKeyId": key}))
	h.kill()
	again()
	if p := s.settled(arn); p["Status"] != "TRAINED" {
		t.Fatalf("%v: %v\n%s", p["Status"], p["Message"], s.why(arn))
	}
	out, err := s.call("CreateEndpoint", dict{"EndpointName": "meals", "ModelArn": arn, "DesiredInferenceUnits": 1})
	if err != nil {
		t.Fatal(err)
	}
	end := out["EndpointArn"].(string)
	s.serves(end, "IN_SERVICE")
	for _, leave := range []func(){h.kill, func() {
		if err := h.end(); err != nil {
			t.Fatal(err)
		}
	}} {
		leave()
		again()
		if got := s.class(end, "Rain from the west"); got != "WEATHER" {
			t.Error(got)
		}
	}
	if n := s.grantsOf(key); n != 1 {
		t.Errorf("%d grants", n)
	}
}

// TestRecogniser: a recogniser learns from annotations, tells its metrics by types on AWS's scale, and finds its entities at an endpoint and in a job.
func TestRecogniser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var text, marks strings.Builder
	marks.WriteString("File,Line,Begin Offset,End Offset,Type\n")
	shapes := []string{"The technician repaired %s in the northern hall.", "Nobody had tested %s before the flood.", "We ordered %s for the laboratory in May.", "On Monday %s stopped without a warning."}
	for i := range 120 {
		device := fmt.Sprintf("the %s %s%d", []string{"Borealis", "Cantor", "Dynamo", "Elbrus", "Fennel"}[i%5], []string{"X", "K", "R"}[i%3], 100+7*i)
		line := fmt.Sprintf(shapes[i%len(shapes)], device)
		at := strings.Index(line, device) + len("the ")
		fmt.Fprintf(&text, "%s\n", line)
		fmt.Fprintf(&marks, "docs.txt,%d,%d,%d,DEVICE\n", i, at, at+len(device)-len("the "))
	}
	s.put(s.bucket, "docs/docs.txt", []byte(text.String()))
	s.put(s.bucket, "marks.csv", []byte(marks.String()))
	out, err := s.call("CreateEntityRecognizer", dict{"RecognizerName": "devices", "LanguageCode": "en", "DataAccessRoleArn": s.role, "InputDataConfig": dict{
		"EntityTypes": []dict{{"Type": "DEVICE"}}, "Documents": dict{"S3Uri": "s3://" + s.bucket + "/docs/"}, "Annotations": dict{"S3Uri": "s3://" + s.bucket + "/marks.csv"}}})
	if err != nil {
		t.Fatal(err)
	}
	arn := out["EntityRecognizerArn"].(string)
	var p dict
	until(t, 2*time.Minute, "the training to end", func() bool {
		if out, err = s.call("DescribeEntityRecognizer", dict{"EntityRecognizerArn": arn}); err != nil {
			t.Fatal(err)
		}
		p = out["EntityRecognizerProperties"].(dict)
		return p["Status"] != "SUBMITTED" && p["Status"] != "TRAINING"
	})
	if p["Status"] != "TRAINED" {
		t.Fatalf("%v: %v\n%s", p["Status"], p["Message"], s.why(arn))
	}
	meta := p["RecognizerMetadata"].(dict)
	kinds := meta["EntityTypes"].([]any)
	if f := meta["EvaluationMetrics"].(dict)["F1Score"].(float64); f < 50 || f > 100 || meta["NumberOfTrainedDocuments"].(float64)+meta["NumberOfTestDocuments"].(float64) != 120 || len(kinds) != 1 ||
		kinds[0].(dict)["Type"] != "DEVICE" || kinds[0].(dict)["NumberOfTrainMentions"].(float64) < 50 {
		t.Errorf("%v", meta)
	}
	if out, err = s.call("CreateEndpoint", dict{"EndpointName": "devices", "ModelArn": arn, "DesiredInferenceUnits": 2}); err != nil {
		t.Fatal(err)
	}
	end := out["EndpointArn"].(string)
	if !strings.Contains(end, ":entity-recognizer-endpoint/devices") {
		t.Error(end)
	}
	s.serves(end, "IN_SERVICE")
	const fresh = "Last week we ordered the Cantor R512 for the laboratory."
	if out, err = s.call("DetectEntities", dict{"EndpointArn": end, "Text": fresh}); err != nil {
		t.Fatal(err)
	}
	list := out["Entities"].([]any)
	if len(list) != 1 || list[0].(dict)["Type"] != "DEVICE" || list[0].(dict)["Text"] != "Cantor R512" || list[0].(dict)["BeginOffset"] != 25. {
		t.Errorf("%v", list)
	}
	if _, err = s.call("ClassifyDocument", dict{"EndpointArn": end, "Text": fresh}); err == nil {
		t.Error("a recogniser classifies")
	}
	s.put(s.bucket, "in/d.txt", []byte(fresh+"\n"))
	if out, err = s.call("StartEntitiesDetectionJob", s.input(dict{"EntityRecognizerArn": arn, "LanguageCode": "en"})); err != nil {
		t.Fatal(err)
	}
	id := out["JobId"]
	until(t, time.Minute, "the job to end", func() bool {
		if out, err = s.call("DescribeEntitiesDetectionJob", dict{"JobId": id}); err != nil {
			t.Fatal(err)
		}
		p = out["EntitiesDetectionJobProperties"].(dict)
		return p["JobStatus"] == "COMPLETED" || p["JobStatus"] == "FAILED"
	})
	if p["JobStatus"] != "COMPLETED" {
		t.Fatalf("%v", p["Message"])
	}
	if got := string(s.member(p["OutputDataConfig"].(dict)["S3Uri"].(string), "output")); !strings.Contains(got, `"Text":"Cantor R512"`) || !strings.Contains(got, `"Type":"DEVICE"`) {
		t.Errorf("%s", got)
	}
}

// TestTrainingsFail: what is wrong with training data is told, and nothing is left of the training.
func TestTrainingsFail(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	blind := s.newRole("Blind", trust, dataAccess("s3:GetObject"))
	silent := s.newRole("Silent", trust, dataAccess("s3:PutObject"))
	trainings := map[string]struct {
		data string // empty: no object
		over dict
		code string
		says []string
	}{
		"one-class":    {strings.Repeat("BREAKFAST,Eggs and toast\n", 60), nil, "INVALID_TRAINING_DATA", []string{"only one"}},
		"too-few":      {meals() + "LUNCH,Soup\n", nil, "", []string{"LUNCH", "10"}},
		"one-column":   {strings.Repeat("Eggs and toast\n", 60), nil, "", []string{"60 rows"}},
		"utf-16":       {"\xff\xfeB\x00", nil, "", []string{"UTF-8"}},
		"nothing":      {"", nil, "NO_INPUT_FOUND", []string{"nothing.csv"}},
		"blind":        {meals(), dict{"DataAccessRoleArn": blind}, "NO_READ_ACCESS_TO_INPUT", nil},
		"silent":       {meals(), dict{"DataAccessRoleArn": silent, "OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out"}}, "NO_WRITE_ACCESS_TO_OUTPUT", nil},
		"test-strange": {meals(), dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/test-strange.csv", "TestS3Uri": "s3://" + s.bucket + "/strange.csv"}}, "", []string{"SUPPER"}},
	}
	s.put(s.bucket, "strange.csv", []byte("SUPPER,Bread\nBREAKFAST,Eggs\nWEATHER,Rain\n"))
	begun := map[string]string{}
	for name, x := range trainings {
		if x.data != "" {
			s.put(s.bucket, name+".csv", []byte(x.data))
		}
		begun[name] = s.create(s.classifier(name, name+".csv", x.over))
	}
	for name, x := range trainings {
		p := s.settled(begun[name])
		message := fmt.Sprint(p["Message"])
		if p["Status"] != "IN_ERROR" || !strings.HasPrefix(message, x.code) || p["ClassifierMetadata"] != nil {
			t.Errorf("%s: %v %s", name, p["Status"], message)
		}
		for _, w := range x.says {
			if !strings.Contains(message, w) {
				t.Errorf("%s: %q does not say %q", name, message, w)
			}
		}
		_, err := s.call("CreateEndpoint", dict{"EndpointName": name, "ModelArn": begun[name], "DesiredInferenceUnits": 1})
		s.refused(err, 400, "ResourceUnavailableException", "IN_ERROR")
	}
}

// member reads one file of an archive that was delivered.
func (a *actor) member(uri, name string) []byte {
	a.Helper()
	bucket, key, _ := strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
	b, err := a.Object(a.Context(), http.MethodGet, bucket, key, nil, nil)
	if err != nil {
		a.Fatal(err)
	}
	gz, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		a.Fatal(err)
	}
	var seen []string
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if err != nil {
			a.Fatalf("%s has no %s but %q: %v", uri, name, seen, err)
		}
		seen = append(seen, h.Name)
		if h.Name == name {
			b, err := io.ReadAll(tr)
			if err != nil {
				a.Fatal(err)
			}
			return b
		}
	}
}
