package whole_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cloister/internal/client"
	"cloister/internal/core/sigv4"
	"cloister/internal/daemon"
)

// house is one running daemon.
type house struct {
	dir, data, key string
	log            string // file of its standard error
	env            []string
	cmd            *exec.Cmd
	op             daemon.Operator
	ended          chan error
}

// open starts a daemon on a directory of its own that goes with the test.
func open(t testing.TB, args ...string) *house {
	t.Helper()
	bin := program(t)
	h, err := found(bin)
	if err == nil {
		err = h.serve(args...)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.end(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("daemon's log ends:\n%s", h.tail())
		}
		_ = os.RemoveAll(h.dir)
	})
	return h
}

// common gives the shared daemon.
func common(t testing.TB) *house {
	t.Helper()
	bin := program(t)
	shared.once.Do(func() {
		h, err := found(bin)
		if err == nil {
			err = h.serve()
		}
		shared.house, shared.err = h, err
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.house
}

func found(bin string) (*house, error) {
	root, err := ground()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(root, "house-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, err
	}
	return &house{dir: dir, data: filepath.Join(dir, "data"), key: filepath.Join(dir, "key", "root.key"), log: filepath.Join(dir, "log")}, nil
}

// serve starts the daemon, or starts it again, and waits for its ready line.
func (h *house) serve(args ...string) error {
	bin, err := binary()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(h.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	h.cmd = exec.Command(bin, append([]string{"serve", "-data", h.data, "-root-key", h.key, "-listen", "127.0.0.1:0", "-debug"}, args...)...)
	h.cmd.Stderr = log
	h.cmd.Dir = h.dir
	tmp := filepath.Join(h.dir, "tmp") // of its own, so that what is left there can be seen
	if err := os.MkdirAll(tmp, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o1777); err != nil {
		return err
	}
	h.cmd.Env = append(append(os.Environ(), "TMPDIR="+tmp), h.env...)
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := h.cmd.Start(); err != nil {
		return err
	}
	cmd, ended := h.cmd, make(chan error, 1)
	h.ended = ended
	ready := make(chan string, 1)
	go func() {
		in := bufio.NewScanner(out)
		for in.Scan() {
			select {
			case ready <- in.Text():
			default:
			}
		}
		ended <- cmd.Wait()
		close(ended)
	}()
	select {
	case l := <-ready:
		if !strings.HasPrefix(l, "ready http=") {
			return fmt.Errorf("the daemon said %q", l)
		}
	case err := <-ended:
		return fmt.Errorf("the daemon ended: %w: %s", err, h.tail())
	case <-time.After(30 * time.Second):
		_ = h.cmd.Process.Kill()
		return errors.New("the daemon does not become ready")
	}
	for end := time.Now().Add(5 * time.Second); ; { // the operator's socket follows the ready line
		if h.op, err = daemon.Ask(h.data); err == nil || time.Now().After(end) {
			return err
		}
		<-time.After(10 * time.Millisecond)
	}
}

// end asks the daemon to end and says whether it did so well.
func (h *house) end() error {
	if h.cmd == nil || h.cmd.Process == nil {
		return nil
	}
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-h.ended:
		h.cmd = nil
		if err != nil {
			return fmt.Errorf("the daemon did not end well: %w: %s", err, h.tail())
		}
		return nil
	case <-time.After(20 * time.Second):
		_ = h.cmd.Process.Kill()
		h.cmd = nil
		return fmt.Errorf("the daemon did not end within 20 s: %s", h.tail())
	}
}

// kill is what nobody can prepare for.
func (h *house) kill() {
	_ = h.cmd.Process.Kill()
	<-h.ended
	h.cmd = nil
}

func (h *house) tail() string {
	b, _ := os.ReadFile(h.log)
	if len(b) > 6000 {
		b = b[len(b)-6000:]
	}
	return string(b)
}

func (h *house) http() string { return "http://" + h.op.HTTP }

// client speaks for a key pair.
func (h *house) client(c sigv4.Credentials) *client.Client {
	return &client.Client{Endpoint: h.http(), Region: h.op.Region, Creds: c, HTTP: &http.Client{Timeout: time.Minute}}
}

// root is the root of a new account.
func (h *house) root(t testing.TB) *actor {
	t.Helper()
	id := fmt.Sprintf("1%011d", accounts.Add(1))
	key, secret, err := daemon.CreateAccount(h.data, id, "test")
	if err != nil {
		t.Fatal(err)
	}
	c := sigv4.Credentials{AccessKey: key, Secret: secret}
	return &actor{TB: t, Client: h.client(c), house: h, account: id}
}

// operator is the root of the default account.
func (h *house) operator(t testing.TB) *actor {
	t.Helper()
	return &actor{TB: t, Client: h.client(sigv4.Credentials{AccessKey: h.op.AccessKey, Secret: h.op.Secret}), house: h, account: h.op.Account}
}

// until asks again and again; the test fails when the answer does not come in time.
func until(t testing.TB, limit time.Duration, what string, f func() bool) {
	t.Helper()
	untilAt(t, 5*time.Millisecond, limit, what, f)
}

// untilAt is until for what is not to be disturbed by being asked: at that pace.
func untilAt(t testing.TB, pace, limit time.Duration, what string, f func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for !f() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited %s in vain: %s", limit, what)
		case <-tick.C:
		}
	}
}
