package daemon

import (
	"os"
	"path/filepath"
	"testing"
)

// A data directory is empty, or a daemon's: root gives all that is in it away.
func TestPlaceIsOurs(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  bool
	}{
		"empty":               {nil, true},
		"a daemon's":          {[]string{"lock", "ledger.db"}, true},
		"a volume's root":     {[]string{"lost+found/"}, true},
		"somebody's":          {[]string{"letters/"}, false},
		"a file's":            {[]string{"letter"}, false},
		"a lock that is none": {[]string{"lock/", "lib/"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range c.files {
				path := filepath.Join(dir, f)
				err := os.MkdirAll(path, 0o700)
				if f[len(f)-1] != '/' {
					err = os.Remove(path)
					if err == nil {
						err = os.WriteFile(path, nil, 0o600)
					}
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			p, err := hold(dir)
			if err == nil {
				if err := p.giveTo(os.Getuid(), os.Getgid()); err != nil {
					t.Error(err)
				}
				if _, err := hold(dir); err == nil {
					t.Error("it is held twice")
				}
				p.release()
			}
			if (err == nil) != c.want {
				t.Errorf("held: %v", err)
			}
		})
	}
}

// The root key's directory and the data directory may be made side by side below a parent that neither found.
func TestPrivateLetsOthersPassItsParents(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "new", "house")
	for _, d := range []string{"key", "data"} {
		if err := private(filepath.Join(parent, d)); err != nil {
			t.Fatal(err)
		}
		own, err := os.Stat(filepath.Join(parent, d))
		if err != nil || own.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", d, own.Mode(), err)
		}
	}
	up, err := os.Stat(parent)
	if err != nil || up.Mode().Perm()&0o001 == 0 {
		t.Errorf("the parent shuts others out: %v, %v", up.Mode(), err)
	}
}
