package peer

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"cloister/internal/core/job"
)

// resultSize is how much of a stream of records goes into one message, in bytes.
const resultSize = 256 << 10

// Serve does what the first instance hands out, until that has enough. An instance that does not get there says so with the stage
// "join" and the cause "unreachable".
func Serve(ctx context.Context, g job.Group, do Do) *job.Failure {
	conn, err := join(ctx, g)
	if err != nil {
		return apart(g, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	l := newLink(conn, silence)
	beaten := make(chan struct{})
	go func() { defer close(beaten); l.beat(ctx, beatEvery) }()
	defer func() { cancel(); <-beaten }()
	if err := serve(ctx, l, do); err != nil {
		return &job.Failure{Code: "INTERNAL_ERROR", Message: "An instance of the job was lost.", Stage: "analyse", Cause: "internal", Detail: err.Error(), Instance: g.Instance}
	}
	return nil
}

// Apart is what the user is told of instances that do not reach each other. After the guide's words: Comprehend Developer Guide, Protect
// jobs by using an Amazon VPC, Configure the VPC security group.
const Apart = "The instances of the distributed job cannot communicate with each other. Configure a rule for your security group that allows inbound connections between members of the same security group."

// join tries until the first instance listens: it is told of the group when the others begin.
func join(ctx context.Context, g job.Group) (net.Conn, error) {
	c, err := config(g)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, joinLimit)
	defer cancel()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: dialLimit}, Config: c}
	pause := time.NewTimer(0)
	defer pause.Stop()
	var last error
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("cannot reach %s: %w", g.Leader, errors.Join(last, ctx.Err()))
		case <-pause.C:
		}
		conn, err := d.DialContext(ctx, "tcp4", g.Leader.String())
		if err == nil {
			return conn, nil
		}
		if errors.Is(err, errStranger) {
			return nil, err
		}
		if ctx.Err() == nil {
			last = err
		}
		pause.Reset(50 * time.Millisecond)
	}
}

func serve(ctx context.Context, l *link, do Do) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tasks := make(chan Shard, ahead)
	worked := make(chan error, 1)
	go func() {
		err := work(ctx, l, tasks, do)
		worked <- err
		if err != nil {
			l.conn.Close()
		}
	}()
	err := func() error {
		for {
			kind, p, err := l.receive()
			if err != nil {
				return err
			}
			switch kind {
			case msgEnd:
				return nil
			case msgTask:
				var s Shard
				if err := json.Unmarshal(p, &s); err != nil {
					return err
				}
				select {
				case tasks <- s:
				default:
					return errMessage
				}
			default:
				return errMessage
			}
		}
	}()
	cancel()
	l.conn.Close()
	select {
	case werr := <-worked:
		if err != nil && werr != nil && !errors.Is(werr, context.Canceled) {
			return werr // which ended the connection
		}
	case <-time.After(time.Second): // what hangs in the analyser ends with the process
	}
	return err
}

// work does one task after the other. An error of the connection or of this instance ends it.
func work(ctx context.Context, l *link, tasks <-chan Shard, do Do) error {
	buf := make([]byte, 0, resultSize)
	for {
		var s Shard
		select {
		case <-ctx.Done():
			return ctx.Err()
		case s = <-tasks:
		}
		buf = buf[:0]
		f := do(ctx, s, func(r Record) error {
			if buf = appendRecord(buf, r); len(buf) < resultSize {
				return nil
			}
			for piece := range slices.Chunk(buf, resultSize) {
				if err := l.send(msgResult, piece); err != nil {
					return err
				}
			}
			buf = buf[:0]
			return nil
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if f == nil && len(buf) > 0 {
			if err := l.send(msgResult, buf); err != nil {
				return err
			}
		}
		if err := l.sendJSON(msgDone, done{s.Number, f}); err != nil {
			return err
		}
		if f != nil { // the first instance decides what follows from it, and closes
			<-ctx.Done()
			return nil
		}
	}
}
