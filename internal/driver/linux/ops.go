package linux

import (
	"net/netip"

	"cloister/internal/core/fabric"
)

// The operations of the socket between daemon and child, and what they carry.
const (
	opSet     = "set"
	opRemove  = "remove"
	opStatus  = "status"
	opListen  = "listen"
	opDial    = "dial"
	opSpawn   = "spawn"
	opWait    = "wait"
	opSignal  = "signal"
	opProbe   = "probe"
	opTry     = "try"
	opFlows   = "flows"
	opReading = "reading"
)

type networkRequest struct{ Network string }

type listenRequest struct {
	Network  string
	Listener fabric.Listener
}

type dialRequest struct {
	Network string
	Source  netip.Addr // of the network itself; invalid: the kernel chooses
	Dest    netip.AddrPort
	Millis  int
}

type procRequest struct{ Proc, Signal int }

// spawnRequest goes with the process's descriptors: 0, 1, 2 and the files.
type spawnRequest struct {
	Port   string
	Argv   []string
	Env    []string
	Cgroup bool // the last descriptor is a cgroup directory that the process starts in
}

type spawned struct{ Proc, Pid int } // Pid as the fabric sees it

type exited struct {
	Code   int // exit status, -1 when a signal ended it
	Signal int
}
