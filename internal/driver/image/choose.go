package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// chooser finds the one image that is meant.
type chooser struct {
	src        source
	want, arch string // want: a tag, a digest, or empty
	indexes    *int   // that were read
}

// indexesMax is how many indexes are read below an index: each may name others many times.
const indexesMax = 1000

// descriptor names a blob (OCI image specification, descriptor.md).
type descriptor struct {
	MediaType, Digest string
	Platform          *struct{ OS, Architecture string }
	Annotations       map[string]string
}

func (d descriptor) file() string { return "blobs/sha256/" + strings.TrimPrefix(d.Digest, "sha256:") }

// tags are the names that a layout's index gives an image: OCI's annotation is a tag or a whole name, containerd's is a whole name.
func (d descriptor) tags() []string {
	var out []string
	for _, a := range []string{"org.opencontainers.image.ref.name", "io.containerd.image.name"} {
		if v := d.Annotations[a]; v != "" {
			out = append(out, v)
		}
	}
	return out
}

func named(tags []string, want string) bool {
	return slices.ContainsFunc(tags, func(t string) bool { return t == want || strings.HasSuffix(t, ":"+want) })
}

// layout reads an OCI image layout.
func (c chooser) layout(m *Image) error {
	b, _, err := document(c.src, "index.json", "")
	if err != nil {
		return err
	}
	var all []descriptor
	if all, err = listed(b); err != nil {
		return err
	}
	if c.want != "" && !isDigest(c.want) {
		tagged := slices.DeleteFunc(slices.Clone(all), func(d descriptor) bool { return !named(d.tags(), c.want) })
		if len(tagged) == 0 {
			return fmt.Errorf("no image in it has the tag %s; it has %s", c.want, names(all))
		}
		all = tagged
	}
	fit, err := c.fitting(all, isDigest(c.want), 0)
	if err != nil {
		return err
	}
	slices.SortFunc(fit, func(a, b descriptor) int { return strings.Compare(a.Digest, b.Digest) })
	fit = slices.CompactFunc(fit, func(a, b descriptor) bool { return a.Digest == b.Digest })
	switch {
	case len(fit) == 0 && isDigest(c.want):
		return fmt.Errorf("it has no image %s for linux/%s", c.want, c.arch)
	case len(fit) == 0:
		return fmt.Errorf("it has no image for linux/%s", c.arch)
	case len(fit) > 1:
		return fmt.Errorf("it has %d images for linux/%s, %s: name one by :TAG or @sha256:...", len(fit), c.arch, names(all))
	}
	return c.manifest(m, fit[0])
}

// fitting gives the manifests for this platform below a list; open: only those at or below the digest that is wanted.
func (c chooser) fitting(all []descriptor, closed bool, depth int) (out []descriptor, err error) {
	if depth == depthMax {
		return nil, errors.New("its indexes are nested too deeply")
	}
	for _, d := range all {
		shut := closed && d.Digest != c.want
		switch {
		case !isDigest(d.Digest):
			return nil, fmt.Errorf("it names a blob %q, which is no sha256 digest", d.Digest)
		case strings.HasSuffix(d.MediaType, "image.index.v1+json"), strings.HasSuffix(d.MediaType, "manifest.list.v2+json"):
			if *c.indexes++; *c.indexes > indexesMax {
				return nil, fmt.Errorf("it has more than %d indexes", indexesMax)
			}
			b, _, err := document(c.src, d.file(), d.Digest)
			if err != nil {
				return nil, err
			}
			if err := is(b, d.MediaType); err != nil {
				return nil, err
			}
			below, err := listed(b)
			if err != nil {
				return nil, err
			}
			more, err := c.fitting(below, shut, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		case shut, d.Platform != nil && (d.Platform.OS != "linux" || d.Platform.Architecture != c.arch): // signatures and attestations have no platform that exists
		default:
			out = append(out, d)
		}
	}
	return out, nil
}

func listed(b []byte) ([]descriptor, error) {
	var x struct{ Manifests []descriptor }
	if err := json.Unmarshal(b, &x); err != nil {
		return nil, fmt.Errorf("its index is no JSON of one: %w", err)
	}
	return x.Manifests, nil
}

func names(all []descriptor) string {
	var out []string
	for _, d := range all {
		out = append(out, append(d.tags(), d.Digest)[0])
	}
	return strings.Join(out, ", ")
}

// is holds an index or a manifest to what it was said to be: one that could be both would be another image for another reader.
func is(b []byte, mediaType string) error {
	var x struct {
		MediaType         string
		Manifests, Layers json.RawMessage
	}
	switch err := json.Unmarshal(b, &x); {
	case err != nil:
		return fmt.Errorf("its manifest is no JSON of one: %w", err)
	case x.Manifests != nil && x.Layers != nil:
		return errors.New("what it names is both an index and a manifest")
	case x.MediaType != "" && mediaType != "" && x.MediaType != mediaType:
		return fmt.Errorf("what it names as %q says that it is %q", mediaType, x.MediaType)
	}
	return nil
}

// packed are the media types of layers, but for their beginnings.
var packed = []string{".tar", ".tar+gzip", ".tar+zstd", ".tar.gzip", ".tar.zstd"}

func (c chooser) manifest(m *Image, d descriptor) error {
	b, _, err := document(c.src, d.file(), d.Digest)
	if err != nil {
		return err
	}
	if err := is(b, d.MediaType); err != nil {
		return err
	}
	var x struct {
		Config descriptor
		Layers []descriptor
	}
	if err := json.Unmarshal(b, &x); err != nil {
		return fmt.Errorf("its manifest is no JSON of one: %w", err)
	}
	m.Digest = d.Digest
	for _, l := range x.Layers {
		if !isDigest(l.Digest) || !slices.ContainsFunc(packed, func(s string) bool { return strings.HasSuffix(l.MediaType, s) }) {
			return fmt.Errorf("its layer %q has the type %q: layers are tar archives, plain or by gzip or zstd, with a sha256 digest", l.Digest, l.MediaType)
		}
		m.layers = append(m.layers, layer{file: l.file(), digest: l.Digest})
	}
	if !isDigest(x.Config.Digest) {
		return errors.New("its manifest names no configuration by a sha256 digest")
	}
	if b, _, err = document(c.src, x.Config.file(), x.Config.Digest); err != nil {
		return err
	}
	return m.configured(b, c.arch)
}

// saved reads what `docker save` writes where it writes no layout: a manifest.json without digests. The configuration names the layers' contents.
func (c chooser) saved(m *Image) error {
	b, _, err := document(c.src, "manifest.json", "")
	if err != nil {
		return err
	}
	var all []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("its manifest.json is no list of images: %w", err)
	}
	n, last, tags := 0, 0, []string{}
	for i, x := range all {
		tags = append(tags, x.RepoTags...)
		hex := strings.TrimSuffix(x.Config[strings.LastIndex(x.Config, "/")+1:], ".json")
		if c.want == "" || named(x.RepoTags, c.want) || c.want == "sha256:"+hex {
			n, last = n+1, i
		}
	}
	if n != 1 {
		return fmt.Errorf("%d images in it fit, of %d (%s): name one by :TAG or @sha256:...", n, len(all), strings.Join(tags, ", "))
	}
	digest := ""
	if isDigest(c.want) {
		digest = c.want
	}
	if b, m.Digest, err = document(c.src, all[last].Config, digest); err != nil {
		return err
	}
	for _, l := range all[last].Layers {
		m.layers = append(m.layers, layer{file: l})
	}
	return m.configured(b, c.arch)
}
