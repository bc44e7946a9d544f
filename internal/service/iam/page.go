package iam

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"
)

// page cuts a list as AWS does: in the order of its names, at most max (100 when not given), the marker naming the last one
// that was answered. The marker is opaque to the client; one that we did not make is refused.
func page[T any](all []T, name func(*T) string, marker *string, most *int64) (part []T, next *string, more *bool, err error) {
	slices.SortFunc(all, func(a, b T) int { return cmp.Compare(name(&a), name(&b)) })
	if marker != nil {
		b, err := base64.RawURLEncoding.DecodeString(*marker)
		if err != nil {
			return nil, nil, nil, invalid("Invalid Marker.")
		}
		i, found := slices.BinarySearchFunc(all, string(b), func(t T, n string) int { return cmp.Compare(name(&t), n) })
		if found {
			i++
		}
		all = all[i:]
	}
	limit := 100
	if most != nil {
		limit = int(*most)
	}
	cut := len(all) > limit
	if cut {
		all = all[:limit]
		m := base64.RawURLEncoding.EncodeToString([]byte(name(&all[limit-1])))
		next = &m
	}
	if all == nil {
		all = []T{} // an empty list is written, an absent one is not
	}
	return all, next, &cut, nil
}

func itself(s *string) string { return *s }

// sortable is the order of users and roles: by name, case apart.
func sortable(name string) string { return strings.ToLower(name) }

// within reports whether a path begins with a prefix, if one is given.
func within(path string, prefix *string) bool {
	return prefix == nil || strings.HasPrefix(path, *prefix)
}

// escape encodes a policy document as RFC 3986 does: IAM answers with encoded documents.
func escape(text string) *string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	s := b.String()
	return &s
}
