package fabric

// baseChains are the same in every network: the hooks. A verdict of accept ends only the base chain it is met in, so a
// packet between two ports passes egress and then ingress, each with a policy of drop.
func baseChains() []Chain {
	flow := Rule{Matches: []Match{{Op: CtFlow}}, Verdict: Accept}
	broken := Rule{Matches: []Match{{Op: CtInvalid}}, Verdict: Drop}
	self := Match{Op: LinkIn, Link: "lo"}
	return []Chain{
		{Name: string(HopSpoof), Hook: "prerouting", Priority: -300, Rules: []Rule{
			{Matches: []Match{self}, Verdict: Accept},
			{Matches: []Match{{Op: LinkSrc, Set: setPorts}}, Verdict: Accept},
			refuse(HopSpoof),
		}},
		{Name: string(HopEgress), Hook: "forward", Priority: 0, Drop: true, Rules: []Rule{
			flow, broken,
			{Verdict: LookupIn, Target: mapEgress},
			refuse(HopEgress),
		}},
		{Name: string(HopIngress), Hook: "forward", Priority: 10, Drop: true, Rules: []Rule{
			flow,
			{Verdict: LookupOut, Target: mapIngress},
			refuse(HopIngress),
		}},
		// What the network itself answers: the resolver and its routers' echo are under no group, as on AWS; gateway
		// endpoints are under the sender's. A transparent listener would also answer on routers' addresses, hence the
		// refusal of all that is no gateway's before the groups are asked.
		{Name: string(HopInput), Hook: "input", Priority: 0, Drop: true, Rules: []Rule{
			{Matches: []Match{self}, Verdict: Accept},
			flow, broken,
			{Matches: []Match{{Op: DstServ, Set: setAnswers}}, Verdict: Accept},
			{Matches: []Match{{Op: IsProto, Proto: 1}, {Op: LocalDst}}, Verdict: Accept},
			refuse(HopInput, Match{Op: DstSet, Set: setGateways, Not: true}),
			{Verdict: LookupIn, Target: mapEgress},
			refuse(HopEgress),
		}},
		// Connections that the daemon makes into the network never pass forward: without this hook they would be under
		// no group at all.
		{Name: string(HopOutput), Hook: "output", Priority: 0, Drop: true, Rules: []Rule{
			{Matches: []Match{{Op: LinkOut, Link: "lo"}}, Verdict: Accept},
			flow,
			{Verdict: LookupOut, Target: mapIngress},
			refuse(HopIngress),
		}},
	}
}

func refuse(h Hop, when ...Match) Rule { return Rule{Matches: when, Log: h, Verdict: Drop} }
