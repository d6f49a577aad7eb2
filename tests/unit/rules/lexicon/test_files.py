"""Lexicon files: the result of merging, and the error for each mistake."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rules.lexicon.load import Lexicon, load_lexicon, read_lexicon
from rules.lexicon.problems import LexiconError
from rules.tagger import Tagger

GOOD = 'category = "material"\n[tencel-plus]\nen = "Tencel Plus"\nzh = "天丝加"\nwords = ["tencelplus"]\n'


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(text: str | bytes, name: str = "material.toml") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path

    return written


def problems(folder: Path) -> list[str]:
    with pytest.raises(LexiconError) as caught:
        load_lexicon(folder)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_a_shops_own_entry_is_added(write: Callable[..., Path], lexicon: Lexicon):
    own = load_lexicon(write(GOOD))

    assert "material/tencel-plus" in own.entries
    assert len(own.entries) == len(lexicon.entries) + 1
    assert own.version != lexicon.version


def test_a_file_as_windows_editors_save_it_is_read(write: Callable[..., Path], lexicon: Lexicon):
    own = load_lexicon(write(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()))

    assert len(own.entries) == len(lexicon.entries) + 1


def test_a_shops_words_join_the_shipped_ones(write: Callable[..., Path], lexicon: Lexicon):
    own = load_lexicon(write('[cotton]\nwords = ["田园棉"]\nzh = "棉花"\n'))

    assert set(own.entries["material/cotton"].words) == {*lexicon.entries["material/cotton"].words, "田园棉"}
    assert own.entries["material/cotton"].zh == "棉花"
    assert own.entries["material/cotton"].en == "Cotton"


def test_a_shop_takes_words_away_and_switches_entries_off(write: Callable[..., Path]):
    own = load_lexicon(write('[cotton]\nwithout = ["棉质"]\n[abaca]\noff = true\n'))

    assert "棉质" not in own.entries["material/cotton"].words
    assert "material/abaca" not in own.entries


def test_a_shops_negations_join_the_shipped_ones(write: Callable[..., Path]):
    own = load_lexicon(write('[negations.without]\nwords = ["绝无"]\n', "context.toml"))

    assert {tag.id for tag in Tagger(own).tag([]).tags} == set()
    assert {"绝无", "不含"} <= set(own.context.negations["without"].words)


def test_the_version_follows_the_content_and_not_the_layout(write: Callable[..., Path]):
    first = load_lexicon(write(GOOD)).version
    spaced = load_lexicon(write(GOOD.replace(" = ", "  =  ") + "# a comment\n")).version
    other = load_lexicon(write(GOOD.replace("tencelplus", "tencelextra"))).version

    assert first == spaced
    assert first != other


def test_an_empty_folder_changes_nothing(tmp_path: Path, lexicon: Lexicon):
    assert load_lexicon(tmp_path).version == lexicon.version


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[cotton\n", "material.toml:1: is not TOML"),
        ('[cotton]\nwords = ["a",\n"b"\n', "material.toml:"),
        ('[cotton]\nwordz = ["x"]\n', "material.toml:2: [cotton] there is no field 'wordz'; did you mean 'words'?"),
        ('[new]\nen = "New"\nwords = ["newish"]\n', "material.toml:1: [new] 'zh' is missing"),
        ('[new]\nen = ""\nzh = "新"\n', "material.toml:2: [new] 'en'"),
        ('[new]\nen = "N"\nzh = "新"\nwords = "newish"\n', "material.toml:4: [new] 'words'"),
        ('[new]\nen = "N"\nzh = "新"\nwords = ["x"]\n', "material.toml:4: [new] 'x' is one letter"),
        ('[new]\nen = "N"\nzh = "新"\nwords = ["♥"]\n', "material.toml:4: [new] '♥' is one letter"),
        ('[New_One]\nen = "N"\nzh = "新"\n', "material.toml:1: [New_One] its id must be lower-case English words"),
        ('[new]\nen = "N"\nzh = "新"\nimplies = ["material/coton"]\n', "did you mean 'material/cotton'?"),
        ('words = ["x"]\n', "material.toml:1: 'words' is outside of any [entry]"),
        ("[cotton]\n[cotton]\n", "material.toml:2: is not TOML"),
        (b'[cotton]\nzh = "\xff"\n', "material.toml: is not UTF-8 at byte"),
    ],
)
def test_a_mistake_is_reported_with_its_place(write: Callable[..., Path], text: str | bytes, message: str):
    assert any(message in problem for problem in problems(write(text)))


def test_one_chinese_letter_is_a_word(write: Callable[..., Path]):
    """It counts only as a separate word, so it does no harm."""
    assert load_lexicon(write('[new]\nen = "N"\nzh = "新"\nwords = ["葛"]\n')).entries["material/new"].words == ("葛",)


def test_two_files_of_one_folder_must_not_give_the_same_id(write: Callable[..., Path]):
    write(GOOD)
    folder = write(GOOD, "more.toml")

    assert problems(folder) == [
        "more.toml:2: [tencel-plus] gives 'material/tencel-plus' a second time: material.toml:2 gives it too"
    ]


def test_a_shipped_entry_in_a_file_of_another_name_is_guessed(write: Callable[..., Path]):
    """The category is the file's name, unless the file says otherwise."""
    assert problems(write('[cotton]\nwords = ["田园棉"]\n', "ours.toml"))[0] == (
        "ours.toml:1: [cotton] 'en' is missing for a new tag 'ours/cotton'; "
        'if material/cotton is meant, begin the file with category = "material"'
    )


def test_every_problem_is_reported_at_once(write: Callable[..., Path]):
    write('[new]\nen = "N"\n')
    folder = write("[broken\n", "style.toml")

    assert len(problems(folder)) == 2


def test_a_missing_folder_is_reported(tmp_path: Path):
    assert problems(tmp_path / "missing") == [
        f"{tmp_path / 'missing'}: is not a folder; a shop's lexicon is a folder of .toml files"
    ]


def test_an_interest_that_counts_an_unknown_tag_is_reported(write: Callable[..., Path]):
    folder = write('[mine]\nen = "M"\nzh = "我"\ntags = [["material/coton"]]\n', "interests.toml")

    assert problems(folder) == [
        "interests.toml:4: [mine] no file defines 'material/coton'; did you mean 'material/cotton'?"
    ]


def test_a_mistake_in_a_context_is_reported(write: Callable[..., Path]):
    folder = write('[negations.odd]\nwords = ["绝无"]\nreach = 99\n', "context.toml")

    assert "reach" in problems(folder)[0]


def test_a_lexicon_of_nothing_tags_nothing():
    assert Tagger(read_lexicon([])).tag([]).tags == ()


PLAIN = 'category = "style"\n[x-new]\nen = "X"\nzh = "新"\nwords = ["xnewword"]\n'
HOSTILE = {
    "deep": "a = " + "[" * 5000,
    "digits": "a = " + "9" * 5000,
    "dotted": ".".join(["a"] * 20_000) + "=1",
    "label that steers a terminal": PLAIN.replace('"X"', r'"\u001b[2JX"'),
    "label that turns text around": PLAIN.replace('"新"', r'"\u202e新"'),
    "label of two lines": PLAIN.replace('"X"', r'"X\u2028Y"'),
    "label of spaces": PLAIN.replace('"X"', '"  "'),
    "label without end": PLAIN.replace('"X"', '"' + "X" * 101 + '"'),
    "word without end": PLAIN.replace("xnewword", "x" * 1001),
    "too large": PLAIN + "#" * 1_000_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_with_its_name_in_one_line(tmp_path, text):
    path = tmp_path / "a.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LexiconError) as refused:
        load_lexicon(tmp_path)
    assert refused.value.brief().startswith(str(path))
    assert len(refused.value.brief()) < 300
    assert refused.value.brief().isprintable()


def test_a_file_that_is_no_regular_file_in_a_lexicons_folder_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "device.toml").symlink_to("/dev/zero")
    (tmp_path / "nowhere.toml").symlink_to("/nope")
    with pytest.raises(LexiconError) as refused:
        load_lexicon(tmp_path)
    assert sorted(problem.path.stem for problem in refused.value.problems) == ["device", "folder", "nowhere", "pipe"]


def test_the_number_of_reported_problems_is_limited(tmp_path):
    (tmp_path / "a.toml").write_text("\n".join(f"[a{at}]" for at in range(5000)))
    with pytest.raises(LexiconError) as refused:
        load_lexicon(tmp_path)
    assert len(refused.value.problems) == 100


def test_a_folder_of_many_files_is_refused(tmp_path):
    for at in range(201):
        (tmp_path / f"{at}.toml").touch()
    with pytest.raises(LexiconError, match="more than 200"):
        load_lexicon(tmp_path)


def test_an_entry_that_is_switched_off_may_hold_anything(tmp_path):
    (tmp_path / "a.toml").write_text("[x]\noff = true\nsince = 2026-01-01\n")
    assert "a/x" not in load_lexicon(tmp_path).entries
