// Package arn reads and writes Amazon Resource Names. It knows the six parts and nothing of any service.
package arn

import (
	"errors"
	"strings"
)

// ARN is arn:Partition:Service:Region:Account:Resource.
type ARN struct{ Partition, Service, Region, Account, Resource string }

// ErrSyntax is returned for text that has not six parts or does not begin with "arn:".
var ErrSyntax = errors.New("arn: invalid syntax")

// Parse splits s at its first five colons.
func Parse(s string) (ARN, error) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" {
		return ARN{}, ErrSyntax
	}
	return ARN{p[1], p[2], p[3], p[4], p[5]}, nil
}

// String joins the parts.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Make is a short form of ARN{...}.String().
func Make(partition, service, region, account, resource string) string {
	return ARN{partition, service, region, account, resource}.String()
}

// Split cuts a resource part like "role/path/name" or "table:name" at its first '/' or ':'.
func (a ARN) Split() (kind, id string) {
	if i := strings.IndexAny(a.Resource, "/:"); i >= 0 {
		return a.Resource[:i], a.Resource[i+1:]
	}
	return "", a.Resource
}
