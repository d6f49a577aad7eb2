"""
The public Python API for producers and subscribers: events, codec, outcomes, the upload producer.

Imports no other package of Hangtag. Names load on first use, so a process that only reads events loads no Kafka client.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.codec import UndecodableError, decode, encode
    from schemas.emitter import Emitter
    from schemas.events import (
        DeadLetter,
        Identity,
        OutfitTagged,
        Photo,
        PhotoUploaded,
        ProfileSynced,
        Tag,
        TextRecognized,
        UploadFeedback,
    )
    from schemas.outcomes import Later, Misconfigured, Never
    from schemas.producer import BlockingUploadProducer, Published, Upload, UploadProducer

__all__ = [
    "BlockingUploadProducer",
    "DeadLetter",
    "Emitter",
    "Identity",
    "Later",
    "Misconfigured",
    "Never",
    "OutfitTagged",
    "Photo",
    "PhotoUploaded",
    "ProfileSynced",
    "Published",
    "Tag",
    "TextRecognized",
    "UndecodableError",
    "Upload",
    "UploadFeedback",
    "UploadProducer",
    "decode",
    "encode",
]

#: Module of each public name; all others: `schemas.events`.
_HOMES = {
    "schemas.codec": {"UndecodableError", "decode", "encode"},
    "schemas.emitter": {"Emitter"},
    "schemas.outcomes": {"Later", "Misconfigured", "Never"},
    "schemas.producer": {"BlockingUploadProducer", "Published", "Upload", "UploadProducer"},
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((module for module, names in _HOMES.items() if name in names), "schemas.events")
    return getattr(import_module(home), name)
