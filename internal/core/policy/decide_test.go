package policy

import (
	"strings"
	"testing"

	"cloister/internal/core/identity"
)

const (
	acct  = "111122223333"
	other = "444455556666"
)

// who makes the callers of the tests.
func who(t testing.TB, s string) *identity.Principal {
	t.Helper()
	arn := func(service, rest string) string { return "arn:aws:" + service + "::" + acct + ":" + rest }
	switch s {
	case "alice":
		return &identity.Principal{Kind: identity.User, Partition: "aws", Account: acct, ARN: arn("iam", "user/alice"), ID: "AIDAALICEALICEALICE0", UniqueID: "AIDAALICEALICEALICE0", Name: "alice"}
	case "session":
		return &identity.Principal{Kind: identity.Session, Partition: "aws", Account: acct, ARN: arn("sts", "assumed-role/Job/s1"), ID: "AROAJOBJOBJOBJOBJOB0:s1",
			UniqueID: "AROAJOBJOBJOBJOBJOB0", Name: "Job", RoleARN: arn("iam", "role/app/Job"), Session: "s1"}
	case "linked":
		return &identity.Principal{Kind: identity.Session, Partition: "aws", Account: acct, ARN: arn("sts", "assumed-role/AWSServiceRoleForX/s1"),
			UniqueID: "AROALINKEDLINKED0000", Name: "AWSServiceRoleForX", RoleARN: arn("iam", "role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX")}
	case "federated":
		return &identity.Principal{Kind: identity.Federated, Partition: "aws", Account: acct, ARN: arn("sts", "federated-user/bob"), ID: acct + ":bob", RoleARN: arn("iam", "user/alice")}
	case "root":
		return &identity.Principal{Kind: identity.Root, Partition: "aws", Account: acct, ARN: arn("iam", "root"), ID: acct}
	case "service":
		return &identity.Principal{Kind: identity.Service, Service: "comprehend.amazonaws.com", ARN: "comprehend.amazonaws.com"}
	case "nameless service":
		return &identity.Principal{Kind: identity.Service, Service: "comprehend.amazonaws.com"}
	case "anonymous":
		return nil
	}
	t.Fatalf("who is %s?", s)
	return nil
}

// source makes a document of statements in a short form.
func source(t testing.TB, kind Kind, statements ...string) *Source {
	t.Helper()
	d, err := Read([]byte(`{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`), kind)
	if err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
	return &Source{Name: kind.String() + " policy", Owner: acct, Doc: d}
}

// allow and deny make a statement; principal is its JSON, or empty.
func allow(action, resource, principal string) string {
	return stmt("Allow", action, resource, principal, "")
}
func deny(action, resource, principal string) string {
	return stmt("Deny", action, resource, principal, "")
}
func stmt(effect, action, resource, principal, condition string) string {
	s := `{"Effect":"` + effect + `","Action":"` + action + `"`
	if resource != "" {
		s += `,"Resource":"` + resource + `"`
	}
	if principal != "" {
		s += `,"Principal":` + principal
	}
	if condition != "" {
		s += `,"Condition":` + condition
	}
	return s + "}"
}

func all(t testing.TB, kind Kind) []Source { return []Source{*source(t, kind, allow("*", "*", ""))} }
func none(t testing.TB, kind Kind) []Source {
	return []Source{*source(t, kind, allow("ec2:*", "*", ""))}
}

func TestLayers(t *testing.T) {
	const (
		obj    = "arn:aws:s3:::b/k"
		key    = "arn:aws:kms:us-west-2:" + acct + ":key/1"
		role   = "arn:aws:iam::" + acct + ":role/X"
		anyone = `"*"`
		alice  = `{"AWS":"arn:aws:iam::111122223333:user/alice"}`
		job    = `{"AWS":"arn:aws:iam::111122223333:role/app/Job"}`
		jobS   = `{"AWS":"arn:aws:sts::111122223333:assumed-role/Job/s1"}`
		bob    = `{"AWS":"arn:aws:sts::111122223333:federated-user/bob"}`
		root   = `{"AWS":"arn:aws:iam::111122223333:root"}`
		id     = `{"AWS":"111122223333"}`
	)
	type want struct {
		d Decision
		l Layer
	}
	// res is an Allow of the resource policy for its kind; i, b, s, scp: "" absent, "+" allows, "-" has no Allow for the action, "!" denies
	for _, c := range []struct {
		name, who    string
		kind         Kind
		res          string
		i, b, s, scp string
		owner        string
		want         want
	}{
		{"identity alone", "alice", None, "", "+", "", "", "", "", want{Allowed, LayerIdentity}},
		{"nothing at all", "alice", None, "", "", "", "", "", "", want{ImplicitlyDenied, LayerIdentity}},
		{"identity denies", "alice", Bucket, alice, "!", "", "", "", "", want{ExplicitlyDenied, LayerIdentity}},
		{"boundary lacks", "alice", None, "", "+", "-", "", "", "", want{ImplicitlyDenied, LayerBoundary}},
		{"boundary alone grants nothing", "alice", None, "", "", "+", "", "", "", want{ImplicitlyDenied, LayerIdentity}},
		{"boundary denies", "alice", Bucket, alice, "+", "!", "", "", "", want{ExplicitlyDenied, LayerBoundary}},
		{"session lacks", "session", None, "", "+", "", "-", "", "", want{ImplicitlyDenied, LayerSession}},
		{"session alone grants nothing", "session", None, "", "", "", "+", "", "", want{ImplicitlyDenied, LayerIdentity}},
		{"session denies", "session", Bucket, jobS, "+", "", "!", "", "", want{ExplicitlyDenied, LayerSession}},
		{"scp lacks", "alice", None, "", "+", "", "", "-", "", want{ExplicitlyDenied, LayerSCP}},
		{"scp lacks, bucket names user", "alice", Bucket, alice, "+", "", "", "-", "", want{ExplicitlyDenied, LayerSCP}},
		{"scp denies", "alice", None, "", "+", "", "", "!", "", want{ExplicitlyDenied, LayerSCP}},
		{"scp alone grants nothing", "alice", None, "", "", "", "", "+", "", want{ImplicitlyDenied, LayerIdentity}},
		{"scp binds root", "root", None, "", "", "", "", "-", "", want{ExplicitlyDenied, LayerSCP}},
		{"scp spares linked roles", "linked", None, "", "+", "", "", "-", "", want{Allowed, LayerIdentity}},
		{"scp binds service role sessions", "session", None, "", "+", "", "", "-", "", want{ExplicitlyDenied, LayerSCP}},
		{"scp spares services", "service", Bucket, `{"Service":"comprehend.amazonaws.com"}`, "", "", "", "-", "", want{Allowed, LayerResource}},
		{"root needs no policy", "root", None, "", "", "", "", "", "", want{Allowed, LayerIdentity}},
		{"root has no boundary", "root", None, "", "", "!", "", "", "", want{Allowed, LayerIdentity}},

		{"bucket: user, no identity", "alice", Bucket, alice, "", "", "", "", "", want{Allowed, LayerResource}},
		{"bucket: user, boundary lacks", "alice", Bucket, alice, "", "-", "", "", "", want{Allowed, LayerResource}},
		{"bucket: role", "session", Bucket, job, "", "", "", "", "", want{Allowed, LayerResource}},
		{"bucket: role, boundary lacks", "session", Bucket, job, "", "-", "", "", "", want{ImplicitlyDenied, LayerBoundary}},
		{"bucket: role, session lacks", "session", Bucket, job, "", "", "-", "", "", want{ImplicitlyDenied, LayerSession}},
		{"bucket: session, all lack", "session", Bucket, jobS, "", "-", "-", "", "", want{Allowed, LayerResource}},
		{"bucket: user of federated, session lacks", "federated", Bucket, alice, "", "", "-", "", "", want{ImplicitlyDenied, LayerSession}},
		{"bucket: federated, session lacks", "federated", Bucket, bob, "", "", "-", "", "", want{Allowed, LayerResource}},
		{"bucket: everybody, all lack", "session", Bucket, anyone, "", "-", "-", "", "", want{Allowed, LayerResource}},
		{"bucket: account delegates only", "alice", Bucket, id, "", "", "", "", "", want{ImplicitlyDenied, LayerIdentity}},
		{"bucket: account and identity", "alice", Bucket, root, "+", "", "", "", "", want{Allowed, LayerIdentity}},
		{"bucket: other user", "session", Bucket, alice, "", "", "", "", "", want{ImplicitlyDenied, LayerIdentity}},
		{"bucket: role id", "session", Bucket, `{"AWS":"AROAJOBJOBJOBJOBJOB0"}`, "", "", "-", "", "", want{ImplicitlyDenied, LayerSession}},
		{"bucket: user id", "alice", Bucket, `{"AWS":"AIDAALICEALICEALICE0"}`, "", "", "", "", "", want{Allowed, LayerResource}},
		{"bucket: id of the former alice", "alice", Bucket, `{"AWS":"AIDAFORMERFORMERFOR0"}`, "", "", "", "", "", want{ImplicitlyDenied, LayerIdentity}},
		{"bucket: anonymous and everybody", "anonymous", Bucket, anyone, "", "", "", "", "", want{Allowed, LayerResource}},
		{"bucket: anonymous and account", "anonymous", Bucket, id, "", "", "", "", "", want{ImplicitlyDenied, LayerResource}},
		{"anonymous has no identity policies", "anonymous", Bucket, id, "+", "", "", "", "", want{ImplicitlyDenied, LayerResource}},
		{"anonymous elsewhere", "anonymous", Model, anyone, "", "", "", "", "", want{ImplicitlyDenied, LayerIdentity}},
		{"service without a policy", "service", Bucket, "", "+", "", "", "", "", want{ImplicitlyDenied, LayerResource}},

		{"key: identity alone", "alice", Key, "", "+", "", "", "", "", want{ImplicitlyDenied, LayerResource}},
		{"key: root without key policy", "root", Key, "", "", "", "", "", "", want{ImplicitlyDenied, LayerResource}},
		{"key: account and identity", "alice", Key, root, "+", "", "", "", "", want{Allowed, LayerIdentity}},
		{"key: account without identity", "alice", Key, root, "", "", "", "", "", want{ImplicitlyDenied, LayerIdentity}},
		{"key: user", "alice", Key, alice, "", "", "", "", "", want{Allowed, LayerResource}},
		{"key: identity denies", "alice", Key, alice, "!", "", "", "", "", want{ExplicitlyDenied, LayerIdentity}},
		{"key: role, session lacks", "session", Key, job, "", "", "-", "", "", want{ImplicitlyDenied, LayerSession}},

		{"trust: admin alone", "alice", Trust, "", "+", "", "", "", "", want{ImplicitlyDenied, LayerTrust}},
		{"trust: root user alone", "root", Trust, "", "", "", "", "", "", want{ImplicitlyDenied, LayerTrust}},
		{"trust: account and identity", "alice", Trust, root, "+", "", "", "", "", want{Allowed, LayerIdentity}},
		{"trust: user", "alice", Trust, alice, "", "", "", "", "", want{Allowed, LayerTrust}},
		{"trust: service", "service", Trust, `{"Service":["sagemaker.amazonaws.com","comprehend.amazonaws.com"]}`, "", "", "", "", "", want{Allowed, LayerTrust}},
		{"trust: other service", "service", Trust, `{"Service":"sagemaker.amazonaws.com"}`, "", "", "", "", "", want{ImplicitlyDenied, LayerTrust}},

		{"cross: resource alone", "alice", Bucket, alice, "", "", "", "", other, want{ImplicitlyDenied, LayerIdentity}},
		{"cross: everybody alone", "alice", Bucket, anyone, "", "", "", "", other, want{ImplicitlyDenied, LayerIdentity}},
		{"cross: identity alone", "alice", Bucket, "", "+", "", "", "", other, want{ImplicitlyDenied, LayerResource}},
		{"cross: both, user", "alice", Bucket, alice, "+", "", "", "", other, want{Allowed, LayerResource}},
		{"cross: both, account", "alice", Bucket, id, "+", "", "", "", other, want{Allowed, LayerResource}},
		{"cross: both, boundary lacks", "alice", Bucket, alice, "+", "-", "", "", other, want{ImplicitlyDenied, LayerBoundary}},
		{"cross: both, session lacks", "session", Bucket, jobS, "+", "", "-", "", other, want{ImplicitlyDenied, LayerSession}},
		{"cross: key", "alice", Key, id, "+", "", "", "", other, want{Allowed, LayerResource}},
		{"cross: trust, root user", "root", Trust, id, "", "", "", "", other, want{Allowed, LayerTrust}},
		{"cross: no policy on the resource", "root", None, "", "", "", "", "", other, want{ImplicitlyDenied, LayerResource}},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := &Request{Principal: who(t, c.who), Action: "s3:GetObject", Resource: obj, ResourceAccount: acct}
			if c.owner != "" {
				req.ResourceAccount = c.owner
			}
			sets := &Sets{ResourceKind: c.kind}
			resource := obj
			switch c.kind {
			case Key:
				req.Action, req.Resource, resource = "kms:Decrypt", key, "*"
			case Trust:
				req.Action, req.Resource, resource = "sts:AssumeRole", role, ""
			}
			layer := func(mark string, kind Kind) []Source {
				switch mark {
				case "+":
					return all(t, kind)
				case "-":
					return none(t, kind)
				case "!":
					return []Source{*source(t, kind, allow("*", "*", ""), deny(req.Action, "*", ""))}
				}
				return nil
			}
			sets.Identity, sets.Boundary, sets.Session = layer(c.i, Identity), layer(c.b, Boundary), layer(c.s, Session)
			if c.scp != "" {
				sets.SCP = [][]Source{all(t, SCP), layer(c.scp, SCP), all(t, SCP)}
			}
			if c.res != "" {
				sets.Resource = source(t, c.kind, allow(req.Action, resource, c.res))
			}
			v, reasons := Explain(req, sets)
			if v.Decision != c.want.d || v.Layer != c.want.l {
				t.Errorf("%s by %s, want %s by %s\n%v", v.Decision, v.Layer, c.want.d, c.want.l, reasons)
			}
			if v != Decide(req, sets) || len(reasons) == 0 || reasons[0].Kind != "decision" {
				t.Errorf("explanation differs: %v", reasons)
			}
			if last := reasons[len(reasons)-1]; (last.Kind == "change") == v.Allowed() {
				t.Errorf("what would change it: %v", reasons)
			}
			if (Message(req, v) == "") != v.Allowed() {
				t.Error(Message(req, v))
			}
		})
	}
}

func TestResourceDenies(t *testing.T) {
	for _, c := range []struct {
		who, principal string
		denied         bool
	}{
		{"alice", `"*"`, true},
		{"anonymous", `"*"`, true},
		{"service", `"*"`, true},
		{"alice", `{"AWS":"111122223333"}`, true},
		{"root", `{"AWS":"111122223333"}`, true},
		{"session", `{"AWS":"arn:aws:iam::111122223333:role/app/Job"}`, true},
		{"session", `{"AWS":"arn:aws:iam::111122223333:role/Job"}`, false}, // the path belongs to the ARN
		{"alice", `{"AWS":"arn:aws:iam::111122223333:user/ALICE"}`, false},
		{"alice", `{"AWS":"444455556666"}`, false},
		{"service", `{"Service":"comprehend.amazonaws.com"}`, true},
		{"alice", `{"Service":"comprehend.amazonaws.com"}`, false},
	} {
		req := &Request{Principal: who(t, c.who), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: acct}
		sets := &Sets{Identity: all(t, Identity), ResourceKind: Bucket,
			Resource: source(t, Bucket, allow("s3:*", "*", `"*"`), deny("s3:*", "*", c.principal))}
		v := Decide(req, sets)
		if (v.Decision == ExplicitlyDenied) != c.denied || c.denied && (v.Layer != LayerResource || v.Statement != 1) {
			t.Errorf("%s, Deny %s: %+v", c.who, c.principal, v)
		}
	}
}

func TestNotPrincipal(t *testing.T) {
	for _, c := range []struct {
		who, listed string
		boundary    bool
		spared      bool
	}{
		{"alice", `"arn:aws:iam::111122223333:user/alice","arn:aws:iam::111122223333:root"`, false, true},
		{"alice", `"arn:aws:iam::111122223333:user/alice","111122223333"`, false, true},
		{"alice", `"arn:aws:iam::111122223333:user/alice","111122223333"`, true, false},
		{"alice", `"arn:aws:iam::111122223333:user/alice"`, false, false},
		{"alice", `"111122223333"`, false, false},
		{"session", `"111122223333","arn:aws:iam::111122223333:role/app/Job"`, false, false},
		{"session", `"111122223333","arn:aws:sts::111122223333:assumed-role/Job/s1"`, false, false},
		{"session", `"111122223333","arn:aws:iam::111122223333:role/app/Job","arn:aws:sts::111122223333:assumed-role/Job/s1"`, false, true},
		{"root", `"111122223333"`, false, true},
		{"root", `"444455556666"`, false, false},
		{"anonymous", `"111122223333"`, false, false},
		{"anonymous", `"*"`, false, true},
	} {
		req := &Request{Principal: who(t, c.who), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: acct}
		sets := &Sets{Identity: all(t, Identity), ResourceKind: Bucket,
			Resource: source(t, Bucket, `{"Effect":"Deny","NotPrincipal":{"AWS":[`+c.listed+`]},"Action":"*","Resource":"*"}`)}
		if c.boundary {
			sets.Boundary = all(t, Boundary)
		}
		if got := Decide(req, sets).Decision != ExplicitlyDenied; got != c.spared {
			t.Errorf("%s, NotPrincipal %s: spared %v", c.who, c.listed, got)
		}
	}
	// Allow with NotPrincipal allows nobody
	req := &Request{Principal: who(t, "alice"), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: acct}
	sets := &Sets{ResourceKind: Bucket, Resource: source(t, Bucket, `{"Effect":"Allow","NotPrincipal":{"AWS":"444455556666"},"Action":"*","Resource":"*"}`)}
	if Decide(req, sets).Allowed() {
		t.Error("Allow with NotPrincipal")
	}
}

func TestEndpointPolicy(t *testing.T) {
	for _, c := range []struct {
		name, who, text string
		gateway         bool
		want            Decision
	}{
		{"default", "alice", allow("*", "*", `"*"`), true, Allowed},
		{"deny only blocks all", "alice", deny("s3:GetObject", "arn:aws:s3:::packages.*.amazonaws.com/*", `"*"`), true, ImplicitlyDenied},
		{"added to the default", "alice", allow("*", "*", `"*"`) + "," + deny("s3:GetObject", "arn:aws:s3:::packages.*.amazonaws.com/*", `"*"`), true, Allowed},
		{"denies", "alice", allow("*", "*", `"*"`) + "," + deny("s3:GetObject", "arn:aws:s3:::b/*", `"*"`), true, ExplicitlyDenied},
		{"other bucket", "alice", allow("*", "arn:aws:s3:::c/*", `"*"`), true, ImplicitlyDenied},
		{"gateway: account means root", "alice", allow("*", "*", `{"AWS":"111122223333"}`), true, ImplicitlyDenied},
		{"gateway: root user", "root", allow("*", "*", `{"AWS":"111122223333"}`), true, Allowed},
		{"interface: account", "alice", allow("*", "*", `{"AWS":"111122223333"}`), false, Allowed},
		{"gateway: user", "alice", allow("*", "*", `{"AWS":"arn:aws:iam::111122223333:user/alice"}`), true, Allowed},
		{"other user", "alice", allow("*", "*", `{"AWS":"arn:aws:iam::111122223333:user/bob"}`), true, ImplicitlyDenied},
		{"anonymous", "anonymous", allow("*", "arn:aws:s3:::c/*", `"*"`), true, ImplicitlyDenied},
	} {
		req := &Request{Principal: who(t, c.who), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: acct}
		sets := &Sets{Identity: all(t, Identity), ResourceKind: Bucket, Resource: source(t, Bucket, allow("*", "*", `"*"`)),
			Endpoint: source(t, Endpoint, c.text), EndpointGateway: c.gateway}
		v, reasons := Explain(req, sets)
		if v.Decision != c.want || c.want != Allowed && v.Layer != LayerEndpoint {
			t.Errorf("%s: %s by %s\n%v", c.name, v.Decision, v.Layer, reasons)
		}
	}
}

func TestSpecialActions(t *testing.T) {
	allowAll := &Sets{Identity: all(t, Identity)}
	v := Decide(&Request{Principal: who(t, "alice"), Action: "sts:getcalleridentity", Resource: "*"},
		&Sets{Identity: []Source{*source(t, Identity, deny("*", "*", ""))}})
	if !v.Allowed() {
		t.Error("GetCallerIdentity needs no permission")
	}
	pass := func(role, owner string) Verdict {
		return Decide(&Request{Principal: who(t, "alice"), Action: "iam:PassRole", Resource: "arn:aws:iam::" + owner + ":role/" + role, ResourceAccount: owner}, allowAll)
	}
	if !pass("Data", acct).Allowed() || pass("aws-service-role/x.amazonaws.com/AWSServiceRoleForX", acct).Allowed() || pass("Data", other).Allowed() {
		t.Error("iam:PassRole")
	}
	// NotResource with a variable that has no value: the statement matches nothing
	req := &Request{Principal: who(t, "alice"), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}
	for text, want := range map[string]bool{`"NotResource":"arn:aws:s3:::b/${none:x}"`: false, `"NotResource":"arn:aws:s3:::c/*"`: true, `"NotResource":["arn:aws:s3:::c/*","arn:aws:s3:::b/*"]`: false} {
		sets := &Sets{Identity: []Source{*source(t, Identity, `{"Effect":"Allow","Action":"*",`+text+`}`)}}
		if Decide(req, sets).Allowed() != want {
			t.Error(text)
		}
	}
}

func TestGrants(t *testing.T) {
	req := &Request{Principal: who(t, "session"), Action: "kms:Decrypt", Resource: "arn:aws:kms:us-west-2:111122223333:key/1", ResourceAccount: acct}
	req.Context.Set("kms:EncryptionContext:job", "j1")
	for _, c := range []struct {
		g    Grant
		want bool
	}{
		{Grant{Grantee: "arn:aws:iam::111122223333:role/app/Job", Operations: []string{"Decrypt"}}, true},
		{Grant{Grantee: "AROAJOBJOBJOBJOBJOB0", Operations: []string{"kms:Decrypt"}}, true},
		{Grant{Grantee: "AROAJOBJOBJOBJOBJOB0", Operations: []string{"Encrypt"}}, false},
		{Grant{Grantee: "comprehend.amazonaws.com", Operations: []string{"Decrypt"}}, false},
		{Grant{Operations: []string{"Decrypt"}}, false},
		{Grant{Grantee: "AROAJOBJOBJOBJOBJOB0", Operations: []string{"Decrypt"}, Equals: map[string]string{"job": "j1"}}, true},
		{Grant{Grantee: "AROAJOBJOBJOBJOBJOB0", Operations: []string{"Decrypt"}, Equals: map[string]string{}}, false},
		{Grant{Grantee: "AROAJOBJOBJOBJOBJOB0", Operations: []string{"Decrypt"}, Subset: map[string]string{"job": "j1"}}, true},
		{Grant{Grantee: "AROAJOBJOBJOBJOBJOB0", Operations: []string{"Decrypt"}, Subset: map[string]string{"job": "j2"}}, false},
	} {
		sets := &Sets{ResourceKind: Key, Grants: []Grant{c.g}, Resource: source(t, Key, allow("kms:*", "*", `{"AWS":"arn:aws:iam::111122223333:root"}`))}
		v := Decide(req, sets)
		if v.Allowed() != c.want || c.want && v.Layer != LayerGrant {
			t.Errorf("%+v: %+v", c.g, v)
		}
	}
}

func TestDeciderIsTheFirst(t *testing.T) {
	req := &Request{Principal: who(t, "alice"), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}
	sets := &Sets{Identity: []Source{*source(t, Identity,
		`{"Sid":"other","Effect":"Allow","Action":"ec2:*","Resource":"*"}`,
		`{"Sid":"not","Effect":"Allow","NotAction":"ec2:*","Resource":"*"}`,
		`{"Sid":"wild","Effect":"Allow","Action":"s3:*","Resource":"*"}`,
		`{"Sid":"exact","Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`)}}
	if v := Decide(req, sets); v.Sid != "not" || v.Statement != 1 || v.Source != &sets.Identity[0] {
		t.Errorf("%+v", v)
	}
	sets.Identity = append(sets.Identity, *source(t, Identity,
		`{"Sid":"d1","Effect":"Deny","NotAction":"ec2:*","Resource":"*"}`, `{"Sid":"d2","Effect":"Deny","Action":"s3:getobject","Resource":"*"}`))
	if v := Decide(req, sets); v.Sid != "d1" || v.Decision != ExplicitlyDenied {
		t.Errorf("%+v", v)
	}
}
