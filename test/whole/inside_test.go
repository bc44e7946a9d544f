package whole_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cloister/internal/core/sigv4"
)

// TestInside stands where a job's agent stands and asks what an agent would not: the walls are the place's, not the program's.
func TestInside(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can step into a job's network")
	}
	h := open(t, "-dev")
	s := siteIn(t, h)
	s.slow()
	s.copies(5, 20) // the job is to last as long as this test asks
	repositories := []dict{{"Sid": "Rest", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
		{"Sid": "AmazonLinuxAMIRepositoryAccess", "Principal": "*", "Action": []string{"s3:GetObject"}, "Effect": "Deny",
			"Resource": []string{"arn:aws:s3:::packages.*.amazonaws.com/*", "arn:aws:s3:::repo.*.amazonaws.com/*", "arn:aws:s3:::amazonlinux.*.amazonaws.com/*"}}}
	hosts := []string{"packages.us-east-1.amazonaws.com", "repo.us-east-1.amazonaws.com", "amazonlinux.us-east-1.amazonaws.com"}
	for _, b := range hosts {
		s.newBucket(b)
		s.put(b, "x", []byte("package"))
		if _, err := s.Object(context.Background(), "DELETE", b, "", url.Values{"publicAccessBlock": {""}}, nil); err != nil {
			t.Fatal(err)
		}
		open := *s
		open.bucket = b
		open.bucketPolicy(dict{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + b + "/*"})
	}
	id := s.start(nil)
	agent := 0
	until(t, 20*time.Second, "the agent", func() bool {
		for pid := range tree(h.cmd.Process.Pid) {
			cmd, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
			if strings.HasPrefix(string(cmd), "cloister-agent") {
				agent = pid
			}
		}
		return agent != 0
	})
	in := enter(t, agent)
	s3 := netip.MustParseAddrPort("198.51.100.10:80")

	for _, host := range hosts { // a repository is a bucket of that very name, which anybody may read
		if status, b := in.get(t, s3, request{method: "GET", path: "/x", host: host, unsigned: true}); status != 200 || b != "package" {
			t.Errorf("%s with the default policy: %d %s", host, status, b)
		}
	}
	s.policyOfEndpoint(repositories...)
	for _, host := range hosts {
		if status, b := in.get(t, s3, request{method: "GET", path: "/x", host: host, unsigned: true}); status != 403 || !strings.Contains(b, "AccessDenied") {
			t.Errorf("%s, denied by the endpoint's policy: %d %s", host, status, b)
		}
	}
	signed := request{method: "GET", service: "s3", path: "/" + s.bucket + "/in/0.txt", host: "s3.us-east-1.amazonaws.com", creds: s.Creds}
	if status, b := in.get(t, s3, signed); status != 200 {
		t.Errorf("an object that all policies allow: %d %.200s", status, b)
	}
	stranger := signed
	stranger.creds = sigv4.Credentials{AccessKey: "test", Secret: "test"}
	if status, b := in.get(t, s3, stranger); status != 403 || !strings.Contains(b, "InvalidAccessKeyId") {
		t.Errorf("-dev's unverified keys, from inside: %d %s", status, b)
	}
	sts := request{method: "POST", service: "sts", path: "/", host: "sts.us-east-1.amazonaws.com", creds: s.Creds, body: []byte("Action=GetCallerIdentity&Version=2011-06-15"),
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
	if status, b := in.get(t, s3, sts); status != 503 {
		t.Errorf("another service than S3: %d %s", status, b)
	}
	for _, path := range []string{"/_cloister/reset", "/_cloister/health"} {
		if status, b := in.get(t, s3, request{method: "POST", path: path, host: "localhost", unsigned: true, header: http.Header{"X-Cloister-Reset": {"yes"}}}); status < 400 {
			t.Errorf("%s from inside: %d %s", path, status, b)
		}
	}
	public := netip.MustParseAddrPort(h.op.HTTP)
	for _, to := range []netip.AddrPort{public, netip.MustParseAddrPort("169.254.169.254:80"), netip.MustParseAddrPort("10.0.0.1:80"),
		netip.MustParseAddrPort("198.51.100.10:22"), netip.AddrPortFrom(hostAddr(), public.Port())} {
		if to.Addr().IsValid() && in.dials(to) {
			t.Errorf("%s answers inside", to)
		}
	}
	if st := s.describe(id).JobStatus; st != "IN_PROGRESS" {
		t.Fatalf("the job was too fast: %s", st)
	}
	if p := s.finish(id); p.JobStatus != "COMPLETED" {
		t.Errorf("the job is %s: %s", p.JobStatus, p.Message)
	}
	if in.dials(s3) {
		t.Error("the network of a job that has ended still leads to S3")
	}
}

// hostAddr is an address of this host that others reach; invalid when it has none.
func hostAddr() netip.Addr {
	as, _ := net.InterfaceAddrs()
	for _, a := range as {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// inside makes sockets in another process's network.
type inside struct{ work chan func() }

func enter(t testing.TB, pid int) *inside {
	t.Helper()
	in := &inside{make(chan func())}
	entered := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/net", pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNET)
			unix.Close(fd)
		}
		entered <- err
		for f := range in.work {
			f()
		}
	}()
	if err := <-entered; err != nil {
		t.Fatalf("cannot step into the network of %d: %v", pid, err)
	}
	t.Cleanup(func() { close(in.work) })
	return in
}

// dial gives a connection, or an error within 2 s.
func (in *inside) dial(to netip.AddrPort) (c net.Conn, err error) {
	ready := make(chan struct{})
	in.work <- func() {
		defer close(ready)
		var fd int
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return
		}
		f := os.NewFile(uintptr(fd), "inside")
		defer f.Close()
		_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Usec: 400_000})
		if err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err == nil {
			c, err = net.FileConn(f)
		}
	}
	<-ready
	return c, err
}

func (in *inside) dials(to netip.AddrPort) bool {
	c, err := in.dial(to)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// get sends a request over plain HTTP.
func (in *inside) get(t testing.TB, to netip.AddrPort, r request) (int, string) {
	t.Helper()
	c, err := in.dial(to)
	if err != nil {
		return 0, err.Error()
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	req, err := r.build("http://" + to.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := req.Write(c); err != nil {
		return 0, err.Error()
	}
	res, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
	return res.StatusCode, string(b)
}
