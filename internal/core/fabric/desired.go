// Package fabric turns a VPC as it was drawn into what a kernel must hold, and that into rules as data. It is pure: the
// same snapshot always gives the same rules, and a driver only writes them down.
package fabric

import (
	"net/netip"

	"cloister/internal/core/vpc"
)

// Desired is the whole wanted state of one network. A driver makes the kernel agree with it, atomically for the rules.
type Desired struct {
	Network    string // VPC id, the id of a service segment, or vpc.InternetNetwork
	Generation int64
	CIDRs      []netip.Prefix
	Resolver   netip.Addr // invalid when DNS support is off
	Subnets    []Subnet
	Ports      []Port
	Groups     []Group
	ACLs       []ACL
	Links      []Link
	// Public are the elastic addresses of the network's ports: what leaves by the internet link from a private address has the
	// public one instead, and the other way round. A private address without one gets no further.
	Public []Public
	// Gateways are the prefixes that gateway endpoints of this network listen on; in the internet network, those that Catch takes.
	Gateways  []netip.Prefix
	Listeners []Listener
	// Catch takes, in one socket, the TCP that is sent to an address of Gateways that no link leads to: the internet's way out.
	// Nil: such packets are dropped.
	Catch *Listener
}

// Subnet has a routing table of its own in the kernel: Table is its number.
type Subnet struct {
	ID         string
	CIDR       netip.Prefix
	Router     netip.Addr
	Table      int
	RouteTable string // rtb-..., for explanations
	Routes     []Route
	ACL        string // acl-...; empty: none is asked
}

// Route is one entry besides the local one. What no route takes is dropped.
type Route struct {
	Dest   netip.Prefix
	Action Action
	Target string // vpce-..., igw-..., nat-..., eni-..., pcx-...: for explanations
	Via    string // Forward: the id of the port or the link that the packet is handed to
}

// Action is what a route does.
type Action uint8

// The actions. Deliver hands the packet to a listener inside the network (gateway endpoint), Forward to a port, whatever its
// address (a NAT gateway, an appliance), or into a link (peering, internet gateway).
const (
	Blackhole Action = iota
	Deliver
	Forward
)

// Port is an interface that something sits on. Alias names its link (at most 15 bytes).
type Port struct {
	ID     string // eni-...
	Alias  string
	Addrs  []netip.Addr
	MAC    string
	Subnet string
	Groups []string
	Kind   PortKind
	// Open ports send from and take any address: the source/destination check is off.
	Open bool
}

// PortKind says what sits on a port.
type PortKind uint8

// The kinds. An Answer has no namespace: its addresses are the network's own, and a listener of the daemon answers on them
// (an interface endpoint). A Translator is a NAT gateway: what is handed to it goes on from its first address. It is under no
// group, and always Open.
const (
	Guest PortKind = iota
	Answer
	Translator
)

// ACL is a network ACL. Entries are in the order in which they are asked; what none takes is dropped.
type ACL struct {
	ID              string
	Egress, Ingress []ACLEntry
}

// ACLEntry is one entry. ICMP: From is the type, To the code, -1 all.
type ACLEntry struct {
	Number   int
	Allow    bool
	Proto    vpc.Proto
	From, To int
	CIDR     netip.Prefix
}

// Link joins this network to another: a wire between the two namespaces. Both networks' drawings have it, under one id.
type Link struct {
	ID    string // pcx-... or igw-...
	Alias string // of this end, at most 15 bytes; the other end's is in the other drawing
	Peer  string // the other network
	Far   string // alias of the other end
	// Near are the prefixes behind the other end: only they may be sources of what comes in. Empty, on an internet gateway's link:
	// all but the network's own CIDRs.
	Near     []netip.Prefix
	Internet bool
}

// Public pairs an elastic address with the private one it stands for.
type Public struct{ Private, Public netip.Addr }

// Group is a security group; its members are the ports that carry it. Far are addresses of members in other networks: such a
// group is another VPC's, is carried by no port here, and is there to be referred to.
type Group struct {
	ID              string
	Far             []netip.Addr
	Egress, Ingress []Allow
}

// Allow is one rule. Either Peers or Group says who the other side is. ICMP: From is the type, To the code, -1 all.
type Allow struct {
	Rule     string // sgr-...
	Proto    vpc.Proto
	From, To int
	Peers    []netip.Prefix
	Group    string
}

// Listener is a socket in the network's own namespace that the daemon reads. An unspecified Addr with Transparent takes
// every address that a Deliver route leads to.
type Listener struct {
	Name        string // "s3-http", "s3-https", "dns-udp", "dns-tcp", "eni-..." of an Answer, "catch"
	Net         string // tcp | udp
	Addr        netip.Addr
	Port        uint16
	Transparent bool
}

// Status is what a driver answers: what holds now.
type Status struct {
	Network    string
	Generation int64
	Ports      map[string]string // eni -> "" when open, else why it is closed
	Err        string            // empty when Desired holds
	Drift      string            // what the last Set found changed by others and mended; empty: nothing
}

// Standard ports of the listeners every network has.
const (
	PortHTTP  = 80
	PortHTTPS = 443
	PortDNS   = 53
	PortCatch = 9999
)
