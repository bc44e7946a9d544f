package vpc

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
)

// The address plan. These ranges are Cloister's own, inside network namespaces that lead nowhere; docs/reference/addresses.md
// lists them. 198.51.100.0/24 is TEST-NET-2 (RFC 5737), 198.18.0.0/15 is for benchmarks (RFC 2544): no VPC of a user needs them.
var (
	// S3Prefix is the prefix list of com.amazonaws.<region>.s3: every S3 name resolves into it.
	S3Prefix = netip.MustParsePrefix("198.51.100.0/25")
	// S3Addr is the address that the resolver answers for S3 names.
	S3Addr = netip.MustParseAddr("198.51.100.10")
	// ServiceCIDR is the network of one job without VpcConfig: a segment of its own for each job, always the same addresses.
	ServiceCIDR = netip.MustParsePrefix("198.18.0.0/28")
	// PublicPool holds every elastic address: the second half of the benchmark range, so that no packet to one could be meant
	// for a host of the real internet.
	PublicPool = netip.MustParsePrefix("198.19.0.0/16")
	// ServiceAddr is the source address of such a job (aws:SourceIp of its requests).
	ServiceAddr = netip.MustParseAddr("198.18.0.4")
)

// InternetNetwork is the network that stands for the internet: internet gateways lead there, and what it holds is what was exposed
// or let out by the administrator. No VPC has this id.
const InternetNetwork = "internet"

// ServiceAccount owns the service network's segments. It is hidden: no call lists it, no credential belongs to it.
const ServiceAccount = "000000000000"

// S3PrefixList is the id of the region's S3 prefix list. us-east-1's is AWS's own; the others are derived from the name.
func S3PrefixList(region string) string {
	if region == "us-east-1" {
		return "pl-63a5400a"
	}
	return "pl-" + digest("s3-prefix-list/" + region)[:8]
}

// InterfaceFor is the id that CreateNetworkInterface gives when it is asked with this client token by this account in this region: a
// service writes it down before it asks, so that a crash between the two leaves nothing unknown behind.
func InterfaceFor(account, region, token string) string {
	return "eni-" + digest("interface/" + account + "/" + region + "/" + token)[:17]
}

// Router is the subnet's first address, the default gateway of its interfaces.
func Router(subnet netip.Prefix) netip.Addr { return subnet.Masked().Addr().Next() }

// Resolver is the address of the VPC's DNS resolver: base of the primary CIDR plus two.
func Resolver(primary netip.Prefix) netip.Addr { return primary.Masked().Addr().Next().Next() }

// MAC derives an interface's hardware address from its IPv4 address, as every port of a VPC is alone on its wire.
func MAC(a netip.Addr) string {
	b := a.As4()
	h := hex.EncodeToString([]byte{0x0e, 0xcc, b[0], b[1], b[2], b[3]})
	return strings.Join([]string{h[0:2], h[2:4], h[4:6], h[6:8], h[8:10], h[10:12]}, ":")
}

func digest(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }

// ManagedPrefixes are the prefix lists that exist in every region without being made.
func ManagedPrefixes(region string) map[string][]netip.Prefix {
	return map[string][]netip.Prefix{S3PrefixList(region): {S3Prefix}}
}
