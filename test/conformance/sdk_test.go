package conformance_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/comprehend"
	comprehendtypes "github.com/aws/aws-sdk-go-v2/service/comprehend/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// walker is the Go SDK on its way.
type walker struct {
	*testing.T
	ctx    context.Context
	cfg    aws.Config
	bucket string
}

func TestGoSDK(t *testing.T) {
	doors(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(1))
		w := &walker{T: t, ctx: ctx, cfg: cfg, bucket: "go-" + strings.ToLower(rand.Text())}
		w.must(err)
		role := w.role()
		w.objects()
		vpc := w.network()
		w.job(role, vpc)
		w.job(role, nil)
		w.walls(role)
		w.typed()
		w.strangers()
	})
}

func (w *walker) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// refused holds an error to a code and a status.
func (w *walker) refused(err error, code string, status int) {
	w.Helper()
	var api smithy.APIError
	var answer *smithyhttp.ResponseError
	switch {
	case !errors.As(err, &api) || !errors.As(err, &answer):
		w.Errorf("got %v, want %s", err, code)
	case api.ErrorCode() != code || answer.HTTPStatusCode() != status:
		w.Errorf("got %d %s, want %d %s: %v", answer.HTTPStatusCode(), api.ErrorCode(), status, code, err)
	}
}

func (w *walker) role() string {
	client := iam.NewFromConfig(w.cfg)
	out, err := client.CreateRole(w.ctx, &iam.CreateRoleInput{RoleName: &w.bucket, AssumeRolePolicyDocument: aws.String(trust)})
	w.must(err)
	_, err = client.PutRolePolicy(w.ctx, &iam.PutRolePolicyInput{RoleName: &w.bucket, PolicyName: aws.String("data"), PolicyDocument: aws.String(data(w.bucket))})
	w.must(err)
	return *out.Role.Arn
}

// objects: put, get, presigned, in parts.
func (w *walker) objects() {
	client := s3.NewFromConfig(w.cfg)
	_, err := client.CreateBucket(w.ctx, &s3.CreateBucketInput{Bucket: &w.bucket})
	w.must(err)
	put := &s3.PutObjectInput{Bucket: &w.bucket, Key: aws.String("in/docs.txt"), Body: strings.NewReader(text()), ContentType: aws.String("text/plain; charset=utf-8")}
	_, err = client.PutObject(w.ctx, put)
	w.must(err)
	got, err := client.GetObject(w.ctx, &s3.GetObjectInput{Bucket: &w.bucket, Key: put.Key})
	w.must(err)
	body, err := io.ReadAll(got.Body)
	w.must(err)
	if string(body) != text() || *got.ContentType != *put.ContentType {
		w.Errorf("the object came back as %s %q", *got.ContentType, body)
	}

	signed, err := s3.NewPresignClient(client).PresignGetObject(w.ctx, &s3.GetObjectInput{Bucket: &w.bucket, Key: put.Key}, s3.WithPresignExpires(time.Minute))
	w.must(err)
	for url, want := range map[string]int{signed.URL: 200, strings.Replace(signed.URL, "docs.txt", "other.txt", 1): 403} {
		req, err := http.NewRequestWithContext(w.ctx, signed.Method, url, nil)
		w.must(err)
		answer, err := w.cfg.HTTPClient.Do(req)
		w.must(err)
		body, err := io.ReadAll(answer.Body)
		w.must(err)
		answer.Body.Close()
		if answer.StatusCode != want || (string(body) == text()) != (want == 200) {
			w.Errorf("presigned: %d %s, want %d", answer.StatusCode, body, want)
		}
	}

	big := make([]byte, 11<<20)
	rand.Read(big)
	m := transfermanager.New(client, func(o *transfermanager.Options) { o.PartSizeBytes, o.MultipartUploadThreshold = 5<<20, 5<<20 })
	_, err = m.UploadObject(w.ctx, &transfermanager.UploadObjectInput{Bucket: &w.bucket, Key: aws.String("big"), Body: bytes.NewReader(big)})
	w.must(err)
	head, err := client.HeadObject(w.ctx, &s3.HeadObjectInput{Bucket: &w.bucket, Key: aws.String("big")})
	w.must(err)
	if *head.ContentLength != int64(len(big)) || !strings.HasSuffix(*head.ETag, `-3"`) {
		w.Errorf("uploaded in parts: %d bytes, ETag %s", *head.ContentLength, *head.ETag)
	}
	whole, err := m.GetObject(w.ctx, &transfermanager.GetObjectInput{Bucket: &w.bucket, Key: aws.String("big")})
	w.must(err)
	if body, err := io.ReadAll(whole.Body); err != nil || !bytes.Equal(body, big) {
		w.Errorf("downloaded in parts: %d bytes that differ, %v", len(body), err)
	}
	gone, err := client.DeleteObjects(w.ctx, &s3.DeleteObjectsInput{Bucket: &w.bucket, Delete: &s3types.Delete{Objects: []s3types.ObjectIdentifier{{Key: aws.String("big")}}}})
	w.must(err)
	if len(gone.Deleted) != 1 || len(gone.Errors) != 0 {
		w.Errorf("deleted: %+v", gone)
	}
	list, err := client.ListObjectsV2(w.ctx, &s3.ListObjectsV2Input{Bucket: &w.bucket})
	w.must(err)
	if len(list.Contents) != 1 || *list.Contents[0].Key != "in/docs.txt" || *list.Contents[0].Size != int64(len(text())) {
		w.Errorf("listed: %+v", list.Contents)
	}
}

// network: a VPC whose only way out is the gateway endpoint to S3.
func (w *walker) network() *comprehendtypes.VpcConfig {
	client := ec2.NewFromConfig(w.cfg)
	vpc, err := client.CreateVpc(w.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.20.0.0/16")})
	w.must(err)
	id := vpc.Vpc.VpcId
	subnet, err := client.CreateSubnet(w.ctx, &ec2.CreateSubnetInput{VpcId: id, CidrBlock: aws.String("10.20.1.0/24")})
	w.must(err)
	group, err := client.CreateSecurityGroup(w.ctx, &ec2.CreateSecurityGroupInput{VpcId: id, GroupName: aws.String("jobs"), Description: aws.String("jobs")})
	w.must(err)
	tables, err := client.DescribeRouteTables(w.ctx, &ec2.DescribeRouteTablesInput{Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{*id}}}})
	w.must(err)
	if len(tables.RouteTables) != 1 {
		w.Fatalf("a new VPC has %d route tables", len(tables.RouteTables))
	}
	table := *tables.RouteTables[0].RouteTableId
	endpoint, err := client.CreateVpcEndpoint(w.ctx, &ec2.CreateVpcEndpointInput{VpcId: id, ServiceName: aws.String("com.amazonaws." + w.cfg.Region + ".s3"), RouteTableIds: []string{table}})
	w.must(err)
	tables, err = client.DescribeRouteTables(w.ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{table}})
	w.must(err)
	found := false
	for _, r := range tables.RouteTables[0].Routes {
		found = found || aws.ToString(r.GatewayId) == *endpoint.VpcEndpoint.VpcEndpointId && strings.HasPrefix(aws.ToString(r.DestinationPrefixListId), "pl-")
	}
	if !found {
		w.Errorf("the endpoint is not among the routes %+v", tables.RouteTables[0].Routes)
	}
	return &comprehendtypes.VpcConfig{Subnets: []string{*subnet.Subnet.SubnetId}, SecurityGroupIds: []string{*group.GroupId}}
}

func (w *walker) start(role string, vpc *comprehendtypes.VpcConfig) *comprehend.StartDominantLanguageDetectionJobInput {
	return &comprehend.StartDominantLanguageDetectionJobInput{DataAccessRoleArn: &role, VpcConfig: vpc,
		InputDataConfig:  &comprehendtypes.InputDataConfig{S3Uri: aws.String("s3://" + w.bucket + "/in/"), InputFormat: comprehendtypes.InputFormatOneDocPerLine},
		OutputDataConfig: &comprehendtypes.OutputDataConfig{S3Uri: aws.String("s3://" + w.bucket + "/out")}}
}

// job runs one to its end, polling as one does, and reads its output.
func (w *walker) job(role string, vpc *comprehendtypes.VpcConfig) {
	client := comprehend.NewFromConfig(w.cfg)
	started, err := client.StartDominantLanguageDetectionJob(w.ctx, w.start(role, vpc))
	w.must(err)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := client.DescribeDominantLanguageDetectionJob(w.ctx, &comprehend.DescribeDominantLanguageDetectionJobInput{JobId: started.JobId})
		w.must(err)
		p := out.DominantLanguageDetectionJobProperties
		switch p.JobStatus {
		case comprehendtypes.JobStatusSubmitted, comprehendtypes.JobStatusInProgress:
			<-tick.C
			continue
		case comprehendtypes.JobStatusCompleted:
		default:
			w.Fatalf("the job is %s: %s", p.JobStatus, aws.ToString(p.Message))
		}
		if p.SubmitTime == nil || p.EndTime == nil || p.EndTime.Before(*p.SubmitTime) {
			w.Errorf("submitted %v, ended %v", p.SubmitTime, p.EndTime)
		}
		key, ok := strings.CutPrefix(*p.OutputDataConfig.S3Uri, "s3://"+w.bucket+"/")
		if !ok || !strings.HasSuffix(key, "-LANGUAGE-"+*started.JobId+"/output/output.tar.gz") {
			w.Fatalf("the output is at %s", *p.OutputDataConfig.S3Uri)
		}
		object, err := s3.NewFromConfig(w.cfg).GetObject(w.ctx, &s3.GetObjectInput{Bucket: &w.bucket, Key: &key})
		w.must(err)
		archive, err := io.ReadAll(object.Body)
		w.must(err)
		output(w.T, archive)
		return
	}
}

// walls: a user who may start jobs in a VPC alone, and a session of a role.
func (w *walker) walls(role string) {
	client := iam.NewFromConfig(w.cfg)
	name := w.bucket + "-analyst"
	user, err := client.CreateUser(w.ctx, &iam.CreateUserInput{UserName: &name})
	w.must(err)
	_, err = client.PutUserPolicy(w.ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("only-in-a-vpc"), PolicyDocument: aws.String(onlyInVPC(role))})
	w.must(err)
	key, err := client.CreateAccessKey(w.ctx, &iam.CreateAccessKeyInput{UserName: &name})
	w.must(err)
	analyst := w.cfg.Copy()
	analyst.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")

	_, err = comprehend.NewFromConfig(analyst).StartDominantLanguageDetectionJob(w.ctx, w.start(role, nil))
	w.refused(err, "AccessDeniedException", 403)
	if want := "User: " + *user.User.Arn + " is not authorized to perform: comprehend:StartDominantLanguageDetectionJob"; err == nil || !strings.Contains(err.Error(), want) {
		w.Errorf("the refusal doesn't say %q: %v", want, err)
	}
	_, err = s3.NewFromConfig(analyst).GetObject(w.ctx, &s3.GetObjectInput{Bucket: &w.bucket, Key: aws.String("in/docs.txt")})
	w.refused(err, "AccessDenied", 403)
	_, err = ec2.NewFromConfig(analyst).DescribeVpcs(w.ctx, &ec2.DescribeVpcsInput{})
	w.refused(err, "UnauthorizedOperation", 403)
	_, err = sts.NewFromConfig(analyst).AssumeRole(w.ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session")})
	w.refused(err, "AccessDenied", 403) // its trust policy names a service alone

	reader := name + "-reader"
	made, err := client.CreateRole(w.ctx, &iam.CreateRoleInput{RoleName: &reader, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + *user.User.Arn + `"},"Action":"sts:AssumeRole"}]}`)})
	w.must(err)
	_, err = client.PutRolePolicy(w.ctx, &iam.PutRolePolicyInput{RoleName: &reader, PolicyName: aws.String("data"), PolicyDocument: aws.String(data(w.bucket))})
	w.must(err)
	session, err := sts.NewFromConfig(analyst).AssumeRole(w.ctx, &sts.AssumeRoleInput{RoleArn: made.Role.Arn, RoleSessionName: aws.String("session")})
	w.must(err)
	assumed := w.cfg.Copy()
	assumed.Credentials = credentials.NewStaticCredentialsProvider(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)
	who, err := sts.NewFromConfig(assumed).GetCallerIdentity(w.ctx, &sts.GetCallerIdentityInput{})
	w.must(err)
	if !strings.HasSuffix(*who.Arn, ":assumed-role/"+reader+"/session") {
		w.Errorf("the session is %s", *who.Arn)
	}
	got, err := s3.NewFromConfig(assumed).GetObject(w.ctx, &s3.GetObjectInput{Bucket: &w.bucket, Key: aws.String("in/docs.txt")})
	w.must(err)
	got.Body.Close()
	_, err = iam.NewFromConfig(assumed).ListUsers(w.ctx, &iam.ListUsersInput{})
	w.refused(err, "AccessDenied", 403)
}

// as says whether an error is one of the SDK's own types.
func as[E error](w *walker, err error) {
	w.Helper()
	var e E
	if !errors.As(err, &e) {
		w.Errorf("got %v, want a %T", err, e)
	}
}

func (w *walker) typed() {
	objects, bucket := s3.NewFromConfig(w.cfg), w.bucket+"-none"
	_, err := objects.GetObject(w.ctx, &s3.GetObjectInput{Bucket: &w.bucket, Key: aws.String("none")})
	as[*s3types.NoSuchKey](w, err)
	_, err = objects.HeadObject(w.ctx, &s3.HeadObjectInput{Bucket: &w.bucket, Key: aws.String("none")})
	as[*s3types.NotFound](w, err)
	_, err = objects.ListObjectsV2(w.ctx, &s3.ListObjectsV2Input{Bucket: &bucket})
	as[*s3types.NoSuchBucket](w, err)
	_, err = iam.NewFromConfig(w.cfg).GetRole(w.ctx, &iam.GetRoleInput{RoleName: &bucket})
	as[*iamtypes.NoSuchEntityException](w, err)
	_, err = iam.NewFromConfig(w.cfg).CreateRole(w.ctx, &iam.CreateRoleInput{RoleName: &w.bucket, AssumeRolePolicyDocument: aws.String("{")})
	as[*iamtypes.MalformedPolicyDocumentException](w, err)
	jobs := comprehend.NewFromConfig(w.cfg)
	_, err = jobs.DescribeDominantLanguageDetectionJob(w.ctx, &comprehend.DescribeDominantLanguageDetectionJobInput{JobId: aws.String(strings.Repeat("0", 32))})
	as[*comprehendtypes.JobNotFoundException](w, err)
	in := w.start("not a role", nil)
	_, err = jobs.StartDominantLanguageDetectionJob(w.ctx, in)
	w.refused(err, "ValidationException", 400)
	_, err = ec2.NewFromConfig(w.cfg).DescribeSubnets(w.ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{"subnet-0123456789abcdef0"}})
	w.refused(err, "InvalidSubnetID.NotFound", 400)
}

// late signs as if it were half an hour ago.
type late struct{ *v4.Signer }

func (l late) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, at time.Time, opts ...func(*v4.SignerOptions)) error {
	return l.Signer.SignHTTP(ctx, c, r, hash, service, region, at.Add(-30*time.Minute), opts...)
}

// strangers: a wrong secret and a wrong clock, in each protocol.
func (w *walker) strangers() {
	owner, err := w.cfg.Credentials.Retrieve(w.ctx)
	w.must(err)
	wrong := w.cfg.Copy()
	wrong.Credentials = credentials.NewStaticCredentialsProvider(owner.AccessKeyID, strings.Repeat("x", 40), "")
	type refusal struct {
		code   string
		status int
	}
	slow := late{v4.NewSigner()}
	for _, p := range []struct {
		name         string
		wrong, late  refusal
		ask, askLate func(aws.Config) error
	}{
		{"ec2Query", refusal{"AuthFailure", 401}, refusal{"RequestExpired", 400},
			func(c aws.Config) error {
				_, err := ec2.NewFromConfig(c).DescribeVpcs(w.ctx, &ec2.DescribeVpcsInput{})
				return err
			}, func(c aws.Config) error {
				_, err := ec2.NewFromConfig(c, func(o *ec2.Options) { o.HTTPSignerV4 = slow }).DescribeVpcs(w.ctx, &ec2.DescribeVpcsInput{})
				return err
			}},
		{"awsQuery", refusal{"SignatureDoesNotMatch", 403}, refusal{"SignatureDoesNotMatch", 403},
			func(c aws.Config) error {
				_, err := iam.NewFromConfig(c).ListUsers(w.ctx, &iam.ListUsersInput{})
				return err
			}, func(c aws.Config) error {
				_, err := iam.NewFromConfig(c, func(o *iam.Options) { o.HTTPSignerV4 = slow }).ListUsers(w.ctx, &iam.ListUsersInput{})
				return err
			}},
		{"restXml", refusal{"SignatureDoesNotMatch", 403}, refusal{"RequestTimeTooSkewed", 403},
			func(c aws.Config) error {
				_, err := s3.NewFromConfig(c).ListBuckets(w.ctx, &s3.ListBucketsInput{})
				return err
			}, func(c aws.Config) error {
				_, err := s3.NewFromConfig(c, func(o *s3.Options) { o.HTTPSignerV4 = slow }).ListBuckets(w.ctx, &s3.ListBucketsInput{})
				return err
			}},
		{"json 1.1", refusal{"InvalidSignatureException", 400}, refusal{"InvalidSignatureException", 400},
			func(c aws.Config) error {
				_, err := comprehend.NewFromConfig(c).ListDominantLanguageDetectionJobs(w.ctx, &comprehend.ListDominantLanguageDetectionJobsInput{})
				return err
			}, func(c aws.Config) error {
				_, err := comprehend.NewFromConfig(c, func(o *comprehend.Options) { o.HTTPSignerV4 = slow }).ListDominantLanguageDetectionJobs(w.ctx, &comprehend.ListDominantLanguageDetectionJobsInput{})
				return err
			}},
	} {
		w.must(p.ask(w.cfg))
		w.Log(p.name)
		w.refused(p.ask(wrong), p.wrong.code, p.wrong.status)
		w.refused(p.askLate(w.cfg), p.late.code, p.late.status)
	}
}
