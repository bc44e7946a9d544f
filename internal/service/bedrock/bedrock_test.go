package bedrock

import "testing"

func TestSheets(t *testing.T) {
	for _, err := range sheet.Verify(nil) {
		t.Error(err)
	}
	// The models behind a router are not known before it chooses; the three others are of stateful invocations, which the
	// operations here are not. The key of profiles is the model's behind one (see behind).
	for _, err := range runtime.Verify(nil, "bedrock:PromptRouterArn", "bedrock:ModelArn", "bedrock:ProjectArn", "bedrock:InferenceProfileArn") {
		t.Error(err)
	}
}
