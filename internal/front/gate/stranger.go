package gate

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/core/vpc"
	"cloister/internal/store"
)

// stranger is --dev's reading of a key that was not issued here: the root of the default account, or of the account that the
// key id names. why is the refusal of the key, which stays the answer wherever --dev does not reach.
func (p *passage) stranger(v store.View, key string, why error) (api.Credential, error) {
	g, o := p.gate, p.call.Origin
	if faultOf(why).Kind != fault.UnknownKey || !g.Dev || o.Door != api.Public || !o.Loopback {
		return api.Credential{}, why
	}
	if issued, err := g.Directory.Issued(v, key); err != nil || issued {
		if err == nil {
			err = why
		}
		return api.Credential{}, err
	}
	if !local(p.req) {
		return api.Credential{}, fault.Of(fault.AccessDenied, "A web page cannot use a key that was not issued here.")
	}
	account := g.Account
	if len(key) == 12 && strings.Trim(key, "0123456789") == "" && key != vpc.ServiceAccount { // nobody is root of the service networks
		account = key
	}
	return api.Credential{Principal: identity.Principal{Kind: identity.Root, Partition: g.Partition, Account: account,
		ARN: "arn:" + g.Partition + ":iam::" + account + ":root", ID: account, AccessKey: printable(key, 32), Unverified: true}}, nil
}

// local tells a tool on this host from a web page in its browser, which can send a presigned form without asking anybody: a
// browser says the page's origin, or at least its relation to us (Fetch Standard, Sec-Fetch-Site), and a page that made its own
// name lead here sends that name as the host. Names without a dot cannot be had on the internet.
func local(req *http.Request) bool {
	if origin := req.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || u.Host != req.Host {
			return false
		}
	}
	if site := req.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	host := req.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	return net.ParseIP(host) != nil || !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".amazonaws.com")
}
