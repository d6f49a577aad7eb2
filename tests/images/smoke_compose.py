"""
`make smoke-compose`: starts docker-compose.yml with the local Klaviyo, posts photos and waits for their profiles.

It kills a stage in between, which must come back and miss nothing. Where no Docker engine answers, it prints one line.
"""

import json
import sys
import time
import tomllib
import uuid
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from build_images import build
from compose_stack import ComposeStack
from docker_engine import ROOT, answers

#: Photos of samples/expected.toml, and which stage dies before each.
PHOTOS = {"hang-tag-zh.jpg": None, "skirt-tag.webp": None, "blurry.jpg": None, "poster-summer.jpg": "tag"}
EXPECTED = {one["file"]: one for one in tomllib.loads((ROOT / "samples/expected.toml").read_text())["photo"]}
#: tini, the container's first process, ends as its only child does.
KILL = "kill -KILL $(cat /proc/1/task/1/children)"
_ENDS_WITHIN_S = 180


def main(build_args: list[str]) -> int:
    """Run the smoke test, and return the exit code."""
    if not answers():
        print("No Docker engine answers here, so `make smoke-compose` starts nothing.")
        return 0
    for target in ("streams", "ocr-cpu", "ui"):
        build(target, build_args)
    with ComposeStack() as stack:
        print("Every service is healthy.")
        for name, victim in PHOTOS.items():
            if victim:
                stack.compose("exec", "-T", victim, "sh", "-c", KILL)
                print(f"Killed the stage {victim}.")
            _check(stack, name)
            if victim:
                assert stack.restarts(victim) == 1, f"the engine did not restart {victim}"
        print(stack.compose("run", "--rm", "-T", "hangtag", "doctor"))
    print("The smoke test passed.")
    return 0


def _check(stack: ComposeStack, name: str) -> None:
    """Post a photo, and wait until its upload comes out as samples/expected.toml says."""
    expected, shopper, began = EXPECTED[name], f"smoke-{Path(name).stem}", time.monotonic()
    upload_id = _post(stack, ROOT / "samples/photos" / name, shopper)
    while True:
        status = _ask(stack.gateway_port, f"/uploads/{upload_id}", token=stack.token)
        # Feedback may come before the end, because the text may still give tags.
        if status["final"] or status["feedback"]:
            break
        assert time.monotonic() - began < _ENDS_WITHIN_S, f"{name} stays at {status}"
        time.sleep(0.5)
    took_s = time.monotonic() - began
    known = _ask(stack.sandbox_port, "/sandbox/state")["profiles"]
    profiles = {one["external_id"]: one["properties"] for one in known}
    if expected["outcome"] == "feedback":
        assert status["feedback"]["code"] == expected["code"], status
        print(f"{name}: feedback {expected['code']} after {took_s:.1f} s")
        return
    assert status["step"] == "synced", status
    assert set(expected["must"]) <= set(status["tags"]), status
    assert profiles[shopper], "the profile has no properties"
    print(f"{name}: profile {profiles[shopper]} after {took_s:.1f} s")


def _post(stack: ComposeStack, photo: Path, shopper: str) -> str:
    """Post a photo to the gateway, and return the upload's id."""
    boundary = uuid.uuid4().hex
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
    body = (part % ("shopper_id", "") + f"{shopper}\r\n" + part % ("photo", '; filename="photo"')).encode()
    body += photo.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    answer = _ask(stack.gateway_port, "/uploads", body, stack.token, f"multipart/form-data; boundary={boundary}")
    return answer["upload_id"]


def _ask(port: int, path: str, body: bytes | None = None, token: str = "", content_type: str = "") -> Any:
    """Get a page of this machine, or post a body to it, and return the JSON of the answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
    connection.request("POST" if body else "GET", path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status < 300, f"{path}: {answer.status} {content[:500]!r}"
    connection.close()
    return json.loads(content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
