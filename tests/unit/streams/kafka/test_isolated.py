"""A call to Kafka in a child process: the child's crash ends neither the parent nor the next call."""

import multiprocessing
import os
import signal
import time
from functools import partial

import pytest

from streams.config.settings import Settings
from streams.kafka import isolated
from streams.kafka.clients import NoKafkaError
from streams.kafka.isolated import Isolated
from streams.lag.reader import isolated_looks


def test_one_child_answers_several_calls():
    with Isolated(partial(partial, os.getpid), limit_s=30) as asked:
        child = asked.ask()
        assert child != os.getpid()
        assert asked.ask() == child


def test_a_child_that_crashed_is_replaced_by_a_new_one():
    with Isolated(partial(partial, os.getpid), limit_s=30) as asked:
        first = asked.ask()
        os.kill(first, signal.SIGSEGV)
        assert asked.ask() not in {first, os.getpid()}


def test_a_call_that_always_crashes_is_one_sentence_and_can_be_repeated():
    with Isolated(partial(partial, os.abort), limit_s=30) as asked:
        for _ in range(2):
            with pytest.raises(NoKafkaError, match="the client library crashed"):
                asked.ask()


def test_a_call_without_an_answer_times_out():
    began = time.monotonic()
    with (
        Isolated(partial(partial, time.sleep, 60), limit_s=0.5) as asked,
        pytest.raises(NoKafkaError, match="does not respond within"),
    ):
        asked.ask()
    assert time.monotonic() - began < 30


def test_an_exception_of_the_call_reaches_the_parent_unchanged():
    settings = Settings(bootstrap_servers="127.0.0.1:1")
    with isolated_looks(settings, patience_s=0.5) as looks, pytest.raises(NoKafkaError) as told:
        looks.ask()
    assert told.value.trouble == "no Kafka at 127.0.0.1:1"
    assert told.value.advice == "Start it, or set HANGTAG_BOOTSTRAP_SERVERS"


def test_closing_leaves_no_child_behind():
    with Isolated(partial(partial, os.getpid), limit_s=30) as asked:
        child = asked.ask()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_child_ends_quietly_when_the_parent_ended_before_the_answer(monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    ours, theirs = multiprocessing.Pipe()
    ours.send(None)
    # The parent ends while the call runs.
    isolated._serve(theirs, lambda: ours.close)
