package job

import "encoding/json"

// Answer is what an analyser says about one text at once: the JSON members of the result as the output of a job has them, or a refusal.
type Answer struct {
	Members       json.RawMessage
	Code, Message string // of a document's error: DOCUMENT_SIZE_EXCEEDED, ...; empty: none
}
