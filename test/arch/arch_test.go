// Package arch holds the import law: which room may know which. It reads every file it judges itself, so that a cached
// "ok" is never older than the code.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

const module = "cloister/"

// law says what the packages below a folder may import.
type law struct {
	room   string   // folder, ends in /
	ours   []string // our packages, by prefix
	banned []string // of the standard library, direct imports only: fmt reaches os
	why    string
}

// The first law whose room fits holds. Tests are free: they may use real drivers.
var laws = []law{
	{"internal/core/", []string{"internal/core/"}, []string{"context", "os", "os/", "net/http", "net", "database/sql", "syscall", "log", "log/", "crypto/rand", "math/rand"},
		"what is true needs no world: no I/O, no clock, no context"},
	{"internal/shape/", []string{"internal/shape/"}, []string{"net/http", "os"}, "shapes are data"},
	{"internal/api/", []string{"internal/api", "internal/core/", "internal/shape/", "internal/store"}, []string{"net/http", "os", "database/sql"}, "a contract knows nouns and no neighbours"},
	{"internal/store/", []string{"internal/core/", "internal/shape/", "internal/store"}, []string{"net/http", "database/sql"}, "a contract knows nouns and no neighbours"},
	{"internal/service/", []string{"internal/api", "internal/store", "internal/shape/", "internal/core/", "SELF"}, []string{"net/http", "os", "database/sql"},
		"a service is a table: it knows no other service, no door and no driver"},
	{"internal/front/", []string{"internal/api", "internal/store", "internal/shape/", "internal/core/", "internal/world", "internal/front/"}, []string{"os", "database/sql"},
		"the gate runs rows that it was handed"},
	{"internal/engine/", []string{"internal/api", "internal/store", "internal/shape/", "internal/core/", "internal/world"}, []string{"os", "net/http", "database/sql"},
		"an engine declares the small interfaces it needs"},
	{"internal/driver/", []string{"internal/core/", "internal/store", "SELF"}, nil, "a driver knows its technology"},
	{"internal/work/", []string{"internal/core/", "internal/work/"}, nil, "what runs in a sandbox knows nothing of the daemon"},
	{"internal/world/", []string{}, nil, "the door to the world leads out only"},
	{"internal/config/", []string{}, nil, "configuration knows no room"},
	{"internal/client/", []string{"internal/core/"}, nil, "a client has no way in that others lack"},
	{"internal/demo/", []string{"internal/core/", "internal/client", "internal/daemon", "internal/config", "internal/demo"}, nil, "the demo is a client of a daemon that it starts"},
	{"internal/daemon/", []string{"internal/"}, nil, "the only room that knows all others"},
	{"cmd/", []string{"internal/"}, nil, "commands start rooms"},
}

// only says who may import a room at all.
var only = map[string][]string{
	"internal/daemon": {"cmd/", "internal/demo/", "test/"},
	"internal/demo":   {"cmd/", "test/"},
	"internal/config": {"cmd/", "internal/daemon/", "internal/demo/", "test/"},
}

type file struct {
	path    string // slash, relative to the root
	imports []string
}

func files(t *testing.T) []file {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var out []file
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel == "tools" || rel == "bin" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && rel != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		x := file{path: rel}
		for _, i := range f.Imports {
			x.imports = append(x.imports, strings.Trim(i.Path.Value, `"`))
		}
		out = append(out, x)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("only %d files found: the law looks in the wrong place", len(out))
	}
	return out
}

// broken names the first fault of an import, or "".
func broken(path, imp string) string {
	l, ok := lawOf(path)
	if !ok {
		return ""
	}
	own, ours := strings.CutPrefix(imp, module)
	if !ours {
		for _, b := range l.banned {
			if imp == b || strings.HasSuffix(b, "/") && strings.HasPrefix(imp, b) {
				return l.why
			}
		}
		return ""
	}
	for room, who := range only {
		if own == room || strings.HasPrefix(own, room+"/") {
			for _, w := range who {
				if strings.HasPrefix(path, w) {
					return ""
				}
			}
			return "only " + strings.Join(who, ", ") + " may know " + room
		}
	}
	for _, a := range l.ours {
		if a == "SELF" { // the same room below the law's folder
			rest := strings.TrimPrefix(path, l.room)
			self, _, _ := strings.Cut(rest, "/")
			a = l.room + self
		}
		if own == strings.TrimSuffix(a, "/") || strings.HasPrefix(own, strings.TrimSuffix(a, "/")+"/") {
			return ""
		}
	}
	return l.why
}

func lawOf(path string) (law, bool) {
	for _, l := range laws {
		if strings.HasPrefix(path, l.room) {
			return l, true
		}
	}
	return law{}, false
}

func TestImports(t *testing.T) {
	for _, f := range files(t) {
		if strings.HasPrefix(f.path, "internal/") {
			if _, ok := lawOf(f.path); !ok {
				t.Errorf("%s: no law for this room; write one, and the reason", f.path)
			}
		}
		if strings.HasPrefix(f.path, "internal/store/storetest/") || strings.Contains(f.path, "/celltest/") {
			continue // suites for tests
		}
		for _, i := range f.imports {
			if why := broken(f.path, i); why != "" {
				t.Errorf("%s imports %s: %s", f.path, i, why)
			}
		}
	}
}

// TestLawBites proves that each law refuses something.
func TestLawBites(t *testing.T) {
	for _, c := range [][2]string{
		{"internal/core/policy/x.go", "os"}, {"internal/core/policy/x.go", "cloister/internal/store"},
		{"internal/service/s3/x.go", "cloister/internal/service/kms"}, {"internal/service/s3/x.go", "net/http"}, {"internal/service/s3/x.go", "cloister/internal/front/gate"},
		{"internal/front/gate/x.go", "cloister/internal/service/s3"}, {"internal/front/gate/x.go", "cloister/internal/driver/sqlite"},
		{"internal/engine/runner/x.go", "cloister/internal/driver/linux"}, {"internal/driver/linux/x.go", "cloister/internal/driver/cell"},
		{"internal/driver/linux/x.go", "cloister/internal/api"}, {"internal/work/agent/x.go", "cloister/internal/store"},
		{"internal/service/s3/x.go", "cloister/internal/daemon"}, {"internal/world/x.go", "cloister/internal/core/fault"}, {"internal/api/x.go", "cloister/internal/front/wire"},
	} {
		if broken(c[0], c[1]) == "" {
			t.Errorf("%s may import %s", c[0], c[1])
		}
	}
	for _, c := range [][2]string{
		{"internal/core/policy/x.go", "cloister/internal/core/identity"}, {"internal/service/s3/x.go", "cloister/internal/store/rows"},
		{"internal/driver/cell/x.go", "cloister/internal/driver/cell/sub"}, {"internal/daemon/x.go", "cloister/internal/front/gate"}, {"cmd/cloister/x.go", "cloister/internal/daemon"},
	} {
		if why := broken(c[0], c[1]); why != "" {
			t.Errorf("%s may not import %s: %s", c[0], c[1], why)
		}
	}
}
