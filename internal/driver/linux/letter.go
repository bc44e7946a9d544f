package linux

import (
	"bytes"
	"encoding/json"
	"fmt"

	"cloister/internal/core/fabric"
)

// setRequest is a drawing on its way to the child. Ports and groups, which are many and seldom change, travel only when they
// are other than in the last one that arrived.
type setRequest struct {
	Desired fabric.Desired // without ports and groups
	Serial  uint64
	After   uint64            // serial of what it is written against; 0: everything is in it
	Ports   json.RawMessage   // null: as before
	Groups  []json.RawMessage // each null: as before, in the same place
}

// setReply is the child's answer. Again: it does not have what the letter was written against.
type setReply struct {
	Status fabric.Status
	Again  bool
}

// letter is what was last sent, as bytes: the caller may have changed his drawing since.
type letter struct {
	serial uint64
	ports  []byte
	groups [][]byte
}

// write makes the next letter, and what to keep when it has arrived.
func (l *letter) write(d fabric.Desired) (setRequest, letter, error) {
	next := letter{serial: l.serial + 1}
	r := setRequest{Desired: d, Serial: next.serial}
	r.Desired.Ports, r.Desired.Groups = nil, nil
	var err error
	if next.ports, err = json.Marshal(append([]fabric.Port{}, d.Ports...)); err != nil { // none is not null
		return r, next, err
	}
	for _, g := range d.Groups {
		b, err := json.Marshal(g)
		if err != nil {
			return r, next, err
		}
		next.groups = append(next.groups, b)
		r.Groups = append(r.Groups, b)
	}
	r.Ports = next.ports
	if l.ports == nil {
		return r, next, nil
	}
	r.After = l.serial
	if bytes.Equal(l.ports, next.ports) {
		r.Ports = nil
	}
	for i, b := range next.groups {
		if i < len(l.groups) && bytes.Equal(l.groups[i], b) {
			r.Groups[i] = nil
		}
	}
	return r, next, nil
}

// received is the last drawing that arrived for a network.
type received struct {
	serial  uint64
	desired fabric.Desired
}

// read completes a letter by what came before it.
func (c *child) read(in setRequest) (d fabric.Desired, again bool, err error) {
	c.mu.Lock()
	was := c.received[in.Desired.Network]
	c.mu.Unlock()
	if in.After == 0 {
		was = received{}
	}
	if in.After != 0 && was.serial != in.After {
		return d, true, nil
	}
	d = in.Desired
	if d.Ports = was.desired.Ports; !void(in.Ports) {
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
		return d, false, fmt.Errorf("cannot read a drawing of %s: %w", d.Network, err)
	}
	c.mu.Lock()
	c.received[d.Network] = received{in.Serial, d}
	c.mu.Unlock()
	return d, false, nil
}

func void(b json.RawMessage) bool { return len(b) == 0 || string(b) == "null" }

func (c *child) receive(in setRequest) (setReply, error) {
	d, again, err := c.read(in)
	if err != nil || again {
		return setReply{Again: again}, err
	}
	return setReply{Status: c.set(d)}, nil
}
