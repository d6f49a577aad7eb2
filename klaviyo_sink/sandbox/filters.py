"""The part of Klaviyo's filter language that the sandbox speaks: `equals(field,"…")` and `any(field,["…"])`."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from klaviyo_sink.sandbox.problems import Problem, RefusedError

_CALL = re.compile(r"(equals|any)\(([a-z_.]+),\s*(.+)\)", re.DOTALL)


def matches(text: str | None, fields: Collection[str]) -> Callable[[Mapping[str, Any]], bool]:
    """
    Read a filter over string fields; none lets everything through.

    Raises:
        RefusedError: 400, not a filter that is spoken here.

    """
    if text is None:
        return lambda _row: True
    found = _CALL.fullmatch(text.strip())
    if found is None or found[2] not in fields:
        raise _refused(f"Use equals or any on one of: {', '.join(fields)}.")
    name = found[2]
    # Klaviyo takes single quotes, too.
    quoted = found[3].replace("'", '"')
    try:
        value = json.loads(quoted)
    except ValueError:
        raise _refused("The filter's value cannot be read.") from None
    wanted = value if found[1] == "any" else [value]
    if not isinstance(wanted, list):
        raise _refused("any needs a list.")
    return lambda row: row.get(name) in wanted


def _refused(detail: str) -> RefusedError:
    return RefusedError(400, Problem("invalid", "Invalid input.", detail, parameter="filter"))
