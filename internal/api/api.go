// Package api is contract 1: what an operation is. A service is a table of rows; the gate walks every call through a row
// and is the only one who does.
package api

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"cloister/internal/core/identity"
	"cloister/internal/core/policy"
	"cloister/internal/store"
)

// ErrWrite is the answer of a View that cannot go on without writing, in a row that has an Act as well: the call is then authorised again
// and done by the Act. Such a row is a read all the same, so its answer is not in the event.
var ErrWrite = errors.New("api: the answer must be written first")

// Operation is a row. One of View, Act and Stream is set, or none: then the operation is not built, and who may call it is
// told so. A View may have an Act beside it, see ErrWrite.
type Operation struct {
	Service string // shape package name: "ec2", "comprehend", "s3"
	Name    string // AWS operation name
	// Honours lists the members that the row obeys, as dotted paths without list indexes ("VpcConfig.Subnets"; "Tags.*"
	// takes all below). A call that sets another member is refused: a member is never ignored.
	Honours []string
	// Anonymous rows may be asked without a signature (S3 alone).
	Anonymous bool
	// ReadOnly is CloudTrail's readOnly. View rows are always read-only.
	ReadOnly bool
	// Questions says what must be allowed, before the input is validated: members may be nil or wrong. Nil only with Free.
	// Questions beside an error (a bucket that does not exist) are put to the endpoint's policy alone, before the error is told.
	Questions func(c *Call, v store.View, in any) ([]Question, error)
	// Unbuilt is told to who may call a row that is not built, instead of a sentence that fits all.
	Unbuilt string
	// Trial rows carry a dry run through and take it back (a Stream does nothing then that Commit does not take back); of the others
	// it is told once permissions and input were found right.
	Trial bool
	// Free rows need no permission (sts:GetCallerIdentity).
	Free bool
	// View answers from a snapshot.
	View func(c *Call, v store.View, in any) (any, error)
	// Act changes the ledger; its event is recorded in the same transaction.
	Act func(c *Call, tx store.Tx, in any) (any, error)
	// Stream moves bytes (S3 bodies). It commits through c.Commit, which records the event in the same transaction.
	Stream func(ctx context.Context, c *Call, in any) (any, error)
	// Look is what a Stream row reads first, if it has one: in the very snapshot in which the call was allowed, with May set. Stream finds it
	// in c.Found.
	Look func(c *Call, v store.View, in any) error
}

// Op is a typed row; Row makes the untyped one.
type Op[I, O any] struct {
	Name      string
	Honours   []string
	Anonymous bool
	ReadOnly  bool
	Free      bool
	Questions func(c *Call, v store.View, in *I) ([]Question, error)
	View      func(c *Call, v store.View, in *I) (*O, error)
	Act       func(c *Call, tx store.Tx, in *I) (*O, error)
	Stream    func(ctx context.Context, c *Call, in *I) (*O, error)
	Look      func(c *Call, v store.View, in *I) error
}

// Row gives the operation its service. Input is *I, output *O.
func (o Op[I, O]) Row(service string) Operation {
	r := Operation{Service: service, Name: o.Name, Honours: o.Honours, Anonymous: o.Anonymous, ReadOnly: o.ReadOnly || o.View != nil, Free: o.Free}
	if o.Questions != nil {
		r.Questions = func(c *Call, v store.View, in any) ([]Question, error) { return o.Questions(c, v, in.(*I)) }
	}
	if o.View != nil {
		r.View = func(c *Call, v store.View, in any) (any, error) { return erase(o.View(c, v, in.(*I))) }
	}
	if o.Act != nil {
		r.Act = func(c *Call, tx store.Tx, in any) (any, error) { return erase(o.Act(c, tx, in.(*I))) }
	}
	if o.Stream != nil {
		r.Stream = func(ctx context.Context, c *Call, in any) (any, error) { return erase(o.Stream(ctx, c, in.(*I))) }
	}
	if o.Look != nil {
		r.Look = func(c *Call, v store.View, in any) error { return o.Look(c, v, in.(*I)) }
	}
	return r
}

// erase keeps a nil *O from becoming a non-nil any.
func erase[O any](o *O, err error) (any, error) {
	if o == nil || err != nil {
		return nil, err
	}
	return o, nil
}

// Rower is anything that makes a row: Op[I, O] of any types.
type Rower interface {
	Row(service string) Operation
}

// Rows makes a service's table.
func Rows(service string, ops ...Rower) []Operation {
	out := make([]Operation, len(ops))
	for i, o := range ops {
		out[i] = o.Row(service)
	}
	return out
}

// Question is one thing that must be allowed.
type Question struct {
	Action   string              // "ec2:CreateSubnet"
	Resource string              // ARN, or "*"
	Owner    string              // account of the resource; empty: the call's
	Keys     map[string][]string // condition keys of this resource; an absent key is left out, never an empty list
	Policy   *ResourcePolicy     // nil: the resource has none
	Grants   []policy.Grant      // of the KMS key that the resource is
	Veiled   string              // the resource as a refusal may tell it, where the call did not name it: another account's
}

// ResourcePolicy is a policy that hangs on a resource. In the text, principals are bound to unique ids.
type ResourcePolicy struct {
	Kind string // bucket | key | trust | model
	Name string // "bucket policy of example"
	Text string
}

// Call is one call on its way through the gate.
type Call struct {
	RequestID                  string
	Time                       time.Time // UTC, when the call arrived
	Caller                     *identity.Principal
	Origin                     *Origin
	Partition, Account, Region string // where it acts: the caller's account, the addressed region
	Service, Name              string
	Dice                       Dice
	Host                       string // as the client wrote it, for URLs in answers
	TLS                        bool
	UserAgent                  string
	// Source is set on calls that a service makes for a resource: aws:SourceAccount and aws:SourceArn.
	SourceAccount, SourceARN string
	// Via names the services by which the caller's request came to this call, the first one first (s3.amazonaws.com); empty: the caller asks
	// itself. It is aws:CalledVia; the last one is kms:ViaService.
	Via []string

	// May asks a further question about the same caller and path; nil when allowed, else the refusal as a fault.
	May func(v store.View, q Question) error
	// Read opens a snapshot (Stream rows).
	Read func(ctx context.Context, f func(store.View) error) error
	// Commit is a Stream row's transaction: f's output is answered and the event is recorded with it.
	Commit func(ctx context.Context, f func(store.Tx) (any, error)) (any, error)
	// Forward asks another service for the same caller, as AWS's forward access sessions do (Stream rows, outside of Read and Commit):
	// authorised with the caller's own policies, recorded as an event of its own. The error is a *fault.Fault of that service.
	Forward func(ctx context.Context, service, operation string, in any) (any, error)

	// Found is the row's own: what its Questions found, for its handler on the same snapshot or transaction; and what its Look found.
	Found any

	resources []string
}

// Touch notes an ARN that the call concerned, for its event.
func (c *Call) Touch(arns ...string) { c.resources = append(c.resources, arns...) }

// Touched lists what Touch noted.
func (c *Call) Touched() []string { return c.resources }

// Scope is the call's account and region.
func (c *Call) Scope() store.Scope {
	return store.Scope{Partition: c.Partition, Account: c.Account, Region: c.Region}
}

// Global is the call's account without a region (IAM).
func (c *Call) Global() store.Scope { return store.Scope{Partition: c.Partition, Account: c.Account} }

// ARN makes an ARN of a service in the call's account and region.
func (c *Call) ARN(service, resource string) string {
	return "arn:" + c.Partition + ":" + service + ":" + c.Region + ":" + c.Account + ":" + resource
}

// Dice gives ids and randomness (world.World).
type Dice interface {
	Bytes(n int) []byte
	Hex(n int) string
	UUID() string
	ID(pre string) string
	Unique(pre string) string
}

// Door says by which door a call arrived.
type Door uint8

// The doors.
const (
	Public  Door = iota // the daemon's own listeners
	InVPC               // a listener inside a VPC: the packet took a route of it
	Service             // a listener in a job's service segment
	House               // no packet: a service asks through the gate
)

// Origin is bound to a connection when it is accepted and never taken from the request.
type Origin struct {
	Door      Door
	Peer      netip.AddrPort // source as the kernel saw it
	Dest      netip.AddrPort // original destination
	Loopback  bool           // Public: the peer is on this host's loopback
	TLS       bool
	Partition string
	Account   string // InVPC: the VPC's owner
	Region    string
	VPC       string // whose listener was reached: an endpoint's, and aws:SourceVpc
	Interface string // eni-... that sent
	Subnet    string // of that interface
	// Sender is set when the packet came by a peering: Interface and Subnet are in its VPC.
	Sender *Sender
}

// Sender is the VPC at the other end of a peering.
type Sender struct{ Peering, Account, Region, VPC string }

// Path is what a request's way through a VPC adds: resolved anew for each request.
type Path struct {
	Endpoint   string // vpce-...
	Gateway    bool
	PolicyText string // empty: the default, which allows all
	RouteTable string // Gateway: the table that leads there
}
