// Package fabric turns a VPC as it was drawn into what a kernel must hold, and that into rules as data. It is pure: the
// same snapshot always gives the same rules, and a driver only writes them down.
package fabric

import (
	"net/netip"

	"cloister/internal/core/vpc"
)

// Desired is the whole wanted state of one network. A driver makes the kernel agree with it, atomically for the rules.
type Desired struct {
	Network    string // VPC id, or the id of a service segment
	Generation int64
	CIDRs      []netip.Prefix
	Resolver   netip.Addr // invalid when DNS support is off
	Subnets    []Subnet
	Ports      []Port
	Groups     []Group
	Gateways   []netip.Prefix // prefixes that gateway endpoints of this network listen on
	Listeners  []Listener
}

// Subnet has a routing table of its own in the kernel: Table is its number.
type Subnet struct {
	ID         string
	CIDR       netip.Prefix
	Router     netip.Addr
	Table      int
	RouteTable string // rtb-..., for explanations
	Routes     []Route
}

// Route is one entry besides the local one. What no route takes is dropped.
type Route struct {
	Dest   netip.Prefix
	Action Action
	Target string // vpce-..., for explanations
}

// Action is what a route does.
type Action uint8

// The actions. Deliver hands the packet to a listener inside the network (gateway endpoint).
const (
	Blackhole Action = iota
	Deliver
)

// Port is an interface that something sits on. Alias names its link (at most 15 bytes).
type Port struct {
	ID     string // eni-...
	Alias  string
	Addrs  []netip.Addr
	MAC    string
	Subnet string
	Groups []string
}

// Group is a security group; its members are the ports that carry it.
type Group struct {
	ID              string
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
	Name        string // "s3-http", "s3-https", "dns-udp", "dns-tcp"
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
}

// Standard ports of the listeners every network has.
const (
	PortHTTP  = 80
	PortHTTPS = 443
	PortDNS   = 53
)
