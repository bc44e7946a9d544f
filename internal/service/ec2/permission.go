package ec2

import (
	"cmp"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	shape "cloister/internal/shape/ec2"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func (s *Service) permissionRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateNetworkInterfacePermissionRequest, shape.CreateNetworkInterfacePermissionResult]{
			Name: "CreateNetworkInterfacePermission", Honours: []string{"NetworkInterfaceId", "AwsAccountId", "AwsService", "Permission", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.CreateNetworkInterfacePermissionRequest) ([]api.Question, error) {
				user := ""
				if in.AwsAccountId != nil {
					user = "arn:" + c.Partition + ":iam::" + *in.AwsAccountId + ":root"
				}
				return ask(c, v, "CreateNetworkInterfacePermission").on(anInterface, in.NetworkInterfaceId,
					"ec2:AuthorizedService", deref(in.AwsService), "ec2:AuthorizedUser", user, "ec2:Permission", deref(in.Permission)).done()
			},
			Act: createPermission,
		},
		api.Op[shape.DeleteNetworkInterfacePermissionRequest, shape.DeleteNetworkInterfacePermissionResult]{
			Name: "DeleteNetworkInterfacePermission", Honours: []string{"NetworkInterfacePermissionId", "Force", "DryRun"},
			Questions: func(c *api.Call, v store.View, in *shape.DeleteNetworkInterfacePermissionRequest) ([]api.Question, error) {
				a := ask(c, v, "DeleteNetworkInterfacePermission")
				it, _, err := permissionByID(c, v, deref(in.NetworkInterfacePermissionId))
				if absent(err) {
					return a.on(anInterface, nil).done()
				}
				if err != nil {
					return nil, err
				}
				return a.on(anInterface, &it.ID).done()
			},
			Act: deletePermission,
		},
		api.Op[shape.DescribeNetworkInterfacePermissionsRequest, shape.DescribeNetworkInterfacePermissionsResult]{
			Name: "DescribeNetworkInterfacePermissions", Honours: []string{"NetworkInterfacePermissionIds", "Filters.*", "NextToken", "MaxResults"},
			Questions: describing[shape.DescribeNetworkInterfacePermissionsRequest]("DescribeNetworkInterfacePermissions"),
			View:      describePermissions,
		},
	}
}

func createPermission(c *api.Call, tx store.Tx, in *shape.CreateNetworkInterfacePermissionRequest) (*shape.CreateNetworkInterfacePermissionResult, error) {
	it, err := load(tx, c, rows.Interfaces, anInterface, in.NetworkInterfaceId, "networkInterfaceId")
	if err != nil {
		return nil, err
	}
	p := vpc.Permission{ID: c.Dice.ID("eni-perm"), Account: deref(in.AwsAccountId), Service: deref(in.AwsService), Permission: deref(in.Permission)}
	switch {
	case (p.Account == "") == (p.Service == ""):
		return nil, fault.New("InvalidParameterCombination", "The request must contain exactly one of awsAccountId, awsService")
	case p.Account != "" && (len(p.Account) != 12 || strings.IndexFunc(p.Account, func(r rune) bool { return r < '0' || r > '9' }) >= 0):
		return nil, invalid("Value (%s) for parameter awsAccountId is invalid.", p.Account)
	case p.Service != "" && !strings.HasSuffix(p.Service, ".amazonaws.com"):
		return nil, invalid("Value (%s) for parameter awsService is invalid.", p.Service)
	case p.Permission == "":
		return nil, missing("permission")
	case p.Permission != "INSTANCE-ATTACH" && p.Permission != "EIP-ASSOCIATE":
		return nil, invalid("Value (%s) for parameter permission is invalid.", p.Permission)
	}
	for _, o := range it.Value.Permissions { // the same permission twice is the same permission
		if o.Account == p.Account && o.Service == p.Service && o.Permission == p.Permission {
			return &shape.CreateNetworkInterfacePermissionResult{InterfacePermission: permissionShape(it.ID, o)}, nil
		}
	}
	it.Value.Permissions = append(it.Value.Permissions, p)
	c.Touch(anInterface.arn(c, it.ID))
	return &shape.CreateNetworkInterfacePermissionResult{InterfacePermission: permissionShape(it.ID, p)}, rows.Interfaces.Save(tx, &it)
}

func permissionShape(eni string, p vpc.Permission) *shape.NetworkInterfacePermission {
	out := &shape.NetworkInterfacePermission{NetworkInterfacePermissionId: &p.ID, NetworkInterfaceId: &eni, Permission: &p.Permission,
		PermissionState: &shape.NetworkInterfacePermissionState{State: new("granted")}}
	if p.Account != "" {
		out.AwsAccountId = &p.Account
	}
	if p.Service != "" {
		out.AwsService = &p.Service
	}
	return out
}

// permissionByID finds a permission in the interfaces of the call's account and region.
func permissionByID(c *api.Call, v store.View, id string) (store.Item[vpc.Interface], int, error) {
	all, err := rows.Interfaces.List(v, store.Query{Scope: c.Scope()})
	if err != nil {
		return store.Item[vpc.Interface]{}, 0, err
	}
	for _, it := range all {
		if i := slices.IndexFunc(it.Value.Permissions, func(p vpc.Permission) bool { return p.ID == id }); i >= 0 {
			return it, i, nil
		}
	}
	return store.Item[vpc.Interface]{}, 0, store.ErrNotFound
}

// deletePermission takes a permission back. While something is attached by it, only Force does.
func deletePermission(c *api.Call, tx store.Tx, in *shape.DeleteNetworkInterfacePermissionRequest) (*shape.DeleteNetworkInterfacePermissionResult, error) {
	id, err := aPermission.id(in.NetworkInterfacePermissionId, "networkInterfacePermissionId")
	if err != nil {
		return nil, err
	}
	it, i, err := permissionByID(c, tx, id)
	if absent(err) {
		return nil, aPermission.none(id)
	}
	if err != nil {
		return nil, err
	}
	if it.Value.Attachment != nil && it.Value.Permissions[i].Permission == "INSTANCE-ATTACH" && !deref(in.Force) {
		return nil, fault.New("OperationNotPermitted", "The network interface %s is attached by the permission %s; use Force to remove it.", it.ID, id)
	}
	it.Value.Permissions = slices.Delete(it.Value.Permissions, i, i+1)
	c.Touch(anInterface.arn(c, it.ID))
	return &shape.DeleteNetworkInterfacePermissionResult{Return: new(true)}, rows.Interfaces.Save(tx, &it)
}

func describePermissions(c *api.Call, v store.View, in *shape.DescribeNetworkInterfacePermissionsRequest) (*shape.DescribeNetworkInterfacePermissionsResult, error) {
	enis, err := rows.Interfaces.List(v, store.Query{Scope: c.Scope()})
	if err != nil {
		return nil, err
	}
	type perm = shape.NetworkInterfacePermission
	var all []found[perm]
	seen := map[string]bool{}
	for _, it := range enis {
		for _, p := range it.Value.Permissions {
			seen[p.ID] = true
			if len(in.NetworkInterfacePermissionIds) == 0 || slices.Contains(in.NetworkInterfacePermissionIds, p.ID) {
				all = append(all, found[perm]{ID: p.ID, Value: *permissionShape(it.ID, p)})
			}
		}
	}
	for _, id := range in.NetworkInterfacePermissionIds {
		if err := aPermission.well(id); err != nil {
			return nil, err
		}
		if !seen[id] {
			return nil, aPermission.none(id)
		}
	}
	one := func(get func(*perm) *string) func(*perm) []string {
		return func(p *perm) []string { return []string{deref(get(p))} }
	}
	all, err = sift(all, in.Filters, map[string]func(*perm) []string{
		"network-interface-permission.network-interface-permission-id": one(func(p *perm) *string { return p.NetworkInterfacePermissionId }),
		"network-interface-permission.network-interface-id":            one(func(p *perm) *string { return p.NetworkInterfaceId }),
		"network-interface-permission.aws-account-id":                  one(func(p *perm) *string { return p.AwsAccountId }),
		"network-interface-permission.aws-service":                     one(func(p *perm) *string { return p.AwsService }),
		"network-interface-permission.permission":                      one(func(p *perm) *string { return p.Permission }),
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b found[perm]) int { return cmp.Compare(a.ID, b.ID) })
	all, next, err := page(all, in.MaxResults, in.NextToken)
	out := &shape.DescribeNetworkInterfacePermissionsResult{NetworkInterfacePermissions: []perm{}, NextToken: next}
	for _, p := range all {
		out.NetworkInterfacePermissions = append(out.NetworkInterfacePermissions, p.Value)
	}
	return out, err
}
