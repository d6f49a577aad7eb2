"""The bucket's own rule: signed as AWS requires, set beside the rules of others, or printed as a command."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree as ET

import httpx
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from streams.cli.main import app as hangtag
from streams.photos.bucket.rules import Bucket, command, rule_days
from streams.photos.signing import AwsKey, SignedForS3

OTHERS = """<?xml version="1.0" encoding="UTF-8"?>
<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Rule><ID>logs</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status>
<Expiration><Days>90</Days></Expiration></Rule>
<Rule><ID>hangtag-uploads</ID><Filter><Prefix>old/</Prefix></Filter><Status>Enabled</Status>
<Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>"""


def test_a_request_is_signed_as_in_the_example_of_the_documentation():
    """GET Bucket Lifecycle: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html."""
    secret = SecretStr("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    key = AwsKey("AKIAIOSFODNN7EXAMPLE", secret, None, "us-east-1")
    auth = SignedForS3(key, now=lambda: datetime(2013, 5, 24, tzinfo=UTC))
    request = httpx.Request("GET", "https://examplebucket.s3.amazonaws.com/", params={"lifecycle": ""})
    signed = next(auth.auth_flow(request)).headers["authorization"]
    assert signed == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
        "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    )


class S3(BaseHTTPRequestHandler):
    """A bucket with rules, without rules, or that shows them to no one."""

    def do_GET(self):
        self.server.seen.append(self.path)
        status, body = self.server.rules
        self.reply(status, body)

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        checked = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        assert self.headers["content-md5"] == checked
        assert self.headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
        self.server.rules = (200, body.decode())
        self.reply(200, "")

    def reply(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_words: object):
        pass


@pytest.fixture
def s3(monkeypatch) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), S3) as server:
        server.seen, server.rules = [], (404, "<Error><Code>NoSuchLifecycleConfiguration</Code></Error>")
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        for name, value in {
            "AWS_ACCESS_KEY_ID": "AK",
            "AWS_SECRET_ACCESS_KEY": "planted-secret",
            "AWS_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
            "AWS_REGION": "eu-west-1",
            "HANGTAG_STORE_URL": "s3://photos/shop",
            "HANGTAG_PHOTO_RETENTION_DAYS": "3",
        }.items():
            monkeypatch.setenv(name, value)
        yield server
        server.shutdown()
        serving.join()


def rules(document: str) -> dict[str, tuple[str, str]]:
    """Return each rule's prefix and days, by its name."""
    root = ET.fromstring(document)  # noqa: S314 - written by the code under test
    return {
        rule.findtext("{*}ID"): (rule.findtext("{*}Filter/{*}Prefix"), rule.findtext("{*}Expiration/{*}Days"))
        for rule in root
    }


def setup(*options: str):
    return CliRunner().invoke(hangtag, ["store", "setup", *options])


OURS = {"hangtag-shop/read/": ("shop/read/", "2"), "hangtag-shop/uploads/": ("shop/uploads/", "2")}
STAY = {"logs": ("logs/", "90"), "hangtag-uploads": ("old/", "30")}


@pytest.mark.parametrize(("before", "after"), [(None, OURS), (OTHERS, {**STAY, **OURS})])
def test_our_rules_are_set_and_those_of_others_stay(s3, before, after):
    if before is not None:
        s3.rules = (200, before)
    for _ in range(2):
        said = setup()
        assert said.exit_code == 0, said.output
        assert rules(s3.rules[1]) == after
    assert set(s3.seen) == {"/photos?lifecycle="}


def test_two_installations_in_one_bucket_leave_each_other_their_rules(s3, monkeypatch):
    assert setup().exit_code == 0
    monkeypatch.setenv("HANGTAG_STORE_URL", "s3://photos/other")
    assert setup().exit_code == 0
    assert {prefix for prefix, _ in rules(s3.rules[1]).values()} == {
        f"{shop}/{folder}/" for shop in ("shop", "other") for folder in ("read", "uploads")
    }


def test_a_rule_of_an_older_version_for_the_whole_bucket_is_dropped(s3):
    s3.rules = (200, OTHERS.replace("hangtag-uploads", "hangtag-all").replace("old/", ""))
    assert setup().exit_code == 0
    assert rules(s3.rules[1]) == {"logs": ("logs/", "90"), **OURS}


@pytest.mark.parametrize(
    ("key", "prefixes", "code"),
    [
        ("shop/{shopper_id}/{upload_id}.{ext}", {"shop/read/", "shop/uploads/"}, 1),
        ("{shopper_id}/{upload_id}.{ext}", {"shop/read/", "shop/uploads/"}, 1),
        ("shop/photos-{shopper_id}/{upload_id}.{ext}", {"shop/read/", "shop/uploads/", "shop/photos-"}, 0),
    ],
)
def test_no_rule_is_for_the_whole_store(s3, monkeypatch, key, prefixes, code):
    monkeypatch.setenv("HANGTAG_NOTIFICATIONS_TOPIC", "bucket")
    monkeypatch.setenv("HANGTAG_NOTIFICATIONS_KEY", key)
    said = setup()
    assert {prefix for prefix, _ in rules(s3.rules[1]).values()} == prefixes
    assert (said.exit_code, "no rule for photos at" in said.output) == (code, bool(code))


@pytest.mark.parametrize(
    ("answer", "told"),
    [((403, "<Error><Code>AccessDenied</Code></Error>"), "403 AccessDenied"), ((200, "hello"), "not an S3 server")],
)
def test_without_the_right_the_reason_is_reported_and_nothing_changes(s3, answer, told):
    s3.rules = answer
    said = setup()
    assert (said.exit_code, s3.rules) == (1, answer)
    assert told in said.output
    assert "planted-secret" not in said.output


def test_without_a_key_the_command_is_printed_and_nothing_counts_as_set(s3, monkeypatch):
    assert setup("--print").exit_code == 0
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    said = setup()
    assert (said.exit_code, s3.seen) == (1, [])
    assert "aws s3api put-bucket-lifecycle-configuration --bucket photos" in said.output


def test_a_folder_on_disk_needs_no_rule(monkeypatch, tmp_path):
    monkeypatch.setenv("HANGTAG_STORE_URL", f"file:{tmp_path}")
    assert setup().exit_code == 0


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("gs://photos", "gcloud storage buckets update gs://photos "),
        ("az://photos/shop", "az storage account management-policy create "),
    ],
)
def test_for_other_clouds_their_own_command_is_printed(url, part):
    bucket = Bucket.of(url)
    assert bucket is not None
    text = command(bucket, ("uploads/",), 6)
    assert part in text
    rule = json.loads(text.partition("\n")[2].partition("\n\n")[0])
    assert "uploads/" in json.dumps(rule)


def test_a_rule_counts_a_day_less_and_never_none():
    assert [rule_days(days) for days in (7, 2, 1)] == [6, 1, 1]
