package fabric

import (
	"reflect"
	"slices"
)

// Same reports whether two drawings ask for the same, their generations aside.
func (d Desired) Same(o Desired) bool {
	if !slices.EqualFunc(d.Ports, o.Ports, Port.same) || !slices.EqualFunc(d.Groups, o.Groups, Group.same) {
		return false
	}
	// What is left is short.
	d.Ports, o.Ports, d.Groups, o.Groups = nil, nil, nil, nil
	d.Generation, o.Generation = 0, 0
	return reflect.DeepEqual(d, o)
}

func (p Port) same(o Port) bool {
	return p.ID == o.ID && p.Alias == o.Alias && p.MAC == o.MAC && p.Subnet == o.Subnet && p.Kind == o.Kind && p.Open == o.Open &&
		slices.Equal(p.Addrs, o.Addrs) && slices.Equal(p.Groups, o.Groups)
}

func (g Group) same(o Group) bool {
	return g.ID == o.ID && slices.Equal(g.Far, o.Far) && sameAllows(g.Egress, o.Egress) && sameAllows(g.Ingress, o.Ingress)
}

func sameAllows(a, b []Allow) bool {
	return slices.EqualFunc(a, b, func(x, y Allow) bool {
		return x.Rule == y.Rule && x.Proto == y.Proto && x.From == y.From && x.To == y.To && x.Group == y.Group && slices.Equal(x.Peers, y.Peers)
	})
}
