"""How good the shipped lexicon is on labelled lines; docs/rules.md says how they were made."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from rules.lexicon.load import Lexicon
from rules.quality.compositions import evaluate_compositions
from rules.quality.evaluate import Counts, evaluate
from rules.quality.labelled import Labelled, LabelsError, read_compositions, read_labelled
from rules.quality.misread import misread
from rules.tagger import Tagger

DATA = Path(__file__).parents[3] / "data" / "rules"
#: Kinds of lines of which nothing, or less than the words in them, may come.
TRAPS = {"trap", "negation", "promo"}


@pytest.fixture(scope="module", params=["labelled", "held_out"])
def labelled(request: pytest.FixtureRequest) -> tuple[Labelled, ...]:
    return read_labelled(DATA / f"{request.param}.jsonl")


def test_it_is_right_nearly_always(tagger: Tagger, labelled: tuple[Labelled, ...]):
    report = evaluate(tagger, labelled)

    assert report.total.f1 >= 0.97, report.misses


@pytest.mark.parametrize("kind", ["negation", "composition", "label"])
def test_it_is_always_right_on_negations_and_compositions(tagger: Tagger, labelled: tuple[Labelled, ...], kind: str):
    report = evaluate(tagger, [one for one in labelled if one.kind == kind])

    assert report.misses == ()


def test_there_are_hundreds_of_lines_and_about_half_are_traps(labelled: tuple[Labelled, ...]):
    kinds = Counter(one.kind for one in labelled)

    assert len(labelled) >= 350
    assert sum(kinds[kind] for kind in TRAPS) >= 0.45 * len(labelled)


def test_no_line_is_in_both_sets():
    texts = [one.text for name in ("labelled", "held_out") for one in read_labelled(DATA / f"{name}.jsonl")]

    assert len(texts) == len(set(texts)) >= 400


def test_every_labelled_tag_exists(lexicon: Lexicon, labelled: tuple[Labelled, ...]):
    tags = {tag for one in labelled for tag in one.must if not tag.startswith("size/")}

    assert tags <= set(lexicon.entries)


def test_the_rates_are_those_of_the_counts():
    counts = Counts(right=6, surplus=2, missed=4)

    assert (counts.precision, counts.recall) == (0.75, 0.6)
    assert counts.f1 == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert (Counts().precision, Counts().recall, Counts().f1) == (1, 1, 1)


def test_misses_list_the_differences(tagger: Tagger):
    report = evaluate(tagger, [Labelled(text="纯色 风衣", tags=frozenset({"category/dress"}))])

    assert report.misses[0].missed == ("category/dress",)
    assert report.misses[0].surplus == ("category/trench-coat", "pattern/solid")
    assert report.kinds == {"plain": (0, 1)}


def test_mistakes_in_a_labelled_file_are_reported_with_their_places(tmp_path: Path):
    path = tmp_path / "lines.jsonl"
    path.write_text('{"text": "a", "tags": []}\n\n{"text": "b"}\nnonsense\n{"text": "c", "tags": ["Bad"]}\n')
    with pytest.raises(LabelsError) as caught:
        read_labelled(path)

    assert [problem.line for problem in caught.value.problems] == [3, 4, 5]
    assert "must: Field required" in str(caught.value)


def test_a_missing_labelled_file_is_reported(tmp_path: Path):
    with pytest.raises(LabelsError, match="cannot be read"):
        read_labelled(tmp_path / "none.jsonl")


def test_the_long_form_counts_languages_and_traps(tagger: Tagger, tmp_path: Path):
    path = tmp_path / "long.jsonl"
    rows = [
        '{"lines": ["Kleid", "Größe: M"], "must": ["category/dress"], "must_not": ["size/*"], "lang": "de"}',
        '{"lines": ["纯棉T恤"], "must": ["category/t-shirt"], "acceptable": ["claim/pure-cotton"], "lang": "zh"}',
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    report = evaluate(tagger, read_labelled(path))

    assert report.traps == (1, 1)
    assert report.languages["de"] == Counts(right=1, surplus=1)
    assert report.languages["zh"] == Counts(right=1)


def test_a_value_that_the_lexicon_lacked_when_a_text_was_labelled_is_no_mistake(tagger: Tagger):
    one = Labelled(text="Wool kurta", must=frozenset({"material/wool"}), missing=("kurta",))
    forbidden = one.model_copy(update={"must_not": frozenset({"category/kurta"})})

    assert evaluate(tagger, [one]).misses == ()
    assert evaluate(tagger, [forbidden]).misses[0].surplus == ("category/kurta",)


def test_composition_lines_are_measured_by_their_shares(tagger: Tagger, tmp_path: Path):
    path = tmp_path / "compositions.jsonl"
    rows = [
        '{"text": "80% wool 20% silk", "components": {"": {"wool": 80, "silk": 20}}}',
        '{"text": "80% wool 20% silk", "components": {"": {"wool": 80, "linen": 20}}}',
        '{"text": "lace: 100% silk; body: 100% wool", "components": {"lace": {"silk": 100}, "body": {"wool": 100}}}',
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    report = evaluate_compositions(tagger, read_compositions(path))

    assert (report.right, report.lines, report.given_shares, report.wrong_shares) == (1, 2, 4, 1)


def test_a_misreading_is_repeatable_and_of_about_its_rate():
    text = "100% COTTON 面料 " * 200
    first, second = (misread(text, 0.05, Random(7)) for _ in range(2))

    changed = sum(one != other for one, other in zip(text.split(), first.split(), strict=False))
    assert first == second != text
    assert 0 < changed < 250
