package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"cloister/internal/client"
	"cloister/internal/config"
)

// verb is one thing that `cloister org` or `cloister scp` does. Its answer is nil or what -json prints; plain writes it for people.
type verb struct {
	name, args string
	count      int // arguments
	run        func(ctx context.Context, cl *client.Client, args []string) (any, error)
	plain      func(w io.Writer, answer any)
}

func orgMain(args []string) int { return verbMain("org", orgVerbs(), args, os.Stdout, os.Stderr) }

func orgVerbs() []verb {
	own := func(op string, members ...string) func(context.Context, *client.Client, []string) (any, error) {
		return func(ctx context.Context, cl *client.Client, args []string) (any, error) {
			in := map[string]string{}
			for i, m := range members {
				in[m] = args[i]
			}
			return nil, cl.Own(ctx, op, in, nil)
		}
	}
	tree := func(w io.Writer, answer any) { answer.(*client.Organization).Print(w) }
	described := func(op string, members ...string) func(context.Context, *client.Client, []string) (any, error) {
		return func(ctx context.Context, cl *client.Client, args []string) (any, error) {
			if _, err := own(op, members...)(ctx, cl, args); err != nil {
				return nil, err
			}
			return cl.Organization(ctx)
		}
	}
	return []verb{
		{"create", "", 0, described("CreateOrganization"), tree},
		{"show", "", 0, func(ctx context.Context, cl *client.Client, _ []string) (any, error) { return cl.Organization(ctx) }, tree},
		{"delete", "", 0, own("DeleteOrganization"), nil},
		{"invite", "ACCOUNT", 1, own("InviteAccountToOrganization", "AccountId"), nil},
		{"uninvite", "ACCOUNT", 1, own("CancelInvitation", "AccountId"), nil},
		{"join", "ORGANIZATION", 1, described("JoinOrganization", "OrganizationId"), tree},
		{"leave", "", 0, own("LeaveOrganization"), nil},
		{"remove", "ACCOUNT", 1, own("RemoveAccountFromOrganization", "AccountId"), nil},
		{"move", "ACCOUNT PLACE", 2, moveAccount, nil},
		{"unit", "PLACE NAME", 2, makeUnit, func(w io.Writer, answer any) { fmt.Fprintln(w, answer.(client.Place).Id) }},
		{"drop", "UNIT", 1, dropUnit, nil},
	}
}

func moveAccount(ctx context.Context, cl *client.Client, args []string) (any, error) {
	o, err := cl.Organization(ctx)
	if err != nil {
		return nil, err
	}
	to, err := o.Place(args[1])
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(o.Nodes, func(n client.Place) bool { return n.Id == args[0] })
	if i < 0 {
		return nil, fmt.Errorf("the organization has no account %s", args[0])
	}
	return nil, cl.Own(ctx, "MoveAccount", map[string]string{"AccountId": args[0], "SourceParentId": o.Nodes[i].ParentId, "DestinationParentId": to}, nil)
}

func makeUnit(ctx context.Context, cl *client.Client, args []string) (any, error) {
	in, err := placeOf(ctx, cl, args[0])
	if err != nil {
		return nil, err
	}
	var out struct{ OrganizationalUnit client.Place }
	err = cl.Own(ctx, "CreateOrganizationalUnit", map[string]string{"ParentId": in, "Name": args[1]}, &out)
	return out.OrganizationalUnit, err
}

func dropUnit(ctx context.Context, cl *client.Client, args []string) (any, error) {
	id, err := placeOf(ctx, cl, args[0])
	if err != nil {
		return nil, err
	}
	return nil, cl.Own(ctx, "DeleteOrganizationalUnit", map[string]string{"OrganizationalUnitId": id}, nil)
}

func placeOf(ctx context.Context, cl *client.Client, name string) (string, error) {
	o, err := cl.Organization(ctx)
	if err != nil {
		return "", err
	}
	return o.Place(name)
}

// verbMain runs one verb of a command.
func verbMain(command string, verbs []verb, args []string, stdout, stderr io.Writer) int {
	usage := func() {
		fmt.Fprintf(stderr, "usage: cloister %s VERB [-data DIR] [-json] ...\n", command)
		for _, v := range verbs {
			fmt.Fprintf(stderr, "  cloister %s %s %s\n", command, v.name, v.args)
		}
	}
	i := -1
	if len(args) > 0 {
		i = slices.IndexFunc(verbs, func(v verb) bool { return v.name == args[0] })
	}
	if i < 0 {
		usage()
		return 2
	}
	c := config.Defaults()
	fs := flag.NewFlagSet(command+" "+args[0], flag.ContinueOnError)
	fs.SetOutput(stderr)
	config.Place(fs, &c)
	asJSON := fs.Bool("json", false, "print JSON")
	err := fs.Parse(args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil || fs.NArg() != verbs[i].count {
		usage()
		return 2
	}
	cl, err := caller(c)
	if err != nil {
		return complain(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := verbs[i].run(ctx, cl, fs.Args())
	switch {
	case err != nil:
		return complain(err)
	case *asJSON && out != nil:
		b, err := json.MarshalIndent(out, "", "  ")
		if err != nil {
			return complain(err)
		}
		fmt.Fprintln(stdout, string(b))
	case verbs[i].plain != nil:
		verbs[i].plain(stdout, out)
	}
	return 0
}
