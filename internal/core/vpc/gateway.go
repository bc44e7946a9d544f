package vpc

import (
	"net/netip"
	"time"
)

// InternetGateway joins one VPC at a time to the network that stands for the internet here.
type InternetGateway struct {
	ID, Account string
	VPC         string // empty: detached
}

// Address is an elastic address. It belongs to an account and stands for one private address at a time.
type Address struct {
	ID          string // eipalloc-...
	Account     string
	Public      netip.Addr
	Association string     // eipassoc-...; empty: none
	Interface   string     // eni-... of the association
	Private     netip.Addr // of the interface
	VPC         string     // of the interface
}

// NAT is a NAT gateway: an interface in a subnet of its own through which other subnets open connections.
type NAT struct {
	ID, VPC, Subnet, Account string
	Public                   bool   // ConnectivityType public: it has an elastic address and its subnet leads to an internet gateway
	State                    string // pending | available | deleting | deleted | failed
	FailureCode, Failure     string // of a gateway that failed
	Addresses                []NATAddress
	Created, Deleted         time.Time // Deleted zero: it is there; described for an hour after
}

// NATAddress is one of a gateway's addresses, the primary one first.
type NATAddress struct {
	Interface   string // eni-...
	Private     netip.Addr
	Allocation  string // eipalloc-...; empty for a private gateway
	Association string // eipassoc-...
	Public      netip.Addr
}

// Gone reports a gateway that carries nothing any more.
func (n *NAT) Gone() bool {
	return n.State == "deleting" || n.State == "deleted" || n.State == "failed"
}

// ACL is a network ACL: stateless, asked at the border of the subnets that it is associated with. A packet that stays in its
// subnet does not meet it.
type ACL struct {
	ID, VPC, Account string
	Default          bool
	Entries          []ACLEntry    // by number within each direction; the last, that refuses all, is not listed
	Associations     []Association // aclassoc-...
}

// ACLEntry admits or refuses. From and To are as in Rule; Number is 1 to 32766.
type ACLEntry struct {
	Number   int
	Egress   bool
	Allow    bool
	Proto    Proto
	From, To int
	CIDR     netip.Prefix
}

// Peering joins two VPCs whose addresses do not overlap. It is not transitive: it leads to interfaces of the other VPC, and
// to no gateway, no gateway endpoint and no resolver of it.
type Peering struct {
	ID                  string
	Requester, Accepter PeerSide
	Status              string // initiating-request | pending-acceptance | active | deleted | rejected | failed | expired | provisioning | deleting
	Message             string
	Created, Expires    time.Time
	Ended               time.Time // when it was deleted, rejected or failed; described for two hours after
}

// PeerSide is one of a peering's VPCs. CIDRs are those at acceptance.
type PeerSide struct {
	Account, Region, VPC string
	CIDRs                []netip.Prefix
	DNS                  bool // AllowDnsResolutionFromRemoteVpc
}

// Active reports whether packets may pass.
func (p *Peering) Active() bool { return p.Status == "active" }

// PrefixList is a customer-managed list of prefixes. Versions are kept; the newest is in force.
type PrefixList struct {
	ID, Account, Name string
	Max               int // entries that rules and routes count for it
	Version           int64
	Entries           []ListEntry
	History           map[int64][]ListEntry // earlier versions
}

// ListEntry is one prefix of a list.
type ListEntry struct {
	CIDR        netip.Prefix
	Description string
}

// DHCP is a set of DHCP options. What an instance would learn by DHCP, a job's resolver configuration has.
type DHCP struct {
	ID, Account string
	// Options are as given, by AWS's names: domain-name, domain-name-servers, ntp-servers, netbios-name-servers, netbios-node-type,
	// ipv6-address-preferred-lease-time.
	Options map[string][]string
}

// AmazonDNS is the domain-name-servers value that means the VPC's own resolver.
const AmazonDNS = "AmazonProvidedDNS"
