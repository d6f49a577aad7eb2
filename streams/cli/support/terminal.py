"""
What others wrote, as a terminal may be shown it: nothing in it steers the terminal or turns the line around.

Topics hold what anybody may have sent: a dead letter's bytes, a header's name, a message's key.
"""

import json
import unicodedata
from typing import Any, Final

#: Control characters (C1's among them: U+009B alone begins an escape sequence), what changes the direction of text, and
#: halves of characters, which no terminal can be sent.
_STEERING: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}
#: Line breaks and tabs, and what joins emoji and letters.
_HARMLESS: Final = {"\n", "\t", "\u200c", "\u200d"}


def plain(text: str) -> str:
    """Write what steers a terminal as JSON would; line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(_escaped(one) if _steers(one) else one for one in text)


def json_line(value: Any, *, indent: int | None = None) -> str:
    """Write a value as JSON whose strings hold any language as it is, and no character that steers a terminal."""
    # Such characters stand in JSON's strings only, where the escape means the same.
    return plain(json.dumps(value, ensure_ascii=False, indent=indent))


def _steers(one: str) -> bool:
    return one not in _HARMLESS and unicodedata.category(one) in _STEERING


def _escaped(one: str) -> str:
    # JSON has no escape of its own for DEL.
    return "\\u007f" if one == "\x7f" else json.dumps(one)[1:-1]
