package iam

import (
	"slices"
	"strings"
	"time"

	"cloister/internal/core/identity"
	"cloister/internal/store"
)

// memos keep what nearly every call asks for. Secrets are not among it: they are opened anew for each call.
type memos struct {
	longTerm    store.Memo[string, holding]   // by access key
	temporaries store.Memo[string, lending]   // by access key
	hung        store.Memo[bearing, Policies] // by principal
	noted       store.Memo[string, time.Time] // by access key or role: when it was last used
}

// holding is a long-term key and its holder, nil once that is gone.
type holding struct {
	key accessKey
	who *identity.Principal
}

// lending is a session and whom it speaks for, nil once that is gone.
type lending struct {
	session session
	who     *identity.Principal
}

// bearing is all of a principal on which its policies depend.
type bearing struct {
	kind                                    identity.Kind
	partition, account, arn, uniqueID, role string
	limited                                 bool   // by session policies
	session                                 string // they, each behind a NUL
}

// weigh is about how many bytes of texts are kept for a principal.
func weigh(k bearing, p Policies) int {
	n := 1024 + 2*len(k.session)
	for _, l := range slices.Concat([][]Named{p.Identity, p.Boundary, p.Session}, p.SCP) {
		for _, x := range l {
			n += len(x.Name) + len(x.Text)
		}
	}
	return n
}

func nameOf(p *identity.Principal) bearing {
	b := bearing{p.Kind, p.Partition, p.Account, p.ARN, p.UniqueID, p.RoleARN, p.SessionPolicies != nil, ""}
	if len(p.SessionPolicies) > 0 {
		b.session = "\x00" + strings.Join(p.SessionPolicies, "\x00")
	}
	return b
}
