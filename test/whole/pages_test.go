package whole_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloister/internal/work/page/pagetest"
)

// TestPages: a classifier reads PDF and Word files, page by page, in a job in a VPC and at an endpoint; what it cannot read is an error of that file alone.
func TestPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "train.csv", []byte(meals()))
	arn := s.create(s.classifier("meals", "train.csv", dict{}))
	if p := s.settled(arn); p["Status"] != "TRAINED" {
		t.Fatalf("%v: %v", p["Status"], p["Message"])
	}
	const food, rain = "Porridge, eggs and toast\nare on the table", "Rain and wind come from the west"
	for name, b := range map[string][]byte{
		"1.pdf": pagetest.PDF(food, rain, ""), "1b.pdf": bytes.Replace(pagetest.PDF(food, "lost", rain), []byte("[ 4 0 R 6 0 R "), []byte("[ 4 0 R 1 0 R "), 1), "2.docx": pagetest.DOCX(rain, food), "3.txt": []byte(food), "4.pdf": []byte("%PDF-1.7 and no more"),
		"5.png": []byte("\x89PNG\r\n\x1a\n..."), "6.pdf": pagetest.PDF(make([]string, 101)...), "7.txt": []byte("no UTF-8: \xff"),
	} {
		s.put(s.bucket, "files/"+name, b)
	}
	out, err := s.call("StartDocumentClassificationJob", s.input(dict{"DocumentClassifierArn": arn,
		"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/files/", "InputFormat": "ONE_DOC_PER_FILE", "DocumentReaderConfig": dict{"DocumentReadAction": "TEXTRACT_DETECT_DOCUMENT_TEXT"}}}))
	if err != nil {
		t.Fatal(err)
	}
	p := s.ended("DocumentClassificationJob", out["JobId"].(string))
	if p["JobStatus"] != "COMPLETED" {
		t.Fatalf("%v\n%s", p, s.why(p["JobArn"].(string)))
	}
	type line struct {
		File, DocumentType, ErrorCode string
		DocumentMetadata              struct{ PageNumber, Pages int }
		Classes                       []struct{ Name string }
		Errors                        []struct {
			ErrorCode string
			Page      int
		}
	}
	var got []string
	for _, b := range strings.Split(strings.TrimSpace(string(s.member(p["OutputDataConfig"].(dict)["S3Uri"].(string), "predictions.jsonl"))), "\n") {
		var l line
		if err := json.Unmarshal([]byte(b), &l); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		what := l.ErrorCode
		if len(l.Classes) > 0 {
			what += l.Classes[0].Name
		}
		for _, e := range l.Errors {
			what += fmt.Sprint(e)
		}
		got = append(got, fmt.Sprintf("%s %d/%d %s %s", l.File, l.DocumentMetadata.PageNumber, l.DocumentMetadata.Pages, l.DocumentType, what))
	}
	want := []string{"1.pdf 1/3 NativePDF BREAKFAST", "1.pdf 2/3 NativePDF WEATHER", "1.pdf 3/3 ScannedPDF {TEXTRACT_BAD_PAGE 3}",
		"1b.pdf 1/3 NativePDF BREAKFAST", "1b.pdf 2/3 NativePDF {TEXTRACT_BAD_PAGE 2}", "1b.pdf 3/3 NativePDF WEATHER", "2.docx 1/2 MSWord WEATHER", "2.docx 2/2 MSWord BREAKFAST",
		"3.txt 0/0  BREAKFAST", "4.pdf 0/0  UNSUPPORTED_DOC_TYPE", "5.png 0/0  UNSUPPORTED_DOC_TYPE", "6.pdf 0/0  PAGE_LIMIT_EXCEEDED", "7.txt 0/0  UNSUPPORTED_ENCODING"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	if out, err = s.call("CreateEndpoint", dict{"EndpointName": "meals", "ModelArn": arn, "DesiredInferenceUnits": 10}); err != nil {
		t.Fatal(err)
	}
	end := out["EndpointArn"].(string)
	s.serves(end, "IN_SERVICE")
	for _, x := range []struct {
		file        []byte
		class, kind string
	}{{pagetest.PDF(food), "BREAKFAST", "NATIVE_PDF"}, {pagetest.DOCX(rain), "WEATHER", "MS_WORD"}, {[]byte(food), "BREAKFAST", "PLAIN_TEXT"}} {
		out, err := s.call("ClassifyDocument", dict{"EndpointArn": end, "Bytes": x.file})
		if err != nil {
			t.Fatal(err)
		}
		c := out["Classes"].([]any)[0].(dict)
		if c["Name"] != x.class || c["Page"] != 1. || out["DocumentType"].([]any)[0].(dict)["Type"] != x.kind || out["DocumentMetadata"].(dict)["Pages"] != 1. || out["Errors"] != nil {
			t.Errorf("%v, want %s of %s", out, x.class, x.kind)
		}
	}
	_, err = s.call("ClassifyDocument", dict{"EndpointArn": end, "Bytes": pagetest.PDF(food, rain)})
	s.refused(err, 400, "InvalidRequestException", "more pages than the 1")
	_, err = s.call("ClassifyDocument", dict{"EndpointArn": end, "Bytes": []byte("%PDF-1.7 broken")})
	s.refused(err, 400, "InvalidRequestException", "damaged")
	out, err = s.call("ClassifyDocument", dict{"EndpointArn": end, "Bytes": pagetest.PDF(strings.Repeat("Porridge, eggs and toast\n", 450))})
	if list, _ := out["Errors"].([]any); err != nil || len(list) != 1 || list[0].(dict)["ErrorCode"] != "PAGE_CHARACTERS_EXCEEDED" || list[0].(dict)["Page"] != 1. {
		t.Errorf("a page of 11,000 characters: %v, %v", out, err)
	}
}

// TestPagesShared: files are shared out among instances whole, and what is delivered is what one instance delivers, in its order.
func TestPagesShared(t *testing.T) {
	t.Parallel()
	s := siteIn(t, open(t, "-instances", "3", "-instance-bytes", "20000"))
	s.admitGroup(s.group, s.group, 7788)
	s.put(s.bucket, "train.csv", []byte(meals()))
	arn := s.create(s.classifier("meals", "train.csv", dict{}))
	if p := s.settled(arn); p["Status"] != "TRAINED" {
		t.Fatalf("%v: %v", p["Status"], p["Message"])
	}
	const food, rain = "Porridge, eggs and toast\nare on the table", "Rain and wind come from the west"
	for i := range 24 {
		b := pagetest.PDF(food, rain, "", strings.Repeat(food+"\n", i))
		switch i % 6 {
		case 3:
			b = pagetest.DOCX(rain, food)
		case 4:
			b = b[:len(b)/3]
		case 5:
			b = []byte(strings.Repeat(rain+"\n", 1000*i)) // a shard has 256 KiB at least
		}
		s.put(s.bucket, fmt.Sprintf("files/%02d", i), b)
	}
	var want string
	for _, over := range []dict{{"VpcConfig": nil}, {}} {
		over["DocumentClassifierArn"], over["InputDataConfig"] = arn, dict{"S3Uri": "s3://" + s.bucket + "/files/", "InputFormat": "ONE_DOC_PER_FILE"}
		out, err := s.call("StartDocumentClassificationJob", s.input(over))
		if err != nil {
			t.Fatal(err)
		}
		most := 0
		until(t, 5*time.Minute, "the job to end", func() bool {
			n := s.must("ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "description", "Filter.1.Value.1", "Amazon Comprehend job "+out["JobId"].(string)+"*")
			most = max(most, len(n.all("subnetId")))
			return s.job("DocumentClassificationJob", out["JobId"].(string))["EndTime"] != nil
		})
		p := s.ended("DocumentClassificationJob", out["JobId"].(string))
		if p["JobStatus"] != "COMPLETED" {
			t.Fatalf("%v\n%s", p, s.why(p["JobArn"].(string)))
		}
		got := string(s.member(p["OutputDataConfig"].(dict)["S3Uri"].(string), "predictions.jsonl"))
		if want == "" {
			want = got
			continue
		}
		if most < 2 {
			t.Errorf("%d instances", most)
		}
		if got != want || strings.Count(got, "\n") < 60 {
			t.Errorf("several instances give\n%s\nand one\n%s", got, want)
		}
	}
}
