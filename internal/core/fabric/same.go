package fabric

import (
	"reflect"
	"slices"
)

// Same reports whether two drawings ask for the same, their generations aside.
func (d Desired) Same(o Desired) bool {
	return alike(d.Groups, o.Groups, Group.same) && d.SameButRules(o)
}

// SameButRules reports whether two drawings differ in the rules of groups alone, if at all.
func (d Desired) SameButRules(o Desired) bool {
	return alike(d.Groups, o.Groups, Group.sameMembers) && alike(d.Ports, o.Ports, Port.same) && d.SameFrame(o)
}

// SameFrame reports whether two drawings have the same besides ports and groups.
func (d Desired) SameFrame(o Desired) bool {
	d.Ports, o.Ports, d.Groups, o.Groups = nil, nil, nil, nil
	d.Generation, o.Generation = 0, 0
	return reflect.DeepEqual(d, o) // what is left is short
}

func (p Port) same(o Port) bool {
	return p.ID == o.ID && p.Alias == o.Alias && p.MAC == o.MAC && p.Subnet == o.Subnet && p.Kind == o.Kind && p.Open == o.Open &&
		slices.Equal(p.Addrs, o.Addrs) && slices.Equal(p.Groups, o.Groups)
}

func (g Group) sameMembers(o Group) bool { return g.ID == o.ID && slices.Equal(g.Far, o.Far) }

func (g Group) same(o Group) bool {
	return g.sameMembers(o) && sameAllows(g.Egress, o.Egress) && sameAllows(g.Ingress, o.Ingress)
}

// SamePorts and SameGroup compare what a drawing has most of.
func SamePorts(a, b []Port) bool { return alike(a, b, Port.same) }

// SameGroup is true for groups with the same members elsewhere and the same rules.
func SameGroup(a, b Group) bool { return a.same(b) }

func sameAllows(a, b []Allow) bool { return alike(a, b, Allow.same) }

func (x Allow) same(y Allow) bool {
	return x.Rule == y.Rule && x.Proto == y.Proto && x.From == y.From && x.To == y.To && x.Group == y.Group && slices.Equal(x.Peers, y.Peers)
}

// alike compares two lists; one that was kept as it is needs no look at its parts.
func alike[T any](a, b []T, same func(T, T) bool) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.EqualFunc(a, b, same))
}
