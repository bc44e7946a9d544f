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
