// Package trail defines the record of a call. One act, one event: the same event answers CloudTrail, explain and audit.
// It never holds secrets: no Authorization header, presigned query, session token, sensitive member or document text.
package trail

import (
	"encoding/hex"
	"encoding/json"
	"time"
)

// Event is one authenticated call, granted or refused, as one account sees it.
type Event struct {
	Seq         int64           `json:"seq,omitempty"` // given by the ledger, monotonic
	ID          string          `json:"eventID"`
	Type        string          `json:"eventType,omitempty"` // empty: AwsApiCall
	SharedID    string          `json:"sharedEventID,omitempty"`
	Time        time.Time       `json:"eventTime"`
	RequestID   string          `json:"requestID"`
	Parent      string          `json:"parentRequestID,omitempty"` // of the call for which a service made this one; not in records
	Service     string          `json:"service"`                   // signing name: ec2, comprehend, s3
	Name        string          `json:"eventName"`
	ReadOnly    bool            `json:"readOnly"`
	Account     string          `json:"account"` // the caller's
	Recipient   string          `json:"recipientAccountId"`
	Region      string          `json:"awsRegion"`
	Caller      Caller          `json:"userIdentity"`
	SourceIP    string          `json:"sourceIPAddress"`
	UserAgent   string          `json:"userAgent,omitempty"`
	Endpoint    string          `json:"vpcEndpointId,omitempty"`
	EndpointOf  string          `json:"vpcEndpointAccountId,omitempty"`
	VPC         string          `json:"vpcId,omitempty"`
	Interface   string          `json:"interfaceId,omitempty"`
	TLS         *TLS            `json:"tlsDetails,omitempty"`
	Host        string          `json:"host,omitempty"` // as the client wrote it
	Request     json.RawMessage `json:"requestParameters,omitempty"`
	Response    json.RawMessage `json:"responseElements,omitempty"`
	Additional  json.RawMessage `json:"additionalEventData,omitempty"`
	Resources   []string        `json:"resources,omitempty"` // ARNs
	Owner       string          `json:"owner,omitempty"`     // account of those whose ARN doesn't say (S3)
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
	IssuedAt   string `json:"creationDate,omitempty"` // of temporary credentials, RFC 3339
	SourceID   string `json:"sourceIdentity,omitempty"`
	InvokedBy  string `json:"invokedBy,omitempty"`
	Unverified bool   `json:"unverified,omitempty"`
}

// TLS is what a connection was protected with.
type TLS struct {
	Version string `json:"tlsVersion,omitempty"`
	Cipher  string `json:"cipherSuite,omitempty"`
	Host    string `json:"clientProvidedHostHeader,omitempty"`
}

// ID makes an event's or request's id of its time and ten random bytes: a UUID of version 7 (RFC 9562). Such ids follow the clock, so that
// an index of them grows at its end and an event is found by the time that its id tells.
func ID(t time.Time, random []byte) string {
	var b [16]byte
	ms := uint64(t.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	copy(b[6:], random)
	b[6], b[8] = b[6]&15|0x70, b[8]&63|128
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// At is the millisecond that an id was made in; false if it is none of ours.
func At(id string) (time.Time, bool) {
	if len(id) != 36 || id[8] != '-' || id[14] != '7' {
		return time.Time{}, false
	}
	b, err := hex.DecodeString(id[:8] + id[9:13])
	if err != nil {
		return time.Time{}, false
	}
	ms := int64(0)
	for _, x := range b {
		ms = ms<<8 | int64(x)
	}
	return time.UnixMilli(ms).UTC(), true
}

// Foreign is the event as the account sees it that owns what another account's caller used: who called is told by account and unique id
// alone, and why it was allowed not at all. Source: CloudTrail User Guide, "CloudTrail userIdentity element", AWSAccount, and IAM User Guide,
// "Logging IAM and AWS STS API calls", the example of AssumeRole across accounts.
func (e *Event) Foreign(id, owner string) *Event {
	o := *e
	o.Seq, o.ID, o.Recipient, o.Explanation = 0, id, owner, nil
	if e.Caller.Type != "AWSService" {
		o.Caller = Caller{Type: "AWSAccount", Principal: e.Caller.Principal, Account: e.Caller.Account, InvokedBy: e.Caller.InvokedBy}
	}
	return &o
}
