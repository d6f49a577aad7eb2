"""What others wrote steers no terminal, and JSON of it still means the same."""

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from streams.cli.support.terminal import json_line, plain


def steering(text: str) -> set[str]:
    harmless = {"\n", "\t", "\u200c", "\u200d"}
    return {one for one in text if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - harmless


@given(st.text(st.characters(codec=None)))
def test_escaped_json_means_the_same_and_has_no_control_characters(text: str):
    line = json_line({text: [text]})
    assert json.loads(line) == {text: [text]}
    assert not steering(line)
    assert "\n" not in line


@given(st.text(st.characters(codec=None)))
def test_control_characters_are_escaped_and_can_always_be_encoded(text: str):
    assert not steering(plain(text))
    plain(text).encode()


def test_language_stays_as_it_is():
    assert plain("纯棉 T恤\té 👩‍👧\n") == "纯棉 T恤\té 👩‍👧\n"
    assert plain("\x1b[2J\x9b\x7f\u202e\ud800") == r"\u001b[2J\u009b\u007f\u202e\ud800"
