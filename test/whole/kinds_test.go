package whole_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// analyses are the kinds of jobs with what each of them must be told besides.
var analyses = []struct {
	operation string
	more      dict
	open      bool // it takes no VPC and no key of a volume
	stops     bool
}{
	{"DominantLanguageDetectionJob", dict{}, false, true},
	{"EntitiesDetectionJob", dict{"LanguageCode": "en"}, false, true},
	{"KeyPhrasesDetectionJob", dict{"LanguageCode": "en"}, false, true},
	{"SentimentDetectionJob", dict{"LanguageCode": "en"}, false, true},
	{"TargetedSentimentDetectionJob", dict{"LanguageCode": "en"}, false, true},
	{"TopicsDetectionJob", dict{}, false, false},
	{"PiiEntitiesDetectionJob", dict{"LanguageCode": "en", "Mode": "ONLY_OFFSETS"}, true, true},
}

func merged(all ...dict) dict {
	out := dict{}
	for _, d := range all {
		for k, v := range d {
			out[k] = v
		}
	}
	return out
}

// job describes a job of any kind.
func (a *actor) job(operation, id string) dict {
	a.Helper()
	out, err := a.call("Describe"+operation, dict{"JobId": id})
	if err != nil {
		a.Fatal(err)
	}
	return out[operation+"Properties"].(dict)
}

func (a *actor) ended(operation, id string) dict {
	a.Helper()
	var p dict
	until(a, 3*time.Minute, operation+" "+id+" to end", func() bool {
		p = a.job(operation, id)
		return p["JobStatus"] == "COMPLETED" || p["JobStatus"] == "FAILED" || p["JobStatus"] == "STOPPED"
	})
	return p
}

// TestKindsGuarded: the two policies of AWS's announcement hold for each kind: no job without a VPC of one's own, and none without one's own
// keys. A PII job can name no network, so the first refuses it always, as on AWS.
func TestKindsGuarded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pass := dict{"Effect": "Allow", "Action": []string{"comprehend:*", "iam:PassRole"}, "Resource": "*"}
	apart := s.user("apart", encode(t, dict{"Version": "2012-10-17", "Statement": []dict{pass,
		{"Sid": "InVpc", "Effect": "Deny", "Action": "comprehend:Start*", "Resource": "*", "Condition": dict{"ForAllValues:StringNotEquals": dict{"comprehend:VpcSubnets": []string{s.subnet}}}}}}))
	volume, output, other := s.newKey(), s.newKey(), s.newKey()
	sealed := s.user("sealed", encode(t, dict{"Version": "2012-10-17", "Statement": []dict{pass,
		{"Sid": "MyKeys", "Effect": "Deny", "Action": "comprehend:Start*", "Resource": "*", "Condition": dict{"StringNotEquals": dict{"comprehend:OutputKmsKey": output}}},
		{"Sid": "MyVolume", "Effect": "Deny", "Action": "comprehend:Start*", "NotResource": "arn:aws:comprehend:*:*:pii-entities-detection-job/*", "Condition": dict{"StringNotEquals": dict{"comprehend:VolumeKmsKey": volume}}}}}))
	out := func(key string) dict {
		return dict{"OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out/", "KmsKeyId": key}}
	}
	for _, k := range analyses {
		start := "Start" + k.operation
		net := dict{}
		if k.open {
			net["VpcConfig"] = nil
		}
		_, err := apart.call(start, s.input(merged(k.more, dict{"VpcConfig": nil})))
		apart.refused(err, 403, "AccessDeniedException", "comprehend:"+start, "explicit deny")
		if !k.open {
			_, err = apart.call(start, s.input(k.more))
			if err != nil {
				t.Errorf("%s in the VPC: %v", start, err)
			}
		}
		_, err = sealed.call(start, s.input(merged(k.more, net)))
		sealed.refused(err, 403, "AccessDeniedException", "comprehend:"+start, "explicit deny")
		mine, theirs := merged(k.more, net, out(output)), merged(k.more, net, out(other))
		if !k.open {
			mine["VolumeKmsKeyId"], theirs["VolumeKmsKeyId"] = volume, volume
			_, err = sealed.call(start, s.input(merged(mine, dict{"VolumeKmsKeyId": other})))
			sealed.refused(err, 403, "AccessDeniedException", "comprehend:"+start)
		}
		_, err = sealed.call(start, s.input(theirs))
		sealed.refused(err, 403, "AccessDeniedException", "comprehend:"+start)
		if _, err = sealed.call(start, s.input(mine)); err != nil {
			t.Errorf("%s under the keys: %v", start, err)
		}
	}
}

// TestKindsStop: a job of each kind that can be stopped says so, and ends.
func TestKindsStop(t *testing.T) {
	t.Parallel()
	s := siteIn(t, open(t))
	s.slow()
	for _, k := range analyses {
		if !k.stops {
			continue
		}
		out, err := s.call("Start"+k.operation, s.input(merged(k.more, dict{"VpcConfig": nil})))
		if err != nil {
			t.Fatal(err)
		}
		id := out["JobId"].(string)
		out, err = s.call("Stop"+k.operation, dict{"JobId": id})
		if err != nil || out["JobStatus"] != "STOP_REQUESTED" || out["JobId"] != id {
			t.Errorf("stop %s: %v, %v", k.operation, out, err)
		}
		if p := s.ended(k.operation, id); p["JobStatus"] != "STOPPED" || p["EndTime"] == nil {
			t.Errorf("%s: %v", k.operation, p)
		}
		if _, err = s.call("Stop"+k.operation, dict{"JobId": id}); err != nil {
			t.Errorf("stop what is stopped: %v", err)
		}
	}
}

// TestKindsBad: a kind's own limits are errors of documents, and what it cannot read fails the job.
func TestKindsBad(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, k := range analyses {
		t.Run(k.operation, func(t *testing.T) {
			s := *s
			s.actor = s.with(t)
			more := merged(k.more, dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/none/"}, "VpcConfig": nil})
			out, err := s.call("Start"+k.operation, s.input(more))
			if err != nil {
				t.Fatal(err)
			}
			p := s.ended(k.operation, out["JobId"].(string))
			if m, _ := p["Message"].(string); p["JobStatus"] != "FAILED" || !strings.HasPrefix(m, "NO_INPUT_FOUND: ") {
				t.Errorf("%v", p)
			}
			_, err = s.call("Stop"+k.operation, dict{"JobId": out["JobId"]})
			if k.stops {
				s.refused(err, 400, "InvalidRequestException", "FAILED")
			} else if err == nil {
				t.Error("it can be stopped")
			}
		})
	}
}

// TestForeignModel: another account's classifier analyses nothing, though its policy lets it be imported.
func TestForeignModel(t *testing.T) {
	t.Parallel()
	s, o := newSite(t), newSite(t)
	var rows strings.Builder
	for i := range 15 {
		fmt.Fprintf(&rows, "SEA,the %dth ship leaves the harbour under sail\nLAND,the %dth train waits at the station in the hills\n", i, i)
	}
	s.put(s.bucket, "labelled.csv", []byte(rows.String()))
	out, err := s.call("CreateDocumentClassifier", dict{"DocumentClassifierName": "shared", "LanguageCode": "en", "DataAccessRoleArn": s.role, "InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/labelled.csv"}})
	if err != nil {
		t.Fatal(err)
	}
	arn := out["DocumentClassifierArn"].(string)
	until(t, time.Minute, "the training", func() bool {
		out, err := s.call("DescribeDocumentClassifier", dict{"DocumentClassifierArn": arn})
		if err != nil {
			t.Fatal(err)
		}
		status := out["DocumentClassifierProperties"].(dict)["Status"]
		if status == "IN_ERROR" {
			t.Fatalf("%v", out)
		}
		return status == "TRAINED"
	})
	in := o.input(dict{"DocumentClassifierArn": arn, "VpcConfig": nil})
	_, err = o.call("StartDocumentClassificationJob", in)
	o.refused(err, 403, "AccessDeniedException", "comprehend:StartDocumentClassificationJob", arn)
	policy := encode(t, dict{"Version": "2012-10-17", "Statement": []dict{{"Effect": "Allow", "Principal": dict{"AWS": "arn:aws:iam::" + o.account + ":root"},
		"Action": "comprehend:ImportModel", "Resource": arn}}})
	if _, err := s.call("PutResourcePolicy", dict{"ResourceArn": arn, "ResourcePolicy": policy}); err != nil {
		t.Fatal(err)
	}
	_, err = o.call("StartDocumentClassificationJob", in)
	o.refused(err, 403, "AccessDeniedException", "comprehend:StartDocumentClassificationJob", arn)
	s.put(s.bucket, "in/d.txt", []byte("a ship in the harbour\na train in the hills\n"))
	out, err = s.call("StartDocumentClassificationJob", s.input(dict{"DocumentClassifierArn": arn, "VpcConfig": nil}))
	if err != nil {
		t.Fatal(err)
	}
	if p := s.ended("DocumentClassificationJob", out["JobId"].(string)); p["JobStatus"] != "COMPLETED" || p["DocumentClassifierArn"] != arn {
		t.Errorf("%v", p)
	}
	_, err = s.call("StartDocumentClassificationJob", s.input(dict{"DocumentClassifierArn": arn + "x"}))
	s.refused(err, 400, "ResourceNotFoundException", "RESOURCE_NOT_FOUND")
}

// results are what a job of any kind but topics delivered, by file and line: "file" or "file:line".
func (a *actor) results(p dict, names ...string) map[string]dict {
	a.Helper()
	bucket, key, _ := strings.Cut(strings.TrimPrefix(p["OutputDataConfig"].(dict)["S3Uri"].(string), "s3://"), "/")
	var text []byte
	get := func(key string) []byte {
		b, err := a.Object(context.Background(), http.MethodGet, bucket, key, nil, nil)
		if err != nil {
			a.Fatalf("get %s: %v", key, err)
		}
		return b
	}
	if strings.HasSuffix(key, "/") {
		for _, n := range names {
			text = append(text, get(key+n+".out")...)
		}
	} else {
		gz, err := gzip.NewReader(bytes.NewReader(get(key)))
		if err != nil {
			a.Fatal(err)
		}
		for tr := tar.NewReader(gz); ; {
			if _, err := tr.Next(); err == io.EOF {
				break
			} else if err != nil {
				a.Fatal(err)
			}
			b, err := io.ReadAll(tr)
			if err != nil {
				a.Fatal(err)
			}
			text = append(text, b...)
		}
	}
	out := map[string]dict{}
	for l := range strings.Lines(string(text)) {
		var d dict
		if err := json.Unmarshal([]byte(l), &d); err != nil {
			a.Fatalf("%s: %v", l, err)
		}
		at := d["File"].(string)
		if n, ok := d["Line"]; ok {
			at += fmt.Sprint(":", n)
		}
		if out[at] != nil {
			a.Errorf("two results of %s", at)
		}
		out[at] = d
	}
	return out
}

// TestKindsHostile: whatever lies under the prefix, each object has a result or an error of its own, and the job is COMPLETED.
func TestKindsHostile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	files := map[string]string{
		"empty.txt":   "",
		"blank.txt":   " \r\n\t\n",
		"nul.txt":     "A word\x00 and \x00\x00 another.",
		"signs.txt":   "👩‍👩‍👧 “Ça” 价格 ﷽ e\u0301\u200b\u202e! " + strings.Repeat("(", 400) + strings.Repeat("9", 400) + strings.Repeat("@", 300),
		"one.txt":     strings.Repeat("a", 4000),
		"long.txt":    strings.Repeat("The old crane lifts the boat. ", 200), // 6,000 bytes
		"longer.txt":  strings.Repeat("Anna Berg was glad. ", 600),           // 12,000 bytes
		"utf16.txt":   "\xff\xfeT\x00h\x00e\x00",
		"image.jpg":   "\xff\xd8\xff\xe0\x00\x10JFIF\x00",
		"a/b/c d.txt": "A name with a blank, below folders.",
	}
	var names []string
	for n, body := range files {
		s.put(s.bucket, "in/"+n, []byte(body))
		names = append(names, n)
	}
	for _, k := range analyses {
		if k.operation == "TopicsDetectionJob" { // of all documents together
			continue
		}
		t.Run(k.operation, func(t *testing.T) {
			s := *s
			s.actor = s.with(t)
			out, err := s.call("Start"+k.operation, s.input(merged(k.more, dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/in/"}, "VpcConfig": nil})))
			if err != nil {
				t.Fatal(err)
			}
			p := s.ended(k.operation, out["JobId"].(string))
			if p["JobStatus"] != "COMPLETED" {
				t.Fatalf("%v\n%s", p, s.why(p["JobArn"].(string)))
			}
			got := s.results(p, names...)
			for n := range files {
				want := ""
				switch {
				case n == "utf16.txt", n == "image.jpg":
					want = "UNSUPPORTED_ENCODING"
				case strings.HasPrefix(n, "long") && k.operation == "SentimentDetectionJob", n == "longer.txt" && k.operation == "TargetedSentimentDetectionJob":
					want = "DOCUMENT_SIZE_EXCEEDED"
				}
				d := got[n]
				if d == nil {
					d = got[n[strings.LastIndexByte(n, '/')+1:]]
				}
				if code, _ := d["ErrorCode"].(string); d == nil || code != want {
					t.Errorf("%s: %v, want the error %q", n, d, want)
				}
			}
			if len(got) != len(files) {
				t.Errorf("%d results of %d objects: %v", len(got), len(files), got)
			}
		})
	}
}
