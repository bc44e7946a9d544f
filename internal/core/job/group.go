package job

import "net/netip"

// GroupPort is the TCP port on which the first instance of a job waits for the others. A security group without an inbound rule
// for its own members on this port keeps them apart.
const GroupPort = 7788

// Share says how many instances a job may have.
type Share struct {
	Max   int   // instances; 0 and 1: one
	Bytes int64 // of input for each, before another one is asked for
}

// Instances is how many a job of that much input gets.
func (s Share) Instances(bytes int64) int {
	if s.Max <= 1 || s.Bytes <= 0 {
		return 1
	}
	return int(min(max((bytes+s.Bytes-1)/s.Bytes, 1), int64(s.Max)))
}

// Group is what an instance is told of the others. It goes to its agent alone.
type Group struct {
	Instance int // 0 leads; the others do what it hands out
	Leader   netip.AddrPort
	Seed     []byte         // of this instance's Ed25519 key, made for this job alone, 32 bytes
	Peers    map[int][]byte // public keys by instance: the leader knows all the others, they know the leader
	From     []netip.Addr   // the others' addresses; told to the leader
}

// Word follows the task on the agent's standard input, any number of times. What is not set is not said.
type Word struct {
	Creds *Credentials `json:",omitempty"` // go on with these
	Group *Group       `json:",omitempty"` // answers a Report that asks for Instances
	Lost  []int        `json:",omitempty"` // instances that ended
}
