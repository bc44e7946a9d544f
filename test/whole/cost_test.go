package whole_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkCost is what one of 4,000 objects of one document takes of a processor in a job in a VPC, in microseconds of user and system time:
// of the daemon, the agent and the analyser. "read" reads an object for each document, "write" puts one for each too (personal data, redacted).
func BenchmarkCost(b *testing.B) {
	for _, x := range []struct {
		name, operation string
		more            dict
	}{
		{"read", "DominantLanguageDetectionJob", nil},
		{"write", "PiiEntitiesDetectionJob", dict{"LanguageCode": "en", "Mode": "ONLY_OFFSETS", "VpcConfig": nil}},
	} {
		b.Run(x.name, func(b *testing.B) {
			s := newSite(b)
			const n = 4000
			s.many("one/", n, func(int) string { return english })
			in := dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/one/", "InputFormat": "ONE_DOC_PER_FILE"}}
			for k, v := range x.more {
				in[k] = v
			}
			used := map[string]time.Duration{}
			var best float64
			for b.Loop() {
				stop := spent(s.house)
				best = max(best, s.rate(b, x.operation, n, in))
				for name, d := range stop() {
					used[name] += d
				}
			}
			for name, d := range used {
				b.ReportMetric(float64(d.Microseconds())/float64(n*b.N), name+"-us")
			}
			b.ReportMetric(best, "files/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// spent tells, when it is stopped, what the daemon and the cells below it have used of a processor since it was begun. A cell's last moments may
// be missed: it is looked at every 50 ms.
func spent(h *house) func() map[string]time.Duration {
	root := h.cmd.Process.Pid
	begun := ticks(root)
	last, done, ended := map[string]time.Duration{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			for pid := range tree(root) {
				cmd, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
				arg, _, _ := strings.Cut(string(cmd), "\x00")
				if name, ok := strings.CutPrefix(filepath.Base(arg), "cloister-"); ok {
					last[name] = max(last[name], ticks(pid))
				}
			}
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return func() map[string]time.Duration {
		close(done)
		<-ended
		return map[string]time.Duration{"daemon": ticks(root) - begun, "agent": last["agent"], "analyser": last["analyser"]}
	}
}

// ticks is a process's user and system time, in steps of 10 ms.
func ticks(pid int) time.Duration {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if err != nil || len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
