package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"cloister/internal/config"
	"cloister/internal/core/trail"
	"cloister/internal/driver/sqlite"
	"cloister/internal/store"
	"cloister/internal/world"
)

// trailMain reads the ledger itself, beside a daemon that runs or without one: it is for the operator, who may see every account.
func trailMain(args []string) int {
	if len(args) > 0 && args[0] == "verify" {
		return verifyMain(args[1:])
	}
	c := config.Defaults()
	fs := flag.NewFlagSet("trail", flag.ContinueOnError)
	config.Place(fs, &c)
	var q store.TrailQuery
	fs.StringVar(&q.Account, "account", "", "events of this account alone")
	fs.StringVar(&q.Resource, "resource", "", "events of a resource, by its ARN")
	fs.StringVar(&q.Name, "name", "", "events of an operation: Decrypt")
	fs.StringVar(&q.Service, "service", "", "events of a service: kms")
	fs.StringVar(&q.User, "user", "", "events of a user or session")
	fs.StringVar(&q.AccessKey, "key", "", "events of an access key")
	fs.StringVar(&q.RequestID, "request", "", "events of a request")
	since := fs.Duration("since", 0, "events of the last hours: 24h (default: all)")
	fs.IntVar(&q.Limit, "limit", 50, "at most so many, the newest; 0: all")
	asJSON := fs.Bool("json", false, "print each event as CloudTrail writes it, and what Cloister knows beyond that, one a line")
	if fs.Parse(args) != nil || fs.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: cloister trail [-data DIR] [-resource ARN] [-name OPERATION] [-user NAME] [-since 24h] [-limit N] [-json]\n       cloister trail verify -ledger | DIRECTORY -keys FILE")
		return 2
	}
	q.ByTime = true
	if *since > 0 {
		q.From = time.Now().Add(-*since)
	}
	err := withLedger(c.Data, func(ctx context.Context, db *sqlite.Store) error {
		return db.View(ctx, func(v store.View) error {
			evs, err := v.Trail(q)
			if err != nil {
				return err
			}
			lines, err := told(v, evs)
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(os.Stdout, lines)
			}
			return printLines(os.Stdout, lines)
		})
	})
	if err != nil {
		return complain(err)
	}
	return 0
}

// withLedger opens the ledger of a data directory, which must be there.
func withLedger(data string, f func(context.Context, *sqlite.Store) error) error {
	path := filepath.Join(data, "ledger.db")
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("cannot read the trail: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	db, err := sqlite.Open(ctx, path, world.Real{}.Now)
	if err != nil {
		return err
	}
	return errors.Join(f(ctx, db), db.Close())
}

// line is an event, and the call for which a service made it.
type line struct {
	trail.Event
	cause *trail.Event
}

// told finds the causes and leaves out the second of two events that tell of one call.
func told(v store.View, evs []trail.Event) ([]line, error) {
	var out []line
	shared := map[string]int{}
	for _, e := range evs {
		if i, twice := shared[e.SharedID]; twice && e.SharedID != "" {
			if e.Account == e.Recipient { // the caller's own tells more
				out[i].Event = e
			}
			continue
		}
		shared[e.SharedID] = len(out)
		l := line{Event: e}
		if e.Parent != "" {
			up, err := v.Trail(store.TrailQuery{RequestID: e.Parent})
			if err != nil {
				return nil, err
			}
			for i := range up {
				if l.cause == nil || up[i].Account == up[i].Recipient {
					l.cause = &up[i]
				}
			}
		}
		out = append(out, l)
	}
	return out, nil
}

// from is where a call came from: an address, the interface, the endpoint; of a service's call, where its cause came from.
func (l *line) from() string {
	e := &l.Event
	if l.cause != nil {
		e = l.cause
	}
	parts := []string{}
	for _, s := range []string{e.SourceIP, e.Interface, e.VPC, e.Endpoint} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}

func (l *line) what() string {
	s := l.Service + ":" + l.Title()
	if l.cause != nil {
		s += " for " + l.cause.Service + ":" + l.cause.Title()
	}
	return s
}

func (l *line) who() string {
	switch c := &l.Caller; {
	case c.ARN != "":
		return c.ARN
	case c.Principal != "":
		return c.Account + " " + c.Principal
	default:
		return c.Type
	}
}

func (l *line) outcome() string {
	if l.ErrorCode != "" {
		return "refused: " + l.ErrorCode
	}
	return "done"
}

func printLines(w io.Writer, lines []line) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TIME\tCALLER\tCALL\tINVOKED BY\tFROM\tOUTCOME\tREQUEST")
	for i := range lines {
		l := &lines[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Time.UTC().Format(time.RFC3339), l.who(), l.what(), l.Caller.InvokedBy, l.from(), l.outcome(), l.RequestID)
	}
	return t.Flush()
}

func printJSON(w io.Writer, lines []line) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range lines {
		l := &lines[i]
		out := struct {
			Record    json.RawMessage `json:"record"`
			Seq       int64           `json:"seq"`
			VPC       string          `json:"vpcId,omitempty"`
			Interface string          `json:"interfaceId,omitempty"`
			Cause     json.RawMessage `json:"cause,omitempty"`
			From      string          `json:"from"`
			Outcome   string          `json:"outcome"`
		}{trail.Record(&l.Event), l.Seq, l.VPC, l.Interface, nil, l.from(), l.outcome()}
		if l.cause != nil {
			out.Cause = trail.Record(l.cause)
		}
		if err := enc.Encode(out); err != nil {
			return err
		}
	}
	return nil
}
