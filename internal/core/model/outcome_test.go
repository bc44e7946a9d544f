package model

import (
	"testing"
	"time"

	"cloister/internal/core/job"
)

func TestFollow(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 11, 3, 9, 0, s, 0, time.UTC) }
	walked := []job.Step{{Name: "assume-role", Begun: at(1), Done: at(2)}, {Name: "analyze", Begun: at(3), Done: at(8)}}
	for _, x := range []struct {
		name    string
		was     Status
		job     job.Job
		want    Status
		message string
		began   time.Time
	}{
		{"waits", Submitted, job.Job{State: job.Submitted}, Submitted, "", time.Time{}},
		{"runs", Submitted, job.Job{State: job.InProgress, Steps: walked[:1]}, Training, "", time.Time{}},
		{"trains", Submitted, job.Job{State: job.InProgress, Steps: walked}, Training, "", at(3)},
		{"is asked to stop", Training, job.Job{State: job.StopRequested, Steps: walked}, StopRequested, "", at(3)},
		{"stopped", StopRequested, job.Job{State: job.Stopped, Ended: at(9)}, Stopped, "", time.Time{}},
		{"failed", Training, job.Job{State: job.Failed, Message: "NO_READ_ACCESS_TO_INPUT: no.", Ended: at(9)}, InError, "NO_READ_ACCESS_TO_INPUT: no.", time.Time{}},
		{"trained", Training, job.Job{State: job.Completed, Result: []byte(`{"NumberOfLabels":2}`), Ended: at(9), Steps: walked}, Trained, "", at(3)},
		{"trained with a warning", Training, job.Job{State: job.Completed, Result: []byte(`{"Warning":"3 rows are empty."}`), Ended: at(9)}, Warned, "3 rows are empty.", time.Time{}},
		{"is being deleted", Deleting, job.Job{State: job.Completed, Ended: at(9)}, Deleting, "", time.Time{}},
		{"has ended", InError, job.Job{State: job.InProgress}, InError, "", time.Time{}},
	} {
		t.Run(x.name, func(t *testing.T) {
			m := Model{Status: x.was}
			m.Follow(&x.job)
			if m.Status != x.want || m.Message != x.message || !m.TrainBegan.Equal(x.began) {
				t.Errorf("%s %q %v", m.Status, m.Message, m.TrainBegan)
			}
			if m.Status.Ended() && x.was != InError && !m.Ended.Equal(at(9)) {
				t.Errorf("ended at %v", m.Ended)
			}
		})
	}
}
