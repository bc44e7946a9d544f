package entry

import (
	"io"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/entity"
	"cloister/internal/work/pii"
)

// openPII begins the engine of personal data; the engine of entities tells it of names.
func openPII(s job.Setup, _ io.Reader) (analyse.Engine, error) {
	m, err := entity.Open()
	if err != nil {
		return nil, err
	}
	return pii.Open(s, pii.People(m.NewDetector()))
}
