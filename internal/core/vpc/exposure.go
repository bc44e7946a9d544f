package vpc

import "net/netip"

// Exposure gives a port of this host an address and port of the network that stands for the internet. The administrator makes it; it
// belongs to no account.
type Exposure struct {
	Public netip.AddrPort // where it is found
	Target string         // host:port as the host itself would connect: localhost or a literal address
}
