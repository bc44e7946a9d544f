// Package checksum is the checksums that S3 takes with an object, by the names of its API.
// It names and makes them and nothing else: what a sum is held against is its caller's.
package checksum

import (
	"crypto/md5"  //nolint:gosec // a checksum the client may choose; it guards against accidents, not against people
	"crypto/sha1" //nolint:gosec // another
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/zeebo/xxh3"
)

// NVMe is the polynomial of CRC-64/NVME, reflected.
const NVMe = 0x9a6c9329ac4bc9b5

// Names lists the algorithms as ChecksumAlgorithm has them. Source: S3 API Reference, CreateMultipartUpload, x-amz-checksum-algorithm.
func Names() []string {
	return []string{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"}
}

// Sentence is what S3 says of an algorithm that is none of them.
func Sentence() string {
	return "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [" + strings.Join(slices.Sorted(slices.Values(Names())), ", ") + "]"
}

// New makes the hash of an algorithm ("CRC32C") or of its header or trailer ("x-amz-checksum-crc32c"), in any case; nil when there is
// none of that name. The sum's bytes, highest first, are what the header has in base64.
func New(name string) hash.Hash {
	switch strings.ToUpper(strings.TrimPrefix(strings.ToLower(name), "x-amz-checksum-")) {
	case "CRC32":
		return crc32.NewIEEE()
	case "CRC32C":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "CRC64NVME":
		return crc64nvme.New()
	case "SHA1":
		return sha1.New() //nolint:gosec // see above
	case "SHA256":
		return sha256.New()
	case "SHA512":
		return sha512.New()
	case "MD5":
		return md5.New() //nolint:gosec // see above
	case "XXHASH64":
		return xxhash.New()
	case "XXHASH3":
		return xxh3.New()
	case "XXHASH128":
		return wide{xxh3.New()}
	}
	return nil
}

// Joins says whether the sum of a whole object follows from those of its parts, so that a multipart object can have one: that is so of
// CRCs. Source: S3 User Guide, "Checking object integrity", full object and composite checksums.
func Joins(name string) bool { return strings.HasPrefix(name, "CRC") }

// wide is XXH3 with 128 bits.
type wide struct{ *xxh3.Hasher }

func (wide) Size() int { return 16 }

func (w wide) Sum(b []byte) []byte {
	s := w.Sum128().Bytes()
	return append(b, s[:]...)
}
