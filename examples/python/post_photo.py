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
    trouble, form = "", {"shopper_id": shopper}
    for _ in range(tries):
        wait_s = 1.0
        try:
            with photo.open("rb") as file:
                answer = requests.post(
                    f"{gateway}/uploads", headers=headers, files={"photo": file}, data=form, timeout=60
                )
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            # The gateway may have the photo: with the same key it does not publish it twice.
            trouble = type(error).__name__
        else:
            if answer.status_code == 202:
                return answer.json()["upload_id"]
            trouble = f"{answer.status_code} {answer.text}"
            if answer.status_code not in TRY_AGAIN:
                break
            wait_s = float(answer.headers.get("Retry-After", 1))
        time.sleep(wait_s)
    raise SystemExit(f"not accepted: {trouble}")


if __name__ == "__main__":
    url, path, shopper_id, idempotency_key = sys.argv[1:]
    print(post(url, Path(path), shopper_id, idempotency_key))
