package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// cell is one thing that is measured.
type cell struct {
	op   string
	size int
	many int
}

func (c cell) String() string {
	size := fmt.Sprintf("%d KiB", c.size>>10)
	if c.size >= 1<<20 {
		size = fmt.Sprintf("%d MiB", c.size>>20)
	}
	return fmt.Sprintf("%s %s x%d", c.op, size, c.many)
}

func client(s *server, sdk bool) *s3.Client {
	hc := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64, WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10}}
	return s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &s.endpoint, UsePathStyle: true, HTTPClient: hc, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(s.key, s.secret, "")}, func(o *s3.Options) {
		if !sdk {
			o.RequestChecksumCalculation, o.ResponseChecksumValidation = aws.RequestChecksumCalculationWhenRequired, aws.ResponseChecksumValidationWhenRequired
			o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
		}
	})
}

func measure(servers []*server, rounds int, dur time.Duration, sdk bool, only string) error {
	ctx, bucket := context.Background(), aws.String("bench")
	apis := map[*server]*s3.Client{}
	seen := map[string]bool{}
	for _, s := range servers {
		apis[s] = client(s, sdk)
		if seen[s.endpoint] {
			continue
		}
		seen[s.endpoint] = true
		if _, err := apis[s].CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for _, size := range []int{64 << 10, 8 << 20} {
		body := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{1}).Read(body)
		for _, op := range []string{"PUT", "GET"} {
			for _, many := range []int{1, 16} {
				c := cell{op, size, many}
				if only != "" && !slices.Contains(strings.Split(only, ","), c.String()) {
					continue
				}
				rates, cpu := map[*server][]float64{}, map[*server][]float64{}
				for _, s := range servers { // what is read, and the first of everything
					for g := range many {
						if err := put(ctx, apis[s], s, key(s, size, g, 0), body); err != nil {
							return fmt.Errorf("%s: %w", s.name, err)
						}
					}
				}
				for r := range rounds {
					for i := range servers {
						s := servers[(i+r)%len(servers)]
						before := processor(s.pid)
						n, took, err := once(ctx, apis[s], s, c, body, dur)
						if err != nil {
							return fmt.Errorf("%s: %s: %w", s.name, c, err)
						}
						rates[s] = append(rates[s], float64(n)*float64(size)/took.Seconds()/1e6)
						cpu[s] = append(cpu[s], (processor(s.pid)-before).Seconds()*1e3/float64(n))
					}
				}
				report(c, servers, rates, cpu)
			}
		}
	}
	return nil
}

func key(s *server, size, g, k int) *string {
	return aws.String(fmt.Sprintf("%s-%d-%d-%d", s.seal, size, g, k))
}

func put(ctx context.Context, api *s3.Client, s *server, key *string, body []byte) error {
	_, err := api.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bench"), Key: key, Body: bytes.NewReader(body), ServerSideEncryption: types.ServerSideEncryption(s.seal)})
	return err
}

func get(ctx context.Context, api *s3.Client, key *string, size int) error {
	out, err := api.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bench"), Key: key})
	if err != nil {
		return err
	}
	defer out.Body.Close()
	if n, err := io.Copy(io.Discard, out.Body); err != nil || n != int64(size) {
		return fmt.Errorf("%d bytes came: %w", n, err)
	}
	return nil
}

// once loads a server for a while and counts the answers.
func once(ctx context.Context, api *s3.Client, s *server, c cell, body []byte, dur time.Duration) (n int64, took time.Duration, err error) {
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	begun := time.Now()
	for g := range c.many {
		wg.Go(func() {
			for k := 0; time.Since(begun) < dur && failed.Load() == nil; k++ {
				var err error
				if c.op == "PUT" {
					err = put(ctx, api, s, key(s, c.size, g, k%8), body)
				} else {
					err = get(ctx, api, key(s, c.size, g, 0), c.size)
				}
				if err != nil {
					failed.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if e := failed.Load(); e != nil {
		err = *e
	}
	return done.Load(), time.Since(begun), err
}

// processor is the time that a process has had of the processors; it tells what a server does even where others are at work beside it.
func processor(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if err != nil || len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * time.Second / 100 // of clock ticks, on every Linux
}

// report prints medians, and each server's ratio to the first one of the two kinds, taken round by round.
func report(c cell, servers []*server, rates, cpu map[*server][]float64) {
	fmt.Println(c)
	for _, s := range servers {
		sorted := slices.Sorted(slices.Values(rates[s]))
		fmt.Printf("  %-14s %5.0f MB/s (%.0f..%.0f) %6.2f ms of a processor each", s.name, middle(sorted), sorted[0], sorted[len(sorted)-1], middle(slices.Sorted(slices.Values(cpu[s]))))
		for _, to := range servers {
			if to == s || !strings.HasPrefix(s.name, "cloister") {
				continue
			}
			var ratios []float64
			for i, r := range rates[s] {
				ratios = append(ratios, r/rates[to][i])
			}
			slices.Sort(ratios)
			fmt.Printf("  %.2f of %s", middle(ratios), to.name)
		}
		fmt.Println()
	}
}

func middle(sorted []float64) float64 { return sorted[len(sorted)/2] }
