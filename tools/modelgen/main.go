// Modelgen turns the trimmed models of models/ into internal/shape. Its output depends on the models alone: the same models give the same bytes.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
)

// services maps our package names to model files, in the order of the generated table.
var services = []struct{ pkg, model string }{
	{"bedrock", "bedrock"},
	{"bedrockruntime", "bedrock-runtime"},
	{"cloudformation", "cloudformation"},
	{"cloudtrail", "cloudtrail"},
	{"cloister", "cloister"},
	{"comprehend", "comprehend"},
	{"ec2", "ec2"},
	{"iam", "iam"},
	{"kms", "kms"},
	{"logs", "logs"},
	{"s3", "s3"},
	{"s3control", "s3control"},
	{"sagemaker", "sagemaker"},
	{"sts", "sts"},
	{"tagging", "resourcegroupstaggingapi"},
}

// generate gives every file of internal/shape that is generated, by its path below that folder.
func generate(models string) (map[string][]byte, error) {
	out := map[string][]byte{}
	var rows []row
	for _, s := range services {
		m, err := load(models, s.model)
		if err != nil {
			return nil, err
		}
		src, err := structs(s.pkg, m)
		if err != nil {
			return nil, fmt.Errorf("cannot generate %s: %w", s.pkg, err)
		}
		data, err := compact(m)
		if err != nil {
			return nil, fmt.Errorf("cannot compact %s: %w", s.pkg, err)
		}
		out[filepath.Join(s.pkg, "shape.go")] = src
		out[filepath.Join("model", "data", s.pkg+".json")] = data
		rows = append(rows, rowOf(s.pkg, m))
	}
	t, err := table(rows)
	if err != nil {
		return nil, err
	}
	out[filepath.Join("model", "table.go")] = t
	return out, nil
}

func main() {
	root := filepath.Join("..", "..")
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := run(root); err != nil {
		fmt.Fprintln(os.Stderr, "modelgen:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	files, err := generate(filepath.Join(root, "models"))
	if err != nil {
		return err
	}
	var names []string
	for n := range files {
		names = append(names, n)
	}
	sort.Strings(names)
	total := 0
	for _, n := range names {
		p := filepath.Join(root, "internal", "shape", n)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, files[n], 0o644); err != nil {
			return err
		}
		total += len(files[n])
	}
	fmt.Printf("%d files, %d bytes\n", len(names), total)
	return nil
}
