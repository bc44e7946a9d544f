package action

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		name, level string
		types       string
		wildcard    bool
	}{
		{"s3:getobject", "Read", "accesspointobject object", false},
		{"ec2:DescribeVpcs", "List", "", true},
		{"ec2:AcceptVpcPeeringConnection", "Write", "vpc! vpc-peering-connection!", false},
		{"ec2:CreateNetworkInterface", "Write", "network-interface! security-group subnet!", false},
		{"bedrock:CreateModelCustomizationJob", "Write", "custom-model! foundation-model! model-customization-job", false},
		{"cloudformation:CreateStack", "Write", "stack!", false},
		{"iam:PassRole", "Write", "role!", false},
	} {
		a, ok := Lookup(c.name)
		if !ok {
			t.Errorf("%s: not found", c.name)
			continue
		}
		var types []string
		for _, r := range a.Resources {
			n := r.Name
			if r.Required {
				n += "!"
			}
			if !strings.HasPrefix(r.ARN, "arn:${Partition}:") {
				t.Errorf("%s: %s has the template %q", c.name, r.Name, r.ARN)
			}
			types = append(types, n)
		}
		if !strings.EqualFold(a.Name, c.name) || a.AccessLevel != c.level || strings.Join(types, " ") != c.types || a.WildcardOnly != c.wildcard {
			t.Errorf("%s: %+v with types %v", c.name, a, types)
		}
	}
	for name, want := range map[string]bool{"sts:TagSession": false, "sts:AssumeRole": true, "ec2:RejectVpcEndpointConnections": true, "tag:GetResources": true, "bedrock:InvokeModel": true, "sagemaker:CreateTrainingJob": false} {
		if a, ok := Lookup(name); !ok || a.Complete != want {
			t.Errorf("%s: complete %v, %v", name, a.Complete, ok)
		}
	}
	for _, bad := range []string{"", "s3", "s3:", "s3:Nothing", "nosuch:Get", "*"} {
		if a, ok := Lookup(bad); ok {
			t.Errorf("%q gives %+v", bad, a)
		}
	}
}

// The keys of Comprehend's actions, which differ from one action to the next. Source: Service Authorization Reference.
func TestKeys(t *testing.T) {
	has := func(name, key string) bool {
		a, _ := Lookup(name)
		return slices.Contains(a.Keys, key)
	}
	for _, c := range []struct {
		name, key string
		want      bool
	}{
		{"comprehend:CreateDocumentClassifier", "comprehend:OutputKmsKey", true},
		{"comprehend:CreateEntityRecognizer", "comprehend:OutputKmsKey", false},
		{"comprehend:CreateEntityRecognizer", "comprehend:ModelKmsKey", true},
		{"comprehend:StartSentimentDetectionJob", "comprehend:ModelKmsKey", false},
		{"comprehend:DetectSentiment", "comprehend:VpcSubnets", false},
		{"s3:ListBucket", "s3:prefix", true},
		{"s3:GetObject", "s3:prefix", false},
		{"s3:GetObject", "s3:ExistingObjectTag/${TagKey}", true},
	} {
		if has(c.name, c.key) != c.want {
			t.Errorf("%s on %s: want %v", c.key, c.name, c.want)
		}
	}
	eni, _ := Lookup("ec2:CreateNetworkInterface")
	for _, r := range eni.Resources {
		if got := slices.Contains(r.Keys, "aws:RequestTag/${TagKey}"); got != (r.Name == "network-interface") {
			t.Errorf("request tags on %s: %v", r.Name, got)
		}
	}
}

func TestKeyType(t *testing.T) {
	for _, c := range []struct {
		key, typ, canonical string
		multi, global, ok   bool
	}{
		{"comprehend:vpcsubnets", "ArrayOfString", "comprehend:VpcSubnets", true, false, true},
		{"comprehend:OutputKmsKey", "ARN", "comprehend:OutputKmsKey", false, false, true},
		{"aws:RequestTag/Team", "String", "aws:RequestTag/${TagKey}", false, false, true},
		{"aws:PrincipalTag/a/b", "String", "aws:PrincipalTag/${TagKey}", false, true, true},
		{"kms:EncryptionContext:x", "String", "kms:EncryptionContext:${EncryptionContextKey}", false, false, true},
		{"AWS:SOURCEIP", "IPAddress", "aws:SourceIp", false, true, true},
		{"aws:TagKeys", "ArrayOfString", "aws:TagKeys", true, false, true},
		{"aws:RequestTag/", "", "", false, false, false},
		{"aws:Sourceip2", "", "", false, false, false},
		{"", "", "", false, false, false},
	} {
		typ, multi, ok := KeyType(c.key)
		name, _ := CanonicalKey(c.key)
		if typ != c.typ || multi != c.multi || ok != c.ok || name != c.canonical || Global(c.key) != c.global {
			t.Errorf("%s: %q %v %v, %q, global %v", c.key, typ, multi, ok, name, Global(c.key))
		}
	}
	if !slices.Contains(Keys("comprehend"), "comprehend:VpcSubnets") || Keys("nosuch") != nil || !slices.Contains(GlobalKeys(), "aws:SourceVpc") {
		t.Error("keys are missing from their lists")
	}
}

func TestMatching(t *testing.T) {
	for _, c := range []struct {
		pattern string
		n       int
		first   string
	}{
		{"comprehend:Start*Job", 9, "comprehend:StartDocumentClassificationJob"},
		{"COMPREHEND:detectsentimen?", 1, "comprehend:DetectSentiment"},
		{"comprehend:*", 85, "comprehend:BatchDetectDominantLanguage"},
		{"s3:GetObject", 1, "s3:GetObject"},
		{"s3:Gett*", 0, ""},
		{"nosuch:*", 0, ""},
		{"comp*:x", 0, ""},
	} {
		got := Matching(c.pattern)
		if len(got) != c.n || c.n > 0 && got[0].Name != c.first {
			t.Errorf("%s: %d actions: %+v", c.pattern, len(got), got)
		}
	}
	if len(Types("s3")) != 13 || Types("nosuch") != nil {
		t.Errorf("%d resource types of s3", len(Types("s3")))
	}
	if all := Matching("*"); len(all) < 900 {
		t.Errorf("* matches %d actions", len(all))
	}
	if !Whole("s3") || !Whole("bedrock") || Whole("ec2") || !Whole("tag") || Whole("nosuch") || len(Services()) != 12 || !slices.IsSorted(Services()) {
		t.Errorf("services: %v", Services())
	}
}

// Each core operation of each model that has an API in AWS says what it asks for.
func TestEveryOperation(t *testing.T) {
	models := map[string]string{"bedrock": "bedrock", "bedrockruntime": "bedrock-runtime", "cloudformation": "cloudformation",
		"cloudtrail": "cloudtrail", "comprehend": "comprehend", "ec2": "ec2", "iam": "iam", "kms": "kms", "logs": "logs", "s3": "s3",
		"s3control": "s3control", "sagemaker": "sagemaker", "sts": "sts", "tagging": "resourcegroupstaggingapi"}
	for service, model := range models {
		raw, err := os.ReadFile(filepath.Join("..", "..", "..", "models", model+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var m struct{ Core []string }
		if err := json.Unmarshal(raw, &m); err != nil || len(m.Core) == 0 {
			t.Fatalf("%s: %d core operations, %v", model, len(m.Core), err)
		}
		for _, op := range m.Core {
			needs, ok := ForOperation(service, op)
			if !ok || len(needs) == 0 {
				t.Errorf("%s %s asks for nothing", service, op)
			}
			for _, n := range needs {
				if _, ok := Lookup(n.Action); !ok && n.Action != "sagemaker:AddTags" {
					t.Errorf("%s %s asks for %s, which is no action", service, op, n.Action)
				}
			}
		}
	}
}

func TestForOperation(t *testing.T) {
	names := func(service, op string) string {
		needs, ok := ForOperation(service, op)
		var out []string
		for _, n := range needs {
			s := n.Action
			if n.When != "" {
				s += " when " + n.When
			}
			if v := n.Keys["iam:PassedToService"]; v != "" {
				s += " to " + v
			}
			out = append(out, s)
		}
		if !ok {
			return "?"
		}
		return strings.Join(out, ", ")
	}
	for _, c := range [][3]string{
		{"s3", "ListObjectsV2", "s3:ListBucket"},
		{"s3", "CopyObject", "s3:PutObject, s3:GetObject"},
		{"s3control", "GetPublicAccessBlock", "s3:GetAccountPublicAccessBlock"},
		{"bedrockruntime", "Converse", "bedrock:InvokeModel"},
		{"tagging", "GetResources", "tag:GetResources"},
		{"kms", "ReEncrypt", "kms:ReEncryptFrom, kms:ReEncryptTo"},
		{"ec2", "CreateFlowLogs", "ec2:CreateFlowLogs, ec2:CreateTags when tags are given, iam:PassRole when a role ARN is given to vpc-flow-logs.amazonaws.com"},
		{"comprehend", "StartEntitiesDetectionJob", "comprehend:StartEntitiesDetectionJob, comprehend:TagResource when tags are given, " +
			"iam:PassRole when a role ARN is given to comprehend.amazonaws.com"},
		{"s3", "NoSuchOperation", "?"},
		{"nosuch", "GetObject", "?"},
	} {
		if got := names(c[0], c[1]); got != c[2] {
			t.Errorf("%s %s: %s", c[0], c[1], got)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		read(text)
	}
}
