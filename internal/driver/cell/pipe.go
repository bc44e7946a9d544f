package cell

import "os"

// Pipe has two ends: what is written to In is read from Out.
type Pipe struct{ Out, In *os.File }

// Close closes both ends, those too that are closed already.
func (p Pipe) Close() {
	p.Out.Close()
	p.In.Close()
}

// Piped is some pipes. The processes that are started get ends of them; the starter closes those ends afterwards, and everything when it fails.
type Piped []Pipe

// Pipes makes n pipes, or none.
func Pipes(n int) (Piped, error) {
	var all Piped
	for range n {
		out, in, err := os.Pipe()
		if err != nil {
			all.Close()
			return nil, err
		}
		all = append(all, Pipe{out, in})
	}
	return all, nil
}

// Close closes all ends.
func (all Piped) Close() {
	for _, p := range all {
		p.Close()
	}
}
