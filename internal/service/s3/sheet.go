package s3

import (
	"cloister/internal/api"
	sheets "cloister/internal/api/ask"
)

// rest are the rows of what is not built: authorised, and then told so.
func rest(built []api.Operation) []api.Operation {
	out := sheet.Rest(built...)
	for i := range out {
		out[i].Questions = questions(out[i].Name)
	}
	return out
}

// sheet is what the operations that are not built ask. The source of a copy is any object here, and found afterwards. Sources:
// Service Authorization Reference, Amazon S3; S3 User Guide, "Required permissions for Amazon S3 API operations".
var sheet = &sheets.Sheet{
	Service: "s3",
	Keys: map[string]string{
		"s3:x-amz-acl":                                       "ACL",
		"s3:x-amz-grant-full-control":                        "GrantFullControl",
		"s3:x-amz-grant-read":                                "GrantRead",
		"s3:x-amz-grant-read-acp":                            "GrantReadACP",
		"s3:x-amz-grant-write":                               "GrantWrite",
		"s3:x-amz-grant-write-acp":                           "GrantWriteACP",
		"s3:x-amz-metadata-directive":                        "MetadataDirective",
		"s3:x-amz-storage-class":                             "StorageClass",
		"s3:x-amz-server-side-encryption":                    "ServerSideEncryption",
		"s3:x-amz-server-side-encryption-aws-kms-key-id":     "SSEKMSKeyId#",
		"s3:x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
		"s3:x-amz-website-redirect-location":                 "WebsiteRedirectLocation",
		"s3:if-match":                                        "IfMatch",
		"s3:if-none-match":                                   "IfNoneMatch",
		"s3:object-lock-mode":                                "ObjectLockMode|Retention.Mode",
		"s3:object-lock-retain-until-date":                   "ObjectLockRetainUntilDate|Retention.RetainUntilDate",
		"s3:object-lock-legal-hold":                          "ObjectLockLegalHoldStatus|LegalHold.Status",
	},
	Operations: map[string]string{
		"CopyObject":     "PutObject@object=Bucket+Key GetObject@object",
		"UploadPartCopy": "PutObject@object=Bucket+Key GetObject@object",

		"GetObjectAttributes": "object=Bucket+Key",
		"GetObjectAcl":        "object=Bucket+Key",
		"PutObjectAcl":        "object=Bucket+Key",
		"GetObjectTagging":    "object=Bucket+Key",
		"PutObjectTagging":    "object=Bucket+Key",
		"DeleteObjectTagging": "object=Bucket+Key",
		"GetObjectLegalHold":  "object=Bucket+Key",
		"PutObjectLegalHold":  "object=Bucket+Key",
		"GetObjectRetention":  "object=Bucket+Key",
		"PutObjectRetention":  "object=Bucket+Key",

		"ListObjectVersions":                         "bucket=Bucket",
		"GetBucketAccelerateConfiguration":           "bucket=Bucket",
		"PutBucketAccelerateConfiguration":           "bucket=Bucket",
		"GetBucketAcl":                               "bucket=Bucket",
		"PutBucketAcl":                               "bucket=Bucket",
		"GetBucketCors":                              "bucket=Bucket",
		"PutBucketCors":                              "bucket=Bucket",
		"DeleteBucketCors":                           "bucket=Bucket",
		"GetBucketEncryption":                        "bucket=Bucket",
		"PutBucketEncryption":                        "bucket=Bucket",
		"DeleteBucketEncryption":                     "bucket=Bucket",
		"GetBucketLifecycleConfiguration":            "bucket=Bucket",
		"PutBucketLifecycleConfiguration":            "bucket=Bucket",
		"DeleteBucketLifecycle":                      "bucket=Bucket",
		"GetBucketLogging":                           "bucket=Bucket",
		"PutBucketLogging":                           "bucket=Bucket",
		"GetBucketNotificationConfiguration":         "bucket=Bucket",
		"PutBucketNotificationConfiguration":         "bucket=Bucket",
		"GetBucketOwnershipControls":                 "bucket=Bucket",
		"PutBucketOwnershipControls":                 "bucket=Bucket",
		"DeleteBucketOwnershipControls":              "bucket=Bucket",
		"GetBucketPolicyStatus":                      "bucket=Bucket",
		"GetBucketReplication":                       "bucket=Bucket",
		"PutBucketReplication":                       "bucket=Bucket",
		"DeleteBucketReplication":                    "bucket=Bucket",
		"GetBucketRequestPayment":                    "bucket=Bucket",
		"PutBucketRequestPayment":                    "bucket=Bucket",
		"GetBucketVersioning":                        "bucket=Bucket",
		"PutBucketVersioning":                        "bucket=Bucket",
		"GetBucketWebsite":                           "bucket=Bucket",
		"PutBucketWebsite":                           "bucket=Bucket",
		"DeleteBucketWebsite":                        "bucket=Bucket",
		"GetObjectLockConfiguration":                 "bucket=Bucket",
		"PutObjectLockConfiguration":                 "bucket=Bucket",
		"GetPublicAccessBlock":                       "bucket=Bucket",
		"PutPublicAccessBlock":                       "bucket=Bucket",
		"DeletePublicAccessBlock":                    "bucket=Bucket",
		"ListBucketAnalyticsConfigurations":          "bucket=Bucket",
		"ListBucketIntelligentTieringConfigurations": "bucket=Bucket",
		"ListBucketInventoryConfigurations":          "bucket=Bucket",
		"ListBucketMetricsConfigurations":            "bucket=Bucket",
	},
}
