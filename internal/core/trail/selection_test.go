package trail

import "testing"

func TestTakes(t *testing.T) {
	put := Event{Recipient: "1", Region: "eu", Service: "s3", Name: "PutObject", Resources: []string{"arn:aws:s3:::b/in/k"}, Caller: Caller{Type: "IAMUser", ARN: "arn:aws:iam::1:user/ann"}}
	list := Event{Recipient: "1", Region: "eu", Service: "s3", Name: "ListObjectsV2", ReadOnly: true, Resources: []string{"arn:aws:s3:::b"}}
	create := Event{Recipient: "1", Region: "eu", Service: "ec2", Name: "CreateVpc", Resources: []string{"arn:aws:ec2:eu:1:vpc/v"}}
	describe := Event{Recipient: "1", Region: "eu", Service: "ec2", Name: "DescribeVpcs", ReadOnly: true}
	decrypt := Event{Recipient: "1", Region: "eu", Service: "kms", Name: "Decrypt", ReadOnly: true, Resources: []string{"arn:aws:kms:eu:1:key/k"}}
	role := Event{Recipient: "1", Region: "us-east-1", Service: "iam", Name: "CreateRole"}
	own := Event{Recipient: "1", Region: "eu", Service: "kms", Name: "GenerateDataKey", Caller: Caller{Type: "AWSService", InvokedBy: Principal}}
	many := Event{Recipient: "1", Region: "eu", Service: "s3", Name: "DeleteObjects", Resources: []string{"arn:aws:s3:::m", "arn:aws:s3:::m/scratch/a", "arn:aws:s3:::m/contract"}}
	theirs := create
	theirs.Recipient = "2"
	all := map[string]*Event{"put": &put, "list": &list, "create": &create, "describe": &describe, "decrypt": &decrypt, "role": &role, "own": &own, "many": &many, "theirs": &theirs}
	objects := func(v ...string) []DataResource { return []DataResource{{Type: "AWS::S3::Object", Values: v}} }
	data := func(more ...Field) Selection {
		return Selection{Advanced: []Advanced{{Fields: append([]Field{{Field: "eventCategory", Equals: []string{"Data"}}, {Field: "resources.type", Equals: []string{"AWS::S3::Object"}}}, more...)}}}
	}
	management := func(more ...Field) Selection {
		return Selection{Advanced: []Advanced{{Fields: append([]Field{{Field: "eventCategory", Equals: []string{"Management"}}}, more...)}}}
	}
	for _, c := range []struct {
		name string
		t    Trail
		want []string
	}{
		{"none set", Trail{}, []string{"create", "describe", "decrypt"}},
		{"all regions", Trail{Multi: true, Global: true}, []string{"create", "describe", "decrypt", "role"}},
		{"all regions, nothing global", Trail{Multi: true}, []string{"create", "describe", "decrypt"}},
		{"writes", Trail{Select: Selection{Basic: []Basic{{ReadWrite: "WriteOnly", Management: true}}}}, []string{"create"}},
		{"reads", Trail{Select: Selection{Basic: []Basic{{ReadWrite: "ReadOnly", Management: true}}}}, []string{"describe", "decrypt"}},
		{"without KMS", Trail{Select: Selection{Basic: []Basic{{ReadWrite: "All", Management: true, Exclude: []string{"kms.amazonaws.com"}}}}}, []string{"create", "describe"}},
		{"all objects", Trail{Select: Selection{Basic: []Basic{{ReadWrite: "All", Data: objects("arn:aws:s3")}}}}, []string{"put", "list", "many"}},
		{"objects of a bucket", Trail{Select: Selection{Basic: []Basic{{ReadWrite: "All", Data: objects("arn:aws:s3:::b/")}}}}, []string{"put", "list"}},
		{"objects of another bucket", Trail{Select: Selection{Basic: []Basic{{ReadWrite: "All", Data: objects("arn:aws:s3:::bb/")}}}}, nil},
		{"below a prefix, that write", Trail{Select: Selection{Basic: []Basic{{ReadWrite: "WriteOnly", Data: objects("arn:aws:s3:::b/in/")}}}}, []string{"put"}},
		{"two selectors", Trail{Select: Selection{Basic: []Basic{{ReadWrite: "WriteOnly", Management: true}, {ReadWrite: "ReadOnly", Data: objects("arn:aws:s3:::b/")}}}}, []string{"create", "list"}},
		{"advanced: objects", Trail{Select: data()}, []string{"put", "list", "many"}},
		{"advanced: below a prefix", Trail{Select: data(Field{Field: "resources.ARN", StartsWith: []string{"arn:aws:s3:::x/", "arn:aws:s3:::b/in"}})}, []string{"put"}},
		{"advanced: not below a prefix", Trail{Select: data(Field{Field: "resources.ARN", NotStartsWith: []string{"arn:aws:s3:::b/in"}})}, []string{"list", "many"}},
		{"advanced: one of many is left out", Trail{Select: data(Field{Field: "resources.ARN", NotStartsWith: []string{"arn:aws:s3:::m/scratch/", "arn:aws:s3:::b/"}})}, []string{"many"}},
		{"advanced: all of many are left out", Trail{Select: data(Field{Field: "resources.ARN", NotStartsWith: []string{"arn:aws:s3:::m/scratch/", "arn:aws:s3:::m/con", "arn:aws:s3:::b/"}})}, nil},
		{"advanced: by the caller", Trail{Select: data(Field{Field: "userIdentity.arn", EndsWith: []string{"/ann"}})}, []string{"put"}},
		{"advanced: by name", Trail{Select: data(Field{Field: "eventName", Equals: []string{"ListObjects"}})}, []string{"list"}},
		{"advanced: management", Trail{Select: management()}, []string{"create", "describe", "decrypt"}},
		{"advanced: management, not KMS, that writes", Trail{Select: management(Field{Field: "eventSource", NotEquals: []string{"kms.amazonaws.com"}}, Field{Field: "readOnly", Equals: []string{"false"}})}, []string{"create"}},
		{"advanced: a field that is not known", Trail{Select: management(Field{Field: "x", NotEquals: []string{"y"}})}, nil},
	} {
		c.t.Account, c.t.Home = "1", "eu"
		want := map[string]bool{}
		for _, w := range c.want {
			want[w] = true
		}
		for name, e := range all {
			if got := c.t.Takes(e); got != want[name] {
				t.Errorf("%s: %s is taken: %v", c.name, name, got)
			}
		}
	}
}
