"""Decides which servers may listen beyond this machine. Pure: opens nothing."""

import ipaddress
from collections.abc import Collection
from typing import Literal

#: Names of servers. `metrics` is any server of a process's health and metrics.
Server = Literal["gateway", "metrics", "ocr", "page", "sandbox"]

_ANYONE_COULD: dict[Server, str] = {
    "gateway": "post photos",
    "metrics": "read health and metrics",
    "ocr": "have photos read",
    "page": "use the page",
    "sandbox": "read and change its data",
}
#: The setting of each server's token; the others have none.
_TOKEN: dict[Server, str] = {"gateway": "HANGTAG_GATEWAY_TOKEN", "ocr": "HANGTAG_OCR_TOKEN"}


def exposed(server: Server, host: str, open_servers: Collection[str], *, has_token: bool = False) -> str | None:
    """Return why a server must not listen on `host`, and what to do; None if it may."""
    if has_token or server in open_servers or _is_loopback(host):
        return None
    token = f"set {_TOKEN[server]}, or " if server in _TOKEN else ""
    return (
        f"Anyone who reaches {host} could {_ANYONE_COULD[server]}: {token}name the server in"
        f" HANGTAG_OPEN_SERVERS, as '[\"{server}\"]'"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
