package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// place is a folder that is taken for a root: links in it are followed as a process would follow them whose root it is. Paths are clean and have
// no slash before them; "." is the folder. What is resolved has no link in it, and os.Root sees to it that none comes between.
type place struct{ root *os.Root }

// clean makes a path of an archive one of the place.
func clean(name string) string {
	if c := path.Clean("/" + name); c != "/" {
		return c[1:]
	}
	return "."
}

// escapes says of a name in an archive that it goes up.
func escapes(name string) bool {
	return strings.ContainsRune(name, 0) || slices.Contains(strings.Split(name, "/"), "..")
}

// deep says of a path that it is longer than any that is used.
func deep(name string) bool {
	return len(name) > pathMax || strings.Count(name, "/") > partsMax
}

const linksMax = 40 // as the kernel's

// resolve follows the links of a path to a folder.
func (p place) resolve(name string) (string, error) { return p.walk(name, nil) }

// folder does so and makes the folders that are missing.
func (u *unpacker) folder(name string) (string, error) {
	return u.walk(name, func(at string) error {
		if u.left.entries--; u.left.entries < 0 {
			return errTooMany
		}
		if u.mine != nil {
			u.own(at)
		}
		return u.mkdir(at)
	})
}

func (p place) walk(name string, missing func(at string) error) (string, error) {
	at, rest, links := ".", strings.Split(name, "/"), 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..": // of a link; above the root there is the root
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		if deep(next) { // which links can make of short names
			return "", errTooDeep
		}
		st, err := p.root.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist) && missing != nil:
			err = missing(next)
		case err == nil && st.Mode()&fs.ModeSymlink != 0:
			if links++; links > linksMax {
				return "", fmt.Errorf("%s: too many links", name)
			}
			var to string
			if to, err = p.root.Readlink(next); err == nil {
				if next = at; strings.HasPrefix(to, "/") {
					next = "."
				}
				rest = append(strings.Split(to, "/"), rest...)
			}
		case err == nil && !st.IsDir():
			err = fmt.Errorf("%s is no folder", next)
		}
		if err != nil {
			return "", err
		}
		at = next
	}
	return at, nil
}

// own notes that the layer wrote this.
func (u *unpacker) own(at string) {
	for ; at != "." && !u.mine[at]; at = path.Dir(at) {
		u.mine[at] = true
	}
}

// clear removes what earlier layers left at a path and below; itself: the path too.
func (u *unpacker) clear(at string, itself bool) error {
	if itself && !u.mine[at] {
		return u.root.RemoveAll(at)
	}
	st, err := u.root.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !st.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	d, err := u.root.Open(at)
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := u.clear(path.Join(at, n), true); err != nil {
			return err
		}
	}
	return nil
}
