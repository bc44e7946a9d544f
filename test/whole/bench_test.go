package whole_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
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
			text := func(int) string { return english }
			if x.operation == "TopicsDetectionJob" { // of one sentence there are none
				text = func(i int) string { _, t := themed(i); return t }
			}
			var all strings.Builder
			for i := range lines {
				all.WriteString(text(i) + "\n")
			}
			s.put(s.bucket, "in/d.txt", []byte(all.String()))
			s.many("one/", files, text)
			rate := func(n int, in dict) float64 {
				maps.Copy(in, x.more)
				return s.rate(b, x.operation, n, in)
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

// rate runs an analysis of n documents and gives how many it did in a second, from submission to delivery.
func (s *site) rate(b *testing.B, operation string, n int, in dict) float64 {
	b.Helper()
	out, err := s.call("Start"+operation, s.input(in))
	if err != nil {
		b.Fatal(err)
	}
	var p dict
	untilAt(b, 50*time.Millisecond, 10*time.Minute, "the job to end", func() bool {
		d, err := s.call("Describe"+operation, dict{"JobId": out["JobId"]})
		if err != nil {
			b.Fatal(err)
		}
		p = d[operation+"Properties"].(dict)
		return p["EndTime"] != nil
	})
	if p["JobStatus"] != "COMPLETED" {
		b.Fatal(p["Message"])
	}
	return float64(n) / (p["EndTime"].(float64) - p["SubmitTime"].(float64))
}

// themed is a document of 25 words, a fifth of them of its class.
func themed(i int) (class, text string) {
	words := map[string][]string{"BREAKFAST": {"porridge", "eggs", "toast", "jam", "tea"}, "WEATHER": {"rain", "wind", "sun", "cloud", "frost"}, "TRAVEL": {"train", "ticket", "platform", "luggage", "station"}}
	class = []string{"BREAKFAST", "WEATHER", "TRAVEL"}[i%3]
	var b strings.Builder
	for k := range 25 {
		if k%5 == 0 {
			b.WriteString(words[class][(i/3+k/5)%5] + " ")
		} else {
			w := (i*(k+7) + k*k) % 9000
			b.Write([]byte{'m', 'o', 'r', 'a' + byte(w%26), 'a' + byte(w/26%26), 'a' + byte(w/676), ' '})
		}
	}
	return class, b.String()
}

// BenchmarkTrained trains a classifier on 20,000 documents of 25 words, by the API, and analyses 20,000 with it: seconds of the training,
// documents of the job in a second.
func BenchmarkTrained(b *testing.B) {
	s := newSite(b)
	const n = 20_000
	var train, lines strings.Builder
	for i := range n {
		class, text := themed(i)
		fmt.Fprintf(&train, "%s,%s\n", class, text)
		lines.WriteString(text + "\n")
	}
	s.put(s.bucket, "train.csv", []byte(train.String()))
	s.put(s.bucket, "in/d.txt", []byte(lines.String()))
	var took, best float64
	for i := 0; b.Loop(); i++ {
		arn := s.create(s.classifier(fmt.Sprint("bench-", i), "train.csv", nil))
		p := s.settled(arn)
		if p["Status"] != "TRAINED" {
			b.Fatalf("%v: %v", p["Status"], p["Message"])
		}
		took = p["EndTime"].(float64) - p["SubmitTime"].(float64)
		best = max(best, s.rate(b, "DocumentClassificationJob", n, dict{"DocumentClassifierArn": arn}))
	}
	b.ReportMetric(took, "training-s")
	b.ReportMetric(best, "lines/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkLearning trains a classifier on 20,000 documents of 25 words, and a recogniser on 12,000 sentences, by one instance and by two: seconds from submission to the end,
// the most that an analyser held in MB, and the seconds of the processor that all analysers took, which say what a machine of more or less other work would show.
func BenchmarkLearning(b *testing.B) {
	var train, lines, marks strings.Builder
	for i := range 20_000 {
		class, text := themed(i)
		fmt.Fprintf(&train, "%s,%s\n", class, text)
	}
	marks.WriteString("File,Line,Begin Offset,End Offset,Type\n")
	for i := range 12_000 {
		_, text := themed(i)
		device := fmt.Sprintf("%s R%d", []string{"Borealis", "Cantor", "Dynamo", "Elbrus", "Fennel"}[i%5], 100+7*i%900)
		at := strings.Index(text[40:], " ") + 41
		fmt.Fprintf(&lines, "%s%s %s\n", text[:at], device, text[at:])
		fmt.Fprintf(&marks, "docs.txt,%d,%d,%d,DEVICE\n", i, at, at+len(device))
	}
	for _, n := range []int{1, 2} {
		h := open(b, "-instances", fmt.Sprint(n), "-training-bytes", "1000000")
		s := siteIn(b, h)
		s.admitGroup(s.group, s.group, 7788)
		s.put(s.bucket, "train.csv", []byte(train.String()))
		s.put(s.bucket, "docs/docs.txt", []byte(lines.String()))
		s.put(s.bucket, "marks.csv", []byte(marks.String()))
		network := dict{"SecurityGroupIds": []string{s.group}, "Subnets": []string{s.subnet}}
		for kind, in := range map[string]dict{
			"DocumentClassifier": s.classifier("bench", "train.csv", dict{"VpcConfig": network}),
			"EntityRecognizer": {"RecognizerName": "bench", "LanguageCode": "en", "DataAccessRoleArn": s.role, "VpcConfig": network, "InputDataConfig": dict{"EntityTypes": []dict{{"Type": "DEVICE"}},
				"Documents": dict{"S3Uri": "s3://" + s.bucket + "/docs/"}, "Annotations": dict{"S3Uri": "s3://" + s.bucket + "/marks.csv"}}},
		} {
			b.Run(fmt.Sprint(kind, "/", n), func(b *testing.B) {
				arn := ""
				for b.Loop() {
					out, err := s.call("Create"+kind, in)
					if err != nil {
						b.Fatal(err)
					}
					most, cpu := 0, map[int]float64{}
					arn = out[kind+"Arn"].(string)
					var p dict
					until(b, 10*time.Minute, arn+" to end", func() bool {
						for pid := range tree(h.cmd.Process.Pid) {
							if cmd, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.HasPrefix(string(cmd), "cloister-analyser") {
								most = max(most, status(pid, "VmHWM"))
								cpu[pid] = max(cpu[pid], processor(pid))
							}
						}
						out, err := s.call("Describe"+kind, dict{kind + "Arn": arn})
						if err != nil {
							b.Fatal(err)
						}
						p = out[kind+"Properties"].(dict)
						return p["Status"] != "SUBMITTED" && p["Status"] != "TRAINING"
					})
					if p["Status"] != "TRAINED" {
						b.Fatalf("%v: %v", p["Status"], p["Message"])
					}
					if len(cpu) != n {
						b.Fatalf("%d analysers", len(cpu))
					}
					sum := 0.
					for _, x := range cpu {
						sum += x
					}
					b.ReportMetric(p["EndTime"].(float64)-p["SubmitTime"].(float64), "s")
					b.ReportMetric(float64(most>>20), "analyser-MB")
					b.ReportMetric(sum, "cpu-s")
				}
				b.ReportMetric(0, "ns/op")
				if _, err := s.call("Delete"+kind, dict{kind + "Arn": arn}); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// processor is how many seconds of a processor a process took.
func processor(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100 // ticks
}

// BenchmarkGreat is one job on 0.96 GB of lines of a kilobyte: megabytes in a second, and what the agent and the analyser held together.
func BenchmarkGreat(b *testing.B) {
	s := newSite(b)
	line := strings.Repeat(english+" ", 13) + "\n"
	part, parts := []byte(strings.Repeat(line, 8<<20/len(line))), 115
	s.multipart(s.bucket, "in/great.txt", part, parts)
	for b.Loop() {
		_, took, agents, analysers := s.watched(nil)
		b.ReportMetric(float64(parts*len(part))/1e6/took.Seconds(), "MB/s")
		b.ReportMetric(float64((agents+analysers)>>20), "cells-MB")
	}
	b.ReportMetric(0, "ns/op")
}
