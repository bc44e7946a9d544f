package config

import (
	"io"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	c, err := Parse([]string{"-data", "x", "-listen", "127.0.0.1:0", "-account", "111122223333", "-dev"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if c.ListenTLS != "127.0.0.1:0" || !strings.HasPrefix(c.Data, "/") || c.Account != "111122223333" || !c.Dev {
		t.Errorf("%+v", c)
	}
	if c, err = Parse(nil, io.Discard); err != nil || c.ListenTLS != "127.0.0.1:4567" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, args := range [][]string{{"-account", "12"}, {"-account", "000000000000"}, {"-listen", "nowhere"}, {"-dev", "-listen", "0.0.0.0:4566"}, {"stray"}, {"-unknown"}} {
		if _, err := Parse(args, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

func TestUplinkFlags(t *testing.T) {
	for args, ok := range map[string]bool{"": true, "-uplink": true, "-uplink -uplink-allow 10.0.0.0/8,192.168.1.7/32": true, "-uplink-allow 10.0.0.0/8": false,
		"-uplink -uplink-allow 10.0.0.0": false, "-uplink -uplink-allow fd00::/8": false} {
		c, err := Parse(strings.Fields(args), io.Discard)
		if (err == nil) != ok {
			t.Errorf("%q: %v", args, err)
		}
		if ok && strings.Contains(args, ",") && len(c.UplinkAllow) != 2 {
			t.Errorf("%q: %v", args, c.UplinkAllow)
		}
	}
}
