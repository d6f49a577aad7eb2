"""`hangtag doctor` with a state database on PostgreSQL."""

import pytest
from doctor_world import complaints
from postgres_server import MISSING, running
from pydantic import SecretStr

from klaviyo_sink.state.database import open_database

if MISSING:
    # A real server is started, which only a machine with Debian's package can.
    pytest.skip(MISSING, allow_module_level=True)


async def test_a_state_database_without_an_encoding_is_no_fault(settings):
    with running() as server:
        url = server.without_encoding()
        open_database(url).dispose()
        found = await complaints(settings.model_copy(update={"state_url": SecretStr(url)}), None, "state")
    assert found == {}
