package keyring

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
)

// A recovery copy is the key and three bytes of checksum in base32, in groups of four characters: 35 bytes are 56 characters. It
// is the key: whoever reads it opens everything.
const recoverySum = 3

// Recovery writes a Master's key for paper.
func Recovery(key []byte) (string, error) {
	if len(key) != MasterSize {
		return "", fmt.Errorf("cannot write a key of %d bytes, want %d", len(key), MasterSize)
	}
	text := base32.StdEncoding.EncodeToString(append(bytes.Clone(key), checksum(key)...))
	var groups []string
	for ; text != ""; text = text[4:] {
		groups = append(groups, text[:4])
	}
	return strings.Join(groups, "-"), nil
}

// ReadRecovery reads it back; spaces, dashes and case do not matter. The error never holds what was read.
func ReadRecovery(text string) ([]byte, error) {
	text = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -\t\r\n", r) {
			return -1
		}
		return r
	}, strings.ToUpper(text))
	b, err := base32.StdEncoding.DecodeString(text)
	if err != nil || len(b) != MasterSize+recoverySum {
		return nil, errors.New("it is not a recovery copy: want 14 groups of 4 characters, A to Z and 2 to 7")
	}
	if key := b[:MasterSize]; bytes.Equal(checksum(key), b[MasterSize:]) {
		return key, nil
	}
	return nil, errors.New("a character of the recovery copy is wrong: its checksum does not fit")
}

func checksum(key []byte) []byte {
	s := sha256.Sum256(append([]byte("cloister recovery copy v1 "), key...))
	return s[:recoverySum]
}
