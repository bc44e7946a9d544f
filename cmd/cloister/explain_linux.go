package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"cloister/internal/client"
	"cloister/internal/config"
	"cloister/internal/core/sigv4"
	"cloister/internal/daemon"
)

// explainMain asks with the keys of the environment, or as the operator of the data directory when there are none.
func explainMain(args []string) int {
	c := config.Defaults()
	fs := flag.NewFlagSet("explain", flag.ContinueOnError)
	config.Place(fs, &c)
	asJSON := fs.Bool("json", false, "print JSON")
	if fs.Parse(args) != nil || fs.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: cloister explain [-data DIR] [-json] REQUEST-ID | JOB-ARN")
		return 2
	}
	cl, err := caller(c)
	if err != nil {
		return complain(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	e, err := cl.Explain(ctx, fs.Arg(0))
	if err != nil {
		return complain(err)
	}
	if *asJSON {
		b, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			return complain(err)
		}
		fmt.Println(string(b))
		return 0
	}
	e.Print(os.Stdout, "")
	return 0
}

func caller(c config.Config) (*client.Client, error) {
	if env := config.AWS(); env.AccessKey != "" && env.Endpoint != "" {
		hc, err := client.Trusting(env.CA)
		if err != nil {
			return nil, err
		}
		return &client.Client{Endpoint: env.Endpoint, Region: env.Region, HTTP: hc,
			Creds: sigv4.Credentials{AccessKey: env.AccessKey, Secret: env.Secret, Token: env.Token}}, nil
	}
	op, err := daemon.Ask(c.Data)
	if err != nil {
		return nil, err
	}
	return &client.Client{Endpoint: "http://" + op.HTTP, Region: op.Region, HTTP: &http.Client{Timeout: time.Minute},
		Creds: sigv4.Credentials{AccessKey: op.AccessKey, Secret: op.Secret}}, nil
}
