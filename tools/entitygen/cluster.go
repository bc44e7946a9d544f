package main

import "cloister/internal/work/entity"

func cluster(text [][]string, words map[uint64]*entity.Word) {}
