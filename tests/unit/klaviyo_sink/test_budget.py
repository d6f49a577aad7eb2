"""One budget for all sync processes of an account: what one learns from Klaviyo applies to all until it changes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from klaviyo_sink.budget import Budget
from klaviyo_sink.limits import PUBLISHED, Spent

EVENTS = "POST /api/events"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class SharedStore:
    """The database's place: what was spent, by operation."""

    def __init__(self) -> None:
        self.spent: dict[str, Spent] = {}

    async def __call__(self, operation: str, change: Callable[[Spent], tuple[Spent, Any]]) -> Any:
        self.spent[operation], answer = change(self.spent.get(operation, Spent()))
        return answer


def headers(limit: int, left: int) -> dict[str, str]:
    return {"ratelimit-limit": str(limit), "ratelimit-remaining": str(left), "ratelimit-reset": "30"}


async def test_a_limit_that_klaviyo_takes_back_is_forgotten_after_a_restart_too():
    store, published = SharedStore(), PUBLISHED[EVENTS][1]
    first = Budget(store, now=lambda: NOON)
    await first.ask(EVENTS, 1)
    await first.answered(EVENTS, headers(published // 10, published // 10))
    assert store.spent[EVENTS].told_steady == published // 10
    restarted = Budget(store, now=lambda: NOON)
    await restarted.ask(EVENTS, 1)
    await restarted.answered(EVENTS, headers(published, published))
    assert store.spent[EVENTS].told_steady == published
