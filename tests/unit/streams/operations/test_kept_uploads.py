"""What is kept of texts and tags, against the same in dictionaries; and in how little memory."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import outfits
from hypothesis import given
from hypothesis import strategies as st
from outfits import NOON, outfit, tag

from schemas.events import OutfitTagged
from streams.operations.kept_uploads import Counts, KeptUploads
from streams.operations.tag_changes import said_by

IDS = st.sampled_from("abcdef")
VERSIONS = st.sampled_from(("new", "old", "older"))
TAGS = st.tuples(IDS, VERSIONS, st.integers(0, 5))
#: A process that keeps so many uploads with a cache of 2 MB, and prints the kB of memory it took.
RUN = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from outfits import outfit, tag
from streams.operations.kept_uploads import KeptUploads
many = int(sys.argv[1])
said = outfit("u", tags=(tag("material/cotton"), tag("style/slim")), lexicon_version="old")
with KeptUploads({0: many}, cache_kb=2000) as kept:
    for one in range(many):
        kept.add_text(f"upload-{one:032}", said.shopper_id, 0, one)
    for one in range(many):
        kept.add_tags(said.model_copy(update={"upload_id": f"upload-{one:032}"}))
    assert kept.counts("new").to_tag == many
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def tagged(upload_id: str, version: str, minutes: int) -> OutfitTagged:
    at = NOON + timedelta(minutes=minutes, microseconds=1)
    tags = (tag("material/cotton"),) if minutes % 2 else ()
    return outfit(upload_id, lexicon_version=version, tagged_at=at, tags=tags, backfill=True)


@given(st.lists(IDS, max_size=30), st.lists(TAGS, max_size=30), st.integers(0, 30))
def test_kept_uploads_equal_those_of_plain_dictionaries(texts, tags, past):
    events = [tagged(*one) for one in tags]
    places, said = {upload_id: at for at, upload_id in enumerate(texts)}, {}
    for event in events:
        before = said.get(event.upload_id)
        if event.upload_id in places and (before is None or event.tagged_at >= before.tagged_at):
            said[event.upload_id] = said_by(event)
    waiting = {one for one, at in places.items() if one not in said and at >= past}
    wanted = {one for one in places if one not in waiting and (one not in said or said[one].lexicon_version != "new")}

    with KeptUploads({0: past}) as kept:
        for at, upload_id in enumerate(texts):
            kept.add_text(upload_id, "s1", 0, at)
        for event in events:
            kept.add_tags(event)
        assert kept.counts("new") == Counts(len(places), len(waiting), len(wanted))
        for at, upload_id in enumerate(texts):
            newest = places[upload_id] == at and upload_id in wanted
            assert kept.to_tag(upload_id, "s1", 0, at, "new") == ((said.get(upload_id),) if newest else None)


def test_two_shoppers_with_the_same_upload_id_have_two_uploads():
    with KeptUploads({}) as kept:
        for offset, shopper_id in enumerate(("s1", "s2")):
            kept.add_text("u", shopper_id, 0, offset)
        kept.add_tags(outfit("u", shopper_id="s1", lexicon_version="old"))
        kept.add_tags(outfit("u", shopper_id="s2", lexicon_version="new"))
        assert kept.counts("new") == Counts(2, 0, 1)
        found = kept.to_tag("u", "s1", 0, 0, "new")
        assert found is not None
        assert found[0].lexicon_version == "old"
        assert kept.to_tag("u", "s2", 0, 1, "new") is None


def test_memory_does_not_grow_with_the_uploads():
    def peak_kb(uploads: int) -> int:
        command = [sys.executable, "-c", RUN, str(uploads), str(Path(outfits.__file__).parent)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    # The cache is full with the smaller number already; 40,000 more in memory would take 20 MB.
    assert peak_kb(60_000) < peak_kb(20_000) + 10_000
