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
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config is a daemon's configuration.
type Config struct {
	Data          string // directory of everything that survives but the root key
	RootKey       string // file of the root key; outside Data. Empty if Transit is set
	Transit       *Transit
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
	// Trails: how often their files are delivered, how much time a digest covers, and how long events stay in the ledger (0: for ever).
	TrailInterval, TrailDigest, TrailRetention time.Duration
	Instances                                  int   // that a job in a VPC may have
	InstanceBytes, TrainingBytes               int64 // of input for each, before another one is asked for: of an analysis, of a training or topic modelling
	EndpointMemory                             int64 // that the analysers of all endpoints may have; 0: half of the host's
	Analysers                                  []Analyser
	AnalyserMemory                             int64 // bytes, of a process of each
	Debug                                      bool
}

// Analyser is an image that does a kind of analysis in the built-in engine's place.
type Analyser struct{ Kind, Image string }

// Transit is a root key in an OpenBao or Vault server.
type Transit struct {
	Address, Mount, Key, Namespace string
	CA                             string // file of PEM certificates; empty: the system's
	Token                          string // never a flag's: those show in the list of processes
}

// Defaults gives the places that suit who starts it: the system's for root, the user's own else.
func Defaults() Config {
	c := Config{Listen: "127.0.0.1:4566", ListenTLS: "127.0.0.1:4567", Account: "123456789012", Region: "us-east-1",
		Instances: 2, InstanceBytes: 2 << 30, TrainingBytes: 64 << 20, AnalyserMemory: 1 << 30, TrailInterval: time.Minute, TrailDigest: time.Hour, TrailRetention: 90 * 24 * time.Hour}
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

// analyser takes one KIND=IMAGE; the path becomes absolute.
func (c *Config) analyser(s string) error {
	kind, image, ok := strings.Cut(s, "=")
	if !ok || kind == "" || image == "" {
		return fmt.Errorf("%q is not KIND=PATH", s)
	}
	if slices.ContainsFunc(c.Analysers, func(a Analyser) bool { return a.Kind == kind }) {
		return fmt.Errorf("%s has two images", kind)
	}
	abs, err := filepath.Abs(image)
	if err != nil {
		return err
	}
	c.Analysers = append(c.Analysers, Analyser{kind, abs})
	return nil
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
	rootKey(fs, c)
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
	fs.DurationVar(&c.TrailInterval, "trail-interval", c.TrailInterval, "how often the files of trails are delivered")
	fs.DurationVar(&c.TrailDigest, "trail-digest", c.TrailDigest, "how much time a digest of a trail covers")
	fs.DurationVar(&c.TrailRetention, "trail-retention", c.TrailRetention, "how long events stay in the ledger; 0: for ever. What a trail still has to deliver stays longer")
	fs.IntVar(&c.Instances, "instances", c.Instances, "how many instances a job in a VPC may have; several talk through the VPC")
	fs.Int64Var(&c.InstanceBytes, "instance-bytes", c.InstanceBytes, "`bytes` of input for each instance, before an analysis gets another one")
	fs.Int64Var(&c.TrainingBytes, "training-bytes", c.TrainingBytes, "`bytes` of input for each instance, before a training or topic modelling gets another one")
	fs.Int64Var(&c.EndpointMemory, "endpoint-memory", 0, "`bytes` of memory that the analysers of all endpoints may have together; 0: half of the host's")
	set := false
	fs.Func("analyser", "an image that analyses in the built-in engine's place, `KIND=PATH[:TAG|@sha256:HEX]`, PATH an OCI layout, an archive of one, or what docker save wrote; may be repeated", func(s string) error {
		if !set { // the environment's are replaced, not added to
			set, c.Analysers = true, nil
		}
		return c.analyser(s)
	})
	fs.Int64Var(&c.AnalyserMemory, "analyser-memory", c.AnalyserMemory, "`bytes` of memory that an analyser of an image may have")
	fs.BoolVar(&c.Debug, "debug", false, "log more")
}

// RootKey reads the arguments of the commands about the root key: where the ledger is, the root key that it has and the one
// that it is to have. to.RootKey and to.Transit are empty without -to.
func RootKey(verb string, args []string, out io.Writer) (from, to Config, err error) {
	from = Defaults()
	fs := flag.NewFlagSet("root-key "+verb, flag.ContinueOnError)
	fs.SetOutput(out)
	Place(fs, &from)
	rootKey(fs, &from)
	target := fs.String("to", "", "the root key that shall seal the ledger's key: as -root-key")
	if err := fs.Parse(args); err != nil {
		return from, to, err
	}
	if fs.NArg() > 0 {
		return from, to, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if err := from.check(); err != nil {
		return from, to, err
	}
	if *target == "" {
		return from, to, nil
	}
	to = Defaults()
	to.Data, to.RootKey = from.Data, *target
	err = to.check()
	to.Credentials = "" // a credential cannot be written
	return from, to, err
}

func rootKey(fs *flag.FlagSet, c *Config) {
	fs.StringVar(&c.RootKey, "root-key", c.RootKey, "root key: a file, made at the first start and never inside the data directory; or `transit://HOST:PORT/MOUNT/KEY`[?namespace=..&ca=FILE] in an OpenBao or Vault server")
}

// Parse reads serve's arguments.
func Parse(args []string, out io.Writer) (Config, error) {
	c := Defaults()
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	fs.SetOutput(out)
	c.ListenTLS = ""
	for _, a := range strings.Fields(os.Getenv("CLOISTER_ANALYSERS")) {
		if err := c.analyser(a); err != nil {
			return c, fmt.Errorf("CLOISTER_ANALYSERS: %w", err)
		}
	}
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
	if c.TrailInterval < time.Second || c.TrailDigest < time.Second || c.TrailRetention < 0 {
		return errors.New("-trail-interval and -trail-digest are at least a second, -trail-retention is not negative")
	}
	if c.Instances < 1 || c.Instances > 64 || c.InstanceBytes < 1 || c.TrainingBytes < 1 {
		return errors.New("-instances is 1 to 64, -instance-bytes and -training-bytes at least 1")
	}
	if c.EndpointMemory < 0 {
		return errors.New("-endpoint-memory is not negative")
	}
	if c.AnalyserMemory < 64<<20 {
		return errors.New("-analyser-memory is at least 64 MiB (67108864)")
	}
	if len(c.UplinkAllow) > 0 && !c.Uplink {
		return errors.New("-uplink-allow: without -uplink there is nothing to allow")
	}
	if c.Transit, err = transit(c.RootKey, c.Credentials); err != nil {
		return fmt.Errorf("-root-key: %w", err)
	}
	places := []*string{&c.Data, &c.RootKey}
	if c.Transit != nil {
		c.RootKey, places = "", places[:1]
	}
	for _, p := range places {
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

// transit reads a root key's URL; nil if it is a file's path. transit+http is plain HTTP and leads to this host alone. The
// token is the content of the file that CLOISTER_TRANSIT_TOKEN_FILE names, or of transit.token in systemd's credentials
// directory, or the value of CLOISTER_TRANSIT_TOKEN.
func transit(root, credentials string) (*Transit, error) {
	scheme, rest, _ := strings.Cut(root, "://")
	switch scheme {
	case "transit":
		scheme = "https"
	case "transit+http":
		scheme = "http"
	default:
		return nil, nil
	}
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil || u.User != nil || u.Fragment != "" {
		return nil, errors.New("want transit://HOST:PORT/MOUNT/KEY, without a name or a token") // what it is may hold one
	}
	if ip := net.ParseIP(u.Hostname()); scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("transit+http shows the token to the network: only for a server on this host, not %s", u.Hostname())
	}
	path := strings.Trim(u.Path, "/")
	i := strings.LastIndex(path, "/")
	if u.Host == "" || i < 1 {
		return nil, fmt.Errorf("%s: want transit://HOST:PORT/MOUNT/KEY", root)
	}
	t := &Transit{Address: scheme + "://" + u.Host, Mount: path[:i], Key: path[i+1:]}
	for k, v := range u.Query() {
		switch k {
		case "namespace":
			t.Namespace = v[0]
		case "ca":
			t.CA = v[0]
		default:
			return nil, fmt.Errorf("transit: unknown parameter %q; known are namespace and ca", k)
		}
	}
	t.Token, err = token(credentials)
	return t, err
}

func token(credentials string) (string, error) {
	file := os.Getenv("CLOISTER_TRANSIT_TOKEN_FILE")
	if file == "" && credentials != "" {
		if f := filepath.Join(credentials, "transit.token"); exists(f) {
			file = f
		}
	}
	t := os.Getenv("CLOISTER_TRANSIT_TOKEN")
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("cannot read the transit token: %w", err)
		}
		t = string(b)
	}
	if t = strings.TrimSpace(t); t == "" {
		return "", errors.New("transit: there is no token in CLOISTER_TRANSIT_TOKEN_FILE, the credential transit.token or CLOISTER_TRANSIT_TOKEN")
	}
	return t, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// Client is what AWS's own variables tell a client.
type Client struct{ Endpoint, Region, AccessKey, Secret, Token, CA string }

// AWS reads the variables that the SDKs read.
func AWS() Client {
	return Client{Endpoint: os.Getenv("AWS_ENDPOINT_URL"), Region: env("AWS_REGION", env("AWS_DEFAULT_REGION", "us-east-1")),
		AccessKey: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"), Token: os.Getenv("AWS_SESSION_TOKEN"), CA: os.Getenv("AWS_CA_BUNDLE")}
}
