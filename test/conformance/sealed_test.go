package conformance_test

import "testing"

// TestBoto3Sealed: objects under keys; other accounts are made by the program.
func TestBoto3Sealed(t *testing.T) {
	python(t)
	d := serve(t)
	d.env(t)
	t.Setenv("CLOISTER_DATA_DIR", d.data)
	boto(t, "sealed.py")
}
