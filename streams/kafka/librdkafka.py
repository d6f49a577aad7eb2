"""Loads the librdkafka that confluent-kafka contains, for functions that have no Python binding."""

import ctypes
import ctypes.util
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, files
from typing import Any


class LibraryMissingError(RuntimeError):
    """No librdkafka is installed, or it lacks a function; the message says which."""


def library(signatures: Mapping[str, tuple[Any, Sequence[Any]]]) -> ctypes.CDLL:
    """
    Load librdkafka, and declare functions by result and arguments.

    Raises:
        LibraryMissingError: It is not installed, or a function is missing.

    """
    loaded = ctypes.CDLL(_path())
    for name, (result, arguments) in signatures.items():
        try:
            function = getattr(loaded, name)
        except AttributeError:
            raise LibraryMissingError(
                f"this librdkafka has no {name}; install confluent-kafka 2.16 from its wheel"
            ) from None
        function.restype, function.argtypes = result, arguments
    return loaded


def _path() -> str:
    # Wheels keep it in confluent_kafka.libs (Linux, Windows) or .dylibs (macOS); a source build links the system's.
    with suppress(PackageNotFoundError):
        for file in files("confluent-kafka") or ():
            if file.name.startswith("librdkafka") and {".so", ".dylib", ".dll"} & set(file.suffixes):
                return str(file.locate())
    if system := ctypes.util.find_library("rdkafka"):
        return system
    raise LibraryMissingError("no librdkafka found: reinstall confluent-kafka from its wheel, or use a real Kafka")
