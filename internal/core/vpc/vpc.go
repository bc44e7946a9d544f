// Package vpc holds the nouns of a virtual private cloud as the ledger keeps them. They say what was drawn, never how
// a kernel does it; ids are EC2's.
package vpc

import (
	"net/netip"
	"time"
)

// VPC is a network of its own: equal addresses in two VPCs never meet.
type VPC struct {
	ID           string
	Account      string // owner
	Region       string
	CIDRs        []netip.Prefix // primary first
	Tenancy      string         // default | dedicated
	DNSSupport   bool
	DNSHostnames bool
	DHCPOptions  string // dopt-..., or NoDHCP
	Default      bool
	Created      time.Time
}

// Subnet is a slice of a VPC in one zone. The first four addresses and the last are reserved, as on AWS.
type Subnet struct {
	ID        string
	VPC       string
	Account   string
	CIDR      netip.Prefix
	Zone      string // us-east-1a
	ZoneID    string // use1-az1
	MapPublic bool
	Default   bool
	// Held are addresses that may not be given out before the time (quarantine of a deleted interface's address).
	Held map[netip.Addr]time.Time
}

// Proto is an IP protocol number, or Any.
type Proto int16

// The protocols that rules name.
const (
	Any  Proto = -1
	ICMP Proto = 1
	TCP  Proto = 6
	UDP  Proto = 17
)

// Rule admits; there is no rule that refuses. Exactly one of CIDR, Group, PrefixList is set.
// From and To are ports for TCP and UDP, type and code for ICMP (-1: all), unused for other protocols.
type Rule struct {
	ID          string // sgr-...
	Egress      bool
	Proto       Proto
	From, To    int
	CIDR        netip.Prefix
	Group       string
	GroupOwner  string
	PrefixList  string
	Description string
}

// Group is a security group: stateful, its rules are those of every interface that carries it.
type Group struct {
	ID, VPC, Account  string
	Name, Description string
	Rules             []Rule
}

// RouteTable is asked by the subnets associated with it, or by all others of the VPC when Main.
type RouteTable struct {
	ID, VPC, Account string
	Main             bool
	MainAssociation  string // rtbassoc- id of the main association; empty unless Main
	Routes           []Route
	Associations     []Association
}

// Association ties a subnet to a route table.
type Association struct{ ID, Subnet string }

// Route sends a destination to a target. The VPC's own CIDRs are a local route that is not listed here.
// Exactly one of Dest and PrefixList is set.
type Route struct {
	Dest       netip.Prefix
	PrefixList string
	Target     string // vpce-..., igw-..., nat-..., eni-..., pcx-...
	Origin     string // CreateRoute | CreateRouteTable | EnableVgwRoutePropagation
}

// Endpoint is a VPC endpoint. Policy is the text as saved; empty means the default (allow all).
type Endpoint struct {
	ID, VPC, Account string
	Type             string // Gateway | Interface
	Service          string // com.amazonaws.us-east-1.s3
	Policy           string
	RouteTables      []string // Gateway
	// Of an Interface endpoint: one requester-managed interface in each subnet, under the groups; PrivateDNS makes the resolver
	// answer the service's own names with their addresses.
	Subnets, Groups, Interfaces []string // Interfaces[i] is the one in Subnets[i]
	PrivateDNS                  bool
	InboundOnly                 bool   // PrivateDnsOnlyForInboundResolverEndpoint
	Token                       string // client token of its creation
	Created                     time.Time
}

// Interface is an elastic network interface. Port is set while something is attached to it.
type Interface struct {
	ID, VPC, Subnet, Account string
	Region, Zone             string
	Groups                   []string
	Addrs                    []netip.Addr // primary first
	MAC                      string
	Description              string
	Type                     string // interface | vpc_endpoint | nat_gateway
	Requester                string // requester id: account or service principal's alias; empty when made by hand
	RequesterManaged         bool
	NoSourceDestCheck        bool
	Status                   string // pending | available | in-use
	Attachment               *Attachment
	Token                    string
	Permissions              []Permission
	Created                  time.Time
}

// Attachment says who uses an interface.
type Attachment struct {
	ID, Owner string // eni-attach-..., account or service principal
	At        time.Time
}

// Permission lets another account or service use an interface.
type Permission struct {
	ID         string // eni-perm-...
	Account    string
	Service    string
	Permission string // INSTANCE-ATTACH | EIP-ASSOCIATE
}

// Snapshot is everything that decides the paths of one VPC at one moment.
type Snapshot struct {
	VPC         VPC
	Subnets     []Subnet
	Groups      []Group
	ACLs        []ACL
	RouteTables []RouteTable
	Endpoints   []Endpoint
	Interfaces  []Interface
	Internet    *InternetGateway // attached; nil: none
	NATs        []NAT
	Addresses   []Address // elastic addresses that stand for interfaces of the VPC
	Peers       []Peer
	Prefixes    map[string][]netip.Prefix // pl-... -> entries
}

// Peer is the other side of an active peering, as far as it bears on this one.
type Peer struct {
	ID    string // pcx-...
	VPC   string
	CIDRs []netip.Prefix
	Live  bool // something is attached there, so there is a network to join
	// Members are the addresses of attached interfaces by the groups of the other side: rules may refer to them.
	Members map[string][]netip.Addr
}

// Live reports whether anything is attached: only then does a VPC need a network.
func (s *Snapshot) Live() bool {
	for _, i := range s.Interfaces {
		if i.Attachment != nil {
			return true
		}
	}
	return false
}

// Hold keeps addresses from being given out before a time.
func (s *Subnet) Hold(addrs []netip.Addr, until time.Time) {
	if s.Held == nil {
		s.Held = map[netip.Addr]time.Time{}
	}
	for _, a := range addrs {
		s.Held[a] = until
	}
}
