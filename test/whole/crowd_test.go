package whole_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"cloister/internal/client"
)

// refusedAs demands that a call was refused as the row of docs/reference/failures.md says.
func (s *site) refusedAs(err error, code, of, when string) {
	s.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Code != code || e.Status != 400 {
		s.Errorf("%s, %s: %v, want %s", of, when, err, code)
		return
	}
	got := regexp.MustCompile(`arn:aws:comprehend:[\w:/-]+`).ReplaceAllString(e.Message, "ARN")
	for _, f := range elsewhere {
		if f.code == code && f.of == of && f.when == when {
			if got != f.message || f.test != s.Name() {
				s.Errorf("%q, want %q, which %s sees", got, f.message, f.test)
			}
			return
		}
	}
	s.Errorf("there is no row %s, %s: %s", code, of, when)
}

// fabric is the process that holds the networks.
func (h *house) fabric(t testing.TB) int {
	t.Helper()
	for pid := range tree(h.cmd.Process.Pid) {
		if parent, _ := stat(pid); parent == h.cmd.Process.Pid {
			return pid
		}
	}
	t.Fatal("the daemon has no fabric")
	return 0
}

// TestCrowded: an account that has all its jobs, trainings and endpoints is refused more of them, and what is in use stays.
func TestCrowded(t *testing.T) {
	t.Parallel()
	h := open(t, "-endpoint-memory", fmt.Sprint(600<<20)) // one analyser
	s := siteIn(t, h)
	s.put(s.bucket, "train.csv", []byte(meals()))
	served, other := s.create(s.classifier("served", "train.csv", nil)), s.create(s.classifier("other", "train.csv", nil))
	for _, arn := range []string{served, other} {
		if p := s.settled(arn); p["Status"] != "TRAINED" {
			t.Fatal(p)
		}
	}
	endpoint := func(name string) (string, error) {
		out, err := s.call("CreateEndpoint", dict{"EndpointName": name, "ModelArn": served, "DesiredInferenceUnits": 1})
		arn, _ := out["EndpointArn"].(string)
		return arn, err
	}
	first, err := endpoint("first")
	if err != nil {
		t.Fatal(err)
	}
	s.serves(first, "IN_SERVICE")
	second, err := endpoint("second")
	if err != nil {
		t.Fatal(err)
	}
	p := s.serves(second, "FAILED")
	if got := fmt.Sprint(p["Message"]); got != brokenEndpoints[0].message {
		t.Errorf("%q, want %q", got, brokenEndpoints[0].message)
	}
	_, err = s.call("DeleteDocumentClassifier", dict{"DocumentClassifierArn": served})
	s.refusedAs(err, "ResourceInUseException", "DeleteDocumentClassifier", "an endpoint serves the model")
	s.signal([]int{h.fabric(t)}, syscall.SIGSTOP) // no analyser begins
	_, err = s.call("UpdateEndpoint", dict{"EndpointArn": first, "DesiredModelArn": other})
	if err == nil {
		_, err = s.call("UpdateEndpoint", dict{"EndpointArn": first, "DesiredModelArn": served})
	}
	s.signal([]int{h.fabric(t)}, syscall.SIGCONT)
	s.refusedAs(err, "ResourceInUseException", "UpdateEndpoint", "the endpoint is being made or changed")
	s.serves(first, "IN_SERVICE")
	for i := range 8 {
		if _, err := endpoint(fmt.Sprint("more-", i)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = endpoint("eleventh")
	s.refusedAs(err, "ResourceLimitExceededException", "CreateEndpoint", "there are ten endpoints")

	// Three held jobs are all that one account runs at once: what comes then waits.
	s.inTurn()
	var ids []string
	var all []func()
	for range 3 {
		id, release := s.held(1, dict{"VpcConfig": nil})
		ids, all = append(ids, id), append(all, release)
	}
	for range 7 {
		ids = append(ids, s.start(dict{"VpcConfig": nil}))
	}
	_, err = s.call("StartDominantLanguageDetectionJob", s.input(dict{"VpcConfig": nil}))
	s.refusedAs(err, "TooManyRequestsException", "StartDominantLanguageDetectionJob", "ten jobs of the kind are active")
	var trainings []string
	for i := range 10 {
		trainings = append(trainings, s.create(s.classifier(fmt.Sprint("more-", i), "train.csv", nil)))
	}
	_, err = s.call("CreateDocumentClassifier", s.classifier("eleventh", "train.csv", nil))
	s.refusedAs(err, "ResourceLimitExceededException", "CreateDocumentClassifier", "ten trainings of the kind are active")
	_, err = s.call("DeleteDocumentClassifier", dict{"DocumentClassifierArn": trainings[9]})
	s.refusedAs(err, "ResourceUnavailableException", "DeleteDocumentClassifier", "the model is in training")
	// A job that waits keeps its model: it never begins without it.
	if _, err := s.call("UpdateEndpoint", dict{"EndpointArn": first, "DesiredModelArn": served}); err != nil {
		t.Fatal(err)
	}
	s.serves(first, "IN_SERVICE")
	s.put(s.bucket, "one/d.txt", []byte("Eggs and toast\n"))
	one := dict{"DocumentClassifierArn": other, "VpcConfig": nil, "InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/one/"}}
	out, err := s.call("StartDocumentClassificationJob", s.input(one))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.call("DeleteDocumentClassifier", dict{"DocumentClassifierArn": other})
	s.refusedAs(err, "ResourceInUseException", "DeleteDocumentClassifier", "a job uses the model")

	for _, id := range ids {
		if _, err := s.call("StopDominantLanguageDetectionJob", dict{"JobId": id}); err != nil {
			t.Error(err)
		}
	}
	for _, arn := range trainings {
		if _, err := s.call("StopTrainingDocumentClassifier", dict{"DocumentClassifierArn": arn}); err != nil {
			t.Error(err)
		}
	}
	for _, release := range all {
		release()
	}
	if p := s.ended("DocumentClassificationJob", out["JobId"].(string)); p["JobStatus"] != "COMPLETED" {
		t.Errorf("%v", p)
	}
	for _, id := range ids {
		if p := s.finish(id); p.JobStatus != "STOPPED" {
			t.Errorf("%s %s", p.JobStatus, p.Message)
		}
	}
	for _, arn := range trainings {
		if p := s.settled(arn); p["Status"] != "STOPPED" {
			t.Errorf("%v", p)
		}
	}
	if _, err = s.call("DeleteDocumentClassifier", dict{"DocumentClassifierArn": other}); err != nil {
		t.Error(err)
	}
	if _, err = s.call("StartDocumentClassificationJob", s.input(one)); err == nil || !strings.Contains(err.Error(), "Resource") {
		t.Errorf("a job by a deleted model: %v", err)
	}
}
