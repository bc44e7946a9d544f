package cloudtrail

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/arn"
	"cloister/internal/core/fault"
	"cloister/internal/core/trail"
	shape "cloister/internal/shape/cloudtrail"
	"cloister/internal/store"
)

const (
	longest = 90 * 24 * time.Hour // how far LookupEvents looks back
	page    = 50
)

func badRange() error {
	return fault.New("InvalidTimeRangeException", "The start time is after the end time.")
}

func badLookup(format string, args ...any) error {
	return fault.New("InvalidLookupAttributesException", format, args...)
}

func lookupRow() api.Rower {
	return api.Op[shape.LookupEventsRequest, shape.LookupEventsResponse]{Name: "LookupEvents", Questions: asks[shape.LookupEventsRequest]("LookupEvents"),
		Honours: []string{"LookupAttributes.*", "StartTime", "EndTime", "EventCategory", "MaxResults", "NextToken"}, View: lookup}
}

// cursor is a page's end; what was asked for stands in it too, so that a token serves its own question alone.
type cursor struct {
	Time int64
	Seq  int64
	Asks string
}

// lookup reads the account's own management events in the region. Source: CloudTrail API Reference, LookupEvents.
func lookup(c *api.Call, v store.View, in *shape.LookupEventsRequest) (*shape.LookupEventsResponse, error) {
	out := &shape.LookupEventsResponse{Events: []shape.Event{}}
	if in.EventCategory != nil {
		if *in.EventCategory != "insight" {
			return nil, fault.New("InvalidEventCategoryException", "The event category is not valid: %s", *in.EventCategory)
		}
		return out, nil // there are no insights
	}
	q := store.TrailQuery{Account: c.Account, Region: c.Region, Management: true, ByTime: true, From: c.Time.Add(-longest), Limit: page}
	if in.MaxResults != nil {
		if *in.MaxResults < 1 || *in.MaxResults > page {
			return nil, fault.New("InvalidMaxResultsException", "MaxResults is from 1 to %d.", page)
		}
		q.Limit = int(*in.MaxResults)
	}
	if in.StartTime != nil && in.StartTime.After(q.From) {
		q.From = *in.StartTime
	}
	if in.EndTime != nil {
		q.To = *in.EndTime
		if in.StartTime != nil && q.To.Before(*in.StartTime) {
			return nil, badRange()
		}
	}
	asked := asking(in)
	if in.NextToken != nil {
		var cur cursor
		b, err := base64.StdEncoding.DecodeString(*in.NextToken)
		if err != nil || json.Unmarshal(b, &cur) != nil || cur.Asks != asked || cur.Seq == 0 {
			return nil, fault.New("InvalidNextTokenException", "The token is not one of this question's.")
		}
		q.Before = store.Moment{Time: time.UnixMicro(cur.Time), Seq: cur.Seq}
	}
	q.Limit++ // to see whether there is more
	evs, err := byAttribute(c, v, q, in.LookupAttributes)
	if err != nil {
		return nil, err
	}
	if len(evs) == q.Limit {
		evs = evs[:q.Limit-1]
		last := &evs[len(evs)-1]
		b, err := json.Marshal(cursor{last.Time.UnixMicro(), last.Seq, asked})
		if err != nil {
			return nil, err
		}
		out.NextToken = new(base64.StdEncoding.EncodeToString(b))
	}
	for i := range evs {
		out.Events = append(out.Events, seen(&evs[i]))
	}
	return out, nil
}

// asking is what a token belongs to.
func asking(in *shape.LookupEventsRequest) string {
	s := ""
	for _, a := range in.LookupAttributes {
		s += deref(a.AttributeKey) + "=" + deref(a.AttributeValue) + ";"
	}
	for _, t := range []*time.Time{in.StartTime, in.EndTime} {
		if t != nil {
			s += strconv.FormatInt(t.UnixMicro(), 10)
		}
		s += ";"
	}
	return trail.Hash([]byte(s))[:16]
}

// byAttribute puts the one attribute that may be asked for.
func byAttribute(c *api.Call, v store.View, q store.TrailQuery, attributes []shape.LookupAttribute) ([]trail.Event, error) {
	if len(attributes) == 0 {
		return v.Trail(q)
	}
	if len(attributes) > 1 {
		return nil, badLookup("Only one lookup attribute can be asked for at a time.")
	}
	value := deref(attributes[0].AttributeValue)
	if value == "" {
		return nil, badLookup("The attribute has no value.")
	}
	switch key := deref(attributes[0].AttributeKey); key {
	case "EventId":
		return byID(v, q, value)
	case "EventName":
		q.Name = trail.Operation(value)
	case "ReadOnly":
		if value != "true" && value != "false" {
			return nil, badLookup("ReadOnly is true or false, not %s.", value)
		}
		q.ReadOnly = new(value == "true")
	case "Username":
		q.User = value
	case "EventSource":
		q.Service, _ = strings.CutSuffix(value, ".amazonaws.com")
		if q.Service == value {
			return nil, nil // no source has such a name
		}
	case "AccessKeyId":
		q.AccessKey = value
	case "ResourceType":
		q.Kind = value
	case "ResourceName":
		return byResource(c, v, q, value)
	default:
		return nil, badLookup("The lookup attribute %s is not known.", key)
	}
	return v.Trail(q)
}

// byID finds an event by the time that its id tells.
func byID(v store.View, q store.TrailQuery, id string) ([]trail.Event, error) {
	at, ok := trail.At(id)
	if !ok {
		return nil, nil
	}
	end := at.Add(time.Millisecond - time.Microsecond)
	if at.After(q.From) {
		q.From = at
	}
	if q.To.IsZero() || end.Before(q.To) {
		q.To = end
	}
	limit := q.Limit
	q.Limit = 0 // those of one millisecond
	evs, err := v.Trail(q)
	evs = slices.DeleteFunc(evs, func(e trail.Event) bool { return e.ID != id })
	return evs[:min(len(evs), limit)], err
}

// byResource finds events of a resource by its ARN or its name, which may be one of several things.
func byResource(c *api.Call, v store.View, q store.TrailQuery, name string) ([]trail.Event, error) {
	names := []string{name}
	if !strings.HasPrefix(name, "arn:") {
		names = trail.Named(c.Partition, c.Account, c.Region, name)
	}
	var out []trail.Event
	for _, n := range names {
		q.Resource = n
		evs, err := v.Trail(q)
		if err != nil {
			return nil, err
		}
		out = append(out, evs...)
	}
	slices.SortFunc(out, func(a, b trail.Event) int {
		if x := b.Time.Compare(a.Time); x != 0 {
			return x
		}
		return int(b.Seq - a.Seq)
	})
	out = slices.CompactFunc(out, func(a, b trail.Event) bool { return a.Seq == b.Seq })
	return out[:min(len(out), q.Limit)], nil
}

// seen is an event as LookupEvents tells it.
func seen(e *trail.Event) shape.Event {
	out := shape.Event{EventId: &e.ID, EventName: new(e.Title()), ReadOnly: new(strconv.FormatBool(e.ReadOnly)), AccessKeyId: opt(e.Caller.AccessKey), EventTime: new(e.Time.Truncate(time.Second)),
		EventSource: new(e.Source()), Username: opt(e.User()), Resources: []shape.Resource{}, CloudTrailEvent: new(string(trail.Record(e)))}
	for _, r := range e.Resources {
		name := r
		if a, err := arn.Parse(r); err == nil && a.Service != "kms" {
			name = a.Resource[strings.LastIndexAny(a.Resource, "/:")+1:]
		}
		out.Resources = append(out.Resources, shape.Resource{ResourceType: opt(trail.Kind(r)), ResourceName: &name})
	}
	return out
}
