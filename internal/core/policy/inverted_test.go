package policy

import "testing"

func TestInverted(t *testing.T) {
	for element, want := range map[string]bool{
		`"Action":"a:B","Resource":"*"`:             false,
		`"NotAction":"a:B","Resource":"*"`:          true,
		`"Not\u0041ction":"a:B","Resource":"*"`:     true,
		`"Action":"a:B","NotResource":"arn:x:y:::"`: true,
	} {
		d, err := Read([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"c:D","Resource":"*"},{"Effect":"Allow",`+element+`}]}`), Identity)
		if err != nil {
			t.Errorf("%s: %v", element, err)
		} else if d.Inverted() != want {
			t.Errorf("%s: %t", element, !want)
		}
	}
}
