package daemon

import (
	"bytes"
	"strings"
	"testing"

	"cloister/internal/work/frame"
)

// An analyser that is asked at once may answer anything: the answers of one call fill no more of the daemon than is allowed to them all, and what
// it refuses asks nobody for rights.
func TestAnswersAreBounded(t *testing.T) {
	said := func(kind frame.Kind, texts ...string) *analyser {
		var b bytes.Buffer
		for _, s := range texts {
			if err := frame.Write(&b, kind, []byte(s)); err != nil {
				t.Fatal(err)
			}
		}
		return &analyser{r: frame.NewReader(&b)}
	}
	part := `"` + strings.Repeat("a", answerMax/4) + `"`
	if got, err := said(frame.Result, part, part, part).answers(3); err != nil || len(got) != 3 {
		t.Errorf("%d answers, %v", len(got), err)
	}
	if _, err := said(frame.Result, part, part, part, part).answers(4); err == nil {
		t.Error("more than the answers of a call may be was taken")
	}
	got, err := said(frame.Refusal, `{"ErrorCode":"NO_READ_ACCESS_TO_INPUT","ErrorMessage":"Allow *."}`, `{"ErrorCode":"TOO_ODD","ErrorMessage":"a\u001b[2Jb"}`).answers(2)
	if err != nil || got[0].Code != "INTERNAL_ERROR" || strings.Contains(got[0].Message, "Allow") || got[1].Code != "TOO_ODD" || got[1].Message != "a [2Jb" {
		t.Errorf("%+v, %v", got, err)
	}
}
