package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/vpc"
	"cloister/internal/shape/s3"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// principal is who puts files. Source: VPC User Guide, "Amazon S3 bucket permissions for flow logs".
const principal = "delivery.logs.amazonaws.com"

// retry is how soon a destination that refused is asked again.
const retry = 30 * time.Second

// deliveries delivers whenever there is something new, and again where a destination refused.
func (c *Collector) deliveries(ctx context.Context) {
	for {
		again := retry
		if c.deliver(ctx) {
			again = 10 * retry
		}
		t := time.NewTimer(min(again, c.Window))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-c.kick:
		case <-t.C:
		}
		t.Stop()
	}
}

// deliver brings all files that wait to their buckets, the oldest of each log first, and says whether none is left. Files outlive
// their log until they are delivered or refused.
func (c *Collector) deliver(ctx context.Context) bool {
	var logs []store.Item[vpc.FlowLog]
	var states []store.Item[vpc.FlowState]
	var files []store.Row
	err := c.Store.View(ctx, func(v store.View) (err error) {
		if logs, err = rows.FlowLogs.List(v, store.Query{AnyScope: true}); err != nil {
			return err
		}
		if states, err = rows.FlowStates.List(v, store.Query{AnyScope: true}); err != nil {
			return err
		}
		files, err = v.List(store.Query{AnyScope: true, Kind: rows.FlowFiles.Kind})
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			c.Log.Error("cannot read the files of flow logs", "error", err)
		}
		return false
	}
	there, of := map[string]bool{}, map[string]vpc.FlowState{}
	for _, s := range states {
		of[s.ID] = s.Value
	}
	all := true
	for _, l := range logs {
		there[l.ID] = true
		if _, known := of[l.ID]; known && !of[l.ID].Granted { // once
			var err error
			if l.Value.Group == "" { // a role's policies are its own affair
				c.grant(ctx, l)
				err = c.probe(ctx, l)
			}
			if f := fault.From(err); err != nil && f.Code != "NoSuchBucket" && f.Status != 404 {
				err = nil // the first file will tell: it needs less
			}
			c.tell(ctx, l.Scope, l.ID, err, func(s *vpc.FlowState) { s.Granted = true })
		}
	}
	refused := map[string]bool{}
	for _, r := range files {
		var f vpc.FlowFile
		if err := json.Unmarshal(r.Value, &f); err != nil {
			c.Log.Error("cannot read a file of a flow log", "file", r.ID, "error", err)
			continue
		}
		if refused[f.Log] {
			continue
		}
		err := c.bring(ctx, r, &f)
		if ctx.Err() != nil {
			return false
		}
		if err != nil {
			all, refused[f.Log] = false, true
			c.Log.Warn("cannot deliver a file of a flow log", "flow_log", f.Log, "bucket", f.Bucket, "key", f.Key, "group", f.Group, "error", err)
			if there[f.Log] {
				c.tell(ctx, r.Scope, f.Log, err, nil)
				continue
			}
			refused[f.Log] = false // its log is gone: nobody would ever be told
		}
		err = c.Store.Update(ctx, func(tx store.Tx) error {
			if err := tx.Delete(r.Key, 0); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			return noteIn(tx, r.Scope, f.Log, func(s *vpc.FlowState) { s.Status, s.Message = "SUCCESS", "" })
		})
		if err != nil && ctx.Err() == nil {
			c.Log.Error("cannot note a delivery", "flow_log", f.Log, "error", err)
		}
	}
	return all
}

// bring brings one file to where it goes. Pages that are in a log group are not put again.
func (c *Collector) bring(ctx context.Context, r store.Row, f *vpc.FlowFile) error {
	if f.Group == "" {
		return c.put(ctx, r.Scope, f)
	}
	done, err := c.post(ctx, r.Scope, f)
	if err == nil || done == f.Done {
		return err
	}
	return errors.Join(err, c.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		it, err := rows.FlowFiles.Get(tx, r.Scope, r.ID)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil {
			it.Value.Done = done
			err = rows.FlowFiles.Save(tx, &it)
		}
		return err
	}))
}

// as is the log delivery, for a log's account.
func as(s store.Scope) api.As {
	return api.As{Partition: s.Partition, Account: s.Account, Region: s.Region, Service: principal, SourceAccount: s.Account,
		SourceARN: "arn:" + s.Partition + ":logs:" + s.Region + ":" + s.Account + ":*"}
}

func (c *Collector) put(ctx context.Context, s store.Scope, f *vpc.FlowFile) error {
	_, _, err := c.Calls.Invoke(ctx, as(s), "s3", "PutObject", &s3.PutObjectRequest{Bucket: &f.Bucket, Key: &f.Key, Body: bytes.NewReader(f.Body),
		ContentLength: new(int64(len(f.Body))), ContentType: new("application/octet-stream"), ACL: new("bucket-owner-full-control")})
	return err
}

// probe asks whether the bucket is there.
func (c *Collector) probe(ctx context.Context, l store.Item[vpc.FlowLog]) error {
	_, _, err := c.Calls.Invoke(ctx, as(l.Scope), "s3", "HeadBucket", &s3.HeadBucketRequest{Bucket: &l.Value.Bucket})
	return err
}

// tell writes down how a delivery went. The messages are AWS's (DescribeFlowLogs, DeliverLogsErrorMessage).
func (c *Collector) tell(ctx context.Context, s store.Scope, id string, went error, also func(*vpc.FlowState)) {
	err := c.Store.Update(ctx, func(tx store.Tx) error {
		return noteIn(tx, s, id, func(st *vpc.FlowState) {
			if also != nil {
				also(st)
			}
			if went == nil {
				return // only a file that arrived is a success
			}
			st.Status, st.Message = "FAILED", "Unknown error"
			if f := fault.From(went); f.Kind == fault.AccessDenied || f.Code == "NoSuchBucket" || f.Status == 403 || f.Status == 404 {
				st.Message = "Access error"
			}
		})
	})
	if err != nil && ctx.Err() == nil {
		c.Log.Error("cannot note a delivery", "flow_log", id, "error", err)
	}
}

// grant does what AWS does for a creator who owns the bucket and may change its policy: it lets log delivery put files. It asks as the
// creator, so that the creator's policies decide. A policy that is there is added to, never replaced.
func (c *Collector) grant(ctx context.Context, l store.Item[vpc.FlowLog]) {
	if l.Value.Creator == "" {
		return
	}
	by := api.As{Partition: l.Scope.Partition, Account: l.Scope.Account, Region: l.Scope.Region, Service: principal, AccessKey: l.Value.Creator}
	owner := &l.Scope.Account
	text := ""
	out, _, err := c.Calls.Invoke(ctx, by, "s3", "GetBucketPolicy", &s3.GetBucketPolicyRequest{Bucket: &l.Value.Bucket, ExpectedBucketOwner: owner})
	switch {
	case fault.Is(err, "NoSuchBucketPolicy"):
	case err != nil:
		c.Log.Info("the bucket's policy is left as it is", "flow_log", l.ID, "bucket", l.Value.Bucket, "error", err)
		return
	default:
		if p := out.(*s3.GetBucketPolicyOutput).Policy; p != nil {
			text = *p
		}
	}
	text, err = withGrant(text, l)
	if err == nil && text != "" {
		_, _, err = c.Calls.Invoke(ctx, by, "s3", "PutBucketPolicy", &s3.PutBucketPolicyRequest{Bucket: &l.Value.Bucket, Policy: &text, ExpectedBucketOwner: owner})
	}
	if err != nil {
		c.Log.Info("the bucket's policy is left as it is", "flow_log", l.ID, "bucket", l.Value.Bucket, "error", err)
	}
}
