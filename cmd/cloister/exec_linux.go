package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"cloister/internal/client"
	"cloister/internal/config"
	"cloister/internal/daemon"
	"cloister/internal/work/host"
)

// execMain makes the interface with the keys of the environment, or as the operator when there are none; to run something on it, one
// must be the daemon's user or root. Its status is the command's.
func execMain(args []string) int {
	c := config.Defaults()
	fs := flag.NewFlagSet("exec", flag.ContinueOnError)
	config.Place(fs, &c)
	n := client.NewInterface{Description: "cloister exec"}
	fs.StringVar(&n.Subnet, "subnet", "", "the subnet, subnet-...")
	fs.Func("security-group", "a security group, sg-...; may be given again (default: the VPC's default group)", func(s string) error { n.Groups = append(n.Groups, s); return nil })
	fs.StringVar(&n.Name, "name", "", "the interface's tag Name")
	fs.StringVar(&n.Address, "address", "", "its private address (default: a free one)")
	quiet := fs.Bool("quiet", false, "do not tell the interface and its address on standard error")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil || n.Subnet == "" || fs.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: cloister exec [-data DIR] -subnet SUBNET [-security-group GROUP]... [-name NAME] [-address ADDRESS] [-quiet] -- COMMAND [ARGUMENT...]")
		return host.Failed
	}
	s := host.Spec{Argv: fs.Args(), Env: os.Environ()}
	if s.Path, err = exec.LookPath(s.Argv[0]); err != nil {
		complain(err)
		return host.Missing
	}
	if s.Dir, err = os.Getwd(); err != nil {
		complain(err)
		return host.Failed
	}
	cl, err := caller(c)
	if err != nil {
		complain(err)
		return host.Failed
	}
	if n.Name != "" {
		n.Description += " " + n.Name
	}
	heard := make(chan os.Signal, 16)
	signal.Notify(heard, host.Forwarded()...)
	code, err := daemon.Exec(c.Data, s, [3]*os.File{os.Stdin, os.Stdout, os.Stderr}, heard, func(ctx context.Context, token string) (id, account, region string, err error) {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		n.Token = token
		made, err := cl.CreateInterface(ctx, n)
		if err == nil && !*quiet {
			fmt.Fprintf(os.Stderr, "cloister: %s %s\n", made.ID, made.Address)
		}
		return made.ID, made.Account, cl.Region, err
	})
	if err != nil {
		complain(err)
		return host.Failed
	}
	return code
}
