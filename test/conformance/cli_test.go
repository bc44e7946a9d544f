package conformance_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cli is the AWS CLI on its way. Its endpoint is an argument, since versions before 2.13 don't read AWS_ENDPOINT_URL.
type cli struct {
	*testing.T
	endpoint string
	env      []string
}

func TestAWSCLI(t *testing.T) {
	program, err := exec.LookPath("aws")
	if err != nil {
		absent(t, "aws")
	}
	version, err := exec.Command(program, "--version").CombinedOutput()
	if err != nil {
		t.Fatalf("aws --version: %v: %s", err, version)
	}
	t.Logf("%s: %s", program, bytes.TrimSpace(version))
	doors(t, func(t *testing.T) {
		a := cli{T: t, endpoint: os.Getenv("AWS_ENDPOINT_URL"), env: append(os.Environ(), "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "PYTHONUTF8=1")}
		a.walk()
	})
}

func (a cli) command(args ...string) *exec.Cmd {
	cmd := exec.Command("aws", append([]string{"--endpoint-url", a.endpoint, "--output", "json"}, args...)...)
	cmd.Env = a.env
	return cmd
}

// aws runs a command that must succeed and picks a member of its answer, by a JMESPath query.
func (a cli) aws(query string, args ...string) string {
	a.Helper()
	if query != "" {
		args = append(args, "--query", query)
	}
	cmd := a.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		a.Fatalf("aws %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	var s string
	if query == "" || json.Unmarshal(out, &s) != nil {
		return string(bytes.TrimSpace(out))
	}
	return s
}

// refused runs a command that must fail, saying what.
func (a cli) refused(says string, args ...string) {
	a.Helper()
	out, err := a.command(args...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), says) {
		a.Errorf("aws %s: %v: %s\nwant %q", strings.Join(args, " "), err, out, says)
	}
}

func (a cli) walk() {
	name := "cli-" + strings.ToLower(rand.Text())
	dir := a.TempDir()
	write := func(base, text string) string {
		p := filepath.Join(dir, base)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			a.Fatal(err)
		}
		return p
	}
	if got := a.aws("Arn", "sts", "get-caller-identity"); !strings.HasSuffix(got, ":root") {
		a.Errorf("the environment's key is %s", got)
	}

	role := a.aws("Role.Arn", "iam", "create-role", "--role-name", name, "--assume-role-policy-document", trust)
	a.aws("", "iam", "put-role-policy", "--role-name", name, "--policy-name", "data", "--policy-document", "file://"+write("data.json", data(name)))

	vpc := a.aws("Vpc.VpcId", "ec2", "create-vpc", "--cidr-block", "10.30.0.0/16")
	subnet := a.aws("Subnet.SubnetId", "ec2", "create-subnet", "--vpc-id", vpc, "--cidr-block", "10.30.1.0/24")
	group := a.aws("GroupId", "ec2", "create-security-group", "--vpc-id", vpc, "--group-name", "jobs", "--description", "jobs")
	table := a.aws("RouteTables[0].RouteTableId", "ec2", "describe-route-tables", "--filters", "Name=vpc-id,Values="+vpc)
	endpoint := a.aws("VpcEndpoint.VpcEndpointId", "ec2", "create-vpc-endpoint", "--vpc-id", vpc, "--service-name", "com.amazonaws.us-east-1.s3", "--route-table-ids", table)
	if got := a.aws("RouteTables[0].Routes[?DestinationPrefixListId].GatewayId | [0]", "ec2", "describe-route-tables", "--route-table-ids", table); got != endpoint {
		a.Errorf("the table's endpoint is %s, want %s", got, endpoint)
	}

	a.aws("", "s3", "mb", "s3://"+name)
	docs := write("docs.txt", text())
	a.aws("", "s3", "cp", docs, "s3://"+name+"/in/docs.txt", "--only-show-errors")
	a.parts(name, dir)

	for _, where := range [][]string{{"--vpc-config", "SecurityGroupIds=" + group + ",Subnets=" + subnet}, nil} {
		id := a.aws("JobId", a.start(name, role, where...)...)
		describe := []string{"comprehend", "describe-dominant-language-detection-job", "--job-id", id}
		tick := time.NewTicker(100 * time.Millisecond)
		status, until := "", time.Now().Add(time.Minute)
		for status == "" || status == "SUBMITTED" || status == "IN_PROGRESS" {
			if time.Now().After(until) {
				a.Fatalf("the job is %s after a minute", status)
			}
			<-tick.C
			status = a.aws("DominantLanguageDetectionJobProperties.JobStatus", describe...)
		}
		tick.Stop()
		if status != "COMPLETED" {
			a.Fatalf("the job is %s: %s", status, a.aws("", describe...))
		}
		uri := a.aws("DominantLanguageDetectionJobProperties.OutputDataConfig.S3Uri", describe...)
		archive := filepath.Join(dir, "output.tar.gz")
		a.aws("", "s3", "cp", uri, archive, "--only-show-errors")
		b, err := os.ReadFile(archive)
		if err != nil {
			a.Fatal(err)
		}
		output(a.T, b)
	}
	a.walls(name, role)
}

func (a cli) start(bucket, role string, more ...string) []string {
	return append([]string{"comprehend", "start-dominant-language-detection-job", "--data-access-role-arn", role,
		"--input-data-config", "S3Uri=s3://" + bucket + "/in/,InputFormat=ONE_DOC_PER_LINE", "--output-data-config", "S3Uri=s3://" + bucket + "/out"}, more...)
}

// parts: the high-level commands upload in parts of 8 MiB above that size, and sync by listings.
func (a cli) parts(bucket, dir string) {
	big := make([]byte, 9<<20)
	rand.Read(big)
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := os.Mkdir(from, 0o700); err != nil {
		a.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "big"), big, 0o600); err != nil {
		a.Fatal(err)
	}
	a.aws("", "s3", "sync", from, "s3://"+bucket+"/sync", "--only-show-errors")
	if etag := a.aws("ETag", "s3api", "head-object", "--bucket", bucket, "--key", "sync/big"); !strings.HasSuffix(etag, `-2"`) {
		a.Errorf("the ETag is %s", etag)
	}
	a.aws("", "s3", "sync", "s3://"+bucket+"/sync", to, "--only-show-errors")
	a.aws("", "s3", "rm", "--recursive", "s3://"+bucket+"/sync", "--only-show-errors")
	if keys := a.aws("Contents[].Key", "s3api", "list-objects-v2", "--bucket", bucket); strings.Contains(keys, "sync/") || !strings.Contains(keys, "in/docs.txt") {
		a.Errorf("after the removal there are %s", keys)
	}
	if got, err := os.ReadFile(filepath.Join(to, "big")); err != nil || !bytes.Equal(got, big) {
		a.Errorf("the file came back with %d bytes, %v", len(got), err)
	}
}

func (a cli) walls(name, role string) {
	user := name + "-analyst"
	a.aws("", "iam", "create-user", "--user-name", user)
	a.aws("", "iam", "put-user-policy", "--user-name", user, "--policy-name", "only-in-a-vpc", "--policy-document", onlyInVPC(role))
	var key struct {
		AccessKey struct{ AccessKeyId, SecretAccessKey string }
	}
	if err := json.Unmarshal([]byte(a.aws("", "iam", "create-access-key", "--user-name", user)), &key); err != nil {
		a.Fatal(err)
	}
	as := func(id, secret string) cli {
		return cli{a.T, a.endpoint, append(append([]string{}, a.env...), "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret)}
	}
	analyst := as(key.AccessKey.AccessKeyId, key.AccessKey.SecretAccessKey)
	analyst.refused("(AccessDeniedException) when calling the StartDominantLanguageDetectionJob operation", analyst.start(name, role)...)
	analyst.refused("(UnauthorizedOperation) when calling the DescribeVpcs operation", "ec2", "describe-vpcs")
	analyst.refused("(AccessDenied) when calling the ListObjectsV2 operation", "s3", "ls", "s3://"+name)

	thief := as(os.Getenv("AWS_ACCESS_KEY_ID"), strings.Repeat("x", 40))
	thief.refused("(AuthFailure)", "ec2", "describe-vpcs")
	thief.refused("(SignatureDoesNotMatch)", "iam", "list-users")
	thief.refused("(SignatureDoesNotMatch)", "s3", "ls")
	thief.refused("(InvalidSignatureException)", "comprehend", "list-dominant-language-detection-jobs")
	stranger := as("AKIAAAAAAAAAAAAAAAAA", strings.Repeat("x", 40))
	stranger.refused("(AuthFailure)", "ec2", "describe-vpcs")
	stranger.refused("(InvalidClientTokenId)", "sts", "get-caller-identity")
	stranger.refused("(InvalidAccessKeyId)", "s3", "ls")
	stranger.refused("(UnrecognizedClientException)", "comprehend", "list-dominant-language-detection-jobs")
}
