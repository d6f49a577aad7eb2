"""
Posts one photo to the HTTP gateway: `python post_photo.py http://127.0.0.1:8080 dress.jpg s-42 order-7-photo-1`.

It needs `pip install requests`, and the gateway's token in HANGTAG_GATEWAY_TOKEN.
"""

import os
import sys
import time
from pathlib import Path

import requests

#: The gateway names these when the same request may succeed later.
TRY_AGAIN = {408, 409, 503}


def post(gateway: str, photo: Path, shopper: str, key: str, tries: int = 5) -> str:
    """Post until the gateway accepts the photo, and return the upload's id. The same key is the same upload."""
    headers = {"Authorization": f"Bearer {os.environ['HANGTAG_GATEWAY_TOKEN']}", "Idempotency-Key": key}
    for _ in range(tries):
        with photo.open("rb") as file:
            answer = requests.post(
                f"{gateway}/uploads", headers=headers, files={"photo": file}, data={"shopper_id": shopper}, timeout=60
            )
        if answer.status_code == 202:
            return answer.json()["upload_id"]
        if answer.status_code not in TRY_AGAIN:
            break
        time.sleep(float(answer.headers.get("Retry-After", 1)))
    raise SystemExit(f"not accepted: {answer.status_code} {answer.text}")


if __name__ == "__main__":
    url, path, shopper_id, idempotency_key = sys.argv[1:]
    print(post(url, Path(path), shopper_id, idempotency_key))
