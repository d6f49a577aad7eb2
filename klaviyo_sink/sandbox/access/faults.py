"""Fault injection, for tests of what happens when Klaviyo or the network fails."""

import asyncio
import random
from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from klaviyo_sink.sandbox.access.problems import Problem, RefusedError


class Fault(BaseModel):
    """One kind of failure, and the share of requests that get it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: int = Field(ge=400, le=599)
    share: float = Field(1, ge=0, le=1)
    #: Return an HTML page, as filters in front of Klaviyo do.
    html: bool = False
    retry_after: str | None = None
    #: Do the work first, so that the caller cannot know that it was done.
    after: bool = False
    #: Break the connection in the middle of the response.
    cut: bool = False

    def answer(self) -> Response:
        """Return the failing response."""
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        if self.cut:
            return CutResponse(headers=headers)
        if self.html:
            return HTMLResponse("<html><body>Attention required</body></html>", self.status, headers)
        code = {429: "throttled"}.get(self.status, "injected")
        problem = Problem(code, "A fault on order.", "Ordered at /sandbox/faults.")
        return RefusedError(self.status, problem, headers=headers).answer()


class FaultPlan(BaseModel):
    """All faults to inject. A new plan replaces the old one; an empty one ends all faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    faults: tuple[Fault, ...] = ()
    #: Number of requests it applies to; None: all.
    requests: int | None = Field(None, ge=0)
    #: Range of seconds added to each request, uniformly distributed.
    latency_s: tuple[float, float] = (0, 0)
    seed: int = 0


class CutResponse(Response):
    """Declares more bytes than it sends, so that the server breaks the connection."""

    def init_headers(self, headers: object = None) -> None:  # noqa: ARG002 - the signature is Starlette's
        """Set the wrong length."""
        self.raw_headers = [(b"content-length", b"1000"), (b"content-type", b"application/vnd.api+json")]


class Faults:
    """Draws faults by the plan, reproducibly."""

    def __init__(self) -> None:
        self.plan(FaultPlan())

    def plan(self, plan: FaultPlan) -> None:
        """Start a plan."""
        self._plan = plan
        self._left = plan.requests
        self._random = random.Random(plan.seed)  # noqa: S311 - reproducible faults, no secrets

    def draw(self) -> Fault | None:
        """Return the fault of the next request; None: none."""
        if not self._plan.faults or self._left == 0:
            return None
        if self._left is not None:
            self._left -= 1
        point = self._random.random()
        for fault, until in _ranges(self._plan.faults):
            if point < until:
                return fault
        return None

    async def delay(self) -> None:
        """Wait as long as the plan says."""
        shortest, longest = self._plan.latency_s
        if longest > 0:
            await asyncio.sleep(self._random.uniform(shortest, longest))


def _ranges(faults: tuple[Fault, ...]) -> Iterator[tuple[Fault, float]]:
    until = 0.0
    for fault in faults:
        until += fault.share
        yield fault, until


router = APIRouter()


@router.post("/sandbox/faults")
async def order_faults(plan: FaultPlan, request: Request) -> FaultPlan:
    """Replace the plan."""
    faults: Faults = request.app.state.faults
    faults.plan(plan)
    return plan
