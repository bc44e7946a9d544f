// Package imagetest makes images for tests, good and bad ones. It shares nothing with the package that reads them.
package imagetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
)

// File is an entry of a layer: a regular file unless Type says otherwise.
type File struct {
	Name, Body, Link string
	Mode             int64 // 0: 0644
	Type             byte  // of archive/tar
}

// Layer makes a tar.
func Layer(files ...File) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.Name, Linkname: f.Link, Mode: f.Mode, Typeflag: f.Type, Size: int64(len(f.Body)), Uid: 1234, Gid: 99,
			PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "x"}}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err) // a test's own mistake
		}
		if _, err := w.Write([]byte(f.Body)); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Gzip compresses a layer.
func Gzip(layer []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(layer) // memory
	_ = w.Close()
	return b.Bytes()
}

// Image is what an image is made of. Files are the layers as they lie there, Layers what they contain.
type Image struct {
	OS, Arch string         // empty: linux, this one
	Config   map[string]any // Entrypoint, Cmd, Env, ...
	Layers   [][]byte
	Files    [][]byte // empty: as Layers
	Tag      string
	Platform bool // the index says for which
}

// Digest is the name of bytes.
func Digest(b []byte) string {
	s := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(s[:])
}

// Config gives the image's configuration.
func Config(m Image) []byte {
	diffs := []string{}
	for _, l := range m.Layers {
		diffs = append(diffs, Digest(l))
	}
	return encode(map[string]any{"os": or(m.OS, "linux"), "architecture": or(m.Arch, runtime.GOARCH), "config": m.Config, "rootfs": map[string]any{"type": "layers", "diff_ids": diffs}})
}

// Layout writes an OCI image layout of some images and gives the digests of their manifests.
func Layout(dir string, all ...Image) ([]string, error) {
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return nil, err
	}
	var failed error
	put := func(kind string, b []byte) map[string]any {
		d := Digest(b)
		if err := os.WriteFile(filepath.Join(blobs, d[len("sha256:"):]), b, 0o644); err != nil {
			failed = err
		}
		return map[string]any{"mediaType": "application/vnd.oci.image." + kind, "digest": d, "size": len(b)}
	}
	digests, listed := []string{}, []any{}
	for _, m := range all {
		layers := []any{}
		for i, l := range m.Layers {
			kind := "layer.v1.tar"
			if m.Files != nil {
				l, kind = m.Files[i], "layer.v1.tar+gzip"
			}
			layers = append(layers, put(kind, l))
		}
		d := put("manifest.v1+json", encode(map[string]any{"schemaVersion": 2, "config": put("config.v1+json", Config(m)), "layers": layers}))
		digests = append(digests, d["digest"].(string))
		if m.Tag != "" {
			d["annotations"] = map[string]string{"org.opencontainers.image.ref.name": m.Tag}
		}
		if m.Platform {
			d["platform"] = map[string]string{"os": or(m.OS, "linux"), "architecture": or(m.Arch, runtime.GOARCH)}
		}
		listed = append(listed, d)
	}
	if err := os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "index.json"), encode(map[string]any{"schemaVersion": 2, "manifests": listed}), 0o644); err != nil {
		return nil, err
	}
	return digests, failed
}

// Archive packs a folder as a tar.
func Archive(dir, to string) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	w := tar.NewWriter(f)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		return err
	}
	return w.Close()
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a test's own mistake
	}
	return b
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
