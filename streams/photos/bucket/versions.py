"""
Removes all versions of objects from an S3 bucket, whatever their names.

In a versioned bucket a deleted photo stays as an old version. obstore cannot list versions, and rejects names with
control characters. So this calls S3 over plain HTTP, as `rules.py` does.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET

import httpx


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or a delete marker."""

    key: str
    id: str


class VersionsError(Exception):
    """S3 failed; the message says why."""


@dataclass(frozen=True, slots=True)
class BucketVersions:
    """The versions in a bucket. `http` signs requests, `where` is the bucket's address, `prefix` the store's prefix."""

    http: httpx.AsyncClient
    where: str
    prefix: str = ""

    async def remove(self, folder: str) -> int:
        """
        Remove all versions below a folder of the store, and return how many.

        Raises:
            VersionsError: S3 did not respond, or refused.

        """
        return await self._remove(f"{folder}/", exactly=False)

    async def folders(self, folder: str) -> list[str]:
        """Return the keys of the folders in a folder, also if only old versions are left. Raises as `remove`."""
        query = {"prefix": f"{self.prefix}{folder}/", "delimiter": "/"}
        found = [
            unquote(one.findtext("{*}Prefix") or "").removeprefix(self.prefix).rstrip("/")
            async for one in self._list(query)
            if one.tag.rpartition("}")[2] == "CommonPrefixes"
        ]
        return list(dict.fromkeys(found))

    async def remove_one(self, key: str) -> int:
        """Remove all versions of one object. Raises as `remove`."""
        return await self._remove(key, exactly=True)

    async def _remove(self, start: str, *, exactly: bool) -> int:
        start, removed = f"{self.prefix}{start}", 0
        # List everything first, because removing shifts the pages.
        found = [one async for one in self._find(start) if not exactly or one.key == start]
        for one in found:
            address = f"{self.where}/{quote(one.key, safe='/')}"
            _check(await self._ask("DELETE", address, {"versionId": one.id}))
            removed += 1
        return removed

    async def _find(self, start: str) -> AsyncIterator[Version]:
        async for one in self._list({"prefix": start}):
            if one.tag.rpartition("}")[2] in {"Version", "DeleteMarker"}:
                yield Version(unquote(one.findtext("{*}Key") or ""), one.findtext("{*}VersionId") or "null")

    async def _list(self, query: dict[str, str]) -> AsyncIterator[ET.Element]:
        query = {"versions": "", "encoding-type": "url", **query}
        while True:
            answer = _check(await self._ask("GET", self.where, query))
            try:
                root = ET.fromstring(answer.content)  # noqa: S314 - our own bucket's answer, and expat expands no bombs since 2.4.1
            except ET.ParseError:
                raise VersionsError("the server is not an S3 server; check AWS_ENDPOINT") from None
            for one in root:
                yield one
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
            raise VersionsError(f"S3 did not respond ({type(error).__name__}); check AWS_ENDPOINT") from None


def _check(answer: httpx.Response) -> httpx.Response:
    if answer.is_success or answer.status_code == HTTPStatus.NOT_FOUND:
        return answer
    code = answer.content.partition(b"<Code>")[2].partition(b"</Code>")[0].decode(errors="replace")[:80]
    raise VersionsError(
        f"S3 refused ({answer.status_code} {code}); the key needs s3:ListBucketVersions and s3:DeleteObjectVersion"
    )
