package cloudtrail

import (
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/trail"
	shape "cloister/internal/shape/cloudtrail"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// Limits. Source: CloudTrail User Guide, "Quotas in AWS CloudTrail".
const (
	mostSelectors = 5
	mostResources = 250
	mostValues    = 500
)

func badSelectors(format string, args ...any) error {
	return fault.New("InvalidEventSelectorsException", format, args...)
}

func putSelectorsRow() api.Rower {
	return api.Op[shape.PutEventSelectorsRequest, shape.PutEventSelectorsResponse]{Name: "PutEventSelectors", Questions: asks[shape.PutEventSelectorsRequest]("PutEventSelectors"),
		Honours: []string{"TrailName", "EventSelectors.*", "AdvancedEventSelectors.*"},
		Act: func(c *api.Call, tx store.Tx, in *shape.PutEventSelectorsRequest) (*shape.PutEventSelectorsResponse, error) {
			sel, err := selection(in)
			if err != nil {
				return nil, err
			}
			it, err := change(c, tx, in.TrailName, func(t *trail.Trail, _ *rows.TrailState) error {
				t.Select, t.Changed = sel, true
				return nil
			})
			if err != nil {
				return nil, err
			}
			basic, advanced := told(&it.Value.Select)
			return &shape.PutEventSelectorsResponse{TrailARN: &it.Value.ARN, EventSelectors: basic, AdvancedEventSelectors: advanced}, nil
		}}
}

func getSelectorsRow() api.Rower {
	return api.Op[shape.GetEventSelectorsRequest, shape.GetEventSelectorsResponse]{Name: "GetEventSelectors", Honours: []string{"TrailName"}, Questions: asks[shape.GetEventSelectorsRequest]("GetEventSelectors"),
		View: func(c *api.Call, v store.View, in *shape.GetEventSelectorsRequest) (*shape.GetEventSelectorsResponse, error) {
			it, err := find(c, v, in.TrailName)
			if err != nil {
				return nil, err
			}
			basic, advanced := told(&it.Value.Select)
			return &shape.GetEventSelectorsResponse{TrailARN: &it.Value.ARN, EventSelectors: basic, AdvancedEventSelectors: advanced}, nil
		}}
}

// selection reads what a call sets and refuses what would not select anything that it says.
func selection(in *shape.PutEventSelectorsRequest) (out trail.Selection, err error) {
	switch n, m := len(in.EventSelectors), len(in.AdvancedEventSelectors); {
	case n > 0 && m > 0:
		return out, badSelectors("EventSelectors and AdvancedEventSelectors cannot be set together.")
	case n == 0 && m == 0:
		return out, badSelectors("EventSelectors or AdvancedEventSelectors must be set.")
	case n > mostSelectors:
		return out, badSelectors("A trail has at most %d event selectors.", mostSelectors)
	}
	resources, values := 0, 0
	for _, s := range in.EventSelectors {
		b := trail.Basic{ReadWrite: "All", Management: s.IncludeManagementEvents == nil || *s.IncludeManagementEvents, Exclude: s.ExcludeManagementEventSources}
		if s.ReadWriteType != nil {
			b.ReadWrite = *s.ReadWriteType
		}
		for _, x := range b.Exclude {
			if x != "kms.amazonaws.com" && x != "rdsdata.amazonaws.com" {
				return out, badSelectors("Only events of kms.amazonaws.com and rdsdata.amazonaws.com can be excluded, not of %s.", x)
			}
		}
		for _, r := range s.DataResources {
			if deref(r.Type) != "AWS::S3::Object" {
				return out, badSelectors("Data events of %s are not recorded here; of S3 objects they are.", deref(r.Type))
			}
			for _, v := range r.Values {
				if v != "arn:aws:s3" && !strings.HasPrefix(v, "arn:aws:s3:::") || v != "arn:aws:s3" && v != "arn:aws:s3:::" && !strings.Contains(v, "/") {
					return out, badSelectors("Value %s is no ARN of objects: arn:aws:s3:::bucket/ or arn:aws:s3:::bucket/prefix, or arn:aws:s3 for all buckets.", v)
				}
			}
			resources += len(r.Values)
			b.Data = append(b.Data, trail.DataResource{Type: *r.Type, Values: r.Values})
		}
		out.Basic = append(out.Basic, b)
	}
	for _, s := range in.AdvancedEventSelectors {
		a := trail.Advanced{Name: deref(s.Name)}
		category := ""
		kinds := []string{}
		for _, f := range s.FieldSelectors {
			x := trail.Field{Field: deref(f.Field), Equals: f.Equals, StartsWith: f.StartsWith, EndsWith: f.EndsWith, NotEquals: f.NotEquals, NotStartsWith: f.NotStartsWith, NotEndsWith: f.NotEndsWith}
			n := 0
			for _, l := range [][]string{f.Equals, f.StartsWith, f.EndsWith, f.NotEquals, f.NotStartsWith, f.NotEndsWith} {
				n += len(l)
			}
			if values += n; n == 0 {
				return out, badSelectors("The field %s has no value.", x.Field)
			}
			switch x.Field {
			case "eventCategory":
				if len(f.Equals) != 1 || n != 1 || f.Equals[0] != "Management" && f.Equals[0] != "Data" {
					return out, badSelectors("eventCategory must be equal to Management or to Data; events of other categories are not recorded here.")
				}
				category = f.Equals[0]
			case "resources.type":
				if kinds = f.Equals; len(f.Equals) != n {
					return out, badSelectors("resources.type can only be compared by Equals.")
				}
			case "readOnly":
				if len(f.Equals) != 1 || n != 1 {
					return out, badSelectors("readOnly must be equal to true or to false.")
				}
			case "eventSource", "eventName", "eventType", "userIdentity.arn", "sessionCredentialFromConsole", "resources.ARN":
			default:
				return out, badSelectors("The field %s is not selected by here.", x.Field)
			}
			a.Fields = append(a.Fields, x)
		}
		if category == "" {
			return out, badSelectors("Each selector needs the field eventCategory.")
		}
		if category == "Data" && (len(kinds) == 0 || slices.ContainsFunc(kinds, func(k string) bool { return k != "AWS::S3::Object" && k != "AWS::Logs::LogGroup" })) {
			return out, badSelectors("A selector of data events needs resources.type; of AWS::S3::Object and AWS::Logs::LogGroup there are events here.")
		}
		out.Advanced = append(out.Advanced, a)
	}
	if resources > mostResources || values > mostValues {
		return out, badSelectors("A trail selects at most %d data resources, or by %d values.", mostResources, mostValues)
	}
	return out, nil
}

// told is a selection in the API's shapes; a trail whose selection was never set says what it takes.
func told(s *trail.Selection) (basic []shape.EventSelector, advanced []shape.AdvancedEventSelector) {
	all := s.Basic
	if len(s.Basic) == 0 && len(s.Advanced) == 0 {
		all = []trail.Basic{{ReadWrite: "All", Management: true}}
	}
	for _, b := range all {
		e := shape.EventSelector{ReadWriteType: &b.ReadWrite, IncludeManagementEvents: &b.Management, DataResources: []shape.DataResource{}, ExcludeManagementEventSources: append([]string{}, b.Exclude...)}
		for _, d := range b.Data {
			e.DataResources = append(e.DataResources, shape.DataResource{Type: &d.Type, Values: d.Values})
		}
		basic = append(basic, e)
	}
	for _, a := range s.Advanced {
		e := shape.AdvancedEventSelector{Name: opt(a.Name)}
		for _, f := range a.Fields {
			e.FieldSelectors = append(e.FieldSelectors, shape.AdvancedFieldSelector{Field: &f.Field, Equals: f.Equals, StartsWith: f.StartsWith, EndsWith: f.EndsWith,
				NotEquals: f.NotEquals, NotStartsWith: f.NotStartsWith, NotEndsWith: f.NotEndsWith})
		}
		advanced = append(advanced, e)
	}
	return basic, advanced
}

func getInsightsRow() api.Rower {
	return api.Op[shape.GetInsightSelectorsRequest, shape.GetInsightSelectorsResponse]{Name: "GetInsightSelectors", Honours: []string{"TrailName"}, Questions: asks[shape.GetInsightSelectorsRequest]("GetInsightSelectors"),
		View: func(c *api.Call, v store.View, in *shape.GetInsightSelectorsRequest) (*shape.GetInsightSelectorsResponse, error) {
			it, err := find(c, v, in.TrailName)
			if err != nil {
				return nil, err
			}
			return nil, fault.New("InsightNotEnabledException", "Trail %s does not have Insights enabled. Nothing here looks for unusual activity.", it.ID)
		}}
}

func putInsightsRow() api.Rower {
	return api.Op[shape.PutInsightSelectorsRequest, shape.PutInsightSelectorsResponse]{Name: "PutInsightSelectors", Honours: []string{"TrailName", "InsightSelectors.*", "EventDataStore", "InsightsDestination"},
		Questions: asks[shape.PutInsightSelectorsRequest]("PutInsightSelectors"),
		Act: func(c *api.Call, tx store.Tx, in *shape.PutInsightSelectorsRequest) (*shape.PutInsightSelectorsResponse, error) {
			it, err := findHome(c, tx, in.TrailName)
			if err != nil {
				return nil, err
			}
			if len(in.InsightSelectors) > 0 {
				return nil, fault.New("UnsupportedOperationException", "Insights are not built: nothing here looks for unusual activity, so none can be recorded.")
			}
			return &shape.PutInsightSelectorsResponse{TrailARN: &it.Value.ARN, InsightSelectors: []shape.InsightSelector{}}, nil // none were, none are
		}}
}
