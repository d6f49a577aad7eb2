"""
What others wrote, as a terminal may be shown it: nothing in it steers the terminal or turns the line around.

Topics hold what anybody may have sent: a dead letter's bytes, a header's name, a message's key.
"""

import json
from typing import Any

from schemas.steering import escaped


def plain(text: str) -> str:
    """Write what steers a terminal as JSON would; line breaks and tabs stay."""
    return escaped(text, keep="\n\t")


def json_line(value: Any, *, indent: int | None = None) -> str:
    """Write a value as JSON whose strings hold any language as it is, and no character that steers a terminal."""
    # Such characters stand in JSON's strings only, where the escape means the same.
    return plain(json.dumps(value, ensure_ascii=False, indent=indent))
