package action

import "strings"

// Need is an action that an operation's caller must be allowed.
type Need struct {
	Action string
	When   string            // empty: always; else the circumstance: "tags are given"
	Keys   map[string]string // condition keys with the values they have then
}

// ForOperation gives what an operation asks for, its own action first. Services go by their names in Cloister's shapes
// ("s3control", "tagging", "bedrockruntime"). The result is false when no source says.
func ForOperation(service, operation string) ([]Need, bool) {
	prefix := service
	switch service {
	case "s3control":
		prefix = "s3"
	case "tagging":
		prefix = "tag"
	case "bedrockruntime":
		prefix = "bedrock"
	}
	if list, ok := exceptions[service+":"+operation]; ok {
		var out []Need
		for name := range strings.SplitSeq(list, " ") {
			out = append(out, Need{Action: prefix + ":" + name})
		}
		return out, true
	}
	if n := table().needs[prefix+":"+operation]; n != nil {
		return append([]Need(nil), n...), true
	}
	if also := further[prefix+":"+operation]; also != nil {
		out := []Need{{Action: prefix + ":" + operation}}
		for _, n := range also {
			out = append(out, needOf(n))
		}
		return out, true
	}
	// S3 has the names of some actions in common with operations that mean another; those stand among the exceptions.
	if a, ok := Lookup(prefix + ":" + operation); ok && a.Name == prefix+":"+operation {
		return []Need{{Action: a.Name}}, true
	}
	return nil, false
}

func needOf(s string) Need {
	f := strings.Split(s, "|")
	n := Need{Action: f[0]}
	if len(f) > 1 {
		n.When = f[1]
	}
	for _, kv := range f[min(2, len(f)):] {
		k, v, _ := strings.Cut(kv, "=")
		if n.Keys == nil {
			n.Keys = map[string]string{}
		}
		n.Keys[k] = v
	}
	return n
}

// exceptions are the operations whose action has another name, without prefix. Sources: S3 User Guide, "Required
// permissions for Amazon S3 API operations"; KMS Developer Guide, "Permissions reference"; Bedrock API Reference,
// Converse and ConverseStream. Actions that depend on headers (s3:PutObjectTagging, s3:GetObjectVersion) are the caller's.
var exceptions = map[string]string{
	"s3:ListBuckets":          "ListAllMyBuckets",
	"s3:HeadBucket":           "ListBucket",
	"s3:ListObjects":          "ListBucket",
	"s3:ListObjectsV2":        "ListBucket",
	"s3:ListObjectVersions":   "ListBucketVersions",
	"s3:ListMultipartUploads": "ListBucketMultipartUploads",
	"s3:ListParts":            "ListMultipartUploadParts",

	"s3:HeadObject":              "GetObject",
	"s3:GetObjectAttributes":     "GetObjectAttributes GetObject",
	"s3:SelectObjectContent":     "GetObject",
	"s3:CopyObject":              "PutObject GetObject",
	"s3:CreateMultipartUpload":   "PutObject",
	"s3:UploadPart":              "PutObject",
	"s3:UploadPartCopy":          "PutObject GetObject",
	"s3:CompleteMultipartUpload": "PutObject",
	"s3:DeleteObjects":           "DeleteObject",

	"s3:GetBucketCors":                              "GetBucketCORS",
	"s3:PutBucketCors":                              "PutBucketCORS",
	"s3:DeleteBucketCors":                           "PutBucketCORS",
	"s3:GetBucketEncryption":                        "GetEncryptionConfiguration",
	"s3:PutBucketEncryption":                        "PutEncryptionConfiguration",
	"s3:DeleteBucketEncryption":                     "PutEncryptionConfiguration",
	"s3:GetBucketLifecycleConfiguration":            "GetLifecycleConfiguration",
	"s3:PutBucketLifecycleConfiguration":            "PutLifecycleConfiguration",
	"s3:DeleteBucketLifecycle":                      "PutLifecycleConfiguration",
	"s3:GetBucketReplication":                       "GetReplicationConfiguration",
	"s3:PutBucketReplication":                       "PutReplicationConfiguration",
	"s3:DeleteBucketReplication":                    "PutReplicationConfiguration",
	"s3:GetBucketNotificationConfiguration":         "GetBucketNotification",
	"s3:PutBucketNotificationConfiguration":         "PutBucketNotification",
	"s3:GetBucketAccelerateConfiguration":           "GetAccelerateConfiguration",
	"s3:PutBucketAccelerateConfiguration":           "PutAccelerateConfiguration",
	"s3:GetObjectLockConfiguration":                 "GetBucketObjectLockConfiguration",
	"s3:PutObjectLockConfiguration":                 "PutBucketObjectLockConfiguration",
	"s3:DeleteBucketTagging":                        "PutBucketTagging",
	"s3:DeleteBucketOwnershipControls":              "PutBucketOwnershipControls",
	"s3:GetPublicAccessBlock":                       "GetBucketPublicAccessBlock",
	"s3:PutPublicAccessBlock":                       "PutBucketPublicAccessBlock",
	"s3:DeletePublicAccessBlock":                    "PutBucketPublicAccessBlock",
	"s3:ListBucketAnalyticsConfigurations":          "GetAnalyticsConfiguration",
	"s3:ListBucketInventoryConfigurations":          "GetInventoryConfiguration",
	"s3:ListBucketMetricsConfigurations":            "GetMetricsConfiguration",
	"s3:ListBucketIntelligentTieringConfigurations": "GetIntelligentTieringConfiguration",

	"s3control:GetPublicAccessBlock":    "GetAccountPublicAccessBlock",
	"s3control:PutPublicAccessBlock":    "PutAccountPublicAccessBlock",
	"s3control:DeletePublicAccessBlock": "PutAccountPublicAccessBlock",

	"kms:ReEncrypt": "ReEncryptFrom ReEncryptTo",

	"bedrockruntime:Converse":       "InvokeModel",
	"bedrockruntime:ConverseStream": "InvokeModelWithResponseStream",
}

// further is what operations ask for besides the action of their name, where the trimmed reference has no entry. Sources: API
// references of the operations and the pages "Passing a role" of their services; CloudFormation User Guide, "Control access based
// on resource-mutating API actions".
var further = map[string][]string{
	"sagemaker:CreateTrainingJob":      {"sagemaker:AddTags|tags are given", passRole + "sagemaker.amazonaws.com"},
	"bedrock:CreateCustomModel":        {"bedrock:TagResource|tags are given", passRole + "bedrock.amazonaws.com"},
	"bedrock:CreateModelCopyJob":       {"bedrock:TagResource|tags are given"},
	"bedrock:CreateModelImportJob":     {"bedrock:TagResource|tags are given", passRole + "bedrock.amazonaws.com"},
	"bedrock:CreateModelInvocationJob": {"bedrock:TagResource|tags are given", passRole + "bedrock.amazonaws.com"},

	"bedrock:CreateCustomModelDeployment":            {"bedrock:TagResource|tags are given"},
	"bedrock:CreateProvisionedModelThroughput":       {"bedrock:TagResource|tags are given"},
	"bedrock:PutModelInvocationLoggingConfiguration": {passRole + "bedrock.amazonaws.com"},

	"kms:CreateKey":                   {"kms:TagResource|tags are given"},
	"kms:ReplicateKey":                {"kms:CreateKey", "kms:TagResource|tags are given"},
	"cloudtrail:CreateEventDataStore": {"cloudtrail:AddTags|tags are given"},
	"cloudtrail:CreateTrail":          {"cloudtrail:AddTags|tags are given", passRole + "cloudtrail.amazonaws.com"},
	"cloudtrail:UpdateTrail":          {passRole + "cloudtrail.amazonaws.com"},
	"logs:CreateLogGroup":             {"logs:TagResource|tags are given"},
	"logs:PutSubscriptionFilter":      {passRole + "logs.amazonaws.com"},

	"cloudformation:ContinueUpdateRollback": {passRole + "cloudformation.amazonaws.com"},
	"cloudformation:CreateChangeSet":        {"cloudformation:TagResource|tags are given|cloudformation:CreateAction=CreateChangeSet", passRole + "cloudformation.amazonaws.com"},
	"cloudformation:CreateStack":            {"cloudformation:TagResource|tags are given|cloudformation:CreateAction=CreateStack", passRole + "cloudformation.amazonaws.com"},
	"cloudformation:DeleteStack":            {passRole + "cloudformation.amazonaws.com"},
	"cloudformation:RollbackStack":          {passRole + "cloudformation.amazonaws.com"},
	"cloudformation:UpdateStack":            {"cloudformation:TagResource|tags are given|cloudformation:CreateAction=UpdateStack", passRole + "cloudformation.amazonaws.com"},

	"ec2:AllocateAddress":                       {createTags + "AllocateAddress"},
	"ec2:CreateDhcpOptions":                     {createTags + "CreateDhcpOptions"},
	"ec2:CreateEgressOnlyInternetGateway":       {createTags + "CreateEgressOnlyInternetGateway"},
	"ec2:CreateFlowLogs":                        {createTags + "CreateFlowLogs", passRole + "vpc-flow-logs.amazonaws.com"},
	"ec2:CreateInternetGateway":                 {createTags + "CreateInternetGateway"},
	"ec2:CreateManagedPrefixList":               {createTags + "CreateManagedPrefixList"},
	"ec2:CreateNatGateway":                      {createTags + "CreateNatGateway"},
	"ec2:CreateNetworkAcl":                      {createTags + "CreateNetworkAcl"},
	"ec2:CreateVpcEndpointServiceConfiguration": {createTags + "CreateVpcEndpointServiceConfiguration"},
	"ec2:CreateVpcPeeringConnection":            {createTags + "CreateVpcPeeringConnection"},
}

const (
	passRole   = "iam:PassRole|a role ARN is given|iam:PassedToService="
	createTags = "ec2:CreateTags|tags are given|ec2:CreateAction=" // EC2 User Guide, "Grant permission to tag resources during creation"
)

// names are actions that the trimmed reference lacks, by service.
var names = map[string]string{
	"sagemaker": "CreateTrainingJob DescribeTrainingJob ListTrainingJobs StopTrainingJob",
}

// addition is what the reference lacks and another source has.
type addition struct {
	service string
	action  string         // added by name when the table lacks it
	types   []ResourceType // added to the action
	open    bool           // the action has more keys than the reference lists
}

// extra: the ARN that real refusals of CreateModelCustomizationJob name though the reference does not list it. Tags, source
// identity and context of a session are asked for within AssumeRole and its like, with the keys of that request (IAM User
// Guide, "Passing session tags").
var extra = []addition{
	{service: "sts", action: "TagSession", open: true},
	{service: "sts", action: "SetSourceIdentity", open: true},
	{service: "sts", action: "SetContext", open: true},
	{service: "bedrock", action: "CreateModelCustomizationJob",
		types: []ResourceType{{Name: "model-customization-job", ARN: "arn:${Partition}:bedrock:${Region}:${Account}:model-customization-job/${ResourceId}"}}},
}

func (x addition) apply(s *service) {
	i, ok := s.index[strings.ToLower(x.action)]
	if !ok {
		s.put(Action{Name: x.service + ":" + x.action})
		return
	}
	a := &s.actions[i]
	a.Complete = a.Complete && !x.open
	for _, t := range x.types {
		t.Keys = join(nil, a.Keys)
		a.Resources = append(a.Resources[:len(a.Resources):len(a.Resources)], t)
	}
}
