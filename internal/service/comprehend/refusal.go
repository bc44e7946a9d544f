package comprehend

import (
	"fmt"

	"cloister/internal/core/fault"
)

// sentences are AWS's own of its exceptions. Source: Comprehend API Reference, the errors of its operations. Of ResourceNotFoundException and
// TextSizeLimitExceededException the words that its endpoints really use are known, and told where they are thrown.
var sentences = map[string]string{
	"BatchSizeLimitExceededException": "The number of documents in the request exceeds the limit of 25. Try your request again with fewer documents.",
	"InvalidFilterException":          "The filter specified for the operation is invalid. Specify a different filter.",
	"JobNotFoundException":            "The specified job was not found. Check the job ID and try again.",
	"KmsKeyValidationException":       "The KMS customer managed key (CMK) entered cannot be validated. Verify the key and re-enter it.",
	"ResourceLimitExceededException":  "The maximum number of resources per account has been exceeded. Review the resources, and then try your request again.",
	"ResourceUnavailableException":    "The specified resource is not available. Check the resource and try your request again.",
	"TooManyRequestsException":        "The number of requests exceeds the limit. Resubmit your request later.",
	"TooManyTagKeysException":         "The request contains more tag keys than can be associated with a resource (50 tag keys per resource).",
	"TooManyTagsException":            "The request contains more tags than can be associated with a resource (50 tags per resource). The maximum number of tags includes both existing tags and those included in your current request.",
	"UnsupportedLanguageException":    "Amazon Comprehend can't process the language of the input text.",
}

// nameInUse is ResourceInUseException's sentence of names; what is in use otherwise has ours.
const nameInUse = "The specified resource name is already in use. Use a different name and try your request again. "

// refuse is an exception in AWS's words, with what is known of this case behind them.
func refuse(code, format string, a ...any) *fault.Fault {
	return fault.New(code, "%s", sentences[code]+" "+fmt.Sprintf(format, a...))
}

// notFound is what AWS's endpoints say of an ARN that names nothing.
func notFound() *fault.Fault {
	return fault.New("ResourceNotFoundException", "RESOURCE_NOT_FOUND: Could not find specified resource.")
}
