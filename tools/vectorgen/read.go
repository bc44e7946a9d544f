package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// source is the number of dimensions of the vectors that are read.
const source = 100

// read gives the first most words of the package's file, in its order (by frequency), and their vectors one after another. The file
// is one object: "vectors" holds for each word its numbers, then its length and place.
func read(path string, most int) (words []string, v []float32, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	_, raw, ok := bytes.Cut(raw, []byte(`],"vectors":{`))
	if !ok {
		return nil, nil, errors.New("no vectors in " + path)
	}
	for len(words) < most && len(raw) > 0 && raw[0] == '"' {
		end := 1
		for raw[end] != '"' {
			if raw[end] == '\\' {
				end++
			}
			end++
		}
		var w string
		if err := json.Unmarshal(raw[:end+1], &w); err != nil {
			return nil, nil, err
		}
		list, rest, ok := bytes.Cut(raw[end+1:], []byte("]"))
		fields := bytes.Split(bytes.TrimPrefix(list, []byte(":[")), []byte(","))
		if !ok || len(fields) != source+2 {
			return nil, nil, fmt.Errorf("word %d has %d numbers", len(words), len(fields))
		}
		for _, f := range fields[:source] {
			x, err := strconv.ParseFloat(string(f), 32)
			if err != nil {
				return nil, nil, err
			}
			v = append(v, float32(x))
		}
		words = append(words, w)
		raw = bytes.TrimPrefix(rest, []byte(","))
	}
	return words, v, nil
}
