package ec2

import (
	"errors"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/store"
)

// kind is a type of resource: its ids, its ARNs, and the words in which AWS says that there is none.
type kind struct {
	pre       string // of ids, with the dash
	name      string // in ARNs and tag specifications
	notFound  string // code
	malformed string // code
	sentence  string // %s is the id
}

var (
	aVPC        = kind{"vpc-", "vpc", "InvalidVpcID.NotFound", "InvalidVpcID.Malformed", "The vpc ID '%s' does not exist"}
	aSubnet     = kind{"subnet-", "subnet", "InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed", "The subnet ID '%s' does not exist"}
	aGroup      = kind{"sg-", "security-group", "InvalidGroup.NotFound", "InvalidGroupId.Malformed", "The security group '%s' does not exist"}
	aRule       = kind{"sgr-", "security-group-rule", "InvalidSecurityGroupRuleId.NotFound", "InvalidSecurityGroupRuleId.Malformed", "The security group rule ID '%s' does not exist"}
	aTable      = kind{"rtb-", "route-table", "InvalidRouteTableID.NotFound", "InvalidRouteTableId.Malformed", "The routeTable ID '%s' does not exist"}
	anEndpoint  = kind{"vpce-", "vpc-endpoint", "InvalidVpcEndpointId.NotFound", "InvalidVpcEndpointId.Malformed", "The Vpc Endpoint Id '%s' does not exist"}
	anInterface = kind{"eni-", "network-interface", "InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceId.Malformed", "The networkInterface ID '%s' does not exist"}
	aPermission = kind{"eni-perm-", "network-interface-permission", "InvalidPermissionID.NotFound", "InvalidPermissionID.Malformed", "The networkInterfacePermission ID '%s' does not exist"}
	aDHCP       = kind{"dopt-", "dhcp-options", "InvalidDhcpOptionID.NotFound", "InvalidDhcpOptionsId.Malformed", "DhcpOption ID '%s' does not exist"}
	aPrefixList = kind{"pl-", "prefix-list", "InvalidPrefixListID.NotFound", "InvalidPrefixListId.Malformed", "The prefix list ID '%s' does not exist"}
	anACL       = kind{"acl-", "network-acl", "InvalidNetworkAclID.NotFound", "InvalidNetworkAclId.Malformed", "The networkAcl ID '%s' does not exist"}
	anACLAssoc  = kind{"aclassoc-", "", "InvalidAssociationID.NotFound", "InvalidAssociationID.Malformed", "The association ID '%s' does not exist"}
	aGateway    = kind{"igw-", "internet-gateway", "InvalidInternetGatewayID.NotFound", "InvalidInternetGatewayId.Malformed", "The internetGateway ID '%s' does not exist"}
	anAddress   = kind{"eipalloc-", "elastic-ip", "InvalidAllocationID.NotFound", "InvalidAllocationID.Malformed", "The allocation ID '%s' does not exist"}
	anAddrAssoc = kind{"eipassoc-", "", "InvalidAssociationID.NotFound", "InvalidAssociationID.Malformed", "The association ID '%s' does not exist"}
	aNAT        = kind{"nat-", "natgateway", "NatGatewayNotFound", "NatGatewayMalformed", "The Nat Gateway %s was not found"}
	aPeering    = kind{"pcx-", "vpc-peering-connection", "InvalidVpcPeeringConnectionID.NotFound", "InvalidVpcPeeringConnectionId.Malformed", "The vpcPeeringConnection ID '%s' does not exist"}
	aFlowLog    = kind{"fl-", "vpc-flow-log", "InvalidFlowLogId.NotFound", "InvalidFlowLogId.Malformed", "These flow log ids in the input list are not found: [TotalCount: 1] %s"}
	anAssoc     = kind{"rtbassoc-", "", "InvalidAssociationID.NotFound", "InvalidAssociationID.Malformed", "The association ID '%s' does not exist"}
)

// taggable are the kinds that CreateTags knows; longer prefixes before those that they begin with.
func taggable() []kind {
	return []kind{aVPC, aSubnet, aGroup, aRule, aTable, anEndpoint, anInterface, aDHCP, anACL, aGateway, anAddress, aNAT, aPeering, aPrefixList, aFlowLog}
}

func kindOf(id string) (kind, bool) {
	for _, k := range taggable() {
		if strings.HasPrefix(id, k.pre) && !strings.HasPrefix(id, aPermission.pre) {
			return k, true
		}
	}
	return kind{}, false
}

func (k kind) arn(c *api.Call, id string) string { return c.ARN("ec2", k.name+"/"+id) }

func (k kind) none(id string) *fault.Fault { return fault.New(k.notFound, k.sentence, id) }

// id takes a required id parameter and refuses one that is of another kind. name is the parameter's, in lower camel case.
func (k kind) id(p *string, name string) (string, error) {
	if p == nil || *p == "" {
		return "", missing(name)
	}
	return *p, k.well(*p)
}

func (k kind) well(id string) error {
	rest, ok := strings.CutPrefix(id, k.pre)
	if !ok || rest == "" || strings.IndexFunc(rest, odd) >= 0 {
		return fault.New(k.malformed, "Invalid id: \"%s\" (expecting \"%s...\")", id, k.pre)
	}
	return nil
}

// odd reports a character that no id has.
func odd(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'z') && r != '-' }

// load reads the row that a required parameter names.
func load[T any](v store.View, c *api.Call, t store.Table[T], k kind, p *string, name string) (store.Item[T], error) {
	id, err := k.id(p, name)
	if err != nil {
		return store.Item[T]{}, err
	}
	it, err := t.Get(v, c.Scope(), id)
	if errors.Is(err, store.ErrNotFound) {
		return it, k.none(id)
	}
	return it, err
}

func missing(name string) *fault.Fault {
	return fault.New("MissingParameter", "The request must contain the parameter %s", name)
}

func invalid(format string, args ...any) *fault.Fault {
	return fault.New("InvalidParameterValue", format, args...)
}

func depends(k, id string) *fault.Fault {
	return fault.New("DependencyViolation", "The %s '%s' has dependencies and cannot be deleted.", k, id)
}

// apart is the refusal of two resources of different VPCs in one call; route tables say it with another code.
func apart(format string, args ...any) *fault.Fault {
	return fault.New("InvalidParameter", format+" belong to different networks.", args...)
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
