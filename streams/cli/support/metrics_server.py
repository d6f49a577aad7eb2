"""Serves metrics of a command that goes on for ever. Knows none of them."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from prometheus_client import REGISTRY, start_http_server
from prometheus_client.registry import Collector

from streams.cli.support.boundary import CommandError


@contextmanager
def serving_metrics(what: str, host: str, port: int, registry: Collector = REGISTRY) -> Iterator[None]:
    """Serve them, and say where. SIGTERM and Ctrl-C end the block and the command, with exit code 0."""
    try:
        server, _thread = start_http_server(port, host, registry)
    except OSError as error:
        raise CommandError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"{what} ready on http://{host}:{server.server_port}/metrics", flush=True)
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    finally:
        server.shutdown()
        server.server_close()
