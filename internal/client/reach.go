package client

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// Reached is what cloister:Reach answers.
type Reached struct {
	Verdict, Summary string
	Hops             []ReachHop
	Deciding         *ReachHop `json:",omitempty"`
	Shadowing        []ReachHop
	Change           string `json:",omitempty"`
	Appliance        string `json:",omitempty"`
	Sent             string `json:",omitempty"` // what a packet met, when one was sent
}

// ReachHop is a station of a packet, or on the way Back of its answer.
type ReachHop struct {
	Hop     string `json:",omitempty"`
	Network string `json:",omitempty"`
	Rule    string `json:",omitempty"`
	Verdict string
	Text    string
	Change  string `json:",omitempty"`
	Back    bool   `json:",omitempty"`
}

// ReachTarget is where a packet would go.
type ReachTarget struct {
	From, Destination, Protocol string
	Port, SourcePort            *int `json:",omitempty"`
}

// ParseTarget reads "10.0.1.7:5432/tcp", "10.0.0.2:53/udp", "10.0.1.7/icmp"; without a protocol it is tcp.
func ParseTarget(from, to string) (ReachTarget, error) {
	t := ReachTarget{From: from, Protocol: "tcp"}
	host, proto, named := strings.Cut(to, "/")
	if named {
		t.Protocol = proto
	}
	t.Destination = host
	if h, p, found := strings.Cut(host, ":"); found {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return t, fmt.Errorf("cannot read %q: %q is no port", to, p)
		}
		port := int(n)
		t.Destination, t.Port = h, &port
	}
	if _, err := netip.ParseAddr(t.Destination); err != nil {
		return t, fmt.Errorf("cannot read %q: %q is no address", to, t.Destination)
	}
	if t.Port == nil && (t.Protocol == "tcp" || t.Protocol == "udp") {
		return t, fmt.Errorf("cannot read %q: %s needs a port, as in %s:443/%s", to, t.Protocol, t.Destination, t.Protocol)
	}
	return t, nil
}

// Reach asks whether a connection would be established, and what decides it.
func (c *Client) Reach(ctx context.Context, t ReachTarget) (*Reached, error) {
	var out Reached
	err := c.JSON(ctx, "cloister", "Cloister_20261101.Reach", t, &out)
	return &out, err
}

// Print writes the way for people: the hops there, the hops of the answer, and what would change a refusal.
func (r *Reached) Print(w io.Writer) {
	fmt.Fprintln(w, r.Summary)
	back, network := false, ""
	for _, h := range r.Hops {
		if h.Back && !back {
			fmt.Fprintln(w, "  the answer:")
			back, network = true, ""
		}
		if h.Network != "" && h.Network != network {
			network = h.Network
			fmt.Fprintf(w, "  in %s\n", network)
		}
		mark := "    "
		if h.Verdict != "accept" {
			mark = "  x "
		}
		where := h.Hop
		if h.Rule != "" && !strings.Contains(h.Text, h.Rule) {
			where += ", " + h.Rule
		}
		if where != "" {
			where = "[" + where + "] "
		}
		fmt.Fprintf(w, "  %s%s%s\n", mark, where, h.Text)
	}
	if r.Change != "" {
		fmt.Fprintf(w, "  what would change it: %s\n", r.Change)
	}
	if len(r.Shadowing) > 0 {
		fmt.Fprintln(w, "  and then it would meet:")
		for _, h := range r.Shadowing {
			fmt.Fprintf(w, "    %s\n", h.Text)
			if h.Change != "" {
				fmt.Fprintf(w, "      what would change it: %s\n", h.Change)
			}
		}
	}
}

// Probe sends one packet, and says "answered", "refused" or "silent".
func (c *Client) Probe(ctx context.Context, t ReachTarget) (string, error) {
	var out struct{ Outcome string }
	err := c.JSON(ctx, "cloister", "Cloister_20261101.Probe", t, &out)
	return out.Outcome, err
}

// Compare sets what a packet met beside what was computed, and says whether they differ. Silence where an answer was due is no
// difference for UDP: whoever listens need not answer.
func (r *Reached) Compare(outcome, protocol string) (text string, differ bool) {
	arrived := outcome != "silent"
	met := map[string]string{"answered": "an answer came", "refused": "it arrived, and nothing listens there", "silent": "no answer came"}[outcome]
	switch {
	case r.Verdict == "accept" && r.Appliance != "":
		return "sent: " + met, false
	case arrived == (r.Verdict == "accept"):
		return "sent: " + met + ", as computed", false
	case !arrived && protocol == "udp":
		return "sent: " + met + ", which proves nothing: whoever listens need not answer", false
	case outcome != "answered" && r.Deciding != nil && r.Deciding.Hop == "listener":
		return "sent: " + met + ", as computed: nothing listens there", false
	}
	return "sent: " + met + ". This is NOT what was computed: a drawing that the kernel does not hold yet, a process that swallows packets, or a fault of Cloister", true
}
