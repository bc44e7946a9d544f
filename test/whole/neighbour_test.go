package whole_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// neighbourArg is the first argument by which this program is no test but a command that `cloister exec` runs in a VPC.
const neighbourArg = "neighbour"

// neighbour serves, asks or tells; its answers are words that tests compare.
func neighbour(args []string) int {
	arg := append(args, "", "")[1]
	switch args[0] {
	case "serve": // until the end
		l, err := net.Listen("tcp", arg)
		if err != nil {
			return neighbourSays(err)
		}
		fmt.Println("ready")
		return neighbourSays(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello, ", r.RemoteAddr) })))
	case "get":
		res, err := (&http.Client{Timeout: 5 * time.Second}).Get(arg)
		if err != nil {
			return neighbourSays(err)
		}
		defer res.Body.Close()
		_, err = io.Copy(os.Stdout, res.Body)
		return neighbourSays(err)
	case "connect":
		fmt.Println(connected(arg))
	case "show":
		b, err := os.ReadFile(arg)
		if err != nil {
			return neighbourSays(err)
		}
		fmt.Print(string(b))
	case "who":
		all, err := filepath.Glob("/proc/[0-9]*")
		dir, derr := os.Getwd()
		fmt.Println(os.Getuid(), len(all), dir, os.Getenv("NEIGHBOUR"))
		return neighbourSays(errors.Join(err, derr))
	case "exit":
		n, _ := strconv.Atoi(arg)
		return n
	case "await": // a signal
		heard := make(chan os.Signal, 1)
		signal.Notify(heard, syscall.SIGTERM)
		fmt.Println("ready")
		<-heard
		return 7
	case "echo":
		_, err := io.Copy(os.Stdout, os.Stdin)
		return neighbourSays(err)
	}
	return 0
}

func neighbourSays(err error) int {
	if err == nil {
		return 0
	}
	fmt.Println(err)
	return 1
}

// connected says how a connection goes: open, reset (also a moment after it seemed open), refused, lost.
func connected(to string) string {
	c, err := net.DialTimeout("tcp", to, 3*time.Second)
	if err == nil {
		defer c.Close()
		_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
		_, err = c.Read(make([]byte, 1))
		if n := net.Error(nil); errors.As(err, &n) && n.Timeout() {
			return "open"
		}
	}
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case err == nil, errors.Is(err, io.EOF):
		return "open"
	}
	return "lost"
}

// itself is a copy of this program where a command of a daemon that root started may run it.
var itself = sync.OnceValues(func() (string, error) {
	dir, err := ground()
	if err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(self)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "neighbour")
	if err := os.WriteFile(path, b, 0o755); err != nil {
		return "", err
	}
	return path, os.Chmod(path, 0o755)
})

func neighbourPath(t testing.TB) string {
	t.Helper()
	p, err := itself()
	if err != nil {
		t.Fatal(err)
	}
	return p
}
