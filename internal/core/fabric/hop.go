package fabric

// Hop is a station on a packet's way. The same words are the names of the base chains, the log prefixes (after LogPrefix)
// and the hops of a trace, so that a kernel's record and an explanation speak of the same thing.
type Hop string

// The hops in the order a packet meets them. HopRoute and HopListener are decided without a chain: a packet that no route takes
// vanishes without a log record, one that no listener awaits is not answered.
const (
	HopSpoof    Hop = "spoof"    // is the source address one of the interface's own, or of the network behind the link
	HopRoute    Hop = "route"    // the local route, then the subnet's route table
	HopACLOut   Hop = "acl-out"  // the network ACL of the subnet that the packet leaves
	HopACLIn    Hop = "acl-in"   // the network ACL of the subnet that it comes to
	HopEgress   Hop = "egress"   // the groups of the source interface
	HopIngress  Hop = "ingress"  // the groups of the destination interface
	HopGateway  Hop = "gateway"  // an internet gateway: has the private address a public one
	HopInput    Hop = "input"    // addresses that the network itself answers on
	HopOutput   Hop = "output"   // connections that the daemon makes into the network
	HopListener Hop = "listener" // is something listening there
)

// LogPrefix begins the log prefix of every rule that drops; the hop that refused follows. LogGroup is the NFLOG group.
const (
	LogPrefix = "R:"
	LogGroup  = 1
)
