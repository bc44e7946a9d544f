package trail

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Source is where delivered files lie: a bucket, or a copy of one.
type Source struct {
	Keys   []string // of all files
	Read   func(key string) (body []byte, metadata map[string]string, err error)
	Public map[string][]byte // PKCS 1 keys by fingerprint
}

// Broken is a fault that was found, and where.
type Broken struct{ Key, What string }

// Report is what a check found.
type Report struct {
	Digests, Files, Records int
	Broken                  []Broken
	Unproved                []string // the newest digests of a copy, whose signatures are nowhere in it
	From, To                string   // what the digests cover
}

// read is a digest as it was found.
type read struct {
	Digest
	key, hash, signature string
	content, proof       []byte // proof: the key by which it is still to be verified
}

// Check verifies the digests, their chain, and the log files that they name, from what was delivered alone. It names each file that is changed,
// moved or missing; log files that are newer than the last digest have none yet and are counted, not verified.
func Check(s Source) (Report, error) {
	var r Report
	bad := func(key, format string, args ...any) {
		r.Broken = append(r.Broken, Broken{key, fmt.Sprintf(format, args...)})
	}
	there := map[string]bool{}
	chains := map[string][]*read{} // by what precedes the time in the name
	var logs []string
	for _, k := range s.Keys {
		if there[k] || !strings.HasSuffix(k, ".json.gz") {
			continue
		}
		there[k], there[below(k)] = true, true
		if !IsDigest(k) {
			logs = append(logs, k)
			continue
		}
		d, err := s.digest(k)
		if err != nil {
			bad(k, "%v", err)
		}
		if d != nil {
			chain := chainOf(k)
			chains[chain] = append(chains[chain], d)
		}
	}
	has := func(key string) bool { return there[below(key)] }
	named := map[string]bool{}
	for _, chain := range sortedChains(chains) {
		for i, d := range chain {
			if d.proof == nil {
				continue
			}
			// A copy has no metadata, but the next digest quotes the signature.
			if i+1 < len(chain) && d.signature == "" {
				if next := chain[i+1]; next.PrevSignature != nil && next.PrevObject != nil && same(*next.PrevObject, d.key) {
					d.signature = *next.PrevSignature
				}
			}
			if d.signature == "" {
				r.Unproved = append(r.Unproved, d.key)
			} else if err := d.Verify(d.content, d.signature, d.proof); err != nil {
				bad(d.key, "%v", err)
			}
		}
		var last *read
		for _, d := range chain {
			r.Digests++
			if r.From == "" || d.Start < r.From {
				r.From = d.Start
			}
			r.To = max(r.To, d.End)
			switch {
			case d.PrevObject == nil:
			case last == nil && !has(*d.PrevObject), last != nil && !same(*d.PrevObject, last.key) && !has(*d.PrevObject):
				bad(*d.PrevObject, "the digest is missing; the next one, %s, hangs on it", d.key)
			case last == nil || !same(*d.PrevObject, last.key):
				bad(d.key, "the digest hangs on %s, which is not the one before it", *d.PrevObject)
			case d.PrevHash == nil || *d.PrevHash != last.hash || d.PrevSignature == nil || *d.PrevSignature != last.signature:
				bad(last.key, "the digest is not the one that the next, %s, hangs on", d.key)
			}
			last = d
			for _, f := range d.Files {
				named[below(f.Object)] = true
				r.Files++
				n, err := s.log(&f)
				switch {
				case !has(f.Object):
					bad(f.Object, "the log file is missing; the digest %s names it", d.key)
				case err != nil:
					bad(f.Object, "%v", err)
				}
				r.Records += n
			}
		}
	}
	for _, k := range logs {
		if named[below(k)] {
			continue
		}
		if end := covered(chains, k); end != "" {
			bad(k, "no digest names the log file, though its region's go to %s: it was added or renamed", end)
		}
	}
	slices.SortStableFunc(r.Broken, func(a, b Broken) int { return cmp.Compare(a.Key, b.Key) })
	return r, nil
}

// below is a key from AWSLogs on: a copy may begin below the trail's prefix.
func below(key string) string {
	if i := strings.Index(key, "AWSLogs/"); i > 0 {
		return key[i:]
	}
	return key
}

func same(a, b string) bool { return below(a) == below(b) }

// chainOf is what all digests of a trail's region have in common: the name without its day and time.
func chainOf(key string) string {
	name := key[strings.LastIndexByte(key, '/')+1:]
	return name[:max(strings.LastIndexByte(name, '_'), 0)]
}

func sortedChains(m map[string][]*read) [][]*read {
	var out [][]*read
	for _, c := range m {
		slices.SortFunc(c, func(a, b *read) int { return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(a.key, b.key)) })
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b []*read) int { return cmp.Compare(a[0].key, b[0].key) })
	return out
}

// digest reads one and checks it for itself. Beside an error it is nil when nothing of it can be believed.
func (s *Source) digest(key string) (*read, error) {
	body, meta, err := s.Read(key)
	if err != nil {
		return nil, fmt.Errorf("the digest cannot be read: %w", err)
	}
	content, err := Unpack(body)
	if err != nil {
		return nil, fmt.Errorf("the digest is no gzip: %w", err)
	}
	d := &read{key: key, hash: Hash(content), signature: meta[SignatureHeader]}
	if err := json.Unmarshal(content, &d.Digest); err != nil {
		return nil, fmt.Errorf("the digest is no JSON: %w", err)
	}
	switch public := s.Public[d.Fingerprint]; {
	case !same(key, d.Object):
		return d, fmt.Errorf("the digest was moved here from %s", d.Object)
	case public == nil:
		return d, fmt.Errorf("the digest is signed by the key %s, which is not known", d.Fingerprint)
	case meta == nil:
		d.content, d.proof = content, public
		return d, nil
	case d.signature == "" || meta[AlgorithmHeader] != SignatureAlgorithm:
		return d, fmt.Errorf("the digest has no signature")
	default:
		return d, d.Verify(content, d.signature, public)
	}
}

// log checks one log file and counts its records. Where the hash does not fit, the records say more.
func (s *Source) log(f *LogFile) (int, error) {
	body, _, err := s.Read(f.Object)
	if err != nil {
		return 0, fmt.Errorf("the log file cannot be read: %w", err)
	}
	content, err := Unpack(body)
	if err != nil {
		return 0, fmt.Errorf("the log file is no gzip: %w", err)
	}
	var file struct {
		Records []struct{ EventID, EventTime string }
	}
	err = json.Unmarshal(content, &file)
	if Hash(content) == f.Hash {
		return len(file.Records), err
	}
	what := "records were changed, removed, added or put in another order"
	if err != nil {
		what = "it is no JSON any more"
	}
	return len(file.Records), fmt.Errorf("the log file is not the one that was delivered: %s (it has %d)", what, len(file.Records))
}

// covered is the end of the digests of a log file's region, when the file should be in one of them: an hour and more before that end.
func covered(chains map[string][]*read, key string) string {
	name := strings.Split(key[strings.LastIndexByte(key, '/')+1:], "_") // account, CloudTrail, region, time, unique
	if len(name) != 5 {
		return ""
	}
	at, err := time.Parse(logStamp, name[3])
	if err != nil {
		return ""
	}
	for chain, ds := range chains {
		if !strings.HasPrefix(chain, name[0]+"_CloudTrail-Digest_"+name[2]+"_") {
			continue
		}
		first, last := ds[0], ds[len(ds)-1]
		begin, err1 := time.Parse(time.RFC3339, first.Start)
		end, err2 := time.Parse(time.RFC3339, last.End)
		if err1 == nil && err2 == nil && at.Add(-time.Minute).After(begin) && at.Add(time.Minute).Before(end) {
			return last.End
		}
	}
	return ""
}
