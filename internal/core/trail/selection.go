package trail

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Principal is who delivers, and whose own calls no trail takes: a delivery that was itself delivered would never end.
const Principal = "cloudtrail.amazonaws.com"

// Trail says which events go where. It lives in its account and home region.
type Trail struct {
	ARN       string
	Name      string
	Account   string
	Home      string // region
	Bucket    string
	Prefix    string // without the slash behind it
	Global    bool   // events of services without regions, IAM above all
	Multi     bool   // of all regions
	Validate  bool   // digests are made
	LogGroup  string // ARN of a CloudWatch Logs group, as it was given
	LogRole   string
	Key       string // of KMS; empty: the bucket's own way
	Select    Selection
	Logging   bool
	Started   time.Time
	Stopped   time.Time
	Changed   bool // its selection was set by hand
	CreatedBy string
}

// Selection is a trail's event selectors; the zero value takes management events.
type Selection struct {
	Basic    []Basic
	Advanced []Advanced
}

// Basic is a basic event selector.
type Basic struct {
	ReadWrite  string // All, ReadOnly, WriteOnly
	Management bool
	Data       []DataResource
	Exclude    []string // event sources
}

// DataResource names resources of data events by the beginnings of their ARNs.
type DataResource struct {
	Type   string
	Values []string
}

// Advanced is an advanced event selector: all of its fields must agree.
type Advanced struct {
	Name   string
	Fields []Field
}

// Field compares one field of an event: one of the positive values must agree, and none of the negative ones may.
type Field struct {
	Field                                                               string
	Equals, StartsWith, EndsWith, NotEquals, NotStartsWith, NotEndsWith []string
}

// Takes says whether an event is to be delivered by the trail.
func (t *Trail) Takes(e *Event) bool {
	switch {
	case e.Recipient != t.Account, e.Caller.InvokedBy == Principal:
		return false
	case !t.Multi && e.Region != t.Home, !t.Global && global(e):
		return false
	}
	return t.Select.takes(e)
}

// global are the events of services without regions. Source: CloudTrail User Guide, "Global service events".
func global(e *Event) bool {
	return e.Service == "iam" || e.Service == "sts" && e.Region == "us-east-1"
}

func (s *Selection) takes(e *Event) bool {
	if len(s.Basic) == 0 && len(s.Advanced) == 0 {
		return e.Class() != Data
	}
	return slices.ContainsFunc(s.Basic, func(b Basic) bool { return b.takes(e) }) || slices.ContainsFunc(s.Advanced, func(a Advanced) bool { return a.takes(e) })
}

func (b *Basic) takes(e *Event) bool {
	if b.ReadWrite == "ReadOnly" && !e.ReadOnly || b.ReadWrite == "WriteOnly" && e.ReadOnly {
		return false
	}
	if e.Class() != Data {
		return b.Management && !slices.Contains(b.Exclude, e.Source())
	}
	for _, d := range b.Data {
		if d.Type != "AWS::S3::Object" || e.Service != "s3" {
			continue
		}
		for _, v := range d.Values {
			for _, arn := range objects(e) {
				// "arn:aws:s3" stands for all buckets.
				if strings.HasPrefix(arn, v) {
					return true
				}
			}
		}
	}
	return false
}

// objects are the ARNs by which a data event of S3 is selected: a bucket's own stands for what is in it.
func objects(e *Event) []string {
	out := slices.Clone(e.Resources)
	for i, a := range out {
		if Kind(a) == "AWS::S3::Bucket" {
			out[i] = a + "/"
		}
	}
	return out
}

// inside tells the ARNs of objects.
func inside(arn string) bool {
	_, key, ok := strings.Cut(arn, "/")
	return ok && key != "" && strings.HasPrefix(arn, "arn:") && strings.Contains(arn, ":s3:::")
}

func (a *Advanced) takes(e *Event) bool {
	for _, f := range a.Fields {
		if !f.agrees(e) {
			return false
		}
	}
	return true
}

func (f *Field) agrees(e *Event) bool {
	values := []string{""}
	switch f.Field {
	case "eventCategory":
		values[0] = e.Class().Category()
	case "readOnly":
		values[0] = strconv.FormatBool(e.ReadOnly)
	case "eventSource":
		values[0] = e.Source()
	case "eventName":
		values[0] = e.Title()
	case "eventType":
		if values[0] = e.Type; values[0] == "" {
			values[0] = "AwsApiCall"
		}
	case "userIdentity.arn":
		values[0] = e.Caller.ARN
	case "sessionCredentialFromConsole":
		values[0] = "false"
	case "resources.type":
		values = nil
		for _, a := range e.Resources {
			values = append(values, Kind(a))
		}
		if e.Service == "s3" && e.Class() == Data {
			values = append(values, "AWS::S3::Object")
		}
	case "resources.ARN":
		values = e.Resources
		if e.Service == "s3" && e.Class() == Data {
			values = objects(e)
			if slices.ContainsFunc(values, inside) { // then the bucket is only where they are
				values = slices.DeleteFunc(values, func(a string) bool { return !inside(a) })
			}
		}
	default:
		return false // refused when it was put
	}
	if len(values) == 0 {
		values = []string{""}
	}
	// One that agrees is enough: a call on many objects is not hidden by adding one that is left out.
	return slices.ContainsFunc(values, f.admits)
}

// admits says whether a value is one of the positive ones, if there are any, and none of the negative ones.
func (f *Field) admits(v string) bool {
	if slices.Contains(f.NotEquals, v) || some(v, f.NotStartsWith, strings.HasPrefix) || some(v, f.NotEndsWith, strings.HasSuffix) {
		return false
	}
	return len(f.Equals)+len(f.StartsWith)+len(f.EndsWith) == 0 || slices.Contains(f.Equals, v) || some(v, f.StartsWith, strings.HasPrefix) || some(v, f.EndsWith, strings.HasSuffix)
}

func some(v string, of []string, f func(string, string) bool) bool {
	return slices.ContainsFunc(of, func(x string) bool { return f(v, x) })
}
