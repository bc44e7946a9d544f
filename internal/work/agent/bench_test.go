package agent

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkCarry is what a document costs beside its analysis: 100,000 short ones, as lines of one object and as objects of their own.
func BenchmarkCarry(b *testing.B) {
	const n = 100_000
	text := "The quick brown fox jumps over the lazy dog and runs away into the dark forest."
	for _, format := range []string{perLine, "ONE_DOC_PER_FILE"} {
		b.Run(format, func(b *testing.B) {
			objects := map[string]string{}
			if format == perLine {
				objects["in/lines"] = strings.Repeat(text+"\n", n)
			} else {
				for i := range n {
					objects[fmt.Sprintf("in/%06d", i)] = text
				}
			}
			for b.Loop() {
				s := scene(b, "entities-detection", objects)
				s.task.Inputs[0].Format = format
				if r := s.run(); r.Documents != n {
					b.Fatalf("%+v", r)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "documents/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
