"""
A run in which everything fails shows no text of a photo, no shopper's address and no secret.

Exempt are the values of events and dead letters, which are the original messages for readers of the topics.
"""

import json
from dataclasses import fields

import pytest
from broker_process import FaultyBroker
from faulty_run import COMMANDS, STAGES, TRACE, VARIABLES, Said, faulty_run, planted


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> Said:
    broker = FaultyBroker()
    with pytest.MonkeyPatch.context() as patched:
        for name, secret in VARIABLES.items():
            patched.setenv(name, secret)
        try:
            return faulty_run(broker.address, tmp_path_factory.mktemp("run"))
        finally:
            broker.close()


@pytest.mark.parametrize("surface", [one.name for one in fields(Said) if one.name != "spans"])
def test_no_output_contains_a_planted_value(said, surface):
    texts = getattr(said, surface)
    assert texts
    assert {(where, one) for where, text in texts.items() for one in planted() if one in text} == set()


def test_every_process_had_its_say(said):
    for name in (*STAGES, "ocr", "gateway", "exporter"):
        assert "hangtag_" in said.pages[f"{name} /metrics"]
    assert "hangtag_dead_letters_total" in said.pages["sync /metrics"]
    assert {process for _, process in said.spans} == {
        "hangtag.gateway",
        "hangtag.ocr",
        *map("hangtag.{}".format, STAGES),
    }
    assert said.topics.keys() >= {"outfit.feedback", "outfit.profiles", "outfit.tags.dlq"}
    assert "exception.message" in said.topics["outfit.texts.dlq"]
    assert said.commands.keys() == set(COMMANDS)
    assert all(said.commands.values())
    assert "HANGTAG_STATE_URL" in said.logs["broken"]


def test_log_lines_name_their_upload_and_its_trace(said):
    lines = [json.loads(line) for line in said.logs["stages"].splitlines() if line.startswith("{")]
    reasons = {line["reason"] for line in lines if "reason" in line}
    assert {"unauthorized", "throttled", "photo-missing", "photo-changed", "not-json", "invalid-event"} <= reasons
    assert {line["upload_id"] for line in lines if line.get("reason") == "photo-missing"} == {"missing"}
    of_one = [line for line in lines if line.get("upload_id", "").startswith(("good", "missing", "changed"))]
    assert of_one
    assert {line["trace_id"] for line in of_one} == {TRACE}
    assert '"verdict"' in said.logs["ocr"], "the OCR worker read, and said so"
