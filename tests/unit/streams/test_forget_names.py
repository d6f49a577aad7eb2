"""Klaviyo is asked by each of a shopper's names, whatever it answers to one of them."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine

from klaviyo_sink.api.client import KlaviyoClient, PrivateKey
from streams.config.settings import Settings
from streams.erasure.forget import Forgetting, Step

NAMES = {("email", "ada@shop"), ("id", "01H")}


async def ask(status: int) -> tuple[Step, list[str]]:
    """Ask by both names, of which Klaviyo answers the first so; give the step, and the names it was asked by."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        profile = json.loads(request.content)["data"]["attributes"]["profile"]["data"]
        by_email = bool(profile["attributes"].get("email"))
        asked.append("email" if by_email else "id")
        problem = {"errors": [{"code": "invalid", "title": "No."}]}
        return httpx.Response(status, json=problem) if by_email else httpx.Response(202)

    engine, now = create_engine("sqlite://"), lambda: datetime(2026, 11, 22, tzinfo=UTC)
    key, transport = PrivateKey(SecretStr("pk")), httpx.MockTransport(answer)
    async with KlaviyoClient("http://klaviyo", key, revision="2026-07-15", timeout_s=5, transport=transport) as client:
        step = await Forgetting(Settings(), engine, None, client, now)._klaviyo(NAMES, None)
    engine.dispose()
    return step, asked


@pytest.mark.parametrize(("status", "removed", "names"), [(400, 1, ["email", "id"]), (401, 0, ["email"])])
async def test_a_name_that_klaviyo_refuses_keeps_no_other_from_being_asked_by(status, removed, names):
    """But a key that it refuses is no better for the next name."""
    step, asked = await ask(status)
    assert (step.removed, asked) == (removed, names)
    assert step.trouble
