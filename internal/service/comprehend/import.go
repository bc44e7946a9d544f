package comprehend

import (
	"encoding/json"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/fault"
	"cloister/internal/core/model"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

func (s *custom) importRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.ImportModelRequest, shape.ImportModelResponse]{Name: "ImportModel",
			Honours:   []string{"SourceModelArn", "ModelName", "VersionName", "ModelKmsKeyId", "DataAccessRoleArn", "Tags.*"},
			Questions: ask.Ask[shape.ImportModelRequest](sheet, "ImportModel"),
			Act: func(c *api.Call, tx store.Tx, in *shape.ImportModelRequest) (*shape.ImportModelResponse, error) {
				m, err := s.copyOf(c, tx, in)
				if err != nil {
					return nil, err
				}
				return &shape.ImportModelResponse{ModelArn: &m.ARN}, nil
			}},
	}
}

// copyOf writes a model down that is to be copied from another; an engine moves the bytes. Source: Comprehend Developer Guide, "Importing a
// custom model from another AWS account": the same region, and a role if either model is encrypted with a key.
func (s *custom) copyOf(c *api.Call, tx store.Tx, in *shape.ImportModelRequest) (*model.Model, error) {
	bad := func(format string, a ...any) (*model.Model, error) {
		return nil, fault.New("InvalidRequestException", format, a...)
	}
	from := strings.SplitN(*in.SourceModelArn, ":", 6)
	if from[1] != c.Partition || from[3] != c.Region {
		return bad("The model %s is not in the region %s: a model can be imported within its region only.", *in.SourceModelArn, c.Region)
	}
	if r := deref(in.DataAccessRoleArn); r != "" && accountOf(r) != c.Account {
		return bad("The data access role %s does not belong to the account %s: a role cannot be passed across accounts.", r, c.Account)
	}
	source, err := rows.Models.Get(tx, store.Scope{Partition: from[1], Account: from[4], Region: from[3]}, from[5])
	if isNotFound(err) {
		return nil, notFound()
	}
	if err != nil {
		return nil, err
	}
	of := &source.Value
	if err := follow(tx, source.Scope, of); err != nil {
		return nil, err
	}
	if !of.Status.Ready() {
		return nil, refuse("ResourceUnavailableException", "The model %s is in the %s state: only a trained model can be imported.", of.ARN, of.Status)
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	spec, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	m := &model.Model{Kind: of.Kind, Name: deref(in.ModelName), Version: deref(in.VersionName), Language: of.Language, Mode: of.Mode, Status: model.Submitted, Submitted: tx.Now(),
		Spec: spec, RoleARN: deref(in.DataAccessRoleArn), Source: of.ARN}
	if m.Name == "" {
		m.Name = of.Name
	}
	if m.ModelKey, err = keyARN(c, "ModelKmsKeyId", deref(in.ModelKmsKeyId), false); err != nil {
		return nil, err
	}
	if m.RoleARN == "" && (m.ModelKey != "" || of.ModelKey != "") {
		return bad("A DataAccessRoleArn is required to import a model when it or its copy is encrypted with a KMS key.")
	}
	id, err := s.name(c, tx, m)
	if err != nil {
		return nil, err
	}
	if err := rows.Models.Create(tx, c.Scope(), id, m); err != nil {
		return nil, err
	}
	c.Touch(of.ARN)
	return m, made(c, tx, m.ARN, tags)
}
