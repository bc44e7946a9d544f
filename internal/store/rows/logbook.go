package rows

import (
	"cloister/internal/core/logbook"
	"cloister/internal/store"
)

// The tables of CloudWatch Logs, in the account and region of the group.
var (
	LogGroups   = store.Table[logbook.Group]{Kind: "log-group"}
	LogUsages   = store.Table[logbook.Usage]{Kind: "log-usage"}
	LogStreams  = store.Table[logbook.Stream]{Kind: "log-stream"}
	LogSeals    = store.Table[logbook.Seal]{Kind: "log-seal"}
	LogDoomed   = store.Table[logbook.Doomed]{Kind: "log-doomed"}
	LogPolicies = store.Table[logbook.ResourcePolicy]{Kind: "log-policy"}
)

// LogBlocks is the kind of the rows that hold events, as logbook writes them. LogStream is their term: the stream's id.
const (
	LogBlocks = "log-block"
	LogStream = "stream"
)
