package conformance_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// pythons are the one of the path and the system's, whose packages differ.
var pythons = []string{"python3", "/usr/bin/python3"}

// python is the first that has boto3.
func python(t *testing.T) string {
	t.Helper()
	for _, p := range pythons {
		if exec.Command(p, "-c", "import boto3").Run() == nil {
			return p
		}
	}
	absent(t, "boto3")
	return ""
}

// boto runs one of the scripts beside this file, in the environment that the test has made.
func boto(t *testing.T, script string) {
	t.Helper()
	cmd := exec.Command(python(t), script)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONUTF8=1", "CLOISTER_BINARY="+binary)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", bytes.TrimSpace(out))
	if err != nil {
		t.Fatal(err)
	}
}

func TestBoto3(t *testing.T) {
	python(t)
	doors(t, func(t *testing.T) { boto(t, "walk.py") })
}

// TestBoto3IAM: the scripts name what they make, so each has a daemon of its own.
func TestBoto3IAM(t *testing.T) {
	python(t)
	for _, script := range []string{"refused.py", "identities.py", "seeds.py"} {
		t.Run(script, func(t *testing.T) {
			serve(t).env(t)
			boto(t, script)
		})
	}
}

// TestBoto3Bounds: endpoint and bucket policies of S3, from inside a VPC and from outside.
func TestBoto3Bounds(t *testing.T) {
	python(t)
	d := serve(t)
	d.env(t)
	t.Setenv("CLOISTER_DATA_DIR", d.data) // commands step into the VPC by the program
	boto(t, "bounds.py")
}

// TestBoto3EC2: a VPC's things through their lives, and every list of them.
func TestBoto3EC2(t *testing.T) {
	python(t)
	for _, script := range []string{"network.py", "rules.py", "neighbours.py", "listing.py"} {
		t.Run(script, func(t *testing.T) {
			d := serve(t)
			d.env(t)
			t.Setenv("CLOISTER_DATA_DIR", d.data) // other accounts are made by the program
			boto(t, script)
		})
	}
}

// TestBoto3Logs: log events and what finds them, and the tags of many services.
func TestBoto3Logs(t *testing.T) {
	python(t)
	serve(t).env(t)
	boto(t, "logs.py")
}

// TestBoto3Trail: lookups, and trails whose files the AWS CLI validates by itself.
func TestBoto3Trail(t *testing.T) {
	python(t)
	d := serve(t, "-trail-interval", "1s", "-trail-digest", "2s")
	d.env(t)
	t.Setenv("CLOISTER_DATA_DIR", d.data) // `cloister trail` reads the ledger
	boto(t, "trail.py")
}
