package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"cloister/internal/core/policy"
	"cloister/internal/core/policy/caseline"
	"cloister/internal/core/policy/lint"
)

// policyMain is `cloister policy eval` and `cloister policy check`.
func policyMain(args []string) int {
	switch {
	case len(args) == 1 && args[0] == "eval":
		return policyEval(os.Stdin, os.Stdout)
	case len(args) > 1 && args[0] == "check":
		return policyCheck(args[1:], os.Stdin, os.Stdout)
	}
	fmt.Fprintln(os.Stderr, "usage: cloister policy eval < CASES.jsonl")
	fmt.Fprintln(os.Stderr, checkUsage)
	return 2
}

// policyEval decides the cases of its input. A line that cannot be read gives an error line; the exit status then is 1.
func policyEval(stdin io.Reader, stdout io.Writer) int {
	in := bufio.NewReaderSize(stdin, 1<<20)
	out := bufio.NewWriter(stdout)
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

const checkUsage = "usage: cloister policy check [-kind KIND] [-json] FILE... (- is standard input)"

// maxPolicyFile is far above the largest document, so that answers with many policies fit.
const maxPolicyFile = 4 << 20

// policyCheck lints files. The exit status is 1 when one has an error or cannot be read, 0 with warnings alone, 2 for usage.
func policyCheck(args []string, stdin io.Reader, stdout io.Writer) int {
	fs := flag.NewFlagSet("policy check", flag.ContinueOnError)
	kindName := fs.String("kind", "", "identity, boundary, session, scp, trust, bucket, key, model or endpoint; guessed when absent")
	asJSON := fs.Bool("json", false, "print each finding as a line of JSON")
	fs.Usage = func() {
		fmt.Fprintln(fs.Output(), checkUsage)
		fs.PrintDefaults()
	}
	if fs.Parse(args) != nil {
		return 2
	}
	kind, ok := policy.KindOf(*kindName)
	if !ok || fs.NArg() == 0 {
		if !ok {
			fmt.Fprintf(os.Stderr, "cloister: no kind of policy is called %q\n", *kindName)
		}
		fs.Usage()
		return 2
	}
	status := 0
	out := bufio.NewWriter(stdout)
	for _, name := range fs.Args() {
		text, err := readPolicy(name, stdin)
		if err != nil {
			status = complain(err)
			continue
		}
		for _, f := range lint.Check(text, kind) {
			if f.Severity == lint.Error {
				status = 1
			}
			if !*asJSON {
				fmt.Fprintf(out, "%s:%d:%d: %s\n", name, f.Line, f.Column, f)
				continue
			}
			line, err := json.Marshal(struct {
				File string `json:"file"`
				lint.Finding
			}{name, f})
			if err != nil {
				return complain(err)
			}
			fmt.Fprintf(out, "%s\n", line)
		}
	}
	if err := out.Flush(); err != nil {
		return complain(err)
	}
	return status
}

func readPolicy(name string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxPolicyFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", name, err)
	}
	if len(text) > maxPolicyFile {
		return nil, fmt.Errorf("cannot read %s: it has more than %d bytes", name, maxPolicyFile)
	}
	return text, nil
}
