"""Runs the embedded broker as a process: its port, its signals, its faults from stdin. Knows no Faust."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from pydantic import ValidationError

from streams.kafka.embedded.broker import EmbeddedBroker, EmbeddedBrokerError
from streams.kafka.embedded.faults import FAULT

HOST = "127.0.0.1"


async def serve(embedded: EmbeddedBroker, port: int, *, faults: bool) -> None:
    """
    Serve until SIGINT or SIGTERM; print the address when clients can connect.

    Args:
        embedded: The running brokers.
        port: Port on 127.0.0.1; 0 for the one that the kernel chose.
        faults: Read faults from stdin, one JSON object per line, and print a JSON response to each.

    Raises:
        EmbeddedBrokerError: The port is in use, or stdin is a file.

    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    address = embedded.bootstrap_servers
    if port:
        await _open_door(port, embedded.bootstrap_servers)
        address = f"{HOST}:{port}"
    if faults:
        _read_lines(sys.stdin.fileno(), lambda line: print(_strike(embedded, line), flush=True))  # noqa: T201 - what --faults is for
    print(f"Embedded broker ready on {address}", flush=True)  # noqa: T201 - who starts it waits for this line
    await stop.wait()


def _strike(embedded: EmbeddedBroker, line: bytes) -> str:
    try:
        FAULT.validate_json(line).strike(embedded)
    except ValidationError as error:
        return json.dumps({"ok": False, "error": "; ".join(f"{e['loc']}: {e['msg']}" for e in error.errors())})
    except EmbeddedBrokerError as error:
        return json.dumps({"ok": False, "error": str(error)})
    return json.dumps({"ok": True})


def _read_lines(descriptor: int, handle: Callable[[bytes], None]) -> None:
    # Wait until the descriptor is readable, and leave it blocking: stdout may be the same terminal.
    loop = asyncio.get_running_loop()
    rest = b""

    def read() -> None:
        nonlocal rest
        data = os.read(descriptor, 65536)
        if not data:
            loop.remove_reader(descriptor)
        *lines, rest = (rest + data).split(b"\n")
        for line in filter(bytes.strip, lines):
            handle(line)

    try:
        loop.add_reader(descriptor, read)
    except PermissionError:
        raise EmbeddedBrokerError("--faults reads a pipe or a terminal, not a file") from None


async def _open_door(port: int, bootstrap_servers: str) -> None:
    """
    Forward a chosen port to the brokers, whose ports the kernel chose.

    Clients use it only to look up the brokers' addresses, and then connect to those: no messages pass through.
    """
    targets = [target.rsplit(":", 1) for target in bootstrap_servers.split(",")]

    async def forward(client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        for host, target in targets:
            with suppress(OSError):
                server, request = await asyncio.open_connection(host, int(target))
                await asyncio.gather(_pump(client, request), _pump(server, answer))
                return
        answer.close()

    try:
        await asyncio.start_server(forward, HOST, port)
    except OSError as error:
        raise EmbeddedBrokerError(
            f"port {port}: {os.strerror(error.errno or 0)}; choose another with --port, or 0 for a free one"
        ) from None


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()
