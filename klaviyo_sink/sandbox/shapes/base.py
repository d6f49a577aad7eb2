"""What all shapes share."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """A closed object. Strict: a number is no string. Fields without `| None` may not be null."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def absent() -> Any:
    """Mark a field that may be left out but not be null."""
    return Field(default=None, validate_default=False)


def as_sent(shape: Shape) -> dict[str, Any]:
    """Give what a request said, and no default."""
    return shape.model_dump(exclude_unset=True)
