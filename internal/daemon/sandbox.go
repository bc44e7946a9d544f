package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"cloister/internal/core/job"
	"cloister/internal/driver/cell"
	"cloister/internal/driver/linux"
	"cloister/internal/engine/runner"
)

// AgentArg and AnalyserArg are the first arguments by which main knows a job's processes.
const (
	AgentArg    = "cloister-agent"
	AnalyserArg = "cloister-analyser"
)

// ScratchFile is the agent's descriptor of its scratch, after the two pipes of the pair.
const ScratchFile = 5

// Limits of a job's processes. Memory and scratch in bytes.
const (
	jobMemory = 1 << 30
	jobPids   = 128
	// A million documents at 4 KiB each, sealed: the disk is everyone's.
	jobScratch = 4 << 30
)

// sandbox starts a job as a pair of cells in the fabric.
type sandbox struct{ d *Daemon }

func (s *sandbox) driver() *cell.Driver {
	return cell.New(func(ctx context.Context, l cell.Launch) (cell.Process, error) {
		p, err := s.d.fabric.Spawn(ctx, linux.Spec(l))
		if err != nil {
			return nil, err
		}
		return p, nil
	})
}

// Start satisfies runner.Sandbox.
func (s *sandbox) Start(ctx context.Context, c runner.Cell) (runner.Running, error) {
	scratch, err := s.scratch()
	if err != nil {
		return nil, err
	}
	defer scratch.Close()
	files := []*os.File{scratch}
	var sealed *os.File
	switch {
	case c.Model != "" || c.Keep != "":
		sealed, err = s.sealed(ctx, c.Model)
	case c.Task.Share.Max > 1:
		sealed, err = os.Open(os.DevNull) // in the model's place
	}
	if err != nil {
		return nil, err
	}
	if sealed != nil {
		files = append(files, sealed)
	}
	if c.Task.Share.Max > 1 {
		pieces, err := s.scratch()
		if err != nil {
			sealed.Close()
			return nil, err
		}
		defer pieces.Close()
		files = append(files, pieces)
	}
	r, err := s.pair(ctx, c, files)
	if err != nil {
		if sealed != nil {
			sealed.Close()
		}
		return nil, err
	}
	go func() {
		r.await(func(size int64) error { return s.keep(c.Keep, sealed, size) })
		if m := s.d.mind(c.Task.Setup); m != nil && r.ended != nil {
			s.d.log.Warn("an image's program ended", "job", c.Job, "digest", m.image.Digest, "error", r.ended)
		}
		if sealed != nil {
			sealed.Close()
		}
	}()
	return r, nil
}

// sealed is a file for a model's sealed bytes: of the blob, or empty.
func (s *sandbox) sealed(ctx context.Context, blob string) (*os.File, error) {
	f, err := s.scratch()
	if err != nil || blob == "" {
		return f, err
	}
	b, err := s.d.blobs.Open(ctx, blob)
	if err == nil {
		_, err = io.Copy(f, b)
		b.Close()
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot read a model: %w", err)
	}
	return f, nil
}

// keep makes a blob of the sealed model of size bytes that an agent wrote.
func (s *sandbox) keep(blob string, f *os.File, size int64) error {
	if blob == "" {
		return errors.New("wrote a model that nobody asked for")
	}
	if st, err := f.Stat(); err != nil || st.Size() != size {
		return fmt.Errorf("wrote a model of another size than it says, %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	err := s.d.blobs.Write(context.Background(), blob, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot keep a model: %w", err)
	}
	return nil
}

// Discard satisfies runner.Sandbox.
func (s *sandbox) Discard(ctx context.Context, blob string) error { return s.d.blobs.Remove(ctx, blob) }

// pair starts the job's two cells; files are the agent's from ScratchFile on.
func (s *sandbox) pair(ctx context.Context, c runner.Cell, files []*os.File) (*running, error) {
	pipes, err := cell.Pipes(4)
	if err != nil {
		return nil, err
	}
	task, reports, notes, hints := pipes[0], pipes[1], pipes[2], pipes[3]
	agent := cell.Spec{Name: "agent", Port: c.Port, Argv: []string{AgentArg}, Stdin: task.Out, Stdout: reports.In, Stderr: notes.In, Files: files,
		Memory: jobMemory, Pids: jobPids, FileSize: jobScratch, Nameservers: c.Servers, Search: c.Search}
	analyser := s.analyserSpec(c.Task.Setup)
	analyser.Stderr = hints.In
	pair, err := s.driver().Pair(ctx, agent, analyser)
	if err != nil {
		pipes.Close()
		return nil, gone(fmt.Errorf("cannot start the job's cells: %w", err))
	}
	for _, f := range []*os.File{task.Out, reports.In, notes.In, hints.In} {
		f.Close()
	}
	r := &running{pair: pair, reports: make(chan job.Report, 16), killed: make(chan struct{}), done: make(chan struct{}), heard: make(chan struct{}),
		fresh: make(chan job.Credentials, 1), words: make(chan job.Word, 16)}
	go r.tell(task.In, c.Task)
	go func() { r.listen(reports.Out); close(r.heard) }()
	go s.note(c.Job, notes.Out)
	go s.hint(c.Job, hints.Out)
	return r, nil
}

// analyserSpec is every analyser's cell: no port, so no network; no environment, no files, no room to write. Or an image's, which has those of its own.
func (s *sandbox) analyserSpec(setup job.Setup) cell.Spec {
	if m := s.d.mind(setup); m != nil {
		return m.spec
	}
	return builtIn(setup.Kind)
}

func builtIn(kind string) cell.Spec {
	return cell.Spec{Name: "analyser", Argv: []string{AnalyserArg, kind}, Memory: jobMemory, Pids: jobPids}
}

// ProbeAnalyser runs a hostile program in exactly an analyser's place and gives what it printed: a JSON list of attempts.
func (d *Daemon) ProbeAnalyser(ctx context.Context) ([]byte, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := builtIn("probe")
	s.Stdout = w
	p, err := (&sandbox{d}).driver().Start(ctx, s)
	w.Close()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, 1<<20))
	return b, errors.Join(err, p.Wait(ctx))
}

// scratch is a file without a name: it goes with its last descriptor, however the job ends.
func (s *sandbox) scratch() (*os.File, error) {
	fd, err := unix.Open(s.d.place.dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), "scratch"), nil
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) {
		return nil, fmt.Errorf("cannot make a scratch file: %w", err)
	}
	f, err := os.CreateTemp(s.d.place.dir, "scratch-*")
	if err != nil {
		return nil, fmt.Errorf("cannot make a scratch file: %w", err)
	}
	return f, os.Remove(f.Name())
}

// running is a started pair.
type running struct {
	pair    *cell.Pair
	reports chan job.Report
	kill    sync.Once
	killed  chan struct{} // nobody reads reports any more
	done    chan struct{}
	heard   chan struct{} // the last report is known
	fresh   chan job.Credentials
	words   chan job.Word
	size    atomic.Int64 // of the model that the last report speaks of
	err     error
	ended   error // of the analyser
}

func (r *running) Reports() <-chan job.Report { return r.reports }

// tell writes the task and, later, fresh credentials; an agent that does not read holds nobody but this.
func (r *running) tell(w *os.File, t job.Task) {
	defer w.Close()
	enc := json.NewEncoder(w)
	if enc.Encode(t) != nil { // an agent that is gone says so by its end
		return
	}
	for {
		select {
		case c := <-r.fresh:
			if enc.Encode(job.Word{Creds: &c}) != nil {
				return
			}
		case w := <-r.words:
			if enc.Encode(w) != nil {
				return
			}
		case <-r.done:
			return
		}
	}
}

// Renew satisfies runner.Running. Credentials that were not taken yet make room for newer ones.
func (r *running) Renew(c job.Credentials) {
	select {
	case <-r.fresh:
	default:
	}
	r.fresh <- c
}

// Tell satisfies runner.Running. An agent that does not listen misses it.
func (r *running) Tell(w job.Word) {
	select {
	case r.words <- w:
	default:
	}
}

// Stop asks the agent to deliver what there is.
func (r *running) Stop() { _ = r.pair.Agent.Signal(syscall.SIGTERM) }

// Kill ends both.
func (r *running) Kill() {
	r.kill.Do(func() { close(r.killed) })
	_ = r.pair.Agent.Kill()
	_ = r.pair.Analyser.Kill()
}

// A report's longest line, in bytes, and how often one is taken: an agent may be anything.
const (
	reportMax  = 64 << 10
	reportPace = 100 * time.Millisecond
)

func (r *running) listen(f io.ReadCloser) {
	defer close(r.reports)
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(make([]byte, 4096), reportMax)
	var last time.Time
	for in.Scan() {
		var rep job.Report
		if err := json.Unmarshal(in.Bytes(), &rep); err != nil {
			return
		}
		if wait := reportPace - time.Since(last); wait > 0 && !rep.Final {
			select {
			case <-time.After(wait):
			case <-r.killed:
				return
			}
		}
		last = time.Now()
		if rep.Final && rep.Err == nil && !rep.Stopped {
			r.size.Store(rep.Artifact)
		}
		select {
		case r.reports <- rep:
		case <-r.killed:
			return
		}
		if rep.Final {
			return
		}
	}
}

// analyserExit is how long an analyser may go on when its agent, and with it its pipes, are gone.
const analyserExit = time.Second

// await ends the analyser with the agent: it ends by itself when its input does, or is killed soon after. Then the model is kept.
func (r *running) await(keep func(size int64) error) {
	defer close(r.done)
	ctx := context.Background()
	r.err = r.pair.Agent.Wait(ctx)
	if r.err != nil {
		r.err = fmt.Errorf("the agent %w", r.err)
	}
	wctx, cancel := context.WithTimeout(ctx, analyserExit)
	defer cancel()
	err := r.pair.Analyser.Wait(wctx)
	if wctx.Err() != nil {
		_ = r.pair.Analyser.Kill()
		err = r.pair.Analyser.Wait(ctx)
	}
	if r.ended = err; err != nil && r.err == nil {
		r.err = fmt.Errorf("the analyser %w", err)
	}
	<-r.heard
	if n := r.size.Load(); n > 0 { // how they ended after the last report is no matter then
		r.err = keep(n)
	}
}

// Wait says how they ended.
func (r *running) Wait() error {
	<-r.done
	return gone(r.err)
}

// gone tells the runner, which knows no fabric, that an error is the fabric's end.
func gone(err error) error {
	if errors.Is(err, linux.ErrGone) {
		return fmt.Errorf("%w: %w", runner.ErrGone, err)
	}
	return err
}
