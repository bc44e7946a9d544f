package s3

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

// The test binary plays its own child: a writer that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("CLOISTER_S3_CHILD"); dir != "" {
		childWriter(dir)
	}
	os.Exit(m.Run())
}

type childT struct{ testing.TB }

func (childT) Helper() {}
func (childT) Fatalf(f string, a ...any) {
	fmt.Fprintf(os.Stderr, f+"\n", a...)
	os.Exit(1)
}
func (childT) Fatal(a ...any) { fmt.Fprintln(os.Stderr, a...); os.Exit(1) }

// childWriter puts, replaces and deletes objects from four hands for ever and prints what was answered.
func childWriter(dir string) {
	h := &host{t: childT{}, dir: dir, people: people{}, clock: &clock{now: time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC)}}
	h.open()
	h.bucket("docs")
	for hand := range 4 {
		go func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%d/%d", hand, n%5)
				switch {
				case n%7 == 6:
					fmt.Println("deleting", key)
					must[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: &key})
				case n%3 == 0:
					fmt.Println("putting", key)
					h.upload("docs", key, repeat(key+" ", n*997%400000))
				default:
					fmt.Println("putting", key)
					h.put("docs", key, repeat(key+" ", n*997%400000))
				}
				fmt.Println("done", key)
			}
		}()
	}
	select {}
}

// Killed at any moment: every row has its whole bytes, what was answered is there, the sweep leaves one blob an object and a part.
func TestKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := start(t)
	for round := range 3 {
		h.close()
		c := exec.CommandContext(t.Context(), self)
		c.Env = append(os.Environ(), "CLOISTER_S3_CHILD="+h.dir)
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		state := map[string]string{} // key -> last verb
		n := 0
		for sc := bufio.NewScanner(out); sc.Scan(); n++ {
			verb, key, _ := strings.Cut(sc.Text(), " ")
			if verb == "done" && state[key] == "putting" {
				verb = "put"
			}
			state[key] = verb
			if n == 40+23*round {
				_ = c.Process.Kill()
			}
		}
		_ = c.Wait()
		if n < 40+23*round {
			t.Fatalf("the child printed %d lines", n)
		}
		h.open()
		err = h.ledger.View(t.Context(), func(v store.View) error {
			_, err := h.blobs.Sweep(func(id string) (bool, error) { return Known(v, id) })
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		list := must[shape.ListObjectsV2Output](h, "ListObjectsV2", &shape.ListObjectsV2Request{Bucket: ptr("docs")})
		there := map[string]bool{}
		for _, o := range list.Contents {
			rows++
			there[*o.Key] = true
			if b, err := h.fetch("docs", *o.Key); err != nil || int64(len(b)) != *o.Size || !bytes.Equal(b, repeat(*o.Key+" ", len(b))) {
				t.Errorf("%s: %d of %d bytes, %v", *o.Key, len(b), *o.Size, err)
			}
		}
		for k, verb := range state {
			if verb == "put" && !there[k] {
				t.Errorf("%s was answered and is gone", k)
			}
		}
		err = h.ledger.View(t.Context(), func(v store.View) error {
			open, err := v.List(store.Query{Kind: parts.Kind, AnyScope: true})
			rows += len(open)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := h.files(); n != rows {
			t.Errorf("%d blobs for %d objects and parts", n, rows)
		}
	}
}

// Many hands on few keys: no reader ever sees a mixture, and no blob is left over.
func TestManyHands(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	var wg sync.WaitGroup
	for hand := range 6 {
		wg.Go(func() {
			for n := range 25 {
				key, letter := fmt.Sprint("k", (n+hand)%2), string(rune('a'+(hand*7+n)%26))
				body := repeat(letter, 1+(hand*31+n)*9973%600000)
				switch (hand + n) % 5 {
				case 0, 1:
					h.put("docs", key, body)
				case 2:
					h.upload("docs", key, body)
				case 3:
					must[shape.DeleteObjectOutput](h, "DeleteObject", &shape.DeleteObjectRequest{Bucket: ptr("docs"), Key: &key})
				}
				out, b, err := h.get(&shape.GetObjectRequest{Bucket: ptr("docs"), Key: &key})
				switch {
				case fault.Is(err, "NoSuchKey"):
				case err != nil:
					t.Errorf("%s: %v", key, err)
				case int64(len(b)) != *out.ContentLength || !bytes.Equal(b, repeat(string(b[:1]), len(b))):
					t.Errorf("%s: torn, %d of %d bytes", key, len(b), *out.ContentLength)
				}
			}
		})
	}
	wg.Wait()
	list := must[shape.ListObjectsV2Output](h, "ListObjectsV2", &shape.ListObjectsV2Request{Bucket: ptr("docs")})
	if n := h.files(); n != len(list.Contents) {
		t.Errorf("%d blobs for %d objects", n, len(list.Contents))
	}
}

// Of many writers that demand that nothing is there, one wins.
func TestOnlyOneCreates(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		wg.Go(func() {
			_, err := ask1[shape.PutObjectOutput](h, "PutObject", &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), Body: strings.NewReader("x"), IfNoneMatch: ptr("*")})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !fault.Is(err, "PreconditionFailed") {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 || h.files() != 1 {
		t.Errorf("%d won, %d blobs", won, h.files())
	}
}

// A full store is a clear answer, and the object that was there stays.
func TestFullStore(t *testing.T) {
	h := start(t)
	h.bucket("docs")
	h.put("docs", "k", []byte("before"))
	c := h.call("PutObject")
	c.Read = h.ledger.View
	c.Commit = func(ctx context.Context, f func(store.Tx) (any, error)) (any, error) {
		return nil, h.ledger.Update(ctx, func(tx store.Tx) error {
			_, err := f(tx)
			return errors.Join(err, store.ErrFull)
		})
	}
	_, err := h.looked(c, &shape.PutObjectRequest{Bucket: ptr("docs"), Key: ptr("k"), Body: strings.NewReader("after")})
	refuses(t, "full ledger", err, "Unavailable", 0)
	if b, err := h.fetch("docs", "k"); err != nil || string(b) != "before" || h.files() != 1 {
		t.Errorf("%q, %v, %d blobs", b, err, h.files())
	}
}
