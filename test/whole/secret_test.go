package whole_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/sigv4"
)

// TestSecrets uses secrets of every kind and looks for them in the log and in every file, those of the objects too.
func TestSecrets(t *testing.T) {
	t.Parallel()
	h := open(t)
	s := siteIn(t, h)
	const text = "Xyzzyplugh the wizard keeps this sentence from the log."
	s.slow()
	s.put(s.bucket, "in/secret.txt", bytes.Repeat([]byte(text+"\n"), 20000))
	hidden := map[string]string{"a document": "Xyzzyplugh", "the operator's secret": h.op.Secret, "a root's secret": s.Creds.Secret}

	u := s.user("bearer", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	hidden["a user's secret"] = u.Creds.Secret
	s.newRole("Session", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+s.account+`"},"Action":"sts:AssumeRole"}]}`, dataAccess())
	n := u.must("sts", "AssumeRole", "RoleArn", "arn:aws:iam::"+s.account+":role/Session", "RoleSessionName", "bearer")
	session := s.as(sigv4.Credentials{AccessKey: n.text("AccessKeyId"), Secret: n.text("SecretAccessKey"), Token: n.text("SessionToken")})
	hidden["a session's secret"], hidden["a session's token"] = session.Creds.Secret, session.Creds.Token
	session.must("sts", "GetCallerIdentity")
	if _, err := session.Object(t.Context(), http.MethodGet, s.bucket, "in/secret.txt", nil, nil); err != nil {
		t.Fatal(err)
	}

	// Presigned, refused and garbled requests; each shows something that must not be kept.
	get := request{method: http.MethodGet, service: "s3", path: "/" + s.bucket + "/in/secret.txt", creds: session.Creds, expires: time.Minute}
	if res, _ := get.send(t, s.Endpoint); res.StatusCode != 200 {
		t.Fatalf("presigned: %d", res.StatusCode)
	}
	late := get
	late.at = time.Now().Add(-time.Hour)
	late.send(t, s.Endpoint)
	bad := get
	bad.expires = 0
	bad.creds.Secret = "aWrongSecretThatSomebodyMistyped"
	hidden["a wrong secret"] = bad.creds.Secret
	bad.send(t, s.Endpoint)
	mixed := request{method: "POST", service: "sts", path: "/", creds: session.Creds, unsigned: true, query: url.Values{"X-Amz-Security-Token": {session.Creds.Token}},
		header: http.Header{"Authorization": {"Bearer AuthorizationOfAnotherKind"}, "X-Amz-Target": {"Xyzzyplugh.Nothing"}}}
	hidden["another kind of authorization"] = "AuthorizationOfAnotherKind"
	mixed.send(t, s.Endpoint)
	u.ask("sts", "AssumeRoleWithWebIdentity", "RoleArn", "arn:aws:iam::"+s.account+":role/Session", "RoleSessionName", "web", "WebIdentityToken", "TokenOfTheWebIdentity")
	hidden["a web identity's token"] = "TokenOfTheWebIdentity"
	// Text that a client sends for analysis at once.
	_, _ = s.call("DetectDominantLanguage", dict{"Text": text})
	_, _ = s.call("BatchDetectDominantLanguage", dict{"TextList": []string{text}})
	// Log events: kept, refused, and tried against a pattern.
	hidden["a log event"] = "Frobozzwidget"
	s.mustJSON("logs", logsTarget+"CreateLogGroup", dict{"logGroupName": "/secret"})
	s.mustJSON("logs", logsTarget+"CreateLogStream", dict{"logGroupName": "/secret", "logStreamName": "s"})
	entry := dict{"timestamp": time.Now().UnixMilli(), "message": "Frobozzwidget is what the application wrote"}
	s.mustJSON("logs", logsTarget+"PutLogEvents", dict{"logGroupName": "/secret", "logStreamName": "s", "logEvents": []dict{entry}})
	_, disorder := s.json("logs", logsTarget+"PutLogEvents", dict{"logGroupName": "/secret", "logStreamName": "s", "logEvents": []dict{entry, {"timestamp": 1, "message": "Frobozzwidget"}}})
	s.refused(disorder, 400, "InvalidParameterException")
	s.mustJSON("logs", logsTarget+"TestMetricFilter", dict{"filterPattern": "is", "logEventMessages": []string{"Frobozzwidget is"}})
	if got, err := s.messages("/secret", "s"); err != nil || len(got) != 1 {
		t.Error(got, err)
	}

	// What KMS opens, makes and hides.
	key := s.newKey()
	blob := s.kms("Encrypt", dict{"KeyId": key, "Plaintext": []byte("PloverIsEncrypted"), "EncryptionContext": dict{"a": "b"}})["CiphertextBlob"]
	s.kms("Decrypt", dict{"CiphertextBlob": blob, "EncryptionContext": dict{"a": "b"}})
	hidden["an encrypted text"] = "PloverIsEncrypted"
	plain := func(what string, out dict, member string) {
		t.Helper()
		b, err := base64.StdEncoding.DecodeString(out[member].(string))
		if err != nil || len(b) < 32 {
			t.Fatalf("%s: %d bytes, %v", what, len(b), err)
		}
		hidden[what] = string(b[len(b)-32:]) // of a key pair, private numbers
	}
	plain("a data key", s.kms("GenerateDataKey", dict{"KeyId": key, "KeySpec": "AES_256"}), "Plaintext")
	plain("a private key", s.kms("GenerateDataKeyPair", dict{"KeyId": key, "KeyPairSpec": "RSA_2048"}), "PrivateKeyPlaintext")
	plain("random bytes", s.kms("GenerateRandom", dict{"NumberOfBytes": 32}), "Plaintext")
	for _, ask := range []dict{{"CiphertextBlob": []byte("PloverIsNoCiphertext")}, {"CiphertextBlob": blob, "EncryptionContext": dict{"a": "c"}}} {
		if err := s.JSON(t.Context(), "kms", "TrentService.Decrypt", ask, nil); err == nil {
			t.Error("it was decrypted")
		}
	}
	s.put(s.bucket, "in/by-key.txt", []byte(text))

	id := s.start(nil)
	scratch := 0
	until(t, time.Minute, "the job to end", func() bool {
		if os.Geteuid() == 0 {
			for pid := range tree(h.cmd.Process.Pid) {
				scratch += sealed(t, pid)
			}
		}
		st := s.describe(id).JobStatus
		return st != "SUBMITTED" && st != "IN_PROGRESS"
	})
	if p := s.describe(id); p.JobStatus != "COMPLETED" {
		t.Fatalf("the job is %s: %s", p.JobStatus, p.Message)
	}
	if os.Geteuid() == 0 && scratch == 0 {
		t.Error("the agent's scratch was never seen")
	}
	s.why(s.describe(id).JobArn)

	files := map[string][]byte{}
	grab := func(name, path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = b
	}
	err := filepath.WalkDir(h.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(h.data, path)
		if d.Type().IsRegular() {
			grab(rel, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files["ledger.db"])+len(files["ledger.db-wal"]) < 10000 || !bytes.Contains(append(files["ledger.db"], files["ledger.db-wal"]...), []byte("AssumeRole")) {
		t.Fatal("the ledger was not read")
	}
	grab("log", h.log)
	for name, b := range files {
		for what, secret := range hidden {
			for form, x := range map[string]string{"": secret, " in base64": base64.StdEncoding.EncodeToString([]byte(secret)), " in hex": hex.EncodeToString([]byte(secret)), " in a query": url.QueryEscape(secret)} {
				if x != "" && bytes.Contains(b, []byte(x)) {
					t.Errorf("%s holds %s%s: %s", name, what, form, around(b, x))
				}
			}
		}
		for _, x := range []string{"X-Amz-Signature", "x-amz-signature", "AWS4-HMAC-SHA256", "Signature=", "X-Amz-Security-Token"} {
			if bytes.Contains(b, []byte(x)) {
				t.Errorf("%s holds a part of a signature: %s", name, around(b, x))
			}
		}
	}
	if !strings.Contains(string(files["log"]), `"msg":"call"`) {
		t.Error("the log was not read")
	}
}

func around(b []byte, x string) string {
	i := bytes.Index(b, []byte(x))
	return fmt.Sprintf("%q", b[max(0, i-60):min(len(b), i+len(x)+20)])
}

// sealed looks into an agent's file without a name and counts it when something is there; neither documents nor results may
// be read in it.
func sealed(t testing.TB, pid int) int {
	n := 0
	links, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "fd", "*"))
	for _, l := range links {
		to, err := os.Readlink(l)
		if err != nil || !strings.Contains(to, "(deleted)") || strings.Contains(to, "memfd:") {
			continue
		}
		b, err := os.ReadFile(l)
		if err != nil || len(b) == 0 {
			continue
		}
		n++
		for _, x := range []string{"Xyzzyplugh", "LanguageCode", "quick brown"} {
			if bytes.Contains(b, []byte(x)) {
				t.Errorf("the scratch shows %q", x)
			}
		}
	}
	return n
}
