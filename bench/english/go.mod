module cloister/bench/english

go 1.26.0

replace cloister => ../..

require cloister v0.0.0

require (
	github.com/jdkato/prose/v3 v3.2.3
	github.com/jonreiter/govader v0.0.0-20250429093935-f6505c8d03cc
	gonum.org/v1/gonum v0.8.2
	gopkg.in/neurosnap/sentences.v1 v1.0.6
)
