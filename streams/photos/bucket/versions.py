"""
Removes every version of objects from an S3 bucket, whatever is in their names.

In a versioned bucket a deleted photo stays as an old version, and obstore knows no versions. It refuses names with
control characters too. So S3 is asked in plain HTTP, as for the bucket's own rule (`rules.py`).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET

import httpx


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or the mark that says it was deleted."""

    key: str
    id: str


class VersionsError(Exception):
    """S3 did not do as it was asked; the message says why."""


@dataclass(frozen=True, slots=True)
class BucketVersions:
    """A bucket's versions. `http` signs; `where` is the bucket's own address, `prefix` the store's place in it."""

    http: httpx.AsyncClient
    where: str
    prefix: str = ""

    async def remove(self, folder: str) -> int:
        """
        Remove all versions below a folder of the store, and count them.

        Raises:
            VersionsError: S3 did not answer, or refused.

        """
        return await self._remove(f"{folder}/", exactly=False)

    async def remove_one(self, key: str) -> int:
        """Remove all versions of one object. Raises as `remove`."""
        return await self._remove(key, exactly=True)

    async def _remove(self, start: str, *, exactly: bool) -> int:
        start, removed = f"{self.prefix}{start}", 0
        # Read to the end first: removing shifts the pages.
        found = [one async for one in self._find(start) if not exactly or one.key == start]
        for one in found:
            address = f"{self.where}/{quote(one.key, safe='/')}"
            _check(await self._ask("DELETE", address, {"versionId": one.id}))
            removed += 1
        return removed

    async def _find(self, start: str) -> AsyncIterator[Version]:
        query = {"versions": "", "prefix": start, "encoding-type": "url"}
        while True:
            answer = _check(await self._ask("GET", self.where, query))
            try:
                root = ET.fromstring(answer.content)  # noqa: S314 - our own bucket's answer, and expat expands no bombs since 2.4.1
            except ET.ParseError:
                raise VersionsError("what answered is no S3 server; check AWS_ENDPOINT") from None
            for one in root:
                if one.tag.rpartition("}")[2] in {"Version", "DeleteMarker"}:
                    yield Version(unquote(one.findtext("{*}Key") or ""), one.findtext("{*}VersionId") or "null")
            if root.findtext("{*}IsTruncated") != "true":
                return
            query |= {
                "key-marker": unquote(root.findtext("{*}NextKeyMarker") or ""),
                "version-id-marker": root.findtext("{*}NextVersionIdMarker") or "",
            }

    async def _ask(self, method: str, address: str, query: dict[str, str]) -> httpx.Response:
        try:
            return await self.http.request(method, address, params=query)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise VersionsError(f"S3 did not answer ({type(error).__name__}); check AWS_ENDPOINT") from None


def _check(answer: httpx.Response) -> httpx.Response:
    if answer.is_success or answer.status_code == HTTPStatus.NOT_FOUND:
        return answer
    code = answer.content.partition(b"<Code>")[2].partition(b"</Code>")[0].decode(errors="replace")[:80]
    raise VersionsError(
        f"S3 refused ({answer.status_code} {code}); the key needs s3:ListBucketVersions and s3:DeleteObjectVersion"
    )
