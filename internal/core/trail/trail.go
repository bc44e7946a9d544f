// Package trail defines the record of a call. One act, one event: the same event answers CloudTrail, explain and audit.
// It never holds secrets: no Authorization header, presigned query, session token, sensitive member or document text.
package trail

import (
	"encoding/json"
	"time"
)

// Event is one authenticated call, granted or refused.
type Event struct {
	Seq         int64           `json:"seq,omitempty"` // given by the ledger, monotonic
	ID          string          `json:"eventID"`
	Time        time.Time       `json:"eventTime"`
	RequestID   string          `json:"requestID"`
	Service     string          `json:"service"` // signing name: ec2, comprehend, s3
	Name        string          `json:"eventName"`
	ReadOnly    bool            `json:"readOnly"`
	Account     string          `json:"account"` // the caller's
	Recipient   string          `json:"recipientAccountId"`
	Region      string          `json:"awsRegion"`
	Caller      Caller          `json:"userIdentity"`
	SourceIP    string          `json:"sourceIPAddress"`
	UserAgent   string          `json:"userAgent,omitempty"`
	Endpoint    string          `json:"vpcEndpointId,omitempty"`
	VPC         string          `json:"vpcId,omitempty"`
	Interface   string          `json:"interfaceId,omitempty"`
	Request     json.RawMessage `json:"requestParameters,omitempty"`
	Response    json.RawMessage `json:"responseElements,omitempty"`
	Resources   []string        `json:"resources,omitempty"` // ARNs
	ErrorCode   string          `json:"errorCode,omitempty"`
	Error       string          `json:"errorMessage,omitempty"`
	Explanation json.RawMessage `json:"explanation,omitempty"` // policy reasons, kept for explain
}

// Caller is the identity part of an event.
type Caller struct {
	Type       string `json:"type"`
	ARN        string `json:"arn,omitempty"`
	Principal  string `json:"principalId,omitempty"`
	Account    string `json:"accountId,omitempty"`
	AccessKey  string `json:"accessKeyId,omitempty"`
	UserName   string `json:"userName,omitempty"`
	Issuer     string `json:"sessionIssuer,omitempty"`
	InvokedBy  string `json:"invokedBy,omitempty"`
	Unverified bool   `json:"unverified,omitempty"`
}
