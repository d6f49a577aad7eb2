"""The state database in a PostgreSQL cluster that was made where no locale is set."""

import pytest
from postgres_server import MISSING, running
from sqlalchemy import literal, select, text

from klaviyo_sink.state.database import open_database, open_for_reading

if MISSING:
    # A real server is started, which only a machine with Debian's package can.
    pytest.skip(MISSING, allow_module_level=True)


@pytest.mark.parametrize("open_it", [open_database, open_for_reading])
def test_text_of_any_script_comes_back_from_a_database_without_an_encoding(open_it):
    with running() as server:
        engine = open_it(server.without_encoding())
        with engine.connect() as connection:
            assert connection.execute(text("SHOW server_encoding")).scalar_one() == "SQL_ASCII"
            assert connection.execute(select(literal("纯棉 café"))).scalar_one() == "纯棉 café"
        engine.dispose()
