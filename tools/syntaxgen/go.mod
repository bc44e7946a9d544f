module cloister/tools/syntaxgen

go 1.26
