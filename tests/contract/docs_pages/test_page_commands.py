"""
Every command on the pages of the documentation exists, with its options, its settings and the files it names.

Commands of Hangtag are parsed by its own command line; those that are cheap and touch nothing outside are run. Commands
of other programs are listed below with the reason why no test runs them.
"""

import json
import re
import shlex
from pathlib import Path

import pages
import pytest
from command_line import check, exists
from pages import ROOT, Command
from typer.testing import CliRunner

from streams.cli.main import app
from streams.config.settings import Settings

#: Programs that are not ours, and why no test runs their lines.
OTHER_PROGRAMS = {
    "apt-get": "changes the machine",
    "aws": "needs an account",
    "cd": "the shell's own",
    "cp": "copies a file of the clone; the file is checked",
    "createdb": "needs a PostgreSQL server",
    "curl": "needs the server of the lines before it; tests/flow/test_klaviyo_page.py runs some",
    "docker": "needs a Docker engine; tests/contract/test_compose.py checks the services",
    "git": "needs a remote",
    "go": "fetches modules; tests/kafka/test_examples.py runs the programs",
    "hf": "downloads weights",
    "install": "run by tests/contract/test_compose.py",
    "java": "tests/kafka runs it",
    "kafka-configs.sh": "needs a cluster of yours",
    "kafka-consumer-groups.sh": "needs a cluster of yours",
    "kafka-topics.sh": "needs a cluster of yours",
    "kill": "needs the process of the lines before it",
    "kubectl": "needs a cluster; tests/contract/test_kubernetes.py runs the lines that make secrets",
    "mc": "needs a MinIO server",
    "mkdir": "makes a folder of yours",
    "node": "tests/kafka runs it",
    "npm": "fetches packages",
    "pg_dump": "needs a PostgreSQL server",
    "pg_restore": "needs a PostgreSQL server",
    "pip": "fetches packages",
    "pre-commit": "fetches its hooks",
    "psql": "needs a PostgreSQL server",
    "pytest": "would run this test; the folders it names are checked",
    "python": "tests run the files it names where they can; the files are checked",
    "python3.12": "makes an environment for vLLM on a machine with a GPU",
    "sqlite3": "needs a database of yours",
    "uv": "fetches packages",
    "vllm": "needs a GPU",
}
#: Blocks that other tests run as they stand, by their first words.
RUN_ELSEWHERE = {
    "# Secrets": "tests/contract/test_compose.py",
    "at=": "tests/contract/test_kubernetes.py",
}
#: Files that the reader brings along, and files that an earlier step of the page leaves.
READERS_FILES = (
    "ENTRY.toml",
    "PHOTO",
    "PHOTO...",
    "campaigns.toml",
    "dress.jpg",
    "label.heic",
    "label.jpg",
    "labelled.jsonl",
    "labels.jsonl",
    "last-week.jsonl",
    "my-lexicon/material.toml",
    "my-photos/photo.jpg",
    "photo.jpg",
)
#: What `make` puts into folders of a clone.
MADE = ("bench/results", "deploy/kafka/target", "examples/node/node_modules")
#: Commands that are run, by their first words: they read files of the clone alone and take a fraction of a second.
SAFE = (["--version"], ["--help"], ["plan"], ["rules", "tag"], ["rules", "eval"], ["ocr", "vllm"])
#: Folders at the top whose files pages name.
FOLDERS = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] not in "._")
COMMANDS = [command for page in pages.WRITTEN for command in pages.commands(page)]
OURS = [one for one in COMMANDS if one.words and Path(one.words[0]).name == "hangtag"]
#: The containers' `hangtag`, which finds its files in the container.
CONTAINERS = [one for one in COMMANDS if one.words[:1] in (["docker"], ["kubectl"]) and "hangtag" in one.words[3:]]
TARGETS = set(re.findall(r"^([a-z][\w-]*|\.venv/hangtag):", (ROOT / "Makefile").read_text(), re.MULTILINE))
#: Everything that reads settings beside the product: tests, and compose for its images.
READERS = [*ROOT.glob("tests/**/*.py"), ROOT / "docker-compose.yml", ROOT / "Dockerfile"]
READ = set(re.findall(r"\bHANGTAG_[A-Z0-9_]+", "".join(path.read_text() for path in READERS)))
SETTINGS = {f"HANGTAG_{name.upper()}" for name in Settings.model_fields}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with everything that is in a clone, and with the reader's own files."""
    folder = tmp_path_factory.mktemp("clone")
    for path in ROOT.iterdir():
        if not path.name.startswith(".venv"):
            (folder / path.name).symlink_to(path)
    for name in READERS_FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("command", OURS, ids=str)
def test_the_command_line_understands_a_command(command: Command, clone: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(clone)
    words = [str(name) for word in command.words[1:] for name in (Path().glob(word) if "*" in word else [word])]
    if {"--help", "-h", "--version"} & set(words):
        exists(words)
        return
    written = words[-1:] if words[:2] == ["rules", "corpus"] else []
    for path in check(words):
        assert path.is_absolute() or path.exists() or str(path) in written, f"{path} is not in a clone"


@pytest.mark.parametrize("command", CONTAINERS, ids=str)
def test_the_command_line_understands_a_command_in_a_container(command: Command):
    last = len(command.words) - command.words[::-1].index("hangtag")
    exists(command.words[last:])


RUNNABLE = [
    one for one in OURS if any(one.words[1 : 1 + len(safe)] == safe for safe in SAFE) and "--exec" not in one.words
]


@pytest.mark.parametrize("command", RUNNABLE, ids=str)
def test_a_command_that_only_reads_the_clone_runs(command: Command, clone: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(clone)
    for name, value in command.variables.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, command.words[1:])
    # `rules eval` exits with 1 where a line fails, which is what it is for.
    assert done.exit_code in ({0, 1} if command.words[1:3] == ["rules", "eval"] else {0}), done.output


def test_commands_of_other_programs_are_known():
    names = {
        Path(one.words[0]).name for one in COMMANDS if one.words and not one.block.text.startswith(tuple(RUN_ELSEWHERE))
    }
    assert names - {"hangtag", "make", "export", "run"} <= OTHER_PROGRAMS.keys()


def test_every_target_of_make_exists():
    named = {word for one in COMMANDS if one.words[:1] == ["make"] for word in one.words[1:] if "=" not in word}
    for page in pages.WRITTEN:
        named |= {span.split()[1] for span in pages.spans(page) if re.fullmatch(r"make [a-z.][\w./-]*", span)}
    assert {"demo", "test"} <= named <= TARGETS


@pytest.mark.parametrize("page", pages.WRITTEN)
def test_commands_named_in_sentences_exist(page: str):
    for span in pages.spans(page):
        if found := re.fullmatch(r"(?:HANGTAG_\w+=\S+ )*(?:\.venv/bin/)?hangtag (.+)", span):
            exists(shlex.split(re.sub(r"…|\.\.\.", "", found[1])))


@pytest.mark.parametrize("page", pages.PAGES)
def test_files_named_in_code_exist(page: str):
    for name in pages.spans(page) + [word for one in pages.commands(page) for word in one.words]:
        path = re.sub(r"(::|#|:\d).*", "", name)
        if re.fullmatch(rf"(?:{'|'.join(FOLDERS)})/[\w./*-]+", path) and not path.startswith(MADE):
            assert list(ROOT.glob(path)), f"{page} names {name}"


@pytest.mark.parametrize("page", pages.PAGES)
def test_settings_named_on_a_page_exist(page: str):
    for name, cut in re.findall(r"\b(HANGTAG_[A-Z0-9_]*[A-Z0-9])(_?[…*])?", (ROOT / page).read_text()):
        known = any(one.startswith(name) for one in SETTINGS) if cut else name in SETTINGS
        assert known or name in READ, f"{page} names {name}"


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.variables], ids=str)
def test_a_setting_is_valid_and_reaches_its_command(command: Command):
    names = [name for name in command.variables if name.startswith(("HANGTAG_", "AWS_"))]
    assert command.words or not names, f"write `export {names[0]}=…`: a variable of the shell alone reaches no command"
    for name in SETTINGS.intersection(names):
        value = command.variables[name]
        if not re.search(r"[$…]|\.\.\.", value):
            # Lists and objects are JSON.
            Settings(_env_file=None, **{name[8:].lower(): json.loads(value) if value[:1] in "[{" else value})


@pytest.mark.parametrize("page", pages.WRITTEN)
def test_every_block_of_code_is_fenced_and_names_its_language(page: str):
    assert all(block.language for block in pages.blocks(page)), "a block names no language"
    outside = pages.prose(page)
    assert not re.search(
        r"\n\n {4,}\S", re.sub(r"^( *)(?:[-*]|\d+\.) .*(?:\n\1 +.*|\n)*", "", outside, flags=re.MULTILINE)
    )


def test_the_lexicon_of_the_five_minutes_works_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-lexicon").mkdir()
    first = next(block for block in pages.blocks("docs/rules.md") if block.language == "toml")
    (tmp_path / "my-lexicon" / "material.toml").write_text(first.text)
    lines = [span for span in pages.spans("docs/rules.md") if span.startswith("hangtag rules") and "my-lexicon" in span]
    for line in lines[:2]:
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, done.output
    assert "material/cloud-cotton" in done.output
    assert "95" in done.output


@pytest.mark.parametrize("words", [["lag", "exporter", "--nonsense"], ["nonsense"], ["forget"]])
def test_a_command_that_does_not_exist_would_be_seen(words: list[str]):
    with pytest.raises(Exception, match=r"(?i)no such|missing"):
        check(words)


def test_a_quote_that_does_not_end_would_be_seen(tmp_path: Path):
    with pytest.raises(AssertionError, match="does not end"):
        list(pages._lines(pages.Block("page", "bash", "echo 'never")))
