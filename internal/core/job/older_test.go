package job

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestOlderRows(t *testing.T) {
	var j Job
	if err := json.Unmarshal([]byte(`{"ID":"j1","Kind":"dominant-language-detection","InputURI":"s3://b/in/","InputFormat":"ONE_DOC_PER_LINE","State":"COMPLETED","Network":{"Subnets":["subnet-1"]}}`), &j); err != nil {
		t.Fatal(err)
	}
	if len(j.Inputs) != 1 || j.Inputs[0].URI != "s3://b/in/" || j.Setup.Kind != j.Kind || j.Setup.Limit != mb || j.State != Completed || j.Network == nil {
		t.Errorf("%+v", j)
	}
	b, err := json.Marshal(&j)
	if err != nil {
		t.Fatal(err)
	}
	var again Job
	if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(j, again) {
		t.Errorf("%+v, %v", again, err)
	}
}
