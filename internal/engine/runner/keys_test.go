package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/job"
	"cloister/internal/core/keyring"
	"cloister/internal/core/model"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
	"cloister/internal/store/rows"
	"cloister/internal/world"
)

// vault is a KMS with two keys: the role may grant their use, and the service has what was granted.
type vault struct {
	mu     sync.Mutex
	grants map[string]*kms.CreateGrantRequest // by id, which is the name's
	used   []string
	off    string // this key is disabled
	turn   int    // grows with changes that take nothing away
}

func (v *vault) answer(as api.As, in any) (any, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	about := func(key *string, context map[string]string) error {
		if *key == v.off {
			return fault.New("DisabledException", "%s is disabled.", *key)
		}
		for _, g := range v.grants {
			if *g.KeyId == *key && as.AccessKey == "" && context["aws:comprehend:arn"] == g.Constraints.EncryptionContextSubset["aws:comprehend:arn"] {
				return nil
			}
		}
		return fault.Of(fault.AccessDenied, "no grant")
	}
	switch x := in.(type) {
	case *kms.CreateGrantRequest:
		if *x.KeyId == v.off {
			return nil, fault.New("DisabledException", "%s is disabled.", *x.KeyId)
		}
		if as.AccessKey == "" || *x.GranteePrincipal != as.Service {
			return nil, fault.Of(fault.AccessDenied, "only the role grants")
		}
		v.grants["grant-"+*x.Name] = x
		return &kms.CreateGrantResponse{GrantId: p("grant-" + *x.Name)}, nil
	case *kms.GenerateDataKeyRequest:
		return &kms.GenerateDataKeyResponse{Plaintext: bytes.Repeat([]byte{byte(len(*x.KeyId))}, 32), CiphertextBlob: []byte("sealed by " + *x.KeyId)}, about(x.KeyId, x.EncryptionContext)
	case *kms.DecryptRequest:
		v.used = append(v.used, *x.KeyId)
		return &kms.DecryptResponse{Plaintext: bytes.Repeat([]byte{9}, 32)}, about(x.KeyId, x.EncryptionContext)
	case *kms.RetireGrantRequest:
		delete(v.grants, *x.GrantId)
		return &kms.RetireGrantOutput{}, nil
	}
	return nil, errors.New("unexpected")
}

// Kinds satisfies Keys: whatever is written about a job is a reason to look.
func (v *vault) Kinds() []string { return []string{rows.Jobs.Kind} }

// Standing satisfies Keys.
func (v *vault) Standing(_ store.View, key, grant string) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.grants[grant]
	return fmt.Sprint(v.off == key, ok, v.turn), nil
}

// GrantsOf satisfies Keys.
func (v *vault) GrantsOf(_ store.View, key, _, grantee, name string, about map[string]string) (ids []string, err error) {
	for id, g := range v.grants {
		if *g.KeyId == key && *g.GranteePrincipal == grantee && *g.Name == name && maps.Equal(g.Constraints.EncryptionContextSubset, about) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

const modelARN = "arn:aws:comprehend:us-east-1:111122223333:document-classifier/m"

// training submits a job that trains a model under two keys.
func (s *stage) training(change func(*job.Job)) {
	s.update(func(tx store.Tx) error {
		return rows.Models.Create(tx, scope, "document-classifier/m", &model.Model{ARN: modelARN, Kind: model.Classifier, Name: "m", Status: model.Submitted, Job: "j1", ModelKey: "the-models-key"})
	})
	s.submit(func(j *job.Job) {
		j.Kind, j.ARN, j.Trains, j.VolumeKey, j.ModelKey = model.Classifier, modelARN, modelARN, "volume-key", "the-models-key"
		if change != nil {
			change(j)
		}
	})
}

func (s *stage) model() model.Model {
	s.t.Helper()
	var m model.Model
	if err := s.store.View(s.t.Context(), func(v store.View) error {
		it, err := rows.Models.Get(v, scope, "document-classifier/m")
		m = it.Value
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	return m
}

func (s *stage) locked() *stage {
	m, err := keyring.NewMaster(make([]byte, 32), world.Real{}.Bytes)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cfg.Sealer = m
	s.cloud.vault = &vault{grants: map[string]*kms.CreateGrantRequest{}}
	s.cfg.Keys = s.cloud.vault
	return s
}

func (s *stage) granted() string {
	var out []string
	for id := range s.cloud.vault.grants {
		out = append(out, id)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// TestAModelThatNobodyKeeps: a training that fails when its model was written already leaves no bytes of it.
func TestAModelThatNobodyKeeps(t *testing.T) {
	for name, x := range map[string]struct {
		result string
		err    error
		state  job.State
		says   string
	}{
		"kept":         {`{"NumberOfLabels":2}`, nil, job.Completed, ""},
		"no result":    {`[]`, nil, job.Failed, "INTERNAL_ERROR: The job could not be run."},
		"full disk":    {`{"NumberOfLabels":2}`, fmt.Errorf("cannot keep a model: %w", store.ErrFull), job.Failed, "INTERNAL_ERROR: " + job.NoSpace},
		"another disk": {`{"NumberOfLabels":2}`, fmt.Errorf("cannot keep a model: %w", syscall.ENOSPC), job.Failed, "INTERNAL_ERROR: " + job.NoSpace},
	} {
		t.Run(name, func(t *testing.T) {
			s := set(t).locked()
			s.box.report.Artifact, s.box.report.Result, s.box.err = 77, []byte(x.result), x.err
			s.training(nil)
			j := s.run(over)
			if j.State != x.state || j.Message != x.says {
				t.Errorf("%s %q", j.State, j.Message)
			}
			var want []string
			if x.state == job.Failed {
				want = []string{s.box.tasks[0].Keep}
			}
			if !slices.Equal(s.box.gone, want) {
				t.Errorf("taken away %q, want %q", s.box.gone, want)
			}
		})
	}
}

// full is a ledger that writes nothing once the first training works, until that has been given up.
type full struct {
	store.Store
	box *box
}

func (f full) Update(ctx context.Context, do func(store.Tx) error) error {
	f.box.mu.Lock()
	no := len(f.box.tasks) == 1 && len(f.box.gone) == 0
	f.box.mu.Unlock()
	if no {
		return store.ErrFull
	}
	return f.Store.Update(ctx, do)
}

// TestAFullLedgerForgetsNoModel: a training whose outcome the ledger does not take is done again, and the bytes of the first model do not stay
// to fill the disk that the ledger has too little of.
func TestAFullLedgerForgetsNoModel(t *testing.T) {
	s := set(t).locked()
	s.box.report.Artifact, s.box.report.Result = 77, []byte(`{"NumberOfLabels":2}`)
	s.cfg.Store, s.cfg.Limits.Again = full{s.store, s.box}, time.Millisecond
	s.training(nil)
	if j := s.run(over); j.State != job.Completed {
		t.Errorf("%s %q", j.State, j.Message)
	}
	if n := len(s.box.tasks); n != 2 || !slices.Equal(s.box.gone, []string{s.box.tasks[0].Keep}) || s.model().Artifact.Blob != s.box.tasks[1].Keep {
		t.Errorf("%d trainings, taken away %q, kept %q", n, s.box.gone, s.model().Artifact.Blob)
	}
}

func TestTrainingUnderKeys(t *testing.T) {
	s := set(t).locked()
	s.box.report.Artifact, s.box.report.Result = 77, []byte(`{"NumberOfLabels":2}`)
	s.training(nil)
	j := s.run(over)
	m := s.model()
	if j.State != job.Completed || m.Status != model.Trained || string(m.Result) != `{"NumberOfLabels":2}` || len(j.Grants) != 0 {
		t.Fatalf("%s %q, model %s, %d grants noted", j.State, j.Message, m.Status, len(j.Grants))
	}
	if s.granted() != "grant-comprehend-j1-model" || m.Grant != "grant-comprehend-j1-model" {
		t.Errorf("left are %s, the model has %s", s.granted(), m.Grant)
	}
	c := s.box.tasks[0]
	a := c.Task.Artifact
	if !bytes.Equal(c.Task.Volume, bytes.Repeat([]byte{10}, 32)) || !a.Write || !bytes.Equal(a.Key, bytes.Repeat([]byte{14}, 32)) || !bytes.Equal(a.Salt, m.Artifact.Salt) || c.Keep != m.Artifact.Blob ||
		len(c.Keep) != 32 || m.Artifact.Size != 77 || string(m.Artifact.Wrapped) != "sealed by the-models-key" || !bytes.Equal(a.Info, model.Info(modelARN)) {
		t.Errorf("the cell was told %+v %+v, the model is %+v", c, a, m.Artifact)
	}
}

func TestTrainingLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*stage)
		job    func(*job.Job)
		code   string
		says   string
		began  bool
	}{
		"no right to grant":     {func(s *stage) { s.cloud.refuse["CreateGrant"] = true }, nil, "KMS_KEY_ACCESS_DENIED", "role is not authorized to perform kms:CreateGrant on the key volume-key", false},
		"the grant is no use":   {func(s *stage) { s.cloud.refuse["GenerateDataKey"] = true }, nil, "KMS_KEY_ACCESS_DENIED", "kms:GenerateDataKey on the key volume-key", false},
		"a disabled volume key": {func(s *stage) { s.cloud.vault.off = "volume-key" }, nil, "KMS_KEY_DISABLED", "volume-key", false},
		"a disabled model key":  {func(s *stage) { s.cloud.vault.off = "the-models-key" }, nil, "KMS_KEY_DISABLED", "the-models-key", false},
		"bad rows": {func(s *stage) {
			s.box.report.Err = &job.Failure{Code: "BAD_ROWS", Message: "3 rows.", Stage: "analyse", Cause: "input"}
		}, nil,
			"BAD_ROWS", "3 rows.", true},
		"a hostile sentence": {func(s *stage) {
			s.box.report.Err = &job.Failure{Code: "BAD\nROWS", Message: "\x1b]0;3 rows\u202e", Stage: "analyse\x07", Cause: "input"}
		}, nil,
			"BAD ROWS", " ]0;3 rows ", true},
		"measures that are none": {func(s *stage) {
			s.box.report.Artifact, s.box.report.Result = 5, []byte(`{"NumberOfLabels":"many"}`)
		}, nil, "INTERNAL_ERROR", "", true},
		"no JSON":  {func(s *stage) { s.box.report.Artifact, s.box.report.Result = 5, []byte("{") }, nil, "INTERNAL_ERROR", "", true},
		"not kept": {func(s *stage) { s.box.report.Artifact, s.box.err = 5, errors.New("the disk is full") }, nil, "INTERNAL_ERROR", "", true},
		"a daemon died as it asked for grants": {func(s *stage) { s.cloud.refuse["GenerateDataKey"] = true }, func(j *job.Job) {
			j.Attempt, j.State, j.Steps = 1, job.InProgress, []job.Step{{Name: "check-keys"}}
			j.Grants = []job.Grant{{Key: "volume-key", Name: "lost"}, {Key: "the-models-key", Name: "lost-model", Model: true}}
		}, "KMS_KEY_ACCESS_DENIED", "", false},
		"and the role is gone": {func(s *stage) { s.cloud.refuse["AssumeRole"] = true }, func(j *job.Job) {
			j.Attempt, j.State, j.Steps = 1, job.InProgress, []job.Step{{Name: "check-keys"}}
			j.Grants = []job.Grant{{Key: "volume-key", Name: "lost"}, {Key: "the-models-key", Name: "lost-model", Model: true}}
		}, "INVALID_DATA_ACCESS_ROLE", "", false},
		"and the key is disabled": {func(s *stage) { s.cloud.vault.off = "volume-key" }, func(j *job.Job) {
			j.Attempt, j.State, j.Steps = 1, job.InProgress, []job.Step{{Name: "check-keys"}}
			j.Grants = []job.Grant{{Key: "volume-key", Name: "lost"}, {Key: "the-models-key", Name: "lost-model", Model: true}}
		}, "KMS_KEY_DISABLED", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := set(t).locked()
			if c.job != nil { // what the daemon that died had been given
				for n, key := range map[string]string{"lost": "volume-key", "lost-model": "the-models-key"} {
					s.cloud.vault.grants["grant-"+n] = &kms.CreateGrantRequest{KeyId: &key, GranteePrincipal: p("comprehend.amazonaws.com"), Name: &n,
						Constraints: &kms.GrantConstraints{EncryptionContextSubset: model.Context(modelARN)}}
				}
			}
			c.change(s)
			s.training(c.job)
			j := s.run(over)
			if m := s.model(); j.State != job.Failed || !strings.HasPrefix(j.Message, c.code+": ") || !strings.Contains(j.Message, c.says) || m.Status != model.InError || m.Message != j.Message || m.Artifact.Blob != "" {
				t.Errorf("%s %q, model %s %q", j.State, j.Message, m.Status, m.Message)
			}
			if s.granted() != "" || s.interfaces() != 0 || (len(s.box.tasks) > 0) != c.began {
				t.Errorf("left are %q, %d interfaces, %d cells", s.granted(), s.interfaces(), len(s.box.tasks))
			}
		})
	}
}

func TestStoppedTrainingLeavesNoModel(t *testing.T) {
	s := set(t).locked()
	s.box.hold = make(chan struct{})
	s.training(nil)
	j := s.run(s.stopThen(over))
	if m := s.model(); j.State != job.Stopped || m.Status != model.Stopped || m.Artifact.Blob != "" || s.granted() != "" {
		t.Errorf("%s, model %s, grants %s", j.State, m.Status, s.granted())
	}
}

func TestAnalysesByAModel(t *testing.T) {
	for _, key := range []string{"", "the-models-key"} {
		for name, c := range map[string]struct {
			change func(*stage, *model.Model)
			code   string
		}{
			"well":     {nil, ""},
			"gone":     {func(_ *stage, m *model.Model) { m.Status = model.Deleting }, "MODEL_NOT_AVAILABLE"},
			"disabled": {func(s *stage, _ *model.Model) { s.cloud.vault.off = "the-models-key" }, "KMS_KEY_DISABLED"},
			"revoked":  {func(s *stage, _ *model.Model) { clear(s.cloud.vault.grants) }, "KMS_KEY_ACCESS_DENIED"},
		} {
			if key == "" && strings.HasPrefix(c.code, "KMS") {
				continue
			}
			t.Run(fmt.Sprint(name, " ", key), func(t *testing.T) {
				s := set(t).locked()
				m := model.Model{ARN: modelARN, Kind: model.Classifier, Name: "m", Status: model.Trained, ModelKey: key,
					Artifact: model.Artifact{Blob: strings.Repeat("ab", 16), Size: 99, Salt: []byte("salt"), Wrapped: []byte("sealed")}}
				if key == "" {
					var err error
					if m.Artifact.Wrapped, err = s.cfg.Sealer.Seal(bytes.Repeat([]byte{9}, 32), model.Place(modelARN)); err != nil {
						t.Fatal(err)
					}
				} else {
					s.cloud.vault.grants["g"] = &kms.CreateGrantRequest{KeyId: &key, Constraints: &kms.GrantConstraints{EncryptionContextSubset: model.Context(modelARN)}}
				}
				if c.change != nil {
					c.change(s, &m)
				}
				s.update(func(tx store.Tx) error { return rows.Models.Create(tx, scope, "document-classifier/m", &m) })
				s.submit(func(j *job.Job) { j.Kind, j.Model, j.Setup.Model = "document-classification", modelARN, true })
				j := s.run(over)
				if c.code != "" {
					if j.State != job.Failed || !strings.HasPrefix(j.Message, c.code+": ") || len(s.box.tasks) != 0 {
						t.Errorf("%s %q", j.State, j.Message)
					}
					return
				}
				if j.State != job.Completed {
					t.Fatalf("%s %q", j.State, j.Message)
				}
				if x := s.box.tasks[0]; x.Model != m.Artifact.Blob || x.Keep != "" || x.Task.Artifact.Write || !bytes.Equal(x.Task.Artifact.Key, bytes.Repeat([]byte{9}, 32)) || x.Task.Artifact.Size != 99 {
					t.Errorf("the cell was told %+v %+v", x, x.Task.Artifact)
				}
			})
		}
	}
}

// TestKeyPulledWhileAJobRuns: processes that hold a data key in the clear end when its key can't be used any more.
func TestKeyPulledWhileAJobRuns(t *testing.T) {
	for name, c := range map[string]struct {
		pull func(v *vault)
		code string
		says string
	}{
		"the volume's key is disabled":    {func(v *vault) { v.off = "volume-key" }, "KMS_KEY_DISABLED", "volume-key"},
		"the model's key is disabled":     {func(v *vault) { v.off = "the-models-key" }, "KMS_KEY_DISABLED", "the-models-key"},
		"the grant on it is revoked":      {func(v *vault) { delete(v.grants, "grant-comprehend-j1-model") }, "KMS_KEY_ACCESS_DENIED", "kms:Decrypt on the key the-models-key"},
		"the grant on the volume's, also": {func(v *vault) { delete(v.grants, "grant-comprehend-j1-volume") }, "KMS_KEY_ACCESS_DENIED", "kms:Decrypt on the key volume-key"},
	} {
		t.Run(name, func(t *testing.T) {
			s := set(t).locked()
			s.box.hold, s.box.stays = make(chan struct{}), true
			s.training(nil)
			j := s.run(s.onceBegun(func() {
				s.cloud.vault.mu.Lock()
				c.pull(s.cloud.vault)
				s.cloud.vault.mu.Unlock()
				s.touch()
			}, over))
			if j.State != job.Failed || !strings.HasPrefix(j.Message, c.code+": ") || !strings.Contains(j.Message, c.says) || !s.box.killed {
				t.Errorf("%s %q, killed: %v", j.State, j.Message, s.box.killed)
			}
			if m := s.model(); m.Status != model.InError || m.Artifact.Blob != "" || s.interfaces() != 0 {
				t.Errorf("model %s, %d interfaces", m.Status, s.interfaces())
			}
		})
	}
}

// TestKeyThatChangesIsAsked: a change that takes nothing away costs one call and no job.
func TestKeyThatChangesIsAsked(t *testing.T) {
	s := set(t).locked()
	s.box.hold = make(chan struct{})
	s.training(nil)
	used := 0
	begun := s.onceBegun(func() {
		s.cloud.vault.mu.Lock()
		s.cloud.vault.turn++
		s.cloud.vault.mu.Unlock()
		s.touch()
	}, over)
	open := false
	j := s.run(func(j job.Job) bool {
		s.cloud.vault.mu.Lock()
		if used = len(s.cloud.vault.used); used == 2 && !open {
			open = true
			close(s.box.hold)
		}
		s.cloud.vault.mu.Unlock()
		if !open {
			s.touch()
		}
		return begun(j)
	})
	if j.State != job.Completed || used != 2 {
		t.Errorf("%s %q, %d uses", j.State, j.Message, used)
	}
}

// touch wakes who watches jobs.
func (s *stage) touch() {
	s.update(func(tx store.Tx) error {
		it, err := rows.Jobs.Get(tx, scope, "j1")
		if err != nil {
			return err
		}
		return rows.Jobs.Save(tx, &it)
	})
}

// onceBegun does something once the processes run.
func (s *stage) onceBegun(do func(), f func(job.Job) bool) func(job.Job) bool {
	done := false
	return func(j job.Job) bool {
		s.box.mu.Lock()
		begun := len(s.box.tasks) > 0
		s.box.mu.Unlock()
		if begun && !done {
			done = true
			do()
		}
		return f(j)
	}
}
