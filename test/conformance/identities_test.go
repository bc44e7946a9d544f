package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/comprehend"
	comprehendtypes "github.com/aws/aws-sdk-go-v2/service/comprehend/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
)

// TestGoSDKIdentities walks IAM's things through their lives in the order in which the Terraform provider asks.
func TestGoSDKIdentities(t *testing.T) {
	serve(t).env(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(1))
	w := &walker{T: t, ctx: ctx, cfg: cfg, bucket: "identities"}
	w.must(err)
	l := &lives{w, iam.NewFromConfig(cfg)}
	arn := l.policy()
	l.role(arn)
	l.userAndGroup(arn)
	l.remove(arn)
	l.sessions()
	l.passRole()
}

// lives are those of IAM's things.
type lives struct {
	*walker
	iam *iam.Client
}

// broken holds an error to one of the SDK's own types, and to its status.
func broken[E error](l *lives, err error, status int) {
	l.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		l.Errorf("got %v, want a fault", err)
		return
	}
	l.refused(err, api.ErrorCode(), status)
	as[E](l.walker, err)
}

type (
	exists    = *iamtypes.EntityAlreadyExistsException
	missing   = *iamtypes.NoSuchEntityException
	conflict  = *iamtypes.DeleteConflictException
	limit     = *iamtypes.LimitExceededException
	malformed = *iamtypes.MalformedPolicyDocumentException
)

func equal[T any](l *lives, what string, got, want T) {
	l.Helper()
	g, _ := json.Marshal(got)
	x, _ := json.Marshal(want)
	if string(g) != string(x) {
		l.Errorf("%s: got %s, want %s", what, g, x)
	}
}

// pager is any of the SDK's paginators over IAM.
type pager[O any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*iam.Options)) (O, error)
}

// pages collects the names of at least three pages.
func pages[O any](l *lives, p pager[O], names func(O) []string) []string {
	l.Helper()
	var out []string
	n := 0
	for ; p.HasMorePages(); n++ {
		o, err := p.NextPage(l.ctx)
		l.must(err)
		out = append(out, names(o)...)
	}
	if n < 3 {
		l.Errorf("%d pages only of %v", n, out)
	}
	return out
}

// policy: Terraform makes, reads tags and document, and updates by a new version when the oldest has made way.
func (l *lives) policy() string {
	made, err := l.iam.CreatePolicy(l.ctx, &iam.CreatePolicyInput{PolicyName: aws.String("life"), Path: aws.String("/"), PolicyDocument: aws.String(allow("s3:GetObject", "*")),
		Tags: []iamtypes.Tag{{Key: aws.String("Name"), Value: aws.String("life")}}})
	l.must(err)
	arn := made.Policy.Arn
	l.must(iam.NewPolicyExistsWaiter(l.iam).Wait(l.ctx, &iam.GetPolicyInput{PolicyArn: arn}, 10*time.Second))
	for i := range 6 {
		versions, err := l.iam.ListPolicyVersions(l.ctx, &iam.ListPolicyVersionsInput{PolicyArn: arn})
		l.must(err)
		if len(versions.Versions) == 5 {
			_, err = l.iam.CreatePolicyVersion(l.ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(allow("s3:*", "*"))})
			broken[limit](l, err, 409)
			oldest := versions.Versions[4]
			_, err = l.iam.DeletePolicyVersion(l.ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: oldest.VersionId})
			l.must(err)
		}
		text := allow("s3:GetObject", fmt.Sprintf("arn:aws:s3:::b%d/*", i))
		_, err = l.iam.CreatePolicyVersion(l.ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: &text, SetAsDefault: true})
		l.must(err)
		got, err := l.iam.GetPolicy(l.ctx, &iam.GetPolicyInput{PolicyArn: arn})
		l.must(err)
		v, err := l.iam.GetPolicyVersion(l.ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: got.Policy.DefaultVersionId})
		l.must(err)
		document, err := url.QueryUnescape(*v.PolicyVersion.Document)
		l.must(err)
		equal(l, "the document in force", document, text)
	}
	tags, err := l.iam.ListPolicyTags(l.ctx, &iam.ListPolicyTagsInput{PolicyArn: arn})
	l.must(err)
	equal(l, "a policy's tags", len(tags.Tags), 1)
	_, err = l.iam.DeletePolicy(l.ctx, &iam.DeletePolicyInput{PolicyArn: arn})
	broken[conflict](l, err, 409)
	_, err = l.iam.CreatePolicy(l.ctx, &iam.CreatePolicyInput{PolicyName: aws.String("life"), PolicyDocument: aws.String(allow("s3:*", "*"))})
	broken[exists](l, err, 409)
	_, err = l.iam.CreatePolicy(l.ctx, &iam.CreatePolicyInput{PolicyName: aws.String("bad"), PolicyDocument: aws.String(`{"Statement":[{"Effect":"allow"}]}`)})
	broken[malformed](l, err, 400)
	return *arn
}

// role: its policies of both kinds, its profile, its boundary.
func (l *lives) role(arn string) {
	name := aws.String("worker")
	made, err := l.iam.CreateRole(l.ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust), Path: aws.String("/team/"),
		MaxSessionDuration: aws.Int32(3600), PermissionsBoundary: &arn, Tags: []iamtypes.Tag{{Key: aws.String("Name"), Value: name}}})
	l.must(err)
	l.must(iam.NewRoleExistsWaiter(l.iam).Wait(l.ctx, &iam.GetRoleInput{RoleName: name}, 10*time.Second))
	got, err := l.iam.GetRole(l.ctx, &iam.GetRoleInput{RoleName: name})
	l.must(err)
	document, err := url.QueryUnescape(*got.Role.AssumeRolePolicyDocument)
	l.must(err)
	equal(l, "a role read back", []string{*got.Role.RoleId, *got.Role.Arn, document, *got.Role.PermissionsBoundary.PermissionsBoundaryArn, *got.Role.Tags[0].Value},
		[]string{*made.Role.RoleId, *made.Role.Arn, trust, arn, *name})
	_, err = l.iam.CreateRole(l.ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust)})
	broken[exists](l, err, 409)
	var inline []string
	for i := range 5 {
		p := fmt.Sprintf("p%d", i)
		inline = append(inline, p)
		_, err = l.iam.PutRolePolicy(l.ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: &p, PolicyDocument: aws.String(allow("s3:GetObject", "*"))})
		l.must(err)
		policy, err := l.iam.CreatePolicy(l.ctx, &iam.CreatePolicyInput{PolicyName: aws.String("role-" + p), PolicyDocument: aws.String(allow("s3:GetObject", "*"))})
		l.must(err)
		_, err = l.iam.AttachRolePolicy(l.ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: policy.Policy.Arn})
		l.must(err)
	}
	equal(l, "a role's inline policies", pages(l, iam.NewListRolePoliciesPaginator(l.iam, &iam.ListRolePoliciesInput{RoleName: name, MaxItems: aws.Int32(2)}),
		func(o *iam.ListRolePoliciesOutput) []string { return o.PolicyNames }), inline)
	attached := pages(l, iam.NewListAttachedRolePoliciesPaginator(l.iam, &iam.ListAttachedRolePoliciesInput{RoleName: name, MaxItems: aws.Int32(2)}),
		func(o *iam.ListAttachedRolePoliciesOutput) (out []string) {
			for _, p := range o.AttachedPolicies {
				out = append(out, *p.PolicyArn)
			}
			return out
		})
	equal(l, "how many are attached", len(attached), 5)

	profile := aws.String("worker")
	_, err = l.iam.CreateInstanceProfile(l.ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: profile})
	l.must(err)
	l.must(iam.NewInstanceProfileExistsWaiter(l.iam).Wait(l.ctx, &iam.GetInstanceProfileInput{InstanceProfileName: profile}, 10*time.Second))
	_, err = l.iam.AddRoleToInstanceProfile(l.ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: profile, RoleName: name})
	l.must(err)
	_, err = l.iam.DeleteRole(l.ctx, &iam.DeleteRoleInput{RoleName: name})
	broken[conflict](l, err, 409)
	_, err = l.iam.DeleteInstanceProfile(l.ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: profile})
	broken[conflict](l, err, 409)

	// Terraform's delete by force: profiles, attachments, inline policies, the role.
	in, err := l.iam.ListInstanceProfilesForRole(l.ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: name})
	l.must(err)
	for _, p := range in.InstanceProfiles {
		_, err = l.iam.RemoveRoleFromInstanceProfile(l.ctx, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: p.InstanceProfileName, RoleName: name})
		l.must(err)
	}
	_, err = l.iam.DeleteInstanceProfile(l.ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: profile})
	l.must(err)
	for _, a := range attached {
		_, err = l.iam.DetachRolePolicy(l.ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: &a})
		l.must(err)
		_, err = l.iam.DeletePolicy(l.ctx, &iam.DeletePolicyInput{PolicyArn: &a})
		l.must(err)
	}
	_, err = l.iam.DeleteRole(l.ctx, &iam.DeleteRoleInput{RoleName: name})
	broken[conflict](l, err, 409)
	for _, p := range inline {
		_, err = l.iam.DeleteRolePolicy(l.ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: &p})
		l.must(err)
	}
	_, err = l.iam.DeletePolicy(l.ctx, &iam.DeletePolicyInput{PolicyArn: &arn}) // it is a boundary still
	broken[conflict](l, err, 409)
	_, err = l.iam.DeleteRole(l.ctx, &iam.DeleteRoleInput{RoleName: name})
	l.must(err)
	_, err = l.iam.GetRole(l.ctx, &iam.GetRoleInput{RoleName: name})
	broken[missing](l, err, 404)
}

func (l *lives) userAndGroup(arn string) {
	group := aws.String("staff")
	_, err := l.iam.CreateGroup(l.ctx, &iam.CreateGroupInput{GroupName: group})
	l.must(err)
	_, err = l.iam.AttachGroupPolicy(l.ctx, &iam.AttachGroupPolicyInput{GroupName: group, PolicyArn: &arn})
	l.must(err)
	var names []string
	for i := range 5 {
		name := fmt.Sprintf("user-%d", i)
		names = append(names, name)
		_, err = l.iam.CreateUser(l.ctx, &iam.CreateUserInput{UserName: &name, Path: aws.String("/team/")})
		l.must(err)
		l.must(iam.NewUserExistsWaiter(l.iam).Wait(l.ctx, &iam.GetUserInput{UserName: &name}, 10*time.Second))
		_, err = l.iam.AddUserToGroup(l.ctx, &iam.AddUserToGroupInput{GroupName: group, UserName: &name})
		l.must(err)
	}
	named := func(users []iamtypes.User) (out []string) {
		for _, u := range users {
			out = append(out, *u.UserName)
		}
		return out
	}
	equal(l, "users", pages(l, iam.NewListUsersPaginator(l.iam, &iam.ListUsersInput{MaxItems: aws.Int32(2), PathPrefix: aws.String("/team/")}),
		func(o *iam.ListUsersOutput) []string { return named(o.Users) }), names)
	members := pages(l, iam.NewGetGroupPaginator(l.iam, &iam.GetGroupInput{GroupName: group, MaxItems: aws.Int32(2)}),
		func(o *iam.GetGroupOutput) []string { return named(o.Users) })
	slices.Sort(members)
	equal(l, "members", members, names)
	who, err := l.iam.ListEntitiesForPolicy(l.ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: &arn})
	l.must(err)
	equal(l, "who has the policy", []int{len(who.PolicyGroups), len(who.PolicyUsers), len(who.PolicyRoles)}, []int{1, 0, 0})
	_, err = l.iam.CreateUser(l.ctx, &iam.CreateUserInput{UserName: &names[0]})
	broken[exists](l, err, 409)
	_, err = l.iam.DeleteGroup(l.ctx, &iam.DeleteGroupInput{GroupName: group})
	broken[conflict](l, err, 409)
	_, err = l.iam.DeleteUser(l.ctx, &iam.DeleteUserInput{UserName: &names[0]})
	broken[conflict](l, err, 409)
	for range 2 {
		_, err = l.iam.CreateAccessKey(l.ctx, &iam.CreateAccessKeyInput{UserName: &names[0]})
		l.must(err)
	}
	_, err = l.iam.CreateAccessKey(l.ctx, &iam.CreateAccessKeyInput{UserName: &names[0]})
	broken[limit](l, err, 409)
	keys, err := l.iam.ListAccessKeys(l.ctx, &iam.ListAccessKeysInput{UserName: &names[0]})
	l.must(err)
	for _, k := range keys.AccessKeyMetadata {
		_, err = l.iam.DeleteAccessKey(l.ctx, &iam.DeleteAccessKeyInput{UserName: &names[0], AccessKeyId: k.AccessKeyId})
		l.must(err)
	}
	for _, n := range names {
		_, err = l.iam.RemoveUserFromGroup(l.ctx, &iam.RemoveUserFromGroupInput{GroupName: group, UserName: &n})
		l.must(err)
		_, err = l.iam.DeleteUser(l.ctx, &iam.DeleteUserInput{UserName: &n})
		l.must(err)
		_, err = l.iam.GetUser(l.ctx, &iam.GetUserInput{UserName: &n})
		broken[missing](l, err, 404)
	}
	_, err = l.iam.DetachGroupPolicy(l.ctx, &iam.DetachGroupPolicyInput{GroupName: group, PolicyArn: &arn})
	l.must(err)
	_, err = l.iam.DeleteGroup(l.ctx, &iam.DeleteGroupInput{GroupName: group})
	l.must(err)
}

// remove deletes a policy as Terraform does: its other versions first.
func (l *lives) remove(arn string) {
	versions, err := l.iam.ListPolicyVersions(l.ctx, &iam.ListPolicyVersionsInput{PolicyArn: &arn})
	l.must(err)
	for _, v := range versions.Versions {
		if !v.IsDefaultVersion {
			_, err = l.iam.DeletePolicyVersion(l.ctx, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: v.VersionId})
			l.must(err)
		}
	}
	_, err = l.iam.DeletePolicy(l.ctx, &iam.DeletePolicyInput{PolicyArn: &arn})
	l.must(err)
	_, err = l.iam.GetPolicy(l.ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	broken[missing](l, err, 404)
}

// sessions: what a role's session has left, and what a refusal tells when it is decoded.
func (l *lives) sessions() {
	user, arn := l.user("session-user", "")
	own := sts.NewFromConfig(user)
	role, err := l.iam.CreateRole(l.ctx, &iam.CreateRoleInput{RoleName: aws.String("session-role"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":["sts:AssumeRole","sts:TagSession"],
		"Condition":{"StringEquals":{"sts:ExternalId":"secret"}}}]}`)})
	l.must(err)
	_, err = l.iam.PutRolePolicy(l.ctx, &iam.PutRolePolicyInput{RoleName: aws.String("session-role"), PolicyName: aws.String("own"), PolicyDocument: aws.String(allow("s3:*", "*"))})
	l.must(err)
	take := &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("work"), Policy: aws.String(allow("s3:ListAllMyBuckets", "*")),
		Tags: []ststypes.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}}
	_, err = own.AssumeRole(l.ctx, take)
	l.refused(err, "AccessDenied", 403)
	take.ExternalId = aws.String("secret")
	session, err := own.AssumeRole(l.ctx, take)
	l.must(err)
	as := func(c *ststypes.Credentials) aws.Config {
		out := l.cfg.Copy()
		out.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
		return out
	}
	objects := s3.NewFromConfig(as(session.Credentials))
	_, err = objects.ListBuckets(l.ctx, nil)
	l.must(err)
	_, err = objects.CreateBucket(l.ctx, &s3.CreateBucketInput{Bucket: aws.String("narrowed")})
	l.refused(err, "AccessDenied", 403)
	if want := *session.AssumedRoleUser.Arn + " is not authorized to perform: s3:CreateBucket on resource: \"arn:aws:s3:::narrowed\" because no session policy allows"; err == nil || !strings.Contains(err.Error(), want) {
		l.Errorf("got %v, want %s", err, want)
	}
	_, err = own.GetFederationToken(l.ctx, &sts.GetFederationTokenInput{Name: aws.String("guest")})
	l.refused(err, "AccessDenied", 403)
	token, err := own.GetSessionToken(l.ctx, nil)
	l.must(err)
	who, err := sts.NewFromConfig(as(token.Credentials)).GetCallerIdentity(l.ctx, nil)
	l.must(err)
	equal(l, "a session token's user", *who.Arn, arn)

	_, err = ec2.NewFromConfig(user).CreateVpc(l.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.8.0.0/16")})
	l.refused(err, "UnauthorizedOperation", 403)
	var api smithy.APIError
	errors.As(err, &api)
	_, message, _ := strings.Cut(api.ErrorMessage(), "Encoded authorization failure message: ")
	decoded, err := sts.NewFromConfig(l.cfg).DecodeAuthorizationMessage(l.ctx, &sts.DecodeAuthorizationMessageInput{EncodedMessage: &message})
	l.must(err)
	var said struct {
		Allowed, ExplicitDeny bool
		Context               struct {
			Action    string
			Principal struct{ Arn string }
		}
	}
	l.must(json.Unmarshal([]byte(*decoded.DecodedMessage), &said))
	equal(l, "the decoded message", []any{said.Allowed, said.ExplicitDeny, said.Context.Action, said.Context.Principal.Arn}, []any{false, false, "ec2:CreateVpc", arn})
}

// passRole: without the right to pass its role a job is not begun.
func (l *lives) passRole() {
	role := l.walker.role()
	l.bucketOnly()
	place := l.network()
	for name, policy := range map[string]string{"pass-none": allow("comprehend:*", "*"), "pass-other": `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"comprehend:*","Resource":"*"},{"Effect":"Allow","Action":"iam:PassRole","Resource":"` + role + `-other"}]}`} {
		user, arn := l.user(name, policy)
		_, err := comprehend.NewFromConfig(user).StartDominantLanguageDetectionJob(l.ctx, l.start(role, place))
		l.refused(err, "AccessDeniedException", 403)
		if want := "User: " + arn + " is not authorized to perform: iam:PassRole on resource: " + role + " because no identity-based policy allows the iam:PassRole action"; err == nil || !strings.HasSuffix(err.Error(), want) {
			l.Errorf("got %v, want %s", err, want)
		}
	}
	l.nothing(place)
}

func (l *lives) bucketOnly() {
	_, err := s3.NewFromConfig(l.cfg).CreateBucket(l.ctx, &s3.CreateBucketInput{Bucket: &l.bucket})
	l.must(err)
}

func (l *lives) nothing(place *comprehendtypes.VpcConfig) {
	jobs, err := comprehend.NewFromConfig(l.cfg).ListDominantLanguageDetectionJobs(l.ctx, nil)
	l.must(err)
	interfaces, err := ec2.NewFromConfig(l.cfg).DescribeNetworkInterfaces(l.ctx, &ec2.DescribeNetworkInterfacesInput{
		Filters: []ec2types.Filter{{Name: aws.String("subnet-id"), Values: place.Subnets}}})
	l.must(err)
	equal(l, "jobs and interfaces", []int{len(jobs.DominantLanguageDetectionJobPropertiesList), len(interfaces.NetworkInterfaces)}, []int{0, 0})
}

// TestAWSCLIIdentities is a smoke test: the commands that people type.
func TestAWSCLIIdentities(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		absent(t, "aws")
	}
	serve(t).env(t)
	a := cli{T: t, endpoint: os.Getenv("AWS_ENDPOINT_URL"), env: append(os.Environ(), "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "PYTHONUTF8=1")}
	a.aws("", "iam", "create-user", "--user-name", "ann", "--tags", "Key=team,Value=blue")
	a.refused("(EntityAlreadyExists)", "iam", "create-user", "--user-name", "ann")
	arn := a.aws("Policy.Arn", "iam", "create-policy", "--policy-name", "read", "--policy-document", allow("s3:GetObject", "*"))
	a.aws("", "iam", "wait", "policy-exists", "--policy-arn", arn)
	a.refused("(MalformedPolicyDocument)", "iam", "create-policy", "--policy-name", "bad", "--policy-document", "{}")
	a.aws("", "iam", "attach-user-policy", "--user-name", "ann", "--policy-arn", arn)
	if got := a.aws("AttachedPolicies[0].PolicyName", "iam", "list-attached-user-policies", "--user-name", "ann"); got != "read" {
		t.Errorf("attached: %s", got)
	}
	if got := a.aws("PolicyVersion.Document.Statement[0].Action", "iam", "get-policy-version", "--policy-arn", arn, "--version-id", "v1"); got != "s3:GetObject" {
		t.Errorf("the document's action: %s", got)
	}
	a.refused("(DeleteConflict)", "iam", "delete-policy", "--policy-arn", arn)
	a.refused("(DeleteConflict)", "iam", "delete-user", "--user-name", "ann")
	a.aws("", "iam", "detach-user-policy", "--user-name", "ann", "--policy-arn", arn)
	a.aws("", "iam", "delete-policy", "--policy-arn", arn)
	if got := a.aws("Tags[0].Value", "iam", "list-user-tags", "--user-name", "ann"); got != "blue" {
		t.Errorf("tags: %s", got)
	}
	for _, g := range []string{"g1", "g2", "g3"} {
		a.aws("", "iam", "create-group", "--group-name", g)
	}
	if got := a.aws("length(Groups)", "iam", "list-groups", "--page-size", "1"); got != "3" {
		t.Errorf("groups by pages of one: %s", got)
	}
	a.aws("", "iam", "delete-user", "--user-name", "ann")
	a.refused("(NoSuchEntity)", "iam", "get-user", "--user-name", "ann")
	role := a.aws("Role.Arn", "iam", "create-role", "--role-name", "worker", "--assume-role-policy-document", trust)
	if got := a.aws("EvaluationResults[0].EvalDecision", "iam", "simulate-custom-policy", "--policy-input-list", allow("s3:GetObject", "*"), "--action-names", "s3:PutObject"); got != "implicitDeny" {
		t.Errorf("simulated: %s", got)
	}
	a.refused("Roles may not be assumed by root accounts", "sts", "assume-role", "--role-arn", role, "--role-session-name", "work")
}
