package comprehend

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// Principals are the users and roles that policies of models name.
type Principals interface {
	ResolvePrincipal(v store.View, arn string) (id string, ok bool)
	RenderPrincipal(v store.View, id string) (arn string, ok bool)
}

// custom makes the operations of custom models.
type custom struct{ who Principals }

// rows are the operations of custom models, but for those that a family has, and of what serves them.
func (s *custom) rows() []api.Rower {
	return slices.Concat(s.policyRows(), s.importRows(), endpointRows(), flywheelRows())
}

// training is one that is ordered.
type training struct {
	order
	inputs []job.Input
	setup  job.Training
}

// languages are those in which custom models can be trained (Comprehend Developer Guide, "Languages supported").
var languages = []string{"en", "es", "de", "it", "fr", "pt"}

// order writes a model down as SUBMITTED, and the job that trains it. The same token with the same input gives the first model again.
func (s *custom) order(c *api.Call, tx store.Tx, f family, in any) (*model.Model, error) {
	var t training
	carry(&t.order, in)
	if err := f.read(&t); err != nil {
		return nil, err
	}
	role, language, token := *t.DataAccessRoleArn, *t.LanguageCode, deref(t.ClientRequestToken)
	if accountOf(role) != c.Account {
		return nil, fault.New("InvalidRequestException", "The data access role %s does not belong to the account %s: a role cannot be passed across accounts.", role, c.Account)
	}
	if !slices.Contains(languages, language) {
		return nil, refuse("UnsupportedLanguageException", "Custom models cannot be trained for the language code %s. Supported are %s.", language, strings.Join(languages, ", "))
	}
	tags, err := newTags(t.Tags)
	if err != nil {
		return nil, err
	}
	kept := shape.NewInput("Create" + f.operation) // the event has the tags as they came
	carry(kept, in)
	carry(kept, &struct{ Tags []shape.Tag }{ordered(t.Tags)})
	spec, err := json.Marshal(kept)
	if err != nil {
		return nil, err
	}
	if token != "" {
		old, err := rows.Models.Find(tx, c.Scope(), "token", f.kind+"/"+token)
		switch {
		case err == nil && string(old.Value.Spec) == string(spec):
			return &old.Value, nil
		case err == nil:
			return nil, fault.New("InvalidRequestException", "The client request token %s was used before with other parameters.", token)
		case !isNotFound(err):
			return nil, err
		}
	}
	m := &model.Model{Kind: f.kind, Name: *said(in, f.name), Version: deref(t.VersionName), Language: language, Mode: deref(t.Mode), Status: model.Submitted, Submitted: tx.Now(),
		Job: c.Dice.Hex(32), Spec: spec, RoleARN: role, Token: token}
	j := &job.Job{ID: m.Job, Kind: f.kind, Partition: c.Partition, Account: c.Account, Region: c.Region, Service: Principal, Name: m.Name, RoleARN: role, Inputs: t.inputs,
		State: job.Submitted, Submitted: tx.Now(), RequestID: c.RequestID, Caller: c.Caller.ARN}
	if m.ModelKey, err = keyARN(c, "ModelKmsKeyId", deref(t.ModelKmsKeyId), false); err != nil {
		return nil, err
	}
	if j.VolumeKey, err = keyARN(c, "VolumeKmsKeyId", deref(t.VolumeKmsKeyId), false); err != nil {
		return nil, err
	}
	if o := t.OutputDataConfig; o != nil && o.S3Uri != nil {
		j.OutputURI, j.OutputObject = *o.S3Uri, outputOf(*o.S3Uri, c.Account, f.kind, j.ID)
		if j.OutputKey, err = keyARN(c, "OutputDataConfig.KmsKeyId", deref(o.KmsKeyId), true); err != nil {
			return nil, err
		}
	}
	if j.Network, err = networkOf(t.VpcConfig); err != nil {
		return nil, err
	}
	if err := spare(c, tx, f.kind); err != nil {
		return nil, err
	}
	id, err := s.name(c, tx, m)
	if err != nil {
		return nil, err
	}
	if t.ModelPolicy != nil {
		if err := s.attach(c, tx, m, *t.ModelPolicy); err != nil {
			return nil, err
		}
	}
	j.ARN, j.Trains, j.ModelKey = m.ARN, m.ARN, m.ModelKey
	j.Setup = job.Setup{Kind: f.kind, Language: language, Limit: job.Kinds()[f.kind].Limits.Document, Format: t.setup.Format, Training: &t.setup}
	if err := rows.Models.Create(tx, c.Scope(), id, m); err != nil {
		return nil, err
	}
	if err := rows.Jobs.Create(tx, c.Scope(), j.ID, j); err != nil {
		return nil, err
	}
	return m, made(c, tx, m.ARN, tags)
}

// made notes what a call has made, with the tags that it is to have.
func made(c *api.Call, tx store.Tx, arn string, tags map[string]string) error {
	c.Touch(arn)
	if len(tags) == 0 {
		return nil
	}
	return tx.SetTags(arn, c.Scope(), tags)
}

// name gives a model its ARN and the id of its row. Source: Comprehend Developer Guide, "Model versioning": a version's name is unique among
// those of its model, and a name that is there can be used again for a version only.
func (s *custom) name(c *api.Call, v store.View, m *model.Model) (string, error) {
	id := m.Kind + "/" + m.Name
	if m.Version != "" {
		id += "/version/" + m.Version
	}
	m.ARN = c.ARN("comprehend", id)
	if m.Version != "" {
		_, err := rows.Models.Get(v, c.Scope(), id)
		switch {
		case err == nil:
			return "", fault.New("ResourceInUseException", nameInUse+"The model %s has a version %s already.", m.Name, m.Version)
		case !isNotFound(err):
			return "", err
		}
		return id, nil
	}
	there, err := rows.Models.List(v, store.Query{Scope: c.Scope(), Term: store.Term{Name: "name", Value: m.Kind + "/" + m.Name}, Limit: 1})
	if err == nil && len(there) > 0 {
		err = fault.New("ResourceInUseException", nameInUse+"The account has a model %s. Give a VersionName to train another version of it.", m.Name)
	}
	return id, err
}

// spare refuses a training when as many are active as may be.
func spare(c *api.Call, v store.View, kind string) error {
	active, err := rows.Jobs.List(v, store.Query{Scope: c.Scope(), Term: store.Term{Name: "live", Value: "yes"}})
	if err != nil {
		return err
	}
	n := 0
	for _, a := range active {
		if a.Value.Kind == kind && !a.Value.State.Ended() {
			n++
		}
	}
	if n >= maxActive {
		return refuse("ResourceLimitExceededException", "The account has %d active trainings of kind %s, which is the limit.", n, kind)
	}
	return nil
}

// modelOf reads one model of the account by its ARN; kind may be empty.
func modelOf(c *api.Call, v store.View, kind string, arn *string) (store.Item[model.Model], error) {
	it, err := rows.Models.Find(v, c.Scope(), "arn", deref(arn))
	if isNotFound(err) || err == nil && kind != "" && it.Value.Kind != kind {
		return it, notFound()
	}
	if err != nil {
		return it, err
	}
	return it, follow(v, it.Scope, &it.Value)
}

// follow brings a model that is being trained up to its job.
func follow(v store.View, at store.Scope, m *model.Model) error {
	if m.Status.Ended() || m.Status == model.Deleting || m.Job == "" {
		return nil
	}
	j, err := rows.Jobs.Get(v, at, m.Job)
	if isNotFound(err) {
		return nil
	}
	if err == nil {
		m.Follow(&j.Value)
	}
	return err
}

// keyID is an id or ARN of a KMS key.
var keyID = regexp.MustCompile(`^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/)?(mrk-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$`)

var keyAlias = regexp.MustCompile(`^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:)?alias/[a-zA-Z0-9/_-]+$`)

// keyARN reads a member that names a KMS key: an id or ARN, of some members also an alias. Whether the key can be used is seen by the training
// itself, with the data access role. Source: Comprehend API Reference, VolumeKmsKeyId, ModelKmsKeyId, OutputDataConfig.
func keyARN(c *api.Call, member, id string, alias bool) (string, error) {
	switch {
	case id == "":
		return "", nil
	case !keyID.MatchString(id) && !(alias && keyAlias.MatchString(id)):
		forms := "the ID or ARN"
		if alias {
			forms = "the ID, ARN or alias"
		}
		return "", refuse("KmsKeyValidationException", "The KMS key that %s names cannot be validated: give %s of a key.", member, forms)
	}
	arn := ask.KeyARN(c, id)
	if p := strings.SplitN(arn, ":", 6); p[3] != c.Region {
		return "", refuse("KmsKeyValidationException", "The KMS key that %s names is not in the region %s.", member, c.Region)
	}
	return arn, nil
}

func networkOf(v *shape.VpcConfig) (*job.Network, error) {
	if v == nil {
		return nil, nil
	}
	if dup := duplicate(v.Subnets); dup != "" {
		return nil, fault.New("InvalidRequestException", "The subnet ID %s is given twice.", dup)
	}
	if dup := duplicate(v.SecurityGroupIds); dup != "" {
		return nil, fault.New("InvalidRequestException", "The security group ID %s is given twice.", dup)
	}
	return &job.Network{Subnets: v.Subnets, Groups: v.SecurityGroupIds}, nil
}

// newTags are the tags of what is to be made.
func newTags(in []shape.Tag) (map[string]string, error) {
	if len(in) > maxTags {
		return nil, refuse("TooManyTagsException", "There would be %d.", len(in))
	}
	out := map[string]string{}
	for _, t := range in {
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return nil, fault.New("InvalidRequestException", "Tag keys starting with \"aws:\" are reserved for AWS.")
		}
		if _, twice := out[*t.Key]; twice {
			return nil, fault.New("InvalidRequestException", "Duplicate tag keys found: %s.", *t.Key)
		}
		out[*t.Key] = deref(t.Value)
	}
	return out, nil
}
