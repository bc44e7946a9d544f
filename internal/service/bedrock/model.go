package bedrock

import (
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	shape "cloister/internal/shape/bedrock"
	"cloister/internal/store"
)

// form is how a call names a model.
type form uint8

const (
	unnamed form = iota
	byARN
	foundation // "anthropic.claude-3-haiku-20240307-v1:0": no account is in its ARN
	profile    // "us.anthropic.claude-3-haiku-20240307-v1:0": an inference profile over several regions
	byName     // of a custom or provisioned model; only the service knows its ARN
)

// geographies begin the ids of inference profiles (Bedrock User Guide, "Supported Regions and models for inference profiles").
var geographies = []string{"apac", "au", "ca", "eu", "global", "jp", "us", "us-gov"}

func formOf(id string) form {
	head, _, dotted := strings.Cut(id, ".")
	switch {
	case id == "":
		return unnamed
	case strings.HasPrefix(id, "arn:"):
		return byARN
	case dotted && slices.Contains(geographies, head):
		return profile
	case dotted:
		return foundation
	}
	return byName
}

// variedRows are operations on models of several kinds, and those that make two things with tags of their own.
func variedRows() []api.Operation {
	return []api.Operation{
		byModel("CreateModelCustomizationJob", "baseModelIdentifier", func(in *shape.CreateModelCustomizationJobRequest) *string { return in.BaseModelIdentifier },
			customization, "", func(in *shape.CreateModelCustomizationJobRequest) ([]shape.Tag, []shape.Tag) {
				return in.JobTags, in.CustomModelTags
			}),
		byModel("CreateModelInvocationJob", "modelId", func(in *shape.CreateModelInvocationJobRequest) *string { return in.ModelId },
			"model-invocation-job", "custom-model", nil),
		byModel("CreateProvisionedModelThroughput", "modelId", func(in *shape.CreateProvisionedModelThroughputRequest) *string { return in.ModelId },
			"TagResource@provisioned-model", "custom-model", nil),
		byModel("UpdateProvisionedModelThroughput", "desiredModelId", func(in *shape.UpdateProvisionedModelThroughputRequest) *string { return in.DesiredModelId },
			"provisioned-model=provisionedModelId", "custom-model", nil),
		importJob(),
	}
}

// byModel is a row whose resources are what always is there and the model; a model that goes by its name may be any custom one.
func byModel[I any](op, member string, model func(*I) *string, always, custom string, tags func(*I) (job, model []shape.Tag)) api.Operation {
	either := sheet.Questions(op)
	base := sheet.As(op, always+" foundation-model="+member)
	named := sheet.As(op, always+" "+custom)
	return api.Operation{Service: sheet.Service, Name: op, Questions: func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		f := either
		var id string
		if p := model(in.(*I)); p != nil {
			id = *p
		}
		switch formOf(id) {
		case byARN, foundation:
			f = base
		case profile:
			f = sheet.As(op, always+" inference-profile="+member)
		case byName:
			f = named
		}
		qs, err := f(c, v, in)
		if formOf(id) == profile {
			qs = behind(c, qs, id)
		}
		if tags != nil {
			j, m := tags(in.(*I))
			qs = apart(qs, j, m)
		}
		return qs, err
	}}
}

// behind asks about the model behind an inference profile too, with the profile as a key. Source: Bedrock User Guide,
// "Prerequisites for inference profiles". The models of other regions that the profile may choose are not asked about.
func behind(c *api.Call, qs []api.Question, id string) []api.Question {
	_, base, _ := strings.Cut(id, ".")
	var out []api.Question
	for _, q := range qs {
		out = append(out, q)
		if !strings.Contains(q.Resource, ":inference-profile/") {
			continue
		}
		under := api.Question{Action: q.Action, Resource: "arn:" + c.Partition + ":bedrock:" + c.Region + "::foundation-model/" + base, Keys: map[string][]string{}}
		for k, val := range q.Keys {
			under.Keys[k] = val
		}
		if strings.HasPrefix(q.Action, "bedrock:Invoke") {
			under.Keys["bedrock:InferenceProfileArn"] = []string{q.Resource}
		}
		out = append(out, under)
	}
	return out
}

// importJob acts on no resource, and makes two.
func importJob() api.Operation {
	f := ask.Ask[shape.CreateModelImportJobRequest](sheet, "CreateModelImportJob")
	return api.Op[shape.CreateModelImportJobRequest, shape.CreateModelImportJobResponse]{Name: "CreateModelImportJob",
		Questions: func(c *api.Call, v store.View, in *shape.CreateModelImportJobRequest) ([]api.Question, error) {
			qs, err := f(c, v, in)
			return apart(qs, in.JobTags, in.ImportedModelTags), err
		}}.Row(sheet.Service)
}

// apart gives each question the tags of what it is about: a job and its model have lists of their own. Tagging is asked about
// what gets tags. The action itself is asked with the tags of both, but where they disagree each resource has its own value, so
// that no value goes unseen (a reading: the reference does not say).
func apart(qs []api.Question, job, model []shape.Tag) []api.Question {
	var out []api.Question
	for _, q := range qs {
		own, other := model, job
		if strings.Contains(q.Resource, "-job/") {
			own, other = job, model
		}
		switch q.Action {
		case "iam:PassRole":
			own, other = nil, nil
		case "bedrock:TagResource":
			if len(own) == 0 {
				continue
			}
			for k := range q.Keys {
				if strings.HasPrefix(k, "aws:RequestTag/") {
					delete(q.Keys, k)
				}
			}
			other = nil
			q.Keys["aws:TagKeys"] = names(own)
		}
		for _, t := range slices.Concat(other, own) {
			if k := deref(t.Key); k != "" {
				q.Keys["aws:RequestTag/"+k] = []string{deref(t.Value)}
			}
		}
		out = append(out, q)
	}
	return out
}

func names(tags []shape.Tag) []string {
	var out []string
	for _, t := range tags {
		if k := deref(t.Key); k != "" && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
