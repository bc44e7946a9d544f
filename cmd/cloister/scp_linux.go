package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"cloister/internal/client"
)

func scpMain(args []string) int { return verbMain("scp", scpVerbs(), args, os.Stdout, os.Stderr) }

func scpVerbs() []verb {
	return []verb{
		{"put", "NAME FILE", 2, putControl, func(w io.Writer, answer any) { fmt.Fprintln(w, answer.(client.Control).PolicySummary.Id) }},
		{"attach", "NAME PLACE", 2, hang("AttachPolicy"), nil},
		{"detach", "NAME PLACE", 2, hang("DetachPolicy"), nil},
		{"list", "", 0, func(ctx context.Context, cl *client.Client, _ []string) (any, error) { return cl.Controls(ctx) }, listControls},
		{"show", "NAME", 1, showControl, func(w io.Writer, answer any) {
			p := answer.(client.Control)
			fmt.Fprintf(w, "%s %s, attached to %v\n%s\n", p.PolicySummary.Id, p.PolicySummary.Name, p.Targets, p.Content)
		}},
		{"delete", "NAME", 1, func(ctx context.Context, cl *client.Client, args []string) (any, error) {
			id, err := control(ctx, cl, args[0])
			if err != nil {
				return nil, err
			}
			return nil, cl.Own(ctx, "DeletePolicy", map[string]string{"PolicyId": id}, nil)
		}, nil},
	}
}

// control finds a policy that must be there.
func control(ctx context.Context, cl *client.Client, name string) (string, error) {
	id, err := cl.ControlID(ctx, name)
	if err == nil && id == "" {
		err = fmt.Errorf("the organization has no service control policy %q", name)
	}
	return id, err
}

// putControl makes a policy, or changes the text of the one that has that name.
func putControl(ctx context.Context, cl *client.Client, args []string) (any, error) {
	text, err := readPolicy(args[1], os.Stdin)
	if err != nil {
		return nil, err
	}
	id, err := cl.ControlID(ctx, args[0])
	if err != nil {
		return nil, err
	}
	var out struct{ Policy client.Control }
	if id == "" {
		err = cl.Own(ctx, "CreatePolicy", map[string]string{"Name": args[0], "Content": string(text)}, &out)
	} else {
		err = cl.Own(ctx, "UpdatePolicy", map[string]string{"PolicyId": id, "Content": string(text)}, &out)
	}
	return out.Policy, err
}

func hang(operation string) func(context.Context, *client.Client, []string) (any, error) {
	return func(ctx context.Context, cl *client.Client, args []string) (any, error) {
		id, err := control(ctx, cl, args[0])
		if err != nil {
			return nil, err
		}
		at, err := placeOf(ctx, cl, args[1])
		if err != nil {
			return nil, err
		}
		return nil, cl.Own(ctx, operation, map[string]string{"PolicyId": id, "TargetId": at}, nil)
	}
}

func showControl(ctx context.Context, cl *client.Client, args []string) (any, error) {
	id, err := control(ctx, cl, args[0])
	if err != nil {
		return nil, err
	}
	var out struct{ Policy client.Control }
	err = cl.Own(ctx, "DescribePolicy", map[string]string{"PolicyId": id}, &out)
	return out.Policy, err
}

func listControls(w io.Writer, answer any) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range answer.([]client.PolicyName) {
		fmt.Fprintf(t, "%s\t%s\t%s\n", p.Id, p.Name, p.Description)
	}
	_ = t.Flush()
}
