// Package ec2 is Amazon EC2's virtual private clouds: what was drawn, and who may draw. It never touches a kernel: it writes
// rows, and the reconciler makes them hold.
package ec2

import (
	"time"

	"cloister/internal/api"
	"cloister/internal/store"
)

// Config is what differs between houses.
type Config struct {
	// Quarantine is how long the address of a deleted interface is not given out again. Zero: 60 s.
	Quarantine time.Duration
	// Regions that DescribeRegions lists besides the one that was asked. Nil: the commercial ones.
	Regions []string
}

// Service is the table of EC2's operations.
type Service struct {
	cfg  Config
	ways store.Memo[way, api.Path]
}

// New makes the service.
func New(c Config) *Service {
	if c.Quarantine == 0 {
		c.Quarantine = 60 * time.Second
	}
	if c.Regions == nil {
		c.Regions = commercial()
	}
	return &Service{cfg: c}
}

// Rows is the table.
func (s *Service) Rows() []api.Operation {
	var ops []api.Rower
	for _, part := range [][]api.Rower{s.vpcRows(), s.subnetRows(), s.groupRows(), s.ruleRows(), s.ruleChangeRows(), s.tableRows(), s.routeRows(), s.aclRows(), s.gatewayRows(), s.addressRows(), s.natRows(), s.peeringRows(), s.listRows(), s.cidrRows(), s.defaultRows(), s.assignRows(), s.referenceRows(), s.absentRows(),
		s.endpointRows(), s.endpointServiceRows(), s.prefixRows(), s.interfaceRows(), s.attributeRows(), s.permissionRows(), s.dhcpRows(), s.tagRows(), s.placeRows(), s.flowRows()} {
		ops = append(ops, part...)
	}
	built := api.Rows("ec2", ops...)
	return append(built, rest(built)...)
}
