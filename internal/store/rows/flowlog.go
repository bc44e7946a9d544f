package rows

import (
	"cloister/internal/core/vpc"
	"cloister/internal/store"
)

// The tables of flow logs: what was asked for, how far each has come, and the files that are on their way to a bucket. States
// have the log's id; files the log's id, a slash and what sorts by time.
var (
	FlowLogs = store.Table[vpc.FlowLog]{Kind: "flow-log", Terms: func(l *vpc.FlowLog) []store.Term {
		return []store.Term{{Name: "vpc", Value: l.VPC}, {Name: "resource", Value: l.Resource}}
	}}
	FlowStates = store.Table[vpc.FlowState]{Kind: "flow-log-state"}
	FlowFiles  = store.Table[vpc.FlowFile]{Kind: "flow-log-file"}
)
