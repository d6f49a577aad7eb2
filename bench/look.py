"""
How well a server looks at photos that you labelled: precision and recall per aspect, and what a photo costs. JSON.

    HANGTAG_LOOK_URL=http://127.0.0.1:8200 HANGTAG_LOOK_MODEL=... python -P bench/look.py labels.jsonl
    HANGTAG_LOOK_URL=... python -P bench/look.py --folders clothing-dataset-small/test
    HANGTAG_LOOK_COLOUR=true python -P bench/look.py labels.jsonl

A line of labels.jsonl names a photo beside it and its right tags, aspect by aspect; an aspect that is left out is not
judged: {"photo": "a.jpg", "category": ["category/dress"], "colour": ["colour/red", "colour/burgundy"]}. Of several
tags each is right. `--folders` takes the names of folders for categories, as clothing-dataset-small (CC0) has them.
A tag counts from its aspect's `least` on.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ocr_worker.images.decode import DecodedPhoto, Limits, open_photo
from ocr_worker.look.looker import AnyLooker
from rules.lexicon.aspects import aspect_of
from rules.lexicon.load import load_lexicon
from rules.tagger import Tagger
from streams.config.settings import Settings
from streams.wiring.look import make_looker

#: What clothing-dataset-small calls its folders, and the tags that are right for each.
FOLDERS = {
    "dress": ("dress", "evening-dress", "wedding-dress", "qipao"),
    "hat": ("hat", "baseball-cap", "beanie", "bucket-hat", "beret"),
    "longsleeve": ("long-sleeve-tee", "sweater", "sweatshirt", "cardigan", "hoodie"),
    "outwear": ("jacket", "coat", "trench-coat", "windbreaker", "raincoat", "puffer-jacket", "parka", "blazer", "vest",
                "denim-jacket", "bomber-jacket", "varsity-jacket", "track-jacket", "fleece-jacket", "down-vest"),
    "pants": ("pants", "jeans", "wide-leg-pants", "straight-pants", "skinny-pants", "flared-pants", "suit-pants",
              "cargo-pants", "joggers", "leggings", "culottes"),
    "shirt": ("shirt", "blouse"),
    "shoes": ("sneakers", "canvas-shoes", "loafers", "flats", "mary-janes", "heels", "sandals", "slippers", "boots"),
    "shorts": ("shorts", "denim-shorts", "cycling-shorts", "swim-trunks"),
    "skirt": ("skirt", "pencil-skirt", "pleated-skirt", "a-line-skirt"),
    "t-shirt": ("t-shirt", "polo-shirt"),
}  # fmt: skip
#: Photos in flight at the server.
AT_ONCE = 8


@dataclass
class Tally:
    """Photos of one aspect: labelled ones, those with a tag, and those with a right tag."""

    judged: int = 0
    given: int = 0
    right: int = 0
    scores: list[float] = field(default_factory=list)

    def said(self) -> dict[str, object]:
        """Precision: of the photos with a tag those with a right one. Recall: of all that were judged."""
        return {
            "photos": self.judged,
            "precision": round(self.right / self.given, 3) if self.given else None,
            "recall": round(self.right / self.judged, 3) if self.judged else None,
            "median_score": round(statistics.median(self.scores), 3) if self.scores else None,
        }


def labelled(path: Path, *, folders: bool) -> Iterator[tuple[Path, dict[str, set[str]]]]:
    """Read the labels: each photo with the right tags of each aspect."""
    if folders:
        for folder in sorted(path.iterdir()):
            for photo in sorted(folder.glob("*.jp*g")) if folder.name in FOLDERS else ():
                yield photo, {"category": {f"category/{value}" for value in FOLDERS[folder.name]}}
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        labels = json.loads(line)
        yield path.parent / labels.pop("photo"), {aspect: set(tags) for aspect, tags in labels.items()}


async def score(path: Path, *, folders: bool, looker: AnyLooker, tagger: Tagger) -> dict[str, object]:
    """Look at every photo and judge what was seen."""
    aspects = {entry.id: aspect_of(entry) for entry in tagger.lexicon.entries.values() if entry.seen}
    tallies: dict[str, Tally] = {}
    seconds: list[float] = []
    unanswered = 0
    places = asyncio.Semaphore(AT_ONCE)

    async def one(photo: Path, right: dict[str, set[str]]) -> None:
        nonlocal unanswered
        async with places:
            opened = await asyncio.to_thread(lambda: open_photo(photo.read_bytes(), Limits()))
            if not isinstance(opened, DecodedPhoto):
                return
            picture = await asyncio.to_thread(looker.prepare, opened)
            started = time.perf_counter()
            seen = await looker.look(picture)
            seconds.append(time.perf_counter() - started)
        unanswered += seen is None
        given = {tag.id: tag.score for tag in tagger.tag((), seen).tags if tag.id in aspects}
        for aspect, tags in right.items():
            mine = {tag: of for tag, of in given.items() if aspects[tag] == aspect}
            tally = tallies.setdefault(aspect, Tally())
            tally.judged += 1
            tally.given += bool(mine)
            tally.right += not tags.isdisjoint(mine)
            tally.scores += mine.values()

    await asyncio.gather(*(one(photo, right) for photo, right in labelled(path, folders=folders)))
    return {
        "aspects": {aspect: tally.said() for aspect, tally in sorted(tallies.items())},
        "unanswered": unanswered,
        "seconds_per_photo": round(statistics.median(seconds), 3) if seconds else None,
    }


async def main() -> None:
    """Score the server that the settings name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--folders", action="store_true")
    chosen = parser.parse_args()
    settings = Settings()
    looker = make_looker(settings)
    if looker is None:
        parser.error("set HANGTAG_LOOK_URL, or HANGTAG_LOOK_COLOUR=true")
    tagger = Tagger(load_lexicon(settings.lexicon))
    print(json.dumps(await score(chosen.labels, folders=chosen.folders, looker=looker, tagger=tagger), indent=2))
    await looker.aclose()


if __name__ == "__main__":
    asyncio.run(main())
