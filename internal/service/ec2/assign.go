package ec2

import (
	"net/netip"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func (s *Service) assignRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.AssignPrivateIpAddressesRequest, shape.AssignPrivateIpAddressesResult]{
			Name: "AssignPrivateIpAddresses", Honours: []string{"NetworkInterfaceId", "PrivateIpAddresses", "SecondaryPrivateIpAddressCount", "AllowReassignment"},
			Questions: asking[shape.AssignPrivateIpAddressesRequest]("AssignPrivateIpAddresses"),
			Act:       s.assign,
		},
		api.Op[shape.UnassignPrivateIpAddressesRequest, shape.UnassignPrivateIpAddressesOutput]{
			Name: "UnassignPrivateIpAddresses", Honours: []string{"NetworkInterfaceId", "PrivateIpAddresses"},
			Questions: asking[shape.UnassignPrivateIpAddressesRequest]("UnassignPrivateIpAddresses"),
			Act: func(c *api.Call, tx store.Tx, in *shape.UnassignPrivateIpAddressesRequest) (*shape.UnassignPrivateIpAddressesOutput, error) {
				it, err := ownInterface(c, tx, in.NetworkInterfaceId)
				if err != nil {
					return nil, err
				}
				if len(in.PrivateIpAddresses) == 0 {
					return nil, missing("privateIpAddress")
				}
				return &shape.UnassignPrivateIpAddressesOutput{}, s.unassign(c, tx, &it, in.PrivateIpAddresses)
			},
		},
		api.Op[shape.ResetNetworkInterfaceAttributeRequest, shape.ResetNetworkInterfaceAttributeOutput]{
			Name: "ResetNetworkInterfaceAttribute", Honours: []string{"NetworkInterfaceId", "SourceDestCheck", "DryRun"},
			Questions: asking[shape.ResetNetworkInterfaceAttributeRequest]("ResetNetworkInterfaceAttribute"),
			Act: func(c *api.Call, tx store.Tx, in *shape.ResetNetworkInterfaceAttributeRequest) (*shape.ResetNetworkInterfaceAttributeOutput, error) {
				it, err := ownInterface(c, tx, in.NetworkInterfaceId)
				if err != nil {
					return nil, err
				}
				it.Value.NoSourceDestCheck = false
				c.Touch(anInterface.arn(c, it.ID))
				return &shape.ResetNetworkInterfaceAttributeOutput{}, rows.Interfaces.Save(tx, &it)
			},
		},
		api.Op[shape.AttachNetworkInterfaceRequest, shape.AttachNetworkInterfaceResult]{
			Name: "AttachNetworkInterface", Honours: []string{"NetworkInterfaceId", "InstanceId", "DeviceIndex", "NetworkCardIndex", "DryRun"},
			Questions: asking[shape.AttachNetworkInterfaceRequest]("AttachNetworkInterface"),
			Act: func(c *api.Call, tx store.Tx, in *shape.AttachNetworkInterfaceRequest) (*shape.AttachNetworkInterfaceResult, error) {
				if _, err := ownInterface(c, tx, in.NetworkInterfaceId); err != nil {
					return nil, err
				}
				return nil, noInstance(deref(in.InstanceId))
			},
		},
		api.Op[shape.DetachNetworkInterfaceRequest, shape.DetachNetworkInterfaceOutput]{
			Name: "DetachNetworkInterface", Honours: []string{"AttachmentId", "Force", "DryRun"},
			Questions: asking[shape.DetachNetworkInterfaceRequest]("DetachNetworkInterface"),
			Act: func(c *api.Call, tx store.Tx, in *shape.DetachNetworkInterfaceRequest) (*shape.DetachNetworkInterfaceOutput, error) {
				id := deref(in.AttachmentId)
				all, err := rows.Interfaces.List(tx, store.Query{Scope: c.Scope()})
				if err != nil {
					return nil, err
				}
				if slices.ContainsFunc(all, func(i store.Item[vpc.Interface]) bool {
					return i.Value.Attachment != nil && i.Value.Attachment.ID == id
				}) {
					// Only services attach here: there are no instances.
					return nil, fault.New("OperationNotPermitted", "You are not allowed to manage '%s' attachments: the service that uses the interface does.", id)
				}
				return nil, fault.New("InvalidAttachmentID.NotFound", "The attachment ID '%s' does not exist", id)
			},
		},
		api.Op[shape.DescribeInstancesRequest, shape.DescribeInstancesResult]{
			Name: "DescribeInstances", Honours: describeMembers("InstanceIds"),
			Questions: asking[shape.DescribeInstancesRequest]("DescribeInstances"),
			View: func(_ *api.Call, _ store.View, in *shape.DescribeInstancesRequest) (*shape.DescribeInstancesResult, error) {
				if len(in.InstanceIds) > 0 {
					return nil, noInstance(in.InstanceIds[0])
				}
				return &shape.DescribeInstancesResult{Reservations: []shape.Reservation{}}, nil
			},
		},
	}
}

// noInstance is true of every id: there are no instances here.
func noInstance(id string) *fault.Fault {
	return fault.New("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
}

// ownInterface loads an interface that its owner may change: one that a service made is the service's.
func ownInterface(c *api.Call, v store.View, p *string) (store.Item[vpc.Interface], error) {
	it, err := load(v, c, rows.Interfaces, anInterface, p, "networkInterfaceId")
	if err == nil && it.Value.RequesterManaged && (c.Caller == nil || c.Caller.InvokedBy == "" || alias(c.Caller.InvokedBy) != it.Value.Requester) {
		err = unowned(it.ID)
	}
	return it, err
}

// assign gives an interface more addresses: those that were asked for, or so many that are free.
func (s *Service) assign(c *api.Call, tx store.Tx, in *shape.AssignPrivateIpAddressesRequest) (*shape.AssignPrivateIpAddressesResult, error) {
	it, err := ownInterface(c, tx, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	n := int64(len(in.PrivateIpAddresses))
	if (n == 0) == (in.SecondaryPrivateIpAddressCount == nil) {
		return nil, fault.New("InvalidParameterCombination", "The request must contain exactly one of privateIpAddress, secondaryPrivateIpAddressCount")
	}
	i := &it.Value
	if n+deref(in.SecondaryPrivateIpAddressCount)+int64(len(i.Addrs)) > perInterface {
		return nil, fault.New("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.")
	}
	if n == 0 && *in.SecondaryPrivateIpAddressCount < 1 {
		return nil, invalid("Value (%d) for parameter secondaryPrivateIpAddressCount is invalid.", *in.SecondaryPrivateIpAddressCount)
	}
	if deref(in.AllowReassignment) { // what another interface has as a secondary address it gives up
		for _, text := range in.PrivateIpAddresses {
			a, err := netip.ParseAddr(text)
			if err != nil {
				continue
			}
			other, err := rows.Interfaces.Find(tx, c.Scope(), "addr", i.VPC+"/"+a.String())
			if absent(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if other.Value.Subnet != i.Subnet || other.Value.Addrs[0] == a || other.Value.RequesterManaged || other.ID == i.ID {
				continue
			}
			other.Value.Addrs = without(other.Value.Addrs, func(x netip.Addr) bool { return x == a })
			if err := untieAll(c, tx, other.ID, func(x netip.Addr) bool { return x == a }); err != nil {
				return nil, err
			}
			if err := rows.Interfaces.Save(tx, &other); err != nil {
				return nil, err
			}
		}
	}
	sn, err := rows.Subnets.Get(tx, c.Scope(), i.Subnet)
	if err != nil {
		return nil, err
	}
	ask := &shape.CreateNetworkInterfaceRequest{}
	for k := range in.PrivateIpAddresses {
		ask.PrivateIpAddresses = append(ask.PrivateIpAddresses, shape.PrivateIpAddressSpecification{PrivateIpAddress: &in.PrivateIpAddresses[k], Primary: new(k == 0)})
	}
	if in.SecondaryPrivateIpAddressCount != nil {
		ask.SecondaryPrivateIpAddressCount = new(*in.SecondaryPrivateIpAddressCount - 1) // the first is the picker's primary
	}
	more, err := addresses(c, tx, &sn.Value, ask)
	if err != nil {
		return nil, err
	}
	i.Addrs = append(i.Addrs, more...)
	if err := rows.Interfaces.Save(tx, &it); err != nil {
		return nil, err
	}
	c.Touch(anInterface.arn(c, it.ID))
	out := &shape.AssignPrivateIpAddressesResult{NetworkInterfaceId: &it.ID}
	for _, a := range more {
		out.AssignedPrivateIpAddresses = append(out.AssignedPrivateIpAddresses, shape.AssignedPrivateIpAddress{PrivateIpAddress: new(a.String())})
	}
	return out, nil
}

// perInterface is how many addresses an interface may have: the quota of AWS's largest instance types.
const perInterface = 50

// unassign takes secondary addresses away; they go into quarantine.
func (s *Service) unassign(c *api.Call, tx store.Tx, it *store.Item[vpc.Interface], texts []string) error {
	i := &it.Value
	var gone []netip.Addr
	for _, text := range texts {
		a, err := netip.ParseAddr(text)
		if err != nil || !slices.Contains(i.Addrs, a) {
			return invalid("Some of %v are not assigned to interface %s", texts, it.ID)
		}
		if a == i.Addrs[0] {
			return invalid("%s is the primary address of interface %s and cannot be unassigned", a, it.ID)
		}
		gone = append(gone, a)
	}
	i.Addrs = without(i.Addrs, func(a netip.Addr) bool { return slices.Contains(gone, a) })
	if err := rows.Interfaces.Save(tx, it); err != nil {
		return err
	}
	sn, err := rows.Subnets.Get(tx, c.Scope(), i.Subnet)
	if err != nil {
		return err
	}
	sn.Value.Hold(gone, tx.Now().Add(s.cfg.Quarantine))
	if err := rows.Subnets.Save(tx, &sn); err != nil {
		return err
	}
	c.Touch(anInterface.arn(c, it.ID))
	return untieAll(c, tx, it.ID, func(a netip.Addr) bool { return slices.Contains(gone, a) })
}
