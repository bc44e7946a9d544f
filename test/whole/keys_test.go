package whole_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// keyed is a role for jobs under keys: by key, what it may do there. Of S3 and EC2 it may what jobs need.
func (s *site) keyed(name string, may map[string][]string) string {
	s.Helper()
	base := strings.TrimSuffix(dataAccess(), "]}")
	for key, actions := range may {
		base += "," + encode(s, dict{"Effect": "Allow", "Action": actions, "Resource": key})
	}
	return s.newRole(name, trust, base+"]}")
}

var (
	granting = []string{"kms:CreateGrant"}
	wrapping = []string{"kms:GenerateDataKey", "kms:Decrypt"}
)

// grantsOf counts the grants of a key.
func (a *actor) grantsOf(key string) int {
	a.Helper()
	return len(a.kms("ListGrants", dict{"KeyId": key})["Grants"].([]any))
}

// TestKeys runs a job under two keys, and takes each permission away.
func TestKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english+"\n"+french+"\n"))
	volume, output := s.newKey(), s.newKey()
	all := map[string][]string{volume: granting, output: wrapping}
	s.role = s.keyed("Keyed", all)
	over := func(role string) dict {
		return dict{"DataAccessRoleArn": role, "VolumeKmsKeyId": volume, "OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out/", "KmsKeyId": output}}
	}
	begun := time.Now()
	p := s.finish(s.start(over(s.role)))
	if p.JobStatus != "COMPLETED" {
		t.Fatalf("job is %s: %s\n%s", p.JobStatus, p.Message, s.why(p.JobArn))
	}
	_, key, _ := strings.Cut(strings.TrimPrefix(p.OutputDataConfig.S3Uri, "s3://"), "/")
	res, _ := s.send(http.MethodHead, s.bucket, key, nil, nil, nil)
	if h := res.Header; h.Get("x-amz-server-side-encryption") != "aws:kms" || h.Get("x-amz-server-side-encryption-aws-kms-key-id") != output {
		t.Errorf("the results are sealed by %v", h)
	}
	if n := s.grantsOf(volume); n != 0 {
		t.Errorf("%d grants are left", n)
	}
	if got := len(s.result(p)); got != 2 {
		t.Errorf("%d lines", got)
	}
	// The trail tells who used the volume's key: the role gave the grant, the service used and retired it.
	for _, op := range []string{"CreateGrant", "GenerateDataKey", "RetireGrant"} {
		l := s.mustJSON("cloudtrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents", dict{"LookupAttributes": []dict{{"AttributeKey": "EventName", "AttributeValue": op}}, "StartTime": begun.Unix() - 1})
		found := false
		for _, e := range l["Events"].([]any) {
			text := e.(dict)["CloudTrailEvent"].(string)
			byService := strings.Contains(text, `"type":"AWSService"`)
			found = found || strings.Contains(text, volume) && strings.Contains(text, "comprehend.amazonaws.com") && byService == (op != "CreateGrant")
		}
		if !found {
			t.Errorf("no event tells of kms:%s under the volume's key", op)
		}
	}
	for name, c := range map[string]struct {
		without, code string
		says          []string
	}{
		"no grant on the volume's key": {volume, "KMS_KEY_ACCESS_DENIED", []string{"kms:CreateGrant", volume}},
		"no use of the output's key":   {output, "KMS_KEY_ACCESS_DENIED", []string{"kms:GenerateDataKey", output}},
	} {
		may := map[string][]string{volume: granting, output: wrapping}
		delete(may, c.without)
		role := s.keyed("Lacks"+fmt.Sprint(len(name)), may)
		why := s.failed(over(role), c.code, c.says...)
		if !strings.Contains(why, "kms:") {
			t.Errorf("%s: %s", name, why)
		}
	}
	s.kms("DisableKey", dict{"KeyId": output})
	s.failed(over(s.role), "KMS_KEY_DISABLED", output)
	s.kms("EnableKey", dict{"KeyId": output})
	s.kms("DisableKey", dict{"KeyId": volume})
	s.failed(over(s.role), "KMS_KEY_DISABLED", volume)
	s.kms("EnableKey", dict{"KeyId": volume})
	if n := s.grantsOf(volume); n != 0 {
		t.Errorf("%d grants are left", n)
	}
	// Input that lies under a key.
	input := s.newKey()
	if res, b := s.send(http.MethodPut, s.bucket, "sealed/d.txt", nil, map[string]string{"X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": input}, []byte(german)); res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, b)
	}
	from := dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/sealed/"}}
	s.failed(from, "KMS_KEY_ACCESS_DENIED", "of the input", "kms:Decrypt", input)
	from["DataAccessRoleArn"] = s.keyed("Reads", map[string][]string{input: wrapping})
	if got := s.completed(from); len(got) != 1 || short(t, got[0]) != "d.txt:- de" {
		t.Errorf("%q", got)
	}
	s.kms("DisableKey", dict{"KeyId": input})
	s.failed(from, "KMS_KEY_DISABLED", "of the input", input)
	// A key of another account.
	o := s.house.root(t)
	foreign := o.newKey()
	o.kms("PutKeyPolicy", dict{"KeyId": foreign, "PolicyName": "default", "Policy": encode(t, dict{"Version": "2012-10-17", "Statement": []dict{
		{"Effect": "Allow", "Principal": dict{"AWS": "arn:aws:iam::" + o.account + ":root"}, "Action": "kms:*", "Resource": "*"},
		{"Effect": "Allow", "Principal": dict{"AWS": "arn:aws:iam::" + s.account + ":root"}, "Action": []string{"kms:CreateGrant", "kms:GenerateDataKey", "kms:Decrypt"}, "Resource": "*"}}})})
	role := s.keyed("Foreign", map[string][]string{foreign: slices.Concat(granting, wrapping)})
	p = s.finish(s.start(dict{"DataAccessRoleArn": role, "VolumeKmsKeyId": foreign, "OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out/", "KmsKeyId": foreign}}))
	if p.JobStatus != "COMPLETED" || o.grantsOf(foreign) != 0 {
		t.Errorf("under another account's key: %s %s, %d grants", p.JobStatus, p.Message, o.grantsOf(foreign))
	}
}

// TestModelKey trains a classifier under three keys, analyses with it, and takes its key away.
func TestModelKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	volume, output, models := s.newKey(), s.newKey(), s.newKey()
	s.role = s.keyed("Keyed", map[string][]string{volume: granting, models: granting, output: wrapping})
	var rows strings.Builder
	for i := range 60 {
		fmt.Fprintf(&rows, "BREAKFAST,\"Porridge, eggs and toast number %d are on the table\"\nWEATHER,Rain and wind number %d come from the west\n", i, i)
	}
	s.put(s.bucket, "train/a.csv", []byte(rows.String()))
	s.put(s.bucket, "in/d.txt", []byte("Eggs and porridge are on the table\nRain comes from the west\n"))
	create := func(name, role string) dict {
		return dict{"DocumentClassifierName": name, "DataAccessRoleArn": role, "LanguageCode": "en", "InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/train/"},
			"OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out/", "KmsKeyId": output}, "VolumeKmsKeyId": volume, "ModelKmsKeyId": models,
			"VpcConfig": dict{"SecurityGroupIds": []string{s.group}, "Subnets": []string{s.subnet}}}
	}
	train := func(in dict) dict {
		t.Helper()
		out, err := s.call("CreateDocumentClassifier", in)
		if err != nil {
			t.Fatal(err)
		}
		var p dict
		until(t, time.Minute, "the training to end", func() bool {
			d, err := s.call("DescribeDocumentClassifier", dict{"DocumentClassifierArn": out["DocumentClassifierArn"]})
			if err != nil {
				t.Fatal(err)
			}
			p = d["DocumentClassifierProperties"].(dict)
			return p["Status"] != "SUBMITTED" && p["Status"] != "TRAINING"
		})
		return p
	}
	p := train(create("meals", s.role))
	if p["Status"] != "TRAINED" {
		t.Fatalf("%v: %v\n%s", p["Status"], p["Message"], s.why(p["DocumentClassifierArn"].(string)))
	}
	if m := p["ClassifierMetadata"].(dict); m["NumberOfLabels"] != 2.0 {
		t.Errorf("metadata %v", m)
	}
	if s.grantsOf(models) != 1 || s.grantsOf(volume) != 0 {
		t.Errorf("%d grants on the model's key, %d on the volume's", s.grantsOf(models), s.grantsOf(volume))
	}
	classify := func() dict {
		t.Helper()
		out, err := s.call("StartDocumentClassificationJob", s.input(dict{"DocumentClassifierArn": p["DocumentClassifierArn"]}))
		if err != nil {
			t.Fatal(err)
		}
		var d dict
		until(t, time.Minute, "the job to end", func() bool {
			x, err := s.call("DescribeDocumentClassificationJob", dict{"JobId": out["JobId"]})
			if err != nil {
				t.Fatal(err)
			}
			d = x["DocumentClassificationJobProperties"].(dict)
			return d["JobStatus"] == "COMPLETED" || d["JobStatus"] == "FAILED"
		})
		return d
	}
	if d := classify(); d["JobStatus"] != "COMPLETED" {
		t.Fatalf("%v: %v", d["JobStatus"], d["Message"])
	}
	s.kms("DisableKey", dict{"KeyId": models})
	if d := classify(); d["JobStatus"] != "FAILED" || !strings.HasPrefix(fmt.Sprint(d["Message"]), "KMS_KEY_DISABLED: ") || !strings.Contains(fmt.Sprint(d["Message"]), models) {
		t.Errorf("with a disabled key: %v %v", d["JobStatus"], d["Message"])
	}
	s.kms("EnableKey", dict{"KeyId": models})
	lacks := s.keyed("Lacks", map[string][]string{volume: granting, output: wrapping})
	if p := train(create("other", lacks)); p["Status"] != "IN_ERROR" || !strings.HasPrefix(fmt.Sprint(p["Message"]), "KMS_KEY_ACCESS_DENIED: ") || !strings.Contains(fmt.Sprint(p["Message"]), models) {
		t.Errorf("without a grant: %v %v", p["Status"], p["Message"])
	}
	if s.grantsOf(models) != 1 || s.grantsOf(volume) != 0 {
		t.Errorf("afterwards %d grants on the model's key, %d on the volume's", s.grantsOf(models), s.grantsOf(volume))
	}
	if _, err := s.call("DeleteDocumentClassifier", dict{"DocumentClassifierArn": p["DocumentClassifierArn"]}); err != nil {
		t.Fatal(err)
	}
	until(t, time.Minute, "the grant to be retired", func() bool { return s.grantsOf(models) == 0 })
}

// TestKillUnderKeys: a daemon dies in the middle of a job and of a training under keys; the next one ends both, and no grant is left but that of the
// model. While they run, nothing of the documents lies on the disk.
func TestKillUnderKeys(t *testing.T) {
	t.Parallel()
	h := open(t)
	s := siteIn(t, h)
	volume, models := s.newKey(), s.newKey()
	s.role = s.keyed("Keyed", map[string][]string{volume: granting, models: granting})
	s.slow()
	var rows strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&rows, "%c,The quick brown fox number %d jumps over the lazy dog\n", 'A'+i%20, i)
	}
	s.put(s.bucket, "train/a.csv", []byte(rows.String()))
	id := s.start(dict{"VolumeKmsKeyId": volume})
	out, err := s.call("CreateDocumentClassifier", dict{"DocumentClassifierName": "long", "DataAccessRoleArn": s.role, "LanguageCode": "en", "VolumeKmsKeyId": volume, "ModelKmsKeyId": models,
		"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/train/"}})
	if err != nil {
		t.Fatal(err)
	}
	until(t, time.Minute, "both to work under their keys", func() bool {
		return s.grantsOf(volume) == 2 && s.grantsOf(models) == 1 && s.describe(id).JobStatus == "IN_PROGRESS" && len(analysers(h)) > 0
	})
	if os.Geteuid() == 0 {
		for pid := range tree(h.cmd.Process.Pid) {
			sealed(t, pid)
		}
	}
	h.kill()
	s.again()
	if p := s.finish(id); p.JobStatus != "COMPLETED" {
		t.Errorf("the job is %s: %s", p.JobStatus, p.Message)
	}
	until(t, 2*time.Minute, "the training to end", func() bool {
		d, err := s.call("DescribeDocumentClassifier", dict{"DocumentClassifierArn": out["DocumentClassifierArn"]})
		if err != nil {
			t.Fatal(err)
		}
		p := d["DocumentClassifierProperties"].(dict)
		if p["Status"] == "IN_ERROR" {
			t.Fatal(p["Message"])
		}
		return p["Status"] == "TRAINED"
	})
	if s.grantsOf(volume) != 0 || s.grantsOf(models) != 1 {
		t.Errorf("%d grants on the volume's key, %d on the model's", s.grantsOf(volume), s.grantsOf(models))
	}
}

// TestKeyPulledFromAJob: a job whose volume's key is disabled fails by it within seconds, and its processes are gone.
func TestKeyPulledFromAJob(t *testing.T) {
	t.Parallel()
	h := open(t)
	s := siteIn(t, h)
	volume := s.newKey()
	s.role = s.keyed("Keyed", map[string][]string{volume: granting})
	s.slow()
	id := s.start(dict{"VolumeKmsKeyId": volume})
	until(t, time.Minute, "the analyser to work", func() bool { return len(analysers(h)) > 0 })
	s.kms("DisableKey", dict{"KeyId": volume})
	at := time.Now()
	p := s.finish(id)
	if p.JobStatus != "FAILED" || !strings.HasPrefix(p.Message, "KMS_KEY_DISABLED: ") || !strings.Contains(p.Message, volume) {
		t.Errorf("%s %q", p.JobStatus, p.Message)
	}
	if d := time.Since(at); d > 15*time.Second {
		t.Errorf("it failed after %s", d)
	}
	if n := len(analysers(h)); n != 0 {
		t.Errorf("%d analysers are left", n)
	}
}
