package whole_test

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cloister/internal/client"
)

// lane is one VPC and the client that changes it. facts is what was acknowledged, in words; doubt is what holds if the call that the
// blow cut off was done all the same.
type lane struct {
	*site
	dice         *rand.Rand
	second       string // subnet of gateways and endpoints
	groups       []string
	acl, table   string
	igw          string
	job          string
	facts, doubt map[string]string
	made         int
	fault        error
}

func newLane(s *site, i int, dice *rand.Rand) *lane {
	own := *s
	l := &lane{site: &own, dice: dice}
	l.vpc = l.must("ec2", "CreateVpc", "CidrBlock", fmt.Sprintf("10.%d.0.0/16", 100+i)).text("vpcId")
	l.subnet = l.newSubnet(l.vpc, fmt.Sprintf("10.%d.1.0/24", 100+i))
	l.second = l.must("ec2", "CreateSubnet", "VpcId", l.vpc, "CidrBlock", fmt.Sprintf("10.%d.2.0/24", 100+i), "AvailabilityZone", "us-east-1b").text("subnetId") // an endpoint has one in a zone
	l.table = l.must("ec2", "DescribeRouteTables", "Filter.1.Name", "vpc-id", "Filter.1.Value.1", l.vpc).text("routeTableId")
	l.must("ec2", "CreateVpcEndpoint", "VpcId", l.vpc, "ServiceName", "com.amazonaws.us-east-1.s3", "RouteTableId.1", l.table)
	for _, n := range []string{"jobs", "ends", "more"} {
		l.groups = append(l.groups, l.newGroup(l.vpc, n))
	}
	l.group = l.groups[0]
	l.acl = l.must("ec2", "CreateNetworkAcl", "VpcId", l.vpc).text("networkAclId")
	was := l.must("ec2", "DescribeNetworkAcls", "Filter.1.Name", "association.subnet-id", "Filter.1.Value.1", l.second)
	for _, x := range was.all("associationSet")[0].Kids {
		if x.text("subnetId") == l.second {
			l.must("ec2", "ReplaceNetworkAclAssociation", "AssociationId", x.text("networkAclAssociationId"), "NetworkAclId", l.acl)
		}
	}
	l.igw = l.must("ec2", "CreateInternetGateway").text("internetGatewayId")
	l.must("ec2", "AttachInternetGateway", "InternetGatewayId", l.igw, "VpcId", l.vpc)
	l.facts = l.read()
	return l
}

// kids are the elements of the first list of a name.
func (n *node) kids(name string) []node {
	if l := n.all(name); len(l) > 0 {
		return l[0].Kids
	}
	return nil
}

// tag is the value of the one tag that these tests give.
func (n *node) tag() string {
	for _, t := range n.kids("tagSet") {
		return t.text("value")
	}
	return ""
}

// read puts into words all that a lane changes. Things that are made are known by their tag: the answer with the id may be lost.
func (l *lane) read() map[string]string {
	l.Helper()
	out := map[string]string{}
	pairs := []string{"Filter.1.Name", "group-id"}
	for i, g := range l.groups {
		pairs = append(pairs, fmt.Sprint("Filter.1.Value.", i+1), g)
	}
	for _, r := range l.must("ec2", "DescribeSecurityGroupRules", pairs...).kids("securityGroupRuleSet") {
		out[strings.Join([]string{"rule", r.text("groupId"), r.text("isEgress"), r.text("ipProtocol"), r.text("fromPort"), r.text("cidrIpv4")}, " ")] = ""
	}
	for _, e := range l.must("ec2", "DescribeNetworkAcls", "NetworkAclId.1", l.acl).kids("entrySet") {
		out["entry "+e.text("egress")+" "+e.text("ruleNumber")] = e.text("ruleAction") + " " + e.text("protocol") + " " + e.text("cidrBlock")
	}
	for _, r := range l.must("ec2", "DescribeRouteTables", "RouteTableId.1", l.table).kids("routeSet") {
		to := cmp.Or(r.text("natGatewayId"), r.text("gatewayId"))
		if d := r.text("destinationCidrBlock"); d != "" {
			out["route "+d] = to + " " + r.text("state")
		}
	}
	in := []string{"Filter.1.Name", "vpc-id", "Filter.1.Value.1", l.vpc}
	for _, n := range l.must("ec2", "DescribeNatGateways", append(in, "Filter.2.Name", "state", "Filter.2.Value.1", "available")...).kids("natGatewaySet") {
		out["nat "+n.tag()] = n.text("natGatewayId")
	}
	for _, e := range l.must("ec2", "DescribeVpcEndpoints", append(in, "Filter.2.Name", "vpc-endpoint-type", "Filter.2.Value.1", "Interface")...).kids("vpcEndpointSet") {
		var about []string
		for _, k := range e.kids("subnetIdSet") {
			about = append(about, strings.TrimSpace(k.Data))
		}
		for _, k := range e.kids("groupSet") {
			about = append(about, k.text("groupId"))
		}
		slices.Sort(about)
		out["end "+e.tag()] = e.text("vpcEndpointId") + " " + e.text("serviceName") + " " + strings.Join(about, " ")
	}
	for _, e := range l.must("ec2", "DescribeNetworkInterfaces", in...).kids("networkInterfaceSet") {
		if kind := e.text("interfaceType"); kind != "interface" {
			out["interface "+strings.Join(strings.Fields(e.text("description")), "_")+" "+e.text("subnetId")] = e.text("status") // of its attachment
		}
	}
	return out
}

// named are the facts that begin with a word.
func (l *lane) named(word string) []string {
	var out []string
	for k := range l.facts {
		if strings.HasPrefix(k, word+" ") {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// step chooses a change that must be allowed: the call, and what holds after it.
func (l *lane) step() (action string, pairs []string, after map[string]string) {
	l.made++
	after = maps.Clone(l.facts)
	id := strconv.Itoa(l.made)
	tagged := func(kind string) []string {
		return []string{"TagSpecification.1.ResourceType", kind, "TagSpecification.1.Tag.1.Key", "made", "TagSpecification.1.Tag.1.Value", id}
	}
	switch l.dice.IntN(10) {
	case 0, 1, 2: // several rules in one call: all or none
		g := pick(l.dice, l.groups)
		pairs = []string{"GroupId", g}
		for i := 1; i <= 1+l.dice.IntN(3) && len(l.named("rule")) < 80; i++ {
			port, cidr := strconv.Itoa(1000+l.made*4+i), fmt.Sprintf("10.%d.0.0/16", 100+l.dice.IntN(4))
			p := fmt.Sprintf("IpPermissions.%d.", i)
			pairs = append(pairs, p+"IpProtocol", "tcp", p+"FromPort", port, p+"ToPort", port, p+"IpRanges.1.CidrIp", cidr)
			after["rule "+g+" false tcp "+port+" "+cidr] = ""
		}
		if len(pairs) > 2 {
			return "AuthorizeSecurityGroupIngress", pairs, after
		}
	case 3, 4:
		g := pick(l.dice, l.groups)
		pairs = []string{"GroupId", g}
		for i, r := range l.named("rule " + g + " false") {
			if w := strings.Fields(r); i < 3 {
				p := fmt.Sprintf("IpPermissions.%d.", i+1)
				pairs = append(pairs, p+"IpProtocol", "tcp", p+"FromPort", w[4], p+"ToPort", w[4], p+"IpRanges.1.CidrIp", w[5])
				delete(after, r)
			}
		}
		if len(pairs) > 2 {
			return "RevokeSecurityGroupIngress", pairs, after
		}
	case 5:
		egress, number := strconv.FormatBool(l.dice.IntN(2) == 0), strconv.Itoa(1+l.dice.IntN(12))
		key := "entry " + egress + " " + number
		act, cidr := pick(l.dice, []string{"allow", "deny"}), fmt.Sprintf("10.%d.0.0/16", 100+l.dice.IntN(4))
		pairs = []string{"NetworkAclId", l.acl, "Egress", egress, "RuleNumber", number}
		if _, there := l.facts[key]; there && l.dice.IntN(2) == 0 {
			delete(after, key)
			return "DeleteNetworkAclEntry", pairs, after
		} else if there {
			action = "ReplaceNetworkAclEntry"
		} else {
			action = "CreateNetworkAclEntry"
		}
		after[key] = act + " -1 " + cidr
		return action, append(pairs, "Protocol", "-1", "RuleAction", act, "CidrBlock", cidr), after
	case 6, 7:
		dest := fmt.Sprintf("172.%d.0.0/16", 16+l.dice.IntN(8))
		pairs = []string{"RouteTableId", l.table, "DestinationCidrBlock", dest}
		_, there := l.facts["route "+dest]
		if there && l.dice.IntN(3) == 0 {
			delete(after, "route "+dest)
			return "DeleteRoute", pairs, after
		}
		to, member := l.igw, "GatewayId"
		if nats := l.named("nat"); len(nats) > 0 && l.dice.IntN(2) == 0 {
			to, member = l.facts[pick(l.dice, nats)], "NatGatewayId"
		}
		after["route "+dest] = to + " active"
		action = "CreateRoute"
		if there {
			action = "ReplaceRoute"
		}
		return action, append(pairs, member, to), after
	case 8:
		if nats := l.named("nat"); len(nats) > 0 { // four lanes in a zone, of which an account may have five
			gone := pick(l.dice, nats)
			delete(after, gone)
			for k, v := range after {
				switch {
				case v == l.facts[gone]+" active":
					after[k] = l.facts[gone] + " blackhole"
				case strings.HasPrefix(k, "interface Interface_for_NAT_Gateway_"+l.facts[gone]+" "):
					delete(after, k)
				}
			}
			return "DeleteNatGateway", []string{"NatGatewayId", l.facts[gone]}, after
		}
		after["nat "+id] = "new"
		after["interface Interface_for_NAT_Gateway_new "+l.second] = "attached"
		return "CreateNatGateway", append([]string{"SubnetId", l.second, "ConnectivityType", "private"}, tagged("natgateway")...), after
	default:
		ends := l.named("end")
		if len(ends) < 2 {
			g, name := pick(l.dice, l.groups), "com.amazonaws.us-east-1."+pick(l.dice, []string{"kms", "sts", "logs"})
			about := []string{l.second, g}
			slices.Sort(about)
			after["end "+id] = "new " + name + " " + strings.Join(about, " ")
			after["interface VPC_Endpoint_Interface_new "+l.second] = "attached"
			return "CreateVpcEndpoint", append([]string{"VpcId", l.vpc, "VpcEndpointType", "Interface", "ServiceName", name, "SubnetId.1", l.second, "SecurityGroupId.1", g,
				"PrivateDnsEnabled", "false"}, tagged("vpc-endpoint")...), after
		}
		end := pick(l.dice, ends)
		w := strings.Fields(l.facts[end])
		face := "interface VPC_Endpoint_Interface_" + w[0] + " "
		switch own := strings.Contains(l.facts[end], l.subnet); l.dice.IntN(3) {
		case 0:
			delete(after, end)
			delete(after, face+l.subnet)
			delete(after, face+l.second)
			return "DeleteVpcEndpoints", []string{"VpcEndpointId.1", w[0]}, after
		case 1: // in the jobs' subnet too, or no more
			about := w[2:]
			if action = "AddSubnetId.1"; own {
				action = "RemoveSubnetId.1"
				about = slices.DeleteFunc(slices.Clone(about), func(s string) bool { return s == l.subnet })
				delete(after, face+l.subnet)
			} else {
				about = append(slices.Clone(about), l.subnet)
				slices.Sort(about)
				after[face+l.subnet] = "attached"
			}
			after[end] = strings.Join(append(w[:2:2], about...), " ")
			return "ModifyVpcEndpoint", []string{"VpcEndpointId", w[0], action, l.subnet}, after
		default: // another group, in one call
			old := w[slices.IndexFunc(w, func(s string) bool { return strings.HasPrefix(s, "sg-") })]
			fresh := pick(l.dice, slices.DeleteFunc(slices.Clone(l.groups), func(s string) bool { return s == old }))
			about := append(slices.DeleteFunc(slices.Clone(w[2:]), func(s string) bool { return s == old }), fresh)
			slices.Sort(about)
			after[end] = strings.Join(append(w[:2:2], about...), " ")
			return "ModifyVpcEndpoint", []string{"VpcEndpointId", w[0], "AddSecurityGroupId.1", fresh, "RemoveSecurityGroupId.1", old}, after
		}
	}
	l.made--
	return l.step()
}

// born replaces the placeholder of a thing that was made by the id that it was given.
func born(facts map[string]string, id string) map[string]string {
	out := map[string]string{}
	for k, v := range facts {
		if f := strings.Fields(v); len(f) > 0 && f[0] == "new" {
			v = strings.Join(append([]string{id}, f[1:]...), " ")
		}
		out[strings.Replace(k, "_new ", "_"+id+" ", 1)] = v
	}
	return out
}

// drive makes changes until the daemon is gone or enough were acknowledged.
func (l *lane) drive(ctx context.Context, acknowledged func()) {
	for ctx.Err() == nil {
		action, pairs, after := l.step()
		n, err := l.ask("ec2", action, pairs...)
		var said *client.Error
		switch {
		case err == nil:
			l.facts = born(after, cmp.Or(n.text("natGatewayId"), n.text("vpcEndpointId")))
			acknowledged()
		case errors.As(err, &said):
			l.fault = fmt.Errorf("%s %v: %w", action, pairs, err)
			return
		default:
			l.doubt = after
			return
		}
	}
}

// whole holds what is there to what was acknowledged, with or without the one call that was cut off.
func (l *lane) whole() {
	l.Helper()
	got := l.read()
	known := l.doubt
	for k, v := range got { // the id of what was made in doubt is only known now
		if old, there := l.doubt[k]; there && strings.HasPrefix(old, "new") {
			known = born(l.doubt, strings.Fields(v)[0])
		}
	}
	if !maps.Equal(got, l.facts) && (known == nil || !maps.Equal(got, known)) {
		l.Errorf("%s holds neither what was acknowledged (%s) nor that with the call that was cut off (%s)", l.vpc, differ(l.facts, got), differ(known, got))
	}
	if l.doubt != nil && maps.Equal(got, known) {
		l.made++ // its tag is taken
	}
	l.facts, l.doubt = got, nil
}

// differ lists what one side has and the other has not.
func differ(want, got map[string]string) string {
	var out []string
	for k, v := range want {
		if g, ok := got[k]; !ok || g != v {
			out = append(out, fmt.Sprintf("want %s = %s", k, v))
		}
	}
	for k, v := range got {
		if w, ok := want[k]; !ok || w != v {
			out = append(out, fmt.Sprintf("got %s = %s", k, v))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

// occupied sees to it that a job runs in the lane.
func (l *lane) occupied() {
	l.Helper()
	if l.job != "" {
		p := l.describe(l.job)
		if p.JobStatus == "SUBMITTED" || p.JobStatus == "IN_PROGRESS" {
			return
		}
		if p.JobStatus != "COMPLETED" && !strings.Contains(p.Message, "was interrupted 3 times") { // the blows fall faster than that
			l.Errorf("the job is %s: %s\n%s", p.JobStatus, p.Message, l.why(p.JobArn))
		}
	}
	l.job = l.start(nil)
}

// interfaceOf gives the interface of the lane's job once it is in use; empty if the job has ended.
func (l *lane) interfaceOf() (id, addr string) {
	l.Helper()
	until(l, 20*time.Second, "the job's interface", func() bool {
		n := l.must("ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "vpc-id", "Filter.1.Value.1", l.vpc, "Filter.2.Name", "description", "Filter.2.Value.1", "Amazon Comprehend job *",
			"Filter.3.Name", "status", "Filter.3.Value.1", "in-use")
		id, addr = n.text("networkInterfaceId"), n.text("privateIpAddress")
		p := l.describe(l.job)
		return id != "" || p.JobStatus != "SUBMITTED" && p.JobStatus != "IN_PROGRESS"
	})
	return id, addr
}

// compare sends one packet. It gives what is wrong, or that the interface has gone with its job.
func (l *lane) compare(target client.ReachTarget) (why string, gone bool) {
	r, err := l.Reach(l.Context(), target)
	var met string
	if err == nil {
		met, err = l.Probe(l.Context(), target)
	}
	var said *client.Error
	if errors.As(err, &said) && (said.Code == "ResourceNotFoundException" || said.Code == "InvalidInputException") {
		return "", true
	}
	if err != nil {
		return err.Error(), false
	}
	if text, differ := r.Compare(met, "tcp"); differ {
		return fmt.Sprintf("%s, %+v: %s", r.Verdict, r.Deciding, text), false
	}
	return "", false
}

// agrees sends packets from the job's interface and compares what they meet with what the ledger's drawing says. It gives how many.
func (l *lane) agrees() (sent int) {
	l.Helper()
	from, addr := l.interfaceOf()
	if from == "" {
		return 0
	}
	targets := []string{"8.8.8.8:443", "169.254.169.254:80", "198.51.100.1:443", addr[:strings.LastIndex(addr, ".")] + ".200:80", "172.16.0.9:80"}
	for _, n := range l.must("ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "vpc-id", "Filter.1.Value.1", l.vpc).kids("networkInterfaceSet") {
		if to := n.text("privateIpAddress"); to != addr {
			targets = append(targets, to+":443", to+":80", to+":1005")
		}
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, to := range targets {
		all.Go(func() {
			target, err := client.ParseTarget(from, to)
			if err != nil {
				l.Error(err)
				return
			}
			// A daemon that has just begun draws all networks first, and a job that begins anew makes its interface again.
			why, gone := "", false
			for end := time.Now().Add(10 * time.Second); ; <-time.After(50 * time.Millisecond) {
				if why, gone = l.compare(target); why == "" || gone || time.Now().After(end) {
					break
				}
			}
			if gone {
				return
			}
			if why != "" {
				l.Errorf("%s to %s: %s", from, to, why)
			}
			mu.Lock()
			sent++
			mu.Unlock()
		})
	}
	all.Wait()
	return sent
}

// TestCrashNetworks kills the daemon again and again while four clients change their VPCs, jobs among them. What was acknowledged is
// there, nothing is half done, and packets meet what the ledger says. CLOISTER_SEED repeats a run's choices.
func TestCrashNetworks(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CLOISTER_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("CLOISTER_SEED=%d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	h := open(t)
	s := siteIn(t, h)
	s.slow()
	var lanes []*lane
	for i := range 4 {
		lanes = append(lanes, newLane(s, i, rand.New(rand.NewPCG(seed, uint64(2+i)))))
	}
	const blows, changes = 10, 240
	total, sent, doubtful := 0, 0, 0
	for blow := range blows {
		for _, l := range lanes[:2] {
			l.occupied()
		}
		ctx, stop := context.WithCancel(t.Context())
		var mu sync.Mutex
		var all sync.WaitGroup
		count := 0
		enough := make(chan struct{})
		for _, l := range lanes {
			all.Go(func() {
				l.drive(ctx, func() {
					mu.Lock()
					defer mu.Unlock()
					if count++; count == changes/blows {
						close(enough)
					}
				})
			})
		}
		select {
		case <-enough:
		case <-time.After(20 * time.Second):
			t.Error("the changes take too long")
		}
		<-time.After(time.Duration(dice.IntN(30_000)) * time.Microsecond) // the moment of the blow
		tr := look(t, h)
		h.kill()
		stop()
		all.Wait()
		tr.gone(t)
		if l := h.strays(t); len(l) > 0 {
			t.Errorf("left outside the data: %v", l)
		}
		total += count
		s.again()
		for _, l := range lanes {
			if l.fault != nil {
				t.Fatal(l.fault)
			}
			if l.doubt != nil {
				doubtful++
			}
			l.whole()
		}
		if t.Failed() {
			t.Fatalf("after %d blows", blow+1)
		}
		if blow%4 == 3 {
			sent += lanes[0].agrees()
		}
	}
	for _, l := range lanes[:2] {
		l.occupied()
		sent += l.agrees()
	}
	for _, l := range lanes[:2] {
		if p := l.finish(l.job); p.JobStatus != "COMPLETED" {
			t.Errorf("the job is %s: %s\n%s", p.JobStatus, p.Message, l.why(p.JobArn))
		}
	}
	s.nothingLeft()
	if total < 200 || sent < 20 {
		t.Errorf("only %d changes and %d packets", total, sent)
	}
	t.Logf("%d acknowledged changes, %d cut off, %d packets", total, doubtful, sent)
	tr := look(t, h)
	if err := h.end(); err != nil {
		t.Fatal(err)
	}
	tr.gone(t)
	if l := h.strays(t); len(l) > 0 {
		t.Errorf("left outside the data: %v", l)
	}
	held(t, filepath.Join(h.data, "ledger.db"))
}

// held fails when a lease has a holder still, though the daemon has ended.
func held(t *testing.T, ledger string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+ledger+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRowContext(t.Context(), "select count(*) from leases where holder <> ''").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d leases are held: %v", n, err)
	}
}
