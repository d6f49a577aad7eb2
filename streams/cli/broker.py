"""`hangtag broker`: runs the embedded broker in the foreground."""

import asyncio

import typer

from streams.cli.support.boundary import CommandError


def broker(
    port: int = typer.Option(9092, min=0, max=65535, help="Port on 127.0.0.1; 0 picks a free one."),
    partitions: int = typer.Option(4, min=1, max=1000, help="Partitions of each topic."),
    brokers: int = typer.Option(1, min=1, max=9, help="Number of brokers in the cluster."),
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

    Use it for demos and tests only. It keeps everything in memory and loses it when it stops. A partition keeps about
    5 MB and 100,000 messages, and drops older ones. Clients cannot create topics; an unknown name gets 4 partitions.
    No offset can be committed during a rebalance, so expect repeated messages. It does not describe configs or groups,
    and does not list groups. It has no TLS, passwords, retention or usable transactions, and listens on 127.0.0.1 only.

    For everything else use `make kafka` or your own cluster.
    """
    from streams.config.settings import Settings
    from streams.kafka.embedded.broker import EmbeddedBroker, EmbeddedBrokerError
    from streams.kafka.embedded.process import serve
    from streams.kafka.topics import designed

    settings = Settings()
    if topic_prefix is not None:
        settings = settings.model_copy(update={"topic_prefix": topic_prefix})
    names = {topic.name: partitions for topic in designed(settings)}
    try:
        with EmbeddedBroker(names, brokers=brokers) as embedded:
            asyncio.run(serve(embedded, port, faults=faults))
    except EmbeddedBrokerError as error:
        raise CommandError(f"The embedded broker did not start: {error}") from None
