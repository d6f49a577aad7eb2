"""Checks of Kafka: brokers, topics, lag and partitioners."""

import asyncio
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from confluent_kafka.admin import BrokerMetadata, ClusterMetadata

from schemas.topics import topics as all_topics
from streams.config.settings import Settings
from streams.kafka.clients import Admin, NoKafkaError
from streams.kafka.isolated import Isolated
from streams.kafka.partitioner import Placement, misplaced
from streams.kafka.reader import UnreadableTopicError, newest
from streams.kafka.topics import TopicState, compare
from streams.lag.evaluate import LagMemory, PartitionLag
from streams.lag.reader import isolated_looks
from streams.operations.checks.answer import Checked, Machine, fail, ok, warn
from streams.operations.checks.broker_version import RELEASES, kafka_version

_PATIENCE_S = 4
#: Longest time in seconds for all requests of one check; the doctor gives up on a check a little later.
_LIMIT_S = 25
_ASKED_AT_ONCE = 8
#: Number of newest uploads per partition that are checked.
_SAMPLED = 25
#: An upload older than this many seconds is late (docs/operations.md).
LATE_S = 300


async def broker(settings: Settings, _machine: Machine) -> list[Checked]:
    """Check that every broker responds, and its version."""
    return [await asyncio.to_thread(_broker, settings)]


async def topics(settings: Settings, _machine: Machine) -> list[Checked]:
    """Check that every topic exists and matches the design."""
    try:
        # Fail early: comparing waits longer for a broker.
        await asyncio.to_thread(_cluster, settings)
        found = await asyncio.to_thread(_compared, settings)
    except NoKafkaError as error:
        return [fail("topics", error.trouble, error.advice)]
    missing = [topic.name for topic in found if not topic.partitions]
    if missing:
        return [fail("topics", f"missing: {', '.join(missing)}", "run `hangtag topics apply`")]
    drifted = [f"{topic.name}: {'; '.join(topic.drift)}" for topic in found if topic.drift]
    if drifted:
        return [warn("topics", " | ".join(drifted), "see `hangtag topics list`; change what was not intended")]
    return [ok("topics", f"all {len(found)} as designed")]


async def lag(settings: Settings, _machine: Machine) -> list[Checked]:
    """Check that each stage has a consumer and is not late. A single look: `hangtag lag` detects stalled partitions."""
    return await asyncio.to_thread(_lag, settings)


async def partitioner(settings: Settings, _machine: Machine) -> list[Checked]:
    """Check that the newest uploads are on the partition of their key, which keeps each shopper's uploads in order."""
    return [await asyncio.to_thread(_partitioner, settings)]


def _partitioner(settings: Settings) -> Checked:
    topic = all_topics(settings.topic_prefix).uploads.name
    try:
        # Other checks report a missing topic or a broker that does not respond.
        _cluster(settings)
        records, partitions = newest(settings, topic, _SAMPLED)
    except NoKafkaError as error:
        return fail("partitioner", error.trouble, error.advice)
    except UnreadableTopicError as error:
        return fail("partitioner", str(error), "look at the checks of broker and topics")
    found = misplaced([Placement(one.key, one.partition) for one in records], partitions)
    if found is not None:
        return warn("partitioner", f"{topic}: {found.finding}", found.advice)
    return ok("partitioner", f"the newest {len(records)} uploads are on their key's partition")


def _cluster(settings: Settings) -> ClusterMetadata:
    return Admin(settings).cluster(timeout_s=_PATIENCE_S)


def _compared(settings: Settings) -> list[TopicState]:
    with Isolated(partial(_comparing, settings), limit_s=_LIMIT_S) as comparing:
        return comparing.ask()


def _comparing(settings: Settings) -> Callable[[], list[TopicState]]:
    return partial(compare, settings)


def _broker(settings: Settings) -> Checked:
    try:
        cluster = _cluster(settings)
    except NoKafkaError as error:
        return fail("broker", error.trouble, error.advice)
    brokers = list(cluster.brokers.values())
    if str(cluster.cluster_id).startswith("mockCluster"):
        finding = f"the embedded broker, {_count(brokers)}: for trying out only, it loses everything when it stops"
        return ok("broker", finding)
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as threads:
        versions = threads.map(_version, brokers)
    return judge_brokers({f"{one.host}:{one.port}": version for one, version in zip(brokers, versions, strict=True)})


def _version(one: BrokerMetadata) -> str | OSError | None:
    try:
        socket.create_connection((one.host, one.port), _PATIENCE_S).close()
    except OSError as error:
        return error
    try:
        return kafka_version(one.host, one.port, _PATIENCE_S)
    except OSError:
        # The version is unknown: the broker may require TLS, for example.
        return None


def judge_brokers(versions: Mapping[str, str | OSError | None]) -> Checked:
    """Judge the brokers by address: a release, None if it reports none, an OSError if it does not respond."""
    away = [address for address, version in versions.items() if isinstance(version, OSError)]
    if away:
        finding = f"the cluster lists brokers at {', '.join(away)}, but nothing responds there"
        return fail(
            "broker", finding, "set the brokers' advertised.listeners to addresses that clients reach, or start it"
        )
    releases = sorted({str(version or "(unknown version)") for version in versions.values()})
    finding = f"Apache Kafka {', '.join(releases)}, {_count(versions)}"
    if any(release.startswith("before") for release in releases):
        return warn("broker", finding, f"use {min(RELEASES.values())} or later: earlier versions were never tested")
    return ok("broker", finding)


def _count(brokers: Collection[object]) -> str:
    return f"{len(brokers)} broker{'' if len(brokers) == 1 else 's'}"


def _lag(settings: Settings) -> list[Checked]:
    try:
        with isolated_looks(settings, patience_s=_PATIENCE_S, limit_s=_LIMIT_S) as looks:
            look = looks.ask()
    except NoKafkaError as error:
        return [fail("lag", error.trouble, error.advice)]
    verdicts = LagMemory(settings.lag_stalled_s).judge(look.readings)
    troubles = [warn("lag", "; ".join(look.troubles), "fix the cluster, then check again")] if look.troubles else []
    foreign = [
        fail(f"lag {group}", *sentence.rsplit(": ", 1))
        for group, sentences in look.strangers.items()
        for sentence in sentences
    ]
    return (
        troubles
        + foreign
        + [
            _group(group, look.members[group], [one for one in verdicts if one.place.group == group])
            for group in dict.fromkeys(verdict.place.group for verdict in verdicts)
        ]
    )


def _group(group: str, members: int | None, verdicts: Sequence[PartitionLag]) -> Checked:
    name, stage = f"lag {group}", group.rpartition(".")[2]
    expired = sum(verdict.expired for verdict in verdicts)
    if expired:
        finding = f"{expired} offsets were deleted before the stage read them"
        return fail(
            name, finding, "those uploads are lost here: publish them again, and find out why the stage was so late"
        )
    if members == 0:
        return warn(name, f"no consumer; {_waiting(verdicts)}", f"start `hangtag worker {stage}`")
    late = [verdict for verdict in verdicts if (verdict.seconds or 0) > LATE_S]
    if late:
        advice = "see what it waits for: its log, `hangtag lag --watch`, the checks of what it calls"
        return warn(name, f"late: {_waiting(verdicts)}", advice)
    orphans = [str(verdict.place.partition) for verdict in verdicts if verdict.state == "unassigned"]
    if orphans:
        return warn(name, f"no member reads partition {', '.join(orphans)}", "look at the members' logs")
    return ok(name, _waiting(verdicts))


def _waiting(verdicts: Sequence[PartitionLag]) -> str:
    return "; ".join(_parts(verdicts))


def _parts(verdicts: Sequence[PartitionLag]) -> Iterator[str]:
    lags = sum(verdict.lag for verdict in verdicts)
    oldest = max((verdict.seconds for verdict in verdicts if verdict.seconds is not None), default=0)
    yield f"{lags} ahead, the oldest for {oldest:.0f} s" if lags else "nothing ahead"
    if fresh := sum(verdict.lag for verdict in verdicts if verdict.state == "no-commit"):
        yield f"{fresh} of them where nothing was committed yet"
