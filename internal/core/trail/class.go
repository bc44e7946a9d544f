package trail

import (
	"strings"

	"cloister/internal/core/arn"
)

// Class is what event selectors and LookupEvents tell apart.
type Class int

// The classes. Lookups show management events alone.
const (
	Write Class = iota // management events that change something
	Read               // management events that do not
	Data
)

// data lists the operations whose events are data events. Sources: S3 User Guide, "Amazon S3 CloudTrail events"; CloudTrail User Guide,
// "Logging data events". Everything else is a management event, those of KMS too.
var data = map[string][]string{
	"s3": {"AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "CreateSession", "DeleteObject", "DeleteObjectTagging", "DeleteObjects",
		"GetObject", "GetObjectAcl", "GetObjectAttributes", "GetObjectLegalHold", "GetObjectLockConfiguration", "GetObjectRetention", "GetObjectTagging", "GetObjectTorrent",
		"HeadBucket", "HeadObject", "ListMultipartUploads", "ListObjectVersions", "ListObjects", "ListObjectsV2", "ListParts", "PutObject", "PutObjectAcl",
		"PutObjectLegalHold", "PutObjectRetention", "PutObjectTagging", "RestoreObject", "SelectObjectContent", "UploadPart", "UploadPartCopy", "RenameObject"},
	"logs": {"PutLogEvents", "GetLogEvents", "FilterLogEvents", "GetLogRecord", "GetLogObject", "StartLiveTail"},
}

// IsData reports whether an operation's events are data events.
func IsData(service, name string) bool {
	for _, n := range data[service] {
		if n == name {
			return true
		}
	}
	return false
}

// Class is the event's.
func (e *Event) Class() Class {
	switch {
	case IsData(e.Service, e.Name):
		return Data
	case e.ReadOnly:
		return Read
	}
	return Write
}

// Category is eventCategory in CloudTrail's words.
func (c Class) Category() string {
	if c == Data {
		return "Data"
	}
	return "Management"
}

// Source is eventSource.
func (e *Event) Source() string { return e.Service + ".amazonaws.com" }

// User is what LookupEvents calls Username: the user's name, the session's, or root.
func (e *Event) User() string {
	c := &e.Caller
	switch {
	case c.UserName != "":
		return c.UserName
	case c.Type == "Root":
		return "root"
	}
	if a, err := arn.Parse(c.ARN); err == nil {
		return a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]
	}
	return ""
}

// kinds are resource types by service and by the first word of the ARN's resource. Source: CloudFormation's names, which CloudTrail uses
// ("Supported resource types" of AWS Config).
var kinds = map[string]map[string]string{
	"iam": {"role": "AWS::IAM::Role", "user": "AWS::IAM::User", "group": "AWS::IAM::Group", "policy": "AWS::IAM::Policy", "instance-profile": "AWS::IAM::InstanceProfile"},
	"sts": {"assumed-role": "AWS::STS::AssumedRole", "federated-user": "AWS::STS::FederatedUser"},
	"kms": {"key": "AWS::KMS::Key", "alias": "AWS::KMS::Alias"},
	"ec2": {"vpc": "AWS::EC2::VPC", "subnet": "AWS::EC2::Subnet", "security-group": "AWS::EC2::SecurityGroup", "network-interface": "AWS::EC2::NetworkInterface",
		"route-table": "AWS::EC2::RouteTable", "internet-gateway": "AWS::EC2::InternetGateway", "natgateway": "AWS::EC2::NatGateway", "vpc-endpoint": "AWS::EC2::VPCEndpoint",
		"network-acl": "AWS::EC2::NetworkAcl", "elastic-ip": "AWS::EC2::EIP", "vpc-peering-connection": "AWS::EC2::VPCPeeringConnection", "prefix-list": "AWS::EC2::PrefixList",
		"dhcp-options": "AWS::EC2::DHCPOptions", "vpc-flow-log": "AWS::EC2::FlowLog"},
	"logs":           {"log-group": "AWS::Logs::LogGroup"},
	"cloudtrail":     {"trail": "AWS::CloudTrail::Trail"},
	"cloudformation": {"stack": "AWS::CloudFormation::Stack"},
	"sagemaker":      {"processing-job": "AWS::SageMaker::ProcessingJob"},
	"comprehend":     {"document-classifier": "AWS::Comprehend::DocumentClassifier", "flywheel": "AWS::Comprehend::Flywheel"},
}

// Kind is a resource's type, AWS::S3::Object; empty if it has none that is known.
func Kind(name string) string {
	a, err := arn.Parse(name)
	if err != nil {
		return ""
	}
	if a.Service == "s3" {
		if strings.Contains(a.Resource, "/") {
			return "AWS::S3::Object"
		}
		return "AWS::S3::Bucket"
	}
	kind, _ := a.Split()
	return kinds[a.Service][kind]
}

// Named gives the ARNs that a short name may stand for in an account and region: LookupEvents finds resources by name too. Names behind an
// IAM path are not among them.
func Named(partition, account, region, name string) []string {
	out := []string{arn.Make(partition, "s3", "", "", name)}
	for service, ks := range kinds {
		r := region
		if service == "iam" || service == "sts" {
			r = ""
		}
		for k := range ks {
			sep := "/"
			if service == "logs" {
				sep = ":"
			}
			out = append(out, arn.Make(partition, service, r, account, k+sep+name))
		}
	}
	return out
}
