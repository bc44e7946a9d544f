package bedrock

import (
	"strings"

	"cloister/internal/api"
	"cloister/internal/api/ask"
	shape "cloister/internal/shape/bedrockruntime"
	"cloister/internal/store"
)

// runtime says what the operations that run models act on. A conversation is authorised as an invocation.
var runtime = &ask.Sheet{
	Service: "bedrockruntime",
	Keys: map[string]string{
		"bedrock:GuardrailIdentifier": "guardrailIdentifier|guardrailConfig.guardrailIdentifier",
		"bedrock:ServiceTier":         "serviceTier.type|serviceTier",
	},
	Operations: map[string]string{
		"Converse":                      "=modelId",
		"ConverseStream":                "=modelId",
		"CountTokens":                   "foundation-model=modelId",
		"InvokeModel":                   "=modelId",
		"InvokeModelWithResponseStream": "=modelId",
	},
}

// marketplace is the resource for models that run on an endpoint of SageMaker.
const marketplace = "marketplace/model-endpoint/all-access"

func runtimeRows() []api.Operation {
	return []api.Operation{
		invocation("Converse", func(in *shape.ConverseRequest) (*string, guard) {
			return in.ModelId, guardOf(in.GuardrailConfig)
		}),
		invocation("ConverseStream", func(in *shape.ConverseStreamRequest) (*string, guard) {
			if g := in.GuardrailConfig; g != nil {
				return in.ModelId, guard{g.GuardrailIdentifier, g.GuardrailVersion}
			}
			return in.ModelId, guard{}
		}),
		invocation("InvokeModel", func(in *shape.InvokeModelRequest) (*string, guard) {
			return in.ModelId, guard{in.GuardrailIdentifier, in.GuardrailVersion}
		}),
		invocation("InvokeModelWithResponseStream", func(in *shape.InvokeModelWithResponseStreamRequest) (*string, guard) {
			return in.ModelId, guard{in.GuardrailIdentifier, in.GuardrailVersion}
		}),
	}
}

// guard is the guardrail of a call.
type guard struct{ id, version *string }

func guardOf(g *shape.GuardrailConfiguration) guard {
	if g == nil {
		return guard{}
	}
	return guard{g.GuardrailIdentifier, g.GuardrailVersion}
}

// arn is the guardrail's, without a version; empty when there is none.
func (g guard) arn(c *api.Call) string {
	id := deref(g.id)
	if id == "" || strings.HasPrefix(id, "arn:") {
		return id
	}
	return c.ARN("bedrock", "guardrail/"+id)
}

// key is what bedrock:GuardrailIdentifier holds: the draft goes without a version. Source: Bedrock User Guide, "Enforce the use
// of specific guardrails in model inference requests".
func (g guard) key(c *api.Call) string {
	if v := deref(g.version); v != "" && v != "DRAFT" {
		return g.arn(c) + ":" + v
	}
	return g.arn(c)
}

// invocation is the row of an operation that runs a model, through a guardrail if the call names one: that is bedrock:ApplyGuardrail
// too (Bedrock User Guide, "Set up permissions to use Amazon Bedrock Guardrails").
func invocation[I any](op string, parts func(*I) (*string, guard)) api.Operation {
	named := runtime.Questions(op)
	base := runtime.As(op, "foundation-model=modelId")
	over := runtime.As(op, "inference-profile=modelId")
	bought := runtime.As(op, "provisioned-model=modelId")
	return api.Operation{Service: runtime.Service, Name: op, ReadOnly: true, Questions: func(c *api.Call, v store.View, in any) ([]api.Question, error) {
		model, g := parts(in.(*I))
		f := named
		switch formOf(deref(model)) {
		case foundation:
			f = base
		case profile:
			f = over
		case byName:
			f = bought
		}
		qs, err := f(c, v, in)
		if err != nil {
			return nil, err
		}
		for i := range qs {
			if strings.HasPrefix(qs[i].Resource, "arn:"+c.Partition+":sagemaker:") {
				qs[i].Resource, qs[i].Owner = c.ARN("bedrock", marketplace), c.Account
			}
			if g.arn(c) != "" {
				qs[i].Keys["bedrock:GuardrailIdentifier"] = []string{g.key(c)}
			}
		}
		if formOf(deref(model)) == profile {
			qs = behind(c, qs, *model)
		}
		if arn := g.arn(c); arn != "" {
			q := api.Question{Action: "bedrock:ApplyGuardrail", Resource: arn, Keys: map[string][]string{}}
			if p := strings.SplitN(arn, ":", 6); len(p) == 6 {
				q.Owner = p[4]
			}
			tags, err := v.Tags(arn)
			if err != nil {
				return nil, err
			}
			for k, val := range tags {
				q.Keys["aws:ResourceTag/"+k] = []string{val}
			}
			qs = append(qs, q)
		}
		return qs, nil
	}}
}
