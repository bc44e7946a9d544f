package policy

import "strings"

// Names of the global condition keys that the gate fills in. Source: IAM User Guide, "AWS global condition context keys".
// SourceIp and the three VPC keys exclude each other: a call comes from outside or through an endpoint.
const (
	KeyCalledVia                 = "aws:CalledVia"
	KeyCurrentTime               = "aws:CurrentTime" // ISO 8601, UTC
	KeyEpochTime                 = "aws:EpochTime"   // seconds
	KeyMultiFactorAuthPresent    = "aws:MultiFactorAuthPresent"
	KeyPrincipalAccount          = "aws:PrincipalAccount"
	KeyPrincipalArn              = "aws:PrincipalArn" // the role's ARN, not the session's
	KeyPrincipalIsAWSService     = "aws:PrincipalIsAWSService"
	KeyPrincipalServiceName      = "aws:PrincipalServiceName"
	KeyPrincipalServiceNamesList = "aws:PrincipalServiceNamesList"
	KeyPrincipalTag              = "aws:PrincipalTag/" // + tag key
	KeyPrincipalType             = "aws:PrincipalType" // Account, User, FederatedUser, AssumedRole, Anonymous
	KeyReferer                   = "aws:referer"
	KeyRequestTag                = "aws:RequestTag/" // + tag key
	KeyRequestedRegion           = "aws:RequestedRegion"
	KeyResourceAccount           = "aws:ResourceAccount"
	KeyResourceTag               = "aws:ResourceTag/" // + tag key
	KeySecureTransport           = "aws:SecureTransport"
	KeySourceAccount             = "aws:SourceAccount"
	KeySourceArn                 = "aws:SourceArn"
	KeySourceIdentity            = "aws:SourceIdentity"
	KeySourceIP                  = "aws:SourceIp"
	KeySourceVpc                 = "aws:SourceVpc"
	KeySourceVpce                = "aws:SourceVpce"
	KeyTagKeys                   = "aws:TagKeys"
	KeyTokenIssueTime            = "aws:TokenIssueTime"
	KeyUserAgent                 = "aws:UserAgent"
	KeyUserid                    = "aws:userid"
	KeyUsername                  = "aws:username"
	KeyViaAWSService             = "aws:ViaAWSService"
	KeyVpcSourceIP               = "aws:VpcSourceIp"
	KeyVpceAccount               = "aws:VpceAccount"
	KeyPassedToService           = "iam:PassedToService"
	KeyAssociatedResourceArn     = "iam:AssociatedResourceArn"
	KeyEncryptionContext         = "kms:EncryptionContext:" // + context key
)

// Multivalued reports whether a condition key holds a set of values by its nature (ArrayOf... in the Service
// Authorization Reference). Such a key needs ForAllValues or ForAnyValue. Case does not matter.
func Multivalued(key string) bool { return multivalued(strings.ToLower(key)) }

func multivalued(lower string) bool {
	switch lower {
	case "aws:tagkeys", "aws:calledvia", "aws:principalorgpaths", "aws:resourceorgpaths", "aws:sourceorgpaths", "aws:vpceorgpaths",
		"aws:principalservicenameslist",
		"comprehend:vpcsubnets", "comprehend:vpcsecuritygroupids",
		"sagemaker:vpcsubnets", "sagemaker:vpcsecuritygroupids", "sagemaker:instancetypes",
		"ec2:vpceprivatednsspecifieddomains",
		"s3:requestobjecttagkeys", "s3:inventoryaccessibleoptionalfields",
		"kms:encryptioncontextkeys", "kms:grantoperations", "kms:resourcealiases",
		"sts:transitivetagkeys", "sts:identitytokenaudience", "sts:requestcontextproviders",
		"iam:accountpropertynamespaces", "logs:loggeneratingresourcearns":
		return true
	}
	return false
}

// tagKey reports whether the key names a tag: two tags whose keys differ in case alone share one condition key.
func tagKey(lower string) bool {
	i := strings.IndexByte(lower, '/')
	return i > 3 && strings.HasSuffix(lower[:i], "tag")
}
