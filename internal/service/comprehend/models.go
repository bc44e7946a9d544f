package comprehend

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/model"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// list gives the account's models of a family, a page at a time.
func (f family) list(c *api.Call, v store.View, in, out any) (any, error) {
	var r struct {
		Filter *struct {
			DocumentClassifierName, RecognizerName, Status *string
			SubmitTimeBefore, SubmitTimeAfter              *time.Time
		}
	}
	carry(&r, in)
	w := filter{mirrored: f.mirrored}
	if x := r.Filter; x != nil {
		w = filter{cmp.Or(x.DocumentClassifierName, x.RecognizerName), x.Status, x.SubmitTimeBefore, x.SubmitTimeAfter, f.mirrored}
	}
	if err := w.single(); err != nil {
		return nil, err
	}
	from, all, err := f.kept(c, v, in)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(m model.Model) bool { return !w.admits(m.Name, string(m.Status), m.Submitted) })
	all, err = paged(from, out, all, w.rises(), func(m *model.Model) string { return place(m.Submitted, m.ARN) })
	if err != nil {
		return nil, err
	}
	l := member(out, f.operation+"PropertiesList")
	l.Set(reflect.MakeSlice(l.Type(), len(all), len(all)))
	for i := range all {
		if err := f.shown(c, &all[i], l.Index(i).Addr().Interface()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// kept reads where a list goes on, and all models of the family, as they are now.
func (f family) kept(c *api.Call, v store.View, in any) (listing, []model.Model, error) {
	from, err := listed(c, in)
	if err != nil {
		return from, nil, err
	}
	items, err := rows.Models.List(v, store.Query{Scope: c.Scope(), Term: store.Term{Name: "kind", Value: f.kind}})
	out := make([]model.Model, len(items))
	for i := range items {
		if err := follow(v, items[i].Scope, &items[i].Value); err != nil {
			return from, nil, err
		}
		out[i] = items[i].Value
	}
	return from, out, err
}

// summary is what is told of all versions of one name: members of the families' summaries.
type summary struct {
	DocumentClassifierName, RecognizerName *string
	NumberOfVersions                       *int64
	LatestVersionCreatedAt                 *time.Time
	LatestVersionName, LatestVersionStatus *string
}

// summaries gives the names of a family's models, that of the newest version first, a page at a time.
func (f family) summaries(c *api.Call, v store.View, in, out any) (any, error) {
	from, all, err := f.kept(c, v, in)
	if err != nil {
		return nil, err
	}
	at := func(m *model.Model) string { return place(m.Submitted, m.ARN) }
	latest, versions := map[string]model.Model{}, map[string]int64{}
	for _, m := range all {
		versions[m.Name]++
		if l, ok := latest[m.Name]; !ok || at(&m) > at(&l) {
			latest[m.Name] = m
		}
	}
	page, err := paged(from, out, slices.Collect(maps.Values(latest)), false, at)
	if err != nil {
		return nil, err
	}
	l := member(out, f.operation+"SummariesList")
	l.Set(reflect.MakeSlice(l.Type(), len(page), len(page)))
	for i, m := range page {
		carry(l.Index(i).Addr().Interface(), &summary{DocumentClassifierName: &m.Name, RecognizerName: &m.Name, NumberOfVersions: new(versions[m.Name]),
			LatestVersionCreatedAt: &m.Submitted, LatestVersionName: some(m.Version), LatestVersionStatus: some(string(m.Status))})
	}
	return out, nil
}

// single refuses more than one condition.
func (f filter) single() error {
	set := 0
	for _, b := range []bool{f.name != nil, f.status != nil, f.before != nil || f.after != nil} {
		if b {
			set++
		}
	}
	if set > 1 || f.before != nil && f.after != nil {
		return refuse("InvalidFilterException", "Only one filter can be set at a time.")
	}
	return nil
}

func (f filter) admits(name, status string, at time.Time) bool {
	at = at.Truncate(time.Millisecond) // as Describe told it
	return (f.name == nil || *f.name == name) && (f.status == nil || *f.status == status) &&
		(f.before == nil || at.Before(*f.before)) && (f.after == nil || at.After(*f.after))
}

// place sorts by time, then name.
func place(at time.Time, name string) string { return at.UTC().Format("20060102150405.000000") + name }

// stopTraining asks the job that trains a model to end. What has ended stays as it is, which is no fault: Terraform stops each model before it
// deletes it (terraform-provider-aws, internal/service/comprehend). Source: Comprehend API Reference, StopTrainingDocumentClassifier.
func stopTraining(c *api.Call, tx store.Tx, kind string, arn *string) error {
	it, err := modelOf(c, tx, kind, arn)
	if err != nil {
		return err
	}
	c.Touch(it.Value.ARN)
	if s := it.Value.Status; s != model.Submitted && s != model.Training {
		return nil
	}
	j, err := rows.Jobs.Get(tx, it.Scope, it.Value.Job)
	if isNotFound(err) { // a copy has no training
		return fault.New("InvalidRequestException", "The model %s is being imported: there is no training to stop.", it.Value.ARN)
	}
	if err != nil {
		return err
	}
	j.Value.State, j.Value.StopAsked = job.StopRequested, true
	if err := rows.Jobs.Save(tx, &j); err != nil {
		return err
	}
	it.Value.Status = model.StopRequested
	return rows.Models.Save(tx, &it)
}

// deleteModel marks a model for the engine that takes away what it left: bytes, the grant on its key, the training's row.
// Source: Comprehend API Reference, DeleteDocumentClassifier: only terminated models, and none that is in use.
func deleteModel(c *api.Call, tx store.Tx, kind string, arn *string) error {
	it, err := modelOf(c, tx, kind, arn)
	if err != nil {
		return err
	}
	m := &it.Value
	c.Touch(m.ARN)
	switch {
	case m.Status == model.Deleting:
		return nil
	case !m.Status.Ended():
		return refuse("ResourceUnavailableException", "The model %s is in the %s state: only a model whose training has ended can be deleted.", m.ARN, m.Status)
	}
	if err := idle(c, tx, m.ARN); err != nil {
		return err
	}
	m.Status = model.Deleting
	return rows.Models.Save(tx, &it)
}

// idle fails while anything uses a model.
func idle(c *api.Call, v store.View, arn string) error {
	ends, err := rows.ModelEndpoints.List(v, store.Query{Scope: c.Scope()})
	if err != nil {
		return err
	}
	for _, e := range ends {
		if e.Value.Model == arn || e.Value.DesiredModel == arn {
			return fault.New("ResourceInUseException", "The model %s is in use by the endpoint %s.", arn, e.Value.ARN)
		}
	}
	live, err := rows.Jobs.List(v, store.Query{AnyScope: true, Term: store.Term{Name: "live", Value: "yes"}})
	if err != nil {
		return err
	}
	for _, j := range live {
		if j.Value.Model == arn && j.Value.Account != c.Account {
			return fault.New("ResourceInUseException", "The model %s is in use by a job of another account.", arn)
		}
		if j.Value.Model == arn {
			return fault.New("ResourceInUseException", "The model %s is in use by the job %s.", arn, j.Value.ARN)
		}
	}
	return nil
}

// outputOf is where a job delivers: an archive, or a folder of objects.
func outputOf(uri, account, kind, id string) string {
	k := job.Kinds()[kind]
	out := strings.TrimSuffix(uri, "/") + "/" + account + "-" + k.Code + "-" + id + "/output/"
	if k.Layout == job.Objects {
		return out
	}
	return out + "output.tar.gz"
}

// some is a member that is left out when it is empty.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
