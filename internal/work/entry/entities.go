package entry

import (
	"io"

	"cloister/internal/core/job"
	"cloister/internal/work/analyse"
	"cloister/internal/work/entity"
	"cloister/internal/work/recogniser"
)

// entities gives Comprehend's members to entities.
type entities struct {
	find interface {
		Find(text string) []entity.Entity
	}
}

// openEntities begins the built-in engine, which knows English alone, or one with a model that a user trained.
func openEntities(s job.Setup, model io.Reader) (analyse.Engine, error) {
	if s.Model {
		e, err := recogniser.Open(model)
		return entities{e}, err
	}
	return english(func() (analyse.Engine, error) {
		m, err := entity.Open()
		if err != nil {
			return nil, err
		}
		return entities{m.NewDetector()}, nil
	}).Engine(s, nil)
}

// Analyse satisfies analyse.Engine.
func (e entities) Analyse(text []byte) (any, error) {
	out := struct{ Entities []entity.Entity }{e.find.Find(string(text))}
	if out.Entities == nil {
		out.Entities = []entity.Entity{}
	}
	return out, nil
}
