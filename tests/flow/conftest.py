"""The embedded broker and the S3 server for the tests of this folder."""

import uuid
from collections.abc import Iterator

import pytest
from broker_process import FaultyBroker
from s3_server import MISSING, REGION, REQUIRED, S3Server, running


@pytest.fixture
def broker() -> Iterator[FaultyBroker]:
    faulty = FaultyBroker()
    yield faulty
    faulty.close()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    if MISSING:
        if REQUIRED:
            pytest.fail(f"a real S3 server is required (HANGTAG_REQUIRE_KAFKA=1): {MISSING}", pytrace=False)
        # It wants other versions of our libraries than we do; `make test` gives it an environment of its own.
        pytest.skip(MISSING)
    with running(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture
def s3_environment(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Say where S3 is and who we are, as an operator does."""
    for name, value in {
        "ENDPOINT": s3.url,
        "ALLOW_HTTP": "true",
        "REGION": REGION,
        "ACCESS_KEY_ID": "hangtag",
        "SECRET_ACCESS_KEY": "planted/secret+of/the=store",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return monkeypatch


@pytest.fixture
def bucket(s3: S3Server, s3_environment: pytest.MonkeyPatch) -> str:
    """Make a bucket of the test's own."""
    name = f"photos-{uuid.uuid4().hex[:8]}"
    s3.make_bucket(name)
    return name
