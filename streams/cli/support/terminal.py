"""
Escapes text from others for the terminal, so that it cannot control the terminal or reverse the line.

Topics contain what anybody may have sent: a dead letter's bytes, a header's name, a message's key.
"""

import json
from typing import Any

from schemas.steering import escaped


def plain(text: str) -> str:
    """Return the text with control characters escaped as in JSON; line breaks and tabs stay."""
    return escaped(text, keep="\n\t")


def json_line(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON. Strings keep every language; control characters are escaped."""
    # Control characters occur only inside JSON strings, where the escape means the same.
    return plain(json.dumps(value, ensure_ascii=False, indent=indent))
