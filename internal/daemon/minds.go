package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"cloister/internal/core/job"
	"cloister/internal/driver/cell"
	"cloister/internal/driver/image"
)

// mind is an image that analyses in a built-in engine's place.
type mind struct {
	kind      string
	image     *image.Image
	languages []string // that its label names; "*": it says itself what it can't read
	spec      cell.Spec
}

// imagesName is the folder of unpacked images in the data directory.
const imagesName = "images"

// mindTmp is the room of a foreign analyser's /tmp, in bytes. It lies in memory.
const mindTmp = 256 << 20

// languagesLabel is the label by which an image names languages: LanguageCode values, joined by commas.
const languagesLabel = "cloister.languages"

// openImages reads the images that the configuration names. It needs the starter's rights to their files; they are unpacked without.
func (d *Daemon) openImages() error {
	dir := d.place.path(imagesName)
	if len(d.cfg.Analysers) == 0 {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("cannot remove images that are used no more: %w", err)
		}
		return nil
	}
	d.minds = map[string]*mind{}
	open := map[string]*image.Image{}
	for _, a := range d.cfg.Analysers {
		if err := replaceable(a.Kind); err != nil {
			return err
		}
		m := open[a.Image]
		if m == nil {
			var err error
			if m, err = image.Open(a.Image, runtime.GOARCH); err != nil {
				return err
			}
			d.later(m.Close)
			open[a.Image] = m
		}
		l, err := labelled(m.Config.Labels[languagesLabel])
		if err != nil {
			return fmt.Errorf("cannot let the image %s do %s: %w", a.Image, a.Kind, err)
		}
		d.minds[a.Kind] = &mind{kind: a.Kind, image: m, languages: l}
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot make the folder of images: %w", err)
	}
	return os.Chmod(dir, 0o755) // of which cells see theirs
}

// labelled reads the label of languages; without one the image says itself what it can't read.
func labelled(label string) ([]string, error) {
	if label == "" {
		return []string{"*"}, nil
	}
	all := strings.FieldsFunc(label, func(r rune) bool { return r == ',' || r == ' ' })
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"
	if len(all) == 0 || slices.ContainsFunc(all, func(l string) bool { return len(l) < 2 || len(l) > 12 || strings.Trim(l, letters) != "" }) {
		return nil, fmt.Errorf("its label %s is %.100q, and is to name LanguageCodes, joined by commas: en,de", languagesLabel, label)
	}
	return all, nil
}

// surroundings are an image's environment, with what is missing in it. Nothing is there twice: some programs take the first then, some the last.
func surroundings(own []string, more ...string) []string {
	var out []string
	had := map[string]bool{}
	for _, e := range slices.Concat(own, more) {
		if name, _, ok := strings.Cut(e, "="); ok && name != "" && !had[name] {
			had[name] = true
			out = append(out, e)
		}
	}
	return out
}

// replaceable says why no image can do a kind of work.
func replaceable(kind string) error {
	can := job.Replaceable()
	if slices.Contains(can, kind) {
		return nil
	}
	why := "there is no such kind"
	switch kind {
	case "document-classifier", "entity-recognizer", "document-classification":
		why = "what is trained here is used here: trainings and the models that come of them stay the built-in engines'"
	case "topics-detection":
		why = "it takes a whole corpus at once, which only the built-in engine does"
	}
	return fmt.Errorf("cannot let an image do %s: %s; images can do %s", kind, why, strings.Join(can, ", "))
}

// shown is where processes of the fabric find the folder of images.
func (d *Daemon) shown() string {
	if d.dropped {
		return d.place.dir
	}
	return d.place.path(imagesName)
}

// unpackImages makes folders of the images and tries each of them, so that one that can't work ends the start.
func (d *Daemon) unpackImages(ctx context.Context) error {
	if len(d.minds) == 0 {
		return nil
	}
	var all []*image.Image
	for _, m := range d.minds {
		all = append(all, m.image)
	}
	dir := d.place.path(imagesName)
	if err := image.Keep(ctx, dir, all); err != nil {
		if errors.Is(err, fs.ErrPermission) && d.dropped {
			err = fmt.Errorf("%w (as user %d, which a daemon started by root becomes)", err, os.Geteuid())
		}
		return err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("cannot look at the folder of images: %w", err)
	}
	if st.Flags&unix.ST_NOEXEC != 0 {
		return fmt.Errorf("cannot run images: the file system of %s is mounted noexec; choose another with -data", d.place.dir)
	}
	for _, m := range d.minds {
		c := m.image.Config
		m.spec = cell.Spec{Name: "analyser", Root: filepath.Join(d.shown(), image.Folder(m.image.Digest)), Dir: c.WorkingDir, Argv: slices.Concat(c.Entrypoint, c.Cmd),
			Env: surroundings(c.Env, "HOME=/tmp", "HOSTNAME=analyser"), Tmp: mindTmp, FileSize: mindTmp, Memory: d.cfg.AnalyserMemory, Pids: jobPids}
		begun := time.Now()
		if err := (&sandbox{d}).try(ctx, m); err != nil {
			return fmt.Errorf("cannot let the image %s do %s: %w", m.image.Name, m.kind, err)
		}
		d.log.Info("an image analyses", "kind", m.kind, "image", m.image.Name, "digest", m.image.Digest, "languages", m.languages, "tried_in", time.Since(begun).Round(time.Millisecond).String())
	}
	return nil
}

// mind gives the image that does such work; nil: the built-in engine does. What a model does that was trained here is the built-in engine's.
func (d *Daemon) mind(s job.Setup) *mind {
	if s.Model {
		return nil
	}
	return d.minds[s.Kind]
}

// spoken are the languages of the images, by kind.
func (d *Daemon) spoken() map[string][]string {
	out := map[string][]string{}
	for k, m := range d.minds {
		out[k] = m.languages
	}
	return out
}

// Bounds of a trial.
const (
	trialTime = time.Minute
	trialText = "The harbour of Rotterdam opens at nine."
	trialSays = 10 // lines of its standard error that are told
)

// try asks an image about a sentence of ours. Its standard error is told: there is no document that it could quote.
func (s *sandbox) try(ctx context.Context, m *mind) error {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	setup := job.Setup{Kind: m.kind}
	switch {
	case m.kind == "pii-entities-detection":
		setup.PII = &job.PII{Mode: "ONLY_OFFSETS"}
		fallthrough
	case m.kind != "dominant-language-detection":
		setup.Language = "en"
		if m.languages[0] != "*" {
			setup.Language = m.languages[0]
		}
	}
	var said []string
	heard := make(chan struct{})
	a, err := s.begin(ctx, setup, nil, 0, func(f *os.File) {
		defer close(heard)
		s.hear(f, func(line string, n int) {
			if n < trialSays {
				said = append(said, job.Plain(line, noteMax))
			}
		})
	})
	if err == nil {
		a.trial = true
		var got []job.Answer
		if got, err = a.Ask(ctx, []string{trialText}); err == nil && got[0].Code == "INTERNAL_ERROR" {
			err = errors.New(got[0].Message)
			if a.unsound != nil {
				err = a.unsound
			}
		}
		if err != nil && ctx.Err() == nil {
			err = a.fate(err)
		}
		a.Close()
		<-heard
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("it gave no answer within %s", trialTime)
	}
	if err != nil && len(said) > 0 {
		err = fmt.Errorf("%w; it said: %s", err, strings.Join(said, " | "))
	}
	if err != nil {
		return fmt.Errorf("asked about a sentence: %w", err)
	}
	for _, l := range said {
		s.d.log.Info("an image said, asked about a sentence", "kind", m.kind, "text", l)
	}
	return nil
}
