package whole_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tree gives the pids of a process and all that descend from it, each with its start time, by which it can't be mistaken
// for a later one.
func tree(root int) map[int]string {
	children, starts := map[int][]int{}, map[int]string{}
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, p := range all {
		pid, _ := strconv.Atoi(strings.Split(p, "/")[2])
		parent, start := stat(pid)
		if start != "" {
			children[parent], starts[pid] = append(children[parent], pid), start
		}
	}
	out := map[int]string{}
	for todo := []int{root}; len(todo) > 0; todo = todo[1:] {
		if start, ok := starts[todo[0]]; ok {
			out[todo[0]] = start
		}
		todo = append(todo, children[todo[0]]...)
	}
	return out
}

func stat(pid int) (parent int, start string) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	i := bytes.LastIndexByte(b, ')')
	if err != nil || i < 0 {
		return 0, ""
	}
	f := strings.Fields(string(b[i+1:]))
	parent, _ = strconv.Atoi(f[1])
	return parent, f[19]
}
