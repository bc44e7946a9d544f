package ask

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/action"
	"cloister/internal/driver/sqlite"
	"cloister/internal/shape/bedrock"
	"cloister/internal/shape/comprehend"
	"cloister/internal/shape/kms"
	"cloister/internal/shape/logs"
	"cloister/internal/shape/sagemaker"
	"cloister/internal/store"
)

var machine = &Sheet{
	Service: "sagemaker", Principal: "sagemaker.amazonaws.com", Roles: "RoleArn", Tags: "Tags", TagKeys: "TagKeys",
	Keys: map[string]string{
		"sagemaker:NetworkIsolation":    "NetworkConfig.EnableNetworkIsolation=false",
		"sagemaker:MaxRuntimeInSeconds": "StoppingCondition.MaxRuntimeInSeconds",
		"sagemaker:VolumeKmsKeyArn":     "ProcessingResources.ClusterConfig.VolumeKmsKeyId#",
		"sagemaker:VpcSubnets":          "NetworkConfig.VpcConfig.Subnets",
	},
	Operations: map[string]string{
		"CreateProcessingJob": "processing-job=ProcessingJobName",
		"ListProcessingJobs":  "",
		"DeleteTags":          "=ResourceArn",
	},
}

var crypt = &Sheet{Service: "kms", Keys: map[string]string{"kms:EncryptionContextKeys": "EncryptionContext.<keys>"}, Operations: map[string]string{
	"ReEncrypt": "ReEncryptFrom@key=SourceKeyId ReEncryptTo@key=DestinationKeyId",
	"Encrypt":   "key=KeyId",
}}

// mixed says what crypt does not need: sources of one action, maps as keys, tags that have a resource of their own.
var mixed = &Sheet{Service: "kms", Tags: "Tags", Types: map[string]string{"replica": "arn:${Partition}:kms:${ReplicaRegion}:${Account}:key/${KeyId}"},
	Keys: map[string]string{
		"kms:EncryptionAlgorithm":                       "ReEncryptFrom@SourceEncryptionAlgorithm|ReEncryptTo@DestinationEncryptionAlgorithm=SYMMETRIC_DEFAULT",
		"kms:EncryptionContext:${EncryptionContextKey}": "EncryptionContext|ReEncryptFrom@SourceEncryptionContext|ReEncryptTo@DestinationEncryptionContext",
		"kms:EncryptionContextKeys":                     "EncryptionContext.<keys>",
	},
	Operations: map[string]string{
		"ReEncrypt": "ReEncryptFrom@key=SourceKeyId ReEncryptTo@key=DestinationKeyId",
		"Encrypt":   "key=KeyId",
		"CreateKey": "CreateKey@key TagResource@replica",
	}}

func p[T any](v T) *T { return &v }

func TestQuestions(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := &api.Call{Partition: "aws", Account: "111122223333", Region: "eu-west-1"}
	tagged := "arn:aws:sagemaker:eu-west-1:111122223333:processing-job/old"
	if err := db.Update(t.Context(), func(tx store.Tx) error { return tx.SetTags(tagged, c.Scope(), map[string]string{"team": "blue"}) }); err != nil {
		t.Fatal(err)
	}
	stream := &Sheet{Service: "logs", Operations: map[string]string{"PutLogEvents": "log-stream=logGroupName+logStreamName", "CreateLogGroup": "log-group"}, Tags: "tags"}
	other := &Sheet{Service: "logs", Operations: map[string]string{"GetLogEvents": "log-stream=logGroupName|logGroupIdentifier+logStreamName",
		"StartQuery": "log-group=logGroupName? log-group=logGroupNames?"}}
	spot := &Sheet{Service: "comprehend", Operations: map[string]string{"StartEntitiesDetectionJob": "entities-detection-job entity-recognizer=EntityRecognizerArn?"},
		Keys: map[string]string{"comprehend:VpcSubnets": "VpcConfig.Subnets"}}
	model := &Sheet{Service: "bedrock", Principal: "bedrock.amazonaws.com", Tags: "tags", Operations: map[string]string{
		"CreateModelCustomizationJob": "foundation-model=baseModelIdentifier", "CreateCustomModelDeployment": "CreateCustomModelDeployment@custom-model=modelArn TagResource@custom-model-deployment"}}
	loose := &Sheet{Service: "comprehend", Keys: map[string]string{"comprehend:VpcSubnets": "DataSecurityConfig.VpcConfig.Subnets"}, Operations: map[string]string{
		"DetectEntities": "entity-recognizer-endpoint=EndpointArn?", "UpdateFlywheel": "flywheel=FlywheelArn =ActiveModelArn?"}}
	net := &comprehend.UpdateDataSecurityConfig{VpcConfig: &comprehend.VpcConfig{Subnets: []string{"subnet-a"}}}
	wide := &Sheet{Service: "comprehend", Wide: true, Tags: "Tags", Operations: spot.Operations, Keys: spot.Keys}
	cfg := &sagemaker.NetworkConfig{VpcConfig: &sagemaker.VpcConfig{Subnets: []string{"subnet-a", "subnet-b"}}}
	for _, x := range []struct {
		name  string
		sheet *Sheet
		op    string
		in    any
		want  string
	}{
		{"nothing is set", machine, "CreateProcessingJob", &sagemaker.CreateProcessingJobRequest{},
			`sagemaker:CreateProcessingJob arn:aws:sagemaker:eu-west-1:111122223333:processing-job/* 111122223333 sagemaker:NetworkIsolation=false`},
		{"all is set", machine, "CreateProcessingJob", &sagemaker.CreateProcessingJobRequest{ProcessingJobName: p("j"), NetworkConfig: cfg, RoleArn: p("arn:aws:iam::444455556666:role/R"),
			Tags: []sagemaker.Tag{{Key: p("a"), Value: p("1")}, {Key: p("empty"), Value: p("")}}, StoppingCondition: &sagemaker.ProcessingStoppingCondition{MaxRuntimeInSeconds: p(int64(60))},
			ProcessingResources: &sagemaker.ProcessingResources{ClusterConfig: &sagemaker.ProcessingClusterConfig{VolumeKmsKeyId: p("alias/k")}}},
			`sagemaker:CreateProcessingJob arn:aws:sagemaker:eu-west-1:111122223333:processing-job/j 111122223333 aws:RequestTag/a=1 aws:RequestTag/empty= aws:TagKeys=a,empty sagemaker:MaxRuntimeInSeconds=60 sagemaker:NetworkIsolation=false sagemaker:VolumeKmsKeyArn=arn:aws:kms:eu-west-1:111122223333:alias/k sagemaker:VpcSubnets=subnet-a,subnet-b
sagemaker:AddTags arn:aws:sagemaker:eu-west-1:111122223333:processing-job/j 111122223333 aws:RequestTag/a=1 aws:RequestTag/empty= aws:TagKeys=a,empty
iam:PassRole arn:aws:iam::444455556666:role/R 444455556666 iam:PassedToService=sagemaker.amazonaws.com`},
		{"no resources", machine, "ListProcessingJobs", &sagemaker.ListProcessingJobsRequest{}, `sagemaker:ListProcessingJobs * `},
		{"an ARN of any type, with tags", machine, "DeleteTags", &sagemaker.DeleteTagsInput{ResourceArn: &tagged, TagKeys: []string{"x"}},
			`sagemaker:DeleteTags ` + tagged + ` 111122223333 aws:ResourceTag/team=blue aws:TagKeys=x sagemaker:ResourceTag/team=blue`},
		{"an ARN that is none", machine, "DeleteTags", &sagemaker.DeleteTagsInput{ResourceArn: p("old")}, `sagemaker:DeleteTags * `},
		{"one action each", crypt, "ReEncrypt", &kms.ReEncryptRequest{SourceKeyId: p("1"), DestinationKeyId: p("arn:aws:kms:eu-west-1:999988887777:key/2")},
			"kms:ReEncryptFrom arn:aws:kms:eu-west-1:111122223333:key/1 111122223333\nkms:ReEncryptTo arn:aws:kms:eu-west-1:999988887777:key/2 999988887777"},
		{"the keys of a map", crypt, "Encrypt", &kms.EncryptRequest{KeyId: p("1"), EncryptionContext: map[string]string{"only": "x"}},
			"kms:Encrypt arn:aws:kms:eu-west-1:111122223333:key/1 111122223333 kms:EncryptionContextKeys=only"},
		{"a key's source for one action", mixed, "ReEncrypt", &kms.ReEncryptRequest{SourceKeyId: p("1"), DestinationKeyId: p("2"), DestinationEncryptionAlgorithm: p("RSAES_OAEP_SHA_1"),
			SourceEncryptionContext: map[string]string{"a": "1"}, DestinationEncryptionContext: map[string]string{"b": "2"}},
			"kms:ReEncryptFrom arn:aws:kms:eu-west-1:111122223333:key/1 111122223333 kms:EncryptionAlgorithm=SYMMETRIC_DEFAULT kms:EncryptionContext:a=1\n" +
				"kms:ReEncryptTo arn:aws:kms:eu-west-1:111122223333:key/2 111122223333 kms:EncryptionAlgorithm=RSAES_OAEP_SHA_1 kms:EncryptionContext:b=2"},
		{"no default from another action's source", mixed, "Encrypt", &kms.EncryptRequest{KeyId: p("1"), EncryptionContext: map[string]string{"z": "", "a": "1"}},
			"kms:Encrypt arn:aws:kms:eu-west-1:111122223333:key/1 111122223333 kms:EncryptionContext:a=1 kms:EncryptionContext:z= kms:EncryptionContextKeys=a,z"},
		{"tags about a resource of their own", mixed, "CreateKey", &kms.CreateKeyRequest{Tags: []kms.Tag{{TagKey: p("a"), TagValue: p("1")}}},
			"kms:CreateKey *  aws:RequestTag/a=1 aws:TagKeys=a\nkms:TagResource arn:aws:kms:*:111122223333:key/* 111122223333 aws:RequestTag/a=1 aws:TagKeys=a"},
		{"an ARN for the first of two placeholders", other, "GetLogEvents", &logs.GetLogEventsRequest{LogGroupIdentifier: p("arn:aws:logs:eu-west-1:999988887777:log-group:g"), LogStreamName: p("s")},
			"logs:GetLogEvents arn:aws:logs:eu-west-1:999988887777:log-group:g:log-stream:s 999988887777"},
		{"none of the optional resources", other, "StartQuery", &logs.StartQueryRequest{}, "logs:StartQuery arn:aws:logs:eu-west-1:111122223333:log-group:* 111122223333"},
		{"one of the optional resources", other, "StartQuery", &logs.StartQueryRequest{LogGroupNames: []string{"a", "b"}},
			"logs:StartQuery arn:aws:logs:eu-west-1:111122223333:log-group:a 111122223333\nlogs:StartQuery arn:aws:logs:eu-west-1:111122223333:log-group:b 111122223333"},
		{"two placeholders", stream, "PutLogEvents", &logs.PutLogEventsRequest{LogGroupName: p("g"), LogStreamName: p("s")},
			"logs:PutLogEvents arn:aws:logs:eu-west-1:111122223333:log-group:g:log-stream:s 111122223333"},
		{"one of two placeholders", stream, "PutLogEvents", &logs.PutLogEventsRequest{LogGroupName: p("g")},
			"logs:PutLogEvents arn:aws:logs:eu-west-1:111122223333:log-group:g:log-stream:* 111122223333"},
		{"tags of a map", stream, "CreateLogGroup", &logs.CreateLogGroupRequest{Tags: map[string]string{"a": ""}},
			"logs:CreateLogGroup arn:aws:logs:eu-west-1:111122223333:log-group:* 111122223333 aws:RequestTag/a= aws:TagKeys=a\n" +
				"logs:TagResource arn:aws:logs:eu-west-1:111122223333:log-group:* 111122223333 aws:RequestTag/a= aws:TagKeys=a"},
		{"keys of one type", spot, "StartEntitiesDetectionJob", &comprehend.StartEntitiesDetectionJobRequest{
			EntityRecognizerArn: p("arn:aws:comprehend:eu-west-1:111122223333:entity-recognizer/r/version/2"), VpcConfig: &comprehend.VpcConfig{Subnets: []string{"subnet-a"}}},
			`comprehend:StartEntitiesDetectionJob arn:aws:comprehend:eu-west-1:111122223333:entities-detection-job/* 111122223333 comprehend:VpcSubnets=subnet-a
comprehend:StartEntitiesDetectionJob arn:aws:comprehend:eu-west-1:111122223333:entity-recognizer/r/version/2 111122223333`},
		{"the type of an ARN of any type", loose, "UpdateFlywheel", &comprehend.UpdateFlywheelRequest{DataSecurityConfig: net,
			FlywheelArn: p("arn:aws:comprehend:eu-west-1:111122223333:flywheel/f"), ActiveModelArn: p("arn:aws:comprehend:eu-west-1:111122223333:document-classifier/c/version/1")},
			`comprehend:UpdateFlywheel arn:aws:comprehend:eu-west-1:111122223333:flywheel/f 111122223333 comprehend:VpcSubnets=subnet-a
comprehend:UpdateFlywheel arn:aws:comprehend:eu-west-1:111122223333:document-classifier/c/version/1 111122223333`},
		{"nothing but an optional resource", loose, "DetectEntities", &comprehend.DetectEntitiesRequest{}, `comprehend:DetectEntities * `},
		{"no account, and no bearer token", model, "CreateModelCustomizationJob", &bedrock.CreateModelCustomizationJobRequest{BaseModelIdentifier: p("amazon.titan:0")},
			`bedrock:CreateModelCustomizationJob arn:aws:bedrock:eu-west-1::foundation-model/amazon.titan:0 `},
		{"tags for what is made", model, "CreateCustomModelDeployment", &bedrock.CreateCustomModelDeploymentRequest{ModelArn: p("m"), Tags: []bedrock.Tag{{Key: p("a"), Value: p("1")}}},
			`bedrock:CreateCustomModelDeployment arn:aws:bedrock:eu-west-1:111122223333:custom-model/m 111122223333 aws:RequestTag/a=1 aws:TagKeys=a
bedrock:TagResource arn:aws:bedrock:eu-west-1:111122223333:custom-model-deployment/* 111122223333 aws:RequestTag/a=1 aws:TagKeys=a`},
		{"keys of all types", wide, "StartEntitiesDetectionJob", &comprehend.StartEntitiesDetectionJobRequest{
			EntityRecognizerArn: p("arn:aws:comprehend:eu-west-1:111122223333:entity-recognizer/r"), VpcConfig: &comprehend.VpcConfig{Subnets: []string{"subnet-a"}}, Tags: []comprehend.Tag{{Key: p("a"), Value: p("1")}}},
			`comprehend:StartEntitiesDetectionJob arn:aws:comprehend:eu-west-1:111122223333:entities-detection-job/* 111122223333 aws:RequestTag/a=1 aws:TagKeys=a comprehend:VpcSubnets=subnet-a
comprehend:StartEntitiesDetectionJob arn:aws:comprehend:eu-west-1:111122223333:entity-recognizer/r 111122223333 comprehend:VpcSubnets=subnet-a
comprehend:TagResource arn:aws:comprehend:eu-west-1:111122223333:entities-detection-job/* 111122223333 aws:RequestTag/a=1 aws:TagKeys=a`},
		{"an optional resource", spot, "StartEntitiesDetectionJob", &comprehend.StartEntitiesDetectionJobRequest{},
			`comprehend:StartEntitiesDetectionJob arn:aws:comprehend:eu-west-1:111122223333:entities-detection-job/* 111122223333`},
	} {
		t.Run(x.name, func(t *testing.T) {
			var qs []api.Question
			if err := db.View(t.Context(), func(v store.View) (err error) { qs, err = x.sheet.Questions(x.op)(c, v, x.in); return err }); err != nil {
				t.Fatal(err)
			}
			if got := written(qs); got != x.want {
				t.Errorf("got\n%s\nwant\n%s", got, x.want)
			}
		})
	}
}

func written(qs []api.Question) string {
	var lines []string
	for _, q := range qs {
		l := q.Action + " " + q.Resource + " " + q.Owner
		for _, k := range slices.Sorted(maps.Keys(q.Keys)) {
			l += fmt.Sprintf(" %s=%s", k, strings.Join(q.Keys[k], ","))
		}
		lines = append(lines, l)
	}
	return strings.Join(lines, "\n")
}

// TestVerify: a sheet that is wrong is told so, in each way that it can be.
func TestVerify(t *testing.T) {
	bad := &Sheet{Service: "sagemaker", Roles: "Role", Tags: "Tags", Keys: map[string]string{"sagemaker:Nothing": "Tags", "sagemaker:VpcSubnets": "VpcConfig.Subnets"},
		Operations: map[string]string{
			"CreateProcessingJob":   "",
			"DeleteProcessingJob":   "processing-job=Name",
			"DescribeProcessingJob": "job=ProcessingJobName",
			"Fly":                   "",
		}}
	var all strings.Builder
	for _, err := range bad.Verify([]string{"ListTags"}, "sagemaker:NetworkIsolation") {
		all.WriteString(err.Error() + "\n")
	}
	for _, want := range []string{"AddTags asks nothing", "CreateProcessingJob passes a role, and no source finds it", "CreateProcessingJob is authorised on processing-job, and nothing is asked about it",
		"DeleteProcessingJob: DeleteProcessingJobRequest has no member Name", `DescribeProcessingJob: "job" is no type of resource of it`, "no model has Fly", "sagemaker:Nothing is no condition key",
		"has a member VpcConfig.Subnets, the source of sagemaker:VpcSubnets", "CreateProcessingJob has the key sagemaker:MaxRuntimeInSeconds, and no source gives it"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("nobody says %q in\n%s", want, all.String())
		}
	}
	if strings.Contains(all.String(), "ListTags") || strings.Contains(all.String(), "NetworkIsolation") {
		t.Errorf("what is built and what comes from elsewhere is no fault:\n%s", all.String())
	}
}

// The type of an ARN is that of the template which says most of it, but the sheet's word holds where it may.
func TestTypeOf(t *testing.T) {
	tag, _ := action.Lookup("comprehend:TagResource")
	get, _ := action.Lookup("s3:PutObject")
	for _, x := range []struct {
		a                    action.Action
		said, resource, want string
	}{
		{tag, "", "arn:aws:comprehend:eu-west-1:111122223333:flywheel/f", "flywheel"},
		{tag, "", "arn:aws:comprehend:eu-west-1:111122223333:flywheel/f/dataset/d", "flywheel-dataset"},
		{tag, "flywheel", "arn:aws:comprehend:eu-west-1:111122223333:flywheel/f/dataset/d", "flywheel"},
		{tag, "flywheel", "arn:aws:comprehend:eu-west-1:111122223333:document-classifier/d/version/1", "document-classifier"},
		{tag, "", "arn:aws:comprehend:eu-west-1:111122223333:document-classifier-endpoint/d", "document-classifier-endpoint"},
		{tag, "", "arn:aws:s3:::b", ""},
		{tag, "mine", "*", "mine"},
		{get, "", "arn:aws:s3:::b/k", "object"},
	} {
		if got := typeOf(x.a, x.said, x.resource); got != x.want {
			t.Errorf("%s is of type %q, want %q", x.resource, got, x.want)
		}
	}
	if _, ok := fits("arn:${Partition}:x:${Region}:all", "arn:aws:x:all:small"); ok {
		t.Error("another end fits")
	}
}

func TestRest(t *testing.T) {
	rest := machine.Rest(api.Operation{Name: "DeleteTags"})
	if len(rest) != 2 || rest[0].Name != "CreateProcessingJob" || rest[0].ReadOnly || rest[1].Name != "ListProcessingJobs" || !rest[1].ReadOnly {
		t.Errorf("%+v", rest)
	}
	defer func() {
		if recover() == nil {
			t.Error("a row was made of nothing")
		}
	}()
	machine.Questions("Fly")
}
