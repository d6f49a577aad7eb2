"""A trace tells tags that were seen from those that were read."""

from datetime import UTC, datetime

from schemas.events import Engine, Evidence, Identity, Labels, OutfitTagged, Tag
from streams.operations.trace import _outcome

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ENGINE = Engine(name="look", model="m", revision="r")


def tagged(tag_id: str, **proof: object) -> Tag:
    category, _, value = tag_id.partition("/")
    evidence = Evidence(text="", bbox=(0, 0, 9, 9), rule=tag_id, **proof)
    return Tag(
        id=tag_id, category=category, value=value, labels=Labels(en="x", zh="x"), score=0.9, evidence=(evidence,)
    )


def test_seen_tags_are_marked():
    event = OutfitTagged(
        upload_id="u1",
        shopper_id="s1",
        uploaded_at=NOW,
        identity=Identity(external_id="s1"),
        tags=(tagged("material/cotton"), tagged("scene/beach", kind="seen", score=0.9)),
        lexicon_version="0123456789ab",
        engine=ENGINE,
        look=ENGINE,
        tagged_at=NOW,
    )
    assert _outcome(event) == "material/cotton, scene/beach (seen) (lexicon 0123456789ab)"
