package flow

import (
	"net/netip"
	"testing"
	"time"

	"cloister/internal/core/vpc"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// TestLine: the records of the VPC User Guide's page "Flow log record examples", field by field. Instance ids are ours to leave
// out: no interface here is an instance's.
func TestLine(t *testing.T) {
	flow := func(src, dst string, sport, dport uint16, n Count, start, end int64) *Record {
		return &Record{Key: Key{Interface: "eni-1235b8ca123456789", Src: addr(src), Dst: addr(dst), PktSrc: addr(src), PktDst: addr(dst), SrcPort: sport, DstPort: dport, Proto: 6},
			Of: &Interface{Account: "123456789010", VPC: "vpc-abcdefab012345678", Subnet: "subnet-aaaaaaaa012345678", Region: "ap-southeast-2", ZoneID: "apse2-az3"}, Count: n,
			Start: time.Unix(start, 0), End: time.Unix(end, 0)}
	}
	with := func(r *Record, f func(*Record)) *Record { f(r); return r }
	const flags = "${version} ${vpc-id} ${subnet-id} ${instance-id} ${interface-id} ${account-id} ${type} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${pkt-srcaddr} ${pkt-dstaddr} ${protocol} ${bytes} ${packets} ${start} ${end} ${action} ${tcp-flags} ${log-status}"
	const service = "${version} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${start} ${end} ${type} ${packets} ${bytes} ${account-id} ${vpc-id} ${subnet-id} ${instance-id} ${interface-id} ${region} ${az-id} ${sublocation-type} ${sublocation-id} ${action} ${tcp-flags} ${pkt-srcaddr} ${pkt-dstaddr} ${pkt-src-aws-service} ${pkt-dst-aws-service} ${traffic-path} ${flow-direction} ${log-status}"
	for _, c := range []struct {
		name, format string
		r            *Record
		want         string
	}{
		{"accepted", DefaultFormat, flow("172.31.16.139", "172.31.16.21", 20641, 22, Count{20, 4249}, 1418530010, 1418530070),
			"2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK"},
		{"rejected", DefaultFormat, with(flow("172.31.9.69", "172.31.9.12", 49761, 3389, Count{20, 4249}, 1418530010, 1418530070), func(r *Record) { r.Reject = true }),
			"2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK"},
		{"no data", DefaultFormat, with(flow("0.0.0.0", "0.0.0.0", 0, 0, Count{}, 1431280876, 1431280934), func(r *Record) { r.Status = NoData }),
			"2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA"},
		{"skipped", DefaultFormat, with(flow("0.0.0.0", "0.0.0.0", 0, 0, Count{}, 1431280876, 1431280934), func(r *Record) { r.Interface, r.Status = "eni-11111111aaaaaaaaa", SkipData }),
			"2 123456789010 eni-11111111aaaaaaaaa - - - - - - - 1431280876 1431280934 - SKIPDATA"},
		{"flags", flags, with(flow("10.0.0.62", "52.213.180.42", 5001, 43638, Count{14, 967}, 1566933133, 1566933193), func(r *Record) { r.Flags = SYNACK | FIN }),
			"3 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 - eni-1235b8ca123456789 123456789010 IPv4 10.0.0.62 52.213.180.42 5001 43638 10.0.0.62 52.213.180.42 6 967 14 1566933133 1566933193 ACCEPT 19 OK"},
		{"service, in", service, with(flow("52.95.128.179", "10.0.0.71", 80, 34210, Count{14, 15044}, 1616729292, 1616729349), func(r *Record) { r.Flags, r.SrcService = 19, "S3" }),
			"5 52.95.128.179 10.0.0.71 80 34210 6 1616729292 1616729349 IPv4 14 15044 123456789010 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 - eni-1235b8ca123456789 ap-southeast-2 apse2-az3 - - ACCEPT 19 52.95.128.179 10.0.0.71 S3 - - ingress OK"},
		{"service, out", service, with(flow("10.0.0.71", "52.95.128.179", 34210, 80, Count{7, 471}, 1616729292, 1616729349), func(r *Record) {
			r.Flags, r.DstService, r.Egress, r.Path = 3, "S3", true, InternetGateway
		}), "5 10.0.0.71 52.95.128.179 34210 80 6 1616729292 1616729349 IPv4 7 471 123456789010 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 - eni-1235b8ca123456789 ap-southeast-2 apse2-az3 - - ACCEPT 3 10.0.0.71 52.95.128.179 - S3 8 egress OK"},
		{"metadata of a flow that is none", "${vpc-id} ${az-id} ${type} ${flow-direction} ${tcp-flags} ${reject-reason}", with(flow("0.0.0.0", "0.0.0.0", 0, 0, Count{}, 1, 2), func(r *Record) { r.Status = NoData }),
			"vpc-abcdefab012345678 apse2-az3 - - - -"},
	} {
		f, err := ParseFormat(c.format)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Line(c.r); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for text, version := range map[string]string{"${version}": "2", "${version} ${vpc-id}": "3", "${az-id} ${version} ${type}": "4", "${traffic-path}  ${version}": "5"} {
		f, err := ParseFormat(text)
		if err != nil || f.version != version {
			t.Errorf("%s: %v, %v", text, f, err)
		}
	}
	for _, text := range []string{"", " ", "${srcaddr} ${nonsense}", "srcaddr", "${srcaddr},${dstaddr}", "${srcaddr", "$srcaddr}"} {
		if f, err := ParseFormat(text); err == nil {
			t.Errorf("%q is a format of %v", text, f.names)
		}
	}
	f, _ := ParseFormat("${srcaddr} ${log-status}")
	if f.Header() != "srcaddr log-status" {
		t.Error(f.Header())
	}
}

// TestObjectKey: the layouts of "Publish flow logs to Amazon S3", and its example of a name.
func TestObjectKey(t *testing.T) {
	at := time.Date(2018, 6, 20, 16, 23, 30, 0, time.UTC)
	for _, c := range []struct {
		prefix, dir string
		o           *vpc.FlowFiles
	}{
		{"", "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/", nil},
		{"my-logs/", "my-logs/AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/", &vpc.FlowFiles{}},
		{"", "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20/16/", &vpc.FlowFiles{PerHour: true}},
		{"", "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2018/month=06/day=20/", &vpc.FlowFiles{Hive: true}},
		{"", "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2018/month=06/day=20/hour=16/", &vpc.FlowFiles{Hive: true, PerHour: true}},
	} {
		l := &vpc.FlowLog{ID: "fl-1234abcd", Account: "123456789012", Region: "us-east-1", Prefix: c.prefix, Options: c.o}
		got := ObjectKey(l, at, []byte("x"))
		begin := c.dir + "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_"
		if len(got) != len(begin)+len("fe123456.log.gz") || got[:len(begin)] != begin || got[len(got)-7:] != ".log.gz" {
			t.Errorf("%s, want %s...", got, begin)
		}
		if ObjectKey(l, at.Add(time.Minute), []byte("x")) == got || ObjectKey(l, at, []byte("y")) == got {
			t.Error("two files of one name")
		}
	}
}
