package reconcile

import (
	"encoding/json"
	"testing"

	"cloister/internal/core/vpc"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// A stranger may ask for as many peerings as he likes: only one that is active, or was, bears on what is drawn.
func TestPeeringsBear(t *testing.T) {
	read := kinds()[rows.Peerings.Kind]
	for status, want := range map[string]int{"active": 2, "pending-acceptance": 0, "failed": 0, "rejected": 0, "deleted": 0} {
		b, err := json.Marshal(vpc.Peering{ID: "pcx-1", Status: status, Requester: vpc.PeerSide{VPC: "vpc-1"}, Accepter: vpc.PeerSide{VPC: "vpc-2"}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := read(store.Key{ID: "pcx-1"}, b)
		if err != nil || len(got.vpcs) != want {
			t.Errorf("%s bears on %v, %v", status, got.vpcs, err)
		}
	}
	if _, err := read(store.Key{}, []byte("{")); err == nil {
		t.Error("what cannot be read bears on nothing")
	}
}
