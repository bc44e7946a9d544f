package tagging

import (
	"testing"

	"cloister/test/question"
)

func TestSheet(t *testing.T) {
	for _, err := range sheet.Verify(nil) {
		t.Error(err)
	}
}

// Source: Service Authorization Reference, list_amazonresourcegrouptaggingapi: no resource types, no condition keys.
func TestQuestions(t *testing.T) {
	const bucket = "arn:aws:s3:::b"
	question.Check(t, "tagging", Rows(), []question.Case{
		{Name: "all", Op: "GetResources", Want: "tag:GetResources *"},
		{Name: "named ones", Op: "GetResources", In: `{"ResourceARNList":["arn:aws:s3:::b"],"TagFilters":[{"Key":"a","Values":["b"]}]}`, Want: "tag:GetResources *"},
		{Name: "keys", Op: "GetTagKeys", Want: "tag:GetTagKeys *"},
		{Name: "values", Op: "GetTagValues", In: `{"Key":"a"}`, Want: "tag:GetTagValues *"},
		{Name: "tags are no keys of it", Op: "TagResources", In: `{"ResourceARNList":["arn:aws:s3:::b"],"Tags":{"a":"b"}}`, Tagged: map[string]map[string]string{bucket: {"team": "red"}}, Want: "tag:TagResources *"},
		{Name: "nor are keys to take away", Op: "UntagResources", In: `{"ResourceARNList":["arn:aws:s3:::b"],"TagKeys":["a"]}`, Want: "tag:UntagResources *"},
	})
	for _, r := range Rows() {
		if r.ReadOnly != (r.Name[0] == 'G') {
			t.Errorf("%s: read only %v", r.Name, r.ReadOnly)
		}
	}
}
