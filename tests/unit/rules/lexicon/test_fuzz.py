"""Every file in a lexicon's folder is read, or refused with its place, and nothing else happens."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.lexicon.aspects import Aspect
from rules.lexicon.context import Negation
from rules.lexicon.entries import Entry
from rules.lexicon.interests import Interest
from rules.lexicon.load import Lexicon, read_lexicon
from rules.lexicon.problems import LexiconError
from rules.quality.check import check
from rules.quality.labelled import lines_of
from rules.tagger import Tagger

TABLES = ("cotton", "new", "x-y", "negations.a", "parts.b", "fields", "a.b", "New", "1")
FIELDS = sorted(
    {
        *Entry.model_fields,
        *Negation.model_fields,
        *Interest.model_fields,
        *Aspect.model_fields,
        "without",
        "off",
        "category",
    }
)
WORDS = st.one_of(st.text(max_size=5), st.sampled_from(["material/cotton", "a", "棉", "cotton"]))
VALUES = st.recursive(
    st.one_of(WORDS, st.integers(-3, 99), st.booleans(), st.floats(allow_nan=False)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
ENTRIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5)


def toml(fields: dict[str, object]) -> str:
    """JSON writes these values as TOML does."""
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items())


lexicons = st.builds(
    lambda top, tables: toml(top) + "".join(f"[{name}]\n{toml(fields)}" for name, fields in tables.items()),
    ENTRIES,
    st.dictionaries(st.sampled_from(TABLES), ENTRIES, max_size=4),
)
contents = st.one_of(st.binary(max_size=60), (lexicons | st.text(max_size=60)).map(lambda text: text.encode()))


def read(path: Path) -> Lexicon | LexiconError:
    try:
        return read_lexicon([path])
    except LexiconError as error:
        return error


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents, st.sampled_from(["material.toml", "context.toml", "interests.toml", "look.toml", "odd name 1.toml"]))
def test_a_lexicon_is_used_or_refused_with_the_place_of_the_mistake(tmp_path: Path, content: bytes, name: str):
    path = tmp_path / name
    path.write_bytes(content)
    found = read(path)

    if isinstance(found, LexiconError):
        assert all(problem.path == path for problem in found.problems)
        assert found.brief().startswith(str(path))
    else:
        assert all(problem.path == path for problem in check(found))
        assert all(0 <= tag.score <= 1 for tag in Tagger(found).tag(lines_of("cotton 棉 a 65%")).tags)


def test_many_mistakes_are_named_in_one_line_with_how_many_more_there_are(tmp_path: Path):
    path = tmp_path / "material.toml"
    path.write_text("[new]\n[newer]\n")

    with pytest.raises(LexiconError) as caught:
        read_lexicon([path])
    assert caught.value.brief() == f"{path}:1: [new] 'en' is missing (and 3 more: see `hangtag rules check`)"
