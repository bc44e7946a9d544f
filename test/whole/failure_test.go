package whole_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"cloister/internal/client"
	"cloister/internal/shape/model"
)

// failure is a way in which Comprehend says no: a row of docs/reference/failures.md.
type failure struct {
	code, of, when string
	message        string // as it was told, with what differs from run to run in capitals
	test           string // where it is seen
}

const failuresFile = "../../docs/reference/failures.md"

// TestEveryFailure lets everything go wrong that Comprehend documents, and holds what is told to docs/reference/failures.md, word for word.
// CLOISTER_UPDATE=1 writes the page anew.
func TestEveryFailure(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	parts := []struct {
		title, says string
		rows        []failure
	}{
		{"Refused calls", "The exceptions of the API. Of an operation, its first column has the one at which the case is tried; others refuse the same alike.", append(s.refusals(), elsewhere...)},
		{"Failed jobs", "A job that fails is FAILED, and its Message is one of these. `cloister explain` tells which rule it was.", append(s.brokenJobs(), elsewhereJobs...)},
		{"Failed trainings", "A model whose training fails is IN_ERROR with such a Message, besides those of jobs.", s.brokenTrainings()},
		{"Endpoints and copies that fail", "An endpoint is FAILED and is tried again, a copy of a model is IN_ERROR, with such a Message.", append(s.brokenCopies(), brokenEndpoints...)},
		{"Documents that fail", "The job is COMPLETED all the same; the result of the document is an ErrorCode and an ErrorMessage.", append(s.brokenDocuments(), elsewhereDocuments...)},
	}
	var b strings.Builder
	b.WriteString("# Failures of Comprehend\n\nMade by a test that lets all of them happen (`CLOISTER_UPDATE=1 go test -run TestEveryFailure ./test/whole`). Words in capitals stand for what differs.\n")
	said := map[string]bool{}
	for _, p := range parts {
		fmt.Fprintf(&b, "\n## %s\n%s\n\n| failure | of | when | message | test |\n|---|---|---|---|---|\n", p.title, p.says)
		for _, f := range p.rows {
			said[f.code] = true
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", f.code, f.of, f.when, strings.ReplaceAll(f.message, "|", `\|`), f.test)
		}
	}
	if t.Failed() {
		return
	}
	if os.Getenv("CLOISTER_UPDATE") != "" {
		if err := os.WriteFile(failuresFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(failuresFile)
	if err != nil {
		t.Fatal(err)
	}
	was := strings.Split(string(got), "\n")
	for l := range strings.Lines(b.String()) {
		if !slices.Contains(was, strings.TrimSuffix(l, "\n")) {
			t.Errorf("%s lacks %s", failuresFile, l)
		}
	}
	if string(got) != b.String() {
		t.Errorf("%s is not what was seen: CLOISTER_UPDATE=1", failuresFile)
	}
	m, err := model.Load("comprehend")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range m.Operations {
		for _, e := range o.Errors {
			if !said[e] {
				t.Errorf("%s of %s is not on the page", e, o.Name)
			}
		}
	}
}

// TestFailuresSeen: the tests that the page names are there, and ask the running program through its API; but for a few, which need days, another
// release, or a moment that no client can choose.
func TestFailuresSeen(t *testing.T) {
	b, err := os.ReadFile(failuresFile)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for dir, only := range map[string]string{".": "", "../../internal/engine/runner": "TestBounds", "../../internal/engine/serve": "TestImportLeavesNothing TestAnotherRelease", "../../internal/work/page": "TestPatience"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
				if name := string(m[1]); only == "" || slices.Contains(strings.Fields(only), name) {
					tests[name] = true
				}
			}
		}
	}
	rows := 0
	for l := range strings.Lines(string(b)) {
		if !strings.HasPrefix(l, "| `") {
			continue
		}
		rows++
		cells := strings.Split(strings.TrimSuffix(strings.TrimSpace(l), " |"), " | ")
		if name := cells[len(cells)-1]; name != "never" && !tests[name] {
			t.Errorf("there is no test %s, of %s", name, l)
		}
	}
	if rows < 100 {
		t.Errorf("the page has %d rows", rows)
	}
}

// spell writes a message without what differs from run to run.
func (s *site) spell(message string) string {
	message = strings.ReplaceAll(message, s.account, "ACCOUNT")
	message = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).ReplaceAllString(message, "KEY")
	message = regexp.MustCompile(`"\d+\.csv"`).ReplaceAllString(message, `"FILE"`)
	message = regexp.MustCompile(`(subnet|sg)-[0-9a-f]{17}`).ReplaceAllString(message, "$1-ID")
	return regexp.MustCompile(`[0-9a-f]{32}`).ReplaceAllString(message, "ID")
}

// refusal is a call that is to be refused.
type refusal struct {
	code, op, when string
	in             dict
}

// told asks for refusals and writes down what they say.
func (s *site) told(list []refusal) []failure {
	s.Helper()
	var out []failure
	for _, x := range list {
		_, err := s.call(x.op, x.in)
		var e *client.Error
		if !errors.As(err, &e) || e.Code != x.code || e.Status != 400 {
			s.Errorf("%s, %s: %v, want %s", x.op, x.when, err, x.code)
			continue
		}
		out = append(out, failure{x.code, x.op, x.when, s.spell(e.Message), "TestEveryFailure"})
	}
	return out
}

// each does work of several at a time, in their order.
func each[T, R any](all []T, do func(T) R) []R {
	out, free := make([]R, len(all)), make(chan struct{}, 4)
	var group sync.WaitGroup
	for i, x := range all {
		group.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			out[i] = do(x)
		})
	}
	group.Wait()
	return out
}

// brokenJobs are jobs without a network that fail.
func (s *site) brokenJobs() []failure {
	s.put(s.bucket, "in/d.txt", []byte(english))
	s.put(s.bucket, "stop/d.txt", []byte("The of and a to."))
	s.put(s.bucket, "many/d.txt", bytes.Repeat([]byte("x\n"), 1_000_001))
	s.multipart(s.bucket, "great/0", make([]byte, 52<<20), 1)
	for i := 1; i < 6; i++ {
		if res, b := s.send(http.MethodPut, s.bucket, fmt.Sprint("great/", i), nil, map[string]string{"X-Amz-Copy-Source": "/" + s.bucket + "/great/0"}, nil); res.StatusCode != 200 {
			s.Fatal(b)
		}
	}
	key, off, ends := s.newKey(), s.newKey(), s.newKey()
	gone := "arn:aws:kms:us-east-1:" + s.account + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	keyed := s.keyed("Keyed", map[string][]string{off: granting, gone: granting, ends: granting})
	s.kms("DisableKey", dict{"KeyId": off})
	s.kms("ScheduleKeyDeletion", dict{"KeyId": ends})
	from := func(uri string) dict { return dict{"InputDataConfig": dict{"S3Uri": uri}} }
	lines := func(key string) dict {
		return dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/" + key, "InputFormat": "ONE_DOC_PER_LINE"}}
	}
	into := func(uri, key string) dict {
		o := dict{"S3Uri": uri}
		if key != "" {
			o["KmsKeyId"] = key
		}
		return dict{"OutputDataConfig": o}
	}
	role := func(name, trust, policy string) dict {
		return dict{"DataAccessRoleArn": s.newRole(name, trust, policy)}
	}
	stranger := strings.Replace(trust, "comprehend.", "sagemaker.", 1)
	return slices.DeleteFunc(each([]struct {
		code, kind, when string
		over             dict
	}{
		{"NO_READ_ACCESS_TO_INPUT", "SentimentDetectionJob", "the bucket of the input is not there", from("s3://nobody-has-" + s.account + "/in/")},
		{"NO_READ_ACCESS_TO_INPUT", "SentimentDetectionJob", "the role may not list the bucket", role("NoList", trust, dataAccess("s3:ListBucket"))},
		{"NO_READ_ACCESS_TO_INPUT", "SentimentDetectionJob", "the role may not read the objects", role("NoGet", trust, dataAccess("s3:GetObject"))},
		{"NO_WRITE_ACCESS_TO_OUTPUT", "SentimentDetectionJob", "the role may not write", role("NoPut", trust, dataAccess("s3:PutObject"))},
		{"NO_WRITE_ACCESS_TO_OUTPUT", "SentimentDetectionJob", "the bucket of the output is not there", into("s3://nobody-has-"+s.account+"/out", "")},
		{"NO_INPUT_FOUND", "SentimentDetectionJob", "no object begins with the URI", from("s3://" + s.bucket + "/none/")},
		{"NO_INPUT_FOUND", "TopicsDetectionJob", "there are no words but stop words", from("s3://" + s.bucket + "/stop/")},
		{"INPUT_LIMIT_EXCEEDED", "TargetedSentimentDetectionJob", "more than 30,000 documents", lines("many/")},
		{"INPUT_LIMIT_EXCEEDED", "TargetedSentimentDetectionJob", "more than 300 MiB", lines("great/")},
		{"INPUT_LIMIT_EXCEEDED", "TopicsDetectionJob", "more than 1,000,000 documents", lines("many/")},
		{"INVALID_DATA_ACCESS_ROLE", "SentimentDetectionJob", "the role does not trust Comprehend", role("Stranger", stranger, dataAccess())},
		{"KMS_KEY_ACCESS_DENIED", "SentimentDetectionJob", "the role may not make a grant on the volume's key", dict{"VolumeKmsKeyId": key}},
		{"KMS_KEY_ACCESS_DENIED", "SentimentDetectionJob", "the role may not use the output's key", into("s3://"+s.bucket+"/out", key)},
		{"KMS_KEY_DISABLED", "SentimentDetectionJob", "the volume's key is disabled", dict{"VolumeKmsKeyId": off, "DataAccessRoleArn": keyed}},
		{"KMS_KEY_INVALID_STATE", "SentimentDetectionJob", "the volume's key is to be deleted", dict{"VolumeKmsKeyId": ends, "DataAccessRoleArn": keyed}},
		{"KMS_KEY_NOT_FOUND", "SentimentDetectionJob", "the volume's key is not there", dict{"VolumeKmsKeyId": gone, "DataAccessRoleArn": keyed}},
	}, func(x struct {
		code, kind, when string
		over             dict
	}) (f failure) {
		in := merged(s.input(x.over), dict{"VpcConfig": nil, "LanguageCode": "en"})
		if x.kind == "TopicsDetectionJob" {
			delete(in, "LanguageCode")
		}
		out, err := s.call("Start"+x.kind, in)
		if err != nil {
			s.Errorf("%s: %v", x.when, err)
			return f
		}
		p := s.ended(x.kind, out["JobId"].(string))
		m := fmt.Sprint(p["Message"])
		if p["JobStatus"] != "FAILED" || !strings.HasPrefix(m, x.code+": ") {
			s.Errorf("%s: %v %s, want %s", x.when, p["JobStatus"], m, x.code)
		}
		return failure{x.code, x.kind, x.when, s.spell(m), "TestEveryFailure"}
	}), func(f failure) bool { return f.code == "" })
}

// brokenDocuments are documents that fail in a job, one of each kind.
func (s *site) brokenDocuments() []failure {
	s.put(s.bucket, "doc/a.txt", []byte(strings.Repeat("The old crane lifts the boat. ", 400))) // 12,000 bytes
	s.put(s.bucket, "doc/b.txt", []byte("\xff\xfeT\x00h\x00e\x00"))
	s.put(s.bucket, "doc/c.txt", bytes.Repeat([]byte("Waves roll on. "), 71_000)) // above 1 MiB
	s.put(s.bucket, "doc/d.txt", []byte(english))
	return slices.Concat(each([]string{"DominantLanguageDetectionJob", "EntitiesDetectionJob", "KeyPhrasesDetectionJob", "SentimentDetectionJob", "TargetedSentimentDetectionJob", "PiiEntitiesDetectionJob"}, func(kind string) []failure {
		in := dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/doc/"}, "OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out"}, "DataAccessRoleArn": s.role, "LanguageCode": "en"}
		switch kind {
		case "DominantLanguageDetectionJob":
			delete(in, "LanguageCode")
		case "PiiEntitiesDetectionJob":
			in["Mode"] = "ONLY_OFFSETS"
		}
		out, err := s.call("Start"+kind, in)
		if err != nil {
			s.Error(err)
			return nil
		}
		p := s.ended(kind, out["JobId"].(string))
		if p["JobStatus"] != "COMPLETED" {
			s.Errorf("%s: %v", kind, p)
			return nil
		}
		got := s.results(p, "a.txt", "b.txt", "c.txt", "d.txt")
		var list []failure
		seen := map[string]bool{}
		for _, n := range []string{"a.txt", "b.txt", "c.txt", "d.txt"} {
			code, _ := got[n]["ErrorCode"].(string)
			if code == "" || seen[code] {
				continue
			}
			seen[code] = true
			when := map[string]string{"DOCUMENT_SIZE_EXCEEDED": "it is too long", "UNSUPPORTED_ENCODING": "it is not UTF-8"}[code]
			list = append(list, failure{code, kind, when, fmt.Sprint(got[n]["ErrorMessage"]), "TestEveryFailure"})
		}
		if len(list) != 2 || got["d.txt"]["ErrorCode"] != nil {
			s.Errorf("%s: %v", kind, got)
		}
		return list
	})...)
}
