"""
Fetches photos by http(s) address, only from the places that an operator allows.

A caller chooses the address, so it is untrusted. The host that is checked is the host that is connected to: a name is
looked up once, only the checked address is contacted, and redirects are not followed. Knows no engine and no server.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from ocr_worker.result import Refused
from schemas.outcomes import Later, Never

#: Returns the addresses of a name, best first. Raises OSError if there are none.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

#: Host and port without user, escapes or characters that some parsers read as a dot; then printable ASCII except `#`.
_PLAIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+/[!\"$-~]*")
#: Escapes that a server may decode to a slash or dot after the path was checked; some servers decode twice.
_HIDDEN = re.compile(r"\\|%2f|%5c|%2e|%25|%00|%c0", re.IGNORECASE)
#: IPv4 addresses embedded in IPv6 ones (RFC 6052, 2.1).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
#: The IPv6 range that is assigned to the internet (RFC 4291, 2.4), and IPv4 ranges that never are (RFC 6890).
_OPEN_V6 = ipaddress.ip_network("2000::/3")
_ASSIGNMENTS = ipaddress.ip_network("192.0.0.0/24")
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_NOT_OURS = Never("photo-not-ours", "image_uri is outside the places this worker may read; nothing was read")


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public internet. Checks IPv4 addresses embedded in IPv6 ones too."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        nat64 = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _NAT64 else None
        ip = ip.ipv4_mapped or ip.sixtofour or nat64 or ip
    # Versions of Python differ in which other addresses they call global.
    known = ip in _OPEN_V6 if isinstance(ip, ipaddress.IPv6Address) else ip not in _ASSIGNMENTS
    return known and ip.is_global and not ip.is_multicast


async def look_up(host: str, port: int) -> list[str]:
    """Look up the addresses of a name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Limits for one photo: bytes received, and seconds from the look-up to the last byte."""

    max_bytes: int = 20_000_000
    seconds: float = 10.0
    #: Most seconds, of these, to connect to one address, and as many again for TLS. Then the next address is tried.
    #: A lost first packet is sent again after one second (RFC 6298, 2.1).
    connect_seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class Network:
    """How names are resolved, which addresses may be contacted, and which certificates are trusted."""

    resolve: Resolve = look_up
    may_reach: Callable[[str], bool] = is_public
    tls: ssl.SSLContext | None = None


class WebPhotos:
    """
    Photos below `roots`, such as `https://cdn.shop.com/photos/`.

    A root's name must resolve to public addresses. To allow an internal host, write its IP address as the root's host:
    then no name is resolved.

    Raises:
        ValueError: A root is not a plain http(s) address.

    """

    def __init__(self, roots: Iterable[str], limits: WebLimits, network: Network | None = None) -> None:
        self._roots = [_root(root) for root in roots]
        self._limits = limits
        self._network = network or Network()
        self._tls = self._network.tls or httpx.create_ssl_context(trust_env=False)

    def covers(self, uri: str) -> bool:
        """Return whether this address is allowed."""
        return self._allowed(uri) is not None

    async def get(self, uri: str) -> bytes | Refused | Later | Never:
        """Fetch the photo at an address; `Never` for an address that is not allowed."""
        url = self._allowed(uri)
        if url is None:
            return _NOT_OURS
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._fetch(url)
        except TimeoutError:
            return Later("photo-host-slow", f"the photo's host took over {self._limits.seconds:g} s")
        except (httpx.HTTPError, OSError) as error:
            return Later("photo-host-unreachable", f"the photo's host did not answer ({type(error).__name__})")

    def _allowed(self, uri: str) -> httpx.URL | None:
        url = _plain(uri)
        if url is None or _HIDDEN.search(uri):
            return None
        # Some servers read `..;x` as `..`, because they treat what follows a semicolon as parameters.
        if any(segment.partition(";")[0] in {".", ".."} for segment in url.path.split("/")):
            return None
        roots = [root for root in self._roots if _place(root) == _place(url)]
        return url if any(url.path.startswith(root.path) for root in roots) else None

    async def _fetch(self, url: httpx.URL) -> bytes | Refused | Later | Never:
        addresses = await self._addresses(url)
        if not addresses:
            return Never("photo-not-ours", "the host of image_uri has a private address; nothing was read")
        for address in addresses[:-1]:
            try:
                return await self._ask(url, address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._ask(url, addresses[-1])

    async def _addresses(self, url: httpx.URL) -> Sequence[str]:
        """Return the addresses to contact; none if any address of the name is not allowed."""
        try:
            return [str(ipaddress.ip_address(url.host))]
        except ValueError:
            found = await self._network.resolve(url.host, url.port or 0)
        return found if all(map(self._network.may_reach, found)) else ()

    async def _ask(self, url: httpx.URL, address: str) -> bytes | Refused | Later | Never:
        # One connection per photo: the next name at this address has another certificate to verify.
        transport = httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False)
        headers = {"Host": url.netloc.decode(), "Accept-Encoding": "identity"}
        known = {"sni_hostname": url.host, "timeout": {"connect": self._limits.connect_seconds}}
        request = httpx.Request("GET", url.copy_with(host=address), headers=headers, extensions=known)
        async with transport:
            answer = await transport.handle_async_request(request)
            try:
                return await self._body(answer)
            finally:
                await answer.aclose()

    async def _body(self, answer: httpx.Response) -> bytes | Refused | Later | Never:
        status = answer.status_code
        if 300 <= status < 400:  # noqa: PLR2004 - all redirects
            return Never("photo-elsewhere", "the photo's host redirects; redirects are not followed")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING:
            return Later("photo-host-down", f"the photo's host answered HTTP {status}")
        if status != HTTPStatus.OK:
            return Never("photo-not-given", f"the photo's host answered HTTP {status}")
        return await self._bounded(answer.aiter_raw())

    async def _bounded(self, chunks: AsyncIterator[bytes]) -> bytes | Refused:
        photo = bytearray()
        async for chunk in chunks:
            photo += chunk
            if len(photo) > self._limits.max_bytes:
                return Refused("too_large", f"a photo may have at most {self._limits.max_bytes:,} bytes")
        return bytes(photo)


def _plain(uri: str) -> httpx.URL | None:
    """Parse with the parser of the HTTP client, so that the check and the connection use the same host."""
    if not _PLAIN.fullmatch(uri):
        return None
    try:
        return httpx.URL(uri)
    except httpx.InvalidURL:
        return None


def _place(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _root(root: str) -> httpx.URL:
    url = _plain(root if root.endswith("/") else f"{root}/")
    if url is None or url.query:
        raise ValueError(f"cannot allow photos below {root}: not a plain http(s) address")
    return url
