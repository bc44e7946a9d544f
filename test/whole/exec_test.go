package whole_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// command is `cloister exec` with this actor's keys; its arguments are a neighbour's.
func (a *actor) command(flags string, args ...string) *exec.Cmd {
	a.Helper()
	all := append([]string{"exec", "-data", a.house.data}, strings.Fields(flags)...)
	all = append(append(all, "--", neighbourPath(a), neighbourArg), args...)
	cmd := exec.Command(program(a), all...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/", "NEIGHBOUR=here", "AWS_ENDPOINT_URL=" + a.Endpoint, "AWS_REGION=" + a.Region, "AWS_ACCESS_KEY_ID=" + a.Creds.AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + a.Creds.Secret, "AWS_SESSION_TOKEN=" + a.Creds.Token}
	return cmd
}

// says runs a command to its end.
func (a *actor) says(flags string, args ...string) (out, told string, code int) {
	a.Helper()
	cmd := a.command(flags, args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		a.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// stays starts a command that says "ready", and gives it with its interface's address.
func (a *actor) stays(flags string, args ...string) (*exec.Cmd, string) {
	a.Helper()
	cmd := a.command(flags, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		a.Fatal(err)
	}
	var told bytes.Buffer
	cmd.Stderr = &told
	if err := cmd.Start(); err != nil {
		a.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "ready\n" {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		a.Fatalf("%v says %q, %v: %s", args, line, err, told.String())
	}
	a.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	w := strings.Fields(told.String())
	if len(w) != 3 || !strings.HasPrefix(w[1], "eni-") {
		a.Fatalf("told %q", told.String())
	}
	return cmd, w[2]
}

// lent are the interfaces of host commands.
func (a *actor) lent() []string {
	a.Helper()
	var ids []string
	for _, n := range a.must("ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "description", "Filter.1.Value.1", "cloister exec*").all("networkInterfaceId") {
		ids = append(ids, n.Data)
	}
	return ids
}

func (s *site) admitGroup(group, from string, port int) {
	s.Helper()
	s.must("ec2", "AuthorizeSecurityGroupIngress", "GroupId", group, "IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", fmt.Sprint(port), "IpPermissions.1.ToPort", fmt.Sprint(port),
		"IpPermissions.1.Groups.1.GroupId", from)
}

// TestExec: a server of this host in one subnet, clients in another; the groups decide, and all goes with its command.
func TestExec(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	db := s.newSubnet(s.vpc, "10.0.32.0/24")
	servers, strangers := s.newGroup(s.vpc, "servers"), s.newGroup(s.vpc, "strangers")
	s.admitGroup(servers, s.group, 8080)
	server, addr := s.stays("-subnet "+db+" -security-group "+servers+" -name db -address 10.0.32.50", "serve", ":8080")
	if addr != "10.0.32.50" {
		t.Errorf("the server has %s", addr)
	}
	n := s.must("ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "tag:Name", "Filter.1.Value.1", "db")
	used := s.must("ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "status", "Filter.1.Value.1", "in-use").all("networkInterfaceId")
	if len(used) != 1 || n.text("requesterId") != "cloister-exec" || n.text("instanceOwnerId") != "cloister-exec" || n.text("description") != "cloister exec db" || n.text("requesterManaged") != "false" {
		t.Errorf("the interface: %s, %s, %q", n.text("requesterId"), n.text("instanceOwnerId"), n.text("description"))
	}
	if _, err := s.ask("ec2", "DeleteNetworkInterface", "NetworkInterfaceId", n.text("networkInterfaceId")); err == nil {
		t.Error("an interface was deleted under its command")
	}
	in := "-subnet " + s.subnet + " -security-group "
	out, told, code := s.says(in+s.group, "get", "http://"+addr+":8080/")
	if code != 0 || !strings.HasPrefix(out, "hello, 10.0.16.") || !strings.HasPrefix(told, "cloister: eni-") {
		t.Errorf("a member of the group gets (%d) %q, told %q", code, out, told)
	}
	if out, _, _ := s.says(in+strangers, "connect", addr+":8080"); out != "lost\n" {
		t.Errorf("a stranger's connection is %q", out)
	}
	if out, _, _ := s.says(in+s.group, "connect", addr+":8081"); out != "lost\n" {
		t.Errorf("a connection to another port is %q", out)
	}
	id := n.text("networkInterfaceId")
	s.must("ec2", "ModifyNetworkInterfaceAttribute", "NetworkInterfaceId", id, "SecurityGroupId.1", strangers) // its owner may change it
	until(t, 10*time.Second, "other groups to hold", func() bool {
		out, _, _ := s.says(in+s.group, "connect", addr+":8080")
		return out == "lost\n"
	})
	eip := s.must("ec2", "AllocateAddress", "Domain", "vpc").text("allocationId")
	igw := s.must("ec2", "CreateInternetGateway").text("internetGatewayId")
	s.must("ec2", "AttachInternetGateway", "InternetGatewayId", igw, "VpcId", s.vpc)
	s.must("ec2", "AssociateAddress", "AllocationId", eip, "NetworkInterfaceId", id)
	s.must("ec2", "ModifyNetworkInterfaceAttribute", "NetworkInterfaceId", id, "SourceDestCheck.Value", "false")
	if left := s.lent(); len(left) != 1 {
		t.Errorf("interfaces while one command runs: %v", left)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err == nil || server.ProcessState.ExitCode() != 128+int(syscall.SIGTERM) {
		t.Errorf("the server ended with %v", err)
	}
	if left := s.lent(); len(left) != 0 {
		t.Errorf("interfaces after the last command: %v", left)
	}
	if n := s.must("ec2", "DescribeAddresses", "AllocationId.1", eip); n.text("associationId") != "" {
		t.Error("the address of an interface that is gone is associated still")
	}
}

// TestExecIsACommand: descriptors, status, signals, directory, environment and identity are what a command's are.
func TestExecIsACommand(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	in := "-quiet -subnet " + s.subnet + " -security-group " + s.group
	cmd := s.command(in, "echo")
	cmd.Stdin = strings.NewReader("words")
	if out, err := cmd.Output(); err != nil || string(out) != "words" {
		t.Errorf("echo: %q, %v", out, err)
	}
	if out, told, code := s.says(in, "exit", "7"); code != 7 || out != "" || told != "" {
		t.Errorf("exit 7 is %d: %q, %q", code, out, told)
	}
	uid := os.Geteuid()
	if uid == 0 {
		uid = 65534 // the daemon gave root up, and so its commands are nobody
	}
	if out, _, code := s.says(in, "who"); code != 0 || out != fmt.Sprintf("%d 2 / here\n", uid) {
		t.Errorf("who (%d): %q", code, out)
	}
	if out, _, _ := s.says(in, "show", "/etc/resolv.conf"); out != "nameserver 10.0.0.2\nsearch ec2.internal\n" {
		t.Errorf("resolv.conf: %q", out)
	}
	missing := s.command(in)
	missing.Args = append(missing.Args[:slices.Index(missing.Args, "--")+1], "/no/such/command")
	if err := missing.Run(); err == nil || missing.ProcessState.ExitCode() != 127 {
		t.Errorf("a missing command: %v", err)
	}
	waits, _ := s.stays("-subnet "+s.subnet+" -security-group "+s.group, "await")
	if err := waits.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := waits.Wait(); err == nil || waits.ProcessState.ExitCode() != 7 {
		t.Errorf("a signal: %v", err)
	}
	// The client dies without a word: the command and its interface go.
	dies, _ := s.stays("-subnet "+s.subnet+" -security-group "+s.group, "serve", ":8080")
	if err := dies.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, 10*time.Second, "the interface of a dead client to go", func() bool { return len(s.lent()) == 0 })
}

// TestExecAsks: IAM decides who makes the interface, before anything is made.
func TestExecAsks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	u := s.user("narrow", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}]}`)
	_, told, code := u.says("-subnet "+s.subnet+" -security-group "+s.group, "exit", "0")
	if code != 125 || !strings.Contains(told, "UnauthorizedOperation") {
		t.Errorf("without the right (%d): %s", code, told)
	}
	if left := s.lent(); len(left) != 0 {
		t.Errorf("interfaces: %v", left)
	}
}

// TestExecAfterACrash: a daemon that was killed took the commands along, and its next start takes their interfaces.
func TestExecAfterACrash(t *testing.T) {
	t.Parallel()
	s := siteIn(t, open(t))
	cmd, _ := s.stays("-subnet "+s.subnet+" -security-group "+s.group, "serve", ":8080")
	s.house.kill()
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 125 {
		t.Errorf("the client ended with %v", err)
	}
	if err := s.house.serve(); err != nil {
		t.Fatal(err)
	}
	s.Endpoint = s.house.http()
	until(t, 10*time.Second, "the interface of a dead daemon to go", func() bool { return len(s.lent()) == 0 })
}

// TestExecBadWords: whoever speaks to the daemon without the program's manners gets a word and no command.
func TestExecBadWords(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := s.must("ec2", "CreateNetworkInterface", "SubnetId", s.subnet).text("networkInterfaceId")
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := int(null.Fd())
	const hello = `{"Command":{"Path":"/bin/true","Argv":["true"],"Dir":"/"}}` + "\n"
	for name, c := range map[string]struct {
		fds         []int
		first, then string
		want        string
	}{
		"no descriptors":       {nil, hello, "", "not its three descriptors"},
		"too few":              {[]int{fd}, hello, "", "not its three descriptors"},
		"too many":             {[]int{fd, fd, fd, fd}, hello, "", "too much"},
		"no command":           {[]int{fd, fd, fd}, "{}\n", "", "no command"},
		"no JSON":              {[]int{fd, fd, fd}, "}\n", "", "invalid character"},
		"a foreign interface":  {[]int{fd, fd, fd}, hello, `{"Interface":{"ID":"` + other + `","Account":"` + s.account + `","Region":"us-east-1"}}`, "was not made for this command"},
		"no interface":         {[]int{fd, fd, fd}, hello, `{"Interface":{"ID":"eni-1","Account":"","Region":""}}`, "was not made for this command"},
		"a signal to nothing":  {[]int{fd, fd, fd}, hello, `{"Signal":9}`, "no interface"},
		"an end in the middle": {[]int{fd, fd, fd}, hello, "{", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := net.Dial("unix", filepath.Join(s.house.data, "operator.sock"))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			u := d.(*net.UnixConn)
			if err := u.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(u, "POST /exec HTTP/1.1\r\nHost: operator\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(u)
			res, err := http.ReadResponse(in, nil)
			if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("%v, %v", res, err)
			}
			defer res.Body.Close()
			var oob []byte
			if c.fds != nil {
				oob = syscall.UnixRights(c.fds...)
			}
			if _, _, err := u.WriteMsgUnix([]byte(c.first), oob, nil); err != nil {
				t.Fatal(err)
			}
			if c.then != "" {
				if _, err := io.WriteString(u, c.then); err != nil {
					t.Fatal(err)
				}
			}
			if !strings.Contains(c.want, "this command") { // else the daemon has its say first
				if err := u.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			b, err := io.ReadAll(in)
			if err != nil || !strings.Contains(string(b), c.want) || strings.Contains(string(b), "Runs") {
				t.Errorf("%q, %v: want %q", b, err, c.want)
			}
		})
	}
	if n := s.must("ec2", "DescribeNetworkInterfaces", "NetworkInterfaceId.1", other); n.text("attachmentId") != "" {
		t.Error("the foreign interface is attached")
	}
}
