"""
Signs requests to S3 that obstore cannot make: Signature Version 4, with a key that does not change while it is used.

Source: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, whose example a test signs again.
"""

import hashlib
import hmac
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class AwsKey:
    """Whose name a request is made in. `session_token` belongs to keys that end by themselves."""

    access_key_id: str
    secret_access_key: SecretStr
    session_token: SecretStr | None
    region: str


class SignedForS3(httpx.Auth):
    """Signs the whole of each request: method, path, query, body, and the headers that say when and where."""

    requires_request_body = True

    def __init__(self, key: AwsKey, *, now: Callable[[], datetime]) -> None:
        self._key, self._now = key, now

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the headers."""
        moment = self._now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        body = hashlib.sha256(request.content).hexdigest()
        request.headers.update({"x-amz-date": moment, "x-amz-content-sha256": body})
        if self._key.session_token is not None:
            request.headers["x-amz-security-token"] = self._key.session_token.get_secret_value()
        names = sorted(name for name in request.headers if name == "host" or name.startswith("x-amz-"))
        # The paths and queries that are sent here need no encoding; a name without a value gets an empty one.
        query = "&".join(sorted(f"{name}={value}" for name, value in request.url.params.multi_items()))
        canonical = [request.method, request.url.raw_path.split(b"?")[0].decode(), query]
        canonical += [f"{name}:{request.headers[name]}" for name in names] + ["", ";".join(names), body]
        scope = f"{moment[:8]}/{self._key.region}/s3/aws4_request"
        digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
        signature = hmac.new(
            self._signing_key(scope), f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}".encode(), "sha256"
        )
        request.headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._key.access_key_id}/{scope},"
            f"SignedHeaders={';'.join(names)},Signature={signature.hexdigest()}"
        )
        yield request

    def _signing_key(self, scope: str) -> bytes:
        key = f"AWS4{self._key.secret_access_key.get_secret_value()}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key
