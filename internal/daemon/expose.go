package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"cloister/internal/core/fault"
	"cloister/internal/core/trail"
	"cloister/internal/core/vpc"
	"cloister/internal/service/ec2"
	"cloister/internal/store"
	tables "cloister/internal/store/rows"
)

var everywhere = store.Scope{Partition: Partition}

// exposable says why an address cannot be one of the internet here; empty when it can.
func exposable(at netip.AddrPort) string {
	a := at.Addr()
	switch {
	case !a.Is4() || at.Port() == 0:
		return "it takes an IPv4 address and a port"
	case within(never, a):
		return "it is loopback, link-local, multicast or reserved"
	case within(private4, a) && !vpc.PublicPool.Contains(a):
		return "it is private: no internet has it; " + vpc.PublicPool.String() + " is kept for such addresses"
	}
	return ""
}

// target reads where an exposed address leads to: a port of localhost or of a literal address. A name could come to mean another
// host after it was exposed.
func target(text string) (addrs []netip.AddrPort, err error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no host:port", text)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("%q is no port", port)
	}
	if host == "localhost" {
		return []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(n)), netip.AddrPortFrom(netip.IPv6Loopback(), uint16(n))}, nil
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return nil, fmt.Errorf("%q is neither localhost nor an address: what a name means may change", host)
	}
	if a = a.Unmap(); a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() {
		return nil, fmt.Errorf("%s is no address of a host", a)
	}
	return []netip.AddrPort{netip.AddrPortFrom(a, uint16(n))}, nil
}

// ownDoor says whether an address is one of the daemon's own listeners: whoever comes by it from a VPC would pass for a client of
// this host.
func (d *Daemon) ownDoor(to netip.AddrPort) bool {
	for _, l := range []net.Listener{d.http, d.tls} {
		own, err := netip.ParseAddrPort(l.Addr().String())
		if err != nil || own.Port() != to.Port() {
			continue
		}
		hosts, err := hostAddresses()
		if err != nil || to.Addr().IsLoopback() || own.Addr().Unmap() == to.Addr() {
			return true
		}
		for _, h := range hosts {
			if h == to.Addr() {
				return true
			}
		}
	}
	return false
}

// exposedAt gives the addresses to try for what is exposed there; none when nothing is.
func (d *Daemon) exposedAt(ctx context.Context, at netip.AddrPort) (out []netip.AddrPort, err error) {
	var it store.Item[vpc.Exposure]
	err = d.store.View(ctx, func(v store.View) (err error) {
		it, err = tables.Exposures.Get(v, everywhere, at.String())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := target(it.Value.Target)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if !d.ownDoor(a) {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s is a door of Cloister's own", it.Value.Target)
	}
	return out, nil
}

// Internet is what the network that stands for the internet holds.
type Internet struct {
	Exposed []vpc.Exposure
	Uplink  Traffic
}

func (d *Daemon) showInternet(w http.ResponseWriter, r *http.Request) {
	out := Internet{Exposed: []vpc.Exposure{}, Uplink: d.uplink.traffic()}
	err := d.store.View(r.Context(), func(v store.View) error {
		all, err := tables.Exposures.List(v, store.Query{Scope: everywhere})
		for _, it := range all {
			out.Exposed = append(out.Exposed, it.Value)
		}
		return err
	})
	if err != nil {
		d.log.Error("cannot list what is exposed", "error", err)
		reply(w, http.StatusInternalServerError, map[string]string{"message": "what is exposed cannot be read"})
		return
	}
	reply(w, http.StatusOK, out)
}

// expose adds an exposure, or changes where it leads to.
func (d *Daemon) expose(w http.ResponseWriter, r *http.Request) {
	d.change(w, r, "ExposeAddress", func(tx store.Tx, e *vpc.Exposure) error {
		if why := exposable(e.Public); why != "" {
			return fault.New("InvalidAddress", "%s cannot be exposed: %s", e.Public, why)
		}
		all, err := target(e.Target)
		if err != nil {
			return fault.New("InvalidTarget", "%v", err)
		}
		for _, a := range all {
			if d.ownDoor(a) {
				return fault.New("InvalidTarget", "%s is a door of Cloister's own: what came by it from a VPC would pass for a client of this host", e.Target)
			}
		}
		if err := ec2.ClaimPublic(tx, Partition, e.Public.Addr()); err != nil {
			return err
		}
		was, err := tables.Exposures.Get(tx, everywhere, e.Public.String())
		if errors.Is(err, store.ErrNotFound) {
			return tables.Exposures.Create(tx, everywhere, e.Public.String(), e)
		}
		if err != nil {
			return err
		}
		was.Value = *e
		return tables.Exposures.Save(tx, &was)
	})
}

func (d *Daemon) unexpose(w http.ResponseWriter, r *http.Request) {
	d.change(w, r, "WithdrawAddress", func(tx store.Tx, e *vpc.Exposure) error {
		err := tables.Exposures.Delete(tx, everywhere, e.Public.String())
		if errors.Is(err, store.ErrNotFound) {
			return fault.New("NotFound", "%s is not exposed", e.Public)
		}
		if err != nil {
			return err
		}
		rest, err := tables.Exposures.List(tx, store.Query{Scope: everywhere, Prefix: e.Public.Addr().String() + ":", Limit: 1})
		if err != nil || len(rest) > 0 {
			return err
		}
		return ec2.ReleasePublic(tx, Partition, e.Public.Addr())
	})
}

// change writes what the operator did to the exposures, with its event.
func (d *Daemon) change(w http.ResponseWriter, r *http.Request, name string, f func(store.Tx, *vpc.Exposure) error) {
	var e vpc.Exposure
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&e); err != nil {
		reply(w, http.StatusBadRequest, map[string]string{"message": "the address cannot be read"})
		return
	}
	e.Public = netip.AddrPortFrom(e.Public.Addr().Unmap(), e.Public.Port())
	err := d.store.Update(r.Context(), func(tx store.Tx) error {
		if err := f(tx, &e); err != nil {
			return err
		}
		what, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return tx.Record(&trail.Event{ID: d.world.UUID(), Time: d.world.Now(), RequestID: d.world.UUID(), Service: "cloister", Name: name, Account: d.cfg.Account, Recipient: d.cfg.Account,
			Region: d.cfg.Region, SourceIP: "operator", Caller: trail.Caller{Type: "Operator"}, Request: what})
	})
	if err != nil {
		f := fault.From(err)
		if f.Kind == fault.Internal {
			d.log.Error("cannot change what is exposed", "error", err)
		}
		reply(w, http.StatusBadRequest, map[string]string{"message": f.Message})
		return
	}
	reply(w, http.StatusOK, e)
}
