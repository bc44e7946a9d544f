package wire

import (
	"net/url"
	"sort"
	"strings"
)

// s3Root is the root element of an S3 answer whose members are the body; the models do not say it.
// Source: Amazon S3 API Reference, response syntax of each operation.
func s3Root(operation string) string {
	switch operation {
	case "ListBuckets":
		return "ListAllMyBucketsResult"
	case "ListObjects", "ListObjectsV2":
		return "ListBucketResult"
	case "ListObjectVersions":
		return "ListVersionsResult"
	case "ListMultipartUploads":
		return "ListMultipartUploadsResult"
	case "ListParts":
		return "ListPartsResult"
	case "CreateMultipartUpload":
		return "InitiateMultipartUploadResult"
	case "CompleteMultipartUpload":
		return "CompleteMultipartUploadResult"
	case "DeleteObjects":
		return "DeleteResult"
	case "GetBucketAcl", "GetObjectAcl":
		return "AccessControlPolicy"
	case "GetBucketCors":
		return "CORSConfiguration"
	case "GetBucketLifecycleConfiguration":
		return "LifecycleConfiguration"
	case "GetBucketLogging":
		return "BucketLoggingStatus"
	case "GetBucketNotificationConfiguration":
		return "NotificationConfiguration"
	case "GetBucketRequestPayment":
		return "RequestPaymentConfiguration"
	case "GetBucketTagging", "GetObjectTagging":
		return "Tagging"
	case "GetBucketVersioning":
		return "VersioningConfiguration"
	case "GetBucketWebsite":
		return "WebsiteConfiguration"
	case "GetBucketAccelerateConfiguration":
		return "AccelerateConfiguration"
	case "GetBucketLocation":
		return "LocationConstraint" // unwrapped: the text is the root's own
	case "GetObjectAttributes":
		return "GetObjectAttributesResponse"
	case "ListBucketAnalyticsConfigurations":
		return "ListBucketAnalyticsConfigurationsResult"
	case "ListBucketIntelligentTieringConfigurations":
		return "ListBucketIntelligentTieringConfigurationsResult"
	case "ListBucketInventoryConfigurations":
		return "ListInventoryConfigurationsResult"
	case "ListBucketMetricsConfigurations":
		return "ListMetricsConfigurationsResult"
	}
	return operation + "Result"
}

// s3PayloadRoot is the root element of payload members that the model names differently.
func s3PayloadRoot(shape string) string {
	switch shape {
	case "ObjectLockLegalHold":
		return "LegalHold"
	case "ObjectLockRetention":
		return "Retention"
	}
	return shape
}

// subresources are query keys that change what an S3 request means. One that the operation found does not know must not be
// ignored: PUT /b/k?renameObject is no PutObject. Source: Amazon S3 API Reference, request syntax of all operations.
func subresource(key string) bool {
	switch key {
	case "abac", "accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption", "intelligent-tiering", "inventory",
		"legal-hold", "lifecycle", "list-type", "location", "logging", "metadataConfiguration", "metadataInventoryTable",
		"metadataJournalTable", "metadataTable", "metrics", "notification", "object-lock", "ownershipControls", "partNumber",
		"policy", "policyStatus", "publicAccessBlock", "renameObject", "replication", "requestPayment", "restore", "retention",
		"select", "session", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website":
		return true
	}
	return false
}

// strayResource gives the first sub-resource of q that the operation does not know.
func (o *Operation) strayResource(q url.Values) string {
	var stray []string
	for k := range q {
		one := k == "id" && strings.HasSuffix(o.Name, "Configurations") // one configuration is another operation than their list
		if (one || subresource(k)) && !o.route.query.Has(k) && !o.takesQuery(k) {
			stray = append(stray, k)
		}
	}
	sort.Strings(stray)
	if len(stray) == 0 {
		return ""
	}
	return stray[0]
}

func (o *Operation) takesQuery(k string) bool {
	if o.op.Input == nil {
		return false
	}
	for _, f := range o.op.Input.Shape.Members {
		if f.Location == "querystring" && f.Wire() == k {
			return true
		}
	}
	return false
}
