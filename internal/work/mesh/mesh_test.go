package mesh_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"cloister/internal/work/mesh"
	"cloister/internal/work/mesh/meshtest"
)

func TestSum(t *testing.T) {
	for _, n := range []int{1, 2, 4, 7} {
		for _, size := range []int{0, 1, 1000} {
			want := make([]int64, size)
			all := make([][]int64, n)
			dice := rand.New(rand.NewPCG(uint64(n), uint64(size)))
			for i := range all {
				all[i] = make([]int64, size)
				for j := range size {
					if dice.IntN(3) == 0 {
						all[i][j] = dice.Int64N(1<<40) - 1<<39
					}
					want[j] += all[i][j]
				}
			}
			errs := meshtest.New(n).Run(func(m *mesh.Mesh) error { return mesh.Sum(m, all[m.Index]) })
			for i := range all {
				if errs[i] != nil || !slices.Equal(all[i], want) {
					t.Errorf("%d instances, %d numbers: instance %d: %v", n, size, i, errs[i])
				}
			}
		}
	}
}

// TestMix: a weight that one instance moved is where that left it; those of all add up their squares; all instances have the same in the end.
func TestMix(t *testing.T) {
	for _, n := range []int{2, 4} {
		out := make([]*mesh.Rows, n)
		errs := meshtest.New(n).Run(func(m *mesh.Mesh) error {
			r := mesh.NewRows(m, 5, 2)
			out[m.Index] = r
			for round := range 3 {
				r.Touched[1] = true
				for j := 2; j < 4; j++ { // all move row 1
					r.W[j] += float32(m.Index + 1)
					r.G[j] += 4
				}
				if m.Index == 1 && round == 1 { // one moves row 3
					r.Touched[3] = true
					r.W[6], r.G[6] = -8, 9
				}
				if err := m.Mix(r); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for i, r := range out {
			if !slices.Equal(r.W, out[0].W) || !slices.Equal(r.G, out[0].G) {
				t.Errorf("%d instances: %d has %v, 0 has %v", n, i, r.W, out[0].W)
			}
			sum := float32(n * (n + 1) / 2 * 3)
			if r.W[6] != -8 || r.G[6] != 9 || r.W[0] != 0 || r.G[2] != float32(3*4*n) || r.W[2] <= sum/float32(n) || r.W[2] >= sum || slices.Contains(r.Touched, true) {
				t.Errorf("%d instances: %d has weights %v, squares %v", n, i, r.W, r.G)
			}
		}
	}
}

// TestGarbage: what another instance says is refused when it cannot be right, by the first one and by the others, and nobody waits for ever.
func TestGarbage(t *testing.T) {
	rows := func(m *mesh.Mesh) error {
		r := mesh.NewRows(m, 3, 1)
		r.Touched[m.Index] = true
		r.W[m.Index], r.G[m.Index] = 1, 1
		return m.Mix(r)
	}
	sum := func(m *mesh.Mesh) error { return mesh.Sum(m, make([]int32, 9)) }
	for name, c := range map[string]struct {
		do  func(*mesh.Mesh) error
		say []byte
	}{
		"nothing, for numbers":     {sum, nil},
		"too many numbers":         {sum, []byte{0x0a}},
		"a number that is too big": {sum, []byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 8}},
		"more than numbers":        {sum, []byte{9, 9}},
		"endless digits":           {sum, bytes.Repeat([]byte{0xff}, 20)},
		"nothing, for rows":        {rows, nil},
		"a row too many":           {rows, []byte{4}},
		"half a row":               {rows, []byte{0, 1, 2, 3}},
		"no number":                {rows, []byte{0, 0, 0, 0xc0, 0x7f, 0, 0, 0, 0, 2}},
		"an infinite weight":       {rows, []byte{0, 0, 0, 0x80, 0x7f, 0, 0, 0, 0, 2}},
		"a square below zero":      {rows, []byte{0, 0, 0, 0, 0, 0, 0, 0x80, 0xbf, 2}},
	} {
		for _, from := range []int{0, 1} {
			h := meshtest.New(3)
			h.Spoil = func(i int, said []byte) []byte {
				if i == from {
					return c.say
				}
				return said
			}
			errs := h.Run(c.do)
			if errors.Join(errs...) == nil || from == 1 && errs[0] == nil || from == 0 && (errs[1] == nil || errs[2] == nil) {
				t.Errorf("%s from %d: %v", name, from, errs)
			}
		}
	}
}

// TestOrder: the first one hears the others in their order, whoever speaks first.
func TestOrder(t *testing.T) {
	var heard []int
	errs := meshtest.New(4).Run(func(m *mesh.Mesh) error {
		return m.Meet(mesh.Meeting{
			Give: func(w *bufio.Writer) { _ = w.WriteByte(byte(m.Index)) },
			Hear: func(from int, r *bufio.Reader) error {
				b, err := io.ReadAll(r)
				heard = append(heard, int(b[0])*10+from)
				return err
			},
			Answer: func(w *bufio.Writer) { _, _ = w.WriteString("all") },
			Take: func(r *bufio.Reader) error {
				if b, _ := io.ReadAll(r); string(b) != "all" {
					return errors.New("not the answer")
				}
				return nil
			},
		})
	})
	if err := errors.Join(errs...); err != nil || !slices.Equal(heard, []int{11, 22, 33}) {
		t.Errorf("%v, %v", heard, err)
	}
	for _, c := range [][2]int{{0, 1}, {-1, 2}, {2, 2}, {0, mesh.Most + 1}} {
		if _, err := mesh.New(c[0], c[1], nil); err == nil {
			t.Errorf("instance %d of %d", c[0], c[1])
		}
	}
}
