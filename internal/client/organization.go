package client

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Organization is what cloister:DescribeOrganization answers: to the management account all of it, to a member who manages it.
type Organization struct {
	Id, Arn, ManagementAccountId string
	RootId                       string   `json:",omitempty"`
	Nodes                        []Place  `json:",omitempty"`
	Invitations                  []Invite `json:",omitempty"`
}

// Place is the root, a unit or an account of the tree.
type Place struct {
	Id, Arn, Type string
	Name          string `json:",omitempty"`
	ParentId      string `json:",omitempty"`
	Policies      []PolicyName
}

// Invite is an account that may join.
type Invite struct{ AccountId string }

// PolicyName is a service control policy without its text.
type PolicyName struct {
	Id, Arn, Name string
	Description   string `json:",omitempty"`
	AwsManaged    bool
}

// Control is a service control policy.
type Control struct {
	PolicySummary PolicyName
	Content       string
	Targets       []string
}

// Own calls an operation of our own service.
func (c *Client) Own(ctx context.Context, operation string, in, out any) error {
	return c.JSON(ctx, "cloister", "Cloister_20261101."+operation, in, out)
}

// Organization describes the caller's.
func (c *Client) Organization(ctx context.Context) (*Organization, error) {
	var out struct{ Organization Organization }
	err := c.Own(ctx, "DescribeOrganization", struct{}{}, &out)
	return &out.Organization, err
}

// Controls lists the service control policies of the caller's organization.
func (c *Client) Controls(ctx context.Context) ([]PolicyName, error) {
	var all []PolicyName
	in := map[string]string{}
	for {
		var out struct {
			Policies  []PolicyName
			NextToken string
		}
		if err := c.Own(ctx, "ListPolicies", in, &out); err != nil {
			return nil, err
		}
		all = append(all, out.Policies...)
		if out.NextToken == "" {
			return all, nil
		}
		in["NextToken"] = out.NextToken
	}
}

// ControlID finds a policy by its name or id; "" if there is none.
func (c *Client) ControlID(ctx context.Context, name string) (string, error) {
	all, err := c.Controls(ctx)
	for _, p := range all {
		if p.Name == name || p.Id == name {
			return p.Id, err
		}
	}
	return "", err
}

// Place finds the id of a place: "root", the name of a unit if it is the only one of that name, or an id as it stands.
func (o *Organization) Place(name string) (string, error) {
	if name == "root" && o.RootId != "" {
		return o.RootId, nil
	}
	var found []string
	for _, n := range o.Nodes {
		if n.Id == name {
			return name, nil
		}
		if n.Type == "unit" && n.Name == name {
			found = append(found, n.Id)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("the organization has no root, unit or account %q", name)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("the name %q is that of several units: %s", name, strings.Join(found, ", "))
}

// Print draws the tree for people.
func (o *Organization) Print(w io.Writer) {
	fmt.Fprintf(w, "organization %s, managed by account %s\n", o.Id, o.ManagementAccountId)
	o.branch(w, "", "  ")
	for _, i := range o.Invitations {
		fmt.Fprintf(w, "  invited: account %s\n", i.AccountId)
	}
}

func (o *Organization) branch(w io.Writer, parent, indent string) {
	for _, n := range o.Nodes {
		if n.ParentId != parent {
			continue
		}
		line := indent + n.Type + " " + n.Id
		if n.Name != "" {
			line += " " + n.Name
		}
		if n.Id == o.ManagementAccountId {
			line += ", which no policy binds"
		}
		var hung []string
		for _, p := range n.Policies {
			hung = append(hung, p.Name)
		}
		slices.Sort(hung)
		fmt.Fprintf(w, "%s  [%s]\n", line, strings.Join(hung, ", "))
		o.branch(w, n.Id, indent+"  ")
	}
}
