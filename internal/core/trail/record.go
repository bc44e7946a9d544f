package trail

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"cloister/internal/core/arn"
)

// Version is the format of the records. Source: CloudTrail User Guide, "CloudTrail record contents for management, data, and network
// activity events", eventVersion.
const Version = "1.11"

// record has CloudTrail's members in CloudTrail's order.
type record struct {
	Version      string          `json:"eventVersion"`
	Identity     userIdentity    `json:"userIdentity"`
	Time         string          `json:"eventTime"`
	Source       string          `json:"eventSource"`
	Name         string          `json:"eventName"`
	Region       string          `json:"awsRegion"`
	SourceIP     string          `json:"sourceIPAddress,omitempty"`
	UserAgent    string          `json:"userAgent,omitempty"`
	ErrorCode    string          `json:"errorCode,omitempty"`
	ErrorMessage string          `json:"errorMessage,omitempty"`
	Request      json.RawMessage `json:"requestParameters"`
	Response     json.RawMessage `json:"responseElements"`
	Additional   json.RawMessage `json:"additionalEventData,omitempty"`
	RequestID    string          `json:"requestID,omitempty"`
	ID           string          `json:"eventID"`
	ReadOnly     bool            `json:"readOnly"`
	Resources    []resource      `json:"resources,omitempty"`
	Type         string          `json:"eventType"`
	Management   bool            `json:"managementEvent"`
	Recipient    string          `json:"recipientAccountId,omitempty"`
	SharedID     string          `json:"sharedEventID,omitempty"`
	Endpoint     string          `json:"vpcEndpointId,omitempty"`
	EndpointOf   string          `json:"vpcEndpointAccountId,omitempty"`
	Category     string          `json:"eventCategory"`
	TLS          *TLS            `json:"tlsDetails,omitempty"`
}

type userIdentity struct {
	Type      string   `json:"type"`
	Principal *string  `json:"principalId,omitempty"`
	ARN       string   `json:"arn,omitempty"`
	Account   string   `json:"accountId,omitempty"`
	AccessKey string   `json:"accessKeyId,omitempty"`
	UserName  string   `json:"userName,omitempty"`
	Session   *session `json:"sessionContext,omitempty"`
	InvokedBy string   `json:"invokedBy,omitempty"`
}

type session struct {
	Issuer     *issuer    `json:"sessionIssuer,omitempty"`
	Attributes attributes `json:"attributes"`
	SourceID   string     `json:"sourceIdentity,omitempty"`
}

type issuer struct {
	Type      string `json:"type"`
	Principal string `json:"principalId,omitempty"`
	ARN       string `json:"arn"`
	Account   string `json:"accountId"`
	UserName  string `json:"userName,omitempty"`
}

type attributes struct {
	Created string `json:"creationDate,omitempty"`
	MFA     string `json:"mfaAuthenticated"`
}

type resource struct {
	Account string `json:"accountId,omitempty"`
	Type    string `json:"type,omitempty"`
	ARN     string `json:"ARN"`
}

// Record is the event as CloudTrail writes it, one JSON object without line breaks. What only Cloister knows (the interface, the explanation)
// is not in it. The same event always gives the same bytes.
func Record(e *Event) []byte {
	class := e.Class()
	r := record{Version: Version, Identity: identityOf(e), Time: e.Time.UTC().Format(time.RFC3339), Source: e.Source(), Name: e.Title(), Region: e.Region,
		SourceIP: e.SourceIP, UserAgent: e.UserAgent, ErrorCode: e.ErrorCode, ErrorMessage: e.Error, Request: params(e), Response: orNull(e.Response),
		Additional: e.Additional, RequestID: e.RequestID, ID: e.ID, ReadOnly: e.ReadOnly, Resources: resources(e), Type: e.Type, Management: class != Data,
		Recipient: e.Recipient, SharedID: e.SharedID, Endpoint: e.Endpoint, EndpointOf: e.EndpointOf, Category: class.Category(), TLS: e.TLS}
	if r.Type == "" {
		r.Type = "AwsApiCall"
	}
	if e.ErrorCode != "" {
		r.Response = orNull(nil)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil { // the ledger keeps no event whose raw parts are no JSON
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func orNull(b json.RawMessage) json.RawMessage {
	if len(b) == 0 {
		return json.RawMessage("null")
	}
	return b
}

// identityOf is the userIdentity element. Source: CloudTrail User Guide, "CloudTrail userIdentity element".
func identityOf(e *Event) userIdentity {
	c := &e.Caller
	u := userIdentity{Type: c.Type, ARN: c.ARN, Account: c.Account, AccessKey: c.AccessKey, UserName: c.UserName, InvokedBy: c.InvokedBy}
	if c.Principal != "" {
		u.Principal = &c.Principal
	}
	switch c.Type {
	case "AWSService":
		return userIdentity{Type: c.Type, InvokedBy: c.InvokedBy}
	case "Unknown": // nobody: a request that was not signed (S3 User Guide, "CloudTrail log file entries", anonymous requests)
		return userIdentity{Type: "AWSAccount", Principal: new(string), Account: "ANONYMOUS_PRINCIPAL"}
	}
	if c.IssuedAt == "" && c.Issuer == "" {
		return u
	}
	u.Session = &session{Attributes: attributes{Created: c.IssuedAt, MFA: "false"}, SourceID: c.SourceID}
	if a, err := arn.Parse(c.Issuer); err == nil {
		kind, path := a.Split()
		unique, _, _ := strings.Cut(c.Principal, ":")
		i := &issuer{Type: "Role", Principal: unique, ARN: c.Issuer, Account: a.Account, UserName: path[strings.LastIndexByte(path, '/')+1:]}
		switch {
		case kind == "user":
			i.Type, i.Principal = "IAMUser", ""
		case a.Resource == "root":
			i.Type, i.Principal, i.UserName = "Root", a.Account, ""
		}
		u.Session.Issuer = i
	}
	return u
}

// resources lists what the event touched; an object's bucket stands beside it, as S3 does.
func resources(e *Event) []resource {
	var out []resource
	seen := map[string]bool{}
	add := func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		r := resource{ARN: name, Type: Kind(name)}
		if a, err := arn.Parse(name); err == nil {
			r.Account = a.Account
			if a.Account == "" && r.Type != "AWS::S3::Object" {
				r.Account = e.Owner
			}
		}
		out = append(out, r)
	}
	for _, n := range e.Resources {
		add(n)
		if a, err := arn.Parse(n); err == nil && a.Service == "s3" {
			if b, _, object := strings.Cut(a.Resource, "/"); object {
				a.Resource = b
				add(a.String())
			}
		}
	}
	return out
}

// names are operations that S3 records under another name. Source: S3 User Guide, "Amazon S3 CloudTrail events".
var names = map[string]string{
	"ListObjectsV2": "ListObjects", "PutPublicAccessBlock": "PutBucketPublicAccessBlock", "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
	"DeletePublicAccessBlock": "DeleteBucketPublicAccessBlock", "PutBucketLifecycleConfiguration": "PutBucketLifecycle",
	"GetBucketLifecycleConfiguration": "GetBucketLifecycle", "PutBucketNotificationConfiguration": "PutBucketNotification",
	"GetBucketNotificationConfiguration": "GetBucketNotification",
}

// Title is eventName.
func (e *Event) Title() string {
	if n := names[e.Name]; n != "" && e.Service == "s3" {
		return n
	}
	return e.Name
}

// Operation is the name that an eventName has in the ledger.
func Operation(title string) string {
	for op, t := range names {
		if t == title && op != "ListObjectsV2" {
			return op
		}
	}
	return title
}

// ofS3 are S3's request parameters, which it records by the names of the headers and of the query.
var ofS3 = map[string]string{
	"bucket": "bucketName", "aCL": "x-amz-acl", "serverSideEncryption": "x-amz-server-side-encryption", "sSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
	"sSEKMSEncryptionContext": "x-amz-server-side-encryption-context", "bucketKeyEnabled": "x-amz-server-side-encryption-bucket-key-enabled",
	"storageClass": "x-amz-storage-class", "copySource": "x-amz-copy-source", "maxKeys": "max-keys", "encodingType": "encoding-type", "startAfter": "start-after",
	"continuationToken": "continuation-token", "fetchOwner": "fetch-owner", "tagging": "x-amz-tagging", "ifMatch": "If-Match", "ifNoneMatch": "If-None-Match",
	"range": "Range", "expectedBucketOwner": "x-amz-expected-bucket-owner", "checksumAlgorithm": "x-amz-sdk-checksum-algorithm", "partNumberMarker": "part-number-marker",
	"keyMarker": "key-marker", "versionIdMarker": "version-id-marker", "uploadIdMarker": "upload-id-marker", "maxUploads": "max-uploads", "maxParts": "max-parts",
}

// params are the request's parameters in the spelling of the service. Of S3's an object's metadata is left out.
func params(e *Event) json.RawMessage {
	if e.Service != "s3" || len(e.Request) == 0 {
		return orNull(e.Request)
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(e.Request, &m) != nil || m == nil {
		return orNull(e.Request)
	}
	out := map[string]json.RawMessage{}
	for k, v := range m {
		if k == "metadata" {
			continue
		}
		if n := ofS3[k]; n != "" {
			k = n
		}
		out[k] = v
	}
	if e.Name == "ListObjectsV2" {
		out["list-type"] = json.RawMessage(`"2"`)
	}
	if e.Host != "" {
		out["Host"], _ = json.Marshal(e.Host) // a string
	}
	b, err := json.Marshal(out)
	if err != nil {
		return orNull(nil)
	}
	return b
}
