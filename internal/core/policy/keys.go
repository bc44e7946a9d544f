package policy

import "strings"

// Names of the global condition keys that the gate fills in. Source: IAM User Guide, "AWS global condition context keys".
// SourceIp and the three VPC keys exclude each other: a call comes from outside or through an endpoint.
const (
	KeyCalledVia                 = "aws:CalledVia"
	KeyCalledViaFirst            = "aws:CalledViaFirst"
	KeyCalledViaLast             = "aws:CalledViaLast"
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
		"cloudformation:resourcetypes", "cloudformation:targetregion",
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

// slot is a number of its own that a frequent key has, so that a context finds it without searching. Zero: none.
type slot uint8

// frequent lists the keys with a slot. Which are in it changes the speed alone.
var frequent = [...]string{
	1: "aws:calledvia", "aws:currenttime", "aws:epochtime", "aws:multifactorauthpresent", "aws:principalaccount", "aws:principalarn",
	"aws:principalisawsservice", "aws:principalservicename", "aws:principaltype", "aws:requestedregion", "aws:resourceaccount",
	"aws:securetransport", "aws:sourceaccount", "aws:sourcearn", "aws:sourceidentity", "aws:sourceip", "aws:sourcevpc", "aws:sourcevpce",
	"aws:tagkeys", "aws:tokenissuetime", "aws:useragent", "aws:userid", "aws:username", "aws:viaawsservice", "aws:vpcsourceip",
	"iam:passedtoservice", "kms:viaservice", "s3:prefix",
	"comprehend:volumekmskey", "comprehend:outputkmskey", "comprehend:modelkmskey", "comprehend:vpcsubnets", "comprehend:vpcsecuritygroupids",
	"sagemaker:vpcsubnets", "sagemaker:vpcsecuritygroupids",
}

var slotOf = func() map[string]slot {
	m := make(map[string]slot, len(frequent))
	for i, k := range frequent[1:] {
		m[k] = slot(i + 1)
	}
	return m
}()

// keyName is a condition key, made ready for the search in a context.
type keyName struct {
	lower string
	hash  uint64
	slot  slot
}

func nameKey(s string) keyName {
	var buf [64]byte
	b := buf[:0]
	for i := 0; i < len(s) && i < len(buf); i++ {
		b = append(b, lowerByte(s[i]))
	}
	if n, ok := slotOf[string(b)]; ok && len(b) == len(s) { // the map's own string saves a copy
		return keyName{frequent[n], 0, n}
	}
	lower := strings.ToLower(s)
	return keyName{lower, hashLower(lower), slotOf[lower]}
}
