"""Serves the sandbox on a socket."""

import asyncio
import socket

import uvicorn
from fastapi import FastAPI


def listen(host: str, port: int) -> socket.socket:
    """
    Open the port before serving. So a port chosen by the kernel (0) is known and open before its URL is printed.

    Raises:
        OSError: The address is in use, or not one of this machine.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def url_of(listening: socket.socket) -> str:
    """Return the base URL of a bound socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app: FastAPI, http: type[asyncio.Protocol] | None = None) -> uvicorn.Server:
    """Create a quiet server; `serve(sockets=[…])` runs it. `http` replaces uvicorn's protocol class."""
    config = uvicorn.Config(app, http=http or "auto", log_level="critical", access_log=False, lifespan="off")
    return uvicorn.Server(config)
