package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"

	"cloister/internal/core/vpc"
)

// Ask reads from the daemon of a data directory what clients need.
func Ask(data string) (Operator, error) {
	var out Operator
	err := operator(data, http.MethodGet, "/env", nil, &out)
	return out, err
}

// CreateAccount asks the daemon of a data directory for an account; the secret is shown this once.
func CreateAccount(data, id, name string) (accessKey, secret string, err error) {
	var out credentials
	err = operator(data, http.MethodPost, "/accounts", map[string]string{"ID": id, "Name": name}, &out)
	return out.AccessKey, out.Secret, err
}

// Attempt is what a hostile program in an analyser's place tried, whether it got out, and what it met.
type Attempt struct {
	What string
	Out  bool
	Met  string
}

// Probe asks the daemon of a data directory to run that program.
func Probe(data string) ([]Attempt, error) {
	var out []Attempt
	err := operator(data, http.MethodPost, "/probe", nil, &out)
	return out, err
}

// ShowInternet asks the daemon of a data directory what its internet holds.
func ShowInternet(data string) (Internet, error) {
	var out Internet
	err := operator(data, http.MethodGet, "/internet", nil, &out)
	return out, err
}

// Expose asks the daemon of a data directory to give a port of this host an address of its internet.
func Expose(data string, e vpc.Exposure) error {
	return operator(data, http.MethodPost, "/internet", e, new(vpc.Exposure))
}

// Unexpose takes such an address back.
func Unexpose(data string, at netip.AddrPort) error {
	return operator(data, http.MethodDelete, "/internet", vpc.Exposure{Public: at}, new(vpc.Exposure))
}

func operator(data, method, path string, in, out any) error {
	sock := filepath.Join(data, adminName)
	c := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", sock)
	}}}
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, "http://operator"+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	res, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("no daemon answers in %s (is `cloister serve` running, and are you its user?): %w", data, err)
	}
	defer res.Body.Close()
	b, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		var m struct{ Message string }
		_ = json.Unmarshal(b, &m)
		return errors.New(m.Message)
	}
	return json.Unmarshal(b, out)
}
