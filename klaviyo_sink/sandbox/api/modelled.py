"""Rejects definitions that the sandbox cannot execute, by name."""

from typing import Any

from klaviyo_sink.sandbox.access.problems import Problem, RefusedError
from klaviyo_sink.sandbox.shapes.unmodelled import unmodelled


def refuse_unmodelled(content: Any) -> None:
    """
    Reject a body whose definition contains something that Klaviyo has and the sandbox does not.

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
