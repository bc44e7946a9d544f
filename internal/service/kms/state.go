package kms

import (
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/policy"
	"cloister/internal/shape/kms"
	"cloister/internal/store"
)

func (s *Service) stateRows() []api.Rower {
	return []api.Rower{
		api.Op[kms.EnableKeyRequest, kms.EnableKeyOutput]{Name: "EnableKey", Honours: []string{"KeyId"},
			Act: func(c *api.Call, tx store.Tx, in *kms.EnableKeyRequest) (*kms.EnableKeyOutput, error) {
				return &kms.EnableKeyOutput{}, s.turn(c, tx, in.KeyId, enabled)
			}},
		api.Op[kms.DisableKeyRequest, kms.DisableKeyOutput]{Name: "DisableKey", Honours: []string{"KeyId"},
			Act: func(c *api.Call, tx store.Tx, in *kms.DisableKeyRequest) (*kms.DisableKeyOutput, error) {
				return &kms.DisableKeyOutput{}, s.turn(c, tx, in.KeyId, disabled)
			}},
		api.Op[kms.ScheduleKeyDeletionRequest, kms.ScheduleKeyDeletionResponse]{Name: "ScheduleKeyDeletion", Act: s.scheduleDeletion, Honours: []string{"KeyId", "PendingWindowInDays"}},
		api.Op[kms.CancelKeyDeletionRequest, kms.CancelKeyDeletionResponse]{Name: "CancelKeyDeletion", Act: s.cancelDeletion, Honours: []string{"KeyId"}},
		api.Op[kms.PutKeyPolicyRequest, kms.PutKeyPolicyOutput]{Name: "PutKeyPolicy", Act: s.putPolicy, Honours: []string{"KeyId", "PolicyName", "Policy", "BypassPolicyLockoutSafetyCheck"}},
		api.Op[kms.GetKeyPolicyRequest, kms.GetKeyPolicyResponse]{Name: "GetKeyPolicy", View: s.getPolicy, Honours: []string{"KeyId", "PolicyName"}},
		api.Op[kms.ListKeyPoliciesRequest, kms.ListKeyPoliciesResponse]{Name: "ListKeyPolicies", Honours: []string{"KeyId", "Limit", "Marker"},
			View: func(c *api.Call, v store.View, in *kms.ListKeyPoliciesRequest) (*kms.ListKeyPoliciesResponse, error) {
				if _, err := s.named(c, v, in.KeyId); err != nil {
					return nil, err
				}
				if _, err := paged(in.Limit, in.Marker, 100, 1000); err != nil {
					return nil, err
				}
				return &kms.ListKeyPoliciesResponse{PolicyNames: []string{"default"}, Truncated: ptr(false)}, nil
			}},
	}
}

// turn enables or disables. What is in use elsewhere ends with the next call: each looks at the state of its own snapshot.
func (s *Service) turn(c *api.Call, tx store.Tx, name *string, to string) error {
	k, err := s.changing(c, tx, name)
	if err != nil {
		return err
	}
	switch k.state(tx.Now()) {
	case enabled, disabled:
	case pendingImport:
		return k.usable(tx.Now())
	default:
		return k.going()
	}
	k.Value.State = to
	s.forget(k.Scope, k.ID)
	return keys.Save(tx, &k.Item)
}

func (s *Service) scheduleDeletion(c *api.Call, tx store.Tx, in *kms.ScheduleKeyDeletionRequest) (*kms.ScheduleKeyDeletionResponse, error) {
	days := int64(30)
	if in.PendingWindowInDays != nil {
		days = *in.PendingWindowInDays
	}
	if days < 7 || days > 30 {
		return nil, fault.New("ValidationException", "PendingWindowInDays should be between 7 and 30, but it is %d", days)
	}
	k, err := s.changing(c, tx, in.KeyId)
	if err == nil {
		err = k.going()
	}
	if err != nil {
		return nil, err
	}
	out := &kms.ScheduleKeyDeletionResponse{KeyId: &k.arn, PendingWindowInDays: &days}
	k.Value.Window = days
	if !k.replica() && len(k.Value.Regions) > 1 { // its waiting period begins when the last replica is gone
		k.Value.State = pendingReplicas
	} else {
		k.Value.State, k.Value.Deletion = pendingDeletion, tx.Now().Add(time.Duration(days)*24*time.Hour)
		out.DeletionDate = &k.Value.Deletion
	}
	out.KeyState = &k.Value.State
	s.forget(k.Scope, k.ID)
	return out, keys.Save(tx, &k.Item)
}

func (s *Service) cancelDeletion(c *api.Call, tx store.Tx, in *kms.CancelKeyDeletionRequest) (*kms.CancelKeyDeletionResponse, error) {
	k, err := s.changing(c, tx, in.KeyId)
	if err != nil {
		return nil, err
	}
	if k.going() == nil {
		return nil, fault.New("KMSInvalidStateException", "%s is not pending deletion (or pending replica deletion).", k.arn)
	}
	if d := k.Value.Deletion; !d.IsZero() && !tx.Now().Before(d) {
		return nil, fault.New("KMSInvalidStateException", "The waiting period of %s has ended: it is being deleted.", k.arn)
	}
	k.Value.State, k.Value.Deletion, k.Value.Window = disabled, time.Time{}, 0
	if k.Value.Origin == "EXTERNAL" {
		return &kms.CancelKeyDeletionResponse{KeyId: &k.arn}, s.reckon(tx, k)
	}
	return &kms.CancelKeyDeletionResponse{KeyId: &k.arn}, keys.Save(tx, &k.Item)
}

// onlyDefault refuses any other name of a policy: there is one. Source: KMS API Reference, GetKeyPolicy.
func onlyDefault(name *string) error {
	if name != nil && *name != "default" {
		return fault.New("NotFoundException", "No such policy exists")
	}
	return nil
}

func (s *Service) putPolicy(c *api.Call, tx store.Tx, in *kms.PutKeyPolicyRequest) (*kms.PutKeyPolicyOutput, error) {
	if err := onlyDefault(in.PolicyName); err != nil {
		return nil, err
	}
	k, err := s.changing(c, tx, in.KeyId)
	if err != nil {
		return nil, err
	}
	if k.Value.Policy, err = s.compile(c, tx, k.arn, str(in.Policy), in.BypassPolicyLockoutSafetyCheck != nil && *in.BypassPolicyLockoutSafetyCheck); err != nil {
		return nil, err
	}
	return &kms.PutKeyPolicyOutput{}, keys.Save(tx, &k.Item)
}

func (s *Service) getPolicy(c *api.Call, v store.View, in *kms.GetKeyPolicyRequest) (*kms.GetKeyPolicyResponse, error) {
	if err := onlyDefault(in.PolicyName); err != nil {
		return nil, err
	}
	k, err := s.named(c, v, in.KeyId)
	if err != nil {
		return nil, err
	}
	text, err := s.shown(v, k.Value.Policy)
	if err != nil {
		return nil, err
	}
	return &kms.GetKeyPolicyResponse{Policy: &text, PolicyName: ptr("default")}, nil
}

// shown is a policy for readers: ids are ARNs again, but for those of who is gone.
func (s *Service) shown(v store.View, text string) (string, error) {
	d, err := policy.Read([]byte(text), policy.Key)
	if err != nil {
		return "", err
	}
	return string(d.Unbind(func(id string) (string, bool) { return s.principals.RenderPrincipal(v, id) })), nil
}
