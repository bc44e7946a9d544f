package daemon

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/front/dns"
)

// One interface's connections are counted, however many it opens; what it gives back it may have again.
func TestConnectionsOfAnInterfaceAreBounded(t *testing.T) {
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newDoors(nil)
	l := &boundListener{Listener: raw, doors: s, who: func(netip.Addr) *api.Origin { return &api.Origin{Interface: "eni-1"} }}
	defer l.Close()
	in := make(chan net.Conn, 2*perInterface)
	go func() {
		defer close(in)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", raw.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	for range perInterface {
		dial()
	}
	var first net.Conn
	for range perInterface {
		first = <-in
	}
	over := dial()
	_ = over.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := over.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("connection %d is held: %v", perInterface+1, err)
	}
	first.Close()
	again := dial()
	if _, err := io.WriteString(again, "x"); err != nil {
		t.Fatal(err)
	}
	select {
	case c := <-in:
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("a place that was given back is not given again")
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// Who came by a peering has no resolver here, nor has nobody.
func TestZones(t *testing.T) {
	s := newDoors(&Daemon{})
	for _, o := range []*api.Origin{nil, {Door: api.InVPC, VPC: "vpc-1", Sender: &api.Sender{VPC: "vpc-2"}}} {
		if z, ok := s.zone(o); ok {
			t.Errorf("%+v asks %+v", o, z)
		}
	}
	if z, ok := s.zone(&api.Origin{Door: api.InVPC, VPC: "vpc-1", Account: "111122223333"}); !ok || z.(dns.VPC).ID != "vpc-1" || z.(dns.VPC).Scope.Account != "111122223333" {
		t.Errorf("%+v %v", z, ok)
	}
	if z, ok := s.zone(&api.Origin{Door: api.Service, Region: "eu-west-1"}); !ok || z.(dns.S3).Region != "eu-west-1" {
		t.Errorf("%+v %v", z, ok)
	}
}
