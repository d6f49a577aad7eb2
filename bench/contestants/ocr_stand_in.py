"""An OCR worker of 64 slots that takes 250 ms a photo, and tells how busy its slots were."""

import asyncio
import json
import socket
import sys
import time
from typing import Any

import uvicorn

SLOTS, SECONDS = 64, 0.25
READING = json.dumps(
    {
        "texts": [{"text": "面料：棉65% 聚酯纤维35%", "bbox": [10, 10, 200, 40], "score": 0.97}],
        "image": {"width": 900, "height": 1200, "sha256": "0" * 64},
        "quality": {"verdict": "ok", "sharpness": 900.0, "hint": None},
        "engine": {"name": "stand-in", "model": "none", "revision": "0"},
        "timings_ms": {"engine": 250.0},
    }
).encode()
slots = asyncio.Semaphore(SLOTS)
busy_s = 0.0
done = 0


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer POST /ocr after a slot's time, and anything else with what was counted."""
    global busy_s, done  # noqa: PLW0603 - two counters of a script
    if scope["type"] != "http":
        return
    if scope["path"] == "/ocr":
        while (await receive()).get("more_body"):
            pass
        async with slots:
            began = time.monotonic()
            await asyncio.sleep(SECONDS)
            busy_s += time.monotonic() - began
        done += 1
        body = READING
    else:
        body = json.dumps({"busy_s": busy_s, "done": done, "now": time.monotonic()}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listener])
