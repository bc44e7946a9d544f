// Command objects measures Cloister's S3 beside versitygw and plain file serving: PUT and GET of 64 KiB and 8 MiB, alone and sixteen at
// once, on one disk, in one run whose rounds take the servers in turn. Figures are ratios of that run: the client shares the machine.
//
//	go run . [-rounds 5] [-dur 1s] [-sdk] [-cells 'PUT 8 MiB x16,...'] [-servers cloister,versitygw,...]
//
// Servers: plain and plainsync (net/http, a file for each object, no authentication; the second syncs it), versitygw and versitygwsync
// (posix with keep-alive; the second with fsync of the object and its directory, which Cloister does too), cloister, and cloister asked
// for sealing by x-amz-server-side-encryption: AES256 or aws:kms. Payloads are unsigned and without checksums, or with -sdk as the AWS SDK
// for Go sends them.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if len(os.Args) == 5 && os.Args[1] == "serve" {
		fmt.Fprintln(os.Stderr, "cannot serve:", serve(os.Args[2], os.Args[3], os.Args[4]))
		os.Exit(1)
	}
	rounds := flag.Int("rounds", 5, "rounds")
	dur := flag.Duration("dur", time.Second, "time of a server in a round")
	sdk := flag.Bool("sdk", false, "signed payloads and checksums, as the SDK does by default")
	cells := flag.String("cells", "", "measure these only")
	names := flag.String("servers", "plain,plainsync,versitygw,versitygwsync,cloister,cloister+s3,cloister+kms", "servers")
	flag.Parse()
	if err := run(*rounds, *dur, *sdk, *cells, strings.Split(*names, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "cannot measure:", err)
		os.Exit(1)
	}
}

func run(rounds int, dur time.Duration, sdk bool, cells string, names []string) error {
	dir, err := os.MkdirTemp("", "bench-objects")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil {
		return err
	}
	var servers []*server
	var house *server // the one daemon of all variants
	for _, name := range names {
		base, seal, _ := strings.Cut(name, "+")
		var s *server
		switch {
		case base != "cloister":
			s, err = startOther(dir, base)
		case house == nil:
			s, err = startCloister(dir)
			house = s
		default:
			c := *house
			c.stop = func() {}
			s = &c
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		defer s.stop()
		s.name, s.seal = name, map[string]string{"s3": "AES256", "kms": "aws:kms"}[seal]
		servers = append(servers, s)
	}
	return measure(servers, rounds, dur, sdk, cells)
}

// server is something to measure.
type server struct {
	name, endpoint, key, secret, seal string
	pid                               int
	stop                              func()
}

// startOther runs this program again as one of the servers to compare with.
func startOther(dir, mode string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	_ = l.Close()
	place := filepath.Join(dir, mode)
	if err := os.Mkdir(place, 0o700); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "serve", mode, addr, place)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{pid: cmd.Process.Pid, endpoint: "http://" + addr, key: "user", secret: "password", stop: func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }}
	for end := time.Now().Add(20 * time.Second); ; <-time.After(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return s, nil
		}
		if time.Now().After(end) {
			s.stop()
			return nil, fmt.Errorf("%s does not listen", mode)
		}
	}
}

// startCloister builds the program, or takes the one that CLOISTER_BINARY names, and runs it.
func startCloister(dir string) (*server, error) {
	bin := os.Getenv("CLOISTER_BINARY")
	if bin == "" {
		bin = filepath.Join(dir, "bin-cloister")
		build := exec.Command("go", "build", "-trimpath", "-o", bin, "./cmd/cloister")
		build.Dir, build.Env, build.Stderr = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
		if err := build.Run(); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "cloister")
	cmd := exec.Command(bin, "serve", "-data", data, "-root-key", filepath.Join(dir, "key", "root.key"), "-listen", "127.0.0.1:0")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready http=") {
		stop()
		return nil, fmt.Errorf("the daemon said %q: %w", line, err)
	}
	env, err := exec.Command(bin, "env", "-data", data).Output()
	if err != nil {
		stop()
		return nil, err
	}
	fmt.Printf("cloister is process %d\n", cmd.Process.Pid)
	s := &server{pid: cmd.Process.Pid, stop: stop}
	for l := range strings.Lines(string(env)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(l), "export "), "=")
		value = strings.Trim(value, `'"`)
		switch name {
		case "AWS_ENDPOINT_URL":
			s.endpoint = value
		case "AWS_ACCESS_KEY_ID":
			s.key = value
		case "AWS_SECRET_ACCESS_KEY":
			s.secret = value
		}
	}
	return s, nil
}
