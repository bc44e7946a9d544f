package linux

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
)

// Registers. The 16-byte ones (1, 2) cover four of the 4-byte ones each (8 to 11, 12 to 15): a concatenated key lies in
// consecutive ones.
const (
	reg1   = unix.NFT_REG_1
	reg2   = unix.NFT_REG_2
	reg32b = unix.NFT_REG32_01
	reg32c = unix.NFT_REG32_02
)

func (b *batch) set(s fabric.Set) *nftables.Set {
	out := &nftables.Set{Table: b.table, Name: s.Name}
	switch s.Kind {
	case fabric.Intervals:
		out.KeyType, out.Interval = nftables.TypeIPAddr, true
	case fabric.Addresses:
		out.KeyType = nftables.TypeIPAddr
	case fabric.Links:
		out.KeyType, out.Concatenation = nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIPAddr), true
	case fabric.Services:
		out.KeyType = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService)
		out.Concatenation = true
	case fabric.Verdicts:
		out.KeyType, out.DataType, out.IsMap = nftables.TypeIFName, nftables.TypeVerdict, true
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
		case fabric.Addresses:
			out = append(out, nftables.SetElement{Key: e.Addr.AsSlice()})
		case fabric.Links:
			out = append(out, nftables.SetElement{Key: append(ifname(e.Link), e.Addr.AsSlice()...)})
		case fabric.Services:
			key := append(e.Addr.AsSlice(), e.Proto, 0, 0, 0) // each part fills up its four bytes
			key = binary.BigEndian.AppendUint16(key, e.Port)
			out = append(out, nftables.SetElement{Key: append(key, 0, 0)})
		case fabric.Verdicts:
			out = append(out, nftables.SetElement{Key: ifname(e.Link), VerdictData: &expr.Verdict{Kind: expr.VerdictJump, Chain: e.Jump}})
		}
	}
	return out
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
	default:
		return nil, fmt.Errorf("chain %s: unknown hook %q", ch.Name, ch.Hook)
	}
	out.Type = nftables.ChainTypeFilter
	out.Priority = nftables.ChainPriorityRef(nftables.ChainPriority(ch.Priority))
	policy := nftables.ChainPolicyAccept
	if ch.Drop {
		policy = nftables.ChainPolicyDrop
	}
	out.Policy = &policy
	return out, nil
}

func (b *batch) rule(ch *nftables.Chain, r fabric.Rule) (*nftables.Rule, error) {
	out := &nftables.Rule{Table: b.table, Chain: ch}
	for _, m := range r.Matches {
		e, err := match(m)
		if err != nil {
			return nil, err
		}
		out.Exprs = append(out.Exprs, e...)
	}
	if r.Log != "" {
		out.Exprs = append(out.Exprs, &expr.Log{
			Key:   1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_PREFIX | 1<<unix.NFTA_LOG_SNAPLEN,
			Group: fabric.LogGroup, Snaplen: 96, Data: []byte(fabric.LogPrefix + string(r.Log)),
		})
	}
	v, err := verdict(r)
	if err != nil {
		return nil, err
	}
	out.Exprs = append(out.Exprs, v...)
	if r.Comment != "" {
		c := r.Comment
		if len(c) > 120 {
			c = c[:120]
		}
		out.UserData = userdata.AppendString(nil, userdata.TypeComment, c)
	}
	return out, nil
}

func verdict(r fabric.Rule) ([]expr.Any, error) {
	ask := func(k expr.MetaKey) []expr.Any {
		return []expr.Any{&expr.Meta{Key: k, Register: reg1},
			&expr.Lookup{SourceRegister: reg1, DestRegister: unix.NFT_REG_VERDICT, IsDestRegSet: true, SetName: r.Target}}
	}
	switch r.Verdict {
	case fabric.Accept:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}, nil
	case fabric.Drop:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}, nil
	case fabric.Jump:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: r.Target}}, nil
	case fabric.Goto:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: r.Target}}, nil
	case fabric.LookupIn:
		return ask(expr.MetaKeyIIFNAME), nil
	case fabric.LookupOut:
		return ask(expr.MetaKeyOIFNAME), nil
	}
	return nil, fmt.Errorf("unknown verdict %d", r.Verdict)
}

func match(m fabric.Match) ([]expr.Any, error) {
	switch m.Op {
	case fabric.LinkIn:
		return link(expr.MetaKeyIIFNAME, m), nil
	case fabric.LinkOut:
		return link(expr.MetaKeyOIFNAME, m), nil
	case fabric.SrcIn:
		return inPrefix(srcOffset, m), nil
	case fabric.DstIn:
		return inPrefix(dstOffset, m), nil
	case fabric.SrcSet:
		return []expr.Any{network32(srcOffset, reg1), &expr.Lookup{SourceRegister: reg1, SetName: m.Set, Invert: m.Not}}, nil
	case fabric.DstSet:
		return []expr.Any{network32(dstOffset, reg1), &expr.Lookup{SourceRegister: reg1, SetName: m.Set, Invert: m.Not}}, nil
	case fabric.LinkSrc:
		return []expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: reg1}, network32(srcOffset, reg2),
			&expr.Lookup{SourceRegister: reg1, SetName: m.Set, Invert: m.Not}}, nil
	case fabric.DstServ:
		return []expr.Any{network32(dstOffset, reg1), load(expr.PayloadBaseNetworkHeader, 9, 1, reg32b),
			load(expr.PayloadBaseTransportHeader, 2, 2, reg32c), &expr.Lookup{SourceRegister: reg1, SetName: m.Set, Invert: m.Not}}, nil
	case fabric.IsProto:
		return []expr.Any{load(expr.PayloadBaseNetworkHeader, 9, 1, reg1), cmp(m.Not, []byte{m.Proto})}, nil
	case fabric.DstPort:
		return ports(m), nil
	case fabric.ICMPType:
		return []expr.Any{load(expr.PayloadBaseTransportHeader, 0, 1, reg1), cmp(m.Not, []byte{byte(m.From)})}, nil
	case fabric.ICMPCode:
		return []expr.Any{load(expr.PayloadBaseTransportHeader, 1, 1, reg1), cmp(m.Not, []byte{byte(m.From)})}, nil
	case fabric.CtFlow:
		return inState(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED), nil
	case fabric.CtInvalid:
		return inState(expr.CtStateBitINVALID), nil
	case fabric.LocalDst:
		return []expr.Any{&expr.Fib{Register: reg1, FlagDADDR: true, ResultADDRTYPE: true},
			cmp(m.Not, binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL))}, nil
	}
	return nil, fmt.Errorf("unknown match %d", m.Op)
}

// Offsets of the addresses in an IPv4 header, bytes.
const (
	srcOffset = 12
	dstOffset = 16
)

func load(base expr.PayloadBase, offset, size, reg uint32) expr.Any {
	return &expr.Payload{OperationType: expr.PayloadLoad, Base: base, Offset: offset, Len: size, DestRegister: reg}
}

func network32(offset, reg uint32) expr.Any {
	return load(expr.PayloadBaseNetworkHeader, offset, 4, reg)
}

func cmp(not bool, data []byte) expr.Any {
	op := expr.CmpOpEq
	if not {
		op = expr.CmpOpNeq
	}
	return &expr.Cmp{Op: op, Register: reg1, Data: data}
}

func link(k expr.MetaKey, m fabric.Match) []expr.Any {
	name := ifname(m.Link)
	if pre, ok := strings.CutSuffix(m.Link, "*"); ok {
		name = []byte(pre)
	}
	return []expr.Any{&expr.Meta{Key: k, Register: reg1}, cmp(m.Not, name)}
}

func inPrefix(offset uint32, m fabric.Match) []expr.Any {
	p := m.Prefix.Masked()
	mask := binary.BigEndian.AppendUint32(nil, uint32(uint64(0xffffffff)<<(32-p.Bits())))
	return []expr.Any{network32(offset, reg1),
		&expr.Bitwise{SourceRegister: reg1, DestRegister: reg1, Len: 4, Mask: mask, Xor: make([]byte, 4)},
		cmp(m.Not, p.Addr().AsSlice())}
}

func ports(m fabric.Match) []expr.Any {
	from, to := binary.BigEndian.AppendUint16(nil, m.From), binary.BigEndian.AppendUint16(nil, m.To)
	at := load(expr.PayloadBaseTransportHeader, 2, 2, reg1)
	if m.From == m.To {
		return []expr.Any{at, cmp(m.Not, from)}
	}
	op := expr.CmpOpEq
	if m.Not {
		op = expr.CmpOpNeq
	}
	return []expr.Any{at, &expr.Range{Op: op, Register: reg1, FromData: from, ToData: to}}
}

func inState(bits uint32) []expr.Any {
	return []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: reg1},
		&expr.Bitwise{SourceRegister: reg1, DestRegister: reg1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg1, Data: make([]byte, 4)}}
}
