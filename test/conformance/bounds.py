#!/usr/bin/env python3
"""What the documents say of endpoint and bucket policies for S3, with boto3 from inside a VPC (as a command on an interface of it) and
from outside: only from my VPC, only through my endpoint, only this bucket, no Amazon Linux repositories, nothing unencrypted."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from walk import Session, equal, policy

# What stands inside: it takes connections at a Unix socket and makes each one anew from the VPC, by S3's own name. The interpreter is the
# host's, for the command's user need not be able to read ours; so boto3 stays outside and only its packets come from inside.
BRIDGE = """
import os, socket, sys, threading
def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
listener.listen()
print("ready", flush=True)
while True:
    near, _ = listener.accept()
    far = socket.create_connection(("s3.us-east-1.amazonaws.com", 80), 10)
    threading.Thread(target=pump, args=(near, far), daemon=True).start()
    threading.Thread(target=pump, args=(far, near), daemon=True).start()
"""


class Inside:
    """A client whose connections begin in the subnet."""

    def __init__(self, session, subnet):
        place = tempfile.mkdtemp()
        os.chmod(place, 0o777)
        self.path = os.path.join(place, "bridge")
        python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
        self.command = subprocess.Popen([os.environ["CLOISTER_BINARY"], "exec", "-quiet", "-subnet", subnet, "--", python, "-c", BRIDGE, self.path],
                                        stdout=subprocess.PIPE, text=True, cwd="/")
        if self.command.stdout.readline() != "ready\n":
            sys.exit("FAIL no command stands inside")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        self.s3 = boto3.session.Session.client(session, "s3", endpoint_url=f"http://127.0.0.1:{self.port}",
                                               config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}))

    def serve(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.path)
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=pump, args=(a, b), daemon=True).start()

    def calls(self, *calls):
        return outside(self.s3, *calls)

    def http(self, host):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        c.request("GET", "/k", headers={"Host": host})
        status = c.getresponse().status
        c.close()
        return status

    def end(self):
        self.command.terminate()
        self.command.wait(20)


def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def outside(s3, *calls):
    out = []
    for name, members in calls:
        try:
            getattr(s3, name)(**members)
            out.append("ok")
        except ClientError as e:
            out.append(e.response["Error"]["Code"])
    return out


def get(bucket):
    return ("get_object", dict(Bucket=bucket, Key="k"))


def put(bucket, **more):
    return ("put_object", dict(Bucket=bucket, Key="new", Body="x", **more))


def ls(bucket):
    return ("list_objects_v2", dict(Bucket=bucket))


def resources(bucket):
    return [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


def network(ec2):
    vpc = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.30.1.0/24")["Subnet"]["SubnetId"]
    table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]["RouteTableId"]
    made = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[table])
    return vpc, subnet, made["VpcEndpoint"]["VpcEndpointId"]


def bucket_policies(s3, inside, vpc, endpoint):
    """Amazon Bedrock User Guide, "(Optional) Use IAM policies to restrict access to your S3 files": RestrictAccessToOutputBucket."""
    calls = [get("output-bucket"), put("output-bucket"), ls("output-bucket")]
    other = [get("training-bucket"), put("training-bucket"), ls("training-bucket")]
    equal("without policies all is open to its account, inside", inside.calls(*calls), ["ok"] * 3)
    for key, value, stranger in [("aws:sourceVpc", vpc, "vpc-0123456789abcdef0"), ("aws:SourceVpce", endpoint, "vpce-0123456789abcdef0")]:
        def only(value):
            s3.put_bucket_policy(Bucket="output-bucket", Policy=policy(dict(
                Sid="RestrictAccessToOutputBucket", Effect="Deny", Principal="*", Action=["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
                Resource=resources("output-bucket"), Condition={"StringNotEquals": {key: value}})))

        only(value)
        equal(f"only {key}: from inside", inside.calls(*calls), ["ok"] * 3)
        equal(f"only {key}: from outside nothing, even root", outside(s3, *calls), ["AccessDenied"] * 3)
        equal(f"only {key}: other buckets stay open", outside(s3, *other), ["ok"] * 3)
        only(stranger)
        equal(f"only another {key}: nothing from inside either", inside.calls(*calls), ["AccessDenied"] * 3)
    s3.delete_bucket_policy(Bucket="output-bucket")


def endpoint_policies(s3, inside, ec2, endpoint):
    """The same guide: RestrictAccessToTrainingBucket. SageMaker Developer Guide: the repositories of Amazon Linux."""
    calls = [get("training-bucket"), ls("training-bucket"), put("training-bucket"), get("output-bucket")]
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PolicyDocument=policy(dict(
        Sid="RestrictAccessToTrainingBucket", Effect="Allow", Principal="*", Action=["s3:GetObject", "s3:ListBucket"], Resource=resources("training-bucket"))))
    equal("the endpoint leads to the training bucket alone, for reading", inside.calls(*calls), ["ok", "ok", "AccessDenied", "AccessDenied"])
    equal("the endpoint's policy does not bind who is outside", outside(s3, *calls), ["ok"] * 4)

    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, ResetPolicy=True)
    hosts = ["packages.us-east-1.amazonaws.com", "repo.us-east-1.amazonaws.com", "amazonlinux.us-east-1.amazonaws.com"]
    for host in hosts:  # a repository is a bucket of that very name, which anybody may read
        s3.create_bucket(Bucket=host)
        s3.put_object(Bucket=host, Key="k", Body="package")
        s3.delete_public_access_block(Bucket=host)
        s3.put_bucket_policy(Bucket=host, Policy=policy(dict(Effect="Allow", Principal="*", Action="s3:GetObject", Resource=f"arn:aws:s3:::{host}/*")))
    equal("the default policy lets packages be installed", [inside.http(h) for h in hosts], [200] * 3)
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PolicyDocument=policy(
        dict(Effect="Allow", Principal="*", Action="*", Resource="*"),
        dict(Sid="AmazonLinuxAMIRepositoryAccess", Principal="*", Action=["s3:GetObject"], Effect="Deny",
             Resource=["arn:aws:s3:::packages.*.amazonaws.com/*", "arn:aws:s3:::repo.*.amazonaws.com/*"]),
        dict(Sid="AmazonLinux2AMIRepositoryAccess", Principal="*", Action=["s3:GetObject"], Effect="Deny", Resource=["arn:aws:s3:::amazonlinux.*.amazonaws.com/*"])))
    equal("the documents' policy does not", [inside.http(h) for h in hosts] + inside.calls(get("output-bucket")), [403] * 3 + ["ok"])
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, ResetPolicy=True)


def unencrypted(s3, inside):
    """S3 User Guide, "Protecting data with server-side encryption": a bucket that takes nothing that does not say how it is encrypted."""
    s3.put_bucket_policy(Bucket="output-bucket", Policy=policy(dict(
        Sid="DenyUnencrypted", Effect="Deny", Principal="*", Action="s3:PutObject", Resource="arn:aws:s3:::output-bucket/*",
        Condition={"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}})))
    calls = [put("output-bucket"), put("output-bucket", ServerSideEncryption="AES256"), get("output-bucket")]
    want = ["AccessDenied", "ok", "ok"]
    equal("nothing unencrypted, from inside", inside.calls(*calls), want)
    equal("nothing unencrypted, from outside", outside(s3, *calls), want)
    s3.delete_bucket_policy(Bucket="output-bucket")


def presigned(session):
    """A plain client's URL is signed by Signature Version 2 for an endpoint of one's own."""
    url = session.client("s3").generate_presigned_url("get_object", Params=dict(Bucket="output-bucket", Key="k"), ExpiresIn=60)
    with urllib.request.urlopen(url) as answer:
        equal("a URL as boto3 makes it unasked", (answer.read(), "AWSAccessKeyId=" in url), (b"x", "X-Amz-Algorithm" not in url))
    try:
        urllib.request.urlopen(url.replace("/k?", "/new?"))
        sys.exit("FAIL another key with the same signature")
    except urllib.error.HTTPError as e:
        equal("the same signature for another key", e.code, 403)


def form(url, fields, body):
    """A browser's upload: the fields in their order, and the file behind them."""
    lines = []
    for k, v in fields.items():
        lines.append(f'--edge\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n')
    lines.append(f'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n{body}\r\n--edge--\r\n')
    request = urllib.request.Request(url, "".join(lines).encode(), {"Content-Type": "multipart/form-data; boundary=edge"}, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code


def forms(session, s3):
    for version in ("s3", "s3v4"):
        signer = boto3.session.Session.client(session, "s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=Config(signature_version=version, s3={"addressing_style": "path"}))
        post = signer.generate_presigned_post("output-bucket", "up/${filename}", ExpiresIn=60, Conditions=[["content-length-range", 1, 8]])
        equal(f"a form signed by {version}", form(post["url"], post["fields"], "hello"), 204)
        equal("puts the object", s3.get_object(Bucket="output-bucket", Key="up/a.txt")["Body"].read(), b"hello")
        equal("a file that is too long", form(post["url"], post["fields"], "hello, world"), 400)
        equal("another key", form(post["url"], dict(post["fields"], key="else"), "hello"), 403)
        equal("a further field", form(post["url"], dict(post["fields"], acl="private"), "hello"), 403)


def main():
    session = Session()
    s3, ec2 = session.client("s3"), session.client("ec2")
    vpc, subnet, endpoint = network(ec2)
    for bucket in ["output-bucket", "training-bucket"]:
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="k", Body="x")
    inside = Inside(session, subnet)
    bucket_policies(s3, inside, vpc, endpoint)
    endpoint_policies(s3, inside, ec2, endpoint)
    unencrypted(s3, inside)
    presigned(session)
    forms(session, s3)
    inside.end()


main()
