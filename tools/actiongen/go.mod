module cloister/tools/actiongen

go 1.26.0
