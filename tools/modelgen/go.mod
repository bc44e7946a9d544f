module cloister/tools/modelgen

go 1.26.0
