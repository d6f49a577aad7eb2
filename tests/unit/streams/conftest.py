"""A photo store on disk, for the tests of what is kept and what is deleted."""

from pathlib import Path

import pytest

from streams.photos.store import PhotoStore


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "photos"


@pytest.fixture
def store(folder) -> PhotoStore:
    return PhotoStore(f"file:{folder}", max_bytes=1000)
