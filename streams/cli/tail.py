"""`hangtag tail`: prints the messages of a topic as they arrive."""

from datetime import UTC, datetime
from typing import Any

import typer

from schemas.steady_clock import now as steady_now
from streams.cli.support.terminal import json_line, plain
from streams.config.settings import Settings


def tail(
    topic: str = typer.Argument(
        ..., help="Short name (uploads, texts, tags, profiles, feedback, uploads.dlq) or full name."
    ),
    since: str = typer.Option(
        None, help="Start then: an age (15m, 2h, 7d) or an RFC 3339 time. Default: new messages only."
    ),
    *,
    follow: bool = typer.Option(True, help="Wait for new messages; --no-follow stops at the newest."),
    values: bool = typer.Option(False, "--values", help="Also show values. They contain shoppers' text."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object per message."),
) -> None:
    """Print the messages of a topic as they arrive."""
    from streams.kafka import reader as topics

    settings = Settings()
    name = topic if topic.startswith(f"{settings.topic_prefix}.") else f"{settings.topic_prefix}.{topic}"
    try:
        start = topics.parse_since(since, now=steady_now().timestamp())
        messages = topics.follow(settings, [name], since=start, from_end=since is None and follow, forever=follow)
        for seen in messages:
            shown = _shown(seen, values=values)
            typer.echo(json_line(shown) if as_json else plain(_line(shown)))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _shown(seen: Any, *, values: bool) -> dict[str, Any]:
    shown = {
        "topic": seen.topic,
        "partition": seen.partition,
        "offset": seen.offset,
        "time": datetime.fromtimestamp(seen.timestamp, UTC).isoformat(timespec="milliseconds"),
        "key": _text(seen.key),
        "headers": {name: _text(value) for name, value in seen.headers},
    }
    return shown | {"value": _text(seen.value)} if values else shown


def _line(shown: dict[str, Any]) -> str:
    headers = " ".join(f"{name}={value!r}" for name, value in shown["headers"].items())
    place = f"{shown['topic']}[{shown['partition']}]@{shown['offset']}"
    value = f"\n  {shown['value']!r}" if "value" in shown else ""
    return f"{shown['time']} {place} key={shown['key']!r} {headers}{value}"


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "backslashreplace")
