package wire

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloister/internal/core/fault"
)

func TestFaultFieldsThatAreHeaders(t *testing.T) {
	s := Open().Service("s3")
	f := fault.New("PermanentRedirect", "Elsewhere.").With(301).Field("x-amz-bucket-region", "eu-west-1").Field("BucketName", "b")
	w := httptest.NewRecorder()
	EncodeFault(w, httptest.NewRequest(http.MethodHead, "/b", nil), s, s.Operation("HeadBucket"), f, "r")
	if got := w.Header().Get("x-amz-bucket-region"); got != "eu-west-1" || w.Body.Len() != 0 {
		t.Errorf("HEAD: region %q, body %q", got, w.Body)
	}
	w = httptest.NewRecorder()
	EncodeFault(w, httptest.NewRequest(http.MethodGet, "/b", nil), s, s.Operation("GetBucketLocation"), f, "r")
	if b := w.Body.String(); strings.Contains(b, "x-amz-") || !strings.Contains(b, "<BucketName>b</BucketName>") {
		t.Errorf("GET: %s", b)
	}
	w = httptest.NewRecorder()
	EncodeFault(w, httptest.NewRequest(http.MethodGet, "/b/k", nil), s, s.Operation("GetObject"), fault.New("NotModified", "").With(304).Field("ETag", `"x"`), "r")
	if w.Code != 304 || w.Header().Get("ETag") != `"x"` {
		t.Errorf("304: %d %v", w.Code, w.Header())
	}
}
