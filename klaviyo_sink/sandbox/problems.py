"""JSON:API error answers, in Klaviyo's form (openapi 2026-07-15, `ClientError`)."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import ValidationError

MEDIA_TYPE = "application/vnd.api+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of `errors`."""

    code: str
    title: str
    detail: str
    pointer: str = "/data"
    parameter: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    def as_json(self, status: int) -> dict[str, Any]:
        """Write it as Klaviyo does."""
        source = {"pointer": self.pointer} if self.parameter is None else {"parameter": self.parameter}
        return {
            "id": str(uuid.uuid4()),
            "status": status,
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "source": source,
            "links": {},
            "meta": self.meta,
        }


class RefusedError(Exception):
    """The request is refused with a status and at least one problem."""

    def __init__(self, status: int, *problems: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.problems = problems
        self.headers = headers or {}

    def answer(self) -> JSONResponse:
        """Write the answer."""
        content = {"errors": [problem.as_json(self.status) for problem in self.problems]}
        return JSONResponse(content, self.status, self.headers, media_type=MEDIA_TYPE)


def invalid(pointer: str, detail: str, *, title: str = "Invalid input.") -> Problem:
    """A value in the body that Klaviyo does not take."""
    return Problem("invalid", title, detail, pointer)


def not_found(detail: str, pointer: str = "/data") -> RefusedError:
    """The thing does not exist."""
    return RefusedError(404, Problem("not_found", "Not found.", detail, pointer))


def misshapen(error: ValidationError) -> RefusedError:
    """A body of the wrong shape, with a pointer to each place."""
    problems = []
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        # The branches of a union are pydantic's, not places in the body.
        place = [str(part) for part in one["loc"] if part not in {"str", "float", "list[str]"}]
        pointer = "/" + "/".join(place)
        if one["type"] == "extra_forbidden":
            problems.append(invalid(pointer, f"'{place[-1]}' is not a valid field for the resource."))
        elif one["type"] == "missing":
            problems.append(
                Problem("required", "This field is required.", f"'{place[-1]}' is a required field.", pointer)
            )
        else:
            problems.append(invalid(pointer, one["msg"]))
    return RefusedError(400, *problems)
