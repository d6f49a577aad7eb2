"""Serves the sandbox on a socket."""

import asyncio
import socket

import uvicorn
from fastapi import FastAPI


def listen(host: str, port: int) -> socket.socket:
    """
    Bind before serving, so that a port of 0 is known, and taken, before anyone is told of it.

    Raises:
        OSError: the address is in use or not ours.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def url_of(listening: socket.socket) -> str:
    """Give the base URL of a bound socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app: FastAPI, http: type[asyncio.Protocol] | None = None) -> uvicorn.Server:
    """Make a quiet server; `serve(sockets=[…])` runs it. `http` is another protocol class than uvicorn's own."""
    config = uvicorn.Config(app, http=http or "auto", log_level="critical", access_log=False, lifespan="off")
    return uvicorn.Server(config)
