package linux

import (
	"encoding/binary"
	"fmt"
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

func (b *batch) rule(ch *nftables.Chain, r fabric.Rule) (*nftables.Rule, error) {
	out := &nftables.Rule{Table: b.table, Chain: ch}
	for _, m := range r.Matches {
		e, err := match(m)
		if err != nil {
			return nil, err
		}
		out.Exprs = append(out.Exprs, e...)
	}
	if r.Mark != 0 && r.Verdict != fabric.Catch {
		out.Exprs = append(out.Exprs, &expr.Immediate{Register: reg1, Data: mark(r.Mark)}, setMark())
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
	end := func(k expr.VerdictKind, chain string) []expr.Any {
		return []expr.Any{&expr.Verdict{Kind: k, Chain: chain}}
	}
	ask := func(key ...expr.Any) []expr.Any {
		return append(key, &expr.Lookup{SourceRegister: reg1, DestRegister: unix.NFT_REG_VERDICT, IsDestRegSet: true, SetName: r.Target})
	}
	find := func(key ...expr.Any) []expr.Any {
		return append(key, &expr.Lookup{SourceRegister: reg1, DestRegister: reg1, IsDestRegSet: true, SetName: r.Target})
	}
	switch r.Verdict {
	case fabric.Accept:
		return end(expr.VerdictAccept, ""), nil
	case fabric.Drop:
		return end(expr.VerdictDrop, ""), nil
	case fabric.Jump:
		return end(expr.VerdictJump, r.Target), nil
	case fabric.Goto:
		return end(expr.VerdictGoto, r.Target), nil
	case fabric.LookupIn:
		return ask(meta(expr.MetaKeyIIFNAME, reg1)), nil
	case fabric.LookupOut:
		return ask(meta(expr.MetaKeyOIFNAME, reg1)), nil
	case fabric.LookupDst:
		return ask(network32(dstOffset, reg1)), nil
	case fabric.LookupMark:
		return ask(meta(expr.MetaKeyMARK, reg1)), nil
	case fabric.MarkPort:
		return append(append(find(meta(expr.MetaKeyIIFNAME, reg1), network32(srcOffset, reg2)), setMark()), end(expr.VerdictAccept, "")...), nil
	case fabric.MarkSrc:
		return append(find(network32(srcOffset, reg1)), setMark()), nil
	case fabric.MarkDst:
		return append(find(network32(dstOffset, reg1)), setMark()), nil
	case fabric.MarkLinkOut:
		return append(find(meta(expr.MetaKeyOIFNAME, reg1)), setMark()), nil
	case fabric.TranslateSrc:
		return append(find(network32(srcOffset, reg1)), translate(expr.NATTypeSourceNAT)), nil
	case fabric.TranslateDst:
		return append(find(network32(dstOffset, reg1)), translate(expr.NATTypeDestNAT)), nil
	case fabric.Masquerade:
		return []expr.Any{&expr.Immediate{Register: reg1, Data: r.To.AsSlice()}, translate(expr.NATTypeSourceNAT)}, nil
	case fabric.Catch:
		return append([]expr.Any{
			&expr.Immediate{Register: reg1, Data: binary.BigEndian.AppendUint16(nil, r.Port)},
			&expr.TProxy{Family: unix.NFPROTO_IPV4, TableFamily: unix.NFPROTO_IPV4, RegPort: reg1},
			&expr.Immediate{Register: reg1, Data: mark(r.Mark)}, setMark(),
		}, end(expr.VerdictAccept, "")...), nil
	}
	return nil, fmt.Errorf("unknown verdict %d", r.Verdict)
}

func meta(k expr.MetaKey, reg uint32) expr.Any { return &expr.Meta{Key: k, Register: reg} }

func setMark() expr.Any {
	return &expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: reg1}
}

// translate takes the address of reg1 as it is: both ends of the range.
func translate(t expr.NATType) expr.Any {
	return &expr.NAT{Type: t, Family: unix.NFPROTO_IPV4, RegAddrMin: reg1, RegAddrMax: reg1}
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
		return []expr.Any{network32(srcOffset, reg1), in(m)}, nil
	case fabric.DstSet:
		return []expr.Any{network32(dstOffset, reg1), in(m)}, nil
	case fabric.LinksIn:
		return []expr.Any{meta(expr.MetaKeyIIFNAME, reg1), in(m)}, nil
	case fabric.LinksOut:
		return []expr.Any{meta(expr.MetaKeyOIFNAME, reg1), in(m)}, nil
	case fabric.MarkOut:
		return []expr.Any{meta(expr.MetaKeyMARK, reg1), meta(expr.MetaKeyOIFNAME, reg32b), in(m)}, nil
	case fabric.MarkAddr:
		return []expr.Any{meta(expr.MetaKeyMARK, reg1), network32(dstOffset, reg32b), in(m)}, nil
	case fabric.Marked:
		return []expr.Any{meta(expr.MetaKeyMARK, reg1), cmp(m.Not, mark(m.Mark))}, nil
	case fabric.DstServ:
		return []expr.Any{network32(dstOffset, reg1), load(expr.PayloadBaseNetworkHeader, 9, 1, reg32b),
			load(expr.PayloadBaseTransportHeader, 2, 2, reg32c), in(m)}, nil
	case fabric.SrcServ:
		return []expr.Any{network32(srcOffset, reg1), load(expr.PayloadBaseNetworkHeader, 9, 1, reg32b),
			load(expr.PayloadBaseTransportHeader, 2, 2, reg32c), in(m)}, nil
	case fabric.IsProto:
		return []expr.Any{load(expr.PayloadBaseNetworkHeader, 9, 1, reg1), cmp(m.Not, []byte{m.Proto})}, nil
	case fabric.DstPort:
		return ports(m), nil
	case fabric.DstPorts:
		return []expr.Any{load(expr.PayloadBaseTransportHeader, 2, 2, reg1), in(m)}, nil
	case fabric.ICMPType:
		return []expr.Any{load(expr.PayloadBaseTransportHeader, 0, 1, reg1), cmp(m.Not, []byte{byte(m.From)})}, nil
	case fabric.ICMPCode:
		return []expr.Any{load(expr.PayloadBaseTransportHeader, 1, 1, reg1), cmp(m.Not, []byte{byte(m.From)})}, nil
	case fabric.CtFlow:
		return inState(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED), nil
	case fabric.CtRelated:
		return inState(expr.CtStateBitRELATED), nil
	case fabric.CtEnd: // the set is a map, whose value is of no use here; the kernel reads the first byte of the direction
		key := expr.CtKeySRC
		if m.From%2 == 1 {
			key = expr.CtKeyDST
		}
		return []expr.Any{meta(expr.MetaKeyIIFNAME, reg1), &expr.Ct{Key: key, Register: reg2, Direction: uint32(m.From/2) << 24},
			&expr.Lookup{SourceRegister: reg1, DestRegister: reg1, IsDestRegSet: true, SetName: m.Set}}, nil
	case fabric.CtInvalid:
		return inState(expr.CtStateBitINVALID), nil
	case fabric.LocalDst:
		return []expr.Any{&expr.Fib{Register: reg1, FlagDADDR: true, ResultADDRTYPE: true}, cmp(m.Not, mark(unix.RTN_LOCAL))}, nil
	case fabric.LocalSrc:
		return []expr.Any{&expr.Fib{Register: reg1, FlagSADDR: true, ResultADDRTYPE: true}, cmp(m.Not, mark(unix.RTN_LOCAL))}, nil
	}
	return nil, fmt.Errorf("unknown match %d", m.Op)
}

func in(m fabric.Match) expr.Any {
	return &expr.Lookup{SourceRegister: reg1, SetName: m.Set, Invert: m.Not}
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
	return []expr.Any{meta(k, reg1), cmp(m.Not, name)}
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
