package flow

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"cloister/internal/core/vpc"
)

// published is how long a file's records span on AWS: the time in its name is the beginning of those five minutes.
const published = 5 * time.Minute

// ObjectKey is the name of an object with records that end before a time. Source: VPC User Guide, "Publish flow logs to Amazon S3",
// flow log files.
func ObjectKey(l *vpc.FlowLog, end time.Time, body []byte) string {
	at := end.Add(-time.Second).UTC().Truncate(published)
	dir := "AWSLogs/" + l.Account + "/vpcflowlogs/" + l.Region + "/" + at.Format("2006/01/02/")
	hour := at.Format("15/")
	if o := l.Options; o != nil && o.Hive {
		dir = "AWSLogs/aws-account-id=" + l.Account + "/aws-service=vpcflowlogs/aws-region=" + l.Region + at.Format("/year=2006/month=01/day=02/")
		hour = at.Format("hour=15/")
	}
	if o := l.Options; o != nil && o.PerHour {
		dir += hour
	}
	h := sha256.New()
	h.Write([]byte(l.ID + "\x00" + end.UTC().Format(time.RFC3339Nano) + "\x00"))
	h.Write(body)
	return l.Prefix + dir + l.Account + "_vpcflowlogs_" + l.Region + "_" + l.ID + at.Format("_20060102T1504Z_") + hex.EncodeToString(h.Sum(nil)[:4]) + ".log.gz"
}
