package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestEditorTexts holds that only what is translated is read, without what stands in it beside words.
func TestEditorTexts(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"en": `{"en":{"a":{"b":"Draw a line","c":"Save"},"languageNames":{"de":"German"}}}`,
		"de": `{"de":{"a":{"b":"Zeichne {n} <b>Linien</b>, siehe [hier](https://example.org)","c":"Save"},"languageNames":{"de":"Deutsch"}}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".min.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readEditor(dir, "de")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"Zeichne    Linien , siehe [hier "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := readEditor(dir, "fr"); err == nil {
		t.Error("a file that is not there is no error")
	}
}

func TestPlain(t *testing.T) {
	got := plain([]string{"Příliš žluťoučký kůň", "Straße in Århus", "no accents I see", "Iğdır"})
	if want := []string{"Prilis zlutoucky kun", "Strasse in arhus", "Igdir"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
