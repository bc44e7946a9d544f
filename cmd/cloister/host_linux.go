package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"cloister/internal/config"
	"cloister/internal/daemon"
	"cloister/internal/driver/cell"
	"cloister/internal/driver/linux"
	"cloister/internal/work/entry"
	"cloister/internal/work/host"
)

func hostCommands() []command {
	return []command{
		{"serve", "", "run the daemon", serveMain},
		{"demo", "[-docs DIR]", "run the main job on real documents in a VPC, and show the walls that stop it", demoMain},
		{"env", "", "print the environment that AWS clients need: eval \"$(cloister env)\"", envMain},
		{"account", "create ID [NAME]", "create an account and print its root's key pair, this once", accountMain},
		{"org", "VERB ...", "join accounts under one that manages them: create, invite, join, unit, move, show ...", orgMain},
		{"scp", "VERB ...", "service control policies of the organization: put, attach, detach, list, show, delete", scpMain},
		{"explain", "REQUEST-ID | JOB-ARN", "say which statement, policy, hop or route table decided", explainMain},
		{"trail", "[-resource ARN] [-since 24h] ...", "who did what, from where: search the ledger's trail; \"trail verify\" finds what was changed", trailMain},
		{"reach", "-from ENI -to TARGET", "would a connection be made, and which rule, route or network ACL decides it", reachMain},
		{"exec", "-subnet SUBNET ... -- COMMAND", "run a command of this host on an interface of a VPC, for as long as it runs", execMain},
		{"expose", "[-address A:PORT HOST:PORT]", "give a port of this host an address of the internet that VPCs lead to; without arguments, list them", exposeMain},
		{"root-key", "VERB ...", "the key of all secrets: show, recovery copy, rewrap by another root key, restore", rootKeyMain},
		{"doctor", "", "say what this host can enforce, and what to do when it can't", doctorMain},
	}
}

// childMains never returns in the processes that the daemon starts from this binary.
func childMains() {
	linux.ChildMain()
	cell.Main()
	switch {
	case len(os.Args) == 1 && os.Args[0] == daemon.AgentArg:
		os.Exit(entry.Agent())
	case len(os.Args) == 2 && os.Args[0] == daemon.AnalyserArg:
		os.Exit(entry.Analyser(os.Args[1]))
	case len(os.Args) == 1 && os.Args[0] == daemon.ExecArg:
		os.Exit(host.Main())
	}
}

func serveMain(args []string) int {
	cfg, err := config.Parse(args, os.Stderr)
	if err != nil {
		return complain(err)
	}
	level := slog.LevelInfo
	if cfg.Debug {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	d, err := daemon.Open(ctx, cfg, log)
	if err != nil {
		return complain(err)
	}
	defer d.Close()
	// The collector counts this as in use, though nothing of it is ever in memory: it runs when as much again has been allocated, not
	// each time that a small heap has doubled, which took a fifth of what a read takes.
	slack := make([]byte, 32<<20)
	defer runtime.KeepAlive(slack)
	if cfg.Dev {
		fmt.Fprintln(os.Stderr, "WARNING: -dev: whoever reaches the loopback listener is root of account", cfg.Account, "with any key. Nothing is protected from this host's users.")
	}
	h, t := d.Addrs()
	err = d.Run(ctx, func() {
		fmt.Printf("ready http=%s https=%s account=%s region=%s data=%s\n", h, t, cfg.Account, cfg.Region, cfg.Data)
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		return complain(err)
	}
	return 0
}

// doctorMain's status is 1 when jobs cannot run here; a wall that is only lower is told as "less".
func doctorMain([]string) int {
	bad := 0
	for _, f := range linux.Check() {
		mark := "ok  "
		switch {
		case !f.OK && f.Required:
			mark, bad = "FAIL", 1
		case !f.OK:
			mark = "less"
		}
		fmt.Printf("%s %-28s %s\n", mark, f.Name, f.Detail)
		if !f.OK && f.Remedy != "" {
			fmt.Printf("     %-28s -> %s\n", "", f.Remedy)
		}
	}
	return bad
}
