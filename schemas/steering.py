"""
Escapes characters that control a terminal, a log or a page instead of being printed.

These are control characters (C0, DEL, C1), direction marks, line and paragraph separators, and lone surrogates.
"""

import json
import unicodedata
from typing import Final

#: The ones that a name must never contain, as a regular expression class that Python and Rust read alike.
STEERING: Final = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
#: C1 characters are included: U+009B alone begins an escape sequence.
_CATEGORIES: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}
#: Characters that join emoji and letters; they are safe.
_JOINERS: Final = {"\u200c", "\u200d"}


def escaped(text: str, *, keep: str = "") -> str:
    """Return the text with control characters escaped as in JSON, except those in `keep`."""
    if text.isprintable():
        return text
    return "".join(_written(one) if one not in keep and _steers(one) else one for one in text)


def _steers(one: str) -> bool:
    return one not in _JOINERS and unicodedata.category(one) in _CATEGORIES


def _written(one: str) -> str:
    # JSON has no escape for DEL, and leaves C1 characters unescaped.
    return json.dumps(one)[1:-1] if one != "\x7f" else "\\u007f"
