"""The private names of Faust and aiokafka that app.py and consumer.py touch: an upgrade that moves one fails here."""

import inspect
from importlib.metadata import version

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.transport.consumer import Consumer, ThreadDelegateConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Transport
from mode.threads import QueueServiceThread


def test_faust_is_the_version_these_names_were_read_in():
    assert version("faust-streaming") == "0.15.3"


def test_the_rebalance_and_stop_hooks_are_coroutines_of_the_app():
    for name in ("_on_partitions_revoked", "_on_partitions_assigned", "_stop_consumer", "on_first_start"):
        assert inspect.iscoroutinefunction(getattr(faust.App, name)), name
    assert list(inspect.signature(faust.App._on_partitions_assigned).parameters)[1:] == ["assigned", "generation_id"]


def test_a_commit_answers_whether_it_was_taken():
    assert inspect.iscoroutinefunction(ThreadDelegateConsumer._commit)
    assert "return False" in inspect.getsource(AIOKafkaConsumerThread._commit)


def test_nothing_is_committed_for_messages_that_were_never_acknowledged():
    assert "for tp in self._acked" in inspect.getsource(Consumer._filter_tps_with_pending_acks)


def test_the_consumer_thread_can_be_asked_to_run_a_coroutine():
    assert inspect.iscoroutinefunction(QueueServiceThread.call_thread)
    assert "_consumer" in AIOKafkaConsumerThread.__annotations__
    assert callable(AIOKafkaConsumerThread._ensure_consumer)


def test_a_coordinator_error_is_parked_where_the_watchdog_looks():
    source = inspect.getsource(GroupCoordinator)
    assert "self._pending_exception = exc" in source
    assert "self._coordination_task = " in source
    assert "self._fetch_task = " in inspect.getsource(Fetcher)
    assert "self._sync_task = " in inspect.getsource(AIOKafkaClient)
    assert "self._fetcher = Fetcher(" in inspect.getsource(AIOKafkaConsumer)


def test_only_a_commit_above_zero_moves_aiokafka_back():
    """Once it moves the others too, `StageConsumer` may go."""
    assert "if offset and offset > 0:" in inspect.getsource(AIOKafkaConsumer.seek_to_committed)


def test_faust_goes_back_through_a_method_of_the_consumer_that_its_transport_names():
    assert "self.Consumer(" in inspect.getsource(Transport.create_consumer)
    assert "await self.seek_to_committed()" in inspect.getsource(Consumer.perform_seek)
    assert inspect.iscoroutinefunction(AIOKafkaConsumerThread.seek_wait)


def test_faust_hands_each_message_over_where_it_waits_for_the_first_of_two():
    assert "await self.wait_first(" in inspect.getsource(Consumer._drain_messages)
    assert "callback(message), self.suspend_flow.wait()" in inspect.getsource(Consumer._drain_messages)
