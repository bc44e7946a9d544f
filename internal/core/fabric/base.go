package fabric

import "cloister/internal/core/vpc"

// Priorities of the base chains. Filters of network ACLs come before the groups' in every hook, since they have no memory: a
// connection that is under way is asked as well.
const (
	prioSpoof   = -450 // before fragments are put together (-400) and before conntrack: a spoofed packet is part of nothing
	prioCatch   = -150
	prioErrors  = -140 // after conntrack
	prioDstNAT  = -100
	prioACLOut  = -20
	prioACLIn   = -10
	prioEgress  = 0
	prioIngress = 10
	prioGateway = 15
	prioSrcNAT  = 100
)

// baseChains are the hooks. A verdict of accept ends only the base chain it is met in, so a packet between two ports passes
// egress and then ingress, each with a policy of drop. Their rules never change: what differs between two drawings is in the
// sets and maps, and which hooks of acl and nat there are.
func baseChains(d Desired, acl bool) []Chain {
	out := walls(d.Network == vpc.InternetNetwork)
	if acl {
		out = append(out, aclChains()...)
	}
	for _, l := range d.Links {
		if l.Internet {
			out = append(out, natChains()...)
			break
		}
	}
	if d.Catch != nil {
		out = append(out, catchChain(d.Catch.Port))
	}
	return out
}

func walls(internet bool) []Chain {
	flow := Rule{Matches: []Match{{Op: CtFlow}}, Verdict: Accept}
	broken := Rule{Matches: []Match{{Op: CtInvalid}}, Verdict: Drop}
	self := Rule{Matches: []Match{{Op: LinkIn, Link: "lo"}}, Verdict: Accept}
	errors := Chain{Name: "errors", Rules: []Rule{self, {Matches: []Match{{Op: LinksIn, Set: setRelays}}, Verdict: Accept}}}
	for end := range uint16(4) {
		errors.Rules = append(errors.Rules, Rule{Matches: []Match{{Op: CtEnd, From: end, Set: setPorts}}, Verdict: Accept})
	}
	errors.Rules = append(errors.Rules, refuse(HopSpoof))
	answer := func(not bool) Match { return Match{Op: DstSet, Set: setAnswers, Not: not} }
	input := []Rule{self, flow, broken}
	if internet {
		input = append(input, Rule{Matches: []Match{{Op: Marked, Mark: CatchMark}}, Verdict: Accept})
	}
	return []Chain{
		// The mark is the number of the sender's routing table, and so stands for its subnet. What comes by a link has none.
		{Name: string(HopSpoof), Hook: "prerouting", Priority: prioSpoof, Rules: []Rule{
			self,
			{Verdict: MarkPort, Target: setPorts},
			{Verdict: LookupIn, Target: mapOrigins},
			refuse(HopSpoof),
		}},
		// Errors about a connection pass its groups' walls, so they come from its ends alone, or from what forwards for others.
		errors,
		{Name: "spoof-" + errors.Name, Hook: "prerouting", Priority: prioErrors, Rules: []Rule{
			{Matches: []Match{{Op: CtRelated}}, Verdict: Jump, Target: errors.Name},
		}},
		{Name: string(HopEgress), Hook: "forward", Priority: prioEgress, Drop: true, Rules: []Rule{
			flow, broken,
			{Verdict: LookupIn, Target: mapEgress},
			refuse(HopEgress),
		}},
		{Name: string(HopIngress), Hook: "forward", Priority: prioIngress, Drop: true, Rules: []Rule{
			flow,
			{Verdict: LookupOut, Target: mapIngress},
			refuse(HopIngress),
		}},
		// What the network itself answers: the resolver and its routers' echo are under no group, as on AWS; gateway
		// endpoints are under the sender's, interface endpoints under their own as well. A transparent listener would also
		// answer on routers' addresses, hence the refusal of all that is no endpoint's before the groups are asked. Other
		// networks reach interface endpoints alone.
		{Name: string(HopInput), Hook: "input", Priority: prioEgress, Drop: true, Rules: append(input,
			refuse(HopInput, Match{Op: LinksIn, Set: setLinks}, answer(true)),
			Rule{Matches: []Match{{Op: DstServ, Set: setServices}}, Verdict: Accept},
			Rule{Matches: []Match{{Op: IsProto, Proto: 1}, answer(true), {Op: LocalDst}}, Verdict: Accept},
			refuse(HopInput, Match{Op: DstSet, Set: setGateways, Not: true}, answer(true)),
			Rule{Verdict: LookupIn, Target: mapEgress},
			refuse(HopEgress),
		)},
		{Name: "input-" + string(HopIngress), Hook: "input", Priority: prioIngress, Rules: []Rule{
			flow,
			{Verdict: LookupDst, Target: mapIngressAt},
			refuse(HopIngress, answer(false)),
		}},
		// Connections that the daemon makes into the network never pass forward: without this hook they would be under
		// no group at all. They lead to ports, never out by a link.
		{Name: string(HopOutput), Hook: "output", Priority: prioEgress, Drop: true, Rules: []Rule{
			{Matches: []Match{{Op: LinkOut, Link: "lo"}}, Verdict: Accept},
			flow,
			refuse(HopOutput, Match{Op: LinksOut, Set: setLinks}),
			{Verdict: LookupOut, Target: mapIngress},
			refuse(HopIngress),
		}},
	}
}

// aclChains ask the network ACLs: of the sender's subnet where a packet leaves it, of the receiver's where it comes in, and
// none when both are one, which is told by links and not by addresses, since appliances send from foreign ones. Of what the
// network answers itself, endpoints are under ACLs; the resolver and the routers are not, as on AWS.
func aclChains() []Chain {
	within := Rule{Matches: []Match{{Op: MarkOut, Set: setWithin}}, Verdict: Accept}
	ask := func(m string) Rule { return Rule{Verdict: LookupMark, Target: m} }
	when := func(op Op, set string, r Rule) Rule {
		r.Matches = []Match{{Op: op, Set: set}}
		return r
	}
	to := Rule{Verdict: MarkLinkOut, Target: mapSubnetOf} // from here on the mark is the receiver's
	chain := func(name Hop, pre, hook string, priority int, rules ...Rule) Chain {
		return Chain{Name: pre + string(name), Hook: hook, Priority: priority, Rules: rules}
	}
	return []Chain{
		chain(HopACLOut, "", "forward", prioACLOut, within, ask(mapACLOut)),
		chain(HopACLIn, "", "forward", prioACLIn, within, to, ask(mapACLIn)),
		chain(HopACLOut, "input-", "input", prioACLOut,
			when(MarkAddr, setWithinAt, Rule{Verdict: Accept}),
			when(DstSet, setGateways, ask(mapACLOut)),
			when(DstSet, setAnswers, ask(mapACLOut))),
		chain(HopACLIn, "input-", "input", prioACLIn,
			when(MarkAddr, setWithinAt, Rule{Verdict: Accept}),
			when(DstSet, setAnswers, Rule{Verdict: MarkDst, Target: mapSubnetAt}),
			when(DstSet, setAnswers, ask(mapACLIn))),
		chain(HopACLOut, "output-", "output", prioACLOut,
			Rule{Verdict: MarkSrc, Target: mapSubnetAt},
			within,
			when(SrcSet, setAnswers, ask(mapACLOut))),
		chain(HopACLIn, "output-", "output", prioACLIn,
			within, to,
			when(SrcSet, setGateways, ask(mapACLIn)),
			when(SrcSet, setAnswers, ask(mapACLIn))),
	}
}

// natChains are an internet gateway's: one private address for one public. What has no public address goes no further.
func natChains() []Chain {
	in, out := Match{Op: LinksIn, Set: setInternet}, Match{Op: LinksOut, Set: setInternet}
	return []Chain{
		{Name: string(HopGateway), Hook: "forward", Priority: prioGateway, Rules: []Rule{
			refuse(HopGateway, out, Match{Op: SrcSet, Set: setPublished, Not: true}),
		}},
		{Name: "gateway-in", Hook: "prerouting", Priority: prioDstNAT, NAT: true, Rules: []Rule{
			{Matches: []Match{in}, Verdict: TranslateDst, Target: mapPrivates},
		}},
		{Name: "gateway-out", Hook: "postrouting", Priority: prioSrcNAT, NAT: true, Rules: []Rule{
			{Matches: []Match{out}, Verdict: TranslateSrc, Target: mapPublics},
		}},
	}
}

// catchChain hands TCP to one transparent listener. CatchMark leads it to the network itself, whatever its destination.
func catchChain(port uint16) Chain {
	return Chain{Name: "catch-" + itoa(port), Hook: "prerouting", Priority: prioCatch, Rules: []Rule{
		{Matches: []Match{{Op: LinksIn, Set: setLinks}, {Op: DstSet, Set: setReached, Not: true}, {Op: DstSet, Set: setGateways}, {Op: IsProto, Proto: 6}},
			Verdict: Catch, Port: port, Mark: CatchMark},
	}}
}

// CompileTranslator is what the namespace of a NAT gateway holds: flows that go through it come from its first address, and nothing
// else passes or is taken.
func CompileTranslator(p Port) Ruleset {
	flow := Rule{Matches: []Match{{Op: CtFlow}}, Verdict: Accept}
	r := Ruleset{Table: TableName, Chains: []Chain{
		{Name: "through", Hook: "forward", Priority: 0, Drop: true, Rules: []Rule{
			flow,
			{Matches: []Match{{Op: CtInvalid}}, Verdict: Drop},
			{Matches: []Match{{Op: IsProto, Proto: 6}}, Verdict: Accept},
			{Matches: []Match{{Op: IsProto, Proto: 17}}, Verdict: Accept},
			{Matches: []Match{{Op: IsProto, Proto: 1}, {Op: ICMPType, From: 8}}, Verdict: Accept},
		}},
		{Name: "own", Hook: "input", Priority: 0, Drop: true, Rules: []Rule{}},
	}}
	if len(p.Addrs) > 0 {
		r.Chains = append(r.Chains, Chain{Name: "source", Hook: "postrouting", Priority: prioSrcNAT, NAT: true, Rules: []Rule{
			{Matches: []Match{{Op: LinkOut, Link: "eth0"}}, Verdict: Masquerade, To: p.Addrs[0]},
		}})
	}
	return r
}

func refuse(h Hop, when ...Match) Rule { return Rule{Matches: when, Log: h, Verdict: Drop} }
