package ec2

import (
	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func (s *Service) attributeRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.ModifyNetworkInterfaceAttributeRequest, shape.ModifyNetworkInterfaceAttributeOutput]{
			Name: "ModifyNetworkInterfaceAttribute", Honours: []string{"NetworkInterfaceId", "Groups", "Description.*", "SourceDestCheck.*", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.ModifyNetworkInterfaceAttributeRequest) ([]api.Question, error) {
				var extra []string
				if in.Groups != nil {
					extra = append(extra, "ec2:Attribute", "GroupSet")
				}
				if in.Description != nil {
					extra = append(extra, "ec2:Attribute", "Description", "ec2:Attribute/Description", deref(in.Description.Value))
				}
				if x := in.SourceDestCheck; x != nil {
					extra = append(extra, attributes(map[string]*shape.AttributeBooleanValue{"SourceDestCheck": x})...)
				}
				return ask(c, v, "ModifyNetworkInterfaceAttribute").on(anInterface, in.NetworkInterfaceId, extra...).each(aGroup, in.Groups).done()
			},
			Act: modifyInterface,
		},
		api.Op[shape.DescribeNetworkInterfaceAttributeRequest, shape.DescribeNetworkInterfaceAttributeResult]{
			Name: "DescribeNetworkInterfaceAttribute", Honours: []string{"NetworkInterfaceId", "Attribute", "DryRun"},
			Questions: describing[shape.DescribeNetworkInterfaceAttributeRequest]("DescribeNetworkInterfaceAttribute"),
			View:      describeInterfaceAttribute,
		},
	}
}

// modifyInterface changes one attribute. New groups hold for new connections at once; those that stand are not cut.
func modifyInterface(c *api.Call, tx store.Tx, in *shape.ModifyNetworkInterfaceAttributeRequest) (*shape.ModifyNetworkInterfaceAttributeOutput, error) {
	it, err := load(tx, c, rows.Interfaces, anInterface, in.NetworkInterfaceId, "networkInterfaceId")
	if err != nil {
		return nil, err
	}
	given := 0
	for _, set := range []bool{len(in.Groups) > 0, in.Description != nil, in.SourceDestCheck != nil} {
		if set {
			given++
		}
	}
	switch {
	case it.Value.Type != "interface": // an endpoint's or a gateway's, which changes it itself
		return nil, fault.New("OperationNotPermitted", "You are not allowed to manage the network interface %s, which is of type %s.", it.ID, it.Value.Type)
	case given > 1:
		return nil, fault.New("InvalidParameterCombination", "Fields for multiple attribute types specified: groupSet, description, sourceDestCheck")
	case in.SourceDestCheck != nil && in.SourceDestCheck.Value != nil:
		if it.Value.RequesterManaged {
			return nil, unowned(it.ID)
		}
		it.Value.NoSourceDestCheck = !*in.SourceDestCheck.Value
	case len(in.Groups) > 0:
		sn, err := rows.Subnets.Get(tx, c.Scope(), it.Value.Subnet)
		if err != nil {
			return nil, err
		}
		if it.Value.Groups, err = interfaceGroups(c, tx, &sn.Value, in.Groups); err != nil {
			return nil, err
		}
	case in.Description != nil:
		it.Value.Description = deref(in.Description.Value)
	default:
		return nil, fault.New("InvalidParameterCombination", "No attributes specified.")
	}
	c.Touch(anInterface.arn(c, it.ID))
	return &shape.ModifyNetworkInterfaceAttributeOutput{}, rows.Interfaces.Save(tx, &it)
}

func describeInterfaceAttribute(c *api.Call, v store.View, in *shape.DescribeNetworkInterfaceAttributeRequest) (*shape.DescribeNetworkInterfaceAttributeResult, error) {
	it, err := load(v, c, rows.Interfaces, anInterface, in.NetworkInterfaceId, "networkInterfaceId")
	if err != nil {
		return nil, err
	}
	all, err := interfaceShape(c, v, &it.Value)
	if err != nil {
		return nil, err
	}
	out := &shape.DescribeNetworkInterfaceAttributeResult{NetworkInterfaceId: &it.ID}
	switch deref(in.Attribute) {
	case "description":
		out.Description = &shape.AttributeValue{Value: all.Description}
	case "groupSet":
		out.Groups = all.Groups
	case "sourceDestCheck":
		out.SourceDestCheck = &shape.AttributeBooleanValue{Value: all.SourceDestCheck}
	case "attachment":
		out.Attachment = all.Attachment
	case "":
		return nil, missing("attribute")
	default:
		return nil, invalid("Value (%s) for parameter attribute is invalid. Unknown attribute.", *in.Attribute)
	}
	return out, nil
}
