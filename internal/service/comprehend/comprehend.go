// Package comprehend is Amazon Comprehend's table of operations. It writes down what a job is asked to do and reads what
// became of it; the runner does the work.
package comprehend

import (
	"errors"
	"slices"
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	shape "cloister/internal/shape/comprehend"
	"cloister/internal/store"
	"cloister/internal/store/rows"
)

// Principal is the service principal that assumes a job's role.
const Principal = "comprehend.amazonaws.com"

// kind is one asynchronous analysis: the four operations of a kind differ in these names only.
type kind struct {
	name string // job.Job.Kind; the ARN's resource type is name + "-job"
	code string // in the output path: <account>-<code>-<job id>
}

var language = kind{name: "dominant-language-detection", code: "LANGUAGE"}

// maxActive is AWS's quota of active jobs of one kind in one account and region
// (Comprehend Developer Guide, guidelines and limits).
const maxActive = 10

// Rows is the service's table; e analyses for the real-time operations. What is not built is authorised, and then told so.
func Rows(e Engines, who Principals) []api.Operation {
	own := append(api.Rows("comprehend", append(languageRows(), (&custom{who}).rows()...)...), realtimeRows(e)...)
	return append(own, unserved(sheet.Rest(own...))...)
}

// startSpec is what all Start* inputs have in common.
type startSpec struct {
	input  *shape.InputDataConfig
	output *shape.OutputDataConfig
	vpc    *shape.VpcConfig
	role   *string
	name   *string
	token  *string
	tags   []shape.Tag
}

// startHonours are the members of a Start* call that are obeyed. Keys (VolumeKmsKeyId, KmsKeyId) and DocumentReaderConfig
// are refused until something honours them.
var startHonours = []string{"InputDataConfig.S3Uri", "InputDataConfig.InputFormat", "OutputDataConfig.S3Uri", "DataAccessRoleArn", "JobName",
	"ClientRequestToken", "VpcConfig.SecurityGroupIds", "VpcConfig.Subnets", "Tags.*"}

// start writes the job down as SUBMITTED. The same token with the same input gives the first job again.
func (k kind) start(c *api.Call, tx store.Tx, s startSpec) (*job.Job, error) {
	if accountOf(*s.role) != c.Account {
		return nil, fault.New("InvalidRequestException", "The data access role %s does not belong to the account %s: a role cannot be passed across accounts.", *s.role, c.Account)
	}
	if len(s.tags) > 50 {
		return nil, fault.New("TooManyTagsException", "A resource can have at most 50 tags.")
	}
	tags := map[string]string{}
	for _, t := range s.tags {
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return nil, fault.New("InvalidRequestException", "Tag keys starting with \"aws:\" are reserved for AWS.")
		}
		if _, twice := tags[*t.Key]; twice {
			return nil, fault.New("InvalidRequestException", "Duplicate tag keys found: %s.", *t.Key)
		}
		tags[*t.Key] = deref(t.Value)
	}
	j := &job.Job{Kind: k.name, Partition: c.Partition, Account: c.Account, Region: c.Region, Service: Principal,
		Name: deref(s.name), RoleARN: *s.role, OutputURI: *s.output.S3Uri,
		Token: deref(s.token), State: job.Submitted, Submitted: tx.Now(), RequestID: c.RequestID, Caller: c.Caller.ARN}
	format := deref(s.input.InputFormat)
	if format == "" {
		format = "ONE_DOC_PER_FILE"
	}
	j.Setup = job.Setup{Kind: k.name, Limit: job.Kinds()[k.name].Limits.Document, Format: format}
	j.Inputs = []job.Input{{Role: job.Documents, URI: *s.input.S3Uri, Format: format}}
	if s.vpc != nil {
		if dup := duplicate(s.vpc.Subnets); dup != "" {
			return nil, fault.New("InvalidRequestException", "The subnet ID %s is given twice.", dup)
		}
		if dup := duplicate(s.vpc.SecurityGroupIds); dup != "" {
			return nil, fault.New("InvalidRequestException", "The security group ID %s is given twice.", dup)
		}
		j.Network = &job.Network{Subnets: s.vpc.Subnets, Groups: s.vpc.SecurityGroupIds}
	}
	if j.Token != "" {
		old, err := rows.Jobs.Find(tx, c.Scope(), "token", k.name+"/"+j.Token)
		switch {
		case err == nil && same(&old.Value, j):
			return &old.Value, nil
		case err == nil:
			return nil, fault.New("InvalidRequestException", "The client request token %s was used before with other parameters.", j.Token)
		case !isNotFound(err):
			return nil, err
		}
	}
	active, err := rows.Jobs.List(tx, store.Query{Scope: c.Scope(), Term: store.Term{Name: "live", Value: "yes"}})
	if err != nil {
		return nil, err
	}
	n := 0
	for _, a := range active {
		if a.Value.Kind == k.name && !a.Value.State.Ended() {
			n++
		}
	}
	if n >= maxActive {
		return nil, fault.New("TooManyRequestsException", "The account has %d active %s jobs, which is the limit.", n, k.name)
	}
	j.ID = c.Dice.Hex(32)
	j.ARN = c.ARN("comprehend", k.name+"-job/"+j.ID)
	j.OutputObject = strings.TrimSuffix(j.OutputURI, "/") + "/" + c.Account + "-" + k.code + "-" + j.ID + "/output/output.tar.gz"
	if err := rows.Jobs.Create(tx, c.Scope(), j.ID, j); err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		if err := tx.SetTags(j.ARN, c.Scope(), tags); err != nil {
			return nil, err
		}
	}
	c.Touch(j.ARN)
	return j, nil
}

// get reads one job of the kind.
func (k kind) get(c *api.Call, v store.View, id *string) (store.Item[job.Job], error) {
	it, err := rows.Jobs.Get(v, c.Scope(), deref(id))
	if isNotFound(err) || err == nil && it.Value.Kind != k.name {
		return it, fault.New("JobNotFoundException", "RESOURCE_NOT_FOUND: Could not find specified job.")
	}
	return it, err
}

// stop asks a job to end. Its runner finds the mark; what was analysed until then is written.
func (k kind) stop(c *api.Call, tx store.Tx, id *string) (*job.Job, error) {
	it, err := k.get(c, tx, id)
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

// same compares what a caller asked for, so that a retry is told from another request.
func same(a, b *job.Job) bool {
	net := func(n *job.Network) string {
		if n == nil {
			return "-"
		}
		return strings.Join(n.Subnets, ",") + ";" + strings.Join(n.Groups, ",")
	}
	return a.Name == b.Name && a.RoleARN == b.RoleARN && slices.EqualFunc(a.Inputs, b.Inputs, func(x, y job.Input) bool { return x.URI == y.URI && x.Format == y.Format }) &&
		a.OutputURI == b.OutputURI && net(a.Network) == net(b.Network)
}

func duplicate(l []string) string {
	for i, s := range l {
		if slices.Contains(l[:i], s) {
			return s
		}
	}
	return ""
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func isNotFound(err error) bool { return err != nil && errors.Is(err, store.ErrNotFound) }

func accountOf(roleARN string) string {
	if p := strings.SplitN(roleARN, ":", 6); len(p) == 6 {
		return p[4]
	}
	return ""
}
