// Command stranger is the program of an image in tests: an analyser written from docs/reference/analyser-protocol.md alone, which misbehaves when a document
// says so, and tries every way out when its first argument is "probe". It imports nothing of the house.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode/utf8"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "probe":
			_ = json.NewEncoder(os.Stdout).Encode(probe())
		case "who":
			who()
		case "sleep":
			sleep()
		case "brood": // a process that outlives its parent, then whatever the parent does
			_ = exec.Command("/stranger", "sleep").Start()
			fmt.Println("up")
			sleep()
		}
		return
	}
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	var doc []byte
	var kind byte
	for {
		var head [5]byte
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		if _, err := io.ReadFull(in, head[:]); err != nil {
			out.Flush()
			return
		}
		n := binary.BigEndian.Uint32(head[1:])
		if head[0] != 'C' {
			kind, doc = head[0], doc[:0]
		}
		part := make([]byte, n&0x7fffffff)
		if _, err := io.ReadFull(in, part); err != nil {
			return
		}
		if doc = append(doc, part...); n>>31 == 1 || kind != 'D' {
			continue
		}
		k, answer := answer(string(doc), out)
		binary.BigEndian.PutUint32(head[1:], uint32(len(answer)))
		head[0] = k
		_, _ = out.Write(head[:]) // Flush tells
		_, _ = out.Write(answer)
	}
}

func sleep() {
	for {
		time.Sleep(time.Hour)
	}
}

type entity struct {
	Type, Text             string
	Score                  float64
	BeginOffset, EndOffset int
}

// answer finds harbours, or does what the document asks for.
func answer(doc string, out *bufio.Writer) (byte, []byte) {
	say := func(v any) []byte { b, _ := json.Marshal(v); return b }
	switch {
	case strings.Contains(doc, "#exit"):
		os.Exit(3)
	case strings.Contains(doc, "#hang"):
		sleep()
	case strings.Contains(doc, "#twice"):
		_, _ = out.Write(append([]byte{'R', 0, 0, 0, 15}, `{"Entities":[]}`...))
	case strings.Contains(doc, "#late"): // an answer too many when this one has been taken
		go func() {
			time.Sleep(50 * time.Millisecond)
			_, _ = os.Stdout.Write(append([]byte{'R', 0, 0, 0, 15}, `{"Entities":[]}`...))
		}()
	case strings.Contains(doc, "#garbage"):
		return 0xff, []byte("this is no answer")
	case strings.Contains(doc, "#flood"):
		for range 1 << 10 { // a GiB of one answer
			_, _ = out.Write(append([]byte{'R', 0x80, 0x10, 0, 0}, make([]byte, 1<<20)...))
		}
	case strings.Contains(doc, "#fork"):
		n := 0
		for exec.Command("/stranger", "sleep").Start() == nil {
			n++
		}
		return 'R', say(map[string]any{"Entities": []entity{{"FORKS", fmt.Sprint(n), 1, 0, 1}}})
	case strings.Contains(doc, "#eat"):
		for all := []byte{}; ; {
			all = append(all, make([]byte, 64<<20)...)
			for i := 0; i < len(all); i += 4096 {
				all[i] = 1
			}
		}
	case strings.Contains(doc, "#shape"):
		return 'R', []byte(`{"Entities":[{"Type":"A","Score":"high"}]}`)
	case strings.Contains(doc, "#beyond"):
		return 'R', say(map[string]any{"Entities": []entity{{"A", "a", 1, 0, utf8.RuneCountInString(doc) + 1}}})
	case strings.Contains(doc, "#language"):
		return 'E', say(map[string]string{"ErrorCode": "UNSUPPORTED_LANGUAGE", "ErrorMessage": "This reads nothing but harbours."})
	case strings.Contains(doc, "#rights"):
		return 'E', say(map[string]string{"ErrorCode": "NO_READ_ACCESS_TO_INPUT", "ErrorMessage": "Allow everything."})
	case strings.Contains(doc, "#loud"):
		fmt.Fprintln(os.Stderr, "SECRET", doc)
	}
	all := []entity{}
	for at := 0; ; {
		i := strings.Index(doc[at:], "harbour")
		if i < 0 {
			break
		}
		b := utf8.RuneCountInString(doc[:at+i])
		all = append(all, entity{"PLACE", "harbour", 0.9, b, b + len("harbour")})
		at += i + len("harbour")
	}
	return 'R', say(map[string]any{"Entities": all, "File": "of another", "Own": "member"})
}
