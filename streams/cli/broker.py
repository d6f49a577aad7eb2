"""`hangtag broker`: the embedded broker as a process of its own. Knows no Faust."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Literal

import typer
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from streams.cli.support.boundary import CommandError
from streams.kafka.embedded import EmbeddedBroker, EmbeddedBrokerError

HOST = "127.0.0.1"


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Errors(_Fault):
    """`{"fault": "errors", "api": "JoinGroup", "error": "GROUP_AUTHORIZATION_FAILED", "count": 1}`."""

    fault: Literal["errors"]
    api: str
    error: str
    count: int = Field(1, ge=1, le=100_000)

    def strike(self, broker: EmbeddedBroker) -> None:
        """Answer the next requests with an error."""
        broker.errors(self.api, self.error, self.count)


class UpDown(_Fault):
    """`{"fault": "down", "broker": 1}` or `{"fault": "up"}`; no broker means all."""

    fault: Literal["down", "up"]
    broker: int | None = None

    def strike(self, broker: EmbeddedBroker) -> None:
        """Stop brokers, or start them again."""
        (broker.down if self.fault == "down" else broker.up)(self.broker)


class RoundTrip(_Fault):
    """`{"fault": "rtt", "broker": 1, "ms": 200}`; no broker means all."""

    fault: Literal["rtt"]
    broker: int | None = None
    ms: int = Field(ge=0, le=3_600_000)

    def strike(self, broker: EmbeddedBroker) -> None:
        """Delay every answer."""
        broker.rtt(self.ms, self.broker)


_FAULT: TypeAdapter[Errors | UpDown | RoundTrip] = TypeAdapter(
    Annotated[Errors | UpDown | RoundTrip, Field(discriminator="fault")]
)


def broker(
    port: int = typer.Option(9092, min=0, max=65535, help="Port of 127.0.0.1 to be reached at; 0 picks a free one."),
    partitions: int = typer.Option(4, min=1, max=1000, help="Partitions of each topic."),
    brokers: int = typer.Option(1, min=1, max=9, help="Brokers; they share the work as in a cluster."),
    topic_prefix: str | None = typer.Option(
        None, help="First part of every topic's name.", show_default="HANGTAG_TOPIC_PREFIX"
    ),
    faults: bool = typer.Option(
        False, "--faults", help="Read faults from stdin, one JSON object a line (docs/kafka.md)."
    ),
) -> None:
    """
    Run the embedded broker in the foreground, until Ctrl-C or SIGTERM.

    It speaks Kafka's protocol to any client on this machine and has all of Hangtag's topics.
    Its first line of output is 'Embedded broker ready on HOST:PORT'.

    It is for demos and tests, not for messages you need. Everything is in memory, and gone when it stops. A partition
    keeps about 5 MB and 100,000 messages, and drops older ones. Clients cannot create topics; an unknown name appears
    with 4 partitions. No offset is committed during a rebalance, so expect repeated messages. It describes no configs
    and no groups, and lists no groups. It has no TLS, passwords, retention or usable transactions, and listens on
    127.0.0.1 only.

    For anything more: `make kafka`, or a cluster of your own.
    """
    from streams.config.settings import Settings
    from streams.kafka.topics import designed

    settings = Settings()
    if topic_prefix is not None:
        settings = settings.model_copy(update={"topic_prefix": topic_prefix})
    names = {topic.name: partitions for topic in designed(settings)}
    try:
        with EmbeddedBroker(names, brokers=brokers) as embedded:
            asyncio.run(_serve(embedded, port, faults=faults))
    except EmbeddedBrokerError as error:
        raise CommandError(f"The embedded broker did not start: {error}") from None


async def _serve(embedded: EmbeddedBroker, port: int, *, faults: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    address = embedded.bootstrap_servers
    if port:
        await _open_door(port, embedded.bootstrap_servers)
        address = f"{HOST}:{port}"
    if faults:
        _read_lines(sys.stdin.fileno(), lambda line: print(_strike(embedded, line), flush=True))
    print(f"Embedded broker ready on {address}", flush=True)
    await stop.wait()


def _strike(embedded: EmbeddedBroker, line: bytes) -> str:
    try:
        _FAULT.validate_json(line).strike(embedded)
    except ValidationError as error:
        return json.dumps({"ok": False, "error": "; ".join(f"{e['loc']}: {e['msg']}" for e in error.errors())})
    except EmbeddedBrokerError as error:
        return json.dumps({"ok": False, "error": str(error)})
    return json.dumps({"ok": True})


def _read_lines(descriptor: int, handle: Callable[[bytes], None]) -> None:
    # Reading only when readable leaves the descriptor blocking: it may be a terminal that stdout shares.
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
    Forward a port of our choice to the brokers, whose ports the kernel chose.

    Clients only ask here where the brokers are, and then talk to those: no messages pass through.
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
