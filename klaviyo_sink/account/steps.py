"""The steps of setting up an account, and calls to Klaviyo that are repeated while it answers Later."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from klaviyo_sink.api.client import Accepted, KlaviyoClient
from klaviyo_sink.api.errors import Failure
from klaviyo_sink.delivery.imports import cursor_after
from schemas.outcomes import Later

#: Called before a wait, with its reason and its length in seconds.
Waiting = Callable[[str, float], None]

#: Setting up fails after this many Later answers to one call.
TRIES: Final = 8


@dataclass(frozen=True, slots=True)
class SetupStep:
    """What was found or done."""

    kind: Literal["metric", "segment", "flow"]
    name: str
    done: Literal["created", "unchanged", "drifted", "archived", "replaced", "set live", "missing"]
    #: The differences; for missing and replaced ones a sentence.
    detail: str = ""


def all_clear(steps: Sequence[SetupStep]) -> bool:
    """Return whether flows may be set live: nothing differs from the campaigns, and nothing is archived."""
    return not any(step.done in {"drifted", "archived"} for step in steps)


class SetupError(Exception):
    """Setting up stopped; `failure` says why, `steps` what was done before."""

    def __init__(self, failure: Failure, steps: Sequence[SetupStep] = ()) -> None:
        super().__init__(failure.message)
        self.failure, self.steps = failure, tuple(steps)


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls Klaviyo, and repeats a call while Klaviyo answers Later."""

    client: KlaviyoClient
    sleep: Callable[[float], Awaitable[None]]
    waiting: Waiting = lambda _call, _seconds: None

    async def call(self, method: str, path: str, **rest: Any) -> Any:
        """
        Make a call and return the JSON of its response.

        Raises:
            SetupError: Klaviyo refused, or did not respond.

        """
        for tried in range(TRIES):
            answer = await self.client.call(method, path, **rest)
            if isinstance(answer, Accepted):
                return answer.content
            if not isinstance(answer, Later) or tried == TRIES - 1:
                raise SetupError(answer)
            pause = answer.retry_after or 2.0**tried / 4
            self.waiting(f"{method} {path}", pause)
            await self.sleep(pause)
        raise AssertionError

    async def all(self, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Return all resources, page by page."""
        rows: list[dict[str, Any]] = []
        query = dict(query or {})
        while True:
            page = await self.call("GET", path, query=query)
            rows += page["data"]
            cursor = cursor_after(page)
            if cursor is None:
                return rows
            query = query | {"page[cursor]": cursor}
