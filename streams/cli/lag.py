"""`hangtag lag`: shows how far each stage is behind, in offsets and in seconds."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from streams.cli.support.tables import WIDE, console
from streams.cli.support.terminal import plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from streams.config.settings import Settings
    from streams.lag.evaluate import PartitionLag
    from streams.lag.reader import LagSnapshot
    from streams.lag.watch import Judged

app = typer.Typer(help=__doc__)

#: Lines of a table in addition to its rows.
_AROUND = 5
_STYLES = {"stalled": "red", "unassigned": "yellow", "no-commit": "yellow", "idle": "dim", "ok": None}


@app.callback(invoke_without_command=True)
def lag(
    context: typer.Context,
    *,
    watch: bool = typer.Option(False, "--watch", "-w", help="Refresh until Ctrl-C."),
    every: float = typer.Option(2, min=0.2, metavar="S", help="Seconds between refreshes."),
    wide: bool = WIDE,
    over: float = typer.Option(
        0, min=0, metavar="S", help="Watch for S seconds first: a single look cannot detect stalled partitions."
    ),
    as_json: bool = typer.Option(False, "--json", help="One JSON object per partition; null means unknown."),
) -> None:
    """
    Show how far each stage is behind, per partition. Exits 1 if Kafka does not respond.

    Seconds are the age of the oldest uncommitted record; ~ marks estimates.
    """
    if context.invoked_subcommand is not None:
        return
    from streams.config.settings import Settings
    from streams.kafka.clients import NoKafkaError
    from streams.lag.watch import keep_looking

    settings = Settings()
    try:
        if watch:
            _watch(settings, every, as_json=as_json, wide=wide)
            return
        until = None
        for seen in keep_looking(settings, min(every, over)):
            if isinstance(seen, NoKafkaError):
                raise seen
            # The time counts from the first look, because connecting takes a while.
            until = time.monotonic() + over if until is None else until
            if time.monotonic() >= until:
                _print(seen, as_json=as_json, wide=wide)
                return
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command()
def exporter(
    *,
    port: int = typer.Option(9308, min=0, max=65535, help="Port to listen on; 0 picks a free one."),
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    every: float = typer.Option(5, min=0.2, metavar="S", help="Seconds between reads of the cluster."),
    cluster_name: str = typer.Option("hangtag", help="Value of the label cluster_name (kafka-lag-exporter's metrics)."),
) -> None:
    """Serve lag to Prometheus, named as in kafka_exporter and kafka-lag-exporter. Waits while Kafka is away."""
    import structlog
    from prometheus_client import CollectorRegistry

    from streams.cli.support.metrics_server import serving_metrics
    from streams.config.settings import Settings
    from streams.kafka.clients import NoKafkaError
    from streams.lag.exporter import LagCollector
    from streams.lag.watch import keep_looking
    from streams.telemetry import metrics
    from streams.telemetry.logs import set_up_logs

    settings = Settings()
    set_up_logs(settings)
    log = structlog.get_logger()
    collector, registry = LagCollector(cluster_name), CollectorRegistry()
    registry.register(collector)
    registry.register(metrics.BUILD)
    logged: tuple[str, ...] = ()
    with serving_metrics("Lag exporter", host, port, registry):
        for seen in keep_looking(settings, every):
            if isinstance(seen, NoKafkaError):
                collector.seen = None
                if logged != (str(seen),):
                    logged = (str(seen),)
                    log.warning("no lag", message=str(seen))
                continue
            collector.seen = seen.look, seen.verdicts
            if seen.look.troubles != logged:
                logged = seen.look.troubles
                log.warning("lag is incomplete" if logged else "lag is complete again", troubles=logged)


def _watch(settings: Settings, every_s: float, *, as_json: bool, wide: bool) -> None:
    from streams.kafka.clients import NoKafkaError
    from streams.lag.watch import keep_looking

    screen = console(wide=wide)
    live = Live(console=screen, auto_refresh=False) if screen.is_terminal and not as_json else None
    answered = False
    with live or nullcontext():
        for seen in keep_looking(settings, every_s):
            if isinstance(seen, NoKafkaError):
                if not answered:
                    raise seen
                # Keep watching: Kafka may come back.
                if live is None:
                    typer.echo(str(seen), err=True)
                else:
                    live.update(Text(str(seen), style="red"), refresh=True)
                continue
            answered = True
            if live is None:
                _print(seen, as_json=as_json, wide=wide)
            else:
                fits = len(seen.verdicts) + _AROUND * len(seen.look.members) < screen.height
                live.update(_table(seen.look, seen.verdicts, quiet_too=fits), refresh=True)


def _print(seen: Judged, *, as_json: bool, wide: bool) -> None:
    look, verdicts = seen.look, seen.verdicts
    if not as_json:
        console(wide=wide).print(_table(look, verdicts))
        return
    for sentence in (*look.troubles, *chain.from_iterable(look.strangers.values())):
        typer.echo(plain(sentence), err=True)
    for verdict in verdicts:
        shown = asdict(verdict)
        typer.echo(json.dumps(shown.pop("place") | shown))


def _table(look: LagSnapshot, verdicts: tuple[PartitionLag, ...], *, quiet_too: bool = True) -> RenderableType:
    shown: list[RenderableType] = [
        _group(group, look.members[group], [one for one in verdicts if one.place.group == group], quiet_too=quiet_too)
        for group in dict.fromkeys(verdict.place.group for verdict in verdicts)
    ]
    shown += [Text(plain(sentence), style="red") for group in look.strangers.values() for sentence in group]
    shown += [Text(trouble, style="yellow") for trouble in look.troubles]
    if None in look.members.values():
        shown.append(Text("This broker does not list group members, so no partition shows as unassigned.", style="dim"))
    return Group(*shown)


def _group(group: str, members: int | None, verdicts: list[PartitionLag], *, quiet_too: bool) -> Table:
    listed = [one for one in verdicts if quiet_too or one.lag or one.state in {"stalled", "no-commit"}]
    hidden = f", {len(verdicts) - len(listed)} partitions without lag hidden" if listed != verdicts else ""
    ahead = f", {sum(one.lag for one in verdicts)} ahead"
    people = "" if members is None else f", {members} member{'' if members == 1 else 's'}"
    table = Table(title=f"{group} on {verdicts[0].place.topic}{people}{ahead}{hidden}", title_justify="left")
    for name in ("partition", "committed", "end", "lag", "seconds"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("state", overflow="fold")
    table.add_column("read by", overflow="fold")
    for verdict in listed:
        owner = verdict.owner
        table.add_row(
            str(verdict.place.partition),
            _shown(verdict.committed),
            str(verdict.high),
            _shown(verdict.lag) + (f" (+{verdict.expired} expired)" if verdict.expired else ""),
            "-" if verdict.seconds is None else f"{'~' if verdict.estimated else ''}{verdict.seconds:.1f}",
            verdict.state,
            "" if owner is None else plain(f"{owner.client}@{owner.host}"),
            style=_STYLES[verdict.state],
        )
    return table


def _shown(number: int | None) -> str:
    return "-" if number is None else str(number)
