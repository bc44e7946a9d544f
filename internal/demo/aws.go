package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cloister/internal/client"
	"cloister/internal/core/sigv4"
	"cloister/internal/daemon"
)

const (
	ec2Version = "2016-11-15"
	iamVersion = "2010-05-08"
	comprehend = "Comprehend_20171127."
	kms        = "TrentService."
)

type network struct {
	vpc, group, endpoint string
	open, openTable      string // a subnet with a route to S3
	closed, closedTable  string // a subnet without
}

func (d *demo) ec2(ctx context.Context, action string, out any, params ...string) error {
	v := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		v.Set(params[i], params[i+1])
	}
	return d.root.Query(ctx, "ec2", ec2Version, action, v, out)
}

func (d *demo) kms(ctx context.Context, operation string, in, out any) error {
	return d.root.JSON(ctx, "kms", kms+operation, in, out)
}

func (d *demo) iam(ctx context.Context, action string, out any, params ...string) error {
	v := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		v.Set(params[i], params[i+1])
	}
	return d.root.Query(ctx, "iam", iamVersion, action, v, out)
}

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"comprehend.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// rolePolicy is the Comprehend guide's policy for a role of VPC jobs, with S3 and the key of its objects beside it.
const rolePolicy = `{"Version":"2012-10-17","Statement":[
 {"Sid":"Network","Effect":"Allow","Resource":"*","Action":["ec2:CreateNetworkInterface","ec2:CreateNetworkInterfacePermission","ec2:DeleteNetworkInterface",
  "ec2:DeleteNetworkInterfacePermission","ec2:DescribeNetworkInterfaces","ec2:DescribeVpcs","ec2:DescribeDhcpOptions","ec2:DescribeSubnets","ec2:DescribeSecurityGroups"]},
 {"Sid":"Documents","Effect":"Allow","Action":["s3:ListBucket","s3:GetObject","s3:PutObject"],"Resource":["arn:aws:s3:::%[1]s","arn:aws:s3:::%[1]s/*"]},
 {"Sid":"Key","Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"%[2]s","Condition":{"StringEquals":{"kms:ViaService":"s3.%[3]s.amazonaws.com"}}}]}`

// sealed is a bucket's rule that every object is encrypted with one key (PutBucketEncryption).
const sealed = `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>%s</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`

// draw makes the role, the network and the documents.
func (d *demo) draw(ctx context.Context) error {
	n := &d.net
	var role struct {
		ARN string `xml:"CreateRoleResult>Role>Arn"`
	}
	var vpc struct {
		ID string `xml:"vpc>vpcId"`
	}
	var tables struct {
		IDs []string `xml:"routeTableSet>item>routeTableId"`
	}
	var group struct {
		ID string `xml:"groupId"`
	}
	var table struct {
		ID string `xml:"routeTable>routeTableId"`
	}
	var endpoint struct {
		ID string `xml:"vpcEndpoint>vpcEndpointId"`
	}
	subnet := func(cidr string) (string, error) {
		var s struct {
			ID string `xml:"subnet>subnetId"`
		}
		err := d.ec2(ctx, "CreateSubnet", &s, "VpcId", n.vpc, "CidrBlock", cidr)
		return s.ID, err
	}
	var key struct{ KeyMetadata struct{ Arn string } }
	for _, step := range []func() error{
		func() error {
			return d.kms(ctx, "CreateKey", map[string]string{"Description": "documents"}, &key)
		},
		func() error {
			d.key = key.KeyMetadata.Arn
			return d.iam(ctx, "CreateRole", &role, "RoleName", "DataAccess", "AssumeRolePolicyDocument", trust)
		},
		func() error {
			return d.iam(ctx, "PutRolePolicy", nil, "RoleName", "DataAccess", "PolicyName", "DataAccess", "PolicyDocument", fmt.Sprintf(rolePolicy, d.bucket, d.key, d.op.Region))
		},
		func() error { return d.ec2(ctx, "CreateVpc", &vpc, "CidrBlock", "10.20.0.0/16") },
		func() error {
			n.vpc = vpc.ID
			return d.ec2(ctx, "DescribeRouteTables", &tables, "Filter.1.Name", "vpc-id", "Filter.1.Value.1", n.vpc)
		},
		func() error {
			if len(tables.IDs) != 1 {
				return fmt.Errorf("a new VPC has %d route tables", len(tables.IDs))
			}
			n.openTable = tables.IDs[0]
			return d.ec2(ctx, "CreateSecurityGroup", &group, "VpcId", n.vpc, "GroupName", "jobs", "GroupDescription", "job containers")
		},
		func() (err error) { n.group = group.ID; n.open, err = subnet("10.20.1.0/24"); return err },
		func() (err error) { n.closed, err = subnet("10.20.2.0/24"); return err },
		func() error { return d.ec2(ctx, "CreateRouteTable", &table, "VpcId", n.vpc) },
		func() error {
			n.closedTable = table.ID
			return d.ec2(ctx, "AssociateRouteTable", nil, "RouteTableId", n.closedTable, "SubnetId", n.closed)
		},
		func() error {
			return d.ec2(ctx, "CreateVpcEndpoint", &endpoint, "VpcId", n.vpc, "ServiceName", "com.amazonaws."+d.op.Region+".s3", "RouteTableId.1", n.openTable)
		},
	} {
		if err := step(); err != nil {
			return err
		}
	}
	n.endpoint, d.role = endpoint.ID, role.ARN
	if _, err := d.root.Object(ctx, http.MethodPut, d.bucket, "", nil, nil); err != nil {
		return err
	}
	if _, err := d.root.Object(ctx, http.MethodPut, d.bucket, "", url.Values{"encryption": {""}}, fmt.Appendf(nil, sealed, d.key)); err != nil {
		return err
	}
	for name, lines := range d.docs.files {
		if _, err := d.root.Object(ctx, http.MethodPut, d.bucket, "in/"+name, nil, []byte(strings.Join(lines, "\n")+"\n")); err != nil {
			return err
		}
	}
	d.say("network     %s 10.20.0.0/16, security group %s", n.vpc, n.group)
	d.say("            %s 10.20.1.0/24 -> route table %s -> %s (S3 gateway endpoint)", n.open, n.openTable, n.endpoint)
	d.say("            %s 10.20.2.0/24 -> route table %s: no way out", n.closed, n.closedTable)
	d.say("documents   s3://%s/in/, role %s", d.bucket, d.role)
	d.say("            every object is encrypted under %s", d.key)
	return nil
}

type started struct{ JobId, JobArn, JobStatus string }

type described struct {
	DominantLanguageDetectionJobProperties struct {
		JobStatus, Message string
		OutputDataConfig   struct{ S3Uri string }
	}
}

func (d *demo) startJob(ctx context.Context, c *client.Client, subnet string) (*started, error) {
	in := map[string]any{
		"InputDataConfig":   map[string]string{"S3Uri": "s3://" + d.bucket + "/in/", "InputFormat": "ONE_DOC_PER_LINE"},
		"OutputDataConfig":  map[string]string{"S3Uri": "s3://" + d.bucket + "/out/"},
		"DataAccessRoleArn": d.role,
	}
	if subnet != "" {
		in["VpcConfig"] = map[string][]string{"Subnets": {subnet}, "SecurityGroupIds": {d.net.group}}
	}
	var out started
	return &out, c.JSON(ctx, "comprehend", comprehend+"StartDominantLanguageDetectionJob", in, &out)
}

// ended polls until the job has ended; seen is called meanwhile.
func (d *demo) ended(ctx context.Context, id string, seen func()) (status, message, output string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for {
		var out described
		if err := d.root.JSON(ctx, "comprehend", comprehend+"DescribeDominantLanguageDetectionJob", map[string]string{"JobId": id}, &out); err != nil {
			return "", "", "", err
		}
		p := out.DominantLanguageDetectionJobProperties
		switch p.JobStatus {
		case "COMPLETED", "FAILED", "STOPPED":
			return p.JobStatus, p.Message, p.OutputDataConfig.S3Uri, nil
		}
		seen()
		select {
		case <-ctx.Done():
			return "", "", "", fmt.Errorf("the job %s is still %s", id, p.JobStatus)
		case <-time.After(15 * time.Millisecond):
		}
	}
}

type enis struct {
	Items []struct {
		ID     string `xml:"networkInterfaceId"`
		Addr   string `xml:"privateIpAddress"`
		Subnet string `xml:"subnetId"`
		Status string `xml:"status"`
		Text   string `xml:"description"`
	} `xml:"networkInterfaceSet>item"`
}

// job runs the main job and shows its interface while it lives.
func (d *demo) job(ctx context.Context) error {
	d.say("\nthe job     StartDominantLanguageDetectionJob with VpcConfig {%s, %s}", d.net.open, d.net.group)
	began := time.Now()
	j, err := d.startJob(ctx, d.root, d.net.open)
	if err != nil {
		return err
	}
	var eni enis
	status, message, output, err := d.ended(ctx, j.JobId, func() {
		var e enis
		if d.ec2(ctx, "DescribeNetworkInterfaces", &e, "Filter.1.Name", "vpc-id", "Filter.1.Value.1", d.net.vpc) == nil && len(e.Items) > 0 && (len(eni.Items) == 0 || e.Items[0].Status == "in-use") {
			eni = e
		}
	})
	if err != nil {
		return err
	}
	if status != "COMPLETED" {
		return fmt.Errorf("the job is %s: %s", status, message)
	}
	took := time.Since(began)
	for _, e := range eni.Items {
		d.say("  interface   %s %s in %s, %s: %q", e.ID, e.Addr, e.Subnet, e.Status, e.Text)
	}
	if len(eni.Items) == 0 {
		return fmt.Errorf("no interface was seen while the job ran")
	}
	var left enis
	if err := d.ec2(ctx, "DescribeNetworkInterfaces", &left); err != nil {
		return err
	}
	if len(left.Items) > 0 {
		return fmt.Errorf("%d interfaces are left after the job", len(left.Items))
	}
	d.say("  %s in %.2f s; its interface is gone", status, took.Seconds())
	d.say("  result      %s", output)
	rs, err := d.output(ctx, output)
	if err != nil {
		return err
	}
	return d.tally(rs)
}

// explained prints why something ended as it did, and fails unless the explanation names what it must.
func (d *demo) explained(ctx context.Context, subject string, must ...string) error {
	e, err := d.root.Explain(ctx, subject)
	if err != nil {
		return err
	}
	var b strings.Builder
	e.Print(&b, "  | ")
	d.say("  $ cloister explain %s\n%s", subject, strings.TrimRight(b.String(), "\n"))
	for _, m := range must {
		if !strings.Contains(b.String(), m) {
			return fmt.Errorf("the explanation does not name %s", m)
		}
	}
	return nil
}

const analyst = `{"Version":"2012-10-17","Statement":[
 {"Sid":"OnlyInOurNetwork","Effect":"Allow","Action":"comprehend:StartDominantLanguageDetectionJob","Resource":"*","Condition":{"Null":{"comprehend:VpcSubnets":"false"}}},
 {"Sid":"PassDataAccess","Effect":"Allow","Action":"iam:PassRole","Resource":"%s"}]}`

// refused: a start without VpcConfig is refused before anything exists.
func (d *demo) refused(ctx context.Context) error {
	d.say("\n(a) the same start without VpcConfig, by a user whose policy demands comprehend:VpcSubnets")
	var key struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	if err := d.iam(ctx, "CreateUser", nil, "UserName", "analyst"); err != nil {
		return err
	}
	if err := d.iam(ctx, "PutUserPolicy", nil, "UserName", "analyst", "PolicyName", "Analyst", "PolicyDocument", fmt.Sprintf(analyst, d.role)); err != nil {
		return err
	}
	if err := d.iam(ctx, "CreateAccessKey", &key, "UserName", "analyst"); err != nil {
		return err
	}
	c := *d.root
	c.Creds = sigv4.Credentials{AccessKey: key.ID, Secret: key.Secret}
	_, err := d.startJob(ctx, &c, "")
	var e *client.Error
	if !asError(err, &e) || e.Status != 403 || e.Code != "AccessDeniedException" {
		return fmt.Errorf("the start was not refused with 403: %v", err)
	}
	d.say("  %d %s: %s", e.Status, e.Code, e.Message)
	return d.explained(ctx, e.RequestID, "OnlyInOurNetwork", "comprehend:VpcSubnets")
}

const forbid = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},
 {"Sid":"NotTheseDocuments","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::%[1]s","arn:aws:s3:::%[1]s/*"]}]}`

// forbidden: the endpoint's policy forbids the bucket.
func (d *demo) forbidden(ctx context.Context) error {
	d.say("\n(b) the job again, after the policy of %s forbids the bucket", d.net.endpoint)
	if err := d.ec2(ctx, "ModifyVpcEndpoint", nil, "VpcEndpointId", d.net.endpoint, "PolicyDocument", fmt.Sprintf(forbid, d.bucket)); err != nil {
		return err
	}
	if err := d.fails(ctx, d.net.open, "NotTheseDocuments", d.net.endpoint, d.net.openTable); err != nil {
		return err
	}
	return d.ec2(ctx, "ModifyVpcEndpoint", nil, "VpcEndpointId", d.net.endpoint, "ResetPolicy", "true")
}

// unreachable: the subnet has no route to S3.
func (d *demo) unreachable(ctx context.Context) error {
	d.say("\n(c) the job again, in %s, whose route table has no way to S3 (its packets are dropped: this takes some seconds)", d.net.closed)
	return d.fails(ctx, d.net.closed, d.net.closedTable, "no route")
}

// keyless: the key is disabled, and what it encrypts cannot be read by anybody until it is enabled again.
func (d *demo) keyless(ctx context.Context) error {
	d.say("\n(d) the job again, after its key was disabled")
	key := map[string]string{"KeyId": d.key}
	if err := d.kms(ctx, "DisableKey", key, nil); err != nil {
		return err
	}
	if err := d.fails(ctx, d.net.open, d.key, "disabled"); err != nil {
		return err
	}
	if err := d.kms(ctx, "EnableKey", key, nil); err != nil {
		return err
	}
	j, err := d.startJob(ctx, d.root, d.net.open)
	if err != nil {
		return err
	}
	status, message, _, err := d.ended(ctx, j.JobId, func() {})
	if err != nil {
		return err
	}
	d.say("  enabled again: %s %s", status, message)
	if status != "COMPLETED" {
		return fmt.Errorf("the job is %s: %s", status, message)
	}
	return nil
}

func (d *demo) fails(ctx context.Context, subnet string, must ...string) error {
	j, err := d.startJob(ctx, d.root, subnet)
	if err != nil {
		return err
	}
	status, message, _, err := d.ended(ctx, j.JobId, func() {})
	if err != nil {
		return err
	}
	if status != "FAILED" {
		return fmt.Errorf("the job is %s, not FAILED", status)
	}
	d.say("  %s: %s", status, message)
	return d.explained(ctx, j.JobArn, must...)
}

// locked: a hostile program in exactly the analyser's place.
func (d *demo) locked(_ context.Context) error {
	d.say("\n(e) a hostile program in exactly the analyser's place")
	as, err := daemon.Probe(d.data)
	if err != nil {
		return err
	}
	if len(as) < 10 {
		return fmt.Errorf("the probe tried only %d things", len(as))
	}
	for _, a := range as {
		if a.Out {
			return fmt.Errorf("the probe could %s: %s", a.What, a.Met)
		}
		d.say("  could not %-36s %s", a.What, a.Met)
	}
	return nil
}

func asError(err error, e **client.Error) bool {
	return errors.As(err, e)
}
