package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"cloister/internal/core/fault"
	"cloister/internal/core/trail"
	"cloister/internal/core/vpc"
	"cloister/internal/front/wire"
	"cloister/internal/store"
)

// public is what the two public listeners serve: the gate, and a few paths that no AWS client asks for.
func (d *Daemon) public() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", d.gate)
	mux.HandleFunc("GET /_cloister/health", d.health)
	mux.HandleFunc("GET /_localstack/health", d.health) // wait-for-it scripts of users ask here
	mux.HandleFunc("POST /_cloister/reset", d.reset)
	// ServeMux would redirect paths such as //key or /a/../b, which S3 keys may hold: only our own prefixes go through it.
	// On a bucket's host they are keys like any other.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/_cloister/health", "/_localstack/health", "/_cloister/reset":
			if wire.VirtualBucket(r.Host) == "" {
				mux.ServeHTTP(w, r)
				return
			}
		}
		d.gate.ServeHTTP(w, r)
	})
}

func (d *Daemon) health(w http.ResponseWriter, r *http.Request) {
	services := map[string]string{}
	for _, s := range []string{"ec2", "iam", "sts", "s3", "comprehend"} {
		services[s] = "running"
	}
	reply(w, http.StatusOK, map[string]any{"services": services, "edition": "cloister"})
}

// reset empties the ledger. A web page must not be able to ask for it: the header cannot be sent across origins without a
// preflight, which is never granted, and the host must be the loopback's own name.
func (d *Daemon) reset(w http.ResponseWriter, r *http.Request) {
	o := publicOriginOf(r)
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	ip := net.ParseIP(host)
	own := host == "localhost" || ip != nil && ip.IsLoopback()
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		own = own && err == nil && u.Host == r.Host
	}
	switch {
	case !d.cfg.Dev:
		reply(w, http.StatusForbidden, map[string]string{"message": "reset exists in -dev alone"})
		return
	case !own || !o || r.Header.Get("X-Cloister-Reset") == "":
		reply(w, http.StatusForbidden, map[string]string{"message": "reset takes a request from loopback, to a loopback host, with the header X-Cloister-Reset"})
		return
	}
	if err := d.empty(r.Context()); err != nil {
		d.log.Error("cannot reset", "error", err)
		reply(w, http.StatusInternalServerError, map[string]string{"message": "reset failed"})
		return
	}
	reply(w, http.StatusOK, map[string]string{"message": "empty"})
}

func publicOriginOf(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

// empty takes everything away; the authority stays, the default account is made anew with a new root key.
func (d *Daemon) empty(ctx context.Context) error {
	if err := d.store.Reset(ctx); err != nil {
		return err
	}
	if err := d.bind(ctx); err != nil {
		return err
	}
	if err := d.clear(ctx); err != nil {
		return err
	}
	d.loop.Kick()
	return d.settle(ctx)
}

// Operator is what the operator's socket answers to `cloister env`.
type Operator struct {
	AccessKey, Secret     string
	HTTP, TLS, CA         string
	Account, Region, Data string
}

// adminName is the operator's socket in the data directory: whoever may connect to it is the daemon's user or root, which
// the kernel says and not the client.
const adminName = "operator.sock"

func (d *Daemon) serveAdmin() error {
	path := d.place.path(adminName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot make the operator's socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("cannot make the operator's socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return err
	}
	d.admin = l
	mux := http.NewServeMux()
	mux.HandleFunc("GET /env", func(w http.ResponseWriter, r *http.Request) {
		h, t := d.Addrs()
		d.keyLock.Lock()
		k := d.rootKey // a reset may be making another
		d.keyLock.Unlock()
		reply(w, http.StatusOK, Operator{k.AccessKey, k.Secret, h, t, d.place.path("ca.pem"), d.cfg.Account, d.cfg.Region, d.place.dir})
	})
	mux.HandleFunc("POST /accounts", d.createAccount)
	mux.HandleFunc("POST /exec", d.execs.handle)
	mux.HandleFunc("GET /internet", d.showInternet)
	mux.HandleFunc("POST /internet", d.expose)
	mux.HandleFunc("DELETE /internet", d.unexpose)
	mux.HandleFunc("POST /probe", func(w http.ResponseWriter, r *http.Request) {
		b, err := d.ProbeAnalyser(r.Context())
		if err != nil {
			reply(w, http.StatusInternalServerError, map[string]string{"message": err.Error()})
			return
		}
		reply(w, http.StatusOK, json.RawMessage(b))
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	d.servers = append(d.servers, s)
	go func() { _ = s.Serve(&operators{l}) }()
	return nil
}

// operators accepts only the daemon's user and root.
type operators struct{ net.Listener }

func (o *operators) Accept() (net.Conn, error) {
	for {
		c, err := o.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if uid, err := peer(c); err == nil && (uid == 0 || uid == os.Geteuid()) {
			return c, nil
		}
		_ = c.Close()
	}
}

func peer(c net.Conn) (uid int, err error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return 0, errors.New("no socket")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var cerr error
	if err := raw.Control(func(fd uintptr) { cred, cerr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return 0, err
	}
	if cerr != nil {
		return 0, cerr
	}
	return int(cred.Uid), nil
}

func (d *Daemon) createAccount(w http.ResponseWriter, r *http.Request) {
	var in struct{ ID, Name string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&in); err != nil {
		reply(w, http.StatusBadRequest, map[string]string{"message": "the account cannot be read"})
		return
	}
	if in.ID == vpc.ServiceAccount {
		reply(w, http.StatusBadRequest, map[string]string{"message": "the account " + in.ID + " is reserved: it owns the networks of jobs without a VPC"})
		return
	}
	var c credentials
	err := d.store.Update(r.Context(), func(tx store.Tx) (err error) {
		if c.AccessKey, c.Secret, err = d.iam.CreateAccount(tx, d.world, in.ID, in.Name); err != nil {
			return err
		}
		return tx.Record(&trail.Event{ID: d.world.UUID(), Time: d.world.Now(), RequestID: d.world.UUID(), Service: "cloister", Name: "CreateAccount", Account: in.ID, Recipient: in.ID,
			Region: d.cfg.Region, SourceIP: "operator", Caller: trail.Caller{Type: "Operator", AccessKey: c.AccessKey}})
	})
	if err != nil {
		f := fault.From(err)
		if f.Kind == fault.Internal {
			d.log.Error("cannot create an account", "error", err)
		}
		reply(w, http.StatusBadRequest, map[string]string{"message": f.Message})
		return
	}
	reply(w, http.StatusOK, c)
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
