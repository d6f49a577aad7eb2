"""Logs say what matters, once, and never what a shopper photographed."""

import json
import logging

import pytest
import structlog

from schemas.spans import Span
from streams.config.settings import Settings
from streams.telemetry.logs import UPLOAD_ID, OncePer, set_up_logs
from streams.telemetry.spans import SPAN


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_library_repeats_itself_only_so_often():
    once = OncePer(60)
    said = [once.filter(logging.LogRecord("aiokafka", 40, "", 0, "no %s", (n,), None)) for n in range(3)]
    assert said == [True, False, False]
    assert once.filter(logging.LogRecord("aiokafka", 40, "", 0, "something else", (), None))


def test_json_lines_contain_the_event_and_the_bound_values(capsys):
    set_up_logs(Settings(log_format="json"))
    token = UPLOAD_ID.set("u1")
    step = SPAN.set(Span([("traceparent", f"00-{'ab' * 16}-{'cd' * 8}-01".encode())]))
    try:
        structlog.get_logger().warning("dead letter", reason="bug")
        structlog.get_logger().warning("dead letter", reason="bug")
    finally:
        UPLOAD_ID.reset(token)
        SPAN.reset(step)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["reason"], line["upload_id"], line["level"], line["trace_id"]) for line in lines] == [
        ("dead letter", "bug", "u1", "warning", "ab" * 16)
    ] * 2


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_never_shows_local_variables(capsys, form):
    def fail() -> None:
        recognised = "planted " + "secret"
        raise RuntimeError(len(recognised))

    set_up_logs(Settings(log_format=form))
    try:
        fail()
    except RuntimeError:
        logging.getLogger("faust").exception("failed")
    err = capsys.readouterr().err
    assert "RuntimeError" in err
    assert "planted secret" not in err


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_foreign_text_controls_a_terminal_or_forges_a_line(capsys, form):
    hostile = "u\u202eevil\u2028x\u2066\x1b[31mc\nforged\x9b\x00\ud800"
    set_up_logs(Settings(log_format=form))
    structlog.get_logger().warning("dead letter", reason=hostile, message=hostile, upload_id=hostile)
    logging.getLogger("library").warning("said %s", hostile)
    structlog.get_logger().error("failed", exc_info=RuntimeError(hostile))
    err = capsys.readouterr().err
    assert not {"\u202e", "\u2028", "\u2066", "\x1b", "\x9b", "\x00"} & set(err)
    assert not [line for line in err.splitlines()[:2] if line.startswith("forged")]
    assert "evil" in err
    assert len([line for line in err.splitlines() if "dead letter" in line]) == 1
