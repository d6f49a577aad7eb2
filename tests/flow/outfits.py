"""One tagged outfit, as any test may want it: of the tests' own choosing where it matters, plain where it does not."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.events import Engine, Identity, Labels, OutfitTagged, Tag

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def tag(tag_id: str, *, en: str = "", zh: str = "") -> Tag:
    category, _, value = tag_id.partition("/")
    return Tag(id=tag_id, category=category, value=value, labels=Labels(en=en, zh=zh), score=0.9, evidence=())


def outfit(upload_id: str = "u1", *tag_ids: str, shopper_id: str = "s1", **fields: Any) -> OutfitTagged:
    ids = tag_ids or ("material/cotton", "category/t-shirt")
    plain = {
        "uploaded_at": NOON,
        "tagged_at": NOON + timedelta(seconds=1),
        "identity": Identity(external_id=shopper_id),
        "tags": tuple(map(tag, ids)),
        "lexicon_version": "lex-1",
        "engine": Engine(name="rapid", model="m", revision="r"),
    }
    return OutfitTagged(upload_id=upload_id, shopper_id=shopper_id, **plain | fields)
