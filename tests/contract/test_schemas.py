"""What we publish is what the checked-in schemas say, and those are what the code says."""

import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import files, packages_distributions
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from schemas import events
from schemas.codec import decode, encode
from schemas.export import json_schemas
from streams.config.settings import child_environment

ROOT = Path(__file__).parents[2]
words = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
times = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))
boxes = st.tuples(*[st.integers(0, 4000)] * 4)
scores = st.floats(0, 1)
lines = st.builds(events.TextLine, text=words, bbox=boxes, score=scores)
engines = st.builds(events.Engine, name=words, model=words, revision=words)
identities = st.builds(events.Identity, external_id=words, email=st.none() | st.just("a@b.co"))
evidence = st.builds(
    events.Evidence, kind=st.just("read"), text=words, bbox=boxes, rule=words, score=st.none()
) | st.builds(events.Evidence, kind=st.just("seen"), text=st.just(""), bbox=boxes, rule=words, score=scores)
seen = st.builds(
    events.Seen,
    engine=engines,
    values=st.lists(st.builds(events.SeenValue, tag=st.just("scene/beach"), bbox=boxes, score=scores), max_size=2).map(
        tuple
    ),
)
tags = st.builds(
    events.Tag,
    id=st.sampled_from(["material/cotton", "style/v-neck", "size/3.5", "category/t-shirt"]),
    category=words,
    value=words,
    labels=st.builds(events.Labels, en=words, zh=words),
    score=scores,
    share=st.none() | st.floats(0.1, 100),
    evidence=st.tuples(evidence),
)
base = {"upload_id": words, "shopper_id": words, "uploaded_at": times}
photo_read = st.builds(
    events.PhotoRead, uri=words, sha256=st.just("a" * 64), width=st.integers(1, 9000), height=st.integers(1, 9000)
)
quality = st.builds(events.Quality, verdict=st.sampled_from(["ok", "blurry"]), sharpness=st.floats(0, 1e6))
KINDS = {
    events.PhotoUploaded: st.builds(
        events.PhotoUploaded, **base, photo=st.builds(events.Photo, uri=words), identity=identities
    ),
    events.TextRecognized: st.builds(
        events.TextRecognized,
        **base,
        photo=photo_read,
        identity=identities,
        texts=st.lists(lines, max_size=3).map(tuple),
        quality=quality,
        seen=st.none() | seen,
        engine=engines,
        recognized_at=times,
    ),
    events.OutfitTagged: st.builds(
        events.OutfitTagged,
        **base,
        identity=identities,
        tags=st.lists(tags, min_size=1, max_size=3).map(tuple),
        lexicon_version=words,
        engine=engines,
        look=st.none() | engines,
        tagged_at=times,
    ),
    events.ProfileSynced: st.builds(
        events.ProfileSynced,
        **base,
        outcome=st.sampled_from(["written", "unchanged", "forgotten"]),
        lane=st.sampled_from(["single", "bulk"]),
        profile_version=st.integers(0, 10**9),
        synced_at=times,
    ),
    events.UploadFeedback: st.builds(
        events.UploadFeedback,
        **base,
        code=st.sampled_from(["blurry", "no_text", "unreadable", "too_large", "unsupported"]),
        messages=st.builds(events.Messages, zh=words, en=words),
        judged_at=times,
    ),
}


@pytest.mark.parametrize("kind", events.EVENTS, ids=lambda kind: kind.__name__)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_every_event_we_write_fits_its_checked_in_schema_and_reads_back(kind, data):
    event = data.draw(KINDS[kind])
    value, _ = encode(event, source="test")
    checked_in = (ROOT / "schemas" / "jsonschema" / f"{kind.ce_type}.json").read_text()
    jsonschema_rs.validator_for(from_json(checked_in)).validate(from_json(value))
    assert decode(kind, value) == event


def test_read_evidence_has_no_new_fields():
    line = {"text": "100% COTTON", "bbox": (1, 2, 3, 4), "rule": "material/cotton#1"}
    assert events.Evidence(**line).model_dump(exclude_none=True).keys() == line.keys()
    shown = events.Evidence(**line, kind="seen", score=0.5).model_dump()
    assert (shown["kind"], shown["score"]) == ("seen", 0.5)


def test_evidence_of_an_older_version_was_read():
    old = '{"text": "100% COTTON", "bbox": [1, 2, 3, 4], "rule": "material/cotton#1"}'
    assert events.Evidence.model_validate_json(old).kind == "read"


def test_the_checked_in_schemas_and_the_configuration_page_are_fresh():
    # The rest of the program lies beside it.
    environment = child_environment() | {"PYTHONSAFEPATH": ""}
    command = [sys.executable, ROOT / "docs" / "generate.py", "--check"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def test_a_producer_may_leave_the_identity_out():
    schema = from_json(json_schemas()["hangtag.photo-uploaded.v1.json"])
    assert "identity" not in schema["required"]


def test_the_five_generic_package_names_are_ours_alone():
    owners = packages_distributions()
    for name in ("schemas", "ocr_worker", "rules", "klaviyo_sink", "streams"):
        assert set(owners.get(name, ["hangtag"])) == {"hangtag"}


def test_the_installed_distribution_holds_the_five_packages_and_nothing_else():
    tops = {file.parts[0] for file in files("hangtag") or () if file.suffix != ".pth" and ".." not in file.parts}
    assert {top for top in tops if not top.endswith(".dist-info")} <= {
        "schemas",
        "ocr_worker",
        "rules",
        "klaviyo_sink",
        "streams",
    }
