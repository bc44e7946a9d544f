package ec2

import (
	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func (s *Service) gatewayRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateInternetGatewayRequest, shape.CreateInternetGatewayResult]{
			Name: "CreateInternetGateway", Honours: []string{"TagSpecifications.*", "DryRun"},
			Questions: asking[shape.CreateInternetGatewayRequest]("CreateInternetGateway"),
			Act:       createGateway,
		},
		api.Op[shape.DeleteInternetGatewayRequest, shape.DeleteInternetGatewayOutput]{
			Name: "DeleteInternetGateway", Honours: []string{"InternetGatewayId", "DryRun"},
			Questions: asking[shape.DeleteInternetGatewayRequest]("DeleteInternetGateway"),
			Act:       deleteGateway,
		},
		api.Op[shape.AttachInternetGatewayRequest, shape.AttachInternetGatewayOutput]{
			Name: "AttachInternetGateway", Honours: []string{"InternetGatewayId", "VpcId", "DryRun"},
			Questions: asking[shape.AttachInternetGatewayRequest]("AttachInternetGateway"),
			Act:       attachGateway,
		},
		api.Op[shape.DetachInternetGatewayRequest, shape.DetachInternetGatewayOutput]{
			Name: "DetachInternetGateway", Honours: []string{"InternetGatewayId", "VpcId", "DryRun"},
			Questions: asking[shape.DetachInternetGatewayRequest]("DetachInternetGateway"),
			Act:       detachGateway,
		},
		api.Op[shape.DescribeInternetGatewaysRequest, shape.DescribeInternetGatewaysResult]{
			Name: "DescribeInternetGateways", Honours: describeMembers("InternetGatewayIds"),
			Questions: asking[shape.DescribeInternetGatewaysRequest]("DescribeInternetGateways"),
			View:      describeGateways,
		},
	}
}

func createGateway(c *api.Call, tx store.Tx, in *shape.CreateInternetGatewayRequest) (*shape.CreateInternetGatewayResult, error) {
	if err := gateways().holds(c, tx, ""); err != nil {
		return nil, err
	}
	g := vpc.InternetGateway{ID: c.Dice.ID("igw"), Account: c.Account}
	if err := rows.InternetGateways.Create(tx, c.Scope(), g.ID, &g); err != nil {
		return nil, err
	}
	tags, err := tagNew(c, tx, aGateway, g.ID, in.TagSpecifications)
	c.Touch(aGateway.arn(c, g.ID))
	return &shape.CreateInternetGatewayResult{InternetGateway: new(gatewayShape(&g, tags))}, err
}

func deleteGateway(c *api.Call, tx store.Tx, in *shape.DeleteInternetGatewayRequest) (*shape.DeleteInternetGatewayOutput, error) {
	it, err := load(tx, c, rows.InternetGateways, aGateway, in.InternetGatewayId, "internetGatewayId")
	if err != nil {
		return nil, err
	}
	if it.Value.VPC != "" {
		return nil, depends("internetGateway", it.ID)
	}
	return &shape.DeleteInternetGatewayOutput{}, drop(c, tx, rows.InternetGateways, aGateway, it.ID)
}

func attachGateway(c *api.Call, tx store.Tx, in *shape.AttachInternetGatewayRequest) (*shape.AttachInternetGatewayOutput, error) {
	it, err := load(tx, c, rows.InternetGateways, aGateway, in.InternetGatewayId, "internetGatewayId")
	if err != nil {
		return nil, err
	}
	n, err := load(tx, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	if it.Value.VPC != "" {
		return nil, fault.New("Resource.AlreadyAssociated", "resource %s is already attached to network %s", it.ID, it.Value.VPC)
	}
	switch _, err := rows.InternetGateways.Find(tx, c.Scope(), "vpc", n.ID); {
	case err == nil:
		return nil, invalid("Network %s already has an internet gateway attached", n.ID)
	case !absent(err):
		return nil, err
	}
	it.Value.VPC = n.ID
	c.Touch(aGateway.arn(c, it.ID), aVPC.arn(c, n.ID))
	return &shape.AttachInternetGatewayOutput{}, rows.InternetGateways.Save(tx, &it)
}

// detachGateway refuses while a public address of the VPC would be cut off.
func detachGateway(c *api.Call, tx store.Tx, in *shape.DetachInternetGatewayRequest) (*shape.DetachInternetGatewayOutput, error) {
	it, err := load(tx, c, rows.InternetGateways, aGateway, in.InternetGatewayId, "internetGatewayId")
	if err != nil {
		return nil, err
	}
	n, err := load(tx, c, rows.VPCs, aVPC, in.VpcId, "vpcId")
	if err != nil {
		return nil, err
	}
	if it.Value.VPC != n.ID {
		return nil, fault.New("Gateway.NotAttached", "resource %s is not attached to network %s", it.ID, n.ID)
	}
	used, err := within(tx, c, rows.Addresses, n.ID)
	if err != nil {
		return nil, err
	}
	if len(used) > 0 {
		return nil, fault.New("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", n.ID)
	}
	it.Value.VPC = ""
	c.Touch(aGateway.arn(c, it.ID), aVPC.arn(c, n.ID))
	return &shape.DetachInternetGatewayOutput{}, rows.InternetGateways.Save(tx, &it)
}

func describeGateways(c *api.Call, v store.View, in *shape.DescribeInternetGatewaysRequest) (*shape.DescribeInternetGatewaysResult, error) {
	attached := func(word string) func(*vpc.InternetGateway) []string {
		return func(g *vpc.InternetGateway) []string {
			if g.VPC == "" {
				return nil
			}
			if word == "" {
				return []string{g.VPC}
			}
			return []string{word}
		}
	}
	all, next, err := describe(c, v, rows.InternetGateways, aGateway, wanted{in.InternetGatewayIds, in.Filters, in.MaxResults, in.NextToken}, map[string]func(*vpc.InternetGateway) []string{
		"attachment.state":    attached("available"),
		"attachment.vpc-id":   attached(""),
		"internet-gateway-id": func(g *vpc.InternetGateway) []string { return []string{g.ID} },
		"owner-id":            func(g *vpc.InternetGateway) []string { return []string{g.Account} },
	})
	out := &shape.DescribeInternetGatewaysResult{InternetGateways: []shape.InternetGateway{}, NextToken: next}
	for i := range all {
		out.InternetGateways = append(out.InternetGateways, gatewayShape(&all[i].Value, tagList(all[i].Tags)))
	}
	return out, err
}

func gatewayShape(g *vpc.InternetGateway, tags []shape.Tag) shape.InternetGateway {
	out := shape.InternetGateway{InternetGatewayId: &g.ID, OwnerId: &g.Account, Tags: tags, Attachments: []shape.InternetGatewayAttachment{}}
	if g.VPC != "" {
		out.Attachments = append(out.Attachments, shape.InternetGatewayAttachment{State: new("available"), VpcId: &g.VPC})
	}
	return out
}
