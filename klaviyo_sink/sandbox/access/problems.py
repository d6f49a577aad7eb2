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
        """Return the problem in Klaviyo's form."""
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
        """Return the response."""
        content = {"errors": [problem.as_json(self.status) for problem in self.problems]}
        return JSONResponse(content, self.status, self.headers, media_type=MEDIA_TYPE)


def invalid(pointer: str, detail: str, *, title: str = "Invalid input.") -> Problem:
    """Return a problem for a value in the body that Klaviyo rejects."""
    return Problem("invalid", title, detail, pointer)


def not_found(detail: str, pointer: str = "/data") -> RefusedError:
    """Return a 404."""
    return RefusedError(404, Problem("not_found", "Not found.", detail, pointer))


def not_modelled(what: str, *, pointer: str = "/data", parameter: str | None = None) -> RefusedError:
    """Return a 501 for something that Klaviyo has and the sandbox does not, with its name. It never passes silently."""
    detail = f"Klaviyo has this, the sandbox does not: {what}."
    return RefusedError(501, Problem("not_implemented", "Not modelled by the sandbox.", detail, pointer, parameter))


def misshapen(error: ValidationError, content: Any) -> RefusedError:
    """Return a 400 for a body of the wrong shape, with a pointer to each wrong place."""
    problems: dict[str, Problem] = {}
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        place = _place(one["loc"], content, missing=one["type"] == "missing")
        pointer = "/" + "/".join(place) if place else "/data"
        name = place[-1] if place else "data"
        if one["type"] == "extra_forbidden":
            problem = invalid(pointer, f"'{name}' is not a valid field for the resource.")
        elif one["type"] == "missing":
            problem = Problem("required", "This field is required.", f"'{name}' is a required field.", pointer)
        elif one["type"] == "model_type":
            # Pydantic's message would contain a name of our classes.
            problem = invalid(pointer, f"'{name}' must be an object.")
        else:
            problem = invalid(pointer, one["msg"])
        problems.setdefault(pointer, problem)
    return RefusedError(400, *problems.values())


def _place(location: tuple[int | str, ...], content: Any, *, missing: bool) -> list[str]:
    """Return the path in the body. Skips the names of union branches, which Pydantic inserts."""
    place = []
    for at, part in enumerate(location):
        inside = part in content if isinstance(content, dict) else isinstance(content, list) and isinstance(part, int)
        if inside:
            content = content[part]
        elif not (missing and at == len(location) - 1):
            continue
        place.append(str(part))
    return place
