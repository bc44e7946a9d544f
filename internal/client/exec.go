package client

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/url"
)

// NewInterface is what CreateNetworkInterface is asked for.
type NewInterface struct {
	Subnet      string
	Groups      []string // empty: the VPC's default group
	Address     string   // empty: any
	Description string
	Name        string // the tag Name; empty: none
	Token       string
}

// MadeInterface is what it answered.
type MadeInterface struct {
	ID      string `xml:"networkInterfaceId"`
	Account string `xml:"ownerId"`
	Address string `xml:"privateIpAddress"`
	VPC     string `xml:"vpcId"`
}

// CreateInterface makes a network interface with the caller's own rights.
func (c *Client) CreateInterface(ctx context.Context, n NewInterface) (MadeInterface, error) {
	v := url.Values{"SubnetId": {n.Subnet}, "Description": {n.Description}, "ClientToken": {n.Token}}
	for i, g := range n.Groups {
		v.Set(fmt.Sprintf("SecurityGroupId.%d", i+1), g)
	}
	if n.Address != "" {
		v.Set("PrivateIpAddress", n.Address)
	}
	if n.Name != "" {
		v.Set("TagSpecification.1.ResourceType", "network-interface")
		v.Set("TagSpecification.1.Tag.1.Key", "Name")
		v.Set("TagSpecification.1.Tag.1.Value", n.Name)
	}
	var out struct {
		XMLName   xml.Name
		Interface MadeInterface `xml:"networkInterface"`
	}
	err := c.Query(ctx, "ec2", "2016-11-15", "CreateNetworkInterface", v, &out)
	return out.Interface, err
}
