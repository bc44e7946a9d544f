package iam

import (
	"strings"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/policy"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

const linkedPath = "/aws-service-role/"

// linkedName gives the role that a service has in an account, of the services that have one; suffix says whether it may have
// several. Source: the services' own pages on service-linked roles.
func linkedName(service string) (name string, suffix, ok bool) {
	switch service {
	case "autoscaling.amazonaws.com":
		return "AWSServiceRoleForAutoScaling", true, true
	case "cloudtrail.amazonaws.com":
		return "AWSServiceRoleForCloudTrail", false, true
	case "cks.kms.amazonaws.com":
		return "AWSServiceRoleForKeyManagementServiceCustomKeyStores", false, true
	case "mrk.kms.amazonaws.com":
		return "AWSServiceRoleForKeyManagementServiceMultiRegionKeys", false, true
	case "storage-lens.s3.amazonaws.com":
		return "AWSServiceRoleForS3StorageLens", false, true
	case "spot.amazonaws.com":
		return "AWSServiceRoleForEC2Spot", false, true
	case "elasticloadbalancing.amazonaws.com":
		return "AWSServiceRoleForElasticLoadBalancing", false, true
	case "organizations.amazonaws.com":
		return "AWSServiceRoleForOrganizations", false, true
	case "ecs.amazonaws.com":
		return "AWSServiceRoleForECS", false, true
	case "rds.amazonaws.com":
		return "AWSServiceRoleForRDS", false, true
	}
	return "", false, false
}

// linked reports whether a role belongs to a service.
func linked(p *party) bool { return p.role != nil && strings.HasPrefix(p.Path, linkedPath) }

func (s *Service) linkedRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.CreateServiceLinkedRoleRequest, shape.CreateServiceLinkedRoleResponse]{
			Name: "CreateServiceLinkedRole", Honours: []string{"AWSServiceName", "Description", "CustomSuffix"},
			Questions: s.mayLink, Act: s.link,
		},
		api.Op[shape.DeleteServiceLinkedRoleRequest, shape.DeleteServiceLinkedRoleResponse]{
			Name: "DeleteServiceLinkedRole", Honours: []string{"RoleName"},
			Questions: on(s, "role", "iam:DeleteServiceLinkedRole", func(in *shape.DeleteServiceLinkedRoleRequest) *string { return in.RoleName }),
			Act:       s.unlink,
		},
		api.Op[shape.GetServiceLinkedRoleDeletionStatusRequest, shape.GetServiceLinkedRoleDeletionStatusResponse]{
			Name: "GetServiceLinkedRoleDeletionStatus", Honours: []string{"DeletionTaskId"},
			Questions: func(c *api.Call, _ store.View, in *shape.GetServiceLinkedRoleDeletionStatusRequest) ([]api.Question, error) {
				path := "/*"
				if p := strings.Split(deref(in.DeletionTaskId), "/"); len(p) == 5 { // task/aws-service-role/SERVICE/ROLE/UUID
					path = linkedPath + p[2] + "/" + p[3]
				}
				return []api.Question{{Action: "iam:GetServiceLinkedRoleDeletionStatus", Resource: s.arn(c.Account, "role"+path)}}, nil
			},
			View: func(c *api.Call, v store.View, in *shape.GetServiceLinkedRoleDeletionStatusRequest) (*shape.GetServiceLinkedRoleDeletionStatusResponse, error) {
				if _, err := deletions.Get(v, s.global(c.Account), *in.DeletionTaskId); err != nil {
					return nil, missing(err, fault.New("NoSuchEntity", "Deletion task %s cannot be found.", *in.DeletionTaskId).With(404)) // inferred
				}
				done := "SUCCEEDED" // no service here uses such a role, so each is gone at once
				return &shape.GetServiceLinkedRoleDeletionStatusResponse{Status: &done}, nil
			},
		},
	}
}

func (s *Service) mayLink(c *api.Call, _ store.View, in *shape.CreateServiceLinkedRoleRequest) ([]api.Question, error) {
	service := deref(in.AWSServiceName)
	name, _, ok := linkedName(service)
	if !ok {
		name = "AWSServiceRoleFor*"
	}
	if in.CustomSuffix != nil {
		name += "_" + *in.CustomSuffix
	}
	return []api.Question{{Action: "iam:CreateServiceLinkedRole", Resource: s.arn(c.Account, "role"+linkedPath+service+"/"+name),
		Keys: keyset{"iam:AWSServiceName": {service}}}}, nil
}

func (s *Service) link(c *api.Call, tx store.Tx, in *shape.CreateServiceLinkedRoleRequest) (*shape.CreateServiceLinkedRoleResponse, error) {
	service := *in.AWSServiceName
	name, several, ok := linkedName(service)
	if !ok { // inferred text
		return nil, badInput("Service-linked roles for %s are not supported.", service)
	}
	if in.CustomSuffix != nil {
		if !several {
			return nil, badInput("Custom suffix is not allowed for %s", service)
		}
		name += "_" + *in.CustomSuffix
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`
	if err := check(trust, policy.Trust); err != nil {
		return nil, err
	}
	r := role{holder: holder{Name: name, Path: linkedPath + service + "/", Created: second(tx)}, Trust: trust, Description: deref(in.Description), MaxSession: defaultSession}
	id := c.Dice.Unique("AROA")
	if err := roles.Create(tx, s.global(c.Account), id, &r); err != nil {
		return nil, conflict(err, badInput("Service role name %s has been taken in this account, please try a different suffix.", name))
	}
	p, err := s.born(c, tx, "role", id, nil)
	if err != nil {
		return nil, err
	}
	out, err := s.showRole(tx, p, true)
	return &shape.CreateServiceLinkedRoleResponse{Role: out}, err
}

func (s *Service) unlink(c *api.Call, tx store.Tx, in *shape.DeleteServiceLinkedRoleRequest) (*shape.DeleteServiceLinkedRoleResponse, error) {
	p, err := s.named(tx, c.Account, "role", *in.RoleName)
	if err != nil {
		return nil, err
	}
	if !linked(p) { // inferred
		return nil, badInput("The role %s is not a service-linked role.", p.Name)
	}
	task := "task" + p.Path + p.Name + "/" + c.Dice.UUID()
	c.Touch(p.arn)
	if err := s.remove(tx, p); err != nil {
		return nil, err
	}
	return &shape.DeleteServiceLinkedRoleResponse{DeletionTaskId: &task}, deletions.Create(tx, s.global(c.Account), task, &deletion{Role: p.id})
}
