package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"cloister/internal/core/trail"
	"cloister/internal/core/vpc"
	"cloister/internal/driver/linux"
	"cloister/internal/store"
	tables "cloister/internal/store/rows"
	"cloister/internal/work/host"
)

// ExecArg is the first argument by which main knows the process that becomes a host command.
const ExecArg = "cloister-host"

// execOwner attaches the interfaces of host commands; their client tokens begin with it.
const execOwner = "cloister-exec"

const (
	execAll   = 256              // commands at once
	execOpen  = 30 * time.Second // until an interface must be open
	execSweep = time.Minute      // how often interfaces without a command are looked for
	execMost  = 4 << 20          // bytes of a message: arguments and environment
)

// nobody is whom a command sees itself as when root started the daemon: its ids on the host belong to no user.
const nobody = 65534

// ask is what the client of a command says; each message has one of them. The first comes with three descriptors.
type execAsk struct {
	Command   *host.Spec `json:",omitempty"`
	Interface *execPort  `json:",omitempty"`
	Signal    int        `json:",omitempty"`
}

// execPort is the interface that the client made, with its own rights and the token that it was given.
type execPort struct{ ID, Account, Region string }

// execTell is what the daemon says, in this order: the token, that it runs, how it ended.
type execTell struct {
	Token string `json:",omitempty"`
	Runs  bool   `json:",omitempty"`
	Ended *int   `json:",omitempty"` // exit status, or 128 and a signal
	Err   string `json:",omitempty"` // it never ran, or nobody knows how it ended
}

// execs are the host commands that run on interfaces.
type execs struct {
	d  *Daemon
	wg sync.WaitGroup

	mu     sync.Mutex
	ctx    context.Context // ends with the daemon; nil: not yet or no more
	tokens map[string]bool
}

func newExecs(d *Daemon) *execs { return &execs{d: d, tokens: map[string]bool{}} }

// Run takes commands until ctx ends and returns when none runs and their interfaces are gone. What an earlier daemon left behind
// goes at once.
func (x *execs) Run(ctx context.Context) {
	x.mu.Lock()
	x.ctx = ctx
	x.mu.Unlock()
	x.sweep(ctx)
	tick := time.NewTicker(execSweep)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			x.sweep(ctx)
		case <-ctx.Done():
			x.mu.Lock()
			x.ctx = nil
			x.mu.Unlock()
			x.wg.Wait()
			return
		}
	}
}

// enter gives a command its token; false while the daemon begins or ends, or when there are too many.
func (x *execs) enter() (context.Context, string, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ctx == nil || len(x.tokens) >= execAll {
		return nil, "", false
	}
	token := execOwner + "-" + x.d.world.UUID()
	x.tokens[token] = true
	x.wg.Add(1)
	return x.ctx, token, true
}

func (x *execs) leave(token string) {
	x.mu.Lock()
	delete(x.tokens, token)
	x.mu.Unlock()
	x.wg.Done()
}

// handle turns an HTTP request on the operator's socket into a conversation about one command.
func (x *execs) handle(w http.ResponseWriter, r *http.Request) {
	ctx, token, ok := x.enter()
	if !ok {
		reply(w, http.StatusServiceUnavailable, map[string]string{"message": "no command can be started now"})
		return
	}
	defer x.leave(token)
	c, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		reply(w, http.StatusInternalServerError, map[string]string{"message": "no command can be started here"})
		return
	}
	defer c.Close()
	u, ok := c.(*net.UnixConn)
	if !ok || buf.Reader.Buffered() > 0 { // descriptors would have been lost
		return
	}
	_ = u.SetDeadline(time.Time{})
	if _, err := io.WriteString(u, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: cloister-exec\r\n\r\n"); err != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := json.NewEncoder(u)
	code, err := x.talk(ctx, cancel, u, out, token)
	switch {
	case err != nil:
		_ = out.Encode(execTell{Err: err.Error()}) // a client that is gone does not hear it
	default:
		_ = out.Encode(execTell{Ended: &code})
	}
}

// talk walks one command from its first word to its end. The interface is gone when it returns.
func (x *execs) talk(ctx context.Context, cancel context.CancelFunc, u *net.UnixConn, out *json.Encoder, token string) (int, error) {
	first, files, err := firstAsk(u)
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	if err != nil {
		return 0, err
	}
	if first.Command == nil || len(files) != 3 || len(first.Command.Argv) == 0 {
		return 0, errors.New("no command, or not its three descriptors")
	}
	if err := out.Encode(execTell{Token: token}); err != nil {
		return 0, err
	}
	asks := make(chan execAsk)
	go func() { // the end of the client's words is the end of the command
		defer cancel()
		in := json.NewDecoder(u)
		for {
			var a execAsk
			if in.Decode(&a) != nil {
				return
			}
			select {
			case asks <- a:
			case <-ctx.Done():
				return
			}
		}
	}()
	var port *execPort
	select {
	case a := <-asks:
		port = a.Interface
	case <-ctx.Done():
	}
	if port == nil {
		return 0, errors.New("no interface")
	}
	scope := store.Scope{Partition: Partition, Account: port.Account, Region: port.Region}
	defer x.release(scope, port.ID, token)
	resolv, err := x.attach(ctx, scope, port.ID, token)
	if err != nil {
		return 0, err
	}
	octx, stop := context.WithTimeout(ctx, execOpen)
	defer stop()
	if err := x.d.loop.WaitOpen(octx, port.ID); err != nil {
		return 0, err
	}
	spec := *first.Command
	spec.Resolv = resolv
	spec.UID, spec.GID = os.Geteuid(), os.Getegid()
	if x.d.dropped {
		spec.UID, spec.GID = nobody, nobody
	}
	p, err := x.spawn(ctx, port.ID, spec, files)
	if err != nil {
		return 0, fmt.Errorf("cannot start the command: %w", err)
	}
	_ = out.Encode(execTell{Runs: true})
	return x.await(ctx, p, asks)
}

// await passes signals on until the command ends, and ends it with its client or the daemon.
func (x *execs) await(ctx context.Context, p *linux.Process, asks <-chan execAsk) (int, error) {
	done := make(chan error, 1)
	go func() { done <- p.Wait(context.Background()) }()
	over := ctx.Done()
	for {
		select {
		case a := <-asks:
			if a.Signal > 0 && a.Signal < 32 {
				_ = p.Signal(syscall.Signal(a.Signal))
			}
		case <-over:
			over = nil
			_ = p.Kill()
		case err := <-done:
			var e *linux.ExitError
			switch {
			case errors.As(err, &e) && e.Code < 0:
				return 128 + int(e.Signal), nil
			case errors.As(err, &e):
				return e.Code, nil
			}
			return 0, err
		}
	}
}

func (x *execs) spawn(ctx context.Context, eni string, spec host.Spec, files []*os.File) (*linux.Process, error) {
	b, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	go func() {
		_, _ = w.Write(b) // a process that does not read has ended
		_ = w.Close()
	}()
	return x.d.fabric.Spawn(ctx, linux.Spec{Port: eni, Argv: []string{ExecArg}, Stdin: files[0], Stdout: files[1], Stderr: files[2], Files: []*os.File{r}})
}

// attach takes the interface for the command and gives its resolver's configuration.
func (x *execs) attach(ctx context.Context, scope store.Scope, id, token string) (resolv string, err error) {
	err = x.d.store.Update(ctx, func(tx store.Tx) error {
		it, err := tables.Interfaces.Get(tx, scope, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && it.Value.Token != token {
			return fmt.Errorf("%s was not made for this command", id)
		}
		if err != nil {
			return err
		}
		v, err := tables.VPCs.Get(tx, scope, it.Value.VPC)
		if err != nil {
			return err
		}
		var options *vpc.DHCP // nil: the default set, which is no row
		switch o, err := tables.DHCPs.Get(tx, scope, v.Value.DHCPOptions); {
		case err == nil:
			options = &o.Value
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		servers, search := v.Value.Names(options)
		resolv = ""
		for _, a := range servers {
			resolv += "nameserver " + a.String() + "\n"
		}
		if len(search) > 0 {
			resolv += "search " + strings.Join(search, " ") + "\n"
		}
		it.Value.Attachment = &vpc.Attachment{ID: x.d.world.ID("eni-attach"), Owner: execOwner, At: tx.Now()}
		it.Value.Status, it.Value.Requester = "in-use", execOwner // and its owner's to change: groups, addresses, the source/destination check
		if err := tables.Interfaces.Save(tx, &it); err != nil {
			return err
		}
		return tx.Record(x.event("AttachNetworkInterface", scope, id))
	})
	if err != nil {
		return "", fmt.Errorf("cannot attach %s: %w", id, err)
	}
	return resolv, nil
}

// release takes the interface away if it was made for this command. What fails here is tried again by sweep.
func (x *execs) release(scope store.Scope, id, token string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := x.d.store.Update(ctx, func(tx store.Tx) error {
		it, err := tables.Interfaces.Get(tx, scope, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && it.Value.Token != token {
			return nil
		}
		if err != nil {
			return err
		}
		if err := x.d.networks.Drop(tx, scope, id); err != nil {
			return err
		}
		return tx.Record(x.event("DeleteNetworkInterface", scope, id))
	})
	if err != nil {
		x.d.log.Error("cannot remove the interface of a command", "interface", id, "error", err)
	}
}

// sweep removes the interfaces that were made for commands which are no more: their client or an earlier daemon died.
func (x *execs) sweep(ctx context.Context) {
	var orphans []store.Item[vpc.Interface]
	err := x.d.store.View(ctx, func(v store.View) error {
		all, err := tables.Interfaces.List(v, store.Query{AnyScope: true})
		x.mu.Lock()
		defer x.mu.Unlock()
		for _, it := range all {
			if strings.HasPrefix(it.Value.Token, execOwner+"-") && !x.tokens[it.Value.Token] {
				orphans = append(orphans, it)
			}
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		x.d.log.Error("cannot look for the interfaces of ended commands", "error", err)
	}
	for _, it := range orphans {
		x.release(it.Scope, it.ID, it.Value.Token)
	}
}

func (x *execs) event(name string, s store.Scope, eni string) *trail.Event {
	w := x.d.world
	return &trail.Event{ID: w.UUID(), Time: w.Now(), RequestID: w.UUID(), Service: "ec2", Name: name, Account: s.Account, Recipient: s.Account, Region: s.Region,
		SourceIP: execOwner, Caller: trail.Caller{Type: "AWSService", InvokedBy: execOwner}, Interface: eni,
		Resources: []string{"arn:" + s.Partition + ":ec2:" + s.Region + ":" + s.Account + ":network-interface/" + eni}}
}
