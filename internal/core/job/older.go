package job

import "encoding/json"

// UnmarshalJSON reads the rows of older ledgers too, which had one input and spoke of it otherwise.
func (j *Job) UnmarshalJSON(b []byte) error {
	type plain Job
	old := struct {
		*plain
		InputURI, InputFormat string
	}{plain: (*plain)(j)}
	if err := json.Unmarshal(b, &old); err != nil {
		return err
	}
	if len(j.Inputs) == 0 && old.InputURI != "" {
		j.Inputs = []Input{{Role: Documents, URI: old.InputURI, Format: old.InputFormat}}
		j.Setup = Setup{Kind: j.Kind, Format: old.InputFormat, Limit: Kinds()[j.Kind].Limits.Document}
	}
	return nil
}
