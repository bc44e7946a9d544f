package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPolicyCheck(t *testing.T) {
	dir := t.TempDir()
	write := func(name, action string) string {
		p := filepath.Join(dir, name)
		text := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","` + action + `,"Resource":"*"}}`
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	clean := write("clean.json", `Action":"s3:GetObject"`)
	broad := write("broad.json", `NotAction":"s3:GetObject"`)
	wrong := write("wrong.json", `Action":"s3:GetObjct"`)
	const typo = `{"Statement":{"Effect":"Allow","Action":"s3:GetObjct","Resource":"*"}}`
	for _, c := range []struct {
		args   []string
		stdin  string
		status int
		out    string
	}{
		{[]string{clean}, "", 0, ""},
		{[]string{broad}, "", 0, broad + ":1:67: warning: Allow with NotAction allows every action but those listed, of every service and of those to come (list the actions to allow in Action, or use Deny)\n"},
		{[]string{clean, wrong}, "", 1, wrong + ":1:64: error: s3:GetObjct matches no action of s3 (did you mean s3:GetObject?)\n"},
		{[]string{"-"}, typo, 1, "-:1:41: error: s3:GetObjct matches no action of s3 (did you mean s3:GetObject?)\n"},
		{[]string{"-kind", "endpoint", clean}, "", 1, clean + ":1:37: error: Syntax errors in policy."},
		{[]string{filepath.Join(dir, "absent.json")}, "", 1, ""},
		{[]string{"-"}, strings.Repeat(" ", maxPolicyFile+1), 1, ""},
		{[]string{"-kind", "nonsense", clean}, "", 2, ""},
		{[]string{"-nonsense"}, "", 2, ""},
		{[]string{"-json"}, "", 2, ""},
	} {
		var out bytes.Buffer
		if got := policyCheck(c.args, strings.NewReader(c.stdin), &out); got != c.status {
			t.Errorf("%v: status %d, want %d", c.args, got, c.status)
		}
		if !strings.HasPrefix(out.String(), c.out) || c.out == "" && out.Len() > 0 {
			t.Errorf("%v: %q, want %q", c.args, out.String(), c.out)
		}
	}
	var out bytes.Buffer
	policyCheck([]string{"-json", wrong}, nil, &out)
	var f struct {
		File, Severity, Text string
		Line, Column         int
	}
	if err := json.Unmarshal(out.Bytes(), &f); err != nil || f.File != wrong || f.Severity != "error" || f.Line != 1 || f.Column != 64 {
		t.Errorf("%s gives %+v, %v", out.String(), f, err)
	}
}
