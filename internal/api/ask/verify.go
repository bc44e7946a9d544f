package ask

import (
	"fmt"
	"slices"
	"strings"

	"cloister/internal/core/action"
	"cloister/internal/shape/model"
)

// Verify holds a sheet against the model and the authorization reference, for a service's test: each operation of the model
// is there, each path leads to a member, each resource type that an action requires is asked about, and each condition key that
// an action has of its own has a source. Keys that no input holds (they are the gate's, or come from a resource's state) are
// listed in elsewhere, by name or with a trailing *.
func (s *Sheet) Verify(built []string, elsewhere ...string) []error {
	m, err := model.Load(s.Service)
	if err != nil {
		return []error{err}
	}
	var errs []error
	complain := func(format string, a ...any) { errs = append(errs, fmt.Errorf(s.Service+": "+format, a...)) }
	used := map[string]bool{}
	note := func(op *model.Operation, src string) bool {
		ok := false
		for _, p := range paths(src) {
			if find(op.Input, bare(p)) == nil {
				ok, used[bare(p)] = true, true
			}
		}
		return ok
	}
	for name, op := range m.Operations {
		spec, there := s.Operations[name]
		if !there {
			if !slices.Contains(built, name) {
				complain("%s asks nothing", name)
			}
			continue
		}
		p, err := s.plan(name, spec)
		if err != nil {
			complain("%s: %v", name, err)
			continue
		}
		for _, t := range p.targets {
			for _, src := range t.from {
				for _, path := range src {
					if err := find(op.Input, path); err != nil {
						complain("%s: %v", name, err)
					}
				}
			}
		}
		for _, src := range s.Keys {
			src, _, _ = strings.Cut(src, "=")
			note(op, strings.TrimSuffix(src, "#"))
		}
		tagged, passes := note(op, s.Tags), note(op, s.Roles)
		note(op, s.TagKeys)
		for _, n := range p.needs {
			a, _ := action.Lookup(n.Action)
			switch {
			case n.When == "tags are given" && !tagged:
				complain("%s asks for %s when tags are given, and no source finds tags", name, n.Action)
			case n.Action == "iam:PassRole" && !passes:
				complain("%s passes a role, and no source finds it", name)
			case n.Action == "iam:PassRole" || n.When != "":
				continue
			}
			_, short, _ := strings.Cut(n.Action, ":")
			for _, r := range a.Resources {
				if r.Required && !slices.ContainsFunc(p.targets, func(t target) bool {
					return (t.action == "" || t.action == short) && (t.kind == r.Name || t.kind == "" && t.from != nil)
				}) {
					complain("%s is authorised on %s, and nothing is asked about it", name, r.Name)
				}
			}
			keys := slices.Clone(a.Keys)
			for _, r := range a.Resources {
				keys = append(keys, r.Keys...)
			}
			for _, k := range keys {
				if strings.HasPrefix(k, "aws:") || s.Keys[k] != "" || slices.ContainsFunc(elsewhere, func(e string) bool {
					head, open := strings.CutSuffix(e, "*")
					return k == e || open && strings.HasPrefix(k, head)
				}) {
					continue
				}
				complain("%s has the key %s, and no source gives it", name, k)
			}
		}
	}
	for name := range s.Operations {
		if m.Operations[name] == nil {
			complain("no model has %s", name)
		}
	}
	for key, src := range s.Keys {
		if _, _, ok := action.KeyType(key); !ok {
			complain("%s is no condition key", key)
		}
		src, _, _ = strings.Cut(src, "=")
		errs = append(errs, s.unused(used, key, strings.TrimSuffix(src, "#"))...)
	}
	for what, src := range map[string]string{"Tags": s.Tags, "TagKeys": s.TagKeys, "Roles": s.Roles} {
		errs = append(errs, s.unused(used, what, src)...)
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return slices.CompactFunc(errs, func(a, b error) bool { return a.Error() == b.Error() })
}

func (s *Sheet) unused(used map[string]bool, what, src string) []error {
	var errs []error
	for _, p := range paths(src) {
		if p = bare(p); !used[p] {
			errs = append(errs, fmt.Errorf("%s: no operation has a member %s, the source of %s", s.Service, p, what))
		}
	}
	return errs
}

// bare is a path without the action that it is for.
func bare(path string) string { return path[strings.Index(path, "@")+1:] }

// find follows a path below an input's shape; lists are passed through.
func find(r *model.Ref, path string) error {
	if r == nil {
		return fmt.Errorf("it has no input, so no %s", path)
	}
	for name := range strings.SplitSeq(path, ".") {
		for r.Shape.Type == "list" {
			r = r.Shape.Element
		}
		if r.Shape.Type == "map" && name == keysOf {
			r = r.Shape.Key
			continue
		}
		next := r.Shape.ByName[name]
		if next == nil {
			return fmt.Errorf("%s has no member %s", r.Shape.Name, name)
		}
		r = next
	}
	return nil
}
