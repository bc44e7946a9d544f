package whole_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/core/action"
	"cloister/internal/front/wire"
	"cloister/internal/shape/model"
)

// asked is what a client must know of an operation to be refused by it: the actions it may ask for, and its smallest valid input.
type asked struct {
	Actions []string `json:"actions"`
	Input   dict     `json:"input"`
	// Unsigned operations have no caller whom a policy could refuse.
	Unsigned bool `json:"unsigned,omitempty"`
}

// TestTableForClients: test/conformance knows nothing of the house, and reads what each operation asks for and takes from a
// file. The file is made here, from the table of actions and the models; CLOISTER_UPDATE=1 writes it anew.
func TestTableForClients(t *testing.T) {
	table := map[string]map[string]asked{}
	for _, s := range wire.Open().Services() {
		if s.Name == "cloister" { // our own: no SDK has it
			continue
		}
		m, err := model.Load(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		ops := map[string]asked{}
		for _, name := range s.Operations() {
			o := m.Operations[name]
			a := asked{Input: dict{}, Unsigned: o.NoAuth}
			needs, _ := action.ForOperation(s.Name, name)
			for _, n := range needs {
				a.Actions = append(a.Actions, n.Action)
			}
			if a.Actions == nil { // no source: AWS's rule is that the action has the operation's name
				a.Actions = []string{prefix(s.Name) + ":" + name}
			}
			if o.Input != nil {
				a.Input = minimal{s.Name, name}.value(o.Input).(dict)
			}
			in := s.Operation(name).New()
			if in != nil {
				pour(reflect.ValueOf(in).Elem(), a.Input)
				// The model's pattern of s3control's ARNs does not know those of buckets, which Terraform sends.
				if f := s.Operation(name).Validate(in); f != nil && s.Name != "s3control" {
					t.Errorf("%s.%s: %v: teach the table below a value", s.Name, name, f)
				}
			}
			ops[name] = a
		}
		table[s.Name] = ops
	}
	same(t, "operations.json", table)

	// What a refusal may name as the resource: the templates of the action's resources, and "*" when none of them must be there.
	resources := map[string][]string{}
	for _, ops := range table {
		for _, a := range ops {
			for _, name := range a.Actions {
				act, ok := action.Lookup(name)
				if !ok || !act.Complete {
					continue
				}
				list, must := []string{}, false
				for _, r := range act.Resources {
					list, must = append(list, r.ARN), must || r.Required
				}
				if !must {
					list = append(list, "*")
				}
				slices.Sort(list)
				resources[name] = slices.Compact(list)
			}
		}
	}
	same(t, "resources.json", resources)
}

// same holds a file of the clients to what it should be.
func same(t *testing.T, name string, v any) {
	t.Helper()
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "conformance", "testdata", name)
	if os.Getenv("CLOISTER_UPDATE") != "" {
		if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what the tables say (%v): CLOISTER_UPDATE=1 go test -run TestTableForClients ./test/whole", path, err)
	}
}

// prefix is how a service's actions begin.
func prefix(service string) string {
	switch service {
	case "s3control":
		return "s3"
	case "tagging":
		return "tag"
	case "bedrockruntime":
		return "bedrock"
	}
	return service
}

// minimal makes inputs of one operation: the required members, each with a value of the right form.
type minimal struct{ service, operation string }

// known are values by member name, where the form alone would not make sense; "service.Member" goes before "Member". The things
// that they name are made by the clients that use the table.
var known = map[string]string{
	"Bucket": "least-bucket", "Key": "least-key", "CopySource": "least-bucket/least-key", "UploadId": "least", "AccountId": "123456789012",
	"AssumeRolePolicyDocument": anyone, "PolicyDocument": anything, "Policy": anything, "PolicyText": anything, "ResourcePolicy": anything,
	"RoleArn": "arn:aws:iam::123456789012:role/least-role", "ExecutionRoleArn": "arn:aws:iam::123456789012:role/least-role",
	"UserName": "least-user", "RoleName": "least-role", "GroupName": "least-group", "PolicyName": "least-policy", "InstanceProfileName": "least-profile",
	"PolicyArn": "arn:aws:iam::123456789012:policy/least-policy", "PermissionsBoundary": "arn:aws:iam::123456789012:policy/least-policy",
	"PolicySourceArn": "arn:aws:iam::123456789012:user/least-user", "AWSServiceName": "bedrock.amazonaws.com", "SerialNumber": "arn:aws:iam::123456789012:mfa/least",
	"OpenIDConnectProviderArn": "arn:aws:iam::123456789012:oidc-provider/example.com",
	"AccessKeyId":              "AKIAIOSFODNN7EXAMPLE", "DeletionTaskId": "task/aws-service-role/bedrock.amazonaws.com/AWSServiceRoleForBedrock/00000000-0000-0000-0000-000000000000",
	"iam.Url": "https://example.com", "Arn": "arn:aws:iam::123456789012:role/least-role", "ActionNames": "s3:GetObject", "VersionId": "v1",
	"VpcId": "vpc-0123456789abcdef0", "SubnetId": "subnet-0123456789abcdef0", "GroupId": "sg-0123456789abcdef0", "SecurityGroupId": "sg-0123456789abcdef0",
	"NetworkInterfaceId": "eni-0123456789abcdef0", "RouteTableId": "rtb-0123456789abcdef0", "NetworkAclId": "acl-0123456789abcdef0",
	"InternetGatewayId": "igw-0123456789abcdef0", "NatGatewayId": "nat-0123456789abcdef0", "DhcpOptionsId": "dopt-0123456789abcdef0",
	"AllocationId": "eipalloc-0123456789abcdef0", "AssociationId": "rtbassoc-0123456789abcdef0", "AttachmentId": "eni-attach-0123456789abcdef0",
	"VpcEndpointId": "vpce-0123456789abcdef0", "PrefixListId": "pl-0123456789abcdef0", "InstanceId": "i-0123456789abcdef0",
	"VpcEndpointIds": "vpce-0123456789abcdef0", "ServiceId": "vpce-svc-0123456789abcdef0", "VpcPeeringConnectionId": "pcx-0123456789abcdef0",
	"EgressOnlyInternetGatewayId": "eigw-0123456789abcdef0", "FlowLogIds": "fl-0123456789abcdef0", "GatewayId": "vgw-0123456789abcdef0",
	"NetworkInterfacePermissionId": "eni-perm-0123456789abcdef0", "NetworkInterfaceIds": "eni-0123456789abcdef0",
	"CidrBlock": "10.1.0.0/16", "DestinationCidrBlock": "10.2.0.0/16", "AvailabilityZone": "us-east-1a", "IpProtocol": "-1",
	"NetworkInterface.Groups": "sg-0123456789abcdef0", "ResourceIds": "vpc-0123456789abcdef0", "Resources": "vpc-0123456789abcdef0", "AssociateSubnetCidrBlock.SubnetId": "subnet-0123456789abcdef0",
	"ec2.ServiceName": "com.amazonaws.us-east-1.s3", "ec2.MaxDrainDurationSeconds": "1", "PrivateIpAddresses": "10.1.0.9", "Ipv6Addresses": "fd00::9", "SecurityGroupIds": "sg-0123456789abcdef0",
	"KeyId": "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555", "SourceKeyId": "11111111-2222-3333-4444-555555555555",
	"kmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555", "TargetKeyId": "11111111-2222-3333-4444-555555555555",
	"DestinationKeyId": "11111111-2222-3333-4444-555555555555", "GranteePrincipal": "arn:aws:iam::123456789012:role/least-role",
	"RetiringPrincipal": "arn:aws:iam::123456789012:role/least-role", "AliasName": "alias/least", "ReplicaRegion": "eu-west-1", "PrimaryRegion": "eu-west-1",
	"cloudtrail.Name": "least-trail", "TrailName": "least-trail", "ResourceId": "arn:aws:cloudtrail:us-east-1:123456789012:trail/least-trail",
	"cloudtrail.ResourceArn": "arn:aws:cloudtrail:us-east-1:123456789012:eventdatastore/11111111-2222-3333-4444-555555555555", "S3BucketName": "least-bucket",
	"EventDataStore": "arn:aws:cloudtrail:us-east-1:123456789012:eventdatastore/11111111-2222-3333-4444-555555555555", "QueryId": "11111111-2222-3333-4444-555555555555",
	"ResourceIdList":        "arn:aws:cloudtrail:us-east-1:123456789012:trail/least-trail",
	"s3control.ResourceArn": "arn:aws:s3:::least-bucket", "logs.resourceArn": "arn:aws:logs:us-east-1:123456789012:log-group:least",
	"tagging.ResourceARNList": "arn:aws:s3:::least-bucket", "logGroupName": "least-group", "logGroupIdentifiers": "least-group", "logGroupIdentifier": "least-group",
	"logs.destinationArn": "arn:aws:lambda:us-east-1:123456789012:function:least", "bedrock.resourceARN": "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdefghijkl",
	"sagemaker.ResourceArn":          "arn:aws:sagemaker:us-east-1:123456789012:processing-job/least",
	"comprehend.FlywheelIterationId": "20260102T030405Z", "InstanceType": "ml.m5.large", "LocalPath": "/opt/ml/processing", "S3OutputPath": "s3://least-bucket/out",
	"StackName": "least-stack", "StackId": "least-stack", "ChangeSetName": "least-change", "StackDriftDetectionId": "11111111-2222-3333-4444-555555555555",
	"RoleSessionName": "least", "sts.Name": "least-user", "TestMetricFilter.filterPattern": "x",
	"modelArn": "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.titan-text-express-v1:0:8k/abcdefghijkl", "body": "{}",
	"sourceModelArn":  "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.titan-text-express-v1:0:8k/abcdefghijkl",
	"bedrock.modelId": "amazon.titan-text-express-v1", "bedrockruntime.modelId": "amazon.titan-text-express-v1", "baseModelIdentifier": "amazon.titan-text-express-v1",
	"modelIdentifier": "amazon.titan-text-express-v1", "GetImportedModel.modelIdentifier": "least", "DeleteImportedModel.modelIdentifier": "least",
	"GetCustomModel.modelIdentifier": "least", "DeleteCustomModel.modelIdentifier": "least",
	"GetModelInvocationJob.jobIdentifier": "abcdefghijkl", "StopModelInvocationJob.jobIdentifier": "abcdefghijkl",
	"jobArn": "arn:aws:bedrock:us-east-1:123456789012:model-copy-job/abcdefghijkl",
}

const (
	anything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	anyone   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}`
)

// guesses are tried in this order for strings with a pattern or a length.
var guesses = []string{
	"least", "arn:aws:iam::123456789012:role/least-role", "s3://least-bucket/in", "v1", "11111111-2222-3333-4444-555555555555",
	"arn:aws:comprehend:us-east-1:123456789012:document-classifier/least", "arn:aws:comprehend:us-east-1:123456789012:entity-recognizer/least",
	"arn:aws:comprehend:us-east-1:123456789012:document-classifier-endpoint/least", "arn:aws:comprehend:us-east-1:123456789012:flywheel/least",
	"arn:aws:comprehend:us-east-1:123456789012:flywheel/least/dataset/least", "arn:aws:sagemaker:us-east-1:123456789012:processing-job/least",
	"LEAST", strings.Repeat("x", 16), strings.Repeat("x", 40), strings.Repeat("x", 64), strings.Repeat("x", 200), "123456789012", "1",
}

func (m minimal) value(r *model.Ref) any {
	s := r.Shape
	switch s.Type {
	case "structure":
		out := dict{}
		if s.Document {
			return out
		}
		for _, n := range s.Required {
			out[n] = m.value(s.ByName[n])
		}
		if s.Union && len(out) == 0 && len(s.Members) > 0 {
			out[s.Members[0].Name] = m.value(s.Members[0])
		}
		return out
	case "list":
		e := *s.Element
		if e.Shape.Type == "string" {
			e.Name = r.Name // "ResourceIds": its elements are named after it
		}
		n := 1
		if s.Min != nil && int(*s.Min) > 1 {
			n = int(*s.Min)
		}
		out := make([]any, n)
		for i := range out {
			out[i] = m.value(&e)
		}
		return out
	case "map":
		return dict{m.value(s.Key).(string): m.value(s.Value)}
	case "integer", "long":
		if s.Min != nil {
			return int(*s.Min)
		}
		return 1
	case "float", "double":
		return 0.5
	case "boolean":
		return true
	case "timestamp":
		return "2026-01-02T03:04:05Z"
	case "blob":
		return "least"
	}
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	title := strings.ToUpper(r.Name[:min(1, len(r.Name))]) + r.Name[min(1, len(r.Name)):]
	for _, k := range []string{m.operation + "." + r.Name, m.service + "." + r.Name, r.Name, m.operation + "." + title, m.service + "." + title, title} {
		if v, ok := known[k]; ok && (fits(s, v) || m.service == "s3control") {
			return v
		}
	}
	for _, v := range guesses {
		if fits(s, v) {
			return v
		}
	}
	return guesses[0]
}

var escape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

// fits looks at what it can; Validate has the last word.
func fits(s *model.Shape, v string) bool {
	if s.Min != nil && len(v) < int(*s.Min) || s.Max != nil && len(v) > int(*s.Max) {
		return false
	}
	if s.Pattern == "" {
		return true
	}
	re, err := regexp.Compile(`\A(?:` + escape.ReplaceAllString(s.Pattern, `\x{$1}`) + `)\z`)
	return err != nil || re.MatchString(v)
}

// pour sets the fields of a shape from what the table will say.
func pour(v reflect.Value, x any) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		pour(v.Elem(), x)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if m, ok := x.(dict)[v.Type().Field(i).Tag.Get("m")]; ok {
				pour(v.Field(i), m)
			}
		}
	case reflect.Slice:
		if s, ok := x.(string); ok {
			v.SetBytes([]byte(s))
			return
		}
		l := x.([]any)
		v.Set(reflect.MakeSlice(v.Type(), len(l), len(l)))
		for i := range l {
			pour(v.Index(i), l[i])
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for k, e := range x.(dict) {
			p := reflect.New(v.Type().Elem()).Elem()
			pour(p, e)
			v.SetMapIndex(reflect.ValueOf(k).Convert(v.Type().Key()), p)
		}
	case reflect.String:
		v.SetString(x.(string))
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(x.(int)))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(x.(float64))
	case reflect.Bool:
		v.SetBool(x.(bool))
	}
}
