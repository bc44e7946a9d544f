package wire

import (
	"net/http"

	"cloister/internal/core/fault"
)

// answerTo is a fault in a protocol's words.
type answerTo struct {
	code    string
	status  int
	message string // when the fault brings none
}

// family sorts services by how they speak of faults.
type family int

const (
	jsonFamily family = iota
	restJSONFamily
	queryFamily
	ec2Family
	s3Family
)

func (s *Service) family() family {
	switch s.Protocol {
	case "rest-json":
		return restJSONFamily
	case "query":
		return queryFamily
	case "ec2":
		return ec2Family
	case "rest-xml":
		return s3Family
	}
	return jsonFamily
}

const (
	badKey  = "The security token included in the request is invalid."
	badSig  = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	badS3   = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
	badEC2  = "AWS was not able to validate the provided access credentials"
	expired = "The security token included in the request is expired"
	broken  = "An internal error occurred."
	notDone = "This operation is not implemented."
)

// codeOf is the one mapping from a kind of fault to code, status and default message. Sources: the "Common Errors" page of each
// service's API reference; EC2 "Error codes"; S3 "Error responses"; where those are silent, what AWS is known to answer.
func (s *Service) codeOf(f *fault.Fault) answerTo {
	switch s.family() {
	case ec2Family:
		return ec2Code(f)
	case s3Family:
		return s3Code(f)
	case queryFamily:
		return s.queryCode(f)
	}
	a := s.jsonCode(f)
	if s.family() == restJSONFamily {
		switch f.Kind {
		case fault.AccessDenied, fault.MissingAuth, fault.UnknownKey, fault.BadSignature, fault.BadToken, fault.ExpiredToken, fault.Skewed,
			fault.MalformedAuth, fault.BodyMismatch:
			a.status = http.StatusForbidden
		case fault.Throttled:
			a.status = http.StatusTooManyRequests
		case fault.UnknownAction:
			a.status = http.StatusNotFound
		}
	}
	return a
}

func (s *Service) jsonCode(f *fault.Fault) answerTo {
	switch f.Kind {
	case fault.AccessDenied:
		if s.Name == "comprehend" { // by decision: AWS's own walk-through shows 403, its common errors 400
			return answerTo{"AccessDeniedException", 403, "Access denied."}
		}
		return answerTo{"AccessDeniedException", 400, "Access denied."}
	case fault.MissingAuth:
		return answerTo{"MissingAuthenticationTokenException", 400, "Missing Authentication Token"}
	case fault.UnknownKey, fault.BadToken:
		return answerTo{"UnrecognizedClientException", 400, badKey}
	case fault.BadSignature, fault.Skewed, fault.BodyMismatch:
		return answerTo{"InvalidSignatureException", 400, badSig}
	case fault.ExpiredToken:
		return answerTo{"ExpiredTokenException", 400, expired}
	case fault.MalformedAuth:
		return answerTo{"IncompleteSignatureException", 400, "The request signature does not conform to AWS standards."}
	case fault.TooLarge:
		return answerTo{"RequestEntityTooLargeException", 413, "The request is too large."}
	case fault.Malformed:
		return answerTo{"SerializationException", 400, "The request could not be read."}
	case fault.Invalid, fault.NotHonoured:
		if s.Name == "logs" || s.Name == "tagging" {
			return answerTo{"InvalidParameterException", 400, "The input is not valid."}
		}
		return answerTo{"ValidationException", 400, "The input is not valid."}
	case fault.UnknownAction:
		return answerTo{"UnknownOperationException", 400, "The operation is unknown."}
	case fault.NotImplemented:
		return answerTo{"NotImplementedException", 501, notDone}
	case fault.DryRun:
		return answerTo{"DryRunOperationException", 400, "Request would have succeeded, but DryRun flag is set."}
	case fault.Throttled:
		if s.Name == "comprehend" {
			return answerTo{"TooManyRequestsException", 400, "Rate exceeded"}
		}
		return answerTo{"ThrottlingException", 400, "Rate exceeded"}
	case fault.Unavailable:
		return answerTo{"ServiceUnavailableException", 503, "The service is unavailable. Please try again."}
	}
	switch s.Name {
	case "comprehend", "bedrock", "bedrockruntime":
		return answerTo{"InternalServerException", 500, broken}
	case "kms":
		return answerTo{"KMSInternalException", 500, broken}
	case "tagging":
		return answerTo{"InternalServiceException", 500, broken}
	}
	return answerTo{"InternalFailure", 500, broken}
}

func (s *Service) queryCode(f *fault.Fault) answerTo {
	switch f.Kind {
	case fault.AccessDenied:
		return answerTo{"AccessDenied", 403, "Access denied."}
	case fault.MissingAuth:
		return answerTo{"MissingAuthenticationToken", 403, "Request is missing Authentication Token"}
	case fault.UnknownKey, fault.BadToken:
		return answerTo{"InvalidClientTokenId", 403, badKey}
	case fault.BadSignature, fault.Skewed, fault.BodyMismatch:
		return answerTo{"SignatureDoesNotMatch", 403, badSig}
	case fault.ExpiredToken:
		return answerTo{"ExpiredToken", 403, expired}
	case fault.MalformedAuth:
		return answerTo{"IncompleteSignature", 400, "The request signature does not conform to AWS standards."}
	case fault.TooLarge:
		return answerTo{"RequestEntityTooLarge", 413, "The request is too large."}
	case fault.Malformed:
		return answerTo{"MalformedInput", 400, "The request could not be read."}
	case fault.Invalid, fault.NotHonoured:
		return answerTo{"ValidationError", 400, "The input is not valid."}
	case fault.UnknownAction:
		return answerTo{"InvalidAction", 400, "The action is not valid for this web service."}
	case fault.NotImplemented:
		return answerTo{"NotImplemented", 501, notDone}
	case fault.DryRun:
		return answerTo{"DryRunOperation", 412, "Request would have succeeded, but DryRun flag is set."}
	case fault.Throttled:
		return answerTo{"Throttling", 400, "Rate exceeded"}
	case fault.Unavailable:
		return answerTo{"ServiceUnavailable", 503, "The service is unavailable. Please try again."}
	}
	if s.Name == "iam" {
		return answerTo{"ServiceFailure", 500, broken}
	}
	return answerTo{"InternalFailure", 500, broken}
}

func ec2Code(f *fault.Fault) answerTo {
	switch f.Kind {
	case fault.AccessDenied:
		return answerTo{"UnauthorizedOperation", 403, ""}
	case fault.MissingAuth, fault.UnknownKey, fault.BadToken, fault.BadSignature, fault.MalformedAuth, fault.BodyMismatch:
		return answerTo{"AuthFailure", 401, badEC2}
	case fault.ExpiredToken, fault.Skewed:
		return answerTo{"RequestExpired", 400, "Request has expired."}
	case fault.TooLarge:
		return answerTo{"RequestEntityTooLarge", 413, "The request is too large."}
	case fault.Malformed, fault.Invalid:
		return answerTo{"InvalidParameterValue", 400, "The input is not valid."}
	case fault.NotHonoured:
		return answerTo{"UnsupportedOperation", 400, "The specified request includes an unsupported operation."}
	case fault.UnknownAction:
		return answerTo{"InvalidAction", 400, "The action is not valid for this web service."}
	case fault.NotImplemented:
		return answerTo{"NotImplemented", 501, notDone}
	case fault.DryRun:
		return answerTo{"DryRunOperation", 412, "Request would have succeeded, but DryRun flag is set."}
	case fault.Throttled:
		return answerTo{"RequestLimitExceeded", 503, "Request limit exceeded."}
	case fault.Unavailable:
		return answerTo{"Unavailable", 503, "The service is unavailable. Please try again."}
	}
	return answerTo{"InternalError", 500, "An internal error has occurred"}
}

// s3Code serves S3 and S3 Control. Param tells presigned from header faults and digests from the signed hash.
func s3Code(f *fault.Fault) answerTo {
	switch f.Kind {
	case fault.AccessDenied, fault.MissingAuth:
		return answerTo{"AccessDenied", 403, "Access Denied"}
	case fault.UnknownKey:
		return answerTo{"InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."}
	case fault.BadSignature:
		return answerTo{"SignatureDoesNotMatch", 403, badS3}
	case fault.BadToken:
		return answerTo{"InvalidToken", 400, "The provided token is malformed or otherwise invalid."}
	case fault.ExpiredToken:
		if f.Param != "" { // a presigned URL past its X-Amz-Expires
			return answerTo{"AccessDenied", 403, "Request has expired"}
		}
		return answerTo{"ExpiredToken", 400, "The provided token has expired."}
	case fault.Skewed:
		return answerTo{"RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."}
	case fault.MalformedAuth:
		if f.Param != "" {
			return answerTo{"AuthorizationQueryParametersError", 400, "The query parameters of the signature are malformed."}
		}
		return answerTo{"AuthorizationHeaderMalformed", 400, "The authorization header is malformed."}
	case fault.BodyMismatch:
		if f.Param != "" {
			return answerTo{"BadDigest", 400, "The checksum you specified did not match the calculated checksum."}
		}
		return answerTo{"XAmzContentSHA256Mismatch", 400, "The provided 'x-amz-content-sha256' header does not match what was computed."}
	case fault.TooLarge:
		return answerTo{"MaxMessageLengthExceeded", 400, "Your request was too large."}
	case fault.Malformed:
		return answerTo{"MalformedXML", 400, "The XML you provided was not well-formed or did not validate against our published schema"}
	case fault.Invalid:
		return answerTo{"InvalidArgument", 400, "Invalid Argument"}
	case fault.UnknownAction:
		return answerTo{"MethodNotAllowed", 405, "The specified method is not allowed against this resource."}
	case fault.NotImplemented, fault.NotHonoured:
		return answerTo{"NotImplemented", 501, "A header you provided implies functionality that is not implemented"}
	case fault.DryRun:
		return answerTo{"DryRunOperation", 412, "Request would have succeeded, but DryRun flag is set."}
	case fault.Throttled:
		return answerTo{"SlowDown", 503, "Please reduce your request rate."}
	case fault.Unavailable:
		return answerTo{"ServiceUnavailable", 503, "Service is unable to handle request."}
	}
	return answerTo{"InternalError", 500, "We encountered an internal error. Please try again."}
}

// s3Status is the status of an S3 code that no model has; 400 when it is not listed.
// Source: Amazon S3 API Reference, "Error responses", list of error codes.
func s3Status(code string) int {
	switch code {
	case "NotModified":
		return 304
	case "AccessDenied", "AccountProblem", "AllAccessDisabled", "InvalidAccessKeyId", "InvalidObjectState", "InvalidPayer", "InvalidSecurity",
		"NotSignedUp", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "CrossLocationLoggingProhibitted", "AccessForbidden":
		return 403
	case "NoSuchBucket", "NoSuchBucketPolicy", "NoSuchCORSConfiguration", "NoSuchConfiguration", "NoSuchKey", "NoSuchLifecycleConfiguration",
		"NoSuchObjectLockConfiguration", "NoSuchPublicAccessBlockConfiguration", "NoSuchTagSet", "NoSuchUpload", "NoSuchVersion",
		"NoSuchWebsiteConfiguration", "ObjectLockConfigurationNotFoundError", "OwnershipControlsNotFoundError", "NotFound", "NoSuchResource",
		"ReplicationConfigurationNotFoundError", "ServerSideEncryptionConfigurationNotFoundError", "NoSuchAccessPoint":
		return 404
	case "MethodNotAllowed":
		return 405
	case "BucketAlreadyExists", "BucketAlreadyOwnedByYou", "BucketNotEmpty", "ConditionalRequestConflict", "InvalidBucketState",
		"OperationAborted", "RestoreAlreadyInProgress":
		return 409
	case "MissingContentLength":
		return 411
	case "PreconditionFailed":
		return 412
	case "InvalidRange", "InvalidPartNumber":
		return 416
	case "InternalError":
		return 500
	case "NotImplemented":
		return 501
	case "ServiceUnavailable", "SlowDown", "ReducedRedundancyLostObject", "Busy":
		return 503
	}
	return 400
}
