// Package keyring says how secrets are sealed and what keys can do. Whoever holds a Sealer can seal and open, nobody sees the key;
// everything else is a function of the bytes it is given, with randomness handed in.
//
// It is the cryptography of KMS without its service: material of every key spec, ciphertexts that name their key,
// signatures, MACs, agreement, and the wrapping of imported keys. It knows no accounts, states, policies or storage. Only the
// standard library's cryptography is used.
package keyring

// Sealer is the root of trust's two methods. aad binds a sealed box to its place ("access-key/AKIA..."): Open with
// another aad fails. Boxes are self-contained bytes (version, key id, nonce, ciphertext).
type Sealer interface {
	Seal(plaintext, aad []byte) ([]byte, error)
	Open(box, aad []byte) ([]byte, error)
}
