"""The filters that conditions of segments and flows apply to one value."""

from typing import Annotated, Literal

from pydantic import Field

from klaviyo_sink.sandbox.shapes.base import Shape

Comparison = Literal["equals", "not-equals", "greater-than", "greater-than-or-equal", "less-than", "less-than-or-equal"]
Unit = Literal["day", "hour", "week"]


class Text(Shape):
    """A text compared with one value."""

    type: Literal["string"]
    operator: Literal[
        "contains",
        "not-contains",
        "equals",
        "not-equals",
        "starts-with",
        "not-starts-with",
        "ends-with",
        "not-ends-with",
        "regex",
        "nregex",
    ]
    value: str | None


class TextIn(Shape):
    """A text compared with several."""

    type: Literal["string"]
    operator: Literal["in", "not-in"]
    value: list[str]


class Number(Shape):
    """A number compared with one."""

    type: Literal["numeric"]
    operator: Comparison
    value: float


class NumberBetween(Shape):
    """A number in a range."""

    type: Literal["numeric"]
    operator: Literal["between"]
    start: float
    end: float


class YesNo(Shape):
    """A truth value."""

    type: Literal["boolean"]
    operator: Literal["equals"]
    value: bool


class ListContains(Shape):
    """A list that has a value, or has not."""

    type: Literal["list"]
    operator: Literal["contains", "not-contains"]
    value: int | str | None


class ListLength(Shape):
    """A list's length."""

    type: Literal["list"]
    operator: Literal[
        "length-equals",
        "length-greater-than",
        "length-greater-than-or-equal",
        "length-less-than",
        "length-less-than-or-equal",
    ]
    value: int


class Existence(Shape):
    """Whether there is a value."""

    type: Literal["existence"]
    operator: Literal["is-set", "not-set"]


class DateStatic(Shape):
    """Before or after a moment."""

    type: Literal["date"]
    operator: Literal["after", "before"]
    date: str


class DateStaticRange(Shape):
    """Between two moments."""

    type: Literal["date"]
    operator: Literal["between-static"]
    start: str
    end: str


class DateRelative(Shape):
    """Within, or longer ago than, a stretch of time from now."""

    type: Literal["date"]
    operator: Literal["at-least", "in-the-last", "in-the-next"]
    unit: Unit
    quantity: int


class InTheLast(Shape):
    """Within a stretch of time up to now."""

    type: Literal["date"]
    operator: Literal["in-the-last"]
    unit: Unit
    quantity: int


class DateRange(Shape):
    """Between two stretches of time ago."""

    type: Literal["date"]
    operator: Literal["between"]
    start: int
    end: int
    unit: Unit


class Alltime(Shape):
    """Ever."""

    type: Literal["date"]
    operator: Literal["alltime"]


class SinceFlowStart(Shape):
    """Since this person entered the flow."""

    type: Literal["date"]
    operator: Literal["flow-start"]


Dates = Annotated[DateStatic | DateStaticRange | DateRelative | DateRange, Field(discriminator="operator")]
ValueFilter = Annotated[
    Annotated[Text | TextIn, Field(discriminator="operator")]
    | Annotated[Number | NumberBetween, Field(discriminator="operator")]
    | YesNo
    | Annotated[ListContains | ListLength, Field(discriminator="operator")]
    | Existence
    | Dates,
    Field(discriminator="type"),
]
#: Profile filters have no range of numbers (official schema).
ProfileFilterOfValue = Annotated[
    Annotated[Text | TextIn, Field(discriminator="operator")]
    | Number
    | YesNo
    | Annotated[ListContains | ListLength, Field(discriminator="operator")]
    | Existence
    | Dates,
    Field(discriminator="type"),
]
Timeframe = Annotated[
    DateStatic | DateStaticRange | DateRelative | DateRange | Alltime, Field(discriminator="operator")
]
FlowTimeframe = Annotated[
    DateStatic | DateStaticRange | DateRelative | DateRange | Alltime | SinceFlowStart, Field(discriminator="operator")
]
