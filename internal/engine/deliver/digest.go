package deliver

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"cloister/internal/core/trail"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// keyLife is how long a key pair signs.
const keyLife = 365 * 24 * time.Hour

// digests makes the digests that are due: of each region that has had files, and of the home region always.
func (d *Deliverer) digests(ctx context.Context, t store.Item[trail.Trail]) error {
	if !t.Value.Validate {
		return nil
	}
	for ctx.Err() == nil {
		var st store.Item[rows.TrailState]
		if err := d.Store.View(ctx, func(v store.View) (err error) {
			st, err = rows.TrailStates.Get(v, t.Scope, t.ID)
			return err
		}); err != nil {
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		}
		made := false
		for _, region := range slices.Sorted(maps.Keys(st.Value.Digests)) {
			p := st.Value.Digests[region]
			if p.End.IsZero() {
				if st.Value.Batch != nil { // what is on its way may belong to it
					continue
				}
				if p.End = d.due(p); !t.Value.Logging { // the last one, once all has arrived. Source: CloudTrail User Guide, "CloudTrail digest file structure"
					if p.End = d.World.Now().Truncate(time.Second); len(p.Files) == 0 || len(st.Value.Windows) > 0 || !p.End.After(p.Since) {
						continue
					}
				}
				if p.End.IsZero() {
					continue
				}
				p.Count = len(p.Files)
				if _, err := d.note(ctx, t, func(s *rows.TrailState) {
					if q := s.Digests[region]; q != nil && q.Since.Equal(p.Since) {
						q.End, q.Count = p.End, p.Count
					}
				}); err != nil {
					return err
				}
			}
			if err := d.digest(ctx, t, region, p); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				d.Log.Warn("cannot deliver a digest", "trail", t.Value.ARN, "error", err)
				_, err = d.note(ctx, t, func(s *rows.TrailState) { s.DigestError = said(err) })
				return err
			}
			made = true
		}
		if !made {
			return nil
		}
	}
	return ctx.Err()
}

// due is where the next digest ends, zero when it is too early for one.
func (d *Deliverer) due(p *rows.TrailPart) time.Time {
	now := d.World.Now().Truncate(time.Second)
	end := p.Since.Truncate(time.Second).Add(max(d.Digest.Truncate(time.Second), time.Second))
	if now.Before(end) {
		return time.Time{}
	}
	if len(p.Files) > 0 { // files that came late are covered by the digest that names them
		return now
	}
	for next := end.Add(d.Digest); !now.Before(next); next = next.Add(d.Digest) { // a quiet time that is long past is told once
		end = next.Truncate(time.Second)
	}
	return end
}

// digest delivers the one that was planned. The same plan gives the same bytes.
func (d *Deliverer) digest(ctx context.Context, t store.Item[trail.Trail], region string, p *rows.TrailPart) error {
	private, fingerprint, err := d.key(ctx, t)
	if err != nil {
		return err
	}
	g := trail.NewDigest(&t.Value, region, fingerprint, p.Since, p.End, p.Files[:p.Count], p.Prev)
	content, signature, err := g.Sign(private)
	if err != nil {
		return err
	}
	body, err := trail.Pack(content)
	if err != nil {
		return err
	}
	plain := t.Value
	plain.Key = "" // digests are encrypted by S3, as on AWS
	if err := d.put(ctx, t.Scope.Partition, &plain, g.Object, body, map[string]string{trail.SignatureHeader: signature, trail.AlgorithmHeader: trail.SignatureAlgorithm}); err != nil {
		return err
	}
	_, err = d.note(ctx, t, func(s *rows.TrailState) {
		q := s.Digests[region]
		if q == nil || !q.Since.Equal(p.Since) { // the chain was begun anew meanwhile
			return
		}
		q.Files = q.Files[p.Count:]
		q.Since, q.End, q.Count = p.End, time.Time{}, 0
		q.Prev = &trail.Chained{Bucket: g.Bucket, Object: g.Object, Hash: trail.Hash(content), Signature: signature}
		s.Digested, s.DigestError = d.World.Now(), ""
	})
	return err
}

// dice lets the house's randomness be read.
type dice struct{ bytes func(int) []byte }

func (r dice) Read(p []byte) (int, error) { return copy(p, r.bytes(len(p))), nil }

func (d *Deliverer) aad(t store.Item[trail.Trail], fingerprint string) []byte {
	return []byte("trail-key/" + t.Scope.Account + "/" + t.Scope.Region + "/" + fingerprint)
}

// key is the pair that signs now in the trail's account and home region. The first need makes one.
func (d *Deliverer) key(ctx context.Context, t store.Item[trail.Trail]) (*rsa.PrivateKey, string, error) {
	now := d.World.Now()
	var have []store.Item[rows.TrailKey]
	if err := d.Store.View(ctx, func(v store.View) (err error) {
		have, err = rows.TrailKeys.List(v, store.Query{Scope: t.Scope})
		return err
	}); err != nil {
		return nil, "", err
	}
	for _, k := range have {
		if now.Before(k.Value.From) || !now.Before(k.Value.Until) {
			continue
		}
		b, err := d.Sealer.Open(k.Value.Sealed, d.aad(t, k.ID))
		if err != nil {
			return nil, "", fmt.Errorf("cannot open the key of digests %s: %w", k.ID, err)
		}
		private, err := x509.ParsePKCS1PrivateKey(b)
		clear(b)
		return private, k.ID, err
	}
	private, err := rsa.GenerateKey(dice{d.World.Bytes}, 2048)
	if err != nil {
		return nil, "", err
	}
	k := rows.TrailKey{Public: x509.MarshalPKCS1PublicKey(&private.PublicKey), From: now.Add(-time.Hour), Until: now.Add(keyLife)}
	fingerprint := trail.Fingerprint(k.Public)
	b := x509.MarshalPKCS1PrivateKey(private)
	k.Sealed, err = d.Sealer.Seal(b, d.aad(t, fingerprint))
	clear(b)
	if err != nil {
		return nil, "", err
	}
	return private, fingerprint, d.Store.Update(ctx, func(tx store.Tx) error { return rows.TrailKeys.Create(tx, t.Scope, fingerprint, &k) })
}
