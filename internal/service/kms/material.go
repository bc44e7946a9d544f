package kms

import (
	"errors"
	"fmt"
	"time"

	"cloister/internal/core/fault"
	"cloister/internal/store"
)

// Material is a row beside its key; the id is the key's, a slash and the material's (64 hex digits). A key keeps all that it ever had, for
// what was encrypted under them.
type Material struct {
	Sealed  []byte    `json:",omitempty"` // bound to account, region, key and material; empty: imported, and gone again
	Created time.Time // when it became the key's, or will
	Kind    string    `json:",omitempty"` // of the rotation that brought it: AUTOMATIC, ON_DEMAND; empty: the first
	Pending bool      `json:",omitempty"` // imported, for a rotation that nobody has asked for yet

	Description string    `json:",omitempty"`
	ValidTo     time.Time `json:",omitzero"`
	Model       string    `json:",omitempty"`
}

var materials = store.Table[Material]{Kind: "kms-material"}

// opened is material in clear. It is dropped when its key may not be used any more.
type opened struct {
	bytes []byte
	key   string // region/id
}

// place is what a material's seal is bound to.
func place(k *key, material string) []byte {
	return []byte(k.Value.Account + "|" + k.Scope.Region + "|" + k.ID + "|" + material)
}

// seal writes a material's row.
func (s *Service) seal(tx store.Tx, k *key, id string, bytes []byte, m Material) (err error) {
	if m.Sealed, err = s.sealer.Seal(bytes, place(k, id)); err != nil {
		return fmt.Errorf("cannot seal the material of key %s: %w", k.ID, err)
	}
	return materials.Create(tx, k.Scope, k.ID+"/"+id, &m)
}

// material opens one of a key's materials. The key has been found usable. A material that is not there is
// store.ErrNotFound. Nobody may change the bytes.
func (s *Service) material(v store.View, k *key, id string) ([]byte, error) {
	name := k.Scope.Region + "/" + k.ID
	if m, ok := s.open.get(name + "/" + id); ok {
		return m.bytes, nil
	}
	m, err := materials.Get(v, k.Scope, k.ID+"/"+id)
	if err != nil {
		return nil, err
	}
	if m.Value.gone(v.Now()) {
		return nil, fault.New("KMSInvalidStateException", "%s is pending import.", k.arn)
	}
	b, err := s.sealer.Open(m.Value.Sealed, place(k, id))
	if err != nil {
		return nil, fmt.Errorf("cannot open the material of key %s: %w", k.ID, err)
	}
	if m.Value.ValidTo.IsZero() { // what ends by itself is read each time
		s.open.put(name+"/"+id, opened{b, name})
	}
	return b, nil
}

// current opens the material that the key encrypts with.
func (s *Service) current(v store.View, k *key) ([]byte, error) {
	b, err := s.material(v, k, k.Value.Material)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("key %s has no material", k.ID)
	}
	return b, err
}

// forget drops what is open of a key.
func (s *Service) forget(at store.Scope, id string) {
	name := at.Region + "/" + id
	s.open.drop(func(_ string, m opened) bool { return m.key == name })
}
