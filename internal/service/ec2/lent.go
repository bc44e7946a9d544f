package ec2

import (
	"cloister/internal/api"
	"cloister/internal/store"
)

// Drop takes an interface away, whoever made it and whether or not something is attached, for who lent it out. Its addresses are
// kept back for a while, as for every interface.
func (s *Service) Drop(tx store.Tx, scope store.Scope, id string) error {
	return s.dropInterface(&api.Call{Partition: scope.Partition, Account: scope.Account, Region: scope.Region}, tx, id)
}
