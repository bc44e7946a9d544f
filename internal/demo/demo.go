// Package demo shows the main job and the walls that stop it, on a daemon that it starts and ends. It is a client like
// any other: everything it does could be typed with the AWS CLI.
package demo

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"cloister/internal/client"
	"cloister/internal/core/sigv4"
	"cloister/internal/daemon"
)

// Options of the demo.
type Options struct {
	Docs string // a folder of own documents
	Out  io.Writer
	Self string // path of this program
	Keep bool   // leave the folder with the daemon's log
}

type demo struct {
	Options
	dir    string
	data   string
	cmd    *exec.Cmd
	root   *client.Client
	op     daemon.Operator
	docs   *documents
	net    network
	role   string
	key    string // ARN
	bucket string
}

// Run shows everything; an error says what did not hold.
func Run(ctx context.Context, o Options) (err error) {
	d := &demo{Options: o, bucket: "cloister-demo-documents"}
	began := time.Now()
	if d.docs, err = gather(ctx, o.Docs); err != nil {
		return err
	}
	d.say("documents   %d in %d files, from %s", d.docs.count(), len(d.docs.files), d.docs.source)
	if err := d.start(ctx); err != nil {
		return err
	}
	defer func() {
		if cerr := d.end(err != nil); err == nil {
			err = cerr
		}
	}()
	for _, part := range []func(context.Context) error{d.draw, d.job, d.refused, d.forbidden, d.unreachable, d.keyless, d.locked} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	d.say("\nEverything held, in %.1f s. `bin/cloister serve` runs a daemon for your own calls.", time.Since(began).Seconds())
	return nil
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.Out, format+"\n", args...) }

// start runs `cloister serve` on free ports over an empty data directory.
func (d *demo) start(ctx context.Context) (err error) {
	if d.dir, err = os.MkdirTemp("", "cloister-demo-"); err != nil {
		return err
	}
	if err := os.Chmod(d.dir, 0o711); err != nil { // the daemon is another user when root starts it
		return err
	}
	d.data = filepath.Join(d.dir, "data")
	log, err := os.Create(filepath.Join(d.dir, "daemon.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	d.cmd = exec.Command(d.Self, "serve", "-data", d.data, "-root-key", filepath.Join(d.dir, "key", "root.key"), "-listen", "127.0.0.1:0")
	d.cmd.Stderr = log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt reaches it through end
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	ready := make(chan string, 1)
	go func() {
		sc := bufio.NewScanner(out)
		if sc.Scan() {
			ready <- sc.Text()
		}
		close(ready)
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case line, ok := <-ready:
		if !ok {
			err = d.cmd.Wait()
			d.cmd = nil
			b, _ := os.ReadFile(log.Name())
			return errors.Join(fmt.Errorf("the daemon did not start: %s", bytes.TrimSpace(b)), err, d.end(false))
		}
		d.say("daemon      %s", strings.TrimPrefix(line, "ready "))
	case <-time.After(20 * time.Second):
		return errors.Join(errors.New("the daemon did not get ready"), d.end(true))
	}
	if d.op, err = daemon.Ask(d.data); err != nil {
		return errors.Join(err, d.end(true))
	}
	d.root = &client.Client{Endpoint: "http://" + d.op.HTTP, Region: d.op.Region, Creds: sigv4.Credentials{AccessKey: d.op.AccessKey, Secret: d.op.Secret}}
	uids := d.uids()
	d.say("            it runs as uid %s; the fabric that holds all namespaces as uid %s", uids[0], uids[1])
	return nil
}

// uids reads from the kernel who the daemon and its fabric are.
func (d *demo) uids() [2]string {
	uid := func(pid string) string {
		b, _ := os.ReadFile("/proc/" + pid + "/status")
		for _, l := range strings.Split(string(b), "\n") {
			if f := strings.Fields(l); len(f) > 2 && f[0] == "Uid:" {
				return f[2]
			}
		}
		return "?"
	}
	pid := fmt.Sprint(d.cmd.Process.Pid)
	out := [2]string{uid(pid), "?"}
	tasks, _ := filepath.Glob("/proc/" + pid + "/task/*/children")
	for _, t := range tasks {
		b, _ := os.ReadFile(t)
		for _, c := range strings.Fields(string(b)) {
			out[1] = uid(c)
		}
	}
	return out
}

// end stops the daemon and takes everything away, unless its log is wanted.
func (d *demo) end(keep bool) error {
	var err error
	if d.cmd != nil {
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		done := make(chan error, 1)
		go func() { done <- d.cmd.Wait() }()
		select {
		case err = <-done:
		case <-time.After(15 * time.Second):
			_ = d.cmd.Process.Kill()
			err = errors.Join(errors.New("the daemon did not stop"), <-done)
		}
	}
	if keep || d.Keep {
		d.say("the daemon's log is %s", filepath.Join(d.dir, "daemon.log"))
		return err
	}
	return errors.Join(err, os.RemoveAll(d.dir))
}

// output reads output.tar.gz of a job.
func (d *demo) output(ctx context.Context, uri string) ([]result, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
	b, err := d.root.Object(ctx, http.MethodGet, bucket, key, nil, nil)
	if err != nil {
		return nil, err
	}
	gz, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	tr := tar.NewReader(gz)
	if _, err := tr.Next(); err != nil {
		return nil, err
	}
	var out []result
	for dec := json.NewDecoder(tr); ; {
		var r result
		err := dec.Decode(&r)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
}

type result struct {
	File      string
	Line      *int
	ErrorCode string
	Languages []struct {
		LanguageCode string
		Score        float64
	}
}

// tally prints how many documents were found to be in each language and, where the source declares one, how many agree.
func (d *demo) tally(rs []result) error {
	if len(rs) != d.docs.count() {
		return fmt.Errorf("the result has %d lines for %d documents", len(rs), d.docs.count())
	}
	found := map[string]int{}
	agree, declared := 0, 0
	for _, r := range rs {
		if len(r.Languages) == 0 {
			found["none"]++
			continue
		}
		code := r.Languages[0].LanguageCode
		found[code]++
		if want := d.docs.lang[r.File]; want != "" {
			declared++
			if code == want {
				agree++
			}
		}
	}
	var parts []string
	for c, n := range found {
		parts = append(parts, fmt.Sprintf("%s %d", c, n))
	}
	slices.Sort(parts)
	d.say("  languages   %d: %s", len(found), strings.Join(parts, ", "))
	if declared > 0 {
		d.say("  agreement   %d of %d documents are found to be in the language that their source declares", agree, declared)
	}
	return nil
}
