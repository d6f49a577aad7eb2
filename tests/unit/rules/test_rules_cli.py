"""`hangtag rules` as merchandisers use it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streams.cli.main import app

LABELLED = Path(__file__).parents[2] / "data" / "rules" / "labelled.jsonl"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Away from the `.env` and the environment of the person who runs the tests."""
    monkeypatch.delenv("HANGTAG_LEXICON", raising=False)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(app, ["rules", *arguments], input=text, env={"COLUMNS": "200"})


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own lexicon"
    folder.mkdir()
    (folder / "material.toml").write_text('[cotton]\nwords = ["田园棉"]\n', encoding="utf-8")
    return folder


def test_tag_shows_tags_shares_and_dropped_words():
    result = run("tag", "面料: 棉65% 聚酯纤维35% 不含羊毛")

    assert result.exit_code == 0
    assert "material/cotton" in result.stdout
    assert "65 %" in result.stdout
    assert "negated: without" in result.stdout


def test_tag_separates_seen_from_read_tags_and_shows_reasons():
    seen = ("--seen", "scene/beach=0.9", "--seen", "style/round-neck", "--seen", "style/slim=0.2")
    result = run("tag", "V领T恤", *seen)

    assert result.exit_code == 0
    assert "seen in the picture" in result.stdout
    assert "style/round-neck: text-disagrees" in result.stdout
    assert "style/slim: unsure" in result.stdout
    found = json.loads(run("tag", "", "--seen", "scene/beach=0.9", "--json").stdout)
    assert found["tags"][0]["evidence"][0]["kind"] == "seen"
    assert found["seen"] == [{"tag": "scene/beach", "bbox": [0, 0, 1, 1], "score": 0.9, "reason": None}]
    assert run("tag", "x", "--seen", "beach").exit_code == 2


def test_tag_reads_lines_from_standard_input():
    result = run("tag", "-", "--json", text="SHELL 100% COTTON\nLINING 100% POLYESTER\n")
    shown = json.loads(result.stdout)

    assert [tag["id"] for tag in shown["tags"]] == ["claim/pure-cotton", "material/cotton"]
    assert [one["reason"] for one in shown["suppressed"]] == ["only the lining"]
    assert shown["normalized"] == ["shell 100% cotton", "lining 100% polyester"]


def test_tag_takes_no_markup_from_the_text():
    assert run("tag", "[red]cotton[/red]").exit_code == 0


def test_tag_uses_a_shops_own_lexicon(own: Path):
    assert "no tags" in run("tag", "田园棉的歌").stdout
    assert "material/cotton" in run("tag", "田园棉", "--lexicon", str(own)).stdout


def test_the_environment_names_a_shops_own_lexicon(own: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HANGTAG_LEXICON", str(own))

    assert "material/cotton" in run("tag", "田园棉").stdout


def test_check_passes_on_the_shipped_lexicon():
    result = run("check", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["problems"] == []


def test_check_fails_on_a_problem_and_names_its_line(own: Path):
    (own / "style.toml").write_text('[odd]\nen = "Odd"\nzh = "怪"\nwords = ["棉质"]\nyes = ["怪异风"]\nno = ["x"]\n')
    result = run("check", "--lexicon", str(own))

    assert result.exit_code == 1
    assert "style.toml:4: [odd] '棉质' is also a word of" in result.output + result.stderr
    assert "style.toml:5: [odd] the example '怪异风' does not give the tag" in result.output + result.stderr


def test_a_lexicon_that_does_not_load_is_another_exit_code(own: Path):
    (own / "style.toml").write_text("[broken\n")
    result = run("check", "--lexicon", str(own))

    assert result.exit_code == 2
    assert "style.toml:1: is not TOML" in result.output + result.stderr


def test_eval_measures_labelled_lines():
    shown = json.loads(run("eval", str(LABELLED), "--json").stdout)

    assert shown["categories"]["all"]["f1"] >= 0.95
    assert shown["kinds"]["negation"]["right"] == shown["kinds"]["negation"]["lines"]


def test_eval_fails_below_a_wanted_score(tmp_path: Path):
    path = tmp_path / "lines.jsonl"
    path.write_text('{"text": "纯棉", "tags": ["category/dress"]}\n', encoding="utf-8")

    assert run("eval", str(path)).exit_code == 0
    assert run("eval", str(path), "--at-least", "0.5").exit_code == 1
    assert "-category/dress" in run("eval", str(path)).stdout


def test_eval_of_a_file_with_mistakes_names_the_line(tmp_path: Path):
    path = tmp_path / "lines.jsonl"
    path.write_text("nonsense\n")
    result = run("eval", str(path))

    assert result.exit_code == 2
    assert "lines.jsonl:1:" in result.output + result.stderr


def test_diff_shows_which_tags_change(own: Path, tmp_path: Path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text('田园棉衬衫\n{"text": "棉质衬衫"}\n', encoding="utf-8")
    result = run("diff", "-", str(own), "--corpus", str(corpus), "--json")

    assert result.exit_code == 1
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"text": "田园棉衬衫", "added": ["material/cotton"], "removed": []}
    ]


@pytest.mark.parametrize(
    ("corpus", "told"),
    [
        (None, "corpus.txt: cannot be read: No such file"),
        (b'fine\n{"tags": []}\n', "corpus.txt:2: text: Field required"),
        (b'{"text": "a"}\n{bad\n', "corpus.txt:2: line: Invalid JSON"),
        (b"\xff\n", "corpus.txt: is not UTF-8 at byte 0"),
    ],
)
def test_a_mistake_in_a_corpus_is_reported_with_file_and_line(tmp_path: Path, corpus: bytes | None, told: str):
    if corpus is not None:
        (tmp_path / "corpus.txt").write_bytes(corpus)
    result = run("diff", "-", "-", "--corpus", "corpus.txt")

    assert result.exit_code == 2
    assert told in result.output + result.stderr


def test_labelled_lines_are_a_corpus_too():
    assert run("diff", "-", "-", "--corpus", str(LABELLED)).exit_code == 0


def test_bytes_that_are_no_text_are_shown_as_such():
    result = run("tag", "\udcff 纯棉", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["normalized"] == ["\ufffd 纯棉"]


def test_a_rule_of_the_tag_itself_is_named_shortly():
    """The whole rule is in the JSON; in a table beside its tag it would only say the tag twice."""
    shown = run("tag", "100% organic cotton").stdout

    assert "material/organic-cotton#composition" in shown
    assert "material/cotton#composition" not in shown


def test_diff_of_a_lexicon_with_itself_is_empty():
    result = run("diff", "-", "-")

    assert result.exit_code == 0
    assert "no tag changes in" in result.stdout
