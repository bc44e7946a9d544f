package vpc

import "time"

// FlowLog asks for records of the traffic of one VPC, one subnet or one interface. It does not change once it is made.
type FlowLog struct {
	ID, Account, Region string
	Resource            string // vpc-..., subnet-... or eni-...
	VPC                 string // of the resource
	Traffic             string // ACCEPT | REJECT | ALL
	Destination         string // s3 | cloud-watch-logs
	Group, Role         string // cloud-watch-logs: the log group's name, and the ARN of the role that puts records there
	Bucket, Prefix      string // Prefix is empty or ends in a slash
	Given               string // the destination's ARN as it was given
	Format              string // fields as ${field}, with a space between
	Interval            int    // seconds: 60 | 600
	Options             *FlowFiles
	Creator             string // long-lived access key of who made it, for the bucket's policy; empty: a session, or root of another kind
	Created             time.Time
}

// FlowFiles is how files are laid out; nil in a log that said nothing of it.
type FlowFiles struct {
	Format        string // plain-text
	Hive, PerHour bool
}

// Covers reports whether the traffic of an interface is asked for.
func (l *FlowLog) Covers(vpc, subnet, eni string) bool {
	return l.Resource == vpc || l.Resource == subnet || l.Resource == eni
}

// FlowState is how far a log has come.
type FlowState struct {
	// Covered is the end of the last interval whose records are kept. What came after it was in memory alone, unless Clean.
	Covered time.Time
	Clean   bool // the daemon ended as it should: nothing came after Covered
	// Granted: the bucket's policy was looked after.
	Granted bool
	Status  string // SUCCESS | FAILED; empty before the first delivery
	Message string // of a failure: Access error | Unknown error
	Dropped int    // files that were given up because the destination took none for too long
}

// FlowFile is a file of records on its way. It holds all that its delivery needs.
type FlowFile struct {
	Log, Account, Region, Bucket, Key string
	Body                              []byte // gzip
	// To a log group: its name, the role's ARN, and how many pages of the body are there already.
	Group, Role string `json:",omitempty"`
	Done        int    `json:",omitempty"`
}
