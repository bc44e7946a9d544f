// Package keyring says how secrets are sealed. Whoever holds a Sealer can seal and open, nobody sees the key.
package keyring

// Sealer is the root of trust's two methods. aad binds a sealed box to its place ("access-key/AKIA..."): Open with
// another aad fails. Boxes are self-contained bytes (version, key id, nonce, ciphertext).
type Sealer interface {
	Seal(plaintext, aad []byte) ([]byte, error)
	Open(box, aad []byte) ([]byte, error)
}
