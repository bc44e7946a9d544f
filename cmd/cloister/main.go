// Command cloister is the whole of Cloister in one binary: daemon, job processes and client. It holds no logic of its own.
package main

import (
	"fmt"
	"os"
)

// command is one subcommand.
type command struct {
	name, args, what string
	run              func(args []string) int
}

func commands() []command {
	return append(hostCommands(), []command{
		{"policy", "eval", "decide policy cases: JSON lines on standard input, a decision on each line of the output", policyMain},
		{"policy", "check FILE...", "lint policies: what AWS refuses, what never has an effect, what says more than it seems", policyMain},
	}...)
}

func main() {
	childMains()
	if len(os.Args) < 2 {
		usage(os.Stderr)
		os.Exit(2)
	}
	switch os.Args[1] {
	case "help", "-h", "-help", "--help":
		usage(os.Stdout)
		return
	}
	for _, c := range commands() {
		if c.name == os.Args[1] {
			os.Exit(c.run(os.Args[2:]))
		}
	}
	fmt.Fprintf(os.Stderr, "cloister: no command %q\n\n", os.Args[1])
	usage(os.Stderr)
	os.Exit(2)
}

func usage(w *os.File) {
	fmt.Fprintln(w, "cloister runs document-analysis jobs inside networks that you define, behind AWS's APIs.")
	fmt.Fprintln(w, "\nusage: cloister COMMAND [flags]")
	fmt.Fprintln(w)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-28s %s\n", c.name+" "+c.args, c.what)
	}
}

// complain prints an error the way all commands do.
func complain(err error) int {
	fmt.Fprintln(os.Stderr, "cloister:", err)
	return 1
}
