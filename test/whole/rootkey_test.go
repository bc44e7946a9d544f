package whole_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"cloister/internal/core/keyring"
	"cloister/internal/driver/transit/transittest"
)

// rootKey runs `cloister root-key`.
func rootKey(t *testing.T, h *house, in string, args ...string) (string, bool) {
	t.Helper()
	c := exec.Command(program(t), append([]string{"root-key", args[0], "-data", h.data}, args[1:]...)...)
	c.Stdin = strings.NewReader(in)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		return errs.String(), false
	}
	return string(out), true
}

// refused starts the daemon, which must not start, and gives what it says.
func (h *house) refused(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(program(t), "serve", "-data", h.data, "-root-key", h.key, "-listen", "127.0.0.1:0").CombinedOutput()
	if err == nil {
		t.Fatalf("the daemon started: %s", out)
	}
	return string(out)
}

// works restarts the daemon and asks it something under a secret of before.
func (h *house) works(t *testing.T, a func() *actor) {
	t.Helper()
	if err := h.serve(); err != nil {
		t.Fatal(err)
	}
	a().must("sts", "GetCallerIdentity")
	if err := h.end(); err != nil {
		t.Fatal(err)
	}
}

// TestRootKey: the root key is lost, wrong, replaced, and the ledger's key comes back from paper.
func TestRootKey(t *testing.T) {
	t.Parallel()
	h := open(t)
	creds := h.root(t).Creds
	a := func() *actor { return h.root(t).as(creds) }
	a().must("sts", "GetCallerIdentity")
	if out, ok := rootKey(t, h, "", "show", "-root-key", h.key); ok || !strings.Contains(out, "another daemon holds") {
		t.Errorf("while the daemon runs: %s", out)
	}
	if err := h.end(); err != nil {
		t.Fatal(err)
	}
	shown, ok := rootKey(t, h, "", "show")
	if m := regexp.MustCompile(`^root key    file [0-9a-f]{16}\nledger key  [0-9a-f]{16}\n$`); !ok || !m.MatchString(shown) {
		t.Errorf("shown %q", shown)
	}
	paper, ok := rootKey(t, h, "", "recovery", "-root-key", h.key)
	key, err := keyring.ReadRecovery(paper)
	if !ok || err != nil {
		t.Fatalf("the recovery copy: %v", err)
	}
	first := h.key
	secret, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}

	// Lost: no new one is made in its place.
	if err := os.Rename(first, first+".away"); err != nil {
		t.Fatal(err)
	}
	if out := h.refused(t); !strings.Contains(out, "its root key is not; put its copy back") {
		t.Errorf("lost: %s", out)
	}
	if _, err := os.Stat(first); err == nil {
		t.Error("a new root key was made for a ledger that has one")
	}
	// Wrong.
	if err := os.WriteFile(first, bytes.Repeat([]byte{7}, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := h.refused(t); !strings.Contains(out, `its key is sealed by the root key "file `) || strings.Contains(out, "damaged") {
		t.Errorf("wrong: %s", out)
	}
	if out, ok := rootKey(t, h, "", "recovery", "-root-key", first); ok || !strings.Contains(out, "is sealed by") {
		t.Errorf("a recovery copy by the wrong key: %s", out)
	}

	// From paper to another file.
	h.key = filepath.Join(h.dir, "second", "root.key")
	for in, want := range map[string]string{"": "no recovery copy", "nonsense": "not a recovery copy", strings.Replace(paper, paper[:1], "?", 1): "not a recovery copy"} {
		if out, ok := rootKey(t, h, in, "restore", "-to", h.key); ok || !strings.Contains(out, want) {
			t.Errorf("restored from %q: %s", in[:min(len(in), 10)], out)
		}
	}
	other, _ := keyring.Recovery(bytes.Repeat([]byte{9}, 32))
	if out, ok := rootKey(t, h, other, "restore", "-to", h.key); ok || !strings.Contains(out, "but the ledger's is") {
		t.Errorf("restored from another ledger's: %s", out)
	}
	if out, ok := rootKey(t, h, paper, "restore", "-to", filepath.Join(h.data, "root.key")); ok || !strings.Contains(out, "in the data directory") {
		t.Errorf("beside the ledger: %s", out)
	}
	if out, ok := rootKey(t, h, paper, "restore", "-to", h.key); !ok {
		t.Fatalf("restore: %s", out)
	}
	h.works(t, a)

	// To a server, and back.
	srv := transittest.Start(t, "cloister")
	file := filepath.Join(h.dir, "transit.token")
	if err := os.WriteFile(file, []byte(srv.Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := "transit+http://" + strings.TrimPrefix(srv.URL, "http://") + "/transit/cloister"
	if out, ok := rootKey(t, h, "", "rewrap", "-root-key", h.key, "-to", url); ok || !strings.Contains(out, "there is no token") {
		t.Errorf("without a token: %s", out)
	}
	h.env = []string{"CLOISTER_TRANSIT_TOKEN_FILE=" + file}
	second := h.key
	c := exec.Command(program(t), "root-key", "rewrap", "-data", h.data, "-root-key", second, "-to", url)
	c.Env = append(os.Environ(), h.env...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("rewrap: %s", out)
	}
	if out := h.refused(t); !strings.Contains(out, `its key is sealed by the root key "transit transit/cloister"`) {
		t.Errorf("with the former root: %s", out)
	}
	h.key = url
	srv.Calls = nil
	h.works(t, a)
	if len(srv.Calls) != 1 {
		t.Errorf("a start asked the server %q, want one call", srv.Calls)
	}
	shown2, _ := rootKey(t, h, "", "show")
	if !strings.HasPrefix(shown2, "root key    transit transit/cloister\n") || shown2[strings.Index(shown2, "ledger"):] != shown[strings.Index(shown, "ledger"):] {
		t.Errorf("shown %q after %q", shown2, shown)
	}
	srv.Renew("cloister")
	if err := h.serve(); err == nil || !strings.Contains(err.Error(), "the server answered 400") {
		t.Errorf("the server has another key: %v", err)
	}
	if out, ok := rootKey(t, h, paper, "restore", "-to", second); !ok {
		t.Fatalf("restore: %s", out)
	}
	h.key = second
	h.works(t, a)

	log, err := os.ReadFile(h.log)
	if err != nil {
		t.Fatal(err)
	}
	for name, hidden := range map[string][]byte{"the root key": secret, "the ledger's key": key, "the recovery copy": []byte(strings.TrimSpace(paper)), "the token": []byte(srv.Token)} {
		if bytes.Contains(log, hidden) {
			t.Errorf("%s is in the log", name)
		}
		for _, f := range []string{"ledger.db", "ledger.db-wal", "lock", "ca.pem"} {
			if b, _ := os.ReadFile(filepath.Join(h.data, f)); bytes.Contains(b, hidden) {
				t.Errorf("%s is in %s", name, f)
			}
		}
	}
}

// TestHidden: the daemon cannot be dumped or read by its own user, nor leaves core files.
func TestHidden(t *testing.T) {
	t.Parallel()
	h := common(t)
	proc := "/proc/" + strconv.Itoa(h.cmd.Process.Pid)
	fi, err := os.Stat(proc + "/environ")
	if err != nil {
		t.Fatal(err)
	}
	if st := fi.Sys().(*syscall.Stat_t); st.Uid != 0 { // proc(5): of a process that is not dumpable, root's
		t.Errorf("the daemon's memory belongs to user %d: it is dumpable", st.Uid)
	}
	limits, err := os.ReadFile(proc + "/limits")
	if err != nil || !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).Match(limits) {
		t.Errorf("core files: %s, %v", limits, err)
	}
}
