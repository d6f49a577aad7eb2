"""The shapes of requests about flows, and of segments."""

from typing import Literal

from klaviyo_sink.sandbox.shapes.actions import FlowDefinition
from klaviyo_sink.sandbox.shapes.base import Shape, absent
from klaviyo_sink.sandbox.shapes.conditions import SegmentDefinition


class SegmentAttributes(Shape):
    """A segment's name and definition."""

    name: str
    definition: SegmentDefinition
    is_starred: bool | None = None


class Segment(Shape):
    """`SegmentCreateQueryResourceObject`."""

    type: Literal["segment"]
    attributes: SegmentAttributes


class SegmentRequest(Shape):
    """`POST /api/segments`."""

    data: Segment


class SegmentChange(Shape):
    """What may be changed of a segment."""

    name: str | None = None
    definition: SegmentDefinition = absent()
    is_starred: bool | None = None


class SegmentUpdate(Shape):
    """`SegmentPartialUpdateQueryResourceObject`."""

    type: Literal["segment"]
    id: str
    attributes: SegmentChange


class SegmentUpdateRequest(Shape):
    """`PATCH /api/segments/{id}`."""

    data: SegmentUpdate


class FlowAttributes(Shape):
    """A flow's name and definition."""

    name: str
    definition: FlowDefinition


class Flow(Shape):
    """`FlowCreateQueryResourceObject`."""

    type: Literal["flow"]
    attributes: FlowAttributes


class FlowRequest(Shape):
    """`POST /api/flows`."""

    data: Flow


class StatusAttributes(Shape):
    """A flow's status."""

    status: Literal["draft", "live", "manual"]


class FlowStatus(Shape):
    """`FlowUpdateQueryResourceObject`."""

    type: Literal["flow"]
    id: str
    attributes: StatusAttributes


class FlowStatusRequest(Shape):
    """`PATCH /api/flows/{id}`."""

    data: FlowStatus
