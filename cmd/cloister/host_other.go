//go:build !linux

package main

func hostCommands() []command { return nil }

func childMains() {}
