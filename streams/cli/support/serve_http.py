"""Runs an HTTP service as a command, with TLS and a shutdown that finishes open requests. Knows no service."""

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from streams.cli.support.boundary import UNUSABLE, CommandError
from streams.cli.support.listen import BACKLOG

#: Seconds that idle connections stay open: longer than in our own clients, so that only the clients close one.
_KEEP_ALIVE_S = 75


def check_tls(cert: Path | None, key: Path | None, setting: str) -> None:
    """
    Check at start that the certificate can be used; `setting` names the setting for it.

    Raises:
        typer.Exit: It cannot; the reason has been printed.

    """
    import ssl

    if cert is None:
        if key is not None:
            typer.echo(f"A TLS key needs a certificate: --tls-cert or {setting}", err=True)
            raise typer.Exit(2)
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except OSError as error:
        raise CommandError(f"Cannot use the TLS certificate {cert}: {error.strerror or error}", UNUSABLE) from None


def serve_http(
    app: Any,
    listener: socket.socket,
    *,
    cert: Path | None,
    key: Path | None,
    drain_s: float,
    on_stop: Callable[[], object] = lambda: None,
) -> None:
    """
    Serve an ASGI app until SIGTERM or Ctrl-C, then finish open requests for at most `drain_s` seconds.

    `on_stop` is called in the event loop on the signal, to end requests that would never end by themselves.
    """
    import asyncio

    import uvicorn

    from ocr_worker.http.bounded_http import bounded_http, own_policy

    policy = own_policy()

    class Server(uvicorn.Server):
        async def serve(self, sockets: list[socket.socket] | None = None) -> None:
            self.loop = asyncio.get_running_loop()
            await super().serve(sockets)

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            super().handle_exit(sig, frame)
            self.loop.call_soon_threadsafe(on_stop)

    server = Server(
        uvicorn.Config(
            app,
            ssl_certfile=cert,
            ssl_keyfile=key,
            http=bounded_http(policy),
            # Uvicorn accepts this many at once, before any of them is counted.
            backlog=min(policy.most, BACKLOG),
            access_log=False,
            server_header=False,
            log_config=None,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(drain_s),
        )
    )

    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
