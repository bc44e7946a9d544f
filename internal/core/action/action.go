// Package action says what AWS's Service Authorization Reference says of actions: their resources and condition keys.
// It is a table that never changes while the program runs, read from a generated file at the first question.
//
// Source: the Service Authorization Reference, through iam-data (see NOTICE), trimmed to the services of Cloister.
package action

import (
	"slices"
	"strings"
)

// Action is one action of a service. Its slices are shared: read only.
type Action struct {
	Name        string // "s3:GetObject"
	AccessLevel string // "Read", "Tagging, Write", ...; empty: no more than the name is known
	Resources   []ResourceType
	Keys        []string // condition keys that hold whatever the resource; canonical names
	// WildcardOnly actions have no resource-level permissions: their resource is "*".
	WildcardOnly bool
	// Complete is false when the table may lack resource types or keys of the action.
	Complete bool
}

// Service is the prefix of the action's name.
func (a *Action) Service() string {
	prefix, _, _ := strings.Cut(a.Name, ":")
	return prefix
}

// ResourceType is a type of resource that an action is authorised on.
type ResourceType struct {
	Name     string   // "object"
	Required bool     // the action always has such a resource
	ARN      string   // template: "arn:${Partition}:s3:::${BucketName}/${ObjectName}"
	Keys     []string // condition keys of the action on such a resource, and of the resource itself; canonical names
}

// Lookup finds an action by its name, ignoring case.
func Lookup(name string) (Action, bool) {
	prefix, short, _ := strings.Cut(name, ":")
	s := table().services[strings.ToLower(prefix)]
	if s == nil {
		return Action{}, false
	}
	i, ok := s.index[strings.ToLower(short)]
	if !ok {
		return Action{}, false
	}
	return s.actions[i], true
}

// Matching gives the actions that an element of Action matches, by service and name. "*" and "?" are wildcards in the
// name; "*" alone is every action.
func Matching(pattern string) []Action {
	var out []Action
	prefix, short, colon := strings.Cut(strings.ToLower(pattern), ":")
	for _, p := range table().order {
		s := table().services[p]
		switch {
		case pattern == "*":
			out = append(out, s.actions...)
		case !colon || p != prefix:
		case short == "*":
			return s.actions[:len(s.actions):len(s.actions)]
		default:
			for i, l := range s.lower {
				if glob(short, l) {
					out = append(out, s.actions[i])
				}
			}
		}
	}
	return out
}

// Services lists the prefixes of all services in the table, in order.
func Services() []string { return slices.Clone(table().order) }

// Whole reports whether the table holds every action, resource type and key of a service. Of the others it holds those
// that Cloister is to have.
func Whole(service string) bool {
	s := table().services[strings.ToLower(service)]
	return s != nil && s.whole
}

// Types lists the resource types of a service, each with the keys that the resource itself brings.
func Types(service string) []ResourceType {
	s := table().services[strings.ToLower(service)]
	if s == nil {
		return nil
	}
	return slices.Clone(s.types)
}

// Keys lists the condition keys of a service in their canonical form, without the global ones that hold for all.
func Keys(service string) []string {
	s := table().services[strings.ToLower(service)]
	if s == nil {
		return nil
	}
	return slices.Clone(s.keys)
}

// GlobalKeys lists the keys that need no service's support.
func GlobalKeys() []string { return slices.Clone(table().global) }

// KeyType gives the type of a condition key (String, ARN, Bool, Date, IPAddress, Numeric, ArrayOfString, ArrayOfARN;
// empty when the reference is silent) and whether it holds a set of values. Case does not matter.
func KeyType(key string) (typ string, multivalued, ok bool) {
	k := table().key(key)
	if k == nil {
		return "", false, false
	}
	return k.typ, strings.HasPrefix(k.typ, "ArrayOf"), true
}

// CanonicalKey gives the name under which the table holds a key: "aws:requesttag/Team" is "aws:RequestTag/${TagKey}".
func CanonicalKey(key string) (string, bool) {
	k := table().key(key)
	if k == nil {
		return "", false
	}
	return k.name, true
}

// Global reports whether a key holds for every action: the aws: keys but those of tags, which actions must support.
func Global(key string) bool {
	k := table().key(key)
	return k != nil && k.global
}

// glob matches text with a pattern of * and ?; both are lower case.
func glob(p, s string) bool {
	star, mark, i, j := -1, 0, 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(p[i:], "*") == ""
}
