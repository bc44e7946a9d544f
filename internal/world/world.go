// Package world is the only door for what cannot be repeated: time, ids and randomness. A test replaces it whole.
package world

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"time"
)

// World is where a process gets its time and its chance from.
type World interface {
	Now() time.Time           // UTC
	Bytes(n int) []byte       // cryptographic randomness
	Hex(n int) string         // n hex digits
	UUID() string             // version 4, lower case
	ID(pre string) string     // EC2-like: pre + "-" + 17 hex digits
	Unique(pre string) string // IAM-like unique id or access key id: pre + 16 of A-Z2-7 (AROA, AIDA, AKIA, ASIA)
}

// Real is the world as it is.
type Real struct{}

// Now is the wall clock in UTC, to the microsecond: what the ledger keeps.
func (Real) Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Bytes reads the kernel's randomness.
func (Real) Bytes(n int) []byte { b := make([]byte, n); _, _ = rand.Read(b); return b }

// Hex gives n hex digits.
func (w Real) Hex(n int) string { return hex.EncodeToString(w.Bytes((n + 1) / 2))[:n] }

// UUID gives a version 4 UUID.
func (w Real) UUID() string {
	b := w.Bytes(16)
	b[6], b[8] = b[6]&15|64, b[8]&63|128
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// ID gives an EC2-like id.
func (w Real) ID(pre string) string { return pre + "-" + w.Hex(17) }

// Unique gives an IAM-like id of 20 characters.
func (w Real) Unique(pre string) string {
	return pre + base32.StdEncoding.EncodeToString(w.Bytes(10))[:16]
}
