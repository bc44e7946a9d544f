package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrock"
	bedrocktypes "github.com/aws/aws-sdk-go-v2/service/bedrock/types"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	runtimetypes "github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/comprehend"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// service is one of AWS's: its client, and how it refuses.
type service struct {
	client any
	code   string
	status int
}

func services(c aws.Config) map[string]service {
	const jsonCode, xmlCode = "AccessDeniedException", "AccessDenied"
	return map[string]service{
		"comprehend":     {comprehend.NewFromConfig(c), jsonCode, 403},
		"sagemaker":      {sagemaker.NewFromConfig(c), jsonCode, 400},
		"bedrock":        {bedrock.NewFromConfig(c), jsonCode, 403},
		"bedrockruntime": {bedrockruntime.NewFromConfig(c), jsonCode, 403},
		"ec2":            {ec2.NewFromConfig(c), "UnauthorizedOperation", 403},
		"iam":            {iam.NewFromConfig(c), xmlCode, 403},
		"sts":            {sts.NewFromConfig(c), xmlCode, 403},
		"kms":            {kms.NewFromConfig(c), jsonCode, 400},
		"s3":             {s3.NewFromConfig(c), xmlCode, 403},
		"s3control":      {s3control.NewFromConfig(c), xmlCode, 403},
		"cloudtrail":     {cloudtrail.NewFromConfig(c), jsonCode, 400},
		"logs":           {cloudwatchlogs.NewFromConfig(c), jsonCode, 400},
		"cloudformation": {cloudformation.NewFromConfig(c), xmlCode, 403},
		"tagging":        {resourcegroupstaggingapi.NewFromConfig(c), jsonCode, 400},
	}
}

// unions are the members of the SDK's unions that smallest inputs need.
var unions = []any{&bedrocktypes.ModelDataSourceMemberS3DataSource{},
	&bedrocktypes.ModelInvocationJobInputDataConfigMemberS3InputDataConfig{}, &bedrocktypes.ModelInvocationJobOutputDataConfigMemberS3OutputDataConfig{},
	&runtimetypes.CountTokensInputMemberInvokeModel{}, &runtimetypes.ContentBlockMemberText{}}

// asked is an operation's row of testdata/operations.json.
type asked struct {
	Actions  []string
	Input    map[string]any
	Unsigned bool
}

// TestRefused asks each operation of each service with the Go SDK, as a user without any policy. All must refuse him, in AWS's words.
func TestRefused(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "operations.json"))
	if err != nil {
		t.Fatal(err)
	}
	var table map[string]map[string]asked
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&table); err != nil {
		t.Fatal(err)
	}
	serve(t).env(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(1), config.WithHTTPClient(straight(t)))
	w := &walker{T: t, ctx: ctx, cfg: cfg}
	w.must(err)
	w.fixtures()
	nobody, arn := w.user("least-caller", "")

	var mu sync.Mutex
	var wg sync.WaitGroup
	count := map[string]int{}
	turns := make(chan struct{}, 8)
	for name, s := range services(nobody) {
		if len(table[name]) == 0 {
			t.Errorf("the table has no operation of %s", name)
		}
		for op, a := range table[name] {
			if a.Unsigned { // it has no caller whom a policy could refuse
				continue
			}
			wg.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				err := call(ctx, s.client, op, a.Input)
				bad := judge(name, s, op, a, arn, err, "because no identity-based policy allows the %s action")
				mu.Lock()
				defer mu.Unlock()
				switch {
				case name == "sts" && (op == "GetCallerIdentity" || op == "GetSessionToken"):
					if err != nil { // no policy can refuse these: they only say who one is
						t.Errorf("%s.%s: %v", name, op, err)
					}
				case bad != "":
					t.Errorf("%s.%s: %s", name, op, bad)
				default:
					count[name]++
				}
			})
		}
	}
	wg.Wait()
	t.Logf("refused in AWS's words: %v", count)
}

// straight dials the daemon whatever a URL's host: S3 Control puts the account before it.
func straight(t *testing.T) *awshttp.BuildableClient {
	t.Helper()
	u, err := url.Parse(os.Getenv("AWS_ENDPOINT_URL"))
	if err != nil {
		t.Fatal(err)
	}
	return awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		tr.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, u.Host)
		}
	})
}

// fixtures are what the smallest inputs name, so that a refusal is about permission and nothing else.
func (w *walker) fixtures() {
	w.bucket = "least-bucket"
	objects, people := s3.NewFromConfig(w.cfg), iam.NewFromConfig(w.cfg)
	_, err := objects.CreateBucket(w.ctx, &s3.CreateBucketInput{Bucket: &w.bucket})
	w.must(err)
	_, err = objects.PutObject(w.ctx, &s3.PutObjectInput{Bucket: &w.bucket, Key: aws.String("least-key"), Body: strings.NewReader("secret")})
	w.must(err)
	who, err := sts.NewFromConfig(w.cfg).GetCallerIdentity(w.ctx, nil)
	w.must(err)
	_, err = people.CreateRole(w.ctx, &iam.CreateRoleInput{RoleName: aws.String("least-role"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + *who.Arn + `"},"Action":"sts:AssumeRole"}]}`)})
	w.must(err)
	_, err = people.CreateUser(w.ctx, &iam.CreateUserInput{UserName: aws.String("least-user")})
	w.must(err)
	_, err = people.CreateGroup(w.ctx, &iam.CreateGroupInput{GroupName: aws.String("least-group")})
	w.must(err)
	_, err = people.CreatePolicy(w.ctx, &iam.CreatePolicyInput{PolicyName: aws.String("least-policy"), PolicyDocument: aws.String(allow("s3:*", "*"))})
	w.must(err)
	_, err = people.CreateInstanceProfile(w.ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("least-profile")})
	w.must(err)
}

// user makes one with keys; an empty policy is none.
func (w *walker) user(name, policy string) (c aws.Config, arn string) {
	w.Helper()
	people := iam.NewFromConfig(w.cfg)
	u, err := people.CreateUser(w.ctx, &iam.CreateUserInput{UserName: &name})
	w.must(err)
	if policy != "" {
		_, err = people.PutUserPolicy(w.ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("own"), PolicyDocument: &policy})
		w.must(err)
	}
	k, err := people.CreateAccessKey(w.ctx, &iam.CreateAccessKeyInput{UserName: &name})
	w.must(err)
	c = w.cfg.Copy()
	c.Credentials = credentials.NewStaticCredentialsProvider(*k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey, "")
	return c, *u.User.Arn
}

func allow(action, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":%q,"Resource":%q}]}`, action, resource)
}

// call asks an operation by its name.
func call(ctx context.Context, client any, op string, members map[string]any) (err error) {
	m := reflect.ValueOf(client).MethodByName(op)
	if !m.IsValid() {
		return errors.New("the SDK does not have it")
	}
	in := reflect.New(m.Type().In(1).Elem())
	if err := fill(in.Elem(), members); err != nil {
		return err
	}
	out := m.Call([]reflect.Value{reflect.ValueOf(ctx), in})
	err, _ = out[1].Interface().(error)
	if o, ok := out[0].Interface().(*s3.DeleteObjectsOutput); ok && err == nil && len(o.Deleted) == 0 && len(o.Errors) > 0 {
		// It refuses key by key, in an answer that succeeds.
		api := &smithy.GenericAPIError{Code: *o.Errors[0].Code, Message: *o.Errors[0].Message}
		return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 403}}, Err: api}
	}
	return err
}

// fill sets a value of the SDK's from the table's.
func fill(v reflect.Value, x any) error {
	switch dst := v.Addr().Interface().(type) {
	case *time.Time:
		at, err := time.Parse(time.RFC3339, x.(string))
		*dst = at
		return err
	case *io.Reader:
		*dst = strings.NewReader(x.(string))
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), x)
	case reflect.Struct:
		for name, m := range x.(map[string]any) {
			f := v.FieldByName(strings.ToUpper(name[:1]) + name[1:])
			if !f.IsValid() {
				return fmt.Errorf("%s has no %s", v.Type(), name)
			}
			if err := fill(f, m); err != nil {
				return err
			}
		}
	case reflect.Interface:
		return member(v, x.(map[string]any))
	case reflect.Slice:
		if s, ok := x.(string); ok {
			v.SetBytes([]byte(s))
			return nil
		}
		l := x.([]any)
		v.Set(reflect.MakeSlice(v.Type(), len(l), len(l)))
		for i := range l {
			if err := fill(v.Index(i), l[i]); err != nil {
				return err
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for k, e := range x.(map[string]any) {
			p := reflect.New(v.Type().Elem()).Elem()
			if err := fill(p, e); err != nil {
				return err
			}
			v.SetMapIndex(reflect.ValueOf(k).Convert(v.Type().Key()), p)
		}
	case reflect.String:
		v.SetString(x.(string))
	case reflect.Bool:
		v.SetBool(x.(bool))
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, err := x.(json.Number).Int64()
		v.SetInt(n)
		return err
	case reflect.Float32, reflect.Float64:
		n, err := x.(json.Number).Float64()
		v.SetFloat(n)
		return err
	default:
		return fmt.Errorf("cannot fill a %s", v.Type())
	}
	return nil
}

// member sets a union: the SDK has a type for each member, and reflection can't find it.
func member(v reflect.Value, x map[string]any) error {
	for name, m := range x {
		for _, u := range unions {
			t := reflect.TypeOf(u)
			if t.Implements(v.Type()) && strings.EqualFold(t.Elem().Name(), v.Type().Name()+"Member"+name) {
				p := reflect.New(t.Elem())
				v.Set(p)
				return fill(p.Elem().FieldByName("Value"), m)
			}
		}
		return fmt.Errorf("the union %s needs its member %s among the unions above", v.Type(), name)
	}
	return fmt.Errorf("the union %s is empty", v.Type())
}

// judge says what is wrong with a refusal; empty when nothing is. In the reason, %s is the action.
func judge(name string, s service, op string, a asked, arn string, err error, reason string) string {
	var api smithy.APIError
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &api) || !errors.As(err, &answer) {
		return fmt.Sprintf("it was not refused: %v", err)
	}
	if strings.HasPrefix(op, "Head") { // an answer to HEAD has no body
		if answer.HTTPStatusCode() != 403 {
			return err.Error()
		}
		return ""
	}
	if api.ErrorCode() != s.code || answer.HTTPStatusCode() != s.status {
		return fmt.Sprintf("it answers %d %s, want %d %s: %s", answer.HTTPStatusCode(), api.ErrorCode(), s.status, s.code, api.ErrorMessage())
	}
	for _, action := range a.Actions {
		resource := `(\*|arn:aws:[^ ]+)`
		if name == "s3" || name == "s3control" {
			resource = `"(\*|arn:aws:s3:[^"]+)"`
		}
		want := regexp.QuoteMeta("User: "+arn+" is not authorized to perform: "+action) + "( on resource: " + resource + ")? " +
			regexp.QuoteMeta(strings.ReplaceAll(reason, "%s", action))
		if name == "ec2" {
			want = `You are not authorized to perform this operation\. ` + want + `\. Encoded authorization failure message: [\w=-]{60,}`
		}
		if regexp.MustCompile(`\A` + want + `\z`).MatchString(api.ErrorMessage()) {
			return ""
		}
	}
	return fmt.Sprintf("it says %q, want the sentence with one of %v", api.ErrorMessage(), a.Actions)
}
