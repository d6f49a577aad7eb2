"""Refuses definitions that the sandbox could not act out, by name."""

from typing import Any

from klaviyo_sink.sandbox.access.problems import Problem, RefusedError
from klaviyo_sink.sandbox.shapes.unmodelled import unmodelled


def refuse_unmodelled(content: Any) -> None:
    """
    Refuse a body whose definition holds what Klaviyo has and the sandbox has not.

    Raises:
        RefusedError: 501, with a pointer to each and its name.

    """
    found = [
        Problem(
            "not_implemented",
            "Not modelled by the sandbox.",
            f"Klaviyo has this, the sandbox does not: {name}.",
            pointer,
        )
        for pointer, name in unmodelled(content, "")
    ]
    if found:
        raise RefusedError(501, *found)
