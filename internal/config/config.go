// Package config is how a daemon is told what to be: flags over environment over defaults. It is the only reader of the
// environment.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Config is a daemon's configuration.
type Config struct {
	Data          string // directory of everything that survives but the root key
	RootKey       string // file of the root key; outside Data
	Credentials   string // systemd's credentials directory; if set, its root.key is the root key
	Objects       string // s3://...: the store that keeps the bytes of objects; empty: Data
	Listen        string // plain HTTP, host:port
	ListenTLS     string // TLS, host:port
	Account       string // the default account
	Region        string // of unsigned calls, and what `env` prints
	Dev           bool
	RequireLimits bool
	Uplink        bool           // the internet of the VPCs leads out of this host
	UplinkAllow   []netip.Prefix // private ranges that it leads to as well
	Debug         bool
}

// Defaults gives the places that suit who starts it: the system's for root, the user's own else.
func Defaults() Config {
	c := Config{Listen: "127.0.0.1:4566", ListenTLS: "127.0.0.1:4567", Account: "123456789012", Region: "us-east-1"}
	if os.Geteuid() == 0 {
		c.Data, c.RootKey = "/var/lib/cloister", "/etc/cloister/root.key"
	} else {
		home, _ := os.UserHomeDir()
		c.Data = filepath.Join(env("XDG_STATE_HOME", filepath.Join(home, ".local", "state")), "cloister")
		c.RootKey = filepath.Join(env("XDG_CONFIG_HOME", filepath.Join(home, ".config")), "cloister", "root.key")
	}
	c.Credentials = os.Getenv("CREDENTIALS_DIRECTORY")
	c.Data = env("CLOISTER_DATA_DIR", c.Data)
	c.RootKey = env("CLOISTER_ROOT_KEY", c.RootKey)
	c.Objects = env("CLOISTER_OBJECTS", "")
	return c
}

func env(name, or string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return or
}

// Place registers the flags that say where a daemon lives: all that a client command needs.
func Place(fs *flag.FlagSet, c *Config) {
	fs.StringVar(&c.Data, "data", c.Data, "directory of the daemon's state")
}

// Flags registers everything that serve takes.
func Flags(fs *flag.FlagSet, c *Config) {
	Place(fs, c)
	fs.StringVar(&c.RootKey, "root-key", c.RootKey, "file of the root key; made at the first start, never inside the data directory")
	fs.StringVar(&c.Objects, "objects", c.Objects, "keep the bytes of objects in another store: `s3://bucket[/prefix]`[?endpoint=URL&region=NAME&path-style=BOOL&profile=NAME&credentials=FILE]; credentials come from AWS's standard chain or the file")
	fs.StringVar(&c.Listen, "listen", c.Listen, "address of the HTTP listener (port 0: any)")
	fs.StringVar(&c.ListenTLS, "listen-tls", "", "address of the TLS listener (default: port 4567, or any when -listen has port 0)")
	fs.StringVar(&c.Account, "account", c.Account, "the default account, 12 digits")
	fs.StringVar(&c.Region, "region", c.Region, "the default region")
	fs.BoolVar(&c.Dev, "dev", false, "let keys that were not issued here be the root of the default account, unverified, on loopback")
	fs.BoolVar(&c.RequireLimits, "require-limits", false, "refuse jobs unless cgroups limit their memory and processes")
	fs.BoolVar(&c.Uplink, "uplink", false, "let what leaves a VPC by an internet gateway go on into the host's network, over TCP; never to this host itself")
	fs.Func("uplink-allow", "private ranges that -uplink leads to as well: `CIDR[,CIDR]`", func(s string) error {
		for _, t := range strings.Split(s, ",") {
			p, err := netip.ParsePrefix(strings.TrimSpace(t))
			if err != nil || !p.Addr().Is4() {
				return fmt.Errorf("%q is not an IPv4 range", t)
			}
			c.UplinkAllow = append(c.UplinkAllow, p.Masked())
		}
		return nil
	})
	fs.BoolVar(&c.Debug, "debug", false, "log more")
}

// Parse reads serve's arguments.
func Parse(args []string, out io.Writer) (Config, error) {
	c := Defaults()
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	fs.SetOutput(out)
	c.ListenTLS = ""
	Flags(fs, &c)
	if err := fs.Parse(args); err != nil {
		return c, err
	}
	if fs.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return c, c.check()
}

func (c *Config) check() error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	if c.ListenTLS == "" {
		p := "4567"
		if port != "4566" {
			p = "0"
		}
		c.ListenTLS = net.JoinHostPort(host, p)
	}
	if _, _, err := net.SplitHostPort(c.ListenTLS); err != nil {
		return fmt.Errorf("-listen-tls: %w", err)
	}
	if len(c.Account) != 12 || strings.Trim(c.Account, "0123456789") != "" || c.Account == "000000000000" {
		return fmt.Errorf("-account: %q is not an account id (12 digits; 000000000000 is reserved)", c.Account)
	}
	if len(c.UplinkAllow) > 0 && !c.Uplink {
		return errors.New("-uplink-allow: without -uplink there is nothing to allow")
	}
	for _, p := range []*string{&c.Data, &c.RootKey} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
	}
	if c.Dev {
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return fmt.Errorf("-dev: only a loopback listener may take unverified keys, not %s", host)
		}
	}
	return nil
}

// Client is what AWS's own variables tell a client.
type Client struct{ Endpoint, Region, AccessKey, Secret, Token, CA string }

// AWS reads the variables that the SDKs read.
func AWS() Client {
	return Client{Endpoint: os.Getenv("AWS_ENDPOINT_URL"), Region: env("AWS_REGION", env("AWS_DEFAULT_REGION", "us-east-1")),
		AccessKey: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"), Token: os.Getenv("AWS_SESSION_TOKEN"), CA: os.Getenv("AWS_CA_BUNDLE")}
}
