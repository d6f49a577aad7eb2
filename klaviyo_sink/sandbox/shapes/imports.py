"""The shapes of import jobs: closed, as all shapes are."""

from typing import Literal

from klaviyo_sink.sandbox.shapes.base import Shape, absent
from klaviyo_sink.sandbox.shapes.profiles import ImportProfile


class ListName(Shape):
    """A list to add the profiles to."""

    type: Literal["list"]
    id: str


class ListNames(Shape):
    """`data` around lists."""

    data: list[ListName] = absent()


class ImportJobRelationships(Shape):
    """Optional lists."""

    lists: ListNames = absent()


class ImportRows(Shape):
    """`data` around the profiles."""

    data: list[ImportProfile]


class ImportJobAttributes(Shape):
    """The profiles."""

    profiles: ImportRows


class ImportJob(Shape):
    """`ProfileImportJobCreateQueryResourceObject`."""

    type: Literal["profile-bulk-import-job"]
    attributes: ImportJobAttributes
    relationships: ImportJobRelationships = absent()


class ImportJobRequest(Shape):
    """`POST /api/profile-bulk-import-jobs`."""

    data: ImportJob
