package trail

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// SignatureAlgorithm and the names of the metadata that a digest file carries. Source: CloudTrail User Guide, "CloudTrail digest file structure".
const (
	SignatureAlgorithm = "SHA256withRSA"
	SignatureHeader    = "signature"           // behind x-amz-meta-
	AlgorithmHeader    = "signature-algorithm" // behind x-amz-meta-
	hashAlgorithm      = "SHA-256"
)

// stamp is the time in a file's name.
const (
	digestStamp = "20060102T150405Z"
	logStamp    = "20060102T1504Z"
)

// Digest is a digest file. Nulls stand for a chain that begins.
type Digest struct {
	Account       string    `json:"awsAccountId"`
	Start         string    `json:"digestStartTime"`
	End           string    `json:"digestEndTime"`
	Bucket        string    `json:"digestS3Bucket"`
	Object        string    `json:"digestS3Object"`
	Fingerprint   string    `json:"digestPublicKeyFingerprint"`
	Algorithm     string    `json:"digestSignatureAlgorithm"`
	Newest        *string   `json:"newestEventTime"`
	Oldest        *string   `json:"oldestEventTime"`
	PrevBucket    *string   `json:"previousDigestS3Bucket"`
	PrevObject    *string   `json:"previousDigestS3Object"`
	PrevHash      *string   `json:"previousDigestHashValue"`
	PrevAlgorithm *string   `json:"previousDigestHashAlgorithm"`
	PrevSignature *string   `json:"previousDigestSignature"`
	Files         []LogFile `json:"logFiles"`
}

// LogFile is one log file in a digest. Hash is of the file's content before compression.
type LogFile struct {
	Bucket    string `json:"s3Bucket"`
	Object    string `json:"s3Object"`
	Hash      string `json:"hashValue"`
	Algorithm string `json:"hashAlgorithm"`
	Newest    string `json:"newestEventTime"`
	Oldest    string `json:"oldestEventTime"`
}

// Chained is what the next digest says of this one.
type Chained struct{ Bucket, Object, Hash, Signature string }

// LogKey is where a log file goes. unique is 16 letters and digits. Source: CloudTrail User Guide, "CloudTrail log file name format".
func LogKey(prefix, account, region string, at time.Time, unique string) string {
	at = at.UTC()
	return slash(prefix) + "AWSLogs/" + account + "/CloudTrail/" + region + at.Format("/2006/01/02/") + account + "_CloudTrail_" + region + "_" + at.Format(logStamp) + "_" + unique + ".json.gz"
}

// DigestKey is where a digest file goes.
func DigestKey(prefix string, t *Trail, region string, end time.Time) string {
	end = end.UTC()
	return slash(prefix) + "AWSLogs/" + t.Account + "/CloudTrail-Digest/" + region + end.Format("/2006/01/02/") + t.Account + "_CloudTrail-Digest_" + region + "_" + t.Name + "_" + t.Home + "_" +
		end.Format(digestStamp) + ".json.gz"
}

func slash(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix + "/"
}

// LogContent is a log file before compression.
func LogContent(events []Event) []byte {
	var b bytes.Buffer
	b.WriteString(`{"Records":[`)
	for i := range events {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(Record(&events[i]))
	}
	b.WriteString("]}")
	return b.Bytes()
}

// NewDigest makes the digest of a period; prev is nil where a chain begins.
func NewDigest(t *Trail, region, fingerprint string, start, end time.Time, files []LogFile, prev *Chained) *Digest {
	d := &Digest{Account: t.Account, Start: start.UTC().Format(time.RFC3339), End: end.UTC().Format(time.RFC3339), Bucket: t.Bucket, Object: DigestKey(t.Prefix, t, region, end),
		Fingerprint: fingerprint, Algorithm: SignatureAlgorithm, Files: files}
	if d.Files == nil {
		d.Files = []LogFile{}
	}
	for i := range files {
		if d.Newest == nil || files[i].Newest > *d.Newest {
			d.Newest = &files[i].Newest
		}
		if d.Oldest == nil || files[i].Oldest < *d.Oldest {
			d.Oldest = &files[i].Oldest
		}
	}
	if prev != nil {
		p := *prev
		d.PrevBucket, d.PrevObject, d.PrevHash, d.PrevSignature, d.PrevAlgorithm = &p.Bucket, &p.Object, &p.Hash, &p.Signature, new(hashAlgorithm)
	}
	return d
}

// Sign encodes a digest and signs it: the content before compression, and the signature in hex.
func (d *Digest) Sign(key *rsa.PrivateKey) (content []byte, signature string, err error) {
	if content, err = json.Marshal(d); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256([]byte(d.toSign(content)))
	s, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	return content, hex.EncodeToString(s), err
}

// toSign is what the signature is of. Source: CloudTrail User Guide, "Custom implementations of CloudTrail log file integrity validation".
func (d *Digest) toSign(content []byte) string {
	prev := "null"
	if d.PrevSignature != nil {
		prev = *d.PrevSignature
	}
	return d.End + "\n" + d.Bucket + "/" + d.Object + "\n" + Hash(content) + "\n" + prev
}

// Verify checks a digest's signature; content is what was signed.
func (d *Digest) Verify(content []byte, signature string, public []byte) error {
	key, err := x509.ParsePKCS1PublicKey(public)
	if err != nil {
		return fmt.Errorf("the public key cannot be read: %w", err)
	}
	s, err := hex.DecodeString(signature)
	if err != nil {
		return errors.New("the signature is not hexadecimal")
	}
	sum := sha256.Sum256([]byte(d.toSign(content)))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], s) != nil {
		return errors.New("the signature does not fit: the digest or its metadata was changed")
	}
	return nil
}

// Hash is the hexadecimal SHA-256.
func Hash(b []byte) string { h := sha256.Sum256(b); return hex.EncodeToString(h[:]) }

// Fingerprint names a public key, 32 hexadecimal digits.
func Fingerprint(public []byte) string { return Hash(public)[:32] }

// Pack compresses; the same content gives the same bytes.
func Pack(content []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(content); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}

// maxUnpacked bounds what a file may grow to.
const maxUnpacked = 1 << 30

// Unpack reverses Pack.
func Unpack(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(z, maxUnpacked))
	if err != nil {
		return nil, err
	}
	return out, z.Close()
}

// IsDigest tells a digest's key from that of a log file.
func IsDigest(key string) bool {
	return strings.Contains(key, "/CloudTrail-Digest/") || strings.HasPrefix(key, "CloudTrail-Digest/")
}
