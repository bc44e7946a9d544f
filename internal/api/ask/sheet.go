// Package ask makes the questions of a service's operations: from what the authorization reference says of their actions and
// from which member of the input names which resource and which condition key. It knows no service; a service writes a Sheet.
package ask

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/action"
	"cloister/internal/store"
)

// Sheet is a service's knowledge of its inputs.
//
// A source is a dotted path of members by their names in the model; lists are passed through, so that a path has as many
// values as the input. Several paths, separated by "|", give the values of the first that is set. A key is
// left out when nothing is set; "path=false" is "false" then. "path#" turns the id of a KMS key into its ARN. "Action@path" is
// for the key in questions about that action alone; where no path is for an action, neither is the default.
type Sheet struct {
	Service string // shape package name: "bedrockruntime"
	// Principal is what iam:PassedToService says: "bedrock.amazonaws.com". Roles are the sources of the roles that are passed.
	Principal string
	Roles     string
	// Tags are the sources of tags that come with a request: lists of structures with Key and Value (or TagKey and TagValue), or
	// maps. TagKeys are the sources of the keys of tags to take away.
	Tags, TagKeys string
	// Keys are the sources of condition keys, by the canonical name of the key. A question has those that its action supports.
	// The source of a key with a placeholder ("kms:EncryptionContext:${EncryptionContextKey}") is a map that fills it.
	Keys map[string]string
	// Wide lets the keys of an action hold for each resource that the call names, not only for those of the types that the
	// reference lists them on.
	Wide bool
	// Types are ARN templates of resource types that the reference lacks.
	Types map[string]string
	// Operations says what each operation acts on: resources, separated by blanks.
	//
	//	""                            no resource-level permissions: "*"
	//	job                           a resource that is to be made: any of the type "job"
	//	key=KeyId                     the resources of the type that a member names; any of the type when it names none
	//	key=KeyId?                    the same, and nothing is asked when it names none
	//	log-stream=group+stream       a type whose ARN has several placeholders
	//	=ResourceArn                  an ARN of any type
	//	ReEncryptFrom@key=SourceKeyId of one of the operation's actions only
	//
	// A member may hold an ARN wherever its resource's id may stand; an ARN of another type that the action has is of that type.
	// When all are left out, the action is asked about any of the first type that it requires, or about "*" if it requires none.
	// An action that comes only with tags is about the resources that name it ("A@key"), else the first.
	Operations map[string]string
	// Find completes a question about a resource that exists: its own policy, keys that depend on its state, its real ARN when
	// the call named an alias. Tags are there already. Nil: nothing is to be added.
	Find func(c *api.Call, v store.View, kind string, q *api.Question) error
}

// Rest gives a row to each operation of the sheet that has none in built: it is authorised, and then told to be not built. A
// sheet that makes no sense is a mistake of the program, which Verify finds in a test: it panics.
func (s *Sheet) Rest(built ...api.Operation) []api.Operation {
	have := map[string]bool{}
	for _, r := range built {
		have[r.Name] = true
	}
	var out []api.Operation
	for _, name := range slices.Sorted(mapKeys(s.Operations)) {
		if have[name] {
			continue
		}
		out = append(out, api.Operation{Service: s.Service, Name: name, ReadOnly: s.reads(name), Questions: s.Questions(name)})
	}
	return out
}

// Questions makes the Questions of one operation's row, built or not.
func (s *Sheet) Questions(operation string) func(*api.Call, store.View, any) ([]api.Question, error) {
	return s.As(operation, s.Operations[operation])
}

// As is Questions with other resources than the sheet says, for an operation whose input decides what they are.
func (s *Sheet) As(operation, resources string) func(*api.Call, store.View, any) ([]api.Question, error) {
	p, err := s.plan(operation, resources)
	if err != nil {
		panic(fmt.Sprintf("cannot tell what %s.%s asks: %v", s.Service, operation, err))
	}
	return p.ask
}

// Ask is Questions for a typed row.
func Ask[I any](s *Sheet, operation string) func(*api.Call, store.View, *I) ([]api.Question, error) {
	f := s.Questions(operation)
	return func(c *api.Call, v store.View, in *I) ([]api.Question, error) { return f(c, v, in) }
}

// reads says what CloudTrail's readOnly will be.
func (s *Sheet) reads(operation string) bool {
	needs, _ := action.ForOperation(s.Service, operation)
	for _, n := range needs {
		a, _ := action.Lookup(n.Action)
		l := cmp.Or(a.AccessLevel, level(a.Name))
		if !strings.Contains(l, "Read") && !strings.Contains(l, "List") {
			return false
		}
	}
	return true
}

// level guesses the access level of an action that the reference knows by name alone.
func level(name string) string {
	_, short, _ := strings.Cut(name, ":")
	for _, p := range []string{"Describe", "Get", "List", "Lookup", "Validate", "Estimate", "Detect", "Count", "Test", "Filter"} {
		if strings.HasPrefix(short, p) {
			return "Read"
		}
	}
	return "Write"
}

// target is one resource spec of an operation.
type target struct {
	action   string // without prefix; empty: each
	kind     string
	template string
	from     [][]string // sources of each placeholder that the call fills; nil: any of the kind
	optional bool
}

// plan is an operation's questions, prepared.
type plan struct {
	sheet   *Sheet
	name    string
	needs   []action.Need
	targets []target
	actions []action.Action              // of the needs
	keys    []map[string]map[string]bool // of the needs: by the resource's type, the keys of the sheet that a question has
}

func (s *Sheet) plan(operation, spec string) (*plan, error) {
	if _, ok := s.Operations[operation]; !ok {
		return nil, errors.New("its sheet does not name it")
	}
	needs, ok := action.ForOperation(s.Service, operation)
	if !ok {
		return nil, errors.New("no source names its action")
	}
	p := &plan{sheet: s, name: operation, needs: needs}
	for word := range strings.FieldsSeq(spec) {
		t, err := s.target(needs[0].Action, word)
		if err != nil {
			return nil, err
		}
		p.targets = append(p.targets, t)
	}
	if p.targets == nil {
		p.targets = []target{{template: "*"}}
	}
	for _, n := range needs {
		a, _ := action.Lookup(n.Action)
		kinds := map[string]map[string]bool{"": s.has(a, "")}
		for _, r := range a.Resources {
			kinds[r.Name] = s.has(a, r.Name)
		}
		for _, t := range p.targets {
			kinds[t.kind] = s.has(a, t.kind)
		}
		p.actions, p.keys = append(p.actions, a), append(p.keys, kinds)
	}
	return p, nil
}

// has tells which keys of the sheet a question about an action has on a resource of a type.
func (s *Sheet) has(a action.Action, kind string) map[string]bool {
	out := map[string]bool{}
	for key := range s.Keys {
		if supports(a, kind, key) || s.Wide && supports(a, anyKind, key) {
			out[key] = true
		}
	}
	return out
}

func (s *Sheet) target(name, word string) (target, error) {
	var t target
	if a, rest, ok := strings.Cut(word, "@"); ok {
		t.action, word = a, rest
	}
	word, t.optional = strings.CutSuffix(word, "?")
	kind, from, named := strings.Cut(word, "=")
	t.kind = kind
	if kind != "" {
		if t.template = s.template(name, kind); t.template == "" {
			return t, fmt.Errorf("%q is no type of resource of it", kind)
		}
	} else if t.template = "*"; !named {
		return t, fmt.Errorf("%q is no resource", word)
	}
	if named {
		for part := range strings.SplitSeq(from, "+") {
			t.from = append(t.from, strings.Split(part, "|"))
		}
	}
	return t, nil
}

// template finds a type's ARN: the sheet's own first, then the service's, then those of the action (another service's may be
// among them).
func (s *Sheet) template(name, kind string) string {
	if t := s.Types[kind]; t != "" {
		return t
	}
	prefix, _, _ := strings.Cut(name, ":")
	for _, t := range action.Types(prefix) {
		if t.Name == kind {
			return t.ARN
		}
	}
	a, _ := action.Lookup(name)
	for _, t := range a.Resources {
		if t.Name == kind {
			return t.ARN
		}
	}
	return ""
}

func mapKeys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
