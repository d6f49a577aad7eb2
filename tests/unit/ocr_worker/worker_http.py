"""How the tests ask a worker over HTTP, and read its problems."""

import asyncio


def problem(answer, status: int) -> str:
    """Check that it is a problem of this status; give its code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body["type"].removeprefix("urn:hangtag:problem:")


def upload(photo: bytes, field: str = "image"):
    return {"files": {field: ("photo.jpg", photo, "image/jpeg")}}


async def until(holds) -> None:
    """Ask, at most for ten seconds, until the answer is yes."""
    async with asyncio.timeout(10):
        while not await holds():
            await asyncio.sleep(0)
