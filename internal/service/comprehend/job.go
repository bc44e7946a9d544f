package comprehend

import (
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// rows are the operations of a kind.
func (k kind) rows() []api.Operation {
	start, describe, many, stop := "Start"+k.operation, "Describe"+k.operation, "List"+k.operation+"s", "Stop"+k.operation
	out := []api.Operation{
		{Service: "comprehend", Name: start, Honours: k.startHonours(), Questions: sheet.Questions(start),
			Act: func(c *api.Call, tx store.Tx, in any) (any, error) {
				var r request
				carry(&r, in)
				j, err := k.start(c, tx, &r)
				if err != nil {
					return nil, err
				}
				// A repeated token answers the first job's state as it is now.
				return k.shown(j, shape.NewOutput(start))
			}},
		{Service: "comprehend", Name: describe, ReadOnly: true, Honours: []string{"JobId"}, Questions: sheet.Questions(describe),
			View: func(c *api.Call, v store.View, in any) (any, error) {
				it, err := k.get(c, v, in)
				if err != nil {
					return nil, err
				}
				out := shape.NewOutput(describe)
				p := member(out, k.operation+"Properties")
				p.Set(reflect.New(p.Type().Elem()))
				_, err = k.shown(&it.Value, p.Interface())
				return out, err
			}},
		{Service: "comprehend", Name: many, ReadOnly: true, Questions: sheet.Questions(many),
			Honours: []string{"Filter", "Filter.JobName", "Filter.JobStatus", "Filter.SubmitTimeBefore", "Filter.SubmitTimeAfter", "NextToken", "MaxResults"},
			View:    func(c *api.Call, v store.View, in any) (any, error) { return k.list(c, v, in, shape.NewOutput(many)) }},
	}
	if k.stops {
		out = append(out, api.Operation{Service: "comprehend", Name: stop, Honours: []string{"JobId"}, Questions: sheet.Questions(stop),
			Act: func(c *api.Call, tx store.Tx, in any) (any, error) {
				j, err := k.stop(c, tx, in)
				if err != nil {
					return nil, err
				}
				return k.shown(j, shape.NewOutput(stop))
			}})
	}
	return out
}

// startHonours are the members of a Start call that are obeyed, or refused by the handler with AWS's own exception.
func (k kind) startHonours() []string {
	out := []string{"InputDataConfig.S3Uri", "InputDataConfig.InputFormat", "OutputDataConfig.S3Uri", "OutputDataConfig.KmsKeyId", "DataAccessRoleArn", "JobName",
		"ClientRequestToken", "Tags.*"}
	if k.languages != nil {
		out = append(out, "LanguageCode")
	}
	if k.secluded {
		out = append(out, "VolumeKmsKeyId", "VpcConfig.SecurityGroupIds", "VpcConfig.Subnets")
	}
	if k.model != "" {
		out = append(out, k.member(), "FlywheelArn", "InputDataConfig.DocumentReaderConfig.DocumentReadAction", "InputDataConfig.DocumentReaderConfig.DocumentReadMode",
			"InputDataConfig.DocumentReaderConfig.FeatureTypes")
	}
	return slices.Concat(out, k.honours)
}

// state is what a job has come to: members of answers.
type state struct {
	JobId, JobArn, JobStatus, Message *string
	SubmitTime, EndTime               *time.Time
}

// shown writes into an answer, or into a kind's properties, what was asked for and what became of it, as far as it has members for that.
func (k kind) shown(j *job.Job, out any) (any, error) {
	r := asked(j)
	if len(j.Spec) > 0 {
		if err := json.Unmarshal(j.Spec, r); err != nil {
			return nil, err
		}
	}
	r.OutputDataConfig.S3Uri = &j.OutputObject
	carry(out, r)
	s := state{JobId: &j.ID, JobArn: &j.ARN, JobStatus: new(string(j.State)), SubmitTime: &j.Submitted}
	if j.Message != "" {
		s.Message = &j.Message
	}
	if !j.Ended.IsZero() {
		s.EndTime = &j.Ended
	}
	carry(out, &s)
	return out, nil
}

// asked is what a job of an older ledger was asked for, which did not keep the call.
func asked(j *job.Job) *request {
	r := &request{InputDataConfig: &shape.InputDataConfig{}, OutputDataConfig: &shape.OutputDataConfig{}, DataAccessRoleArn: &j.RoleARN}
	if len(j.Spec) > 0 {
		return r
	}
	if len(j.Inputs) > 0 {
		r.InputDataConfig.S3Uri, r.InputDataConfig.InputFormat = &j.Inputs[0].URI, &j.Inputs[0].Format
	}
	if j.Name != "" {
		r.JobName = &j.Name
	}
	if j.Network != nil {
		r.VpcConfig = &shape.VpcConfig{Subnets: j.Network.Subnets, SecurityGroupIds: j.Network.Groups}
	}
	return r
}

// get reads one job of the kind.
func (k kind) get(c *api.Call, v store.View, in any) (store.Item[job.Job], error) {
	var r struct{ JobId *string }
	carry(&r, in)
	it, err := rows.Jobs.Get(v, c.Scope(), deref(r.JobId))
	if isNotFound(err) || err == nil && it.Value.Kind != k.name {
		return it, fault.New("JobNotFoundException", "%s", sentences["JobNotFoundException"])
	}
	return it, err
}

// stop asks a job to end. Its runner finds the mark; what was analysed until then is written.
func (k kind) stop(c *api.Call, tx store.Tx, in any) (*job.Job, error) {
	it, err := k.get(c, tx, in)
	if err != nil {
		return nil, err
	}
	j := &it.Value
	switch {
	case j.State == job.Stopped || j.State == job.StopRequested:
		return j, nil
	case j.State.Ended():
		return nil, fault.New("InvalidRequestException", "The job %s is in the %s state and cannot be stopped.", j.ID, j.State)
	}
	j.State, j.StopAsked = job.StopRequested, true
	c.Touch(j.ARN)
	return j, rows.Jobs.Save(tx, &it)
}
