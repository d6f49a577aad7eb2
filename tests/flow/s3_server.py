"""
A real S3 API server (moto) on loopback, as a process of an environment of its own, and what others do at it.

Those others sign as we do, but go round the photo store: a producer that knows nothing of it, an administrator.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import httpx
from pydantic import SecretStr

from streams.photos.signing import AwsKey, SignedForS3

BIN = Path(__file__).resolve().parents[2] / ".venv-s3" / "bin"
GUARD = Path(__file__).resolve().parents[1] / "kafka" / "guard.py"
REQUIRED = os.environ.get("HANGTAG_REQUIRE_KAFKA") == "1"  # noqa: TID251 - a switch of the tests, not a setting
MISSING = None if (BIN / "moto_server").exists() else "no S3 server in .venv-s3: run `make test`"
REGION = "eu-central-1"
ACCOUNT = "123456789012"
#: So few keys a page that lists have more than one.
PAGE = 20
_XML = "http://s3.amazonaws.com/doc/2006-03-01/"
_STARTS_WITHIN_S = 60


@dataclass(frozen=True)
class S3Server:
    """One running server. `log` has a line for each request."""

    url: str
    log: Path
    http: httpx.Client

    def ask(self, service: str, action: str, **form: str) -> ET.Element:
        """Ask another of its services, such as IAM; it takes any signature while it checks none."""
        scope = f"AWS4-HMAC-SHA256 Credential=admin/20260101/{REGION}/{service}/aws4_request"
        answer = self.http.post("/", data={"Action": action, **form}, headers={"authorization": scope})
        answer.raise_for_status()
        return ET.fromstring(answer.content)  # noqa: S314 - the test's own server

    def send(self, method: str, path: str, *, content: bytes = b"", **headers: str) -> httpx.Response:
        """Do what a stranger does with a bucket or an object; `path` has its query, encoded."""
        key = AwsKey("stranger", SecretStr("strange"), None, REGION)
        auth = SignedForS3(key, now=lambda: datetime.now(UTC))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.http.request(method, f"/{path}", content=content, headers=named, auth=auth)
        answer.raise_for_status()
        return answer

    def make_bucket(self, name: str) -> None:
        where = f'<CreateBucketConfiguration xmlns="{_XML}"><LocationConstraint>{REGION}</LocationConstraint>'
        self.send("PUT", name, content=f"{where}</CreateBucketConfiguration>".encode())

    def keys(self, bucket: str) -> list[str]:
        """Return all keys of a bucket, as S3 has them."""
        found = ET.fromstring(self.send("GET", f"{bucket}?list-type=2&max-keys=1000").content)  # noqa: S314 - as above
        return [one.text or "" for one in found.iter(f"{{{_XML}}}Key")]

    def make_queue(self, bucket: str) -> str:
        """Have the bucket tell a queue what happens to its objects; returns the queue's address."""
        queue = self.ask("sqs", "CreateQueue", QueueName=bucket).findtext(".//{*}QueueUrl")
        told = "".join(f"<Event>s3:{one}:*</Event>" for one in ("ObjectCreated", "ObjectRemoved"))
        arn = f"<Queue>arn:aws:sqs:{REGION}:{ACCOUNT}:{bucket}</Queue>"
        wanted = f"<QueueConfiguration><Id>photos</Id>{arn}{told}</QueueConfiguration>"
        document = f'<NotificationConfiguration xmlns="{_XML}">{wanted}</NotificationConfiguration>'
        self.send("PUT", f"{bucket}?notification=", content=document.encode())
        assert queue is not None
        return queue

    def messages(self, queue: str) -> list[bytes]:
        """Return the message bodies of a queue, as a connector copies them to Kafka."""
        found = self.ask("sqs", "ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages="10")
        return [(one.text or "").encode() for one in found.findall(".//{*}Body")]

    def virtual_hosted(self, bucket: str) -> dict[str, str]:
        """Return the settings for a bucket in the server's name. No name leads to loopback, so S3 is the proxy too."""
        server = f"http://{bucket}.s3.{REGION}.amazonaws.com"
        style = {"AWS_ENDPOINT": server, "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true"}
        return style | {"AWS_PROXY_URL": self.url, "HTTP_PROXY": self.url}

    @contextmanager
    def only(self, *actions: str) -> Iterator[tuple[str, str]]:
        """Check every request's signature and rights meanwhile; gives a key that may do these actions, and no other."""
        statement = {"Effect": "Allow", "Action": [f"s3:{one}" for one in actions], "Resource": "*"}
        user = f"user-{time.monotonic_ns()}"
        self.ask("iam", "CreateUser", UserName=user)
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.ask("iam", "PutUserPolicy", UserName=user, PolicyName="all", PolicyDocument=policy)
        key = self.ask("iam", "CreateAccessKey", UserName=user)
        # docs.getmoto.org, "IAM-like Access Control": requests that go unchecked from here on.
        self.http.post("/moto-api/reset-auth", content=b"0").raise_for_status()
        try:
            yield key.findtext(".//{*}AccessKeyId") or "", key.findtext(".//{*}SecretAccessKey") or ""
        finally:
            self.http.post("/moto-api/reset-auth", content=b"inf").raise_for_status()


def object_path(bucket: str, key: str) -> str:
    """Write an object's path as it travels."""
    return f"{bucket}/{quote(key)}"


@contextmanager
def running(folder: Path) -> Iterator[S3Server]:
    """Start one on a free port; its log goes to the folder."""
    log = folder / "moto.log"
    command = [BIN / "moto_server", "-H", "127.0.0.1", "-p", "0"]
    environment = {"MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, env=environment, cwd=folder) as moto,
        subprocess.Popen([sys.executable, GUARD], stdin=subprocess.PIPE, text=True, start_new_session=True) as guard,
    ):
        try:
            print(f"+{moto.pid}", file=guard.stdin, flush=True)
            url = _url_told(moto, log)
            with httpx.Client(base_url=url, trust_env=False) as http:
                yield S3Server(url, log, http)
        finally:
            moto.terminate()


def _url_told(moto: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while moto.poll() is None and time.monotonic() < deadline:
        if told := re.search(r"Running on (http://127\.0\.0\.1:\d+)", log.read_text()):
            return told[1]
        time.sleep(0.05)
    raise RuntimeError(f"moto did not start: {log.read_text()[-2000:]}")
