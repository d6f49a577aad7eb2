"""
The characters that steer a terminal, a log or a page instead of being shown, and how to write them out.

Controls (C0, DEL, C1), what turns the direction of text around, line and paragraph separators, halves of characters.
"""

import json
import unicodedata
from typing import Final

#: Of these, what a name may never hold, for a character class of a regular expression: Python and Rust read it alike.
STEERING: Final = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
#: C1's are among the controls: U+009B alone begins an escape sequence.
_CATEGORIES: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}
#: What joins emoji and letters.
_JOINERS: Final = {"\u200c", "\u200d"}


def escaped(text: str, *, keep: str = "") -> str:
    """Write what steers as JSON would, but for the characters to keep."""
    if text.isprintable():
        return text
    return "".join(_written(one) if one not in keep and _steers(one) else one for one in text)


def _steers(one: str) -> bool:
    return one not in _JOINERS and unicodedata.category(one) in _CATEGORIES


def _written(one: str) -> str:
    # JSON has no escape of its own for DEL, and writes C1 as it is.
    return json.dumps(one)[1:-1] if one != "\x7f" else "\\u007f"
