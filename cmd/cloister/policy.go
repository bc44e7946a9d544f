package main

import (
	"bufio"
	"fmt"
	"os"

	"cloister/internal/core/policy/caseline"
)

// policyMain is `cloister policy eval`. A line that cannot be read gives an error line; the exit status then is 1.
func policyMain(args []string) int {
	if len(args) != 1 || args[0] != "eval" {
		fmt.Fprintln(os.Stderr, "usage: cloister policy eval < CASES.jsonl")
		return 2
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	bad := 0
	for {
		line, err := in.ReadBytes('\n')
		if len(trim(line)) > 0 {
			res, eerr := caseline.EvalLine(line)
			if eerr != nil {
				bad = 1
			}
			if _, werr := out.Write(append(res, '\n')); werr != nil {
				return complain(werr)
			}
		}
		if err != nil {
			return bad
		}
	}
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r' || b[len(b)-1] == ' ') {
		b = b[:len(b)-1]
	}
	return b
}
