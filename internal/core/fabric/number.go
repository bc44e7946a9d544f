package fabric

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
)

// The routing of a network: LocalTable holds its ports and a blackhole for the rest of its CIDRs and is asked first, at
// LocalPriority; the table of a subnet is asked at SubnetPriority for packets that carry its mark, which is the table's number.
// CatchTable is asked for those that carry CatchMark: it leads everything to the network itself.
const (
	LocalTable     = 50
	CatchTable     = 60
	LocalPriority  = 100
	SubnetPriority = 200
	CatchMark      = 1
)

// Unroutable are the prefixes that no route table leads anywhere, whatever it says: link-local addresses and those that nobody
// may have. They lie in the local table of every network.
func Unroutable() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("240.0.0.0/4")}
}

// Tables of subnets are numbered from tableBase on; below lie the kernel's own and the local table.
const (
	tableBase = 1000
	tableSpan = 1 << 30
)

// number gives each subnet a routing table whose number follows from its id, so that a new neighbour moves nobody.
func number(subnets []Subnet) {
	taken := map[int]bool{}
	for i := range subnets {
		h := sha256.Sum256([]byte("table/" + subnets[i].ID))
		n := int(binary.BigEndian.Uint32(h[:4])) % tableSpan
		for taken[n] {
			n = (n + 1) % tableSpan
		}
		taken[n] = true
		subnets[i].Table = tableBase + n
	}
}

// name gives each port the alias of its link: 13 bytes that follow from its id. An Answer has none.
func name(ports []Port) {
	taken := map[string]bool{}
	for i := range ports {
		for try := 0; ports[i].Alias == "" && ports[i].Kind != Answer; try++ {
			a := Alias(ports[i].ID, try)
			if !taken[a] {
				taken[a], ports[i].Alias = true, a
			}
		}
	}
}

// Alias is the link name of an interface; try counts the names that were taken before it.
func Alias(id string, try int) string {
	h := sha256.Sum256([]byte("link/" + id + "/" + strconv.Itoa(try)))
	return "e" + hex.EncodeToString(h[:6])
}

// LinkAlias is the name of a link's end in a network: "p" and twelve hex digits.
func LinkAlias(id, network string) string {
	h := sha256.Sum256([]byte("link/" + id + "/" + network))
	return "p" + hex.EncodeToString(h[:6])
}
