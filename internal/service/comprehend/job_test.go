package comprehend

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/job"
	"cloister/internal/core/model"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

// with is an input of a Start call: the members that all have, and more.
func with(more string) string {
	s := `{"InputDataConfig":{"S3Uri":"s3://bucket/in/"},"OutputDataConfig":{"S3Uri":"s3://bucket/out"},"DataAccessRoleArn":"` + role + `"`
	if more != "" {
		s += "," + more
	}
	return s + "}"
}

const net = `"VpcConfig":{"Subnets":["subnet-0a"],"SecurityGroupIds":["sg-0a"]}`

// TestKinds starts, describes, lists and stops a job of each kind with all that it takes. Sources: Comprehend API Reference, each kind's
// properties; AWS CLI examples of Describe calls (codes in the output's path, NumberOfTopics where none was given).
func TestKinds(t *testing.T) {
	recognizer, classifier := "arn:aws:comprehend:us-west-2:111122223333:entity-recognizer/r", "arn:aws:comprehend:us-west-2:111122223333:document-classifier/c/version/2"
	const secluded = `"VolumeKmsKeyId":"` + keyName + `",` + net
	for _, x := range []struct {
		operation, more, setup, path, extra string
	}{
		{"DominantLanguageDetectionJob", secluded, `{"Kind":"dominant-language-detection"}`, "LANGUAGE", secluded},
		{"EntitiesDetectionJob", `"LanguageCode":"en",` + secluded, `{"Kind":"entities-detection","Language":"en"}`, "NER", `"LanguageCode":"en",` + secluded},
		{"EntitiesDetectionJob", `"LanguageCode":"de","EntityRecognizerArn":"` + recognizer + `"`, `{"Kind":"entities-detection","Language":"de","Model":true}`, "NER",
			`"LanguageCode":"de","EntityRecognizerArn":"` + recognizer + `"`},
		{"EntitiesDetectionJob", `"LanguageCode":"fr","EntityRecognizerArn":"` + recognizer + `"`, `{"Kind":"entities-detection","Language":"de","Model":true}`, "NER",
			`"LanguageCode":"fr","EntityRecognizerArn":"` + recognizer + `"`},
		{"KeyPhrasesDetectionJob", `"LanguageCode":"en",` + secluded, `{"Kind":"key-phrases-detection","Language":"en"}`, "KP", `"LanguageCode":"en",` + secluded},
		{"SentimentDetectionJob", `"LanguageCode":"en",` + secluded, `{"Kind":"sentiment-detection","Language":"en","Limit":5120}`, "SENTIMENT", `"LanguageCode":"en",` + secluded},
		{"TargetedSentimentDetectionJob", `"LanguageCode":"en",` + secluded, `{"Kind":"targeted-sentiment-detection","Language":"en","Limit":10240}`, "TS", `"LanguageCode":"en",` + secluded},
		{"PiiEntitiesDetectionJob", `"LanguageCode":"en","Mode":"ONLY_OFFSETS"`, `{"Kind":"pii-entities-detection","Language":"en","PII":{"Mode":"ONLY_OFFSETS","Types":null,"Mask":"","Char":""}}`, "PII",
			`"LanguageCode":"en","Mode":"ONLY_OFFSETS"`},
		{"PiiEntitiesDetectionJob", `"LanguageCode":"en","Mode":"ONLY_REDACTION","RedactionConfig":{}`,
			`{"Kind":"pii-entities-detection","Language":"en","PII":{"Mode":"ONLY_REDACTION","Types":["ALL"],"Mask":"MASK","Char":"*"}}`, "PII",
			`"LanguageCode":"en","Mode":"ONLY_REDACTION","RedactionConfig":{"PiiEntityTypes":["ALL"],"MaskMode":"MASK","MaskCharacter":"*"}`},
		{"PiiEntitiesDetectionJob", `"LanguageCode":"en","Mode":"ONLY_REDACTION","RedactionConfig":{"PiiEntityTypes":["NAME"],"MaskMode":"REPLACE_WITH_PII_ENTITY_TYPE"}`,
			`{"Kind":"pii-entities-detection","Language":"en","PII":{"Mode":"ONLY_REDACTION","Types":["NAME"],"Mask":"REPLACE_WITH_PII_ENTITY_TYPE","Char":""}}`, "PII",
			`"LanguageCode":"en","Mode":"ONLY_REDACTION","RedactionConfig":{"PiiEntityTypes":["NAME"],"MaskMode":"REPLACE_WITH_PII_ENTITY_TYPE"}`},
		{"TopicsDetectionJob", secluded, `{"Kind":"topics-detection","Limit":104857600,"Topics":10}`, "TOPICS", `"NumberOfTopics":10,` + secluded},
		{"TopicsDetectionJob", `"NumberOfTopics":3`, `{"Kind":"topics-detection","Limit":104857600,"Topics":3}`, "TOPICS", `"NumberOfTopics":3`},
		{"DocumentClassificationJob", `"DocumentClassifierArn":"` + classifier + `",` + secluded, `{"Kind":"document-classification","Language":"fr","Limit":52428800,"Model":true,"Pages":100}`, "CLN",
			`"DocumentClassifierArn":"` + classifier + `",` + secluded},
	} {
		t.Run(x.operation+"/"+x.path, func(t *testing.T) {
			h := open(t)
			h.put(account, "entity-recognizer/r", "de", model.Trained)
			h.put(account, "document-classifier/c/version/2", "fr", model.Warned)
			started := h.must("Start"+x.operation, with(`"JobName":"first","Tags":[{"Key":"b","Value":"1"},{"Key":"a"}],`+x.more))
			id := started["JobId"].(string)
			arn := "arn:aws:comprehend:us-west-2:111122223333:" + job.Kinds()[h.job(id).Kind].Name + "-job/" + id
			if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" || started["JobArn"] != arn || started["JobStatus"] != "SUBMITTED" {
				t.Errorf("started: %v", started)
			}
			for _, m := range []string{"EntityRecognizerArn", "DocumentClassifierArn"} { // newer answers name the model
				if name := strings.Contains(x.more, m); name != (started[m] != nil) {
					t.Errorf("the answer has %s: %v", m, started[m])
				}
			}
			out := "s3://bucket/out/111122223333-" + x.path + "-" + id + "/output/"
			if x.path != "PII" {
				out += "output.tar.gz"
			}
			want := map[string]any{}
			text := `{"JobId":"` + id + `","JobArn":"` + arn + `","JobName":"first","JobStatus":"SUBMITTED","SubmitTime":"2026-03-04T05:06:07.891234Z","DataAccessRoleArn":"` + role + `",
				"InputDataConfig":{"S3Uri":"s3://bucket/in/","InputFormat":"ONE_DOC_PER_FILE"},"OutputDataConfig":{"S3Uri":"` + out + `"},` + x.extra + `}`
			if err := json.Unmarshal([]byte(text), &want); err != nil {
				t.Fatal(err)
			}
			got := h.must("Describe"+x.operation, `{"JobId":"`+id+`"}`)[x.operation+"Properties"]
			if !reflect.DeepEqual(got, any(want)) {
				t.Errorf("described\n%v\nwant\n%v", got, want)
			}
			if l := h.must("List"+x.operation+"s", `{}`)[x.operation+"PropertiesList"].([]any); len(l) != 1 || !reflect.DeepEqual(l[0], any(want)) {
				t.Errorf("listed %v", l)
			}
			j := h.job(id)
			var setup job.Setup
			if err := json.Unmarshal([]byte(x.setup), &setup); err != nil {
				t.Fatal(err)
			}
			setup.Format = "ONE_DOC_PER_FILE"
			if setup.Limit == 0 {
				setup.Limit = 1 << 20
			}
			if !reflect.DeepEqual(j.Setup, setup) || j.OutputObject != out || j.Name != "first" {
				t.Errorf("the job is told %+v, want %+v", j.Setup, setup)
			}
			if strings.Contains(x.more, "VpcConfig") && (j.Network == nil || j.VolumeKey != "arn:aws:kms:us-west-2:111122223333:key/"+keyName) {
				t.Errorf("network %v, key %q", j.Network, j.VolumeKey)
			}
			if j.Setup.Model != (j.Model != "") {
				t.Errorf("model %q", j.Model)
			}
			h.refusedOthers(x.operation, id)
			if x.path == "TOPICS" || x.path == "CLN" { // AWS has no Stop of these
				return
			}
			if s := h.must("Stop"+x.operation, `{"JobId":"`+id+`"}`); s["JobStatus"] != "STOP_REQUESTED" || s["JobId"] != id || len(s) != 2 {
				t.Errorf("stopped: %v", s)
			}
			if s := h.must("Stop"+x.operation, `{"JobId":"`+id+`"}`); s["JobStatus"] != "STOP_REQUESTED" {
				t.Errorf("stopped again: %v", s)
			}
		})
	}
}

// refusedOthers: a job is of its kind alone.
func (h *house) refusedOthers(operation, id string) {
	h.Helper()
	for _, k := range kinds {
		if k.operation == operation {
			continue
		}
		_, err := h.ask("Describe"+k.operation, `{"JobId":"`+id+`"}`)
		h.refused(err, "JobNotFoundException")
		if k.stops {
			_, err = h.ask("Stop"+k.operation, `{"JobId":"`+id+`"}`)
			h.refused(err, "JobNotFoundException")
		}
		if l := h.must("List"+k.operation+"s", `{}`)[k.operation+"PropertiesList"].([]any); len(l) != 0 {
			h.Errorf("%s lists %v", k.operation, l)
		}
	}
}

// TestStartRefused: what a Start call says wrongly, it is told before there is a job.
func TestStartRefused(t *testing.T) {
	h := open(t)
	ready := h.put(account, "entity-recognizer/ready", "de", model.Trained)
	raw := h.put(account, "entity-recognizer/raw", "de", model.Training)
	class := h.put(account, "document-classifier/c", "en", model.Trained)
	h.put("444455556666", "document-classifier/theirs", "en", model.Trained)
	far := strings.Replace(class, region, "eu-west-1", 1)
	for _, x := range []struct{ op, more, code, word string }{
		{"Entities", `"LanguageCode":"fr"`, "UnsupportedLanguageException", "fr"},
		{"KeyPhrases", `"LanguageCode":"zh-TW"`, "UnsupportedLanguageException", "zh-TW"},
		{"Sentiment", `"LanguageCode":"de"`, "UnsupportedLanguageException", "de"},
		{"TargetedSentiment", `"LanguageCode":"es"`, "UnsupportedLanguageException", "es"},
		{"PiiEntities", `"LanguageCode":"es","Mode":"ONLY_OFFSETS"`, "UnsupportedLanguageException", "es"},
		{"Entities", `"LanguageCode":"xx"`, "Invalid", "languageCode"},
		{"Entities", ``, "Invalid", "languageCode"},
		{"Entities", `"LanguageCode":"de","EntityRecognizerArn":"` + raw + `"`, "ResourceUnavailableException", "TRAINING"},
		{"Entities", `"LanguageCode":"de","EntityRecognizerArn":"` + ready + `x"`, "ResourceNotFoundException", ""},
		{"Entities", `"LanguageCode":"en","FlywheelArn":"arn:aws:comprehend:us-west-2:111122223333:flywheel/f"`, "InvalidRequestException", "EntityRecognizerArn"},
		{"Classification", `"FlywheelArn":"arn:aws:comprehend:us-west-2:111122223333:flywheel/f"`, "InvalidRequestException", "DocumentClassifierArn"},
		{"Classification", ``, "InvalidRequestException", "DocumentClassifierArn is required"},
		{"Classification", `"DocumentClassifierArn":"` + far + `"`, "ResourceNotFoundException", ""},
		{"Classification", `"DocumentClassifierArn":"` + ready + `"`, "Invalid", "documentClassifierArn"},
		{"PiiEntities", `"LanguageCode":"en","Mode":"ONLY_REDACTION"`, "InvalidRequestException", "RedactionConfig is required"},
		{"PiiEntities", `"LanguageCode":"en","Mode":"ONLY_OFFSETS","RedactionConfig":{"MaskMode":"MASK"}`, "InvalidRequestException", "ONLY_REDACTION"},
		{"PiiEntities", `"LanguageCode":"en","Mode":"ONLY_REDACTION","RedactionConfig":{"MaskMode":"REPLACE_WITH_PII_ENTITY_TYPE","MaskCharacter":"#"}`, "InvalidRequestException", "MaskCharacter"},
		{"PiiEntities", `"LanguageCode":"en","Mode":"ONLY_REDACTION","RedactionConfig":{"MaskCharacter":"x"}`, "Invalid", "maskCharacter"},
		{"PiiEntities", `"LanguageCode":"en","Mode":"ONLY_REDACTION","RedactionConfig":{"PiiEntityTypes":["SHOE_SIZE"]}`, "Invalid", "piiEntityTypes"},
		{"PiiEntities", `"LanguageCode":"en"`, "Invalid", "mode"},
		{"Topics", `"NumberOfTopics":0`, "Invalid", "numberOfTopics"},
		{"Topics", `"NumberOfTopics":101`, "Invalid", "numberOfTopics"},
		{"Language", `"VolumeKmsKeyId":"alias/a"`, "KmsKeyValidationException", "VolumeKmsKeyId"},
		{"Language", `"VolumeKmsKeyId":"no-key"`, "KmsKeyValidationException", "VolumeKmsKeyId"},
		{"Language", `"VolumeKmsKeyId":"arn:aws:kms:eu-west-1:111122223333:key/` + keyName + `"`, "KmsKeyValidationException", region},
		{"Language", `"VpcConfig":{"Subnets":["subnet-0a","subnet-0a"],"SecurityGroupIds":["sg-0a"]}`, "InvalidRequestException", "subnet-0a"},
		{"Language", `"VpcConfig":{"Subnets":["subnet-0a"],"SecurityGroupIds":[]}`, "Invalid", "securityGroupIds"},
		{"Language", `"Tags":[{"Key":"aws:a"}]`, "InvalidRequestException", "aws:"},
		{"Language", `"Tags":[{"Key":"a"},{"Key":"a"}]`, "InvalidRequestException", "Duplicate"},
		{"Events", `"LanguageCode":"en","TargetEventTypes":["BANKRUPTCY"]`, "InvalidRequestException", "events"},
	} {
		op := "Start" + map[string]string{"Language": "DominantLanguageDetectionJob", "Classification": "DocumentClassificationJob"}[x.op]
		if op == "Start" {
			op += x.op + "DetectionJob"
		}
		_, err := h.ask(op, with(x.more))
		t.Log(op, x.more)
		h.refused(err, x.code, x.word)
	}
	for _, x := range []struct{ in, code, word string }{
		{strings.Replace(with(""), account, "444455556666", 1), "InvalidRequestException", "444455556666"},
		{strings.Replace(with(""), `"S3Uri":"s3://bucket/out"`, `"S3Uri":"s3://bucket/out","KmsKeyId":"key"`, 1), "KmsKeyValidationException", "OutputDataConfig.KmsKeyId"},
		{strings.Replace(with(""), "s3://bucket/in/", "bucket/in/", 1), "Invalid", "s3Uri"},
		{strings.Replace(with(""), `"S3Uri":"s3://bucket/in/"`, `"S3Uri":"s3://bucket/in/","InputFormat":"PDF"`, 1), "Invalid", "inputFormat"},
		{strings.Replace(with(""), `"S3Uri":"s3://bucket/in/"`, `"S3Uri":"s3://bucket/in/","DocumentReaderConfig":{"DocumentReadAction":"TEXTRACT_DETECT_DOCUMENT_TEXT"}`, 1), "NotHonoured", "DocumentReaderConfig"},
	} {
		_, err := h.ask("StartDominantLanguageDetectionJob", x.in)
		h.refused(err, x.code, x.word)
	}
	read := func(mode, more string) error {
		in := strings.Replace(with(more), `"S3Uri":"s3://bucket/in/"`, `"S3Uri":"s3://bucket/in/","DocumentReaderConfig":{"DocumentReadAction":"TEXTRACT_DETECT_DOCUMENT_TEXT","DocumentReadMode":"`+mode+`"}`, 1)
		_, err := h.ask("StartEntitiesDetectionJob", in)
		return err
	}
	h.refused(read("SERVICE_DEFAULT", `"LanguageCode":"en"`), "InvalidRequestException", "custom model")
	h.refused(read("FORCE_DOCUMENT_READ_ACTION", `"LanguageCode":"de","EntityRecognizerArn":"`+ready+`"`), "InvalidRequestException", "Textract")
	if err := read("SERVICE_DEFAULT", `"LanguageCode":"de","EntityRecognizerArn":"`+ready+`"`); err != nil {
		t.Errorf("a custom model, plain text: %v", err)
	}
	if l := h.must("ListDominantLanguageDetectionJobs", `{}`)["DominantLanguageDetectionJobPropertiesList"].([]any); len(l) != 0 {
		t.Errorf("there are jobs: %v", l)
	}
}

// TestOutputKey: the key of the output may be an alias too.
func TestOutputKey(t *testing.T) {
	h := open(t)
	for _, x := range []struct{ said, want string }{
		{"alias/out", "arn:aws:kms:us-west-2:111122223333:alias/out"},
		{"arn:aws:kms:us-west-2:444455556666:alias/out", "arn:aws:kms:us-west-2:444455556666:alias/out"},
		{keyName, "arn:aws:kms:us-west-2:111122223333:key/" + keyName},
		{"mrk-1234abcd12ab34cd56ef1234567890ab", "arn:aws:kms:us-west-2:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"},
	} {
		out := h.must("StartPiiEntitiesDetectionJob", strings.Replace(with(`"LanguageCode":"en","Mode":"ONLY_OFFSETS"`), `bucket/out"`, `bucket/out","KmsKeyId":"`+x.said+`"`, 1))
		id := out["JobId"].(string)
		if got := h.job(id).OutputKey; got != x.want {
			t.Errorf("%s is %s, want %s", x.said, got, x.want)
		}
		p := h.must("DescribePiiEntitiesDetectionJob", `{"JobId":"`+id+`"}`)["PiiEntitiesDetectionJobProperties"].(map[string]any)
		if got := p["OutputDataConfig"].(map[string]any)["KmsKeyId"]; got != x.said {
			t.Errorf("told as %v, given as %s", got, x.said)
		}
	}
}

// TestToken: a retry has each member as the first call had it, its tags included.
func TestToken(t *testing.T) {
	h := open(t)
	const token = `"ClientRequestToken":"once"`
	base := `"LanguageCode":"en","JobName":"n","VolumeKmsKeyId":"` + keyName + `",` + net + `,"Tags":[{"Key":"a","Value":"1"},{"Key":"b","Value":"2"}],` + token
	first := h.must("StartKeyPhrasesDetectionJob", with(base))["JobId"]
	turned := strings.Replace(base, `{"Key":"a","Value":"1"},{"Key":"b","Value":"2"}`, `{"Key":"b","Value":"2"},{"Key":"a","Value":"1"}`, 1)
	for _, same := range []string{with(base), with(turned), strings.Replace(with(base), `"S3Uri":"s3://bucket/in/"`, `"S3Uri":"s3://bucket/in/","InputFormat":"ONE_DOC_PER_FILE"`, 1)} {
		if got := h.must("StartKeyPhrasesDetectionJob", same)["JobId"]; got != first {
			t.Errorf("%s is another job", same)
		}
	}
	for _, change := range [][2]string{{`"JobName":"n",`, ``}, {`"n"`, `"m"`}, {keyName, strings.Replace(keyName, "1234", "1235", 1)}, {"subnet-0a", "subnet-0b"}, {"sg-0a", "sg-0b"}, {`,` + net, ``},
		{`"Value":"1"`, `"Value":"3"`}, {`{"Key":"b","Value":"2"}`, `{"Key":"c","Value":"2"}`}, {"bucket/in", "bucket/other"}, {"bucket/out", "bucket/other"}, {"role/R", "role/S"},
		{`bucket/in/"`, `bucket/in/","InputFormat":"ONE_DOC_PER_LINE"`}, {`bucket/out"`, `bucket/out","KmsKeyId":"alias/x"`}} {
		other := strings.Replace(with(base), change[0], change[1], 1)
		if other == with(base) {
			t.Fatalf("%q changes nothing", change[0])
		}
		_, err := h.ask("StartKeyPhrasesDetectionJob", other)
		h.refused(err, "InvalidRequestException", "once")
	}
	if got := h.must("StartSentimentDetectionJob", with(`"LanguageCode":"en",`+token))["JobId"]; got == first {
		t.Error("another kind's token is the same")
	}
}

// TestActive: ten jobs of a kind are active at most; another kind's do not count.
func TestActive(t *testing.T) {
	h := open(t)
	var last string
	for range maxActive {
		last = h.must("StartTopicsDetectionJob", with(""))["JobId"].(string)
	}
	_, err := h.ask("StartTopicsDetectionJob", with(""))
	h.refused(err, "TooManyRequestsException", "10")
	h.must("StartDominantLanguageDetectionJob", with(""))
	h.change(last, func(j *job.Job) { j.State, j.Ended, j.Message = job.Failed, h.now.Add(time.Second), "CODE: words" })
	h.must("StartTopicsDetectionJob", with(""))
	p := h.must("DescribeTopicsDetectionJob", `{"JobId":"`+last+`"}`)["TopicsDetectionJobProperties"].(map[string]any)
	if p["JobStatus"] != "FAILED" || p["Message"] != "CODE: words" || p["EndTime"] != "2026-03-04T05:06:08.891234Z" {
		t.Errorf("%v", p)
	}
}

func (h *house) change(id string, f func(*job.Job)) {
	h.Helper()
	err := h.db.Update(h.Context(), func(tx store.Tx) error {
		it, err := rows.Jobs.Get(tx, store.Scope{Partition: "aws", Account: account, Region: region}, id)
		if err != nil {
			return err
		}
		f(&it.Value)
		return rows.Jobs.Save(tx, &it)
	})
	if err != nil {
		h.Fatal(err)
	}
}

// TestList walks pages of 30 jobs, a millisecond apart, two names and two states among them.
func TestList(t *testing.T) {
	h := open(t)
	begin := h.now
	var all []string // the newest first
	for i := range 30 {
		h.now = begin.Add(time.Duration(i) * time.Millisecond)
		id := h.must("StartKeyPhrasesDetectionJob", with(fmt.Sprintf(`"LanguageCode":"en","JobName":"n%d"`, i%2)))["JobId"].(string)
		all = append([]string{id}, all...)
		h.change(id, func(j *job.Job) { j.State, j.Cleaned = job.Completed, i%3 != 0 })
		if i%3 == 0 {
			h.change(id, func(j *job.Job) { j.State = job.Stopped })
		}
	}
	pick := func(keep func(i int) bool) []string {
		var out []string
		for i := 29; i >= 0; i-- {
			if keep(i) {
				out = append(out, all[29-i])
			}
		}
		return out
	}
	at := func(i int, more time.Duration) string {
		return begin.Truncate(time.Millisecond).Add(time.Duration(i)*time.Millisecond + more).Format(time.RFC3339Nano)
	}
	for _, x := range []struct {
		filter string
		want   []string
	}{
		{`{}`, all},
		{`{"JobName":"n1"}`, pick(func(i int) bool { return i%2 == 1 })},
		{`{"JobName":"n"}`, nil},
		{`{"JobStatus":"STOPPED"}`, pick(func(i int) bool { return i%3 == 0 })},
		{`{"JobStatus":"FAILED"}`, nil},
		{`{"SubmitTimeBefore":"` + at(10, 0) + `"}`, pick(func(i int) bool { return i < 10 })},
		{`{"SubmitTimeBefore":"` + at(10, 1) + `"}`, pick(func(i int) bool { return i <= 10 })},
		{`{"SubmitTimeAfter":"` + at(10, 0) + `"}`, pick(func(i int) bool { return i > 10 })},
		{`{"SubmitTimeAfter":"` + at(10, -1) + `"}`, pick(func(i int) bool { return i >= 10 })},
		{`{"SubmitTimeAfter":"1960-01-01T00:00:00Z"}`, all},
		{`{"SubmitTimeBefore":"1960-01-01T00:00:00Z"}`, nil},
		{`{"SubmitTimeBefore":"9999-12-31T00:00:00Z"}`, all},
		{`{"SubmitTimeAfter":"9999-12-31T00:00:00Z"}`, nil},
	} {
		for _, size := range []int{1, 7, 30, 500} {
			var got []string
			token := ""
			for {
				in := fmt.Sprintf(`{"Filter":%s,"MaxResults":%d`, x.filter, size)
				if token != "" {
					in += `,"NextToken":"` + token + `"`
				}
				out := h.must("ListKeyPhrasesDetectionJobs", in+"}")
				l := out["KeyPhrasesDetectionJobPropertiesList"].([]any)
				if len(l) > size {
					t.Fatalf("%d on a page of %d", len(l), size)
				}
				for _, p := range l {
					got = append(got, p.(map[string]any)["JobId"].(string))
				}
				if token, _ = out["NextToken"].(string); token == "" {
					break
				}
				if len(l) < size {
					t.Fatalf("a page of %d has %d, and a next one", size, len(l))
				}
			}
			want := slices.Clone(x.want)
			if strings.Contains(x.filter, "Before") { // from the oldest
				slices.Reverse(want)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s by %d: %d jobs, want %d\n%v\n%v", x.filter, size, len(got), len(want), got, want)
			}
		}
	}
	token := h.must("ListKeyPhrasesDetectionJobs", `{"MaxResults":1,"Filter":{"JobName":"n1"}}`)["NextToken"].(string)
	_, err := h.ask("ListSentimentDetectionJobs", `{"Filter":{"JobName":"n1"},"NextToken":"`+token+`"}`)
	h.refused(err, "InvalidRequestException", "next token")
	for _, x := range []struct{ in, code string }{
		{`{"Filter":{"JobName":"a","JobStatus":"FAILED"}}`, "InvalidFilterException"},
		{`{"Filter":{"SubmitTimeAfter":"2026-01-01T00:00:00Z","SubmitTimeBefore":"2026-01-02T00:00:00Z"}}`, "InvalidFilterException"},
		{`{"NextToken":"*"}`, "InvalidRequestException"},
		{`{"Filter":{"JobName":"n0"},"NextToken":"` + token + `"}`, "InvalidRequestException"},
		{`{"MaxResults":501}`, "Invalid"},
		{`{"Filter":{"JobStatus":"SLEEPING"}}`, "Invalid"},
	} {
		_, err := h.ask("ListKeyPhrasesDetectionJobs", x.in)
		h.refused(err, x.code)
	}
}

// TestMirrored: of topics and recognisers AWS tells the other order (Comprehend API Reference, TopicsDetectionJobFilter, EntityRecognizerFilter).
func TestMirrored(t *testing.T) {
	h := custodian(t)
	const then = "2026-03-04T05:06:08Z"
	var ids, arns []string
	for i := range 4 {
		h.now = h.now.Add(time.Second)
		ids = append(ids, h.must("StartTopicsDetectionJob", with(""))["JobId"].(string))
		arns = append(arns, first(h.must("CreateEntityRecognizer", recognizer(map[string]string{"VersionName": fmt.Sprintf(`"v%d"`, i)}))))
	}
	told := func(op, filter, member string) (out []string) {
		token := ""
		for {
			page := h.must(op, `{"MaxResults":1,"Filter":{`+filter+`}`+token+`}`)
			for k, v := range page {
				if strings.HasSuffix(k, "PropertiesList") {
					out = append(out, v.([]any)[0].(map[string]any)[member].(string))
				}
			}
			if page["NextToken"] == nil {
				return out
			}
			token = `,"NextToken":"` + page["NextToken"].(string) + `"`
		}
	}
	after, before := `"SubmitTimeAfter":"`+then+`"`, `"SubmitTimeBefore":"2026-03-04T05:07:00Z"`
	for _, x := range []struct {
		op, filter, member string
		want               []string
	}{
		{"ListTopicsDetectionJobs", after, "JobId", ids},
		{"ListEntityRecognizers", after, "EntityRecognizerArn", arns},
		{"ListTopicsDetectionJobs", before, "JobId", []string{ids[3], ids[2], ids[1], ids[0]}},
		{"ListEntityRecognizers", before, "EntityRecognizerArn", []string{arns[3], arns[2], arns[1], arns[0]}},
	} {
		if got := told(x.op, x.filter, x.member); !slices.Equal(got, x.want) {
			t.Errorf("%s %s: %q, want %q", x.op, x.filter, got, x.want)
		}
	}
}

// TestOlderJob: a job of a ledger that did not keep the call yet is still told.
func TestOlderJob(t *testing.T) {
	h := open(t)
	err := h.db.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Put(store.Row{Key: store.Key{Scope: store.Scope{Partition: "aws", Account: account, Region: region}, Kind: "job", ID: "0123456789abcdef0123456789abcdef"},
			Value: []byte(`{"ID":"0123456789abcdef0123456789abcdef","ARN":"arn:j","Kind":"dominant-language-detection","Name":"n","RoleARN":"arn:r","InputURI":"s3://b/in","InputFormat":"ONE_DOC_PER_LINE",
				"OutputObject":"s3://b/out/output.tar.gz","Network":{"Subnets":["subnet-1"],"Groups":["sg-1"]},"State":"COMPLETED","Cleaned":true}`),
			Terms: []store.Term{{Name: "kind", Value: "dominant-language-detection"}}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(h.must("DescribeDominantLanguageDetectionJob", `{"JobId":"0123456789abcdef0123456789abcdef"}`))
	for _, want := range []string{"s3://b/in", "ONE_DOC_PER_LINE", "s3://b/out/output.tar.gz", "arn:r", "subnet-1", "sg-1", "COMPLETED", "JobName:n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	if l := fmt.Sprint(h.must("ListDominantLanguageDetectionJobs", `{}`)); !strings.Contains(l, "s3://b/in") {
		t.Errorf("the list is %s", l)
	}
}

// BenchmarkList reads a page of a hundred of 10,000 jobs, all of them or by a condition.
func BenchmarkList(b *testing.B) {
	h := open(b)
	begin := h.now
	err := h.db.Update(b.Context(), func(tx store.Tx) error {
		for i := range 10_000 {
			j := job.Job{ID: newID(begin.Add(time.Duration(i)*time.Second), world.Real{}), Kind: "topics-detection", Name: fmt.Sprint("n", i%100), State: job.Completed, Cleaned: true,
				Spec: []byte(`{"OutputDataConfig":{},"NumberOfTopics":10}`)}
			j.ARN = j.ID
			if err := rows.Jobs.Create(tx, store.Scope{Partition: "aws", Account: account, Region: region}, j.ID, &j); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, x := range []struct{ name, in string }{
		{"all", `{}`},
		{"name", `{"Filter":{"JobName":"n7"}}`},
		{"status", `{"Filter":{"JobStatus":"COMPLETED"}}`},
		{"none", `{"Filter":{"JobStatus":"FAILED"}}`},
		{"after", `{"Filter":{"SubmitTimeAfter":"2026-03-04T06:06:07Z"}}`},
	} {
		b.Run(x.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := h.ask("ListTopicsDetectionJobs", x.in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
