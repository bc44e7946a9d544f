// Package deliver brings the events that trails ask for to their buckets, and the digests that make a change of a file visible. No event is
// passed over: a trail's place in the ledger moves on only when what lies before it has arrived, and what a crash interrupts is done
// again under the same names.
package deliver

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/keyring"
	"cloister/internal/core/trail"
	"cloister/internal/shape/s3"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

// Calls is the gate: files are put by the service principal of CloudTrail, authorised and recorded.
type Calls interface {
	Invoke(ctx context.Context, as api.As, service, operation string, in any) (out any, requestID string, err error)
}

// Config is what a deliverer needs.
type Config struct {
	Store  store.Store
	World  world.World
	Calls  Calls
	Sealer keyring.Sealer // of the keys that sign digests
	Log    *slog.Logger
	// Interval is how often files are delivered, Digest how much time a digest covers. Zero: a minute, an hour.
	Interval, Digest time.Duration
	// Retention is how long events stay in the ledger. Zero: for ever.
	Retention time.Duration
}

// Deliverer serves all trails.
type Deliverer struct{ Config }

// New makes a deliverer; Run drives it.
func New(c Config) *Deliverer {
	if c.Interval <= 0 {
		c.Interval = time.Minute
	}
	if c.Digest <= 0 {
		c.Digest = time.Hour
	}
	return &Deliverer{c}
}

// Run delivers until ctx ends.
func (d *Deliverer) Run(ctx context.Context) {
	t := time.NewTicker(d.Interval)
	defer t.Stop()
	for {
		if err := d.Turn(ctx); err != nil && ctx.Err() == nil {
			d.Log.Error("cannot deliver trails", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Turn serves each trail once, and then lets go of what is too old.
func (d *Deliverer) Turn(ctx context.Context) error {
	var trails []store.Item[trail.Trail]
	if err := d.Store.View(ctx, func(v store.View) (err error) {
		trails, err = rows.Trails.List(v, store.Query{AnyScope: true})
		return err
	}); err != nil {
		return err
	}
	var errs []error
	for _, t := range trails {
		if err := d.serve(ctx, t); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, d.prune(ctx))...)
}

func (d *Deliverer) serve(ctx context.Context, t store.Item[trail.Trail]) error {
	for ctx.Err() == nil {
		more, err := d.step(ctx, t)
		if err != nil || !more {
			if err != nil {
				return err
			}
			break
		}
	}
	return d.digests(ctx, t)
}

// most is how many events are looked through for a file at once.
const most = 2000

// backoff is how long after so many failures a bucket is asked again.
func (d *Deliverer) backoff(failures int) time.Duration {
	return min(d.Interval<<min(failures, 6), 30*time.Minute)
}

// step delivers the next batch of a trail and says whether there may be more.
func (d *Deliverer) step(ctx context.Context, t store.Item[trail.Trail]) (more bool, err error) {
	var st store.Item[rows.TrailState]
	var events []trail.Event
	end := int64(0)
	now := d.World.Now()
	err = d.Store.View(ctx, func(v store.View) (err error) {
		if st, err = rows.TrailStates.Get(v, t.Scope, t.ID); err != nil || len(st.Value.Windows) == 0 || now.Before(st.Value.Next) {
			return err
		}
		w := st.Value.Windows[0]
		q := store.TrailQuery{AfterSeq: w.From, Limit: most}
		if w.To > 0 {
			q.BeforeSeq = w.To + 1
		}
		if b := st.Value.Batch; b != nil {
			q.BeforeSeq = b.Through + 1
		}
		if end, err = rows.TrailEnd(v); err != nil {
			return err
		}
		events, err = v.Trail(q)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound): // it was deleted meanwhile
		return false, nil
	case err != nil || len(st.Value.Windows) == 0 || now.Before(st.Value.Next):
		return false, err
	}
	w := st.Value.Windows[0]
	if len(events) == 0 {
		if w.To > 0 && end >= w.To {
			return d.note(ctx, t, func(s *rows.TrailState) { s.Windows, s.Batch = s.Windows[1:], nil })
		}
		return false, nil
	}
	through := events[len(events)-1].Seq
	files := split(&t.Value, events)
	if len(files) == 0 { // nothing of this is for the trail
		return d.passed(ctx, t, w.From, through, nil, now)
	}
	at := now
	if b := st.Value.Batch; b != nil {
		at = b.Time
	} else if _, err := d.note(ctx, t, func(s *rows.TrailState) { s.Batch = &rows.TrailBatch{Through: through, Time: at} }); err != nil {
		return false, err
	}
	var sent []sentFile
	for _, f := range files {
		s, err := d.send(ctx, t, &f, at)
		if err == nil && t.Value.LogGroup != "" {
			err = d.lines(ctx, t, &f)
		}
		if err != nil {
			if ctx.Err() != nil {
				return false, ctx.Err()
			}
			d.Log.Warn("cannot deliver a trail", "trail", t.Value.ARN, "bucket", t.Value.Bucket, "error", err)
			_, err = d.note(ctx, t, func(st *rows.TrailState) {
				st.Attempted, st.Error = now, said(err)
				st.Failures++
				st.Next = now.Add(d.backoff(st.Failures))
			})
			return false, err
		}
		sent = append(sent, s)
	}
	return d.passed(ctx, t, w.From, through, sent, now)
}

// said is a delivery error as GetTrailStatus tells it: the code of the refusal. Source: CloudTrail API Reference, GetTrailStatus.
func said(err error) string {
	f := fault.From(err)
	switch {
	case f.Code != "":
		return f.Code
	case f.Kind == fault.AccessDenied:
		return "AccessDenied"
	case f.Kind == fault.Internal:
		return "InternalError"
	}
	return strings.SplitN(f.Error(), ":", 2)[0]
}

// passed moves a trail's place on.
func (d *Deliverer) passed(ctx context.Context, t store.Item[trail.Trail], from, through int64, sent []sentFile, now time.Time) (bool, error) {
	return d.note(ctx, t, func(s *rows.TrailState) {
		if len(s.Windows) == 0 || s.Windows[0].From != from { // it was made anew
			return
		}
		s.Batch = nil
		if s.Windows[0].From = through; s.Windows[0].To > 0 && through >= s.Windows[0].To {
			s.Windows = s.Windows[1:]
		}
		if len(sent) == 0 {
			return
		}
		s.Delivered, s.Attempted, s.Error, s.Failures, s.Next = now, now, "", 0, time.Time{}
		if t.Value.LogGroup != "" {
			s.Lines, s.LinesError = now, ""
		}
		if !t.Value.Validate || s.Digests == nil {
			return
		}
		for _, f := range sent {
			p := s.Digests[f.region]
			if p == nil {
				p = &rows.TrailPart{Since: t.Value.Started}
				if home := s.Digests[t.Value.Home]; home != nil {
					p.Since = home.Since
				}
				s.Digests[f.region] = p
			}
			p.Files = append(p.Files, f.LogFile)
		}
	})
}

// note changes a trail's state; it says true unless the trail is gone.
func (d *Deliverer) note(ctx context.Context, t store.Item[trail.Trail], f func(*rows.TrailState)) (bool, error) {
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		st, err := rows.TrailStates.Get(tx, t.Scope, t.ID)
		if err != nil {
			return err
		}
		f(&st.Value)
		return rows.TrailStates.Save(tx, &st)
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// file is what of a batch goes into one file: a region's events.
type file struct {
	region string
	events []trail.Event
}

// split sorts a batch into files, in the order in which their regions come.
func split(t *trail.Trail, events []trail.Event) []file {
	var out []file
next:
	for _, e := range events {
		if !t.Takes(&e) {
			continue
		}
		for i := range out {
			if out[i].region == e.Region {
				out[i].events = append(out[i].events, e)
				continue next
			}
		}
		out = append(out, file{e.Region, []trail.Event{e}})
	}
	return out
}

type sentFile struct {
	trail.LogFile
	region string
}

// send puts one log file. Its name follows from what is in it.
func (d *Deliverer) send(ctx context.Context, t store.Item[trail.Trail], f *file, at time.Time) (sentFile, error) {
	content := trail.LogContent(f.events)
	body, err := trail.Pack(content)
	if err != nil {
		return sentFile{}, err
	}
	first, last := f.events[0], f.events[len(f.events)-1]
	unique := trail.Hash([]byte(t.Value.ARN + " " + f.region + " " + first.ID + " " + last.ID))[:16]
	s := sentFile{region: f.region, LogFile: trail.LogFile{Bucket: t.Value.Bucket, Object: trail.LogKey(t.Value.Prefix, t.Value.Account, f.region, at, strings.ToUpper(unique)),
		Hash: trail.Hash(content), Algorithm: "SHA-256"}}
	for i := range f.events {
		when := f.events[i].Time.UTC().Format(time.RFC3339)
		if s.Oldest == "" || when < s.Oldest {
			s.Oldest = when
		}
		s.Newest = max(s.Newest, when)
	}
	return s, d.put(ctx, t.Scope.Partition, &t.Value, s.Object, body, nil)
}

// as is CloudTrail, for a trail.
func as(partition string, t *trail.Trail) api.As {
	return api.As{Partition: partition, Account: t.Account, Region: t.Home, Service: trail.Principal, SourceAccount: t.Account, SourceARN: t.ARN}
}

// put is PutObject as the bucket policy of CloudTrail's guide expects it. Source: CloudTrail User Guide, "Amazon S3 bucket policy for
// CloudTrail", and "Encrypting CloudTrail log files with AWS KMS keys" for the encryption context.
func (d *Deliverer) put(ctx context.Context, partition string, t *trail.Trail, key string, body []byte, metadata map[string]string) error {
	in := &s3.PutObjectRequest{Bucket: &t.Bucket, Key: &key, Body: bytes.NewReader(body), ContentLength: new(int64(len(body))), ACL: new("bucket-owner-full-control"), Metadata: metadata}
	if len(body) > 0 {
		in.ContentType, in.ContentEncoding = new("application/json"), new("gzip")
	}
	if t.Key != "" {
		b, err := json.Marshal(map[string]string{"aws:cloudtrail:arn": t.ARN})
		if err != nil {
			return err
		}
		in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext = new("aws:kms"), &t.Key, new(base64.StdEncoding.EncodeToString(b))
	}
	_, _, err := d.Calls.Invoke(ctx, as(partition, t), "s3", "PutObject", in)
	return err
}

// Check tries whether a trail's files would arrive: it asks for the bucket and puts an empty object where they will lie, as CloudTrail does. The
// error is the fault that CreateTrail answers.
func (d *Deliverer) Check(ctx context.Context, partition string, t *trail.Trail) error {
	_, _, err := d.Calls.Invoke(ctx, as(partition, t), "s3", "GetBucketAcl", &s3.GetBucketAclRequest{Bucket: &t.Bucket})
	if err == nil || fault.From(err).Kind == fault.NotImplemented {
		prefix := ""
		if t.Prefix != "" {
			prefix = t.Prefix + "/"
		}
		err = d.put(ctx, partition, t, prefix+"AWSLogs/"+t.Account+"/CloudTrail/", nil, nil)
	}
	if err != nil {
		return unfit(t, err)
	}
	if t.LogGroup != "" {
		return d.checkLines(ctx, partition, t)
	}
	return nil
}

func unfit(t *trail.Trail, err error) error {
	f := fault.From(err)
	switch {
	case f.Code == "NoSuchBucket" || f.Status == 404:
		return fault.New("S3BucketDoesNotExistException", "S3 bucket %s does not exist!", t.Bucket)
	case t.Key != "" && strings.Contains(f.Code+f.Message, "kms:") || strings.HasPrefix(f.Code, "KMS."):
		return fault.New("InsufficientEncryptionPolicyException", "Insufficient permissions to access S3 bucket %s or KMS key %s.", t.Bucket, t.Key)
	case f.Kind == fault.AccessDenied || f.Code == "AccessDenied" || f.Status == 403:
		return fault.New("InsufficientS3BucketPolicyException", "Incorrect S3 bucket policy is detected for bucket: %s", t.Bucket)
	case f.Kind == fault.NotHonoured && t.Key != "":
		return fault.New("InvalidKmsKeyIdException", "The bucket's objects cannot be encrypted with a key of KMS here: %s", f.Message)
	}
	return f
}
