// Package page writes the tokens by which a list goes on. A token is good for the list that gave it alone: the same operation, account, region
// and conditions.
package page

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"cloister/internal/api"
)

// mark is how many bytes of a token say which list gave it.
const mark = 8

// turns are members that may differ from page to page.
var turns = []string{"NextToken", "MaxResults"}

// Token names the place at which a list stands, in the words of the list. It is no secret, and not sealed: a forged one leads to a place in the
// caller's own list.
func Token(c *api.Call, in any, place string) (*string, error) {
	m, err := of(c, in)
	return new(base64.RawURLEncoding.EncodeToString(append(m, place...))), err
}

// Place reads a token; ok is false where this list never gave it.
func Place(c *api.Call, in any, token string) (place string, ok bool, err error) {
	m, err := of(c, in)
	if err != nil {
		return "", false, err
	}
	if b, err := base64.RawURLEncoding.DecodeString(token); err == nil && len(b) > mark && string(b[:mark]) == string(m) {
		return string(b[mark:]), true, nil
	}
	return "", false, nil
}

// of is the mark of a list: of who asks what.
func of(c *api.Call, in any) ([]byte, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	var asked map[string]any
	if err := json.Unmarshal(b, &asked); err != nil {
		return nil, err
	}
	for _, t := range turns {
		delete(asked, t)
	}
	if b, err = json.Marshal(asked); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %s %s %s", c.Service, c.Name, c.Partition, c.Account, c.Region, b))
	return sum[:mark], nil
}
