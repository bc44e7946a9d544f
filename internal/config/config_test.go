package config

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	c, err := Parse([]string{"-data", "x", "-listen", "127.0.0.1:0", "-account", "111122223333", "-dev"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if c.ListenTLS != "127.0.0.1:0" || !strings.HasPrefix(c.Data, "/") || c.Account != "111122223333" || !c.Dev {
		t.Errorf("%+v", c)
	}
	if c, err = Parse(nil, io.Discard); err != nil || c.ListenTLS != "127.0.0.1:4567" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, args := range [][]string{{"-account", "12"}, {"-account", "000000000000"}, {"-listen", "nowhere"}, {"-dev", "-listen", "0.0.0.0:4566"}, {"stray"}, {"-unknown"}} {
		if _, err := Parse(args, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

func TestUplinkFlags(t *testing.T) {
	for args, ok := range map[string]bool{"": true, "-uplink": true, "-uplink -uplink-allow 10.0.0.0/8,192.168.1.7/32": true, "-uplink-allow 10.0.0.0/8": false,
		"-uplink -uplink-allow 10.0.0.0": false, "-uplink -uplink-allow fd00::/8": false} {
		c, err := Parse(strings.Fields(args), io.Discard)
		if (err == nil) != ok {
			t.Errorf("%q: %v", args, err)
		}
		if ok && strings.Contains(args, ",") && len(c.UplinkAllow) != 2 {
			t.Errorf("%q: %v", args, c.UplinkAllow)
		}
	}
}

func TestAnalysers(t *testing.T) {
	t.Setenv("CLOISTER_ANALYSERS", "syntax-detection=/a.tar key-phrases-detection=b.tar:v1")
	c, err := Parse(nil, io.Discard)
	if err != nil || len(c.Analysers) != 2 || c.Analysers[0] != (Analyser{"syntax-detection", "/a.tar"}) || !filepath.IsAbs(c.Analysers[1].Image) || !strings.HasSuffix(c.Analysers[1].Image, "/b.tar:v1") {
		t.Errorf("%+v, %v", c.Analysers, err)
	}
	c, err = Parse([]string{"-analyser", "entities-detection=/x=y.tar@sha256:1", "-analyser", "syntax-detection=/z"}, io.Discard)
	if err != nil || len(c.Analysers) != 2 || c.Analysers[0] != (Analyser{"entities-detection", "/x=y.tar@sha256:1"}) {
		t.Errorf("%+v, %v", c.Analysers, err)
	}
	for _, args := range []string{"-analyser x", "-analyser =x", "-analyser x=", "-analyser x=/a -analyser x=/b", "-analyser-memory 1000"} {
		if _, err := Parse(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
	t.Setenv("CLOISTER_ANALYSERS", "nothing")
	if _, err := Parse(nil, io.Discard); err == nil {
		t.Error("an environment that says nothing is taken")
	}
}

func TestTransit(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte("of-the-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	t.Setenv("CLOISTER_TRANSIT_TOKEN_FILE", "")
	t.Setenv("CLOISTER_TRANSIT_TOKEN", "of-the-environment")
	read := func(root string) (Config, error) { return Parse([]string{"-root-key", root}, io.Discard) }
	for root, want := range map[string]Transit{
		"transit://bao:8200/transit/cloister":                              {Address: "https://bao:8200", Mount: "transit", Key: "cloister"},
		"transit://bao/teams/a/transit/k?namespace=ns1&ca=%2Fetc%2Fca.pem": {Address: "https://bao", Mount: "teams/a/transit", Key: "k", Namespace: "ns1", CA: "/etc/ca.pem"},
		"transit+http://127.0.0.1:8200/transit/k":                          {Address: "http://127.0.0.1:8200", Mount: "transit", Key: "k"},
		"transit+http://localhost/transit/k":                               {Address: "http://localhost", Mount: "transit", Key: "k"},
	} {
		want.Token = "of-the-environment"
		if c, err := read(root); err != nil || c.Transit == nil || *c.Transit != want || c.RootKey != "" {
			t.Errorf("%s: %+v, %v", root, c.Transit, err)
		}
	}
	for _, root := range []string{"transit://bao:8200", "transit://bao/k", "transit:///transit/k", "transit+http://bao/transit/k", "transit+http://10.0.0.1/transit/k",
		"transit://user:secret@bao/transit/k", "transit://bao/transit/k#x", "transit://bao/transit/k?token=secret"} {
		if _, err := read(root); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", root, err)
		}
	}
	if c, err := read("transit.key"); err != nil || c.Transit != nil || !filepath.IsAbs(c.RootKey) {
		t.Errorf("a file: %+v, %v", c, err)
	}
	const root = "transit://bao/transit/k"
	t.Setenv("CLOISTER_TRANSIT_TOKEN_FILE", file)
	if c, err := read(root); err != nil || c.Transit.Token != "of-the-file" {
		t.Errorf("%+v, %v", c.Transit, err)
	}
	t.Setenv("CLOISTER_TRANSIT_TOKEN_FILE", file+".nowhere")
	if _, err := read(root); err == nil {
		t.Error("a token file that is not there was passed over")
	}
	t.Setenv("CLOISTER_TRANSIT_TOKEN_FILE", "")
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if c, err := read(root); err != nil || c.Transit.Token != "of-the-environment" {
		t.Errorf("%+v, %v", c.Transit, err)
	}
	if err := os.Rename(file, filepath.Join(dir, "transit.token")); err != nil {
		t.Fatal(err)
	}
	if c, err := read(root); err != nil || c.Transit.Token != "of-the-file" {
		t.Errorf("%+v, %v", c.Transit, err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	t.Setenv("CLOISTER_TRANSIT_TOKEN", " ")
	if _, err := read(root); err == nil {
		t.Error("no token was needed")
	}
}

func TestRootKeyArguments(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "/run/credentials/cloister")
	from, to, err := RootKey("rewrap", []string{"-data", "d", "-root-key", "a", "-to", "b"}, io.Discard)
	if err != nil || filepath.Base(from.RootKey) != "a" || filepath.Base(to.RootKey) != "b" || to.Data != from.Data || to.Credentials != "" {
		t.Errorf("%+v, %+v, %v", from, to, err)
	}
	if _, to, err := RootKey("show", nil, io.Discard); err != nil || to.Data != "" {
		t.Errorf("%+v, %v", to, err)
	}
	for _, args := range [][]string{{"stray"}, {"-unknown"}, {"-to", "transit://x"}} {
		if _, _, err := RootKey("show", args, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
