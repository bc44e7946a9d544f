package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

// applicationID marks the file as ours: "clst".
const applicationID = 0x636c7374

//go:embed schema/*.sql
var schemaFiles embed.FS

// migrations gives the steps in order: the file's number is the schema version that it makes. Steps only go forward; a
// step that was released is never edited.
func migrations() ([]string, error) {
	names, err := fs.Glob(schemaFiles, "schema/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var steps []string
	for i, n := range names {
		var num int
		if _, err := fmt.Sscanf(n, "schema/%04d_", &num); err != nil || num != i+1 {
			return nil, fmt.Errorf("%s is not step %d", n, i+1)
		}
		b, err := schemaFiles.ReadFile(n)
		if err != nil {
			return nil, err
		}
		steps = append(steps, string(b))
	}
	return steps, nil
}

// migrate brings the file to the newest schema in one transaction.
func migrate(s *session) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	if err := s.begin(context.Background(), "begin immediate"); err != nil {
		return err
	}
	if err := apply(s, steps); err != nil {
		_, rerr := s.exec("rollback")
		return errors.Join(err, rerr)
	}
	_, err = s.exec("commit")
	return err
}

func apply(s *session, steps []string) error {
	var id, version, tables int
	for q, dest := range map[string]*int{"pragma application_id": &id, "pragma user_version": &version, "select count(*) from sqlite_schema": &tables} {
		if err := s.one(q, nil, dest); err != nil {
			return err
		}
	}
	switch {
	case id != applicationID && (id != 0 || version != 0 || tables != 0):
		return errors.New("it is a database of another program")
	case version > len(steps):
		return fmt.Errorf("its schema is version %d, this program knows versions up to %d: use a newer cloister", version, len(steps))
	case version == len(steps):
		return nil
	}
	for i := version; i < len(steps); i++ {
		// Scripts hold many statements, so they are not prepared.
		if _, err := s.conn.ExecContext(context.Background(), steps[i]); err != nil {
			return fmt.Errorf("schema step %d: %w", i+1, err)
		}
	}
	_, err := s.conn.ExecContext(context.Background(), fmt.Sprintf("pragma application_id = %d; pragma user_version = %d", applicationID, len(steps)))
	return err
}
