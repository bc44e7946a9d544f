package runner

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/trail"
	"cloister/internal/core/vpc"
	"cloister/internal/shape/ec2"
	"cloister/internal/shape/sts"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// addressesPerInstance is what a subnet must have free: "at least two private IP addresses for each instance in a job"
// (Comprehend Developer Guide, Protect jobs by using an Amazon VPC).
const addressesPerInstance = 2

// quarantine keeps a deleted interface's address from its next owner until no old packet can be on its way.
const quarantine = 60 * time.Second

// session is how long the role's credentials live.
const session = time.Hour

func (w *walk) assume(ctx context.Context) error {
	name := "comprehend-" + w.job.ID
	secs := int64(session / time.Second)
	as := w.as()
	as.AccessKey, as.Token = "", ""
	out, id, err := w.Calls.Invoke(ctx, as, "sts", "AssumeRole", &sts.AssumeRoleRequest{RoleArn: &w.job.RoleARN, RoleSessionName: &name, DurationSeconds: &secs})
	if err != nil {
		w.noted(ctx, id)
		if !refusal(err) {
			return err
		}
		return fail("INVALID_DATA_ACCESS_ROLE", "The provided data access role %s cannot be assumed by %s.", w.job.RoleARN, w.job.Service)
	}
	c := out.(*sts.AssumeRoleResponse).Credentials
	w.creds = job.Credentials{AccessKey: *c.AccessKeyId, Secret: *c.SecretAccessKey, Token: *c.SessionToken}
	return nil
}

// call asks EC2 as the role. A refusal fails the job and names the call.
func call[O any](ctx context.Context, w *walk, op string, in any) (*O, error) {
	out, id, err := w.Calls.Invoke(ctx, w.as(), "ec2", op, in)
	if err == nil {
		o, _ := out.(*O)
		return o, nil
	}
	var f *fault.Fault
	if !errors.As(err, &f) || f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		return nil, err
	}
	if f.Kind == fault.DryRun { // as asked
		return nil, err
	}
	w.noted(ctx, id)
	if f.Kind == fault.AccessDenied {
		return nil, fail("VPC_ACCESS_DENIED", "The provided data access role is not authorized to perform ec2:%s.", op)
	}
	return nil, fail("INVALID_VPC_CONFIG", "%s", f.Message)
}

// check reads what VpcConfig names, as the role, and refuses what cannot carry the job before anything is made.
func (w *walk) check(ctx context.Context) error {
	subs, err := call[ec2.DescribeSubnetsResult](ctx, w, "DescribeSubnets", &ec2.DescribeSubnetsRequest{SubnetIds: w.job.Network.Subnets})
	if err != nil {
		return err
	}
	groups, err := call[ec2.DescribeSecurityGroupsResult](ctx, w, "DescribeSecurityGroups", &ec2.DescribeSecurityGroupsRequest{GroupIds: w.job.Network.Groups})
	if err != nil {
		return err
	}
	w.vpcID = *subs.Subnets[0].VpcId
	free := int64(0)
	for _, s := range subs.Subnets {
		if *s.VpcId != w.vpcID {
			return fail("INVALID_VPC_CONFIG", "The subnets %s and %s are in different VPCs.", *subs.Subnets[0].SubnetId, *s.SubnetId)
		}
		if n := *s.AvailableIpAddressCount; n >= addressesPerInstance && (w.chosen == "" || n > free) {
			w.chosen, free = *s.SubnetId, n
		}
	}
	for _, g := range groups.SecurityGroups {
		if *g.VpcId != w.vpcID {
			return fail("INVALID_VPC_CONFIG", "The security group %s does not belong to the VPC %s of the subnets.", *g.GroupId, w.vpcID)
		}
	}
	if w.chosen == "" {
		return fail("INSUFFICIENT_FREE_ADDRESSES", "The subnets %v have fewer than %d free private IP addresses each; a job needs that many for each instance.", w.job.Network.Subnets, addressesPerInstance)
	}
	vpcs, err := call[ec2.DescribeVpcsResult](ctx, w, "DescribeVpcs", &ec2.DescribeVpcsRequest{VpcIds: []string{w.vpcID}})
	if err != nil {
		return err
	}
	v := vpcs.Vpcs[0]
	if v.InstanceTenancy != nil && *v.InstanceTenancy != "default" {
		return fail("INVALID_VPC_CONFIG", "The VPC %s has %s tenancy; only subnets with a default tenancy VPC can be used.", w.vpcID, *v.InstanceTenancy)
	}
	options := &ec2.DescribeDhcpOptionsRequest{}
	if id := *v.DhcpOptionsId; id != vpc.NoDHCP {
		options.DhcpOptionsIds = []string{id}
	}
	if _, err := call[ec2.DescribeDhcpOptionsResult](ctx, w, "DescribeDhcpOptions", options); err != nil {
		return err
	}
	w.network = w.vpcID
	return nil
}

// create makes the interface under an id that is written down first, and asks beforehand whether the role may take it
// away again: a job that could not clean up after itself is not begun.
func (w *walk) create(ctx context.Context) error {
	w.port = w.interfaceID(0)
	if err := w.claim(ctx, w.port); err != nil {
		return err
	}
	return w.make(ctx, 0, w.chosen)
}

// claim writes ids of interfaces down.
func (w *walk) claim(ctx context.Context, ids ...string) error {
	return w.edit(ctx, func(j *job.Job) {
		for _, id := range ids {
			if !slices.Contains(j.Interfaces, id) {
				j.Interfaces = append(j.Interfaces, id)
			}
		}
	})
}

// make makes the interface of an instance, whose id is written down.
func (w *walk) make(ctx context.Context, instance int, subnet string) error {
	eni, token, desc := w.interfaceID(instance), w.token(instance), "Amazon Comprehend job "+w.job.ID
	if instance > 0 {
		desc += fmt.Sprintf(", instance %d", instance)
	}
	res, err := call[ec2.CreateNetworkInterfaceResult](ctx, w, "CreateNetworkInterface", &ec2.CreateNetworkInterfaceRequest{
		SubnetId: &subnet, Groups: w.job.Network.Groups, Description: &desc, ClientToken: &token})
	if err != nil {
		return err
	}
	if got := *res.NetworkInterface.NetworkInterfaceId; got != eni {
		return fmt.Errorf("cannot know the interface: asked for %s, got %s", eni, got)
	}
	service, perm, dry := w.job.Service, "INSTANCE-ATTACH", true
	p, err := call[ec2.CreateNetworkInterfacePermissionResult](ctx, w, "CreateNetworkInterfacePermission", &ec2.CreateNetworkInterfacePermissionRequest{
		NetworkInterfaceId: &eni, AwsService: &service, Permission: &perm})
	if err != nil {
		return err
	}
	if _, err := call[ec2.DescribeNetworkInterfacesResult](ctx, w, "DescribeNetworkInterfaces", &ec2.DescribeNetworkInterfacesRequest{NetworkInterfaceIds: []string{eni}}); err != nil {
		return err
	}
	_, err = call[ec2.DeleteNetworkInterfacePermissionResult](ctx, w, "DeleteNetworkInterfacePermission", &ec2.DeleteNetworkInterfacePermissionRequest{
		NetworkInterfacePermissionId: p.InterfacePermission.NetworkInterfacePermissionId, DryRun: &dry})
	if !dryRun(err) {
		return err
	}
	_, err = call[struct{}](ctx, w, "DeleteNetworkInterface", &ec2.DeleteNetworkInterfaceRequest{NetworkInterfaceId: &eni, DryRun: &dry})
	if !dryRun(err) {
		return err
	}
	return nil
}

func dryRun(err error) bool {
	var f *fault.Fault
	return errors.As(err, &f) && f.Kind == fault.DryRun
}

func refusal(err error) bool {
	var f *fault.Fault
	return errors.As(err, &f) && f.Kind != fault.Internal && f.Kind != fault.Unavailable
}

// open attaches the interface, as the service to which the role gave the permission, and waits for the kernel.
func (w *walk) open(ctx context.Context) error {
	if err := w.attach(ctx, w.port); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	return w.Network.WaitOpen(ctx, w.port)
}

func (w *walk) attach(ctx context.Context, eni string) error {
	err := w.Store.Update(ctx, func(tx store.Tx) error {
		it, err := rows.Interfaces.Get(tx, w.scope(), eni)
		if err != nil {
			return err
		}
		it.Value.Attachment = &vpc.Attachment{ID: w.World.ID("eni-attach"), Owner: "amazon-comprehend", At: tx.Now()}
		it.Value.Status = "in-use"
		if err := rows.Interfaces.Save(tx, &it); err != nil {
			return err
		}
		v, err := rows.VPCs.Get(tx, w.scope(), it.Value.VPC)
		if err != nil {
			return err
		}
		var options *vpc.DHCP // nil: the default set, which is no row
		switch o, err := rows.DHCPs.Get(tx, w.scope(), v.Value.DHCPOptions); {
		case err == nil:
			options = &o.Value
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		w.servers, w.search = v.Value.Names(options)
		return tx.Record(w.serviceEvent("AttachNetworkInterface", eni))
	})
	if err != nil {
		return fmt.Errorf("cannot attach %s: %w", eni, err)
	}
	return nil
}

// segment opens the service-owned network of a job without VpcConfig.
func (w *walk) segment(ctx context.Context) error {
	w.network, w.port, w.servers, w.search = "job-"+w.job.ID, "job-"+w.job.ID, []netip.Addr{vpc.Resolver(vpc.ServiceCIDR)}, nil
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	return w.Network.OpenSegment(ctx, w.network, w.port, w.job.Partition, w.job.Account, w.job.Region)
}

// undo takes away whatever the steps made, in this attempt or an earlier one; a job that did its work keeps what its model lives on.
func (w *walk) undo(ctx context.Context, done bool) error {
	w.Network.CloseSegment("job-" + w.job.ID)
	for _, eni := range w.job.Interfaces {
		if err := w.release(ctx, eni); err != nil {
			return fmt.Errorf("cannot release %s: %w", eni, err)
		}
	}
	if err := w.retire(ctx, done); err != nil {
		return fmt.Errorf("cannot retire the job's grants: %w", err)
	}
	return w.edit(ctx, func(j *job.Job) {
		for i := range j.Steps {
			j.Steps[i].Undone = true
		}
		j.Interfaces = nil
	})
}

// release deletes an interface as the role; when the role may not any more, as the service that holds it, so that nothing
// is left in the user's subnet.
func (w *walk) release(ctx context.Context, eni string) error {
	var perms []string
	gone := false
	err := w.Store.Update(ctx, func(tx store.Tx) error {
		it, err := rows.Interfaces.Get(tx, w.scope(), eni)
		if errors.Is(err, store.ErrNotFound) {
			gone = true
			return nil
		}
		if err != nil {
			return err
		}
		for _, p := range it.Value.Permissions {
			perms = append(perms, p.ID)
		}
		if it.Value.Attachment == nil {
			return nil
		}
		it.Value.Attachment, it.Value.Status = nil, "available"
		if err := rows.Interfaces.Save(tx, &it); err != nil {
			return err
		}
		return tx.Record(w.serviceEvent("DetachNetworkInterface", eni))
	})
	if err != nil || gone {
		return err
	}
	if w.creds.AccessKey == "" {
		if err := w.assume(ctx); err != nil {
			w.log.Warn("cannot assume the role to clean up", "error", err)
		}
	}
	if w.creds.AccessKey != "" {
		ok := true
		for _, p := range perms {
			if _, err := call[ec2.DeleteNetworkInterfacePermissionResult](ctx, w, "DeleteNetworkInterfacePermission", &ec2.DeleteNetworkInterfacePermissionRequest{NetworkInterfacePermissionId: &p}); err != nil {
				ok = false
			}
		}
		if ok {
			if _, err := call[struct{}](ctx, w, "DeleteNetworkInterface", &ec2.DeleteNetworkInterfaceRequest{NetworkInterfaceId: &eni}); err == nil {
				return nil
			}
		}
	}
	return w.Store.Update(ctx, func(tx store.Tx) error {
		it, err := rows.Interfaces.Get(tx, w.scope(), eni)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		sub, err := rows.Subnets.Get(tx, w.scope(), it.Value.Subnet)
		if err == nil {
			sub.Value.Hold(it.Value.Addrs, tx.Now().Add(quarantine))
			err = rows.Subnets.Save(tx, &sub)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := rows.Interfaces.Delete(tx, w.scope(), eni); err != nil {
			return err
		}
		if err := tx.RemoveTags("arn:"+w.job.Partition+":ec2:"+w.job.Region+":"+w.job.Account+":network-interface/"+eni, nil); err != nil {
			return err
		}
		return tx.Record(w.serviceEvent("DeleteNetworkInterface", eni))
	})
}

// serviceEvent is the record of what the service does with an interface that it holds.
func (w *walk) serviceEvent(name, eni string) *trail.Event {
	return &trail.Event{ID: w.World.UUID(), Time: w.World.Now(), RequestID: w.World.UUID(), Service: "ec2", Name: name, Account: w.job.Account,
		Recipient: w.job.Account, Region: w.job.Region, SourceIP: w.job.Service, Caller: trail.Caller{Type: "AWSService", InvokedBy: w.job.Service},
		Resources: []string{"arn:" + w.job.Partition + ":ec2:" + w.job.Region + ":" + w.job.Account + ":network-interface/" + eni, w.job.ARN}}
}
