package agent

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"cloister/internal/core/job"
)

// accessFile is written before the work begins: a role that may not write, or may not use the key of the results, is found out then. It
// stays; S3 has no trial of a PUT.
const accessFile = ".write_access_check_file.temp"

// probe writes the empty accessFile into the job's own folder, above that of the results.
func (a *agent) probe(ctx context.Context) *job.Failure {
	if a.task.OutputURI == "" {
		return nil
	}
	bucket, key := cut(a.task.OutputURI)
	folder := strings.TrimSuffix(key[:strings.LastIndexByte(key, '/')+1], "output/")
	if err := a.s3.Put(ctx, bucket, folder+accessFile, "application/octet-stream", bytes.NewReader(nil)); err != nil {
		return a.failure("write", err)
	}
	return nil
}

// deliver brings the scratch to S3 in the layout of the kind.
func (a *agent) deliver(ctx context.Context) error {
	src, err := a.scratch.Reader()
	if err != nil {
		return err
	}
	switch a.task.Kind.Layout {
	case job.Objects:
		return a.put(ctx, src)
	case job.OneMember:
		a.parts = []part{{a.task.Kind.Member, a.scratch.Size()}}
	case job.ByFile:
		for i := range a.parts {
			a.parts[i].name = member(a.parts[i].name) + ".out"
		}
	case job.Files:
	}
	return a.archive(ctx, src)
}

// member is a key as a path in an archive, which leads nowhere else.
func member(key string) string {
	parts := strings.Split(key, "/")
	for i, p := range parts {
		if p == "" || p == "." || p == ".." {
			parts[i] = "_"
		}
	}
	return strings.Join(parts, "/")
}

// archive packs the parts as AWS does and uploads them while they are packed.
func (a *agent) archive(ctx context.Context, src io.Reader) error {
	bucket, key := cut(a.task.OutputURI)
	pr, pw := io.Pipe()
	go func() {
		gz := gzip.NewWriter(pw)
		tw := tar.NewWriter(gz)
		now := time.Now()
		var err error
		for _, p := range a.parts {
			if err = tw.WriteHeader(&tar.Header{Name: p.name, Mode: 0o644, Size: p.size, ModTime: now, Typeflag: tar.TypeReg}); err != nil {
				break
			}
			if _, err = io.CopyN(tw, src, p.size); err != nil {
				break
			}
		}
		if err == nil {
			err = tw.Close()
		}
		if err == nil {
			err = gz.Close()
		}
		pw.CloseWithError(err)
	}()
	err := a.s3.Put(ctx, bucket, key, "application/x-gzip", pr)
	pr.CloseWithError(err)
	return err
}

// put makes an object of each part, several small ones at once.
func (a *agent) put(ctx context.Context, src io.Reader) error {
	bucket, folder := cut(a.task.OutputURI)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	turn := make(chan struct{}, ahead/2)
	one := func(name string, body io.Reader) {
		if err := a.s3.Put(ctx, bucket, folder+name+".out", "text/plain; charset=utf-8", body); err != nil {
			cancel(err) // the first one is told
		}
	}
	for _, p := range a.parts {
		if ctx.Err() != nil {
			break
		}
		if p.size > small {
			one(p.name, io.LimitReader(src, p.size))
			continue
		}
		b := make([]byte, p.size)
		if _, err := io.ReadFull(src, b); err != nil {
			cancel(err)
			break
		}
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			one(p.name, bytes.NewReader(b))
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return ctx.Err()
}
