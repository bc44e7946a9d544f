package collect

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/flow"
	"cloister/internal/core/vpc"
	"cloister/internal/shape/logs"
	"cloister/internal/shape/sts"
	"cloister/internal/store"
)

// publisher is who assumes the role of a log that goes to a log group. Source: VPC User Guide, "IAM role for publishing flow logs to
// CloudWatch Logs".
const publisher = "vpc-flow-logs.amazonaws.com"

// pageEvents and pageBytes are what one call puts at most; PutLogEvents takes twice as much.
const (
	pageEvents = 5000
	pageBytes  = 512 << 10
)

// page is what one call puts into one stream.
type page struct {
	Stream string
	Lines  []line
}

type line struct {
	At   int64 // ms since 1970
	Text string
}

// pages sorts records into the streams of their interfaces, eni-...-all and the like (VPC User Guide, "View flow log records with
// CloudWatch Logs"). A record's event has the time at which the record begins.
func pages(j *journal, records []*flow.Record) []page {
	suffix := map[string]string{"ACCEPT": "-accept", "REJECT": "-reject"}[j.Traffic]
	if suffix == "" {
		suffix = "-all"
	}
	by := map[string][]line{}
	var order []string
	for _, r := range records {
		s := r.Interface + suffix
		if by[s] == nil {
			order = append(order, s)
		}
		by[s] = append(by[s], line{r.Start.Unix() * 1000, j.format.Line(r)})
	}
	var out []page
	for _, s := range order {
		slices.SortStableFunc(by[s], func(a, b line) int { return int(a.At - b.At) })
		p, size := page{Stream: s}, 0
		for _, l := range by[s] {
			if size += len(l.Text) + 26; len(p.Lines) == pageEvents || size > pageBytes {
				out = append(out, p)
				p, size = page{Stream: s}, len(l.Text)+26
			}
			p.Lines = append(p.Lines, l)
		}
		out = append(out, p)
	}
	return out
}

// sheaf is a window as the pages that are to be put.
func (c *Collector) sheaf(j *journal, records []*flow.Record) (*vpc.FlowFile, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	err := json.NewEncoder(z).Encode(pages(j, records))
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, err
	}
	return &vpc.FlowFile{Log: j.ID, Account: j.Account, Region: j.Region, Group: j.Group, Role: j.Role, Body: b.Bytes()}, nil
}

// post puts the pages of a file into their streams, from the first that is not there yet; done counts them on. The role is assumed anew
// each time, so that one that is taken back is taken back.
func (c *Collector) post(ctx context.Context, s store.Scope, f *vpc.FlowFile) (done int, err error) {
	done = f.Done
	z, err := gzip.NewReader(bytes.NewReader(f.Body))
	if err != nil {
		return done, fmt.Errorf("cannot read a file of %s: %w", f.Log, err)
	}
	var all []page
	if err := json.NewDecoder(z).Decode(&all); err != nil {
		return done, fmt.Errorf("cannot read a file of %s: %w", f.Log, err)
	}
	as := api.As{Partition: s.Partition, Account: s.Account, Region: s.Region, Service: publisher, SourceAccount: s.Account,
		SourceARN: "arn:" + s.Partition + ":ec2:" + s.Region + ":" + s.Account + ":vpc-flow-log/" + f.Log}
	out, _, err := c.Calls.Invoke(ctx, as, "sts", "AssumeRole", &sts.AssumeRoleRequest{RoleArn: &f.Role, RoleSessionName: &f.Log})
	if err != nil {
		return done, err
	}
	got, ok := out.(*sts.AssumeRoleResponse)
	if !ok || got.Credentials == nil {
		return done, errors.New("cannot assume the role of a flow log: no credentials came")
	}
	as.AccessKey, as.Token = *got.Credentials.AccessKeyId, *got.Credentials.SessionToken
	for ; done < len(all); done++ {
		if err := c.putPage(ctx, as, f.Group, &all[done]); err != nil {
			return done, err
		}
	}
	return done, nil
}

// putPage puts a page; the stream and the group are made when they are missed.
func (c *Collector) putPage(ctx context.Context, as api.As, group string, p *page) error {
	in := &logs.PutLogEventsRequest{LogGroupName: &group, LogStreamName: &p.Stream, LogEvents: make([]logs.InputLogEvent, len(p.Lines))}
	for i := range p.Lines {
		in.LogEvents[i] = logs.InputLogEvent{Timestamp: &p.Lines[i].At, Message: &p.Lines[i].Text}
	}
	put := func() error { _, _, err := c.Calls.Invoke(ctx, as, "logs", "PutLogEvents", in); return err }
	err := put()
	if !fault.Is(err, "ResourceNotFoundException") {
		return err
	}
	stream := func() error {
		_, _, err := c.Calls.Invoke(ctx, as, "logs", "CreateLogStream", &logs.CreateLogStreamRequest{LogGroupName: &group, LogStreamName: &p.Stream})
		return unlessThere(err)
	}
	if err = stream(); fault.Is(err, "ResourceNotFoundException") {
		if _, _, err = c.Calls.Invoke(ctx, as, "logs", "CreateLogGroup", &logs.CreateLogGroupRequest{LogGroupName: &group}); unlessThere(err) == nil {
			err = stream()
		}
	}
	if err != nil {
		return err
	}
	return put()
}

func unlessThere(err error) error {
	if fault.Is(err, "ResourceAlreadyExistsException") {
		return nil
	}
	return err
}
