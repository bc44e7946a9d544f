package disk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cloister/internal/core/blob"
	"cloister/internal/store"
)

// The test binary plays its own child: CLOISTER_DISK_CHILD says which.
func TestMain(m *testing.M) {
	switch os.Getenv("CLOISTER_DISK_CHILD") {
	case "writer":
		childWriter(os.Args[len(os.Args)-1])
	case "full":
		childFull(os.Args[len(os.Args)-1])
	default:
		os.Exit(m.Run())
	}
}

func child(t *testing.T, kind, arg string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self, arg)
	c.Env = append(os.Environ(), "CLOISTER_DISK_CHILD="+kind)
	c.Stderr = os.Stderr
	return c
}

// childWriter writes blobs for ever, four at once, and prints the number of each that was committed.
func childWriter(dir string) {
	d, err := Open(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	next := make(chan int)
	for range 4 {
		go func() {
			for n := range next {
				err := d.Write(ctxOf(), id(n), func(w io.Writer) error {
					for p := data(sizeOf(n)); len(p) > 0; p = p[min(len(p), 10000):] {
						if _, err := w.Write(p[:min(len(p), 10000)]); err != nil {
							return err
						}
					}
					return nil
				})
				if err == nil {
					fmt.Println(n)
				}
			}
		}()
	}
	for n := 1; ; n++ {
		next <- n
	}
}

func sizeOf(n int) int { return n * 7919 % (3 * block) }

// A writer is killed again and again: what it committed is whole. Of what it did not, the four that were on their way may be there, by
// half and never readable as whole; the sweep takes them.
func TestKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	for round := range 6 {
		c := child(t, "writer", dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		committed := map[string]int{}
		sc := bufio.NewScanner(out)
		for sc.Scan() {
			var n int
			if _, err := fmt.Sscan(sc.Text(), &n); err != nil {
				t.Fatal(err)
			}
			committed[id(n)] = n
			if len(committed) == 5+7*round {
				_ = c.Process.Kill()
			}
		}
		_ = c.Wait()
		if len(committed) < 5+7*round {
			t.Fatalf("the child wrote %d blobs only", len(committed))
		}
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for s, n := range committed {
			if b, err := get(t, d, s); err != nil || !bytes.Equal(b, data(sizeOf(n))) {
				t.Errorf("committed blob %d: %d bytes, %v", n, len(b), err)
			}
		}
		// Then all goes, for the next round begins at 1.
		strange, torn := 0, 0
		n, err := d.Sweep(func(s string) (bool, error) {
			if _, ok := committed[s]; ok {
				return false, nil
			}
			strange++
			if _, err := get(t, d, s); errors.As(err, new(*blob.Corrupt)) {
				torn++
			} else if err != nil {
				t.Error(err)
			}
			return false, nil
		})
		if err != nil || n != len(committed)+strange || torn > 4 {
			t.Errorf("%d removed of %d and %d, %d of them torn: %v", n, len(committed), strange, torn, err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// childFull runs in its own mount namespace, on a tmpfs of 2 MiB.
func childFull(dir string) {
	fail := func(what string, v ...any) { fmt.Println(append([]any{"FAIL", what}, v...)...); os.Exit(1) }
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=2m"); err != nil {
		fmt.Println("NOMOUNT", err)
		os.Exit(0)
	}
	d, err := Open(filepath.Join(dir, "blobs"))
	if err != nil {
		fail("open", err)
	}
	write := func(n, size int) error {
		return d.Write(ctxOf(), id(n), func(w io.Writer) error { _, err := w.Write(data(size)); return err })
	}
	if err := write(1, block); err != nil {
		fail("first", err)
	}
	if err := write(2, 16*block); !errors.Is(err, store.ErrFull) {
		fail("second", err)
	}
	r, err := d.Open(ctxOf(), id(1))
	if err != nil {
		fail("read", err)
	}
	if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, data(block)) {
		fail("kept", len(b), err)
	}
	if err := write(3, block); err != nil {
		fail("space was not given back", err)
	}
	fmt.Println("PASS")
}

// A full disk is store.ErrFull, keeps what was there, and gives the space of the broken write back.
func TestFull(t *testing.T) {
	c := child(t, "full", t.TempDir())
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := c.Output()
	text := strings.TrimSpace(string(out))
	if text == "PASS" && err == nil {
		return
	}
	if text == "" && c.ProcessState == nil || strings.HasPrefix(text, "NOMOUNT") {
		if strings.Contains(os.Getenv("CLOISTER_REQUIRE"), "kernel") {
			t.Fatalf("user namespaces are required: %s %v", text, err)
		}
		t.Skipf("no user namespaces here: %s %v", text, err)
	}
	t.Fatalf("%s (%v)", text, err)
}

func ctxOf() context.Context { return context.Background() }
