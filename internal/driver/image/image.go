// Package image reads container images from files and unpacks them into folders. It believes nothing that an image says: every byte is held to its
// digest, and no layer writes, links or removes beyond the folder.
package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Config is what an image says of the program in it.
type Config struct {
	Entrypoint, Cmd, Env []string
	WorkingDir, User     string
	Labels               map[string]string
}

// Image is one image for one platform, opened and not yet unpacked.
type Image struct {
	Name   string // as it was asked for
	Digest string // sha256:..., of its manifest; of its configuration in an archive of `docker save` that has no manifest
	Config Config
	src    source
	layers []layer
}

type layer struct {
	file   string // in the source
	digest string // of the file; empty in an archive that names none
	diff   string // of the archive in it
}

// Bounds of what is read whole, in bytes, and of an image's shape.
const (
	documentMax = 4 << 20  // a manifest, an index or a configuration
	wordsMax    = 64 << 10 // entrypoint, command and environment together
	layersMax   = 512
	depthMax    = 4 // indexes in indexes
)

// Open finds the image that a reference names: PATH, PATH:TAG or PATH@sha256:HEX, where PATH is a folder with an OCI image layout, an archive of one, or
// what `docker save` writes. Without tag and digest there must be one image for linux and this architecture. Its manifest and its configuration are held
// to their digests; layers are when they are unpacked.
func Open(ref, arch string) (*Image, error) {
	m, err := open(ref, arch)
	if err != nil {
		return nil, fmt.Errorf("cannot read the image %s: %w", ref, err)
	}
	return m, nil
}

func open(ref, arch string) (_ *Image, err error) {
	path, want := split(ref)
	m := &Image{Name: ref}
	if m.src, err = openSource(path); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			m.src.Close()
		}
	}()
	c := chooser{m.src, want, arch, new(int)}
	switch {
	case m.src.has("index.json"):
		err = c.layout(m)
	case m.src.has("manifest.json"):
		err = c.saved(m)
	default:
		err = errors.New("it has neither index.json (OCI image layout) nor manifest.json (docker save)")
	}
	return m, err
}

// Close gives the files back. An image that is closed can't be unpacked any more.
func (m *Image) Close() { m.src.Close() }

// configured reads the image's configuration, which names what its layers must contain.
func (m *Image) configured(b []byte, arch string) error {
	var c struct {
		OS, Architecture string
		Config           Config
		RootFS           struct {
			Type    string
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("its configuration is no JSON of an image: %w", err)
	}
	switch {
	case c.OS != "linux" || c.Architecture != arch:
		return fmt.Errorf("it is for %s/%s, and this host is linux/%s", c.OS, c.Architecture, arch)
	case len(m.layers) > layersMax:
		return fmt.Errorf("it has %d layers, more than %d", len(m.layers), layersMax)
	case len(c.RootFS.DiffIDs) != len(m.layers):
		return fmt.Errorf("its configuration names %d layers, its manifest %d", len(c.RootFS.DiffIDs), len(m.layers))
	}
	for i, d := range c.RootFS.DiffIDs {
		if !isDigest(d) {
			return fmt.Errorf("its configuration names a layer %q, which is no sha256 digest", d)
		}
		m.layers[i].diff = d
	}
	m.Config = c.Config
	n := 0
	for _, s := range slices.Concat(c.Config.Entrypoint, c.Config.Cmd, c.Config.Env) {
		if n += len(s) + 1; strings.ContainsRune(s, 0) {
			return errors.New("its entrypoint, command or environment has a NUL in it")
		}
	}
	switch {
	case len(c.Config.Entrypoint)+len(c.Config.Cmd) == 0:
		return errors.New("it has no entrypoint and no command, so nothing would run")
	case n > wordsMax:
		return fmt.Errorf("its entrypoint, command and environment have %d bytes, more than %d", n, wordsMax)
	}
	return nil
}

// split parts a reference. A colon within the path's last part begins a tag.
func split(ref string) (path, want string) {
	if i := strings.LastIndex(ref, "@sha256:"); i >= 0 {
		return ref[:i], ref[i+1:]
	}
	if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") && i >= 0 {
		return ref[:i], ref[i+1:]
	}
	return ref, ""
}

// isDigest knows the one algorithm that is taken: 64 lower-case hexadecimal digits of SHA-256.
func isDigest(s string) bool {
	h, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(h) == 64 && strings.Trim(h, "0123456789abcdef") == ""
}
