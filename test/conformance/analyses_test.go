package conformance_test

import "testing"

// TestBoto3Analyses: Comprehend's jobs of every kind, in a VPC and under keys; outputs.py reads what they deliver.
func TestBoto3Analyses(t *testing.T) {
	python(t)
	serve(t).env(t)
	boto(t, "analyses.py")
}

// TestBoto3Models: custom models from their training to their end.
func TestBoto3Models(t *testing.T) {
	python(t)
	serve(t).env(t)
	boto(t, "models.py")
}
