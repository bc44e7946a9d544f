package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The committed shapes are what the committed models give.
func TestNoDrift(t *testing.T) {
	root := filepath.Join("..", "..")
	want, err := generate(filepath.Join(root, "models"))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range want {
		got, err := os.ReadFile(filepath.Join(root, "internal", "shape", name))
		if err != nil {
			t.Errorf("%s: %v (run the generator)", name, err)
			continue
		}
		if !bytes.Equal(got, b) {
			t.Errorf("%s differs from its model (run the generator)", name)
		}
	}
	have, err := filepath.Glob(filepath.Join(root, "internal", "shape", "*", "shape.go"))
	if err != nil || len(have) != len(services) {
		t.Errorf("%d generated packages for %d services (%v)", len(have), len(services), err)
	}
}

// Two runs give the same bytes.
func TestDeterministic(t *testing.T) {
	models := filepath.Join("..", "..", "models")
	a, err := generate(models)
	if err != nil {
		t.Fatal(err)
	}
	b, err := generate(models)
	if err != nil {
		t.Fatal(err)
	}
	for n := range a {
		if !bytes.Equal(a[n], b[n]) {
			t.Errorf("%s differs between two runs", n)
		}
	}
}
