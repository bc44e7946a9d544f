package whole_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"

	"cloister/internal/core/trail"
	"cloister/internal/driver/sqlite"
	"cloister/internal/store"
	"cloister/internal/world"
)

// TestDrift: root of the host flushes the rules of every network; they stand again soon, and the VPC's owner can read of it.
func TestDrift(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can change a network from outside")
	}
	h := open(t)
	s := siteIn(t, h)
	strangers := s.newGroup(s.vpc, "strangers")
	_, addr := s.stays("-subnet "+s.subnet+" -security-group "+s.group, "serve", ":8080")
	stranger := func() string {
		out, _, _ := s.says("-quiet -subnet "+s.subnet+" -security-group "+strangers, "connect", addr+":8080")
		return out
	}
	if out := stranger(); out != "lost\n" {
		t.Fatalf("a stranger's connection is %q", out)
	}
	flushed := 0
	for pid := range tree(h.cmd.Process.Pid) {
		if cmd, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline")); !strings.HasPrefix(string(cmd), "cloister-fabric") {
			continue
		}
		fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if to, _ := os.Readlink(fd); !strings.HasPrefix(to, "net:") {
				continue
			}
			ns, err := os.Open(fd)
			if err != nil {
				t.Fatal(err)
			}
			c, err := nftables.New(nftables.WithNetNSFd(int(ns.Fd())))
			if err == nil {
				var all []*nftables.Table
				if all, err = c.ListTables(); err == nil && len(all) > 0 {
					flushed++
					c.FlushRuleset()
					err = c.Flush()
				}
			}
			ns.Close()
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if flushed == 0 {
		t.Fatal("no network has rules")
	}
	st, err := sqlite.Open(t.Context(), filepath.Join(h.data, "ledger.db"), world.Real{}.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	var got []trail.Event
	until(t, 45*time.Second, "the drift to be recorded", func() bool {
		if err := st.View(t.Context(), func(v store.View) (err error) {
			got, err = v.Trail(store.TrailQuery{Account: s.account, Name: "NetworkDrift"})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return len(got) > 0
	})
	if e := got[0]; e.VPC != s.vpc || e.Service != "cloister" || len(e.Response) == 0 {
		t.Errorf("the event: %+v", e)
	}
	if out := stranger(); out != "lost\n" {
		t.Errorf("afterwards a stranger's connection is %q", out)
	}
	if b, err := os.ReadFile(h.log); err != nil || !strings.Contains(string(b), "a network had drifted and was mended") {
		t.Errorf("the log is silent (%v)", err)
	}
}
