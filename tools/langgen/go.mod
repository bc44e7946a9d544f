module cloister/tools/langgen

go 1.26.0

require cloister v0.0.0

require golang.org/x/text v0.43.0 // indirect

replace cloister => ../..
