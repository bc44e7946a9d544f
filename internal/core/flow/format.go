package flow

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// DefaultFormat has the fields of version 2, in the order of the documentation's table.
const DefaultFormat = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"

const none = "-"

// field is one that a line may have: since which version, and what it is of a record. Those of a flow are a dash in a record
// that has none.
type field struct {
	version int
	flow    bool
	text    func(r *Record) string
}

func fields() map[string]field {
	flow := func(version int, f func(*Record) string) field { return field{version, true, f} }
	about := func(version int, f func(*Record) string) field { return field{version, false, f} }
	dash := func(version int) field { return about(version, func(*Record) string { return none }) }
	addr := func(a netip.Addr) string { return a.String() }
	num := func(n uint64) string { return strconv.FormatUint(n, 10) }
	or := func(s string) string {
		if s == "" {
			return none
		}
		return s
	}
	return map[string]field{
		"account-id":   about(2, func(r *Record) string { return or(r.Of.Account) }),
		"interface-id": about(2, func(r *Record) string { return r.Interface }),
		"srcaddr":      flow(2, func(r *Record) string { return addr(r.Src) }),
		"dstaddr":      flow(2, func(r *Record) string { return addr(r.Dst) }),
		"srcport":      flow(2, func(r *Record) string { return num(uint64(r.SrcPort)) }),
		"dstport":      flow(2, func(r *Record) string { return num(uint64(r.DstPort)) }),
		"protocol":     flow(2, func(r *Record) string { return num(uint64(r.Proto)) }),
		"packets":      flow(2, func(r *Record) string { return num(r.Count.Packets) }),
		"bytes":        flow(2, func(r *Record) string { return num(r.Count.Bytes) }),
		"start":        about(2, func(r *Record) string { return strconv.FormatInt(r.Start.Unix(), 10) }),
		"end":          about(2, func(r *Record) string { return strconv.FormatInt(r.End.Unix(), 10) }),
		"action": flow(2, func(r *Record) string {
			if r.Reject {
				return "REJECT"
			}
			return "ACCEPT"
		}),
		"log-status":  about(2, func(r *Record) string { return [...]string{"OK", "NODATA", "SKIPDATA"}[r.Status] }),
		"vpc-id":      about(3, func(r *Record) string { return or(r.Of.VPC) }),
		"subnet-id":   about(3, func(r *Record) string { return or(r.Of.Subnet) }),
		"instance-id": dash(3), // no interface here is an instance's
		"tcp-flags":   flow(3, func(r *Record) string { return num(uint64(r.Flags)) }),
		"type":        flow(3, func(*Record) string { return "IPv4" }),
		"pkt-srcaddr": flow(3, func(r *Record) string { return addr(r.PktSrc) }),
		"pkt-dstaddr": flow(3, func(r *Record) string { return addr(r.PktDst) }),
		"region":      about(4, func(r *Record) string { return or(r.Of.Region) }),
		"az-id":       about(4, func(r *Record) string { return or(r.Of.ZoneID) }),

		"sublocation-type": dash(4),
		"sublocation-id":   dash(4),

		"pkt-src-aws-service": flow(5, func(r *Record) string { return or(r.SrcService) }),
		"pkt-dst-aws-service": flow(5, func(r *Record) string { return or(r.DstService) }),
		"flow-direction": flow(5, func(r *Record) string {
			if r.Egress {
				return "egress"
			}
			return "ingress"
		}),
		"traffic-path": flow(5, func(r *Record) string {
			if r.Path == 0 {
				return none
			}
			return num(uint64(r.Path))
		}),
		"reject-reason": dash(8), // BPA, the only one that AWS names, is not built
	}
}

// Format writes records as lines.
type Format struct {
	names   []string
	fields  []field
	version string
}

// ParseFormat reads a log's format: fields as ${name}, one space or more between. The error names the field that is not known, and
// is for the client.
func ParseFormat(text string) (*Format, error) {
	f := &Format{}
	known := fields()
	version := 2
	known["version"] = field{2, false, func(*Record) string { return f.version }}
	for _, w := range strings.Fields(text) {
		name, open := strings.CutPrefix(w, "${")
		name, shut := strings.CutSuffix(name, "}")
		x, ok := known[name]
		if !open || !shut || !ok {
			return nil, fmt.Errorf("unknown fields provided: %s", strings.Trim(w, "${}"))
		}
		f.names, f.fields = append(f.names, name), append(f.fields, x)
		version = max(version, x.version)
	}
	if len(f.names) == 0 {
		return nil, fmt.Errorf("a format needs at least one field")
	}
	f.version = strconv.Itoa(version)
	return f, nil
}

// Header is a file's first line.
func (f *Format) Header() string { return strings.Join(f.names, " ") }

// Line is one record.
func (f *Format) Line(r *Record) string {
	var b strings.Builder
	for i, x := range f.fields {
		if i > 0 {
			b.WriteByte(' ')
		}
		if x.flow && r.Status != OK {
			b.WriteString(none)
		} else {
			b.WriteString(x.text(r))
		}
	}
	return b.String()
}
