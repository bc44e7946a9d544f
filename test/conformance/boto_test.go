package conformance_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// TestBoto3 runs walk.py with the first Python that has boto3: the one of the path, or the system's, whose packages differ.
func TestBoto3(t *testing.T) {
	python := ""
	for _, p := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(p, "-c", "import boto3").Run() == nil {
			python = p
			break
		}
	}
	if python == "" {
		absent(t, "boto3")
	}
	doors(t, func(t *testing.T) {
		cmd := exec.Command(python, "walk.py")
		cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
		out, err := cmd.CombinedOutput()
		t.Logf("%s", bytes.TrimSpace(out))
		if err != nil {
			t.Fatal(err)
		}
	})
}
