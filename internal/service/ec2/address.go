package ec2

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// addressLimit is AWS's quota of elastic addresses in a region (VPC User Guide, quotas).
const addressLimit = 5

// claim says whose a public address is. It lives in the partition: no two accounts or regions have the same.
type claim struct{ Account, Region, Allocation string }

var claims = store.Table[claim]{Kind: "public-address"}

func (s *Service) addressRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.AllocateAddressRequest, shape.AllocateAddressResult]{
			Name: "AllocateAddress", Honours: []string{"Domain", "NetworkBorderGroup", "TagSpecifications.*", "DryRun"},
			Questions: asking[shape.AllocateAddressRequest]("AllocateAddress"),
			Act:       allocate,
		},
		api.Op[shape.ReleaseAddressRequest, shape.ReleaseAddressOutput]{
			Name: "ReleaseAddress", Honours: []string{"AllocationId", "NetworkBorderGroup", "DryRun"},
			Questions: asking[shape.ReleaseAddressRequest]("ReleaseAddress"),
			Act:       release,
		},
		api.Op[shape.AssociateAddressRequest, shape.AssociateAddressResult]{
			Name: "AssociateAddress", Honours: []string{"AllocationId", "NetworkInterfaceId", "PrivateIpAddress", "AllowReassociation", "DryRun"},
			Questions: asking[shape.AssociateAddressRequest]("AssociateAddress"),
			Act:       associateAddress,
		},
		api.Op[shape.DisassociateAddressRequest, shape.DisassociateAddressOutput]{
			Name: "DisassociateAddress", Honours: []string{"AssociationId", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DisassociateAddressRequest) ([]api.Question, error) {
				it, err := rows.Addresses.Find(v, c.Scope(), "association", deref(in.AssociationId))
				if absent(err) {
					return ask(c, v, "DisassociateAddress").on(anAddress, nil).done()
				}
				if err != nil {
					return nil, err
				}
				return ask(c, v, "DisassociateAddress").on(anAddress, &it.ID).on(anInterface, &it.Value.Interface).done()
			},
			Act: disassociateAddress,
		},
		api.Op[shape.DescribeAddressesRequest, shape.DescribeAddressesResult]{
			Name: "DescribeAddresses", Honours: []string{"PublicIps", "AllocationIds", "Filters.*", "DryRun"},
			Questions: asking[shape.DescribeAddressesRequest]("DescribeAddresses"),
			View:      describeAddresses,
		},
		api.Op[shape.DescribeAddressesAttributeRequest, shape.DescribeAddressesAttributeResult]{
			Name: "DescribeAddressesAttribute", Honours: []string{"AllocationIds", "Attribute", "NextToken", "MaxResults", "DryRun"},
			Questions: asking[shape.DescribeAddressesAttributeRequest]("DescribeAddressesAttribute"),
			View:      describeNames,
		},
	}
}

// allocate gives out an address of the pool, by chance: what a released one led to should not soon be reached again.
func allocate(c *api.Call, tx store.Tx, in *shape.AllocateAddressRequest) (*shape.AllocateAddressResult, error) {
	if d := deref(in.Domain); d != "" && d != "vpc" {
		return nil, invalid("Value (%s) for parameter domain is invalid.", d)
	}
	if g := deref(in.NetworkBorderGroup); g != "" && g != c.Region {
		return nil, invalid("Value (%s) for parameter networkBorderGroup is invalid.", g)
	}
	mine, err := rows.Addresses.List(tx, store.Query{Scope: c.Scope()})
	if err != nil {
		return nil, err
	}
	if len(mine) >= addressLimit {
		return nil, fault.New("AddressLimitExceeded", "The maximum number of addresses has been reached.")
	}
	a := vpc.Address{ID: c.Dice.ID("eipalloc"), Account: c.Account}
	whole := store.Scope{Partition: c.Partition}
	for try := 0; ; try++ {
		if try == 1000 {
			return nil, fault.New("InsufficientAddressCapacity", "There are not enough free public addresses.")
		}
		base := vpc.PublicPool.Addr().As4()
		size := uint32(1) << (32 - vpc.PublicPool.Bits())
		n := binary.BigEndian.Uint32(base[:]) + 4 + binary.BigEndian.Uint32(c.Dice.Bytes(4))%(size-8)
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], n)
		a.Public = netip.AddrFrom4(b)
		_, err := claims.Get(tx, whole, a.Public.String())
		if absent(err) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if err := claims.Create(tx, whole, a.Public.String(), &claim{c.Account, c.Region, a.ID}); err != nil {
		return nil, err
	}
	if err := rows.Addresses.Create(tx, c.Scope(), a.ID, &a); err != nil {
		return nil, err
	}
	_, err = tagNew(c, tx, anAddress, a.ID, in.TagSpecifications)
	c.Touch(anAddress.arn(c, a.ID))
	return &shape.AllocateAddressResult{AllocationId: &a.ID, PublicIp: new(a.Public.String()), Domain: new("vpc"), NetworkBorderGroup: &c.Region, PublicIpv4Pool: new("amazon")}, err
}

func release(c *api.Call, tx store.Tx, in *shape.ReleaseAddressRequest) (*shape.ReleaseAddressOutput, error) {
	it, err := load(tx, c, rows.Addresses, anAddress, in.AllocationId, "allocationId")
	if err != nil {
		return nil, err
	}
	if it.Value.Association != "" {
		return nil, fault.New("InvalidIPAddress.InUse", "Address %s is in use.", it.Value.Public)
	}
	if err := claims.Delete(tx, store.Scope{Partition: c.Partition}, it.Value.Public.String()); err != nil {
		return nil, err
	}
	return &shape.ReleaseAddressOutput{}, drop(c, tx, rows.Addresses, anAddress, it.ID)
}

func associateAddress(c *api.Call, tx store.Tx, in *shape.AssociateAddressRequest) (*shape.AssociateAddressResult, error) {
	it, err := load(tx, c, rows.Addresses, anAddress, in.AllocationId, "allocationId")
	if err != nil {
		return nil, err
	}
	eni, err := load(tx, c, rows.Interfaces, anInterface, in.NetworkInterfaceId, "networkInterfaceId")
	if err != nil {
		return nil, err
	}
	if eni.Value.RequesterManaged {
		return nil, unowned(eni.ID)
	}
	private := eni.Value.Addrs[0]
	if in.PrivateIpAddress != nil {
		private, err = netip.ParseAddr(*in.PrivateIpAddress)
		if err != nil || !slices.Contains(eni.Value.Addrs, private) {
			return nil, invalid("The private IP address %s is not assigned to the network interface %s.", *in.PrivateIpAddress, eni.ID)
		}
	}
	if err := tie(c, tx, &it, &eni.Value, private, in.AllowReassociation == nil || *in.AllowReassociation); err != nil {
		return nil, err
	}
	return &shape.AssociateAddressResult{AssociationId: &it.Value.Association}, nil
}

// unowned is the refusal to touch what a service made for itself.
func unowned(id string) *fault.Fault {
	return fault.New("OperationNotPermitted", "You are not allowed to manage the network interface %s: the service that made it does.", id)
}

// tie makes an elastic address stand for a private one. Whatever stood there before is let go, when that is allowed.
func tie(c *api.Call, tx store.Tx, it *store.Item[vpc.Address], eni *vpc.Interface, private netip.Addr, again bool) error {
	switch _, err := rows.InternetGateways.Find(tx, c.Scope(), "vpc", eni.VPC); {
	case absent(err):
		return fault.New("Gateway.NotAttached", "Network %s is not attached to any internet gateway", eni.VPC)
	case err != nil:
		return err
	}
	a := &it.Value
	if a.Association != "" && a.Interface == eni.ID && a.Private == private {
		return nil
	}
	if a.Association != "" && !again {
		return fault.New("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", a.ID, a.Association)
	}
	other, err := rows.Addresses.Find(tx, c.Scope(), "private", eni.ID+"/"+private.String())
	switch {
	case err == nil && !again:
		return fault.New("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", eni.ID, other.Value.Association)
	case err == nil:
		if err := untie(tx, &other); err != nil {
			return err
		}
	case !absent(err):
		return err
	}
	a.Association, a.Interface, a.Private, a.VPC = c.Dice.ID("eipassoc"), eni.ID, private, eni.VPC
	c.Touch(anAddress.arn(c, a.ID), anInterface.arn(c, eni.ID))
	return rows.Addresses.Save(tx, it)
}

func untie(tx store.Tx, it *store.Item[vpc.Address]) error {
	it.Value.Association, it.Value.Interface, it.Value.Private, it.Value.VPC = "", "", netip.Addr{}, ""
	return rows.Addresses.Save(tx, it)
}

// untieAll lets go the addresses of an interface that goes, or of those of its addresses that go.
func untieAll(c *api.Call, tx store.Tx, eni string, which func(netip.Addr) bool) error {
	all, err := rows.Addresses.List(tx, store.Query{Scope: c.Scope(), Term: store.Term{Name: "interface", Value: eni}})
	for i := range all {
		if err == nil && which(all[i].Value.Private) {
			err = untie(tx, &all[i])
		}
	}
	return err
}

func disassociateAddress(c *api.Call, tx store.Tx, in *shape.DisassociateAddressRequest) (*shape.DisassociateAddressOutput, error) {
	id, err := anAddrAssoc.id(in.AssociationId, "associationId")
	if err != nil {
		return nil, err
	}
	it, err := rows.Addresses.Find(tx, c.Scope(), "association", id)
	if absent(err) {
		return nil, anAddrAssoc.none(id)
	}
	if err != nil {
		return nil, err
	}
	eni, err := rows.Interfaces.Get(tx, c.Scope(), it.Value.Interface)
	if err != nil {
		return nil, err
	}
	if eni.Value.RequesterManaged {
		return nil, unowned(eni.ID)
	}
	c.Touch(anAddress.arn(c, it.ID), anInterface.arn(c, eni.ID))
	return &shape.DisassociateAddressOutput{}, untie(tx, &it)
}

func describeAddresses(c *api.Call, v store.View, in *shape.DescribeAddressesRequest) (*shape.DescribeAddressesResult, error) {
	ids := slices.Clone(in.AllocationIds)
	for _, ip := range in.PublicIps {
		it, err := rows.Addresses.Find(v, c.Scope(), "public", ip)
		if absent(err) {
			return nil, fault.New("InvalidAddress.NotFound", "Address '%s' not found.", ip)
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, it.ID)
	}
	one := func(get func(*vpc.Address) string) func(*vpc.Address) []string {
		return func(a *vpc.Address) []string {
			if s := get(a); s != "" {
				return []string{s}
			}
			return nil
		}
	}
	all, _, err := describe(c, v, rows.Addresses, anAddress, wanted{ids: ids, filters: in.Filters}, map[string]func(*vpc.Address) []string{
		"allocation-id":              one(func(a *vpc.Address) string { return a.ID }),
		"association-id":             one(func(a *vpc.Address) string { return a.Association }),
		"domain":                     one(func(*vpc.Address) string { return "vpc" }),
		"network-border-group":       one(func(*vpc.Address) string { return c.Region }),
		"network-interface-id":       one(func(a *vpc.Address) string { return a.Interface }),
		"network-interface-owner-id": one(func(a *vpc.Address) string { return map[bool]string{true: a.Account}[a.Association != ""] }),
		"private-ip-address":         one(privateText),
		"public-ip":                  one(func(a *vpc.Address) string { return a.Public.String() }),
	})
	out := &shape.DescribeAddressesResult{Addresses: []shape.Address{}}
	for i := range all {
		out.Addresses = append(out.Addresses, addressShape(c, &all[i].Value, tagList(all[i].Tags)))
	}
	return out, err
}

func privateText(a *vpc.Address) string {
	if a.Association == "" {
		return ""
	}
	return a.Private.String()
}

func addressShape(c *api.Call, a *vpc.Address, tags []shape.Tag) shape.Address {
	out := shape.Address{AllocationId: &a.ID, PublicIp: new(a.Public.String()), Domain: new("vpc"), NetworkBorderGroup: &c.Region, PublicIpv4Pool: new("amazon"), Tags: tags}
	if a.Association != "" {
		out.AssociationId, out.NetworkInterfaceId, out.NetworkInterfaceOwnerId, out.PrivateIpAddress = &a.Association, &a.Interface, &a.Account, new(a.Private.String())
	}
	return out
}

// describeNames tells the reverse names of addresses: none has one, for nothing here could be asked for it.
func describeNames(c *api.Call, v store.View, in *shape.DescribeAddressesAttributeRequest) (*shape.DescribeAddressesAttributeResult, error) {
	all, next, err := describe(c, v, rows.Addresses, anAddress, wanted{ids: in.AllocationIds, max: in.MaxResults, token: in.NextToken}, nil)
	out := &shape.DescribeAddressesAttributeResult{Addresses: []shape.AddressAttribute{}, NextToken: next}
	for _, a := range all {
		out.Addresses = append(out.Addresses, shape.AddressAttribute{AllocationId: new(a.ID), PublicIp: new(a.Value.Public.String())})
	}
	return out, err
}
