package whole_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// resolve asks a name server for the addresses of a name; code is the answer's, -1 without one.
func (in *inside) resolve(t testing.TB, server netip.Addr, name string) (addrs []netip.Addr, code int) {
	t.Helper()
	q := dnsmessage.Message{Header: dnsmessage.Header{ID: 2, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name + "."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	b, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	code = -1
	ready := make(chan struct{})
	in.work <- func() {
		defer close(ready)
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return
		}
		defer unix.Close(fd)
		_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 2})
		if unix.Connect(fd, &unix.SockaddrInet4{Port: 53, Addr: server.As4()}) != nil {
			return
		}
		if _, err := unix.Write(fd, b); err != nil {
			return
		}
		buf := make([]byte, 1500)
		n, err := unix.Read(fd, buf)
		var m dnsmessage.Message
		if err != nil || m.Unpack(buf[:n]) != nil {
			return
		}
		code = int(m.RCode)
		for _, a := range m.Answers {
			if r, ok := a.Body.(*dnsmessage.AResource); ok {
				addrs = append(addrs, netip.AddrFrom4(r.A))
			}
		}
	}
	<-ready
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs, code
}

// secure sends a request over TLS to the name that it is for.
func (in *inside) secure(t testing.TB, ca string, to netip.Addr, r request) (int, string) {
	t.Helper()
	pem, err := os.ReadFile(ca)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificates in %s: %v", ca, err)
	}
	raw, err := in.dial(netip.AddrPortFrom(to, 443))
	if err != nil {
		return 0, err.Error()
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
	c := tls.Client(raw, &tls.Config{RootCAs: pool, ServerName: r.host})
	req, err := r.build("https://" + r.host)
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
	b, _ := io.ReadAll(io.LimitReader(res.Body, 16<<10))
	return res.StatusCode, string(b)
}

// stepIn enters the network of an interface of the site's subnet and group, for as long as the test is.
func (s *site) stepIn(h *house) *inside {
	s.Helper()
	s.stays("-subnet "+s.subnet+" -security-group "+s.group, "serve", ":8080")
	sits := 0
	for pid := range tree(h.cmd.Process.Pid) {
		cmd, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if bytes.Contains(cmd, []byte("\x00"+neighbourArg+"\x00serve")) {
			sits = pid
		}
	}
	if sits == 0 {
		s.Fatal("nobody sits in the network")
	}
	return enter(s, sits)
}

// front makes an interface endpoint and gives its id, its regional name and its first interface's address.
func (s *site) front(vpc, subnet, group, service string, more ...string) (id, name string, at netip.Addr) {
	s.Helper()
	n := s.must("ec2", "CreateVpcEndpoint", append([]string{"VpcEndpointType", "Interface", "VpcId", vpc, "SubnetId.1", subnet, "SecurityGroupId.1", group,
		"ServiceName", "com.amazonaws.us-east-1." + service}, more...)...)
	eni := s.must("ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "description", "Filter.1.Value.1", "VPC Endpoint Interface "+n.text("vpcEndpointId"))
	at, err := netip.ParseAddr(eni.text("privateIpAddress"))
	if err != nil {
		s.Fatal(err)
	}
	return n.text("vpcEndpointId"), n.text("dnsName"), at
}

// admit lets everybody in on a TCP port.
func (s *site) admit(group, port string) {
	s.Helper()
	s.must("ec2", "AuthorizeSecurityGroupIngress", "GroupId", group, "IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", port, "IpPermissions.1.ToPort", port,
		"IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0")
}

// TestInterfaceEndpoints asks services from where a job's agent stands: by private DNS, under groups, by the endpoint's policy,
// and over a peering.
func TestInterfaceEndpoints(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can step into a network")
	}
	h := open(t)
	s := siteIn(t, h)
	hostnames := func(vpc string) {
		s.must("ec2", "ModifyVpcAttribute", "VpcId", vpc, "EnableDnsHostnames.Value", "true")
	}
	hostnames(s.vpc)
	door, shut := s.newGroup(s.vpc, "door"), s.newGroup(s.vpc, "shut")
	s.admit(door, "443")
	_, stsName, stsAt := s.front(s.vpc, s.subnet, door, "sts")
	ec2, _, ec2At := s.front(s.vpc, s.subnet, door, "ec2")
	kms, _, kmsAt := s.front(s.vpc, s.subnet, shut, "kms")
	_, s3Name, s3At := s.front(s.vpc, s.subnet, door, "s3")

	far := s.must("ec2", "CreateVpc", "CidrBlock", "10.9.0.0/16").text("vpcId")
	farSubnet, farDoor := s.newSubnet(far, "10.9.1.0/24"), s.newGroup(far, "door")
	s.admit(farDoor, "443")
	farEC2, farName, farAt := s.front(far, farSubnet, farDoor, "ec2", "PrivateDnsEnabled", "false")
	pcx := s.must("ec2", "CreateVpcPeeringConnection", "VpcId", s.vpc, "PeerVpcId", far).text("vpcPeeringConnectionId")
	s.must("ec2", "AcceptVpcPeeringConnection", "VpcPeeringConnectionId", pcx)
	farTable := s.must("ec2", "DescribeRouteTables", "Filter.1.Name", "vpc-id", "Filter.1.Value.1", far).text("routeTableId")
	s.must("ec2", "CreateRoute", "RouteTableId", s.table, "DestinationCidrBlock", "10.9.0.0/16", "VpcPeeringConnectionId", pcx)
	s.must("ec2", "CreateRoute", "RouteTableId", farTable, "DestinationCidrBlock", "10.0.0.0/16", "VpcPeeringConnectionId", pcx)

	s.put(s.bucket, "in/0.txt", []byte("a document\n"))
	in := s.stepIn(h)
	resolver := netip.MustParseAddr("10.0.0.2")
	for name, want := range map[string]string{
		"sts.us-east-1.amazonaws.com":        "[" + stsAt.String() + "] 0",
		"ec2.us-east-1.amazonaws.com":        "[" + ec2At.String() + "] 0",
		stsName:                              "[" + stsAt.String() + "] 0",
		"s3.us-east-1.amazonaws.com":         "[198.51.100.10] 0",
		"b.bucket." + s3Name[2:]:             "[" + s3At.String() + "] 0", // *.vpce-...
		farName:                              "[" + farAt.String() + "] 0",
		"comprehend.us-east-1.amazonaws.com": "[] 3",
		"example.com":                        "[] 3",
	} {
		addrs, code := in.resolve(t, resolver, name)
		if got := fmt.Sprint(addrs, " ", code); got != want {
			t.Errorf("%s resolves to %s, want %s", name, got, want)
		}
	}

	ask := func(service, body string) request {
		return request{method: "POST", service: service, path: "/", host: service + ".us-east-1.amazonaws.com", creds: s.Creds, body: []byte(body),
			header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
	}
	identity, vpcs := ask("sts", "Action=GetCallerIdentity&Version=2011-06-15"), ask("ec2", "Action=DescribeVpcs&Version=2016-11-15")
	said := func(what string, to netip.Addr, r request, status int, words ...string) {
		t.Helper()
		got, b := in.secure(t, h.op.CA, to, r)
		for _, w := range words {
			if !strings.Contains(b, w) {
				got = -got
			}
		}
		if got != status {
			t.Errorf("%s: %d %.300s, want %d and %q", what, got, b, status, words)
		}
	}
	said("sts at its endpoint", stsAt, identity, 200, s.account)
	own := identity
	own.host = stsName
	said("sts by the endpoint's own name", stsAt, own, 200, s.account)
	said("ec2 at its endpoint", ec2At, vpcs, 200, s.vpc)
	said("ec2 at the endpoint of sts", stsAt, vpcs, 401, "leads to com.amazonaws.us-east-1.sts alone")
	object := request{method: "GET", service: "s3", path: "/in/0.txt", host: s.bucket + ".bucket." + s3Name[2:], creds: s.Creds}
	said("an object by S3's interface endpoint", s3At, object, 200, "\n")

	s.must("ec2", "ModifyVpcEndpoint", "VpcEndpointId", ec2, "PolicyDocument", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ec2:DescribeSubnets","Resource":"*"}]}`)
	said("what the endpoint's policy does not allow", ec2At, vpcs, 403, "because no VPC endpoint policy allows the ec2:DescribeVpcs action")
	where := func(vpc string) string {
		return `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpc":"` + vpc + `"}}}]}`
	}
	s.must("ec2", "ModifyVpcEndpoint", "VpcEndpointId", ec2, "PolicyDocument", where(s.vpc))
	said("a condition on the VPC", ec2At, vpcs, 200, s.vpc)

	s.must("ec2", "ModifyVpcEndpoint", "VpcEndpointId", farEC2, "PolicyDocument", where(far))
	said("over the peering, as from the endpoint's VPC", farAt, vpcs, 200, far)
	s.must("ec2", "ModifyVpcEndpoint", "VpcEndpointId", farEC2, "PolicyDocument", where(s.vpc))
	said("over the peering, not as from the sender's", farAt, vpcs, 403, "because no VPC endpoint policy allows")

	if in.dials(netip.AddrPortFrom(kmsAt, 443)) {
		t.Error("an endpoint answers whose groups admit nobody")
	}
	s.must("ec2", "ModifyVpcEndpoint", "VpcEndpointId", kms, "AddSecurityGroupId.1", door)
	until(t, 10*time.Second, "the group to admit", func() bool { return in.dials(netip.AddrPortFrom(kmsAt, 443)) })
	for _, to := range []netip.AddrPort{netip.AddrPortFrom(stsAt, 22), netip.AddrPortFrom(stsAt, 80)} {
		if in.dials(to) {
			t.Errorf("%s answers, which no group admits", to)
		}
	}
	s.must("ec2", "DeleteVpcEndpoints", "VpcEndpointId.1", ec2)
	if addrs, code := in.resolve(t, resolver, "ec2.us-east-1.amazonaws.com"); code != 3 {
		t.Errorf("the name of a deleted endpoint: %v %d", addrs, code)
	}
	until(t, 10*time.Second, "the deleted endpoint to be gone", func() bool { return !in.dials(netip.AddrPortFrom(ec2At, 443)) })
}

// TestJobByInterfaceEndpoint: a job reaches S3 without any gateway, by private DNS, and is told what keeps it from there.
func TestJobByInterfaceEndpoint(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english))
	s.must("ec2", "DeleteVpcEndpoints", "VpcEndpointId.1", s.endpoint)
	s.must("ec2", "ModifyVpcAttribute", "VpcId", s.vpc, "EnableDnsHostnames.Value", "true")
	door, shut := s.newGroup(s.vpc, "door"), s.newGroup(s.vpc, "shut")
	s.admit(door, "443")
	id, _, _ := s.front(s.vpc, s.subnet, door, "s3", "PrivateDnsEnabled", "true", "DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint", "false")
	if docs := s.completed(nil); len(docs) != 1 {
		t.Errorf("%v", docs)
	}
	s.bucketPolicy(dict{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + s.bucket + "/*",
		"Condition": dict{"StringNotEquals": dict{"aws:SourceVpce": id}, "ArnLike": dict{"aws:PrincipalArn": s.role}}})
	s.completed(nil)
	s.must("ec2", "ModifyVpcEndpoint", "VpcEndpointId", id, "PolicyDocument", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":"*"}]}`)
	holds(t, s.failed(nil, "NO_WRITE_ACCESS_TO_OUTPUT"), "no VPC endpoint policy allows", id) // the output is tried before a document is read
	s.must("ec2", "ModifyVpcEndpoint", "VpcEndpointId", id, "PolicyDocument", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:ListBucket","s3:PutObject"],"Resource":"*"}]}`)
	holds(t, s.failed(nil, "NO_READ_ACCESS_TO_INPUT"), "no VPC endpoint policy allows", id)
	s.must("ec2", "ModifyVpcEndpoint", "VpcEndpointId", id, "ResetPolicy", "true", "AddSecurityGroupId.1", shut, "RemoveSecurityGroupId.1", door)
	holds(t, s.failed(nil, "NO_READ_ACCESS_TO_INPUT"), shut)
}

// TestJobByDHCP: a job asks the name servers that its VPC's DHCP options name.
func TestJobByDHCP(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english))
	options := func(servers string) string {
		return s.must("ec2", "CreateDhcpOptions", "DhcpConfiguration.1.Key", "domain-name-servers", "DhcpConfiguration.1.Value.1", servers,
			"DhcpConfiguration.2.Key", "domain-name", "DhcpConfiguration.2.Value.1", "docs.example").text("dhcpOptionsId")
	}
	s.must("ec2", "AssociateDhcpOptions", "VpcId", s.vpc, "DhcpOptionsId", options("AmazonProvidedDNS"))
	s.completed(nil)
	none := options("10.0.16.200")
	s.must("ec2", "AssociateDhcpOptions", "VpcId", s.vpc, "DhcpOptionsId", none)
	holds(t, s.failed(nil, "NO_READ_ACCESS_TO_INPUT"), "dhcp-options", none, "10.0.16.200")
	s.must("ec2", "AssociateDhcpOptions", "VpcId", s.vpc, "DhcpOptionsId", "default") // none at all
	holds(t, s.failed(nil, "NO_READ_ACCESS_TO_INPUT"), "dhcp-options", "name the servers []")
}
