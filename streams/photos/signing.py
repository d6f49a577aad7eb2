"""
Signs requests to S3 that obstore cannot make: AWS Signature Version 4, with a fixed key.

Source: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html; a test signs its example.
"""

import hashlib
import hmac
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote_to_bytes

import httpx
from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class AwsKey:
    """AWS credentials. `session_token` is set for temporary ones."""

    access_key_id: str
    secret_access_key: SecretStr
    session_token: SecretStr | None
    region: str


#: Headers that are signed in addition to all AWS headers.
_SIGNED_HEADERS = ("content-md5", "content-type", "host")


class SignedForS3(httpx.Auth):
    """Signs each request: method, path, query, body, and the headers with content, time and place."""

    requires_request_body = True

    def __init__(self, key: AwsKey, *, now: Callable[[], datetime]) -> None:
        self._key, self._now = key, now

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the signature headers."""
        moment = self._now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        body = hashlib.sha256(request.content).hexdigest()
        request.headers.update({"x-amz-date": moment, "x-amz-content-sha256": body})
        if self._key.session_token is not None:
            request.headers["x-amz-security-token"] = self._key.session_token.get_secret_value()
        names = sorted(name for name in request.headers if name in _SIGNED_HEADERS or name.startswith("x-amz-"))
        path = quote(unquote_to_bytes(request.url.raw_path.partition(b"?")[0]), safe="/~")
        # A name without a value gets an empty one. Sort pairs, not text: `a` comes before `a-b`, but `a=` after `a-b=`.
        pairs = sorted(
            (quote(name, safe="~"), quote(value, safe="~")) for name, value in request.url.params.multi_items()
        )
        query = "&".join(f"{name}={value}" for name, value in pairs)
        # Send the query exactly as signed, because a space can be encoded in several ways.
        request.url = request.url.copy_with(raw_path=(f"{path}?{query}" if query else path).encode())
        canonical = [request.method, path, query]
        canonical += [f"{name}:{' '.join(request.headers[name].split())}" for name in names]
        canonical += ["", ";".join(names), body]
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
