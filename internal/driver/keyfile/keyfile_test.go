package keyfile

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"cloister/internal/core/keyring"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// home gives a key's path in a directory that is not there yet, and a data directory beside it.
func home(t *testing.T) (path, data string) {
	t.Helper()
	dir := t.TempDir()
	data = filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "keys", "root.key"), data
}

func open(t *testing.T, path, data string) *keyring.Master {
	t.Helper()
	s, err := Open(path, data, random)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFirstStartAndNext(t *testing.T) {
	path, data := home(t)
	s := open(t, path, data)
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): os.ModeDir | 0o700} {
		if fi, err := os.Stat(p); err != nil || fi.Mode() != want {
			t.Errorf("%s: mode %v, want %v, %v", p, fi.Mode(), want, err)
		}
	}
	box, err := s.Seal([]byte("secret"), []byte("access-key/AKIA1"))
	if err != nil {
		t.Fatal(err)
	}
	again := open(t, path, data)
	if again.ID() != s.ID() || len(s.ID()) != 16 {
		t.Errorf("the id was %s and is %s", s.ID(), again.ID())
	}
	if got, err := again.Open(box, []byte("access-key/AKIA1")); err != nil || string(got) != "secret" {
		t.Errorf("got %q, %v", got, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("beside the key lies something: %v", left)
	}
}

type refusal struct {
	name  string
	spoil func(t *testing.T, path string) error
	want  string
}

func TestRefusals(t *testing.T) {
	cases := []refusal{
		{"group may read", func(_ *testing.T, p string) error { return os.Chmod(p, 0o640) }, "its mode is 0640"},
		{"others may read", func(_ *testing.T, p string) error { return os.Chmod(p, 0o604) }, "its mode is 0604"},
		{"group may write", func(_ *testing.T, p string) error { return os.Chmod(p, 0o620) }, "its mode is 0620"},
		{"others may write to the directory", func(_ *testing.T, p string) error { return os.Chmod(filepath.Dir(p), 0o777) }, "others can write to its directory"},
		{"group may write to the directory", func(_ *testing.T, p string) error { return os.Chmod(filepath.Dir(p), 0o770) }, "others can write to its directory"},
		{"symbolic link", func(_ *testing.T, p string) error {
			return errors.Join(os.Rename(p, p+".real"), os.Symlink(p+".real", p))
		}, "symbolic link"},
		{"dangling link", func(_ *testing.T, p string) error {
			return errors.Join(os.Remove(p), os.Symlink(p+".real", p))
		}, "symbolic link"},
		{"hard link", func(_ *testing.T, p string) error { return os.Link(p, p+".2") }, "second name"},
		{"directory", func(_ *testing.T, p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, "not a regular file"},
		{"pipe", func(_ *testing.T, p string) error { return errors.Join(os.Remove(p), syscall.Mkfifo(p, 0o600)) }, "not a regular file"},
		{"empty", func(_ *testing.T, p string) error { return os.Truncate(p, 0) }, "exactly 32 bytes"},
		{"short", func(_ *testing.T, p string) error { return os.Truncate(p, 31) }, "exactly 32 bytes"},
		{"long", func(_ *testing.T, p string) error { return os.Truncate(p, 33) }, "exactly 32 bytes"},
	}
	if os.Geteuid() == 0 { // only root can give files away
		cases = append(cases,
			refusal{"another's file", func(_ *testing.T, p string) error { return os.Chown(p, 12345, 0) }, "belongs to user 12345"},
			refusal{"another's directory", func(_ *testing.T, p string) error { return os.Chown(filepath.Dir(p), 12345, 0) }, "its directory: it belongs to user 12345"})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path, data := home(t)
			open(t, path, data)
			if err := c.spoil(t, path); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path, data, random)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want the path and %q", err, c.want)
			}
		})
	}
}

func TestOwnerMayOnlyRead(t *testing.T) {
	path, data := home(t)
	open(t, path, data)
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	open(t, path, data)
}

func TestNeverInTheDataDirectory(t *testing.T) {
	_, data := home(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, data string }{
		{filepath.Join(data, "root.key"), data},
		{filepath.Join(data, "deep", "er", "root.key"), data},
		{filepath.Join(link, "root.key"), data},
		{filepath.Join(data, "root.key"), link},
		{filepath.Join(data, "x", "..", "root.key"), data + "/"},
		{filepath.Join(data, "..keys", "root.key"), data},
		{filepath.Join(data, "new", "root.key"), filepath.Join(data, "new")}, // not there yet
	} {
		if _, err := Open(c.path, c.data, random); err == nil || !strings.Contains(err.Error(), "in the data directory") {
			t.Errorf("%s with data in %s: %v", c.path, c.data, err)
		}
		if _, err := OpenCredential(filepath.Dir(c.path), filepath.Base(c.path), c.data, random); err == nil || !strings.Contains(err.Error(), "in the data directory") {
			t.Errorf("credential %s with data in %s: %v", c.path, c.data, err)
		}
	}
	if left, _ := os.ReadDir(data); len(left) != 0 {
		t.Errorf("a refusal left %v", left)
	}
	open(t, data+"-keys/root.key", data) // a name that merely begins alike
}

func TestCredential(t *testing.T) {
	_, data := home(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "cloister.root")
	get := func() error { _, err := OpenCredential(dir, "cloister.root", data, random); return err }
	if err := get(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a credential that is not there: %v", err)
	}
	if err := os.WriteFile(path, random(keySize), 0o400); err != nil {
		t.Fatal(err)
	}
	if err := get(); err != nil {
		t.Errorf("mode 0400: %v", err)
	}
	if err := os.Chmod(path, 0o440); err != nil {
		t.Fatal(err)
	}
	if err := get(); err == nil {
		t.Error("a credential that its group can read was accepted")
	}
	const none = 0xffffffff
	us := uint32(os.Geteuid())
	for _, c := range []struct {
		name string
		acl  [][3]uint32 // tag, permission, id
		ok   bool
	}{
		{"only us", [][3]uint32{{1, 4, none}, {2, 4, us}, {4, 0, none}, {16, 4, none}, {32, 0, none}}, true},
		{"the group too", [][3]uint32{{1, 4, none}, {2, 4, us}, {4, 4, none}, {16, 4, none}, {32, 0, none}}, false},
		{"another user", [][3]uint32{{1, 4, none}, {2, 4, us + 1}, {4, 0, none}, {16, 4, none}, {32, 0, none}}, false},
		{"a named group", [][3]uint32{{1, 4, none}, {4, 0, none}, {8, 4, 7}, {16, 4, none}, {32, 0, none}}, false},
	} {
		b := binary.LittleEndian.AppendUint32(nil, 2)
		for _, e := range c.acl {
			b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
			b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
			b = binary.LittleEndian.AppendUint32(b, e[2])
		}
		if err := unix.Setxattr(path, "system.posix_acl_access", b, 0); errors.Is(err, unix.EOPNOTSUPP) {
			t.Skip("this file system has no access control lists")
		} else if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o440 {
			t.Fatalf("%s: the list shows as %v, %v", c.name, fi.Mode(), err)
		}
		if err := get(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, name := range []string{"../x", "a/b", ""} {
		if _, err := OpenCredential(dir, name, data, random); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
	}
}

// TestLoad: what is missing is not made anew.
func TestLoad(t *testing.T) {
	path, data := home(t)
	if _, err := Load(path, data, random); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
		t.Error("a directory was made")
	}
	s := open(t, path, data)
	if got, err := Load(path, data, random); err != nil || got.ID() != s.ID() {
		t.Errorf("loaded %v, %v", got, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, data, random); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Errorf("a refusal left %v", left)
	}
}

func TestPoorRandomness(t *testing.T) {
	path, data := home(t)
	if _, err := Open(path, data, func(int) []byte { return []byte{1} }); err == nil {
		t.Error("a key of one byte was made")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was left: %v", err)
	}
}
