"""
The OCR worker against its own OpenAPI document: it answers each request that schemathesis makes as documented.

`HANGTAG_FUZZ_REQUESTS=2000` asks for that many requests to each route instead of a few; it takes minutes.
"""

import os
import socket
import threading
from collections.abc import Iterator

import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from schemathesis.checks import positive_data_acceptance
from schemathesis.config import SchemathesisConfig

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.images.decode import Limits
from ocr_worker.server.app import create_app
from schemas.outcomes import Never

EXAMPLES = int(os.environ.get("HANGTAG_FUZZ_REQUESTS", "40"))  # noqa: TID251 - a switch of the tests, not a setting
TOKEN = "right"


async def _no_photo(_: str) -> Never:
    return Never("photo-not-ours", "there are no photos here")


APP = create_app(
    # With everything switched on.
    OcrConfig(slots=2, limits=Limits(max_bytes=100_000), token=SecretStr(TOKEN)),
    ScriptedEngine(),
    fetch=_no_photo,
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve the worker over real sockets."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(APP, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Keep connections open, and ignore proxies of the environment."""
    with requests.Session() as kept:
        kept.trust_env = False
        yield kept


#: 413 among them: a name may break the document's rule of length and this limit of bytes at once.
REFUSED = [400, 401, 413, 415, 422]
CHECKS = {"checks": {"negative_data_rejection": {"expected-statuses": REFUSED}}}


@schemathesis.openapi.from_dict(APP.openapi(), config=SchemathesisConfig.from_dict(CHECKS)).parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_worker_answers_every_request_as_documented(case: schemathesis.Case, url: str, session: requests.Session):
    case.call_and_validate(
        base_url=url,
        session=session,
        headers={"Authorization": f"Bearer {TOKEN}"},
        # Bytes that are no picture are well-formed by the document, and refused all the same.
        excluded_checks=[positive_data_acceptance],
    )
