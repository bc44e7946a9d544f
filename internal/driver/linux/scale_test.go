package linux

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cloister/internal/core/fabric"
	"cloister/internal/core/vpc"
)

// crowd is a network of many ports in ten groups of 60 rules, each port in five of them.
func crowd(ports int) fabric.Desired {
	d := small("vpc-1", 1)
	cidr := netip.MustParsePrefix("10.0.0.0/16")
	d.CIDRs, d.Subnets[0].CIDR, d.Groups, d.Ports = []netip.Prefix{cidr}, cidr, nil, nil
	for g := range 10 {
		gr := fabric.Group{ID: fmt.Sprintf("sg-%d", g), Egress: []fabric.Allow{{Rule: "sgr-out", Proto: vpc.Any, Peers: []netip.Prefix{everything}}}}
		for r := range 60 {
			gr.Ingress = append(gr.Ingress, fabric.Allow{Rule: fmt.Sprintf("sgr-%d-%d", g, r), Proto: vpc.TCP, From: 1000 + 100*g + r, To: 1000 + 100*g + r, Peers: []netip.Prefix{cidr}})
		}
		d.Groups = append(d.Groups, gr)
	}
	for i := range ports {
		a := netip.AddrFrom4([4]byte{10, 0, byte(1 + i>>8), byte(i)})
		p := fabric.Port{ID: fmt.Sprintf("eni-%d", i), Alias: fmt.Sprintf("e%d", i), Addrs: []netip.Addr{a}, MAC: vpc.MAC(a), Subnet: "subnet-1"}
		for g := range 5 {
			p.Groups = append(p.Groups, fmt.Sprintf("sg-%d", (i+2*g)%10))
		}
		d.Ports = append(d.Ports, p)
	}
	return d
}

// spent is the processor time of this process and the fabric's, which a busy host doesn't lengthen as it does a wall clock's.
func spent(b *testing.B, f *Fabric) time.Duration {
	b.Helper()
	var all time.Duration
	for _, pid := range []int{os.Getpid(), f.Pid()} {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if err != nil || len(threads) == 0 {
			b.Fatal(pid, err)
		}
		for _, t := range threads {
			text, err := os.ReadFile(t)
			if err != nil {
				continue // it ended
			}
			var ns int64
			_, _ = fmt.Sscan(string(text), &ns)
			all += time.Duration(ns)
		}
	}
	return all
}

// setLong is set with more patience: a thousand links take their time.
func setLong(b *testing.B, f *Fabric, d fabric.Desired) {
	b.Helper()
	s, err := f.Set(b.Context(), d)
	if err != nil || s.Err != "" {
		b.Fatal(err, s.Err)
	}
}

// BenchmarkGroupChange is one rule of a group that 500 of 1,000 ports carry, from the daemon's call to the kernel's new rules:
// of a group whose rules name one peer, and of one where each of 60 names another.
func BenchmarkGroupChange(b *testing.B) {
	for _, peers := range []string{"one", "many"} {
		b.Run(peers, func(b *testing.B) {
			f := start(b)
			d := crowd(1000)
			for i := range d.Groups[3].Ingress {
				if peers == "many" {
					d.Groups[3].Ingress[i].Peers = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), 0}), 24)}
				}
			}
			setLong(b, f, d)
			before := spent(b, f)
			defer func() { b.ReportMetric((spent(b, f)-before).Seconds()*1000/float64(b.N), "cpu-ms/op") }()
			for b.Loop() {
				d.Generation++
				d.Groups[3].Ingress[7].From = 40000 + int(d.Generation)%1000
				d.Groups[3].Ingress[7].To = d.Groups[3].Ingress[7].From
				setLong(b, f, d)
			}
		})
	}
}

// BenchmarkResync is the same drawing again with 1,000 ports: everything is compared with the kernel.
func BenchmarkResync(b *testing.B) {
	f := start(b)
	d := crowd(1000)
	setLong(b, f, d)
	for b.Loop() {
		d.Generation++
		setLong(b, f, d)
	}
}

// BenchmarkHundred is a network of 100 ports, up and gone.
func BenchmarkHundred(b *testing.B) {
	f := start(b)
	d := crowd(100)
	var up, gone time.Duration
	for b.Loop() {
		t0 := time.Now()
		setLong(b, f, d)
		up += time.Since(t0)
		t0 = time.Now()
		if err := f.Remove(b.Context(), d.Network); err != nil {
			b.Fatal(err)
		}
		gone += time.Since(t0)
	}
	b.ReportMetric(up.Seconds()*1000/float64(b.N), "ms-up")
	b.ReportMetric(gone.Seconds()*1000/float64(b.N), "ms-gone")
}
