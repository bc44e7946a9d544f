package linux

import (
	"encoding/json"
	"reflect"
	"testing"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// What arrives is what was drawn, whoever changes his drawing in place meanwhile, and only what differs travels.
func TestLetters(t *testing.T) {
	c := &child{received: map[string]received{}}
	var l letter
	d := many(20, 3, 2)
	post := func(frame, ports bool, groups int) {
		t.Helper()
		in, next, err := l.write(d)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		in = setRequest{}
		if err := json.Unmarshal(b, &in); err != nil {
			t.Fatal(err)
		}
		sent := 0
		for _, g := range in.Groups {
			if !void(g) {
				sent++
			}
		}
		if !void(in.Frame) != frame || !void(in.Ports) != ports || sent != groups {
			t.Errorf("frame %t, ports %t, %d groups travel, want %t, %t, %d", !void(in.Frame), !void(in.Ports), sent, frame, ports, groups)
		}
		got, _, again, err := c.read(in)
		if err != nil || again || got.Generation != d.Generation || !got.Same(d) {
			t.Fatalf("got %+v, %t, %v", got, again, err)
		}
		l = next
	}
	post(true, true, 3)
	d.Generation++
	post(false, false, 0)
	d.Groups[1].Ingress[5].To++ // in place
	post(false, false, 1)
	d.Groups[1].Ingress[5].Peers[0] = everything
	post(false, false, 1)
	d.Ports[7].Groups = d.Ports[7].Groups[:1]
	post(false, true, 0)
	d.Ports[7].Addrs[0] = d.Ports[7].Addrs[0].Next().Next()
	post(false, true, 0)
	d.Subnets[0].Routes[0].Action = fabric.Blackhole
	post(true, false, 0)
	d.Groups = append(d.Groups[1:], fabric.Group{ID: "sg-new", Ingress: []fabric.Allow{{Proto: vpc.Any, Group: "sg-1"}}})
	post(false, false, 3) // each in another place
	d.Groups, d.Ports = d.Groups[:1], nil
	post(false, true, 0)
	post(false, false, 0)

	// Without what it was written against, a letter is not read.
	in, _, _ := l.write(d)
	c.received = map[string]received{}
	if _, _, again, err := c.read(in); !again || err != nil {
		t.Errorf("%t, %v", again, err)
	}
	in, _, _ = (&letter{serial: 40}).write(d)
	if got, _, again, err := c.read(in); again || err != nil || !got.Same(d) {
		t.Errorf("%+v, %t, %v", got, again, err)
	}
}

// The ports that did not change are told of once, and known all the same.
func TestAnswers(t *testing.T) {
	f := start(t)
	d := small("vpc-1", 1)
	want := map[string]string{"eni-vpc-1-0": "", "eni-vpc-1-1": ""}
	for i := range 4 {
		d.Generation++
		d.Groups[0].Ingress[0].To++
		if i == 3 {
			d.Ports, want = d.Ports[:1], map[string]string{"eni-vpc-1-0": ""}
		}
		s, err := f.Set(within10s(t), d)
		if err != nil || s.Err != "" || s.Generation != d.Generation || !reflect.DeepEqual(s.Ports, want) {
			t.Fatalf("%+v, %v", s, err)
		}
		s.Ports["eni-vpc-1-0"] = "the caller's own"
	}
	d.Generation = 1 // an old one changes nothing and says so
	if s, err := f.Set(within10s(t), d); err != nil || s.Generation != 5 || !reflect.DeepEqual(s.Ports, want) {
		t.Errorf("%+v, %v", s, err)
	}
}
