package sagemaker

import "testing"

func TestSheet(t *testing.T) {
	for _, err := range sheet.Verify(nil, "sagemaker:ResourceTag/*", "sagemaker:TaggingAction") {
		t.Error(err)
	}
}
