package comprehend

import (
	"encoding/json"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/fault"
	"cloister/internal/core/model"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// Quotas of a region and account. Source: Comprehend Developer Guide, guidelines and quotas.
const (
	maxEndpoints = 10
	maxUnits     = 10 // of one endpoint
	maxAllUnits  = 50
)

func endpointRows() []api.Rower {
	classifier, recognizer, either := sheet.As("CreateEndpoint", endpointOfClassifier), sheet.As("CreateEndpoint", endpointOfRecognizer), sheet.Questions("CreateEndpoint")
	return []api.Rower{
		api.Op[shape.CreateEndpointRequest, shape.CreateEndpointResponse]{Name: "CreateEndpoint",
			Honours: []string{"EndpointName", "ModelArn", "DesiredInferenceUnits", "ClientRequestToken", "Tags.*", "DataAccessRoleArn", "FlywheelArn"},
			Questions: func(c *api.Call, v store.View, in *shape.CreateEndpointRequest) ([]api.Question, error) {
				switch m := deref(in.ModelArn); {
				case strings.Contains(m, ":document-classifier/"):
					return classifier(c, v, in)
				case strings.Contains(m, ":entity-recognizer/"):
					return recognizer(c, v, in)
				}
				return either(c, v, in)
			},
			Act: func(c *api.Call, tx store.Tx, in *shape.CreateEndpointRequest) (*shape.CreateEndpointResponse, error) {
				e, err := createEndpoint(c, tx, in)
				if err != nil {
					return nil, err
				}
				return &shape.CreateEndpointResponse{EndpointArn: &e.ARN, ModelArn: &e.DesiredModel}, nil
			}},
		api.Op[shape.UpdateEndpointRequest, shape.UpdateEndpointResponse]{Name: "UpdateEndpoint",
			Honours:   []string{"EndpointArn", "DesiredModelArn", "DesiredInferenceUnits", "DesiredDataAccessRoleArn", "FlywheelArn"},
			Questions: ask.Ask[shape.UpdateEndpointRequest](sheet, "UpdateEndpoint"),
			Act:       updateEndpoint},
		api.Op[shape.DescribeEndpointRequest, shape.DescribeEndpointResponse]{Name: "DescribeEndpoint", Honours: []string{"EndpointArn"},
			Questions: ask.Ask[shape.DescribeEndpointRequest](sheet, "DescribeEndpoint"),
			View: func(c *api.Call, v store.View, in *shape.DescribeEndpointRequest) (*shape.DescribeEndpointResponse, error) {
				it, err := endpointOf(c, v, in.EndpointArn)
				if err != nil {
					return nil, err
				}
				p := endpointProperties(it.Value)
				return &shape.DescribeEndpointResponse{EndpointProperties: &p}, nil
			}},
		api.Op[shape.ListEndpointsRequest, shape.ListEndpointsResponse]{Name: "ListEndpoints",
			Honours:   []string{"Filter.ModelArn", "Filter.Status", "Filter.CreationTimeBefore", "Filter.CreationTimeAfter", "NextToken", "MaxResults"},
			Questions: ask.Ask[shape.ListEndpointsRequest](sheet, "ListEndpoints"),
			View: func(c *api.Call, v store.View, in *shape.ListEndpointsRequest) (*shape.ListEndpointsResponse, error) {
				var f filter
				if x := in.Filter; x != nil {
					f = filter{x.ModelArn, x.Status, x.CreationTimeBefore, x.CreationTimeAfter, false}
				}
				if err := f.single(); err != nil {
					return nil, err
				}
				from, err := listed(c, in)
				if err != nil {
					return nil, err
				}
				items, err := rows.ModelEndpoints.List(v, store.Query{Scope: c.Scope()})
				if err != nil {
					return nil, err
				}
				items = slices.DeleteFunc(items, func(e store.Item[model.Endpoint]) bool {
					return !f.admits(e.Value.Model, string(e.Value.Status), e.Value.Made)
				})
				out := &shape.ListEndpointsResponse{EndpointPropertiesList: []shape.EndpointProperties{}}
				items, err = paged(from, out, items, false, func(e *store.Item[model.Endpoint]) string { return place(e.Value.Made, e.ID) })
				if err != nil {
					return nil, err
				}
				for _, e := range items {
					out.EndpointPropertiesList = append(out.EndpointPropertiesList, endpointProperties(e.Value))
				}
				return out, nil
			}},
		api.Op[shape.DeleteEndpointRequest, shape.DeleteEndpointResponse]{Name: "DeleteEndpoint", Honours: []string{"EndpointArn"},
			Questions: ask.Ask[shape.DeleteEndpointRequest](sheet, "DeleteEndpoint"),
			Act: func(c *api.Call, tx store.Tx, in *shape.DeleteEndpointRequest) (*shape.DeleteEndpointResponse, error) {
				it, err := endpointOf(c, tx, in.EndpointArn)
				if err != nil {
					return nil, err
				}
				e := &it.Value
				c.Touch(e.ARN)
				if e.Status == model.Removing {
					return &shape.DeleteEndpointResponse{}, nil
				}
				e.Status, e.Changed = model.Removing, tx.Now()
				return &shape.DeleteEndpointResponse{}, rows.ModelEndpoints.Save(tx, &it)
			}},
	}
}

func createEndpoint(c *api.Call, tx store.Tx, in *shape.CreateEndpointRequest) (*model.Endpoint, error) {
	if err := flywheel(in.FlywheelArn); err != nil {
		return nil, err
	}
	if in.ModelArn == nil {
		return nil, fault.New("InvalidRequestException", "ModelArn is required.")
	}
	if r := deref(in.DataAccessRoleArn); r != "" && accountOf(r) != c.Account {
		return nil, fault.New("InvalidRequestException", "The data access role %s does not belong to the account %s: a role cannot be passed across accounts.", r, c.Account)
	}
	e := &model.Endpoint{Name: *in.EndpointName, Status: model.Creating, Model: *in.ModelArn, DesiredModel: *in.ModelArn, DesiredUnits: *in.DesiredInferenceUnits,
		DesiredRole: deref(in.DataAccessRoleArn), RoleARN: deref(in.DataAccessRoleArn), Made: tx.Now(), Changed: tx.Now(), Token: deref(in.ClientRequestToken)}
	asked, err := json.Marshal(in) // also its tags and units: a token stands for one request
	if err != nil {
		return nil, err
	}
	e.Asked = string(asked)
	if e.Token != "" {
		old, err := rows.ModelEndpoints.Find(tx, c.Scope(), "token", e.Token)
		switch {
		case err == nil && old.Value.Asked == e.Asked:
			return &old.Value, nil
		case err == nil:
			return nil, fault.New("InvalidRequestException", "The client request token %s was used before with other parameters.", e.Token)
		case !isNotFound(err):
			return nil, err
		}
	}
	m, err := servable(c, tx, e.DesiredModel)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	id := m.Kind + "-endpoint/" + e.Name
	e.ARN = c.ARN("comprehend", id)
	if err := room(c, tx, e); err != nil {
		return nil, err
	}
	if err := rows.ModelEndpoints.Create(tx, c.Scope(), id, e); err != nil {
		return nil, err
	}
	c.Touch(m.ARN)
	return e, made(c, tx, e.ARN, tags)
}

// room holds an endpoint that is to be made or changed to the quotas, and its name to be new.
func room(c *api.Call, v store.View, e *model.Endpoint) error {
	all, err := rows.ModelEndpoints.List(v, store.Query{Scope: c.Scope()})
	if err != nil {
		return err
	}
	n, units := 1, e.DesiredUnits
	for _, x := range all {
		switch {
		case x.Value.ARN == e.ARN && e.Status == model.Creating:
			return fault.New("ResourceInUseException", nameInUse+"An endpoint with the name %s already exists.", e.Name)
		case x.Value.ARN == e.ARN:
			continue
		}
		n++
		units += x.Value.DesiredUnits
	}
	switch {
	case n > maxEndpoints:
		return refuse("ResourceLimitExceededException", "The account has %d endpoints in this region, which is the limit.", maxEndpoints)
	case e.DesiredUnits > maxUnits:
		return refuse("ResourceLimitExceededException", "An endpoint can have %d inference units; %d are asked for.", maxUnits, e.DesiredUnits)
	case units > maxAllUnits:
		return refuse("ResourceLimitExceededException", "The endpoints of an account can have %d inference units together in a region; %d are asked for.", maxAllUnits, units)
	}
	return nil
}

// servable reads the model that an endpoint is to serve. Another account's must be imported first.
func servable(c *api.Call, v store.View, arn string) (*model.Model, error) {
	it, err := modelOf(c, v, "", &arn)
	if err != nil {
		return nil, err
	}
	if !it.Value.Status.Ready() {
		return nil, refuse("ResourceUnavailableException", "The model %s is in the %s state: only a trained model can be served.", arn, it.Value.Status)
	}
	return &it.Value, nil
}

func updateEndpoint(c *api.Call, tx store.Tx, in *shape.UpdateEndpointRequest) (*shape.UpdateEndpointResponse, error) {
	it, err := endpointOf(c, tx, in.EndpointArn)
	if err != nil {
		return nil, err
	}
	e := &it.Value
	c.Touch(e.ARN)
	switch e.Status {
	case model.InService, model.Broken:
	case model.Removing:
		return nil, refuse("ResourceUnavailableException", "The endpoint %s is being deleted.", e.ARN)
	default:
		return nil, fault.New("ResourceInUseException", "The endpoint %s is in the %s state: wait until it is IN_SERVICE.", e.ARN, e.Status)
	}
	if err := flywheel(in.FlywheelArn); err != nil {
		return nil, err
	}
	if in.DesiredModelArn == nil && in.DesiredInferenceUnits == nil && in.DesiredDataAccessRoleArn == nil {
		return nil, fault.New("InvalidRequestException", "Nothing is to be changed: give a DesiredModelArn, DesiredInferenceUnits or a DesiredDataAccessRoleArn.")
	}
	if in.DesiredModelArn != nil {
		m, err := servable(c, tx, *in.DesiredModelArn)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(it.ID, m.Kind+"-endpoint/") {
			return nil, fault.New("InvalidRequestException", "The model %s is of another kind than the endpoint.", m.ARN)
		}
		e.DesiredModel = m.ARN
		c.Touch(m.ARN)
	}
	if in.DesiredInferenceUnits != nil {
		e.DesiredUnits = *in.DesiredInferenceUnits
	}
	if r := deref(in.DesiredDataAccessRoleArn); r != "" {
		if accountOf(r) != c.Account {
			return nil, fault.New("InvalidRequestException", "The data access role %s does not belong to the account %s: a role cannot be passed across accounts.", r, c.Account)
		}
		e.DesiredRole = r
	}
	e.Status, e.Changed = model.Updating, tx.Now()
	if err := room(c, tx, e); err != nil {
		return nil, err
	}
	return &shape.UpdateEndpointResponse{DesiredModelArn: &e.DesiredModel}, rows.ModelEndpoints.Save(tx, &it)
}

func endpointOf(c *api.Call, v store.View, arn *string) (store.Item[model.Endpoint], error) {
	it, err := rows.ModelEndpoints.Find(v, c.Scope(), "arn", deref(arn))
	if isNotFound(err) {
		err = notFound()
	}
	return it, err
}

func endpointProperties(e model.Endpoint) shape.EndpointProperties {
	return shape.EndpointProperties{EndpointArn: &e.ARN, Status: some(string(e.Status)), Message: some(e.Message), ModelArn: &e.Model, DesiredModelArn: &e.DesiredModel,
		DesiredInferenceUnits: &e.DesiredUnits, CurrentInferenceUnits: &e.Units, CreationTime: &e.Made, LastModifiedTime: &e.Changed,
		DataAccessRoleArn: some(e.RoleARN), DesiredDataAccessRoleArn: some(e.DesiredRole)}
}
