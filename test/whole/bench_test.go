package whole_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// percentiles reports p50 and p99 in milliseconds.
func percentiles(b *testing.B, name string, all []time.Duration) {
	slices.Sort(all)
	at := func(p float64) float64 { return float64(all[int(p*float64(len(all)-1))]) / 1e6 }
	b.ReportMetric(at(.50), name+"-p50-ms")
	b.ReportMetric(at(.99), name+"-p99-ms")
	b.ReportMetric(0, "ns/op")
}

// caller is a user who may do what the benchmark does by a policy of some statements, so that the calls are judged.
func (s *site) caller() *actor {
	return s.user("caller", encode(s, dict{"Version": "2012-10-17", "Statement": []dict{
		{"Effect": "Deny", "Action": "comprehend:Start*", "Resource": "*", "Condition": dict{"Null": dict{"comprehend:VpcSubnets": "true"}}},
		{"Effect": "Allow", "Action": []string{"comprehend:*", "ec2:Describe*"}, "Resource": "*"},
		{"Effect": "Allow", "Action": "iam:PassRole", "Resource": s.role, "Condition": dict{"StringEquals": dict{"iam:PassedToService": "comprehend.amazonaws.com"}}},
	}}))
}

// BenchmarkDescribe is a read: signed, authorised by a user's policy, its event durable before the answer.
func BenchmarkDescribe(b *testing.B) {
	s := newSite(b)
	u := s.caller()
	var all []time.Duration
	for b.Loop() {
		begun := time.Now()
		u.must("ec2", "DescribeVpcs")
		all = append(all, time.Since(begun))
	}
	percentiles(b, "call", all)
}

// BenchmarkStart is the main job's call, which writes a job down with its event. The jobs fail at once (their role doesn't exist)
// and a start waits until none is active, so that what is measured is the call.
func BenchmarkStart(b *testing.B) {
	s := newSite(b)
	s.role = "arn:aws:iam::" + s.account + ":role/Nobody"
	u := s.caller()
	in := s.input(nil)
	var all []time.Duration
	for b.Loop() {
		begun := time.Now()
		out, err := u.call("StartDominantLanguageDetectionJob", in)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, time.Since(begun))
		b.StopTimer()
		s.finish(out["JobId"].(string))
		b.StartTimer()
	}
	percentiles(b, "call", all)
}

// BenchmarkJob is one tiny document in a VPC: from the answer to the start until the analyser has been started and given its
// document, until results are read, and until the job is COMPLETED and its interface gone.
func BenchmarkJob(b *testing.B) {
	for _, network := range []string{"vpc", "service"} {
		b.Run(network, func(b *testing.B) {
			s := newSite(b)
			s.put(s.bucket, "in/d.txt", []byte(english))
			over := dict{}
			if network == "service" {
				over["VpcConfig"] = nil
			}
			var analyser, total []time.Duration
			for b.Loop() {
				p := s.finish(s.start(over))
				if p.JobStatus != "COMPLETED" {
					b.Fatalf("job is %s: %s", p.JobStatus, p.Message)
				}
				total = append(total, time.Duration((p.EndTime-p.SubmitTime)*1e9))
			}
			percentiles(b, "total", total)
			// The agent's first request for an object follows the analyser's start, and its bytes go there at once.
			analyser = firstReads(b, s)
			percentiles(b, "submitted-to-bytes", analyser)
		})
	}
}

// firstReads pairs each job's submission with the end of its GetObject call, from the log.
func firstReads(b *testing.B, s *site) []time.Duration {
	log, err := os.ReadFile(s.house.log)
	if err != nil {
		b.Fatal(err)
	}
	out, err := s.call("ListDominantLanguageDetectionJobs", dict{})
	if err != nil {
		b.Fatal(err)
	}
	reads := map[string]time.Time{}
	for _, l := range strings.Split(string(log), "\n") {
		if !strings.Contains(l, `"GetObject"`) {
			continue
		}
		_, rest, ok := strings.Cut(l, "/comprehend-")
		_, at, ok2 := strings.Cut(l, `"time":"`)
		if !ok || !ok2 || len(rest) < 32 {
			continue
		}
		at, _, _ = strings.Cut(at, `"`)
		when, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			b.Fatal(err)
		}
		reads[rest[:32]] = when
	}
	var all []time.Duration
	for _, j := range out["DominantLanguageDetectionJobPropertiesList"].([]any) {
		p := j.(dict)
		if when, ok := reads[p["JobId"].(string)]; ok {
			all = append(all, when.Sub(time.UnixMicro(int64(p["SubmitTime"].(float64)*1e6))))
		}
	}
	if len(all) == 0 {
		b.Fatal("no job read its input")
	}
	return all
}

// BenchmarkIdle is what a daemon holds that has done nothing but start: itself and its fabric, in MB of resident memory.
func BenchmarkIdle(b *testing.B) {
	h := open(b)
	for b.Loop() {
		_ = b.N
	}
	sum := 0
	for pid := range tree(h.cmd.Process.Pid) {
		rss := status(pid, "VmRSS")
		name := "fabric"
		if pid == h.cmd.Process.Pid {
			name = "daemon"
		}
		b.ReportMetric(float64(rss>>10)/1024, name+"-MB")
		sum += rss
	}
	b.ReportMetric(float64(sum>>10)/1024, "idle-MB")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkThroughput is a job of each kind on 20,000 short documents of one object, and on 2,000 objects of one: documents analysed in a
// second, submission and delivery included.
func BenchmarkThroughput(b *testing.B) {
	for _, x := range []struct {
		operation string
		more      dict
	}{
		{"DominantLanguageDetectionJob", nil},
		{"EntitiesDetectionJob", dict{"LanguageCode": "en"}},
		{"KeyPhrasesDetectionJob", dict{"LanguageCode": "en"}},
		{"SentimentDetectionJob", dict{"LanguageCode": "en"}},
		{"TargetedSentimentDetectionJob", dict{"LanguageCode": "en"}},
		{"PiiEntitiesDetectionJob", dict{"LanguageCode": "en", "Mode": "ONLY_OFFSETS", "VpcConfig": nil}},
		{"TopicsDetectionJob", nil},
	} {
		b.Run(strings.TrimSuffix(x.operation, "DetectionJob"), func(b *testing.B) {
			s := newSite(b)
			const lines, files = 20_000, 2000
			s.put(s.bucket, "in/d.txt", []byte(strings.Repeat(english+"\n", lines)))
			s.many("one/", files)
			rate := func(n int, in dict) float64 {
				maps.Copy(in, x.more)
				out, err := s.call("Start"+x.operation, s.input(in))
				if err != nil {
					b.Fatal(err)
				}
				var p dict
				until(b, 5*time.Minute, "the job to end", func() bool {
					d, err := s.call("Describe"+x.operation, dict{"JobId": out["JobId"]})
					if err != nil {
						b.Fatal(err)
					}
					p = d[x.operation+"Properties"].(dict)
					return p["EndTime"] != nil
				})
				if p["JobStatus"] != "COMPLETED" {
					b.Skip(p["Message"])
				}
				return float64(n) / (p["EndTime"].(float64) - p["SubmitTime"].(float64))
			}
			var best, single float64
			for b.Loop() {
				best = max(best, rate(lines, dict{}))
				single = max(single, rate(files, dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/one/", "InputFormat": "ONE_DOC_PER_FILE"}}))
			}
			b.ReportMetric(best, "lines/s")
			b.ReportMetric(single, "files/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
