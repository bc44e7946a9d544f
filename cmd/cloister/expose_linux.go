package main

import (
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"cloister/internal/config"
	"cloister/internal/core/vpc"
	"cloister/internal/daemon"
)

// exposeMain lists, adds and takes back.
func exposeMain(args []string) int {
	c := config.Defaults()
	fs := flag.NewFlagSet("expose", flag.ContinueOnError)
	config.Place(fs, &c)
	at := fs.String("address", "", "the address and port of that internet, such as 198.19.255.10:5432")
	remove := fs.String("remove", "", "the address and port to take back")
	err := fs.Parse(args)
	listing := *at == "" && *remove == "" && fs.NArg() == 0
	if err != nil || !listing && (*at == "") == (*remove == "") || *at != "" && fs.NArg() != 1 || *remove != "" && fs.NArg() != 0 {
		fmt.Fprintln(os.Stderr, "usage: cloister expose [-data DIR]\n       cloister expose [-data DIR] -address ADDRESS:PORT localhost:PORT\n       cloister expose [-data DIR] -remove ADDRESS:PORT")
		return 2
	}
	if listing {
		return listInternet(c.Data)
	}
	a, err := netip.ParseAddrPort(*at + *remove)
	if err != nil {
		return complain(fmt.Errorf("%q is no address and port", *at+*remove))
	}
	if *remove != "" {
		err = daemon.Unexpose(c.Data, a)
	} else {
		err = daemon.Expose(c.Data, vpc.Exposure{Public: a, Target: fs.Arg(0)})
	}
	if err != nil {
		return complain(err)
	}
	return 0
}

func listInternet(data string) int {
	in, err := daemon.ShowInternet(data)
	if err != nil {
		return complain(err)
	}
	for _, e := range in.Exposed {
		fmt.Printf("%s -> %s\n", e.Public, e.Target)
	}
	state := "closed: only what is exposed answers"
	if in.Uplink.Open {
		state = "open"
		if len(in.Uplink.Allowed) > 0 {
			state += ", " + strings.Join(in.Uplink.Allowed, " ") + " too"
		}
	}
	fmt.Printf("uplink %s; %d connections now, %d made\n", state, in.Uplink.Now, in.Uplink.Passed)
	for _, why := range slices.Sorted(maps.Keys(in.Uplink.Refused)) {
		fmt.Printf("  %d refused: %s\n", in.Uplink.Refused[why], why)
	}
	return 0
}
