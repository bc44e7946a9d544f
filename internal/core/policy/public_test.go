package policy

import "testing"

// Source: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage", the meaning of public, with its examples.
func TestPublic(t *testing.T) {
	for _, x := range []struct {
		statement string
		want      bool
	}{
		{`"Effect":"Allow","Principal":"*"`, true},
		{`"Effect":"Allow","Principal":{"AWS":["111122223333","*"]}`, true},
		{`"Effect":"Deny","Principal":"*"`, false},
		{`"Effect":"Allow","Principal":{"AWS":"111122223333"}`, false},
		{`"Effect":"Allow","Principal":{"Service":"logs.amazonaws.com"}`, false},
		{`"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-91237329"}}`, false},
		{`"Effect":"Allow","Principal":"*","Condition":{"StringLike":{"aws:SourceVpc":"vpc-*"}}`, true},
		{`"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"aws:SourceVpce":["vpce-1","vpce-?"]}}`, true},
		{`"Effect":"Allow","Principal":"*","Condition":{"StringNotEquals":{"aws:SourceVpc":"vpc-91237329"}}`, true},
		{`"Effect":"Allow","Principal":"*","Condition":{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-91237329"}}`, true},
		{`"Effect":"Allow","Principal":"*","Condition":{"ForAllValues:StringEquals":{"aws:PrincipalOrgPaths":"o-1/r-1/"}}`, true},
		{`"Effect":"Allow","Principal":"*","Condition":{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-1/r-1/*"}}`, false},
		{`"Effect":"Allow","Principal":"*","Condition":{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"*"}}`, true},
		{`"Effect":"Allow","Principal":"*","Condition":{"Null":{"aws:SourceVpc":"false"}}`, true},
		{`"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"aws:UserAgent":"curl"}}`, true},
		{`"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"aws:UserAgent":"curl","aws:PrincipalOrgID":"o-1"}}`, false},
		{`"Effect":"Allow","Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","2001:db8::/32"]}}`, false},
		{`"Effect":"Allow","Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}}`, true},
		{`"Effect":"Allow","Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"2001::/16"}}`, true},
		{`"Effect":"Allow","Principal":"*","Condition":{"StringLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-west-2:123456789012:accesspoint/*"}}`, false},
		{`"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"aws:userid":"${aws:userid}"}}`, true},
	} {
		d, err := Parse([]byte(`{"Version":"2012-10-17","Statement":[{`+x.statement+`,"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}`), Bucket)
		if err != nil || d.Public() != x.want {
			t.Errorf("%s: public %v, want %v; %v", x.statement, d != nil && d.Public(), x.want, err)
		}
	}
}
