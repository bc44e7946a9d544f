package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The committed table is what the committed models give, each time.
func TestNoDrift(t *testing.T) {
	root := filepath.Join("..", "..")
	a, err := generate(filepath.Join(root, "models"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := generate(filepath.Join(root, "models"))
	if err != nil || !bytes.Equal(a, b) {
		t.Fatalf("two runs differ (%v)", err)
	}
	have, err := os.ReadFile(filepath.Join(root, "internal", "core", "action", "table.txt"))
	if err != nil || !bytes.Equal(a, have) {
		t.Errorf("the table differs from its model: run the generator (%v)", err)
	}
}
