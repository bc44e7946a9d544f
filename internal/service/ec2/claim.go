package ec2

import (
	"net/netip"

	"cloister/internal/core/fault"
	"cloister/internal/store"
)

// ClaimPublic keeps a public address from being allocated; it is no error to claim it again. Error: an account has it.
func ClaimPublic(tx store.Tx, partition string, a netip.Addr) error {
	was, err := claims.Get(tx, store.Scope{Partition: partition}, a.String())
	switch {
	case absent(err):
		return claims.Create(tx, store.Scope{Partition: partition}, a.String(), &claim{})
	case err != nil:
		return err
	case was.Value.Allocation != "":
		return fault.New("InvalidIPAddress.InUse", "Address %s is in use.", a)
	}
	return nil
}

// ReleasePublic gives back what ClaimPublic claimed.
func ReleasePublic(tx store.Tx, partition string, a netip.Addr) error {
	was, err := claims.Get(tx, store.Scope{Partition: partition}, a.String())
	if absent(err) || err == nil && was.Value.Allocation != "" {
		return nil
	}
	if err != nil {
		return err
	}
	return claims.Delete(tx, store.Scope{Partition: partition}, a.String())
}
