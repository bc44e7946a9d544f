// Package wire speaks the AWS protocols: json 1.0/1.1, rest-json, rest-xml, query and ec2, to shapes and faults and back. It
// decides nothing: whether a caller is who he says, may do it, or what the answer is, others know.
//
// A request goes through it in this order: Identify (headers alone), then, when the body is verified, ParseForm for the
// query protocols, Find, Decode, Validate, SetMembers; the answer by Encode or EncodeFault.
package wire

import (
	"sync"

	"cloister/internal/shape/bedrock"
	"cloister/internal/shape/bedrockruntime"
	"cloister/internal/shape/cloister"
	"cloister/internal/shape/cloudformation"
	"cloister/internal/shape/cloudtrail"
	"cloister/internal/shape/comprehend"
	"cloister/internal/shape/ec2"
	"cloister/internal/shape/iam"
	"cloister/internal/shape/kms"
	"cloister/internal/shape/logs"
	"cloister/internal/shape/model"
	"cloister/internal/shape/s3"
	"cloister/internal/shape/s3control"
	"cloister/internal/shape/sagemaker"
	"cloister/internal/shape/sts"
	"cloister/internal/shape/tagging"
)

// MaxBody is the most that is read of a body that is not an object's bytes: 1 MiB.
const MaxBody = 1 << 20

// maxParts is the same for the list of a multipart upload: 10,000 parts with entity tags, escaped, and SHA-256 sums have 2.1 MiB.
const maxParts = 4 << 20

// Registry is all services. It is safe for concurrent use.
type Registry struct {
	all    []*Service
	byName map[string]*Service
}

// Service is one AWS service. Its model is read when it is first asked for an operation.
type Service struct {
	model.Service
	load func() *loaded
	kin  []*Service // all services with this signing name, this one among them
}

// Operation is one operation of a service.
type Operation struct {
	Service *Service
	Name    string
	op      *model.Operation
	route   *route // REST protocols only
}

// Labels are the values that a path carries, decoded, by their names in the model (Bucket, Key, modelId).
type Labels map[string]string

type loaded struct {
	model  *model.Model
	ops    map[string]*Operation
	byVerb map[string][]*Operation // REST: by HTTP method, in the order of names
	match  sync.Map                // pattern text -> func(string) bool, compiled when first met
}

type constructors struct {
	names         func() []string
	input, output func(string) any
}

// shapes maps a service to its generated package.
func shapes(service string) constructors {
	switch service {
	case "bedrock":
		return constructors{bedrock.Operations, bedrock.NewInput, bedrock.NewOutput}
	case "bedrockruntime":
		return constructors{bedrockruntime.Operations, bedrockruntime.NewInput, bedrockruntime.NewOutput}
	case "cloister":
		return constructors{cloister.Operations, cloister.NewInput, cloister.NewOutput}
	case "cloudformation":
		return constructors{cloudformation.Operations, cloudformation.NewInput, cloudformation.NewOutput}
	case "cloudtrail":
		return constructors{cloudtrail.Operations, cloudtrail.NewInput, cloudtrail.NewOutput}
	case "comprehend":
		return constructors{comprehend.Operations, comprehend.NewInput, comprehend.NewOutput}
	case "ec2":
		return constructors{ec2.Operations, ec2.NewInput, ec2.NewOutput}
	case "iam":
		return constructors{iam.Operations, iam.NewInput, iam.NewOutput}
	case "kms":
		return constructors{kms.Operations, kms.NewInput, kms.NewOutput}
	case "logs":
		return constructors{logs.Operations, logs.NewInput, logs.NewOutput}
	case "s3":
		return constructors{s3.Operations, s3.NewInput, s3.NewOutput}
	case "s3control":
		return constructors{s3control.Operations, s3control.NewInput, s3control.NewOutput}
	case "sagemaker":
		return constructors{sagemaker.Operations, sagemaker.NewInput, sagemaker.NewOutput}
	case "sts":
		return constructors{sts.Operations, sts.NewInput, sts.NewOutput}
	case "tagging":
		return constructors{tagging.Operations, tagging.NewInput, tagging.NewOutput}
	}
	return constructors{func() []string { return nil }, func(string) any { return nil }, func(string) any { return nil }}
}

// Open gives all services; it reads no model yet.
func Open() *Registry {
	r := &Registry{byName: map[string]*Service{}}
	signed := map[string][]*Service{}
	for _, row := range model.Services() {
		s := &Service{Service: row}
		s.load = sync.OnceValue(s.read)
		r.all = append(r.all, s)
		r.byName[s.Name] = s
		signed[s.SigningName] = append(signed[s.SigningName], s)
	}
	for _, s := range r.all {
		s.kin = signed[s.SigningName]
	}
	return r
}

// read links the embedded model. The models are part of the binary and a test reads each: a failure is a broken build.
func (s *Service) read() *loaded {
	m, err := model.Load(s.Name)
	if err != nil {
		panic(err)
	}
	l := &loaded{model: m, ops: map[string]*Operation{}, byVerb: map[string][]*Operation{}}
	for _, n := range shapes(s.Name).names() {
		o := &Operation{Service: s, Name: n, op: m.Operations[n]}
		if s.rest() {
			o.route = newRoute(o.op)
			l.byVerb[o.op.Method] = append(l.byVerb[o.op.Method], o)
		}
		l.ops[n] = o
	}
	return l
}

// Services lists all, by name.
func (r *Registry) Services() []*Service { return r.all }

// Service finds a service by our package name ("ec2", "bedrockruntime"); nil when there is none.
func (r *Registry) Service(name string) *Service { return r.byName[name] }

// Operation finds an operation by its AWS name; nil when there is none.
func (s *Service) Operation(name string) *Operation { return s.load().ops[name] }

// Operations lists the names of all operations, sorted.
func (s *Service) Operations() []string { return shapes(s.Name).names() }

// Form reports whether the operation stands in a form body, so that Find needs ParseForm's values.
func (s *Service) Form() bool { return s.Protocol == "query" || s.Protocol == "ec2" }

// Streams reports whether bodies may be an object's bytes: they are passed on as a stream and never buffered before
// Find has told whether the operation Streams.
func (s *Service) Streams() bool { return s.Name == "s3" }

func (s *Service) rest() bool { return s.Protocol == "rest-json" || s.Protocol == "rest-xml" }

// Streams reports whether the request's body is a stream of bytes (PutObject, UploadPart).
func (o *Operation) Streams() bool {
	p := o.payload(o.op.Input)
	return p != nil && p.Streaming
}

// Unsigned reports whether the model lets the operation come without a signature (AssumeRoleWithWebIdentity and SAML).
func (o *Operation) Unsigned() bool { return o.op.NoAuth }

// New makes an empty input.
func (o *Operation) New() any { return shapes(o.Service.Name).input(o.Name) }

// NewOutput makes an empty output.
func (o *Operation) NewOutput() any { return shapes(o.Service.Name).output(o.Name) }

func (o *Operation) payload(r *model.Ref) *model.Ref {
	if r == nil || r.Shape.Payload == "" {
		return nil
	}
	return r.Shape.ByName[r.Shape.Payload]
}
