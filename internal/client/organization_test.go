package client

import (
	"bytes"
	"testing"
)

func TestPlaces(t *testing.T) {
	o := &Organization{Id: "o-1", ManagementAccountId: "111122223333", RootId: "r-1", Invitations: []Invite{{"777788889999"}}, Nodes: []Place{
		{Id: "111122223333", Type: "account", ParentId: "r-1", Policies: []PolicyName{{Name: "Full"}}},
		{Id: "444455556666", Type: "account", Name: "Lab", ParentId: "ou-1", Policies: []PolicyName{{Name: "Full"}, {Name: "Brake"}}},
		{Id: "ou-1", Type: "unit", Name: "Lab", ParentId: "r-1"}, {Id: "ou-2", Type: "unit", Name: "Twin", ParentId: "r-1"}, {Id: "ou-3", Type: "unit", Name: "Twin", ParentId: "ou-1"},
		{Id: "r-1", Type: "root"},
	}}
	for name, want := range map[string]string{"root": "r-1", "r-1": "r-1", "Lab": "ou-1", "ou-3": "ou-3", "444455556666": "444455556666", "Twin": "", "lab": "", "": ""} {
		if got, err := o.Place(name); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", name, got, err)
		}
	}
	if got, err := (&Organization{}).Place("root"); err == nil {
		t.Errorf("a member finds the root %q", got)
	}
	var b bytes.Buffer
	o.Print(&b)
	const want = `organization o-1, managed by account 111122223333
  root r-1  []
    account 111122223333, which no policy binds  [Full]
    unit ou-1 Lab  []
      account 444455556666 Lab  [Brake, Full]
      unit ou-3 Twin  []
    unit ou-2 Twin  []
  invited: account 777788889999
`
	if b.String() != want {
		t.Errorf("drawn as\n%s", b.String())
	}
}
