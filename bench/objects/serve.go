package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3response"
)

// serve is one of the servers to compare with.
func serve(mode, addr, dir string) error {
	switch mode {
	case "plain", "plainsync":
		return http.ListenAndServe(addr, plain(dir, mode == "plainsync"))
	case "versitygw", "versitygwsync":
		p, err := posix.New(dir, meta.XattrMeta{}, posix.PosixOpts{Concurrency: 5000, CopyObjectThreshold: 5 << 30})
		if err != nil {
			return err
		}
		var be backend.Backend = p
		if mode == "versitygwsync" {
			be = durable{p, dir}
		}
		return embedgw.RunVersityGW(context.Background(), be, &embedgw.Config{RootUserAccess: "user", RootUserSecret: "password", Ports: []string{addr},
			MaxConnections: 10000, MaxRequests: 10000, MultipartMaxParts: 10000, Quiet: true, KeepAlive: true, DisableACLs: true})
	}
	return fmt.Errorf("no server is called %q", mode)
}

// plain keeps each object in a file, whole or not at all, and checks nothing.
func plain(dir string, sync bool) http.Handler {
	put := func(r *http.Request, to string) error {
		f, err := os.CreateTemp(dir, "new")
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.Copy(f, r.Body); err != nil {
			return err
		}
		if sync {
			if err := f.Sync(); err != nil {
				return err
			}
		}
		if err := os.Rename(f.Name(), to); err != nil || !sync {
			return err
		}
		return syncPath(filepath.Dir(to))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := filepath.Join(dir, filepath.Clean("/"+r.URL.Path))
		switch {
		case r.Method == "GET":
			http.ServeFile(w, r, to)
		case r.Method == "PUT" && strings.Count(strings.Trim(r.URL.Path, "/"), "/") == 0:
			if err := os.MkdirAll(to, 0o700); err != nil {
				http.Error(w, err.Error(), 500)
			}
		case r.Method == "PUT":
			if err := put(r, to); err != nil {
				http.Error(w, err.Error(), 500)
				return
			}
			w.Header().Set("ETag", `"none"`)
		}
	})
}

// durable adds what versitygw's posix backend leaves out: an object's file and its directory are synced before the answer.
type durable struct {
	backend.Backend
	root string
}

func syncPath(p string) error {
	f, err := os.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// PutObject writes and syncs.
func (d durable) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	out, err := d.Backend.PutObject(ctx, in)
	if err == nil {
		p := filepath.Join(d.root, *in.Bucket, *in.Key)
		if err = syncPath(p); err == nil {
			err = syncPath(filepath.Dir(p))
		}
	}
	return out, err
}

// CompleteMultipartUpload writes and syncs.
func (d durable) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	out, v, err := d.Backend.CompleteMultipartUpload(ctx, in)
	if err == nil {
		p := filepath.Join(d.root, *in.Bucket, *in.Key)
		if err = syncPath(p); err == nil {
			err = syncPath(filepath.Dir(p))
		}
	}
	return out, v, err
}
