package whole_test

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"testing"

	"cloister/internal/client"
)

// TestTrainingsGuarded: the two policies of AWS's announcement of Comprehend's condition keys guard both kinds of training: one demands that a
// network and keys are given, one says which. (Their code is not part of the page's text: they are made after its words and the Service
// Authorization Reference.) What is refused names the key of the condition that failed.
func TestTrainingsGuarded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	volume, output, models, other := s.newKey(), s.newKey(), s.newKey(), s.newKey()
	subnet, group := s.newSubnet(s.vpc, "10.0.32.0/20"), s.newGroup(s.vpc, "theirs")
	pass := dict{"Effect": "Allow", "Action": "iam:PassRole", "Resource": s.role}
	user := func(name string, statements ...dict) *actor {
		return s.user(name, encode(t, dict{"Version": "2012-10-17", "Statement": append(statements, pass)}))
	}
	const network, groups = "comprehend:VpcSubnets", "comprehend:VpcSecurityGroupIds"
	given := func(names ...string) dict {
		d := dict{}
		for _, n := range names {
			d[n] = "false"
		}
		return d
	}
	mine := func(sid, action string, arns dict) dict {
		return dict{"Sid": sid, "Effect": "Allow", "Action": action, "Resource": "*", "Condition": dict{"ArnEquals": arns, "Null": given(network, groups),
			"ForAllValues:StringEquals": dict{network: []string{s.subnet}, groups: []string{s.group}}}}
	}
	const v, o, m = "comprehend:VolumeKmsKey", "comprehend:OutputKmsKey", "comprehend:ModelKmsKey"
	users := map[string]*actor{
		"given": user("given", dict{"Sid": "RequireVpcAndKms", "Effect": "Allow", "Action": "comprehend:CreateDocumentClassifier", "Resource": "*", "Condition": dict{"Null": given(v, o, m, groups, network)}},
			dict{"Sid": "Recognizer", "Effect": "Allow", "Action": "comprehend:CreateEntityRecognizer", "Resource": "*", "Condition": dict{"Null": given(v, m, groups, network)}}),
		"mine": user("mine", mine("Classifier", "comprehend:CreateDocumentClassifier", dict{v: volume, o: output, m: models}), mine("Recognizer", "comprehend:CreateEntityRecognizer", dict{v: volume, m: models})),
		"denied": user("denied", dict{"Effect": "Allow", "Action": "comprehend:*", "Resource": "*"},
			dict{"Sid": "DenyNoVpc", "Effect": "Deny", "Action": "comprehend:Create*", "Resource": "*", "Condition": dict{"Null": dict{network: "true"}}},
			dict{"Sid": "DenyOtherSubnet", "Effect": "Deny", "Action": "comprehend:*", "Resource": "*", "Condition": dict{"ForAnyValue:StringNotEquals": dict{network: []string{s.subnet}}}},
			dict{"Sid": "DenyOtherGroup", "Effect": "Deny", "Action": "comprehend:*", "Resource": "*", "Condition": dict{"ForAnyValue:StringNotEquals": dict{groups: []string{s.group}}}},
			dict{"Sid": "DenyVolume", "Effect": "Deny", "Action": "comprehend:Create*", "Resource": "*", "Condition": dict{"ArnNotEquals": dict{v: volume}}},
			dict{"Sid": "DenyOutput", "Effect": "Deny", "Action": "comprehend:CreateDocumentClassifier", "Resource": "*", "Condition": dict{"ArnNotEquals": dict{o: output}}},
			dict{"Sid": "DenyModel", "Effect": "Deny", "Action": "comprehend:Create*", "Resource": "*", "Condition": dict{"ArnNotEquals": dict{m: models}}}),
	}
	denies := map[string]string{network: "DenyNoVpc|DenyOtherSubnet", groups: "DenyOtherGroup", v: "DenyVolume", o: "DenyOutput", m: "DenyModel"}
	vpc := func(subnets, groups []string) dict { return dict{"Subnets": subnets, "SecurityGroupIds": groups} }
	cases := []struct {
		what   string
		over   dict   // nil takes a member away
		key    string // that the refusal is about
		given  bool   // whether a policy that only demands it lets it pass
		output bool   // of classifiers alone
	}{
		{what: "all that is mine", given: true},
		{"no network", dict{"VpcConfig": nil}, network, false, false},
		{"another subnet", dict{"VpcConfig": vpc([]string{subnet}, []string{s.group})}, network, true, false},
		{"another subnet beside mine", dict{"VpcConfig": vpc([]string{s.subnet, subnet}, []string{s.group})}, network, true, false},
		{"another group", dict{"VpcConfig": vpc([]string{s.subnet}, []string{group})}, groups, true, false},
		{"another group beside mine", dict{"VpcConfig": vpc([]string{s.subnet}, []string{s.group, group})}, groups, true, false},
		{"no key of the volume", dict{"VolumeKmsKeyId": nil}, v, false, false},
		{"another key of the volume", dict{"VolumeKmsKeyId": other}, v, true, false},
		{"no key of the model", dict{"ModelKmsKeyId": nil}, m, false, false},
		{"another key of the model", dict{"ModelKmsKeyId": other}, m, true, false},
		{"no key of the output", dict{"OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out"}}, o, false, true},
		{"no output", dict{"OutputDataConfig": nil}, o, false, true},
		{"another key of the output", dict{"OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out", "KmsKeyId": other}}, o, true, true},
	}
	for _, kind := range []string{"DocumentClassifier", "EntityRecognizer"} {
		call := "Create" + kind
		for name, u := range users {
			for i, c := range cases {
				if c.output && kind == "EntityRecognizer" { // which has no output
					continue
				}
				in := dict{"LanguageCode": "en", "DataAccessRoleArn": s.role, "VolumeKmsKeyId": volume, "ModelKmsKeyId": models, "VpcConfig": vpc([]string{s.subnet}, []string{s.group}),
					"RecognizerName": fmt.Sprintf("%s-%d", name, i), "InputDataConfig": dict{"EntityTypes": []dict{{"Type": "MEAL"}}, "Documents": dict{"S3Uri": "s3://" + s.bucket + "/d"}, "Annotations": dict{"S3Uri": "s3://" + s.bucket + "/a"}}}
				if kind == "DocumentClassifier" {
					delete(in, "RecognizerName")
					maps.Copy(in, dict{"DocumentClassifierName": fmt.Sprintf("%s-%d", name, i), "InputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/none"}, "OutputDataConfig": dict{"S3Uri": "s3://" + s.bucket + "/out", "KmsKeyId": output}})
				}
				maps.Copy(in, c.over)
				for k, x := range in {
					if x == nil {
						delete(in, k)
					}
				}
				_, err := u.call(call, in)
				if c.key == "" || c.given && name == "given" {
					if err != nil {
						t.Errorf("%s, %s, %s: %v", name, call, c.what, err)
					} else {
						s.trained("Describe"+kind, kind+"Arn", fmt.Sprintf("arn:aws:comprehend:us-east-1:%s:%s/%s-%d", s.account, map[string]string{"DocumentClassifier": "document-classifier", "EntityRecognizer": "entity-recognizer"}[kind], name, i))
					}
					continue
				}
				u.refused(err, 403, "AccessDeniedException", "comprehend:"+call)
				var e *client.Error
				if errors.As(err, &e) {
					says := regexp.MustCompile(`denied: statement \d+ \((` + denies[c.key] + `)\)`)
					if name != "denied" {
						says = regexp.MustCompile(`does not apply: condition [\w:]+ ` + c.key)
					}
					if why := s.why(e.RequestID); !says.MatchString(why) {
						t.Errorf("%s, %s, %s: the explanation does not say %s:\n%s", name, call, c.what, says, why)
					}
				}
			}
		}
	}
}
