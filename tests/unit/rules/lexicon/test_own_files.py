"""What `hangtag rules check` says of a shop's own folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rules.lexicon.load import load_lexicon
from rules.lexicon.problems import LexiconError
from rules.quality.labelled import lines_of
from rules.quality.own_files import own_files
from rules.tagger import Tagger
from streams.cli.main import app


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_it_says_which_files_and_entries_it_read(tmp_path: Path):
    write(tmp_path, "material.toml", '[cotton]\nwords = ["田园棉"]\n')

    assert own_files(tmp_path).read == {"material.toml": ("cotton",)}
    result = CliRunner().invoke(app, ["rules", "check", "--lexicon", str(tmp_path)])
    assert "read material.toml: cotton" in result.stdout


def test_a_lexicon_with_own_files_changes_none_that_is_loaded_later(tmp_path: Path):
    before = load_lexicon()
    write(tmp_path, "material.toml", '[cotton]\nwords = ["田园棉"]\n\n[silk]\nwithout = ["silk"]\n')
    write(tmp_path, "context.toml", '[negations.without]\nwords = ["minus"]\n')

    assert load_lexicon(tmp_path).version != before.version
    assert load_lexicon() == before


def test_a_file_that_is_not_read_is_named(tmp_path: Path):
    write(tmp_path, "material.toml.txt", "[cotton]\n")
    write(tmp_path, "more/style.toml", "[slim]\n")

    warnings = "\n".join(map(str, own_files(tmp_path).warnings))

    assert "rename it to material.toml" in warnings
    assert "move its .toml files up" in warnings


def test_entries_without_an_effect_are_named(tmp_path: Path):
    write(tmp_path, "material.toml", '[coton]\noff = true\n\n[silk]\nwithout = ["satin", "蚕丝"]\n')

    assert [warning.message for warning in own_files(tmp_path).warnings] == [
        "[coton] is switched off, but there is no material/coton",
        "[silk] without 'satin': no list of material/silk has it",
    ]


def test_switching_off_an_unknown_aspect_or_interest_is_named(tmp_path: Path):
    write(tmp_path, "look.toml", "[sleeve]\noff = true\n\n[slevee]\noff = true\n")
    write(tmp_path, "interests.toml", "[vacation]\noff = true\n\n[holidays]\noff = true\n")

    assert [warning.message for warning in own_files(tmp_path).warnings] == [
        "[holidays] is switched off, but there is no interests/holidays",
        "[slevee] is switched off, but there is no look/slevee",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[cotton]\nwords = [“pima”]\n", "curly quotes"),
        ("[Cloud Cotton]\nen = 'x'\n", r"write \[cloud-cotton\]"),
        ('[cotton]\nwords = "pima"\n', r'write words = \["pima"\]'),
    ],
)
def test_a_slip_gets_a_helpful_message(tmp_path: Path, text: str, message: str):
    write(tmp_path, "material.toml", text)

    with pytest.raises(LexiconError, match=message):
        load_lexicon(tmp_path)


OWN_CATEGORY = 'category = "mood"\n[calm]\nen = "Calm"\nzh = "平静"\nwords = ["calm"]\n'


def test_an_own_category_obeys_the_rule_for_lone_words(tmp_path: Path):
    write(tmp_path, "mood.toml", OWN_CATEGORY)

    assert Tagger(load_lexicon(tmp_path)).tag(lines_of("keep calm and carry on")).tags == ()


def test_an_own_category_may_opt_out_of_it(tmp_path: Path):
    write(tmp_path, "mood.toml", OWN_CATEGORY)
    write(tmp_path, "context.toml", '[telling]\nours = ["mood"]\n')

    tags = Tagger(load_lexicon(tmp_path)).tag(lines_of("keep calm and carry on")).tags

    assert [tag.id for tag in tags] == ["mood/calm"]


#: What may replace a lexicon file.
CHANGED = {
    "pipe": (os.mkfifo, "is not a regular file"),
    "large": (lambda path: path.write_text("#" * 1_000_001), "has more than 1,000,000 bytes"),
    "deep": (lambda path: path.write_text("a = " + "[" * 5000), "nests deeper than 32 levels"),
    "number": (lambda path: path.write_text("a = " + "1" * 5000), "too many digits"),
    "bytes": (lambda path: path.write_bytes(b"\xff"), "not UTF-8"),
    "missing": (lambda path: path.symlink_to("nowhere"), "cannot be read"),
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", CHANGED)
def test_a_file_that_changed_after_the_lexicon_was_loaded_is_named_and_not_waited_for(tmp_path: Path, kind: str):
    make, message = CHANGED[kind]
    make(tmp_path / "material.toml")

    with pytest.raises(LexiconError, match=message):
        own_files(tmp_path)


def test_of_a_folder_with_a_large_tree_below_a_bounded_number_of_names_is_looked_at(tmp_path: Path, monkeypatch):
    write(tmp_path, "material.toml", '[cotton]\nwords = ["田园棉"]\n')
    looked_at = 0

    def endless(_folder: Path, _pattern: str) -> Iterator[Path]:
        nonlocal looked_at
        while True:
            looked_at += 1
            assert looked_at <= 1000, "the whole tree is walked"
            yield Path("photo.jpg")

    (tmp_path / "more").mkdir()
    monkeypatch.setattr(Path, "rglob", endless)

    assert own_files(tmp_path).warnings == ()
