package model

import "testing"

// Every model loads, and all 653 operations of AWS are there.
func TestLoad(t *testing.T) {
	ops := 0
	for _, s := range Services() {
		m, err := Load(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		if s.Name != "cloister" { // our own operations are not AWS's
			ops += len(m.Operations)
		}
		for n, sh := range m.Shapes {
			switch sh.Type {
			case "list":
				if sh.Element == nil {
					t.Errorf("%s.%s: list without element", s.Name, n)
				}
			case "map":
				if sh.Key == nil || sh.Value == nil {
					t.Errorf("%s.%s: map without key or value", s.Name, n)
				}
			case "structure", "string", "boolean", "integer", "long", "float", "double", "timestamp", "blob":
			default:
				t.Errorf("%s.%s: unknown type %q", s.Name, n, sh.Type)
			}
		}
	}
	if ops != 653 {
		t.Errorf("%d operations, want 653", ops)
	}
	if _, err := Load("nobody"); err == nil {
		t.Error("an unknown service loads")
	}
}

func BenchmarkLoadEC2(b *testing.B) {
	for b.Loop() {
		if _, err := Load("ec2"); err != nil {
			b.Fatal(err)
		}
	}
}
