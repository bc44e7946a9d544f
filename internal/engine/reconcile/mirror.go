package reconcile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// bearing is what a row has to do with networks.
type bearing struct {
	vpcs     []string
	scope    bool // on all VPCs of the row's account and region
	attached bool // something sits on the interface
	exposed  netip.Addr
}

// kinds are the tables that networks are drawn from, and how to read off a row which ones.
func kinds() map[string]func(store.Key, []byte) (bearing, error) {
	in := func(_ store.Key, b []byte) (bearing, error) {
		var x struct {
			VPC        string
			Attachment *struct{}
		}
		err := json.Unmarshal(b, &x)
		if x.VPC == "" {
			return bearing{}, err
		}
		return bearing{vpcs: []string{x.VPC}, attached: x.Attachment != nil}, err
	}
	return map[string]func(store.Key, []byte) (bearing, error){
		rows.VPCs.Kind:             func(k store.Key, _ []byte) (bearing, error) { return bearing{vpcs: []string{k.ID}}, nil },
		rows.Subnets.Kind:          in,
		rows.Groups.Kind:           in,
		rows.RouteTables.Kind:      in,
		rows.Endpoints.Kind:        in,
		rows.Interfaces.Kind:       in,
		rows.ACLs.Kind:             in,
		rows.InternetGateways.Kind: in,
		rows.Addresses.Kind:        in,
		rows.NATs.Kind:             in,
		rows.PrefixLists.Kind:      func(store.Key, []byte) (bearing, error) { return bearing{scope: true}, nil },
		rows.Peerings.Kind: func(_ store.Key, b []byte) (bearing, error) {
			var p vpc.Peering
			if err := json.Unmarshal(b, &p); err != nil || !p.Active() { // whoever asks in vain moves nothing of him whom he asks
				return bearing{}, err
			}
			return bearing{vpcs: []string{p.Requester.VPC, p.Accepter.VPC}}, nil
		},
		rows.Exposures.Kind: func(_ store.Key, b []byte) (bearing, error) {
			var e vpc.Exposure
			err := json.Unmarshal(b, &e)
			return bearing{vpcs: []string{vpc.InternetNetwork}, exposed: e.Public.Addr()}, err
		},
	}
}

// mirror holds the rows that were last read, so that a change of one VPC is a reading of that VPC alone. Rows are compared byte by
// byte: a row that was deleted and made anew has its first version again.
type mirror struct {
	kinds map[string]func(store.Key, []byte) (bearing, error)
	rows  map[string]map[store.Key]seen
	dirty map[string]bool // networks that must be drawn anew; the caller takes them out
}

type seen struct {
	bearing
	raw []byte
}

func newMirror() *mirror {
	m := &mirror{kinds: kinds(), rows: map[string]map[store.Key]seen{}, dirty: map[string]bool{}}
	for k := range m.kinds {
		m.rows[k] = map[store.Key]seen{}
	}
	return m
}

// read looks at a table again and notes the networks that its changes bear on.
func (m *mirror) read(v store.View, kind string) error {
	all, err := v.List(store.Query{Kind: kind, AnyScope: true})
	if err != nil {
		return fmt.Errorf("cannot read the table %s: %w", kind, err)
	}
	old := m.rows[kind]
	there := make(map[store.Key]bool, len(all))
	var bad []error // what one row says cannot be read keeps its networks as they are, and no others
	for _, r := range all {
		there[r.Key] = true
		was, known := old[r.Key]
		if known && bytes.Equal(was.raw, r.Value) {
			continue
		}
		b, err := m.kinds[kind](r.Key, r.Value)
		if err != nil {
			bad = append(bad, fmt.Errorf("cannot decode %s %s: %w", kind, r.ID, err))
			continue
		}
		m.soil(r.Key, was.bearing)
		m.soil(r.Key, b)
		old[r.Key] = seen{b, r.Value}
	}
	for k, was := range old {
		if !there[k] {
			m.soil(k, was.bearing)
			delete(old, k)
		}
	}
	return errors.Join(bad...)
}

// soil notes what a row bears on, before and after a change.
func (m *mirror) soil(k store.Key, b bearing) {
	for _, id := range b.vpcs {
		m.dirty[id] = true
	}
	if !b.scope {
		return
	}
	for v := range m.rows[rows.VPCs.Kind] {
		if v.Scope == k.Scope {
			m.dirty[v.ID] = true
		}
	}
}

// spread soils the other sides of peerings: they show who sits here.
func (m *mirror) spread() {
	var more []string
	for _, p := range m.rows[rows.Peerings.Kind] {
		if slices.ContainsFunc(p.vpcs, func(id string) bool { return m.dirty[id] }) {
			more = append(more, p.vpcs...)
		}
	}
	for _, id := range more {
		m.dirty[id] = true
	}
}

// live are the VPCs in which something is attached, and where they are.
func (m *mirror) live() map[string]store.Scope {
	out := map[string]store.Scope{}
	for k, i := range m.rows[rows.Interfaces.Kind] {
		if i.attached {
			out[i.vpcs[0]] = k.Scope
		}
	}
	return out
}

func (m *mirror) exposed() []netip.Addr {
	var out []netip.Addr
	for _, e := range m.rows[rows.Exposures.Kind] {
		out = append(out, e.exposed)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}
