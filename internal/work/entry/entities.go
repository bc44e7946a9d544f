package entry

import (
	"cloister/internal/work/analyse"
	"cloister/internal/work/entity"
)

// entities gives Comprehend's members to entities.
type entities struct{ d *entity.Detector }

func openEntities() (analyse.Engine, error) {
	m, err := entity.Open()
	if err != nil {
		return nil, err
	}
	return entities{m.NewDetector()}, nil
}

// Analyse satisfies analyse.Engine.
func (e entities) Analyse(text []byte) (any, error) {
	out := struct{ Entities []entity.Entity }{e.d.Find(string(text))}
	if out.Entities == nil {
		out.Entities = []entity.Entity{}
	}
	return out, nil
}
