package linux

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"cloister/internal/core/fabric"
)

// setRequest is a drawing on its way to the child. What is as in the last one that arrived does not travel.
type setRequest struct {
	Network    string
	Generation int64
	Serial     uint64
	After      uint64            // serial of what it is written against; 0: everything is in it
	Frame      json.RawMessage   // a fabric.Desired without ports and groups; null: as before
	Ports      json.RawMessage   // null: as before
	Groups     []json.RawMessage // each null: as before, in the same place
}

// setReply is the child's answer. Again: it does not have what the letter was written against. Alike: the ports are as the
// answer to that said.
type setReply struct {
	Status fabric.Status
	Alike  bool
	Again  bool
}

// letter is what was last sent, and what was answered. It shares nothing with the caller, who may change his drawing.
type letter struct {
	serial uint64
	frame  []byte
	ports  []fabric.Port
	groups []fabric.Group
	told   map[string]string
}

// write makes the next letter, and what to keep when it has arrived.
func (l *letter) write(d fabric.Desired) (setRequest, letter, error) {
	next := letter{serial: l.serial + 1, ports: l.ports}
	r := setRequest{Network: d.Network, Generation: d.Generation, Serial: next.serial, Groups: make([]json.RawMessage, len(d.Groups))}
	frame := d
	frame.Ports, frame.Groups, frame.Generation = nil, nil, 0
	var err error
	if next.frame, err = json.Marshal(frame); err != nil {
		return r, next, err
	}
	if l.frame != nil {
		r.After = l.serial
	}
	if !bytes.Equal(l.frame, next.frame) {
		r.Frame = next.frame
	}
	if l.frame == nil || !fabric.SamePorts(l.ports, d.Ports) {
		next.ports = clonePorts(d.Ports)
		if r.Ports, err = json.Marshal(next.ports); err != nil {
			return r, next, err
		}
	}
	next.groups = make([]fabric.Group, len(d.Groups))
	for i, g := range d.Groups {
		if i < len(l.groups) && fabric.SameGroup(l.groups[i], g) {
			next.groups[i] = l.groups[i]
			continue
		}
		next.groups[i] = cloneGroup(g)
		if r.Groups[i], err = json.Marshal(g); err != nil {
			return r, next, err
		}
	}
	return r, next, nil
}

// heard completes an answer by what the one before it said. The map is the caller's.
func (l *letter) heard(before letter, r setReply) fabric.Status {
	l.told = r.Status.Ports
	if r.Alike {
		l.told = before.told
	}
	r.Status.Ports = maps.Clone(l.told)
	return r.Status
}

// clonePorts gives none as a list too: null means as before.
func clonePorts(all []fabric.Port) []fabric.Port {
	out := append([]fabric.Port{}, all...)
	for i := range out {
		out[i].Addrs, out[i].Groups = slices.Clone(out[i].Addrs), slices.Clone(out[i].Groups)
	}
	return out
}

func cloneGroup(g fabric.Group) fabric.Group {
	g.Far, g.Egress, g.Ingress = slices.Clone(g.Far), cloneAllows(g.Egress), cloneAllows(g.Ingress)
	return g
}

func cloneAllows(all []fabric.Allow) []fabric.Allow {
	out := slices.Clone(all)
	for i := range out {
		out[i].Peers = slices.Clone(out[i].Peers)
	}
	return out
}

// received is the last drawing that arrived for a network, and what was told of its ports. Neither changes any more.
type received struct {
	serial  uint64
	desired fabric.Desired
	told    map[string]string
}

// read completes a letter by what came before it, which it gives too.
func (c *child) read(in setRequest) (d fabric.Desired, was received, again bool, err error) {
	c.mu.Lock()
	was = c.received[in.Network]
	c.mu.Unlock()
	if in.After == 0 {
		was = received{}
	}
	if in.After != 0 && was.serial != in.After {
		return d, was, true, nil
	}
	if d = was.desired; !void(in.Frame) {
		d = fabric.Desired{}
		err = json.Unmarshal(in.Frame, &d)
	}
	d.Network, d.Generation = in.Network, in.Generation
	if d.Ports = was.desired.Ports; err == nil && !void(in.Ports) {
		d.Ports = nil
		err = json.Unmarshal(in.Ports, &d.Ports)
	}
	d.Groups = make([]fabric.Group, len(in.Groups))
	for i, b := range in.Groups {
		switch {
		case err != nil:
		case !void(b):
			err = json.Unmarshal(b, &d.Groups[i])
		case i < len(was.desired.Groups):
			d.Groups[i] = was.desired.Groups[i]
		default:
			err = fmt.Errorf("group %d is missing", i)
		}
	}
	if err != nil {
		return d, was, false, fmt.Errorf("cannot read a drawing of %s: %w", in.Network, err)
	}
	c.mu.Lock()
	c.received[d.Network] = received{serial: in.Serial, desired: d}
	c.mu.Unlock()
	return d, was, false, nil
}

func void(b json.RawMessage) bool { return len(b) == 0 || string(b) == "null" }

func (c *child) receive(in setRequest) (setReply, error) {
	d, was, again, err := c.read(in)
	if err != nil || again {
		return setReply{Again: again}, err
	}
	r := setReply{Status: c.set(d)}
	c.mu.Lock()
	if now := c.received[d.Network]; now.serial == in.Serial {
		now.told = r.Status.Ports
		c.received[d.Network] = now
	}
	c.mu.Unlock()
	if was.told != nil && maps.Equal(was.told, r.Status.Ports) {
		r.Alike, r.Status.Ports = true, nil
	}
	return r, nil
}
