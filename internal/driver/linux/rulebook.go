package linux

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"cloister/internal/core/fabric"
)

// generation asks the kernel how many transactions of rules a namespace has seen.
func generation(c *netlink.Conn) (uint32, error) {
	m := netlink.Message{Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Flags: netlink.Request},
		Data: []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0}}
	all, err := c.Execute(m)
	if err != nil {
		return 0, fmt.Errorf("cannot ask for the generation of the rules: %w", err)
	}
	for _, r := range all {
		if len(r.Data) < 4 {
			continue
		}
		ad, err := netlink.NewAttributeDecoder(r.Data[4:])
		if err != nil {
			return 0, err
		}
		ad.ByteOrder = binary.BigEndian
		for ad.Next() {
			if ad.Type() == unix.NFTA_GEN_ID {
				return ad.Uint32(), nil
			}
		}
	}
	return 0, errors.New("the kernel names no generation of its rules")
}

// rulebook is what a namespace holds of rules. Writes are counted: a generation that they don't explain is somebody else's.
type rulebook struct {
	ns   int
	conn *netlink.Conn  // for questions
	w    *nftables.Conn // for transactions; nil: to be opened
	gen  uint32
	have fabric.Ruleset
}

func openRulebook(ns int) (*rulebook, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: ns})
	if err != nil {
		return nil, err
	}
	b := &rulebook{ns: ns, conn: c}
	if b.gen, err = generation(c); err != nil {
		c.Close()
		return nil, err
	}
	return b, nil
}

func (b *rulebook) close() {
	if b != nil {
		b.conn.Close()
		b.discard()
	}
}

// writer gives the connection that transactions go by. It is kept: the kernel lets nobody close one before all that was taken
// away is freed, which is many times as long as the transaction took.
func (b *rulebook) writer() (*nftables.Conn, error) {
	if b.w != nil {
		return b.w, nil
	}
	var err error
	b.w, err = nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(b.ns), nftables.WithSockOptions(func(c *netlink.Conn) error {
		return errors.Join(c.SetReadBuffer(1<<20), c.SetWriteBuffer(1<<20)) // as far as the host lets it
	}))
	return b.w, err
}

// discard gives a connection up whose transaction failed: its answers can't be taken for those of the next.
func (b *rulebook) discard() {
	if b.w != nil {
		_ = b.w.CloseLasting()
		b.w = nil
	}
}
