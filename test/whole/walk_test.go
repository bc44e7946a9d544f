package whole_test

import (
	"slices"
	"strings"
	"testing"
)

const (
	english = "The quick brown fox jumps over the lazy dog and runs away into the dark forest."
	french  = "Le chat est sur la table et il dort depuis ce matin dans la cuisine de ma tante."
	german  = "Der Hund schläft heute den ganzen Tag im Garten unter dem großen alten Baum."
)

// TestResults runs jobs in a VPC over inputs of all forms and compares every line of what they deliver.
func TestResults(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	cases := []struct {
		name, format string
		objects      map[string]string
		want         []string // short lines
	}{
		{"lines", "ONE_DOC_PER_LINE", map[string]string{"d.txt": english + "\n" + french + "\n" + german + "\n"}, []string{"d.txt:0 en", "d.txt:1 fr", "d.txt:2 de"}},
		{"no last end", "ONE_DOC_PER_LINE", map[string]string{"d.txt": english + "\n" + french}, []string{"d.txt:0 en", "d.txt:1 fr"}},
		{"CRLF and CR", "ONE_DOC_PER_LINE", map[string]string{"d.txt": english + "\r\n" + french + "\r" + german + "\r\n"}, []string{"d.txt:0 en", "d.txt:1 fr", "d.txt:2 de"}},
		{"a separator that is no line's end", "ONE_DOC_PER_LINE", map[string]string{"d.txt": english + "\u2028" + english + "\n" + french + "\n"}, []string{"d.txt:0 en", "d.txt:1 fr"}},
		{"not UTF-8", "ONE_DOC_PER_LINE", map[string]string{"a.txt": english + "\n\xff\xfe\n" + french + "\n", "b.txt": german + "\n"},
			[]string{"a.txt:0 en", "a.txt:1 !UNSUPPORTED_ENCODING", "b.txt:0 de"}},
		{"over 1 MiB", "ONE_DOC_PER_LINE", map[string]string{"d.txt": english + "\n" + strings.Repeat("a", 1<<20+1) + "\n" + french + "\n"},
			[]string{"d.txt:0 en", "d.txt:1 !DOCUMENT_SIZE_EXCEEDED", "d.txt:2 fr"}},
		{"exactly 1 MiB", "ONE_DOC_PER_LINE", map[string]string{"d.txt": (strings.Repeat(english+" ", 1<<20/len(english)+1))[:1<<20] + "\n"}, []string{"d.txt:0 en"}},
		{"files", "ONE_DOC_PER_FILE", map[string]string{"a.txt": english + "\n" + english, "b.txt": french, "sub/c.txt": german, "folder/": ""},
			[]string{"a.txt:- en", "b.txt:- fr", "c.txt:- de"}},
		{"long file", "ONE_DOC_PER_FILE", map[string]string{"a.txt": strings.Repeat("a", 1<<20+1), "b.txt": "\xff", "c.txt": french},
			[]string{"a.txt:- !DOCUMENT_SIZE_EXCEEDED", "b.txt:- !UNSUPPORTED_ENCODING", "c.txt:- fr"}},
		{"several objects", "ONE_DOC_PER_LINE", map[string]string{"2.txt": german, "1.txt": english + "\n" + french}, []string{"1.txt:0 en", "1.txt:1 fr", "2.txt:0 de"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := &site{actor: s.with(t), vpc: s.vpc, subnet: s.subnet, group: s.group, bucket: s.bucket, role: s.role}
			prefix := strings.ReplaceAll(c.name, " ", "-") + "/"
			for k, v := range c.objects {
				s.put(s.bucket, prefix+k, []byte(v))
			}
			var got []string
			for _, l := range s.completed(dict{"InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/" + prefix, "InputFormat": c.format}}) {
				got = append(got, short(t, l))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

// with is the actor in another test.
func (a *actor) with(t testing.TB) *actor { b := *a; b.TB = t; return &b }

// TestBlankLines: a line without text keeps its number; what Comprehend says of it is a result like others.
func TestBlankLines(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(s.bucket, "in/d.txt", []byte(english+"\n\n   \n"+french+"\n"))
	got := s.completed(nil)
	if len(got) != 4 || short(t, got[0]) != "d.txt:0 en" || short(t, got[3]) != "d.txt:3 fr" {
		t.Errorf("got %q", got)
	}
	for _, l := range got[1:3] {
		if !strings.Contains(l, `"Line":`) {
			t.Errorf("blank: %s", l)
		}
	}
	t.Log("a blank line gives ", got[1])
}
