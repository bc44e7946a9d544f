package whole_test

import (
	"net/http"
	"sync"
	"testing"

	"cloister/internal/client"
	"cloister/internal/core/vpc"
)

// TestReach: what is computed for a running job's interface is what a packet from it meets, and both need a permission on it.
func TestReach(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id, eni := s.running(nil)
	target := func(to string) client.ReachTarget {
		got, err := client.ParseTarget(eni, to)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	u := s.user("asks", encode(t, dict{"Version": "2012-10-17", "Statement": []dict{{"Effect": "Allow", "Action": "cloister:Reach", "Resource": "*"}}}))
	var all sync.WaitGroup
	for to, want := range map[string]string{
		vpc.S3Addr.String() + ":443": "accept listener answered",
		"8.8.8.8:443":                "drop route silent",
		"169.254.169.254:80":         "drop route silent",
	} {
		all.Go(func() { // at once: the job does not wait
			r, err := s.Reach(t.Context(), target(to))
			met, err2 := s.Probe(t.Context(), target(to))
			if err != nil || err2 != nil || r.Deciding == nil {
				t.Errorf("%s: %+v, %v, %v", to, r, err, err2)
				return
			}
			if text, differ := r.Compare(met, "tcp"); r.Verdict+" "+r.Deciding.Hop+" "+met != want || differ {
				t.Errorf("%s: %+v, want %s; %s", to, r, want, text)
			}
		})
	}
	_, err := u.Reach(t.Context(), target("8.8.8.8:443"))
	if err != nil {
		t.Error(err)
	}
	_, err = u.Probe(t.Context(), target("8.8.8.8:443"))
	u.refused(err, http.StatusBadRequest, "AccessDeniedException", "cloister:Probe")
	_, err = s.house.root(t).Reach(t.Context(), target("8.8.8.8:443"))
	u.refused(err, http.StatusBadRequest, "ResourceNotFoundException", eni)
	all.Wait()
	if p := s.finish(id); p.JobStatus != "COMPLETED" {
		t.Errorf("the job is %s: %s", p.JobStatus, p.Message)
	}
	_, err = s.Probe(t.Context(), target("8.8.8.8:443"))
	u.refused(err, http.StatusBadRequest, "ResourceNotFoundException", eni) // it went with the job
}
