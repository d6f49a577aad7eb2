"""What changes when a text is tagged again with another lexicon."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rules.lexicon.load import read_lexicon
from rules.tagger import Tagger
from schemas.events import Engine, Identity, OutfitTagged, PhotoRead, Quality, TextLine, TextRecognized
from streams.operations.tag_changes import change_of, said_by

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
COTTON = '[cotton]\nen = "Cotton"\nzh = "{}"\nwords = ["cotton"]\n'
LINEN = '[linen]\nen = "Linen"\nzh = "亚麻"\nwords = ["linen"]\n'


@pytest.fixture
def lexicon(tmp_path: Path):
    def tagger(*entries: str) -> Tagger:
        path = tmp_path / "material.toml"
        path.write_text("".join(entries), encoding="utf-8")
        return Tagger(read_lexicon([path]))

    return tagger


def text(*lines: str) -> TextRecognized:
    return TextRecognized(
        upload_id="u1",
        shopper_id="s1",
        uploaded_at=NOON - timedelta(days=2),
        photo=PhotoRead(uri="file:p", sha256="0" * 64, width=9, height=9),
        identity=Identity(external_id="s1"),
        texts=tuple(TextLine(text=one, bbox=(0, 40 * at, 90, 40 * at + 20), score=0.9) for at, one in enumerate(lines)),
        quality=Quality(verdict="ok", sharpness=1),
        engine=Engine(name="rapid", model="m", revision="r"),
        recognized_at=NOON - timedelta(days=2),
    )


def tagged(tagger: Tagger, *lines: str, at: datetime = NOON) -> OutfitTagged:
    change = change_of(text(*lines), None, tagger, at)
    assert change is not None
    return change.event


def test_an_upload_whose_tags_stay_is_no_change_though_the_lexicon_is_another(lexicon):
    before = said_by(tagged(lexicon(COTTON.format("棉")), "cotton tee"))

    assert change_of(text("cotton tee"), before, lexicon(COTTON.format("棉"), LINEN), NOON) is None


def test_added_removed_and_changed_tags_are_distinguished(lexicon):
    before = said_by(tagged(lexicon(COTTON.format("棉"), LINEN), "cotton", "linen"))
    silk = LINEN.replace("linen", "silk")
    change = change_of(text("cotton", "linen", "silk"), before, lexicon(COTTON.format("棉花"), silk), NOON)

    assert change is not None
    assert (change.added, change.removed, change.altered) == (
        ("material/silk",),
        ("material/linen",),
        ("material/cotton",),
    )
    assert change.before == before.lexicon_version


def test_a_new_share_is_a_change(lexicon):
    tagger = lexicon(COTTON.format("棉"))
    change = change_of(text("65% cotton"), said_by(tagged(tagger, "cotton")), tagger, NOON)

    assert change is not None
    assert change.altered == ("material/cotton",)


def test_a_share_that_became_unsure_is_a_change(lexicon):
    tagger = lexicon(COTTON.format("棉"))
    event = tagged(tagger, "65% cotton")
    (cotton,) = event.tags
    sure = event.model_copy(update={"tags": (cotton.model_copy(update={"share_unsure": not cotton.share_unsure}),)})
    change = change_of(text("65% cotton"), said_by(sure), tagger, NOON)

    assert change is not None
    assert change.altered == ("material/cotton",)


def test_the_new_event_is_the_upload_as_backfill(lexicon):
    tagger = lexicon(COTTON.format("棉"))
    event, source = tagged(tagger, "cotton"), text("cotton")

    assert event.backfill
    assert (event.upload_id, event.shopper_id, event.uploaded_at) == ("u1", "s1", source.uploaded_at)
    assert (event.identity, event.engine) == (source.identity, source.engine)
    assert event.lexicon_version == tagger.lexicon.version
    assert [tag.id for tag in event.tags] == ["material/cotton"]


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=1)])
def test_a_correction_is_later_than_its_original_with_any_clocks(lexicon, ahead):
    before = said_by(tagged(lexicon(COTTON.format("棉")), "cotton", "linen", at=NOON + ahead))
    change = change_of(text("cotton", "linen"), before, lexicon(LINEN), NOON)

    assert change is not None
    assert change.event.tagged_at > before.tagged_at


def test_an_upload_left_without_a_tag_is_corrected_by_an_empty_list(lexicon):
    before = said_by(tagged(lexicon(COTTON.format("棉")), "cotton"))
    change = change_of(text("cotton"), before, lexicon(LINEN), NOON)

    assert change is not None
    assert (change.removed, change.event.tags, change.event.backfill) == (("material/cotton",), (), True)


def test_a_published_change_is_not_found_again(lexicon):
    new = lexicon(LINEN)
    change = change_of(
        text("cotton", "linen"), said_by(tagged(lexicon(COTTON.format("棉")), "cotton", "linen")), new, NOON
    )

    assert change is not None
    assert change_of(text("cotton", "linen"), said_by(change.event), new, NOON) is None
