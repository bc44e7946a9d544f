package cloudtrail

import (
	"time"

	"cloister/internal/api"
	"cloister/internal/core/trail"
	shape "cloister/internal/shape/cloudtrail"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func startRow() api.Rower {
	return api.Op[shape.StartLoggingRequest, shape.StartLoggingResponse]{Name: "StartLogging", Honours: []string{"Name"}, Questions: asks[shape.StartLoggingRequest]("StartLogging"),
		Act: func(c *api.Call, tx store.Tx, in *shape.StartLoggingRequest) (*shape.StartLoggingResponse, error) {
			_, err := change(c, tx, in.Name, func(t *trail.Trail, s *rows.TrailState) error {
				if t.Logging {
					return nil
				}
				t.Logging, t.Started = true, c.Time
				end, err := rows.TrailEnd(tx)
				s.Windows = append(s.Windows, rows.TrailWindow{From: end}) // this very call is the first
				if t.Validate {                                            // the chain is broken while nothing is logged, as on AWS
					for r, p := range s.Digests { // but for files that are in none yet
						if len(p.Files) == 0 {
							delete(s.Digests, r)
						}
					}
					if s.Digests == nil {
						s.Digests = map[string]*rows.TrailPart{}
					}
					if s.Digests[t.Home] == nil {
						s.Digests[t.Home] = &rows.TrailPart{Since: c.Time}
					}
				}
				return err
			})
			return &shape.StartLoggingResponse{}, err
		}}
}

func stopRow() api.Rower {
	return api.Op[shape.StopLoggingRequest, shape.StopLoggingResponse]{Name: "StopLogging", Honours: []string{"Name"}, Questions: asks[shape.StopLoggingRequest]("StopLogging"),
		Act: func(c *api.Call, tx store.Tx, in *shape.StopLoggingRequest) (*shape.StopLoggingResponse, error) {
			_, err := change(c, tx, in.Name, func(t *trail.Trail, s *rows.TrailState) error {
				if !t.Logging {
					return nil
				}
				t.Logging, t.Stopped = false, c.Time
				end, err := rows.TrailEnd(tx)
				if n := len(s.Windows); n > 0 {
					s.Windows[n-1].To = end + 1 // this very call is the last: its event is the next in this transaction
				}
				return err
			})
			return &shape.StopLoggingResponse{}, err
		}}
}

func statusRow() api.Rower {
	return api.Op[shape.GetTrailStatusRequest, shape.GetTrailStatusResponse]{Name: "GetTrailStatus", Honours: []string{"Name"}, Questions: asks[shape.GetTrailStatusRequest]("GetTrailStatus"),
		View: func(c *api.Call, v store.View, in *shape.GetTrailStatusRequest) (*shape.GetTrailStatusResponse, error) {
			it, err := find(c, v, in.Name)
			if err != nil {
				return nil, err
			}
			st, err := state(v, it)
			if err != nil {
				return nil, err
			}
			t, s := &it.Value, &st.Value
			out := &shape.GetTrailStatusResponse{IsLogging: &t.Logging, LatestDeliveryError: opt(s.Error), LatestDeliveryTime: moment(s.Delivered), StartLoggingTime: moment(t.Started),
				StopLoggingTime: moment(t.Stopped), LatestDigestDeliveryTime: moment(s.Digested), LatestDigestDeliveryError: opt(s.DigestError),
				LatestCloudWatchLogsDeliveryTime: moment(s.Lines), LatestCloudWatchLogsDeliveryError: opt(s.LinesError),
				LatestDeliveryAttemptTime: text(s.Attempted), TimeLoggingStarted: text(t.Started), TimeLoggingStopped: text(t.Stopped),
				LatestNotificationAttemptTime: new(""), LatestNotificationAttemptSucceeded: new(""), LatestDeliveryAttemptSucceeded: text(s.Delivered)}
			return out, nil
		}}
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// text is how the status's older members tell a time.
func text(t time.Time) *string {
	if t.IsZero() {
		return new("")
	}
	return new(t.UTC().Format(time.RFC3339))
}

func keysRow() api.Rower {
	return api.Op[shape.ListPublicKeysRequest, shape.ListPublicKeysResponse]{Name: "ListPublicKeys", Honours: []string{"StartTime", "EndTime"},
		Questions: asks[shape.ListPublicKeysRequest]("ListPublicKeys"),
		View: func(c *api.Call, v store.View, in *shape.ListPublicKeysRequest) (*shape.ListPublicKeysResponse, error) {
			from, to := c.Time, c.Time
			if in.StartTime != nil {
				from = *in.StartTime
			}
			if in.EndTime != nil {
				to = *in.EndTime
			}
			if to.Before(from) {
				return nil, badRange()
			}
			items, err := rows.TrailKeys.List(v, store.Query{Scope: c.Scope()})
			out := &shape.ListPublicKeysResponse{PublicKeyList: []shape.PublicKey{}}
			for _, it := range items {
				k := it.Value
				if !k.Until.Before(from) && !k.From.After(to) {
					out.PublicKeyList = append(out.PublicKeyList, shape.PublicKey{Value: k.Public, ValidityStartTime: &k.From, ValidityEndTime: &k.Until, Fingerprint: new(it.ID)})
				}
			}
			return out, err
		}}
}
