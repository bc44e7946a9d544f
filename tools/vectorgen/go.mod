module cloister/tools/vectorgen

go 1.26.0

require cloister v0.0.0

replace cloister => ../..
