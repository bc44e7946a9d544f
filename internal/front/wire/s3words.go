package wire

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"cloister/internal/core/checksum"
	"cloister/internal/core/fault"
	"cloister/internal/shape/model"
)

// s3Words is S3's own answer to a header or parameter that holds none of its values; nil where it has none of its own that is known.
// Sources: S3 API Reference, "Error responses"; the sentences are what S3 is known to answer.
func s3Words(v *violation) *fault.Fault {
	value := strings.Trim(v.value, "'")
	argument := func(format string, args ...any) *fault.Fault {
		return fault.New("InvalidArgument", format, args...).Field("ArgumentName", v.top.Wire()).Field("ArgumentValue", value)
	}
	if v.missing && v.top.Name != "ObjectAttributes" {
		return nil
	}
	switch v.top.Name {
	case "StorageClass":
		return fault.New("InvalidStorageClass", "The storage class you specified is not valid")
	case "ChecksumAlgorithm":
		if v.top.Wire() == "x-amz-sdk-checksum-algorithm" {
			return fault.New("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
		}
		return fault.New("InvalidRequest", "%s", checksum.Sentence())
	case "ChecksumType":
		return fault.New("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
	case "MetadataDirective":
		return argument("Unknown metadata directive.")
	case "TaggingDirective":
		return argument("Unknown tagging directive.")
	case "ObjectLockMode":
		return argument("Unknown wormMode directive.")
	case "ObjectLockLegalHoldStatus":
		return argument("Legal Hold must be either of 'ON' or 'OFF'")
	case "ObjectOwnership":
		return argument("Invalid x-amz-object-ownership header: %s", value)
	case "MaxBuckets":
		return argument("Argument max-buckets must be an integer between 1 and 10000.")
	case "ObjectAttributes":
		if v.missing {
			return fault.New("InvalidRequest", "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
		}
		return argument("Invalid attribute name specified.")
	}
	return nil
}

// trailing reads what the headers say of aws-chunked frames: operations on objects' bytes alone take them, and a checksum that comes behind
// the body is the object's, whether or not the SDK's own header names it too. Source: S3 API Reference, PutObject and UploadPart,
// x-amz-sdk-checksum-algorithm; "Signature Calculations ...: Including Trailing Headers".
func (o *Operation) trailing(h http.Header, out tree) *fault.Fault {
	if !strings.HasPrefix(h.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return nil
	}
	if o.Name != "PutObject" && o.Name != "UploadPart" {
		return fault.New("InvalidRequest", "The value of x-amz-content-sha256 header is invalid.").With(400)
	}
	name := strings.ToLower(strings.TrimSpace(h.Get("X-Amz-Trailer")))
	if checksum.New(name) == nil || !strings.HasPrefix(name, "x-amz-checksum-") {
		return nil
	}
	algorithm := strings.ToUpper(strings.TrimPrefix(name, "x-amz-checksum-"))
	if said, ok := out["ChecksumAlgorithm"]; ok && said != algorithm {
		return fault.New("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.").With(400)
	}
	out["ChecksumAlgorithm"] = algorithm
	return nil
}

// unreadable is for an argument that is not of its member's type.
func unreadable(m *model.Ref, req *http.Request, q url.Values) *fault.Fault {
	value := q.Get(m.Wire())
	if m.Location == "header" {
		value = req.Header.Get(m.Wire())
	}
	f := fault.New("InvalidArgument", "Provided %s not an integer or within integer range", m.Wire())
	switch m.Shape.Type {
	case "timestamp":
		f.Message = "Invalid value for " + m.Wire()
		if m.Name == "ObjectLockRetainUntilDate" {
			f.Message = "The retain until date must be provided in ISO 8601 format"
		}
	case "boolean":
		f.Message = "Invalid value for " + m.Wire()
	}
	return f.With(400).Field("ArgumentName", m.Wire()).Field("ArgumentValue", printable(value))
}

// meaningless refuses requests that no operation of S3 is, in S3's own words. path names bucket and key, whatever the host.
func meaningless(req *http.Request, path string, q url.Values) *fault.Fault {
	_, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	source := req.Header.Get("X-Amz-Copy-Source")
	invalid := func(sentence string) *fault.Fault { return fault.New("InvalidRequest", "%s", sentence).With(400) }
	argument := func(name, value, sentence string) *fault.Fault {
		return fault.New("InvalidArgument", "%s", sentence).With(400).Field("ArgumentName", name).Field("ArgumentValue", printable(value))
	}
	switch {
	case source != "" && req.Method != http.MethodPut && (req.Method != http.MethodPost || q.Has("uploadId")):
		return argument("x-amz-copy-source", source, "You can only specify a copy source header for copy requests.")
	case req.Method == http.MethodGet && key != "" && q.Has("uploads"):
		return invalid("Key is not expected for the GET method ?uploads subresource")
	case req.Method == http.MethodGet && key != "" && q.Has("versions"):
		return invalid("There is no such thing as the ?versions sub-resource for a key")
	case req.Method == http.MethodPut && key != "" && q.Has("partNumber") && !q.Has("uploadId"):
		return argument("partNumber", "partNumber", "This operation does not accept partNumber without uploadId")
	case req.Method == http.MethodPut && key != "" && q.Has("uploadId") && !q.Has("partNumber"):
		return notAllowed(req.Method, path).Field("ResourceType", "UPLOAD")
	case req.Method == http.MethodPost && key != "" && len(q) == 0:
		return notAllowed(req.Method, path)
	case req.Method == http.MethodPut && key != "" && q.Has("partNumber"):
		if n, err := strconv.Atoi(q.Get("partNumber")); err == nil && (n < 1 || n > 10000) {
			return argument("partNumber", q.Get("partNumber"), "Part number must be an integer between 1 and 10000, inclusive")
		}
	}
	return nil
}

// maxHeader is how much the headers of a PUT may say. Source: S3 User Guide, "Working with object metadata".
const maxHeader = 8 << 10

// largeHeader refuses a PUT whose headers say too much.
func largeHeader(req *http.Request) *fault.Fault {
	n := 0
	for k, vs := range req.Header {
		for _, v := range vs {
			n += len(k) + len(v)
		}
	}
	if req.Method != http.MethodPut || n <= maxHeader {
		return nil
	}
	return fault.New("RequestHeaderSectionTooLarge", "Your request header section exceeds the maximum allowed size.").With(400).
		Field("MaxSizeAllowed", strconv.Itoa(maxHeader))
}

// Anonymous is what the operation says to who signs nothing, where it never takes such requests; empty where S3 has no sentence of its own.
func (o *Operation) Anonymous() string {
	if o.Service.Name != "s3" {
		return ""
	}
	switch o.Name {
	case "CreateBucket", "PutBucketAcl", "PutObjectAcl", "SelectObjectContent":
		return "Anonymous users cannot invoke this API. Please authenticate."
	case "CreateMultipartUpload":
		return "Anonymous users cannot initiate multipart uploads. Please authenticate."
	case "CopyObject":
		return "Anonymous users cannot copy objects. Please authenticate."
	case "PutBucketOwnershipControls", "DeleteBucketOwnershipControls":
		return "s3:PutBucketOwnershipControls does not support Anonymous requests!"
	case "GetBucketOwnershipControls":
		return "s3:GetBucketOwnershipControls does not support Anonymous requests!"
	}
	return ""
}

// notAllowed is for a method that a resource of S3 does not have.
func notAllowed(method, path string) *fault.Fault {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	kind := "OBJECT"
	switch {
	case bucket == "":
		kind = "SERVICE"
	case key == "":
		kind = "BUCKET"
	}
	return fault.Of(fault.UnknownAction, "The specified method is not allowed against this resource.").Field("Method", printable(method)).Field("ResourceType", kind)
}

// folded brings the names of checksums, which S3 takes in any case, to the model's.
func folded(m *model.Ref, v any) any {
	if s, ok := v.(string); ok && (m.Name == "ChecksumAlgorithm" || m.Name == "ChecksumType") {
		return strings.ToUpper(s)
	}
	return v
}
