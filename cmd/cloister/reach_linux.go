package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"cloister/internal/client"
	"cloister/internal/config"
)

// reachMain ends with 0 when the connection would be established, with 3 when not, with 4 when the kernel says otherwise.
func reachMain(args []string) int {
	c := config.Defaults()
	fs := flag.NewFlagSet("reach", flag.ContinueOnError)
	config.Place(fs, &c)
	from := fs.String("from", "", "the network interface that would connect, eni-...")
	to := fs.String("to", "", "where to: ADDRESS:PORT/tcp, ADDRESS:PORT/udp or ADDRESS/icmp")
	source := fs.Int("source-port", 0, "the source port; 0: whichever Linux picks, 32768 to 60999")
	live := fs.Bool("live", false, "send one packet as well, and compare: something must be attached to the interface")
	asJSON := fs.Bool("json", false, "print JSON")
	if fs.Parse(args) != nil || fs.NArg() != 0 || *from == "" || *to == "" {
		fmt.Fprintln(os.Stderr, "usage: cloister reach [-data DIR] -from ENI -to ADDRESS:PORT/PROTOCOL [-source-port N] [-live] [-json]")
		return 2
	}
	t, err := client.ParseTarget(*from, *to)
	if err != nil {
		return complain(err)
	}
	if *source != 0 {
		t.SourcePort = source
	}
	cl, err := caller(c)
	if err != nil {
		return complain(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r, err := cl.Reach(ctx, t)
	if err != nil {
		return complain(err)
	}
	said, differ := "", false
	if *live {
		outcome, err := cl.Probe(ctx, t)
		if err != nil {
			return complain(err)
		}
		said, differ = r.Compare(outcome, t.Protocol)
		r.Sent = outcome
	}
	if *asJSON {
		b, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return complain(err)
		}
		fmt.Println(string(b))
	} else {
		r.Print(os.Stdout)
		if said != "" {
			fmt.Println(said)
		}
	}
	if differ {
		return 4
	}
	if r.Verdict != "accept" {
		return 3
	}
	return 0
}
