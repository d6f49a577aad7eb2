"""Reads from the topics what a chaos run lost, doubled or put out of order."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from effects import double_effects
from faults import is_foreign
from traffic import committed, hear_all

from schemas.codec import decode
from schemas.events import PhotoUploaded, TextRecognized
from streams.config.settings import Settings
from streams.kafka.reader import Seen, follow
from streams.wiring.kafka import make_topics


@dataclass(frozen=True)
class Published:
    """What was sent."""

    ids: list[str]
    aborted: set[str]
    #: Kafka lost some of it by a cut of its log.
    was_cut: bool


@dataclass(frozen=True)
class Verdict:
    """What the topics say."""

    uploads: int
    heard: int
    lost: int
    #: Uploads that Kafka lost before a worker had read them.
    cut_unread: int
    #: Texts that are there again; later stages tell them by their upload.
    duplicates: int
    #: The most texts of one upload.
    most_texts: int
    #: Events that a local Klaviyo keeps beyond one for each upload.
    double_effects: int
    aborted_worked_on: int
    out_of_order_shoppers: int
    #: Of the foreign records in the log, those without a dead letter; and dead letters of other records.
    foreign: int
    foreign_lost: int
    dead_letters: int
    uncommitted: int
    rebalances: int
    actions: dict[str, int]
    worker_exits: dict[str, int]
    #: Workers that a native library ended.
    crashes: int
    seconds: float

    @property
    def is_good(self) -> bool:
        """Return whether nothing was lost, doubled, or put out of order."""
        return not (
            self.lost
            or self.double_effects
            or self.aborted_worked_on
            or self.out_of_order_shoppers
            or self.foreign_lost
            or self.dead_letters
            or self.uncommitted
            or self.crashes
        )


async def judge(
    settings: Settings,
    folder: Path,
    published: Published,
    *,
    left: int,
    actions: dict[str, int],
    rebalances: int,
    worker_exits: dict[str, int],
    seconds: float,
) -> Verdict:
    """Read all topics, once no worker runs."""
    heard = await asyncio.to_thread(hear_all, settings)
    names = make_topics(settings)
    kept, foreign = _in_log(settings)
    letters = [seen.value for seen in follow(settings, [names.uploads_dlq.name])]
    wanted = set(published.ids)
    unheard = wanted - set(heard)
    cut = unheard - kept if published.was_cut else set()
    return Verdict(
        uploads=len(wanted),
        heard=len(wanted & set(heard)),
        lost=len(unheard - cut),
        cut_unread=len(cut),
        duplicates=heard.duplicates,
        most_texts=max(map(len, heard.values()), default=0),
        # Where no text is there twice, no effect can be.
        double_effects=await double_effects(settings, folder, len(heard)) if heard.duplicates else 0,
        aborted_worked_on=len(published.aborted & set(heard)),
        out_of_order_shoppers=_out_of_order(settings),
        foreign=len(foreign),
        foreign_lost=len(foreign - set(letters)),
        dead_letters=sum(not is_foreign(value) for value in letters),
        uncommitted=left,
        rebalances=rebalances,
        actions=actions,
        worker_exits=worker_exits,
        crashes=sum(times for exit_, times in worker_exits.items() if exit_.startswith("by itself -")),
        seconds=seconds,
    )


def ends_of_uploads(settings: Settings, aborted: set[str]) -> dict[int, int]:
    """Find the end of the last record for the workers in each partition; markers and aborted records may follow it."""
    ends: dict[int, int] = {}
    for seen in follow(settings, [make_topics(settings).uploads.name]):
        if is_foreign(seen.value) or _id_of(seen) not in aborted:
            ends[seen.partition] = seen.offset + 1
    return ends


def uncommitted(settings: Settings, ends: dict[int, int]) -> int:
    """Count the offsets between the commits of `recognize` and these ends."""
    now = committed(settings)
    return sum(max(0, end - max(now[partition][0], 0)) for partition, end in ends.items())


def _in_log(settings: Settings) -> tuple[set[str], set[bytes | None]]:
    """List the uploads, and the values of foreign records, that the log holds."""
    ids: set[str] = set()
    foreign: set[bytes | None] = set()
    for seen in follow(settings, [make_topics(settings).uploads.name]):
        if is_foreign(seen.value):
            foreign.add(seen.value)
        else:
            ids.add(_id_of(seen))
    return ids, foreign


def _id_of(seen: Seen) -> str:
    return decode(PhotoUploaded, seen.value).upload_id


def _out_of_order(settings: Settings) -> int:
    """Count shoppers whose uploads first appear in another order than they were published in."""
    first: dict[str, list[int]] = defaultdict(list)
    for seen in follow(settings, [make_topics(settings).texts.name]):
        text = decode(TextRecognized, seen.value)
        number = int(text.upload_id.rpartition("-")[2])
        if number not in first[text.shopper_id]:
            first[text.shopper_id].append(number)
    return sum(numbers != sorted(numbers) for numbers in first.values())
