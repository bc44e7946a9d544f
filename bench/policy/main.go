// Command policy sets the house's policy engine beside cedar-go on like work, in one run, and prints the ratios.
// It judges nothing: a slow machine slows both, and no number here fails a build; only a differing verdict does.
//
// Alike: both engines get the same sixty statements, written from one table (world.go), compiled once; the same requests
// with 25 condition keys, built once; the same verdict on each request, which is checked before anything is timed. Single
// decisions are timed one by one for p50 and p99 (the clock's own cost is printed), and in one go for the rate. The engines
// take turns within each round, so that a noisy neighbour meets both.
//
// Not alike, and how it leans:
//   - Ours evaluates six layers (SCP, endpoint, boundary, two identity policies, bucket policy) and each of them must allow.
//     Cedar has no layers. "cedar" is one set of sixty policies, any of which may permit; "cedar, layers" asks six sets in
//     turn, which is the same question as ours.
//   - Cedar evaluates every policy by design; ours finds the statements about the action first. The second table has all
//     sixty statements about the action, where that does not help.
//   - Cedar's default PolicySet is a map; here it walks over a slice, which is faster. Its addresses are parsed before the
//     clock starts; ours are text, as they come with a request.
//   - IAM globs in an ARN become Cedar's "like" on a string, where a star crosses colons: simpler than ours.
//   - Cedar returns the ids of all policies that permit; ours the statement that decides. "ours, explained" returns every
//     statement about the action with what failed in it, in words.
package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
)

const (
	rounds = 20
	batch  = 2000 // decisions a round, timed one by one, and as many in one go
)

// contender answers the i-th request.
type contender struct {
	name    string
	allowed func(i int) bool
	each    []time.Duration
	rates   []float64 // decisions a second, a round each
	allocs  float64
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot compare:", err)
		os.Exit(1)
	}
}

func run() error {
	runtime.GOMAXPROCS(2) // one for the engine, one for the collector
	fmt.Printf("the clock costs %v a reading; numbers below hold it once\n", clock())
	for _, w := range []world{{"most statements are about other actions", false}, {"all sixty statements are about the action", true}} {
		list, err := w.contenders()
		if err != nil {
			return err
		}
		measure(list)
		w.print(list)
	}
	return compile()
}

// clock is the cost of two readings, as timing one decision takes.
func clock() time.Duration {
	d := make([]time.Duration, 10_000)
	for i := range d {
		t := time.Now()
		d[i] = time.Since(t)
	}
	return quantile(d, 0.5)
}

func measure(list []*contender) {
	for range rounds {
		for _, c := range list {
			for i := range batch {
				t := time.Now()
				c.allowed(i % requests)
				c.each = append(c.each, time.Since(t))
			}
			t := time.Now()
			for i := range batch {
				c.allowed(i % requests)
			}
			c.rates = append(c.rates, batch/time.Since(t).Seconds())
		}
	}
	for _, c := range list {
		var a, b runtime.MemStats
		runtime.ReadMemStats(&a)
		for i := range batch {
			c.allowed(i % requests)
		}
		runtime.ReadMemStats(&b)
		c.allocs = float64(b.Mallocs-a.Mallocs) / batch
	}
}

func (w world) print(list []*contender) {
	fmt.Printf("\n%s\n%-18s %9s %9s %14s %8s %8s\n", w.name, "", "p50", "p99", "decisions/s", "allocs", "ratio")
	first := quantile(list[0].rates, 0.5)
	for _, c := range list {
		rate := quantile(c.rates, 0.5)
		fmt.Printf("%-18s %9v %9v %14.0f %8.1f %8.2f\n", c.name, quantile(c.each, 0.5), quantile(c.each, 0.99), rate, c.allocs, first/rate)
	}
}

// compile times the reading of a policy of about six kilobytes in each language.
func compile() error {
	ours, theirs := sixKilobytes()
	var a, b []time.Duration
	for range 300 {
		t := time.Now()
		if err := compileOurs(ours); err != nil {
			return err
		}
		a = append(a, time.Since(t))
		t = time.Now()
		if err := compileCedar(theirs); err != nil {
			return err
		}
		b = append(b, time.Since(t))
	}
	pa, pb := quantile(a, 0.5), quantile(b, 0.5)
	fmt.Printf("\ncompile            %9s %9s %14s\n%-18s %9v %9v %14d\n%-18s %9v %9v %14d   ratio %.2f\n", "p50", "p99", "bytes",
		"ours", pa, quantile(a, 0.99), len(ours), "cedar", pb, quantile(b, 0.99), len(theirs), float64(pb)/float64(pa))
	return nil
}

func quantile[T time.Duration | float64](v []T, q float64) T {
	s := slices.Clone(v)
	slices.Sort(s)
	return s[int(q*float64(len(s)-1))]
}
