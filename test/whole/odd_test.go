package whole_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestOddTrainings: training data that is odd but right is learnt from: marks of UTF-8, CRLF, quotes with line ends, blank lines, labels as long
// as AWS admits.
func TestOddTrainings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	long := strings.Repeat("Ü", 4999) // and one character
	var table, manifest, text, marks strings.Builder
	table.WriteString("\ufeff")
	manifest.WriteString("\ufeff\r\n\r\n")
	text.WriteString("\ufeff")
	marks.WriteString("\ufeffFile, Line, Begin Offset, End Offset, Type\r\n")
	for i := range 40 {
		class, words := long+"A", fmt.Sprintf("Porridge, eggs and \"\"toast\"\"\r\nnumber %d are on the table", i)
		if i%2 == 1 {
			class, words = long+"B", fmt.Sprintf("Rain and wind\nnumber %d come from the west", i)
		}
		fmt.Fprintf(&table, "%s,\"%s\"\r\n", class, words)
		line, err := json.Marshal(dict{"source": words, "more": []int{1}, "kind": i % 2, "kind-metadata": dict{"class-name": class, "type": "groundtruth/text-classification"}})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&manifest, "%s\r\n\r\n", line)
		fmt.Fprintf(&text, "On day %02d they ate Grüße %d again.\r\n", i, 100+i)
		fmt.Fprintf(&marks, "odd.txt, %d, 19, 28, \"MEAL\"\r\n", i)
	}
	s.put(s.bucket, "odd.csv", []byte(table.String()))
	s.put(s.bucket, "odd.jsonl", []byte(manifest.String()))
	s.put(s.bucket, "odd.txt", []byte(text.String()))
	s.put(s.bucket, "marks.csv", []byte(marks.String()))
	s.put(s.bucket, "in/d.txt", []byte("Eggs and toast are on the table\nRain comes from the west\n"))
	for name, input := range map[string]dict{
		"csv":      {"S3Uri": "s3://" + s.bucket + "/odd.csv"},
		"manifest": {"DataFormat": "AUGMENTED_MANIFEST", "AugmentedManifests": []dict{{"S3Uri": "s3://" + s.bucket + "/odd.jsonl", "AttributeNames": []string{"kind"}}}},
	} {
		arn := s.create(s.classifier(name, "", dict{"InputDataConfig": input, "OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out"}}))
		p := s.settled(arn)
		if p["Status"] != "TRAINED" || p["ClassifierMetadata"].(dict)["NumberOfLabels"] != 2. {
			t.Fatalf("%s: %v\n%s", name, p, s.why(arn))
		}
		var matrix struct{ Labels []string }
		if err := json.Unmarshal(s.member(p["OutputDataConfig"].(dict)["S3Uri"].(string), "confusion_matrix.json"), &matrix); err != nil || !slices.Equal(matrix.Labels, []string{long + "A", long + "B"}) {
			t.Errorf("%s: %d labels, %v", name, len(matrix.Labels), err)
		}
		out, err := s.call("StartDocumentClassificationJob", s.input(dict{"DocumentClassifierArn": arn, "VpcConfig": nil}))
		if err != nil {
			t.Fatal(err)
		}
		d := s.ended("DocumentClassificationJob", out["JobId"].(string))
		for line, class := range map[string]string{"d.txt:0": long + "A", "d.txt:1": long + "B"} {
			best := s.results(d)[line]["Classes"].([]any)[0].(dict)["Name"].(string)
			if best != class {
				t.Errorf("%s, %s: a class of %d bytes that ends in %s", name, line, len(best), best[max(0, len(best)-3):])
			}
		}
	}
	out, err := s.call("CreateEntityRecognizer", dict{"RecognizerName": "odd", "DataAccessRoleArn": s.role, "LanguageCode": "en", "InputDataConfig": dict{"EntityTypes": []dict{{"Type": "MEAL"}},
		"Documents": dict{"S3Uri": "s3://" + s.bucket + "/odd.txt", "InputFormat": "ONE_DOC_PER_LINE"}, "Annotations": dict{"S3Uri": "s3://" + s.bucket + "/marks.csv"}}})
	if err != nil {
		t.Fatal(err)
	}
	p := s.trained("DescribeEntityRecognizer", "EntityRecognizerArn", out["EntityRecognizerArn"].(string))
	if p["Status"] != "TRAINED" {
		t.Fatalf("%v\n%s", p, s.why(p["EntityRecognizerArn"].(string)))
	}
	s.put(s.bucket, "find/d.txt", []byte("On day 77 they ate Grüße 123 again.\n"))
	out, err = s.call("StartEntitiesDetectionJob", s.input(dict{"EntityRecognizerArn": p["EntityRecognizerArn"], "LanguageCode": "en", "VpcConfig": nil,
		"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/find/", "InputFormat": "ONE_DOC_PER_LINE"}}))
	if err != nil {
		t.Fatal(err)
	}
	found := s.results(s.ended("EntitiesDetectionJob", out["JobId"].(string)))["d.txt:0"]["Entities"].([]any)
	if len(found) != 1 || found[0].(dict)["Text"] != "Grüße 123" || found[0].(dict)["BeginOffset"] != 19. {
		t.Errorf("%v", found)
	}
}
