package main

import (
	"flag"
	"fmt"
	"os"

	"cloister/internal/config"
	"cloister/internal/daemon"
)

// envMain prints shell assignments. The endpoint is an address and not a name, since the SDKs then use path-style S3.
func envMain(args []string) int {
	c := config.Defaults()
	fs := flag.NewFlagSet("env", flag.ContinueOnError)
	config.Place(fs, &c)
	secure := fs.Bool("tls", false, "use the TLS listener")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	op, err := daemon.Ask(c.Data)
	if err != nil {
		return complain(err)
	}
	url := "http://" + op.HTTP
	if *secure {
		url = "https://" + op.TLS
	}
	fmt.Printf("export AWS_ENDPOINT_URL=%s\nexport AWS_REGION=%s\nexport AWS_DEFAULT_REGION=%s\nexport AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\nexport AWS_CA_BUNDLE=%s\nunset AWS_SESSION_TOKEN AWS_PROFILE\n",
		url, op.Region, op.Region, op.AccessKey, op.Secret, op.CA)
	return 0
}

func accountMain(args []string) int {
	c := config.Defaults()
	fs := flag.NewFlagSet("account", flag.ContinueOnError)
	config.Place(fs, &c)
	if len(args) < 1 || args[0] != "create" || fs.Parse(args[1:]) != nil || fs.NArg() < 1 || fs.NArg() > 2 {
		fmt.Fprintln(os.Stderr, "usage: cloister account create [-data DIR] ID [NAME]")
		return 2
	}
	key, secret, err := daemon.CreateAccount(c.Data, fs.Arg(0), fs.Arg(1))
	if err != nil {
		return complain(err)
	}
	fmt.Printf("export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\n", key, secret)
	return 0
}
