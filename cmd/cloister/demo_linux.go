package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"

	"cloister/internal/demo"
)

func demoMain(args []string) int {
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	docs := fs.String("docs", "", "a folder of your own text files; each is a document")
	keep := fs.Bool("keep", false, "keep the daemon's folder")
	if fs.Parse(args) != nil {
		return 2
	}
	self, err := os.Executable()
	if err != nil {
		return complain(err)
	}
	signal.Ignore(syscall.SIGPIPE) // `cloister demo | head` must still end the daemon that it started
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	if err := demo.Run(ctx, demo.Options{Docs: *docs, Out: os.Stdout, Self: self, Keep: *keep}); err != nil {
		return complain(err)
	}
	return 0
}
