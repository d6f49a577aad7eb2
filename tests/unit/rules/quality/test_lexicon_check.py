"""The check finds what loading lets pass, and says where."""

from pathlib import Path

import pytest

from rules.lexicon.load import SHIPPED, load_lexicon, read_lexicon
from rules.quality.check import check
from rules.quality.compare import differences, examples
from rules.tagger import Tagger

#: Two sound entries for the others to clash with.
SMALL_LEXICON = Path(__file__).parents[3] / "data" / "rules" / "small_lexicon" / "material.toml"
HEAD = 'category = "material"\n[felpa]\nen = "Felpa"\nzh = "费尔帕"\n'


def problems(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "material.toml"
    path.write_text(text, encoding="utf-8")
    lexicon = read_lexicon([SHIPPED / "context.toml", SMALL_LEXICON, path])
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in check(lexicon)]


def test_a_sound_lexicon_has_no_problems(tmp_path: Path):
    assert problems(tmp_path, HEAD + 'words = ["felpone"]\nyes = ["100% felpone"]\nno = ["no felpone"]\n') == []


TRAP_CLASH = (
    "material.toml:6: [felpa] the trap 'denim' is a word of material/denim already: remove it from one of them, "
    'or exclude it there: [denim] without = ["denim"]'
)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            'words = ["felpone"]\nyes = ["100% xyzzy"]\nno = ["x"]\n',
            "material.toml:6: [felpa] the example '100% xyzzy' does not give the tag: nothing is found in it",
        ),
        (
            'words = ["felpone"]\nyes = ["felpone"]\nno = ["felpone blend"]\n',
            "material.toml:7: [felpa] the example 'felpone blend' gives the tag, and must not",
        ),
        (
            'words = ["felpone", "FELPONE"]\nyes = ["felpone"]\nno = ["x"]\n',
            "material.toml:5: [felpa] 'felpone' is twice in this entry",
        ),
        (
            'words = ["felpone", "cotton"]\nyes = ["felpone"]\nno = ["x"]\n',
            "material.toml:5: [felpa] 'cotton' is also a word of material/cotton: remove it from one of them",
        ),
        (
            'words = ["felpone"]\ntraps = ["denim"]\nyes = ["felpone"]\nno = ["x"]\n',
            TRAP_CLASH,
        ),
        (
            'words = ["felpone"]\n',
            "material.toml:2: [felpa] needs examples: a `yes` text that gives the tag and a `no` text that does not",
        ),
        (
            'words = ["felpone"]\nyes = ["felpone"]\nno = ["x"]\n[felpas]\nen = "F"\nzh = "费"\nwords = ["felp"]\n',
            "material.toml:8: [felpas] looks like material/felpa: 'felpa' names both",
        ),
    ],
)
def test_a_problem_is_reported_with_its_place(tmp_path: Path, entry: str, expected: str):
    assert expected in problems(tmp_path, HEAD + entry)


def test_a_word_that_never_gives_its_tag_is_reported(tmp_path: Path):
    text = (
        'category = "style"\n[felpa]\nen = "F"\nzh = "费"\nwords = ["felpone"]\nbeside_percent = ["felp"]\nno = ["x"]\n'
    )

    assert (
        "material.toml:6: [felpa] 'felp' never gives the tag: 'felp' is style/felpa (no percentage next to it)"
        in problems(tmp_path, text)
    )


def test_changes_between_two_lexicons_are_listed(tmp_path: Path):
    (tmp_path / "material.toml").write_text('[cotton]\nwords = ["田园棉"]\nwithout = ["棉质"]\n', encoding="utf-8")
    old, new = Tagger(load_lexicon()), Tagger(load_lexicon(tmp_path))

    found = list(differences(old, new, ["田园棉衬衫", "棉质衬衫", "羊毛衫"]))

    assert [(one.text, one.added, one.removed) for one in found] == [
        ("田园棉衬衫", ("material/cotton",), ()),
        ("棉质衬衫", (), ("material/cotton",)),
    ]
    assert "田园" not in repr(found)


def test_the_examples_are_a_corpus(tmp_path: Path):
    path = tmp_path / "material.toml"
    path.write_text(HEAD + 'words = ["felpone"]\nyes = ["b", "a"]\nno = ["a"]\n', encoding="utf-8")

    assert examples(Tagger(read_lexicon([path]))) == ["a", "b"]
