package trail

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCheck removes, changes, reorders and moves what was delivered, and demands that the file is named.
func TestCheck(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public := x509.MarshalPKCS1PublicKey(&key.PublicKey)
	fingerprint := Fingerprint(public)
	tr := &Trail{Name: "t", Account: "111122223333", Home: "eu", Bucket: "b"}
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	type object struct {
		body []byte
		meta map[string]string
	}
	made := map[string]object{}
	pack := func(b []byte) []byte {
		p, err := Pack(b)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	var digests, logs []string
	var prev *Chained
	for h := range 3 {
		start := begin.Add(time.Duration(h) * time.Hour)
		var events []Event
		for i := range 3 {
			events = append(events, Event{ID: fmt.Sprintf("e-%d-%d", h, i), Time: start.Add(time.Duration(i) * time.Minute), Service: "ec2", Name: "CreateVpc", Recipient: tr.Account})
		}
		content := LogContent(events)
		name := LogKey("", tr.Account, "eu", start.Add(10*time.Minute), fmt.Sprintf("UNIQUE%010d", h))
		made[name] = object{body: pack(content)}
		logs = append(logs, name)
		d := NewDigest(tr, "eu", fingerprint, start, start.Add(time.Hour), []LogFile{{Bucket: "b", Object: name, Hash: Hash(content), Algorithm: hashAlgorithm}}, prev)
		text, signature, err := d.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		made[d.Object] = object{pack(text), map[string]string{SignatureHeader: signature, AlgorithmHeader: SignatureAlgorithm}}
		digests = append(digests, d.Object)
		prev = &Chained{Bucket: "b", Object: d.Object, Hash: Hash(text), Signature: signature}
	}
	bare := func(m map[string]object) {
		for k, o := range m {
			m[k] = object{body: o.body}
		}
	}
	edit := func(m map[string]object, key string, f func(string) string) {
		content, err := Unpack(m[key].body)
		if err != nil {
			t.Fatal(err)
		}
		m[key] = object{pack([]byte(f(string(content)))), m[key].meta}
	}
	for _, c := range []struct {
		name   string
		change func(m map[string]object)
		at     string // the file that is named; empty: all is well
		what   string
	}{
		{"sound", func(map[string]object) {}, "", ""},
		{"a record changed", func(m map[string]object) {
			edit(m, logs[1], func(s string) string { return strings.Replace(s, "e-1-1", "e-1-9", 1) })
		}, logs[1], "is not the one that was delivered"},
		{"a record removed", func(m map[string]object) {
			edit(m, logs[1], func(s string) string {
				i, j := strings.Index(s, `{"eventVersion"`), strings.Index(s, `,{"eventVersion"`)
				return s[:i] + s[j+1:]
			})
		}, logs[1], "(it has 2)"},
		{"records reordered", func(m map[string]object) {
			edit(m, logs[1], func(s string) string { return strings.NewReplacer("e-1-1", "e-1-2", "e-1-2", "e-1-1").Replace(s) })
		}, logs[1], "another order"},
		{"a copy without metadata", bare, "", ""},
		{"a digest of a copy removed", func(m map[string]object) { bare(m); delete(m, digests[1]) }, digests[1], "missing"},
		{"a digest of a copy changed", func(m map[string]object) {
			bare(m)
			edit(m, digests[1], func(s string) string { return strings.Replace(s, "CloudTrail/eu", "CloudTrail/xx", 1) })
		}, digests[1], "signature does not fit"},
		{"a log file removed", func(m map[string]object) { delete(m, logs[0]) }, logs[0], "missing"},
		{"log files exchanged", func(m map[string]object) { m[logs[0]], m[logs[1]] = m[logs[1]], m[logs[0]] }, logs[0], "is not the one"},
		{"a log file cut", func(m map[string]object) { m[logs[0]] = object{body: m[logs[0]].body[:9]} }, logs[0], "no gzip"},
		{"a log file added", func(m map[string]object) {
			m[LogKey("", tr.Account, "eu", begin.Add(20*time.Minute), "FORGED")] = m[logs[0]]
		}, LogKey("", tr.Account, "eu", begin.Add(20*time.Minute), "FORGED"), "no digest names"},
		{"a digest removed", func(m map[string]object) { delete(m, digests[1]) }, digests[1], "missing"},
		{"the first digest removed", func(m map[string]object) { delete(m, digests[0]) }, digests[0], "missing"},
		{"a digest changed", func(m map[string]object) {
			edit(m, digests[1], func(s string) string { return strings.Replace(s, "CloudTrail/eu", "CloudTrail/xx", 1) })
		}, digests[1], "signature does not fit"},
		{"a digest's signature changed", func(m map[string]object) {
			m[digests[1]] = object{m[digests[1]].body, map[string]string{SignatureHeader: m[digests[0]].meta[SignatureHeader], AlgorithmHeader: SignatureAlgorithm}}
		}, digests[1], "signature does not fit"},
		{"a digest without a signature", func(m map[string]object) { m[digests[2]] = object{m[digests[2]].body, map[string]string{}} }, digests[2], "no signature"},
		{"digests exchanged", func(m map[string]object) { m[digests[0]], m[digests[1]] = m[digests[1]], m[digests[0]] }, digests[0], "moved here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := maps.Clone(made)
			c.change(m)
			r, err := Check(Source{Keys: slices.Sorted(maps.Keys(m)), Public: map[string][]byte{fingerprint: public},
				Read: func(key string) ([]byte, map[string]string, error) {
					o, ok := m[key]
					if !ok {
						return nil, nil, fmt.Errorf("there is none")
					}
					return o.body, o.meta, nil
				}})
			if err != nil || (c.at == "" && len(r.Broken) > 0) || c.name == "a digest of a copy removed" && len(r.Broken) != 2 || c.at != "" && !slices.ContainsFunc(r.Broken, func(b Broken) bool { return b.Key == c.at && strings.Contains(b.What, c.what) }) {
				t.Errorf("found %+v, %v; want %s: %s", r.Broken, err, c.at, c.what)
			}
		})
	}
}
