"""The base of all shapes."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """A closed object. Strict: a number is not accepted as a string. Fields without `| None` may not be null."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def absent() -> Any:
    """Return the default of a field that may be omitted but not null."""
    return Field(default=None, validate_default=False)


def as_sent(shape: Shape) -> dict[str, Any]:
    """Return the fields that a request contains, without defaults."""
    return shape.model_dump(exclude_unset=True)
