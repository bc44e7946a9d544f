package linux

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
)

func (b *batch) set(s fabric.Set) *nftables.Set {
	out := &nftables.Set{Table: b.table, Name: s.Name}
	switch s.Kind {
	case fabric.Intervals:
		out.KeyType, out.Interval = nftables.TypeIPAddr, true
	case fabric.PortRanges:
		out.KeyType, out.Interval = nftables.TypeInetService, true
	case fabric.Addresses:
		out.KeyType = nftables.TypeIPAddr
	case fabric.Names:
		out.KeyType = nftables.TypeIFName
	case fabric.MarkLinks:
		out.KeyType, out.Concatenation = nftables.MustConcatSetType(nftables.TypeMark, nftables.TypeIFName), true
	case fabric.MarkAddrs:
		out.KeyType, out.Concatenation = nftables.MustConcatSetType(nftables.TypeMark, nftables.TypeIPAddr), true
	case fabric.Services:
		out.KeyType = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService)
		out.Concatenation = true
	case fabric.Boxes:
		out.KeyType = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService)
		out.Concatenation, out.Interval = true, true
	case fabric.Verdicts:
		out.KeyType, out.DataType, out.IsMap = nftables.TypeIFName, nftables.TypeVerdict, true
	case fabric.AddrVerdicts:
		out.KeyType, out.DataType, out.IsMap = nftables.TypeIPAddr, nftables.TypeVerdict, true
	case fabric.MarkVerdicts:
		out.KeyType, out.DataType, out.IsMap = nftables.TypeMark, nftables.TypeVerdict, true
	case fabric.Marks:
		out.KeyType, out.Concatenation = nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIPAddr), true
		out.DataType, out.IsMap = nftables.TypeMark, true
	case fabric.LinkMarks:
		out.KeyType, out.DataType, out.IsMap = nftables.TypeIFName, nftables.TypeMark, true
	case fabric.AddrMarks:
		out.KeyType, out.DataType, out.IsMap = nftables.TypeIPAddr, nftables.TypeMark, true
	case fabric.AddrPairs:
		out.KeyType, out.DataType, out.IsMap = nftables.TypeIPAddr, nftables.TypeIPAddr, true
	}
	return out
}

func elements(k fabric.SetKind, elems []fabric.Elem) []nftables.SetElement {
	out := make([]nftables.SetElement, 0, len(elems)*2)
	for _, e := range elems {
		switch k {
		case fabric.Intervals:
			out = append(out, nftables.SetElement{Key: e.Prefix.Masked().Addr().AsSlice()})
			if end, ok := after(e.Prefix); ok {
				out = append(out, nftables.SetElement{Key: end.AsSlice(), IntervalEnd: true})
			}
		case fabric.PortRanges:
			out = append(out, nftables.SetElement{Key: binary.BigEndian.AppendUint16(nil, e.Port)})
			if e.Last < 1<<16-1 {
				out = append(out, nftables.SetElement{Key: binary.BigEndian.AppendUint16(nil, e.Last+1), IntervalEnd: true})
			}
		case fabric.Addresses:
			out = append(out, nftables.SetElement{Key: e.Addr.AsSlice()})
		case fabric.Services:
			out = append(out, nftables.SetElement{Key: service(e.Addr, e.Proto, e.Port)})
		case fabric.Boxes: // the last of each part, not what follows it
			out = append(out, nftables.SetElement{Key: service(e.Prefix.Masked().Addr(), e.Proto, e.Port), KeyEnd: service(last(e.Prefix), e.Proto, e.Last)})
		case fabric.Names:
			out = append(out, nftables.SetElement{Key: ifname(e.Link)})
		case fabric.MarkLinks:
			out = append(out, nftables.SetElement{Key: append(mark(e.Mark), ifname(e.Link)...)})
		case fabric.MarkAddrs:
			out = append(out, nftables.SetElement{Key: append(mark(e.Mark), e.Addr.AsSlice()...)})
		case fabric.Verdicts:
			out = append(out, nftables.SetElement{Key: ifname(e.Link), VerdictData: jump(e.Jump)})
		case fabric.AddrVerdicts:
			out = append(out, nftables.SetElement{Key: e.Addr.AsSlice(), VerdictData: jump(e.Jump)})
		case fabric.MarkVerdicts:
			out = append(out, nftables.SetElement{Key: mark(e.Mark), VerdictData: jump(e.Jump)})
		case fabric.Marks:
			out = append(out, nftables.SetElement{Key: append(ifname(e.Link), e.Addr.AsSlice()...), Val: mark(e.Mark)})
		case fabric.LinkMarks:
			out = append(out, nftables.SetElement{Key: ifname(e.Link), Val: mark(e.Mark)})
		case fabric.AddrMarks:
			out = append(out, nftables.SetElement{Key: e.Addr.AsSlice(), Val: mark(e.Mark)})
		case fabric.AddrPairs:
			out = append(out, nftables.SetElement{Key: e.Addr.AsSlice(), Val: e.To.AsSlice()})
		}
	}
	return out
}

// service is a key of three parts, each of which fills up its four bytes.
func service(a netip.Addr, proto uint8, port uint16) []byte {
	key := append(a.AsSlice(), proto, 0, 0, 0)
	return append(binary.BigEndian.AppendUint16(key, port), 0, 0)
}

// last is the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	binary.BigEndian.PutUint32(a[:], binary.BigEndian.Uint32(a[:])|uint32(1<<(32-p.Bits())-1))
	return netip.AddrFrom4(a)
}

// after is the first address behind a prefix; there is none behind the last.
func after(p netip.Prefix) (netip.Addr, bool) {
	a := p.Masked().Addr().As4()
	v := uint64(binary.BigEndian.Uint32(a[:])) + 1<<(32-p.Bits())
	if v > 1<<32-1 {
		return netip.Addr{}, false
	}
	binary.BigEndian.PutUint32(a[:], uint32(v))
	return netip.AddrFrom4(a), true
}

func mark(m uint32) []byte { return binaryutil.NativeEndian.PutUint32(m) }

func jump(chain string) *expr.Verdict { return &expr.Verdict{Kind: expr.VerdictJump, Chain: chain} }

// ifname fills a name up to the kernel's 16 bytes.
func ifname(s string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, s)
	return b
}

func (b *batch) chain(ch fabric.Chain) (*nftables.Chain, error) {
	out := &nftables.Chain{Name: ch.Name, Table: b.table}
	if ch.Hook == "" {
		return out, nil
	}
	switch ch.Hook {
	case "prerouting":
		out.Hooknum = nftables.ChainHookPrerouting
	case "input":
		out.Hooknum = nftables.ChainHookInput
	case "forward":
		out.Hooknum = nftables.ChainHookForward
	case "output":
		out.Hooknum = nftables.ChainHookOutput
	case "postrouting":
		out.Hooknum = nftables.ChainHookPostrouting
	default:
		return nil, fmt.Errorf("chain %s: unknown hook %q", ch.Name, ch.Hook)
	}
	out.Type = nftables.ChainTypeFilter
	if ch.NAT {
		out.Type = nftables.ChainTypeNAT
	}
	out.Priority = nftables.ChainPriorityRef(nftables.ChainPriority(ch.Priority))
	policy := nftables.ChainPolicyAccept
	if ch.Drop {
		policy = nftables.ChainPolicyDrop
	}
	out.Policy = &policy
	return out, nil
}
