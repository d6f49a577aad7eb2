"""What is done to a whole bucket at a real S3 server: its rule, the sweep, a shopper's photos; signed as AWS signs."""

import asyncio
import base64
import hashlib
import json
import subprocess
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import httpx
import pytest
from pydantic import SecretStr
from s3_server import BIN, PAGE, object_path
from typer.testing import CliRunner

from streams.cli.main import app as hangtag
from streams.config.settings import Settings
from streams.erasure.photos import remove_photos
from streams.photos.answers import StoreError
from streams.photos.bucket import listing
from streams.photos.folders import swept_folders
from streams.photos.signing import AwsKey, SignedForS3
from streams.photos.store import PhotoStore
from streams.photos.sweep import sweep, sweep_days
from streams.wiring import clock
from streams.wiring.photos import make_store, open_versions

SECRET = "planted/secret+of/the=store"
OTHERS = """<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ID>logs</ID>
<Filter><And><Prefix>logs/</Prefix><Tag><Key>keep</Key><Value>no</Value></Tag></And></Filter><Status>Enabled</Status>
<Expiration><Days>90</Days></Expiration></Rule></LifecycleConfiguration>"""


def setup() -> tuple[int, str]:
    said = CliRunner().invoke(hangtag, ["store", "setup"])
    return said.exit_code, said.output


def rules(s3, bucket: str) -> list[tuple[str | None, ...]]:
    """Return name, prefix, days, and days of old versions of each rule of the bucket."""
    root = ET.fromstring(s3.send("GET", f"{bucket}?lifecycle=").content)  # noqa: S314 - the test's own server
    paths = ("ID", ".//{*}Prefix", "Expiration/{*}Days", "NoncurrentVersionExpiration/{*}NoncurrentDays")
    return [tuple(rule.findtext(f"{{*}}{path}" if path[0] != "." else path) for path in paths) for rule in root]


OURS = [("hangtag-shop/read/", "shop/read/", "6", "1"), ("hangtag-shop/uploads/", "shop/uploads/", "6", "1")]
THEIRS = [("logs", "logs/", "90", None)]


@pytest.mark.parametrize("style", ["path", "path of a service", "virtual hosted"])
def test_the_bucket_gets_our_rules_beside_those_of_others(s3, s3_environment, bucket, style: str):
    s3_environment.setenv("HANGTAG_STORE_URL", f"s3://{bucket}/shop")
    if style == "path of a service":
        # For S3 alone: it goes before the endpoint of all of AWS, with obstore, too.
        s3_environment.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        s3_environment.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    elif style == "virtual hosted":
        for name, value in s3.virtual_hosted(bucket).items():
            s3_environment.setenv(name, value)
    assert setup()[0] == 0
    assert rules(s3, bucket) == OURS
    checksum = base64.b64encode(hashlib.md5(OTHERS.encode(), usedforsecurity=False).digest()).decode()
    s3.send("PUT", f"{bucket}?lifecycle=", content=OTHERS.encode(), content_md5=checksum)
    for _ in range(2):
        assert setup()[0] == 0
        assert rules(s3, bucket) == THEIRS + OURS
    assert s3.keys(bucket) == []


def test_the_rule_takes_a_key_that_may_set_it(s3, s3_environment, bucket):
    s3_environment.setenv("HANGTAG_STORE_URL", f"s3://{bucket}")
    with s3.only("GetLifecycleConfiguration", "PutLifecycleConfiguration") as (key_id, secret):
        s3_environment.setenv("AWS_ACCESS_KEY_ID", key_id)
        code, output = setup()
        assert (code, "403 SignatureDoesNotMatch" in output, SECRET in output) == (1, True, False)
        s3_environment.setenv("AWS_SECRET_ACCESS_KEY", secret)
        assert setup()[0] == 0
    with s3.only("PutObject", "GetObject", "DeleteObject", "ListBucket") as (key_id, secret):
        s3_environment.setenv("AWS_ACCESS_KEY_ID", key_id)
        s3_environment.setenv("AWS_SECRET_ACCESS_KEY", secret)
        assert "403 AccessDenied" in setup()[1]
    s3_environment.setenv("HANGTAG_STORE_URL", "s3://never-made")
    assert "404 NoSuchBucket" in setup()[1]


def test_no_photo_is_older_than_photos_may_be(s3, s3_environment, bucket):
    for name, value in {
        "STORE_URL": f"s3://{bucket}/shop",
        "NOTIFICATIONS_TOPIC": "events",
        "NOTIFICATIONS_KEY": "shop/app/{shopper_id}/{upload_id}.{ext}",
    }.items():
        s3_environment.setenv(f"HANGTAG_{name}", value)
    ours = [f"shop/{folder}/s/u{at}.jpg" for folder in ("uploads", "read/uploads", "app") for at in range(21)]
    others = ["shop/app/readme.txt", "shop2/uploads/s/u.jpg", "uploads/s/u.jpg"]
    for key in ours + others:
        s3.send("PUT", object_path(bucket, key), content=b"x")
    today = datetime.now(UTC)

    for days, deleted in ((6, 0), (8, len(ours))):

        async def later(_store: PhotoStore, days: int = days) -> datetime:
            return today + timedelta(days=days)

        s3_environment.setattr(PhotoStore, "time", later)
        said = CliRunner().invoke(hangtag, ["retention", "sweep", "--json"])
        assert said.exit_code == 0, said.output
        assert json.loads(said.stdout)["deleted"] == deleted
    assert s3.keys(bucket) == others


async def test_a_sweep_lists_no_day_that_is_younger_than_what_is_due(s3, s3_environment, bucket):
    now = datetime.now(UTC)
    # As with S3, whose pages have a thousand.
    s3_environment.setattr(listing, "_AT_ONCE", PAGE)
    costs = []
    for each_day in (42, 126):
        url = f"s3://{bucket}/{each_day}"
        for day in (0, 2, 3, 4):
            store = PhotoStore(url, max_bytes=10, now=lambda day=day: now + timedelta(days=day))
            puts = (
                store.put(shopper_id=f"王 {at}", upload_id=f"u{day}", suffix=".jpg", photo=b"x")
                for at in range(each_day if day else 25)
            )
            uris = await asyncio.gather(*puts)
            await asyncio.gather(*(store.remove_read(uri, upload_id="any") for uri in uris[:21]))
        for key in ("uploads/0/u.jpg", "uploads/王/u.jpg", "uploads/by.daz/u.jpg", "uploads/by.day/u.jpg"):
            s3.send("PUT", object_path(bucket, f"{each_day}/{key}"), content=b"x")
        before = s3.log.read_text().count("list-type=2")
        swept = sweep(store, swept_folders(Settings(store_url=url)), before=now + timedelta(minutes=1))
        [*_, done] = [one async for one in swept]
        # Photos and marks of today, and the keys without a day.
        assert done.due == 4 + 21 + 4
        assert len([key for key in s3.keys(bucket) if key.startswith(f"{each_day}/")]) == 3 * each_day
        costs.append(s3.log.read_text().count("list-type=2") - before)
    assert costs[0] == costs[1]


async def test_an_odd_name_beside_the_folders_of_days_stops_neither_the_sweep_nor_forget(s3, s3_environment, bucket):
    s3.send("PUT", f"{bucket}/uploads/by.day/a%09b/x.jpg", content=b"x")
    now, store = datetime.now(UTC), make_store(Settings(store_url=f"s3://{bucket}"))
    for shopper in ("s1", "s2"):
        await store.put(shopper_id=shopper, upload_id="u", suffix=".jpg", photo=b"x")

    done = await remove_photos(store, "s1", {}, dry_run=False, now=now)
    assert (done.removed, "control characters" in done.troubles[0]) == (1, True)
    assert sum("/s2/" in key for key in s3.keys(bucket)) == 1

    with pytest.raises(StoreError, match="control characters"):
        _ = [one async for one in sweep_days(store, before=now + timedelta(minutes=1))]
    assert not any("/s2/" in key for key in s3.keys(bucket))


@pytest.mark.parametrize("days", [30, -30])
def test_a_wrong_clock_of_this_machine_deletes_nothing_of_a_bucket(s3, s3_environment, bucket, days):
    s3_environment.setenv("HANGTAG_STORE_URL", f"s3://{bucket}")
    s3.send("PUT", object_path(bucket, "uploads/s/u.jpg"), content=b"x")
    s3_environment.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(days=days))
    said = CliRunner().invoke(hangtag, ["retention", "sweep", "--json"])
    assert (said.exit_code, json.loads(said.stdout)["deleted"]) == (0, 0)


async def test_no_object_of_a_forgotten_shopper_remains(s3, bucket):
    settings = Settings(store_url=f"s3://{bucket}/shop")
    store = make_store(settings)
    both = [(shopper, f"u{at}") for shopper in ("王 芳", "王 芳2") for at in range(21)]
    uris = await asyncio.gather(
        *(store.put(shopper_id=shopper, upload_id=one, suffix=".jpg", photo=b"x") for shopper, one in both)
    )
    for uri in uris[:3]:
        await store.remove_read(uri, upload_id="any")
    told_of = object_path(bucket, "shop/app/王 芳/u 1.jpg")
    s3.send("PUT", told_of, content=b"x")

    done = await remove_photos(store, "王 芳", {f"s3://{told_of}": set()}, dry_run=False, now=datetime.now(UTC))

    assert (done.removed, done.troubles) == (21 - 3 + 1, ())
    left = s3.keys(bucket)
    assert len(left) == 21
    assert all("/=E7=8E=8B=20=E8=8A=B32/" in key for key in left)


async def test_no_version_of_a_forgotten_shoppers_photos_remains_under_any_name(s3, s3_environment, bucket):
    enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    s3.send("PUT", f"{bucket}?versioning=", content=enabled.encode())
    settings = Settings(store_url=f"s3://{bucket}/shop")
    store = make_store(settings)
    uris = [
        await store.put(shopper_id=shopper, upload_id=f"u{at}", suffix=".jpg", photo=b"x")
        for shopper in ("s", "s2")
        for at in range(21)
    ]
    # Read and deleted: an old version, a mark of the deletion, and our own mark.
    for uri in uris[:3]:
        await store.remove_read(uri, upload_id="any")
    for folder in ("s", "by.day/2026-11-30/s", "by.day/2026-11-29/s"):
        s3.send("PUT", f"{bucket}/shop/uploads/{folder}/with%09tab.jpg", content=b"x")
        s3.send("PUT", f"{bucket}/shop/uploads/{folder}//empty%20part%2B.jpg", content=b"x")
    # Of this day only old versions are left.
    for name in ("with%09tab.jpg", "/empty%20part%2B.jpg"):
        s3.send("DELETE", f"{bucket}/shop/uploads/by.day/2026-11-29/s/{name}")
    told_of = f"{bucket}/shop/app/s/u.jpg"
    for _ in range(2):
        s3.send("PUT", told_of, content=b"x")
    async with open_versions(settings) as versions:
        done = await remove_photos(
            store, "s", {f"s3://{told_of}": set()}, dry_run=False, now=datetime.now(UTC), versions=versions
        )
    assert (done.troubles, done.note) == ((), None)
    listed = ET.fromstring(s3.send("GET", f"{bucket}?versions=&max-keys=1000").content)  # noqa: S314 - the test's own server
    left = {one.text for one in listed.iter() if one.tag.endswith("}Key")}
    assert len(left) == 21
    assert all("/s2/" in key for key in left)


async def test_without_the_right_to_versions_forget_removes_photos_and_notes_the_rest(s3, s3_environment, bucket):
    settings = Settings(store_url=f"s3://{bucket}")
    await make_store(settings).put(shopper_id="s", upload_id="u", suffix=".jpg", photo=b"x")
    with s3.only("GetObject", "DeleteObject", "ListBucket") as (key_id, secret):
        s3_environment.setenv("AWS_ACCESS_KEY_ID", key_id)
        s3_environment.setenv("AWS_SECRET_ACCESS_KEY", secret)
        async with open_versions(settings) as versions:
            done = await remove_photos(
                make_store(settings), "s", {}, dry_run=False, now=datetime.now(UTC), versions=versions
            )
    assert (done.removed, done.troubles) == (1, ())
    assert "s3:ListBucketVersions" in done.note
    assert s3.keys(bucket) == []


#: What AWS's own library signs: requests from stdin, their authorizations to stdout.
BOTOCORE = """
import datetime, json, sys
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
botocore.auth.get_current_datetime = lambda *_: datetime.datetime(2026, 11, 22, 12)
signed = []
for one in json.load(sys.stdin):
    request = AWSRequest(one["method"], one["url"], headers=one["headers"], data=one["body"].encode())
    key = Credentials("AKID", "se/cr+et", one["token"])
    botocore.auth.S3SigV4Auth(key, "s3", "eu-central-1").add_auth(request)
    signed.append(request.headers["Authorization"])
json.dump(signed, sys.stdout)
"""
REQUESTS = [
    ("GET", "https://b.s3.eu-central-1.amazonaws.com/", {"lifecycle": ""}, {}, "", None),
    (
        "GET",
        "http://127.0.0.1:9000/b",
        {"list-type": "2", "prefix": "a b+c/张?&=~*", "a-b": "1", "a": "2"},
        {},
        "",
        None,
    ),
    ("GET", "https://s3.test/b", {"a": ["2", "10", "1"], "A": "é"}, {}, "", "tok/en+of=session"),
    ("PUT", "https://s3.test/b/photos/王 芳/a+b(1)'!*,;=:@$&[x]~%2525.jpg", {}, {}, "photo", "token"),
    ("PUT", "https://s3.test/b", {"lifecycle": ""}, {"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, "<a/>", None),
    (
        "PUT",
        "https://s3.test:443/b/k",
        {},
        {"content-type": "image/jpeg", "x-amz-meta-locale": "  zh   CN ", "X-Amz-Meta-Email": "a@b.cn"},
        "照片",
        None,
    ),
    ("DELETE", "https://s3.test/b//odd//key/", {}, {}, "", None),
]


def test_requests_are_signed_as_awss_own_library_signs_them(s3):
    ours, asked = [], []
    for method, url, params, headers, body, token in REQUESTS:
        key = AwsKey("AKID", SecretStr("se/cr+et"), SecretStr(token) if token else None, "eu-central-1")
        auth = SignedForS3(key, now=lambda: datetime(2026, 11, 22, 12, tzinfo=UTC))
        request = httpx.Request(method, url, params=params or None, headers=headers, content=body.encode())
        sent = next(auth.auth_flow(request))
        ours.append(sent.headers["authorization"].replace(",", ", "))
        # It signs every header of the request.
        asked.append({"method": method, "url": str(sent.url), "headers": headers, "body": body, "token": token})
    told = subprocess.run([BIN / "python", "-c", BOTOCORE], input=json.dumps(asked).encode(), stdout=-1, check=True)
    assert ours == json.loads(told.stdout)
