"""The embedded broker for the tests of this folder."""

from collections.abc import Iterator

import pytest
from broker_process import FaultyBroker


@pytest.fixture
def broker() -> Iterator[FaultyBroker]:
    running = FaultyBroker()
    yield running
    running.close()
