package wire

import (
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"cloister/internal/shape/ec2"
)

// FuzzDecode sends any body to one operation of each protocol: no panic, and what was decoded can be listed, recorded,
// validated; a JSON input is the same after being written and read again.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"InputDataConfig":{"S3Uri":"s3://b/x"},"VpcConfig":{"Subnets":["s"],"SecurityGroupIds":["g"]},"Tags":[{"Key":"k"}]}`,
		"IpPermissions.1.IpProtocol=tcp&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8&GroupId=sg", "Tags.member.1.Key=a&Tags.member.1.Value=b&RoleName=r",
		`<Delete xmlns="x"><Object><Key>a</Key></Object><Quiet>true</Quiet></Delete>`,
		`{"modelId":"m","messages":[{"role":"user","content":[{"text":"a"}]}],"additionalModelRequestFields":{"a":[1,2.5,{"b":null}]}}`,
	} {
		f.Add(s)
	}
	r := Open()
	ops := []*Operation{
		r.Service("comprehend").Operation("StartDominantLanguageDetectionJob"), r.Service("kms").Operation("GenerateDataKey"),
		r.Service("ec2").Operation("AuthorizeSecurityGroupIngress"), r.Service("iam").Operation("TagRole"),
		r.Service("s3").Operation("DeleteObjects"), r.Service("s3").Operation("PutBucketLifecycleConfiguration"), r.Service("bedrockruntime").Operation("Converse"),
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, o := range ops {
			req := httptest.NewRequest("POST", "/", nil)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			form, bad := ParseForm(req, []byte(body))
			if bad != nil && o.Service.Form() {
				continue
			}
			in, bad := o.Decode(req, Labels{"modelId": "m", "Bucket": "b"}, form, strings.NewReader(body))
			if bad != nil {
				_ = Explain(o.Service, o, bad)
				continue
			}
			_ = o.SetMembers(in)
			_ = o.Validate(in)
			_ = o.Params(in)
			if o.Service.Protocol == "json" {
				v := unbind(o.op.Input, reflect.ValueOf(in))
				again, bad := o.Decode(req, nil, nil, strings.NewReader(string(appendJSON(nil, o.op.Input, v))))
				if bad != nil || !reflect.DeepEqual(in, again) {
					t.Fatalf("%s: %v\n%s\n%s", o.Name, bad, o.Params(in), o.Params(again))
				}
			}
		}
	})
}

func BenchmarkDecodeStart(b *testing.B) {
	o := Open().Service("comprehend").Operation("StartDominantLanguageDetectionJob")
	const body = `{"InputDataConfig":{"S3Uri":"s3://documents/in/","InputFormat":"ONE_DOC_PER_LINE"},"OutputDataConfig":{"S3Uri":"s3://documents/out/"},"DataAccessRoleArn":"arn:aws:iam::000000000000:role/reader","JobName":"languages","ClientRequestToken":"6e1c9d0e-1f9b-4a6e-8d2e-0d1f4d1f8b0a","VpcConfig":{"SecurityGroupIds":["sg-0123456789abcdef0"],"Subnets":["subnet-0123456789abcdef0","subnet-0123456789abcdef1"]}}`
	req := httptest.NewRequest("POST", "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		in, f := o.Decode(req, nil, nil, strings.NewReader(body))
		if f != nil {
			b.Fatal(f)
		}
		if f := o.Validate(in); f != nil {
			b.Fatal(f)
		}
		_ = o.SetMembers(in)
	}
}

func BenchmarkEncodeDescribe(b *testing.B) {
	o := Open().Service("ec2").Operation("DescribeNetworkInterfaces")
	eni := ec2.NetworkInterface{NetworkInterfaceId: p("eni-0123456789abcdef0"), SubnetId: p("subnet-0123456789abcdef0"), VpcId: p("vpc-0123456789abcdef0"), Status: p("in-use"),
		PrivateIpAddress: p("10.0.0.4"), MacAddress: p("02:00:00:00:00:01"), SourceDestCheck: p(true), Groups: []ec2.GroupIdentifier{{GroupId: p("sg-1"), GroupName: p("default")}}, TagSet: []ec2.Tag{}}
	out := &ec2.DescribeNetworkInterfacesResult{NetworkInterfaces: make([]ec2.NetworkInterface, 100)}
	for i := range out.NetworkInterfaces {
		out.NetworkInterfaces[i] = eni
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := o.Encode(httptest.NewRecorder(), out, "r1"); err != nil {
			b.Fatal(err)
		}
	}
}
