package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cloister/internal/config"
	"cloister/internal/core/trail"
	"cloister/internal/driver/sqlite"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// verifyMain looks for what was changed: in the ledger, or in files that were delivered and copied here. It ends with 1 when it finds something.
func verifyMain(args []string) int {
	c := config.Defaults()
	fl := flag.NewFlagSet("trail verify", flag.ContinueOnError)
	config.Place(fl, &c)
	ledger := fl.Bool("ledger", false, "verify the chain of the ledger's own events")
	keys := fl.String("keys", "", "public keys: the output of `aws cloudtrail list-public-keys` (default: those in the data directory)")
	if fl.Parse(args) != nil || *ledger == (fl.NArg() == 1) || fl.NArg() > 1 {
		fmt.Fprintln(os.Stderr, "usage: cloister trail verify -ledger [-data DIR]\n       cloister trail verify [-keys FILE] DIRECTORY")
		return 2
	}
	if *ledger {
		return verifyLedger(c.Data)
	}
	public, err := publicKeys(c.Data, *keys)
	if err != nil {
		return complain(err)
	}
	return verifyFiles(fl.Arg(0), public)
}

func verifyLedger(data string) int {
	bad := 0
	err := withLedger(data, func(ctx context.Context, db *sqlite.Store) error {
		last, n, err := db.VerifyTrail(ctx, func(b sqlite.Broken) {
			bad++
			fmt.Printf("BROKEN event %d: %s\n", b.Seq, b.What)
		})
		if err == nil {
			fmt.Printf("%d events, the last is %d, the chain ends in %s\n", n, last.Seq, hex.EncodeToString(last.Hash))
		}
		return err
	})
	return verdict(bad, err)
}

func verdict(bad int, err error) int {
	switch {
	case err != nil:
		return complain(err)
	case bad > 0:
		fmt.Printf("%d faults\n", bad)
		return 1
	}
	fmt.Println("nothing was changed")
	return 0
}

// publicKeys reads them from a file, or from the ledger.
func publicKeys(data, file string) (map[string][]byte, error) {
	out := map[string][]byte{}
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the public keys: %w", err)
		}
		var l struct {
			PublicKeyList []struct {
				Value       []byte
				Fingerprint string
			}
		}
		if err := json.Unmarshal(b, &l); err != nil {
			return nil, fmt.Errorf("cannot read the public keys: %w", err)
		}
		for _, k := range l.PublicKeyList {
			out[k.Fingerprint] = k.Value
		}
		return out, nil
	}
	err := withLedger(data, func(ctx context.Context, db *sqlite.Store) error {
		return db.View(ctx, func(v store.View) error {
			ks, err := rows.TrailKeys.List(v, store.Query{AnyScope: true})
			for _, k := range ks {
				out[k.ID] = k.Value.Public
			}
			return err
		})
	})
	return out, err
}

// verifyFiles checks a copy of the bucket, or of the part below its prefix. Copies have no metadata: a digest's signature stands in the next
// digest; the newest one's, in FILE.signature when that is there.
func verifyFiles(dir string, public map[string][]byte) int {
	files := map[string]string{} // by key from AWSLogs/ on
	s := trail.Source{Public: public}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		key := filepath.ToSlash(rel)
		files[key] = path
		s.Keys = append(s.Keys, key)
		return nil
	})
	if err != nil {
		return complain(err)
	}
	s.Read = func(key string) ([]byte, map[string]string, error) {
		path, ok := files[key]
		if !ok { // the digest says the whole key, the copy may begin below the prefix
			if i := strings.Index(key, "AWSLogs/"); i > 0 {
				path, ok = files[key[i:]]
			}
		}
		if !ok {
			return nil, nil, errors.New("there is none")
		}
		b, err := os.ReadFile(path)
		if sig, serr := os.ReadFile(path + ".signature"); serr == nil {
			return b, map[string]string{trail.SignatureHeader: strings.TrimSpace(string(sig)), trail.AlgorithmHeader: trail.SignatureAlgorithm}, err
		}
		return b, nil, err
	}
	r, err := trail.Check(s)
	if err != nil {
		return complain(err)
	}
	for _, b := range r.Broken {
		fmt.Printf("BROKEN %s: %s\n", b.Key, b.What)
	}
	for _, k := range r.Unproved {
		fmt.Printf("UNPROVED %s: its signature is in the object's metadata, which a copy has not; put it into %s.signature\n", k, filepath.Base(k))
	}
	fmt.Printf("%d digests from %s to %s, %d log files, %d records\n", r.Digests, r.From, r.To, r.Files, r.Records)
	if r.Digests == 0 {
		fmt.Println("there is nothing to verify by")
		return 1
	}
	return verdict(len(r.Broken), nil)
}
