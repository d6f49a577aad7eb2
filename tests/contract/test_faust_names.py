"""The private names of Faust that app.py and driver/transport.py touch: an upgrade that moves one fails here."""

import inspect
from importlib.metadata import version

import faust
from faust.transport.consumer import Consumer, Fetcher
from faust.types.tuples import ConsumerMessage

from streams.runtime.driver.transport import BatchConsumer, NoProducer, StageTransport


def test_faust_is_the_version_these_names_were_read_in():
    assert version("faust-streaming") == "0.15.3"


def test_the_stop_hooks_are_coroutines_of_the_app():
    for name in ("_stop_consumer", "on_first_start"):
        assert inspect.iscoroutinefunction(getattr(faust.App, name)), name


def test_an_app_takes_another_transport():
    for name in ("transport", "producer_transport"):
        assert getattr(faust.App, name).fset is not None, name


def test_a_rebalance_reaches_the_app_through_the_consumer():
    assert "self._on_partitions_assigned" in inspect.getsource(Consumer.on_partitions_assigned)
    assert callable(faust.App.on_rebalance_start)


def test_the_fetcher_drains_the_consumer_that_the_transport_names():
    assert StageTransport.Consumer is BatchConsumer
    assert StageTransport.Fetcher is Fetcher
    assert "consumer._drain_messages(self)" in inspect.getsource(Fetcher._fetcher.fun)


def test_no_part_of_the_driver_lacks_a_method_that_faust_demands():
    assert not BatchConsumer.__abstractmethods__
    assert not getattr(NoProducer, "__abstractmethods__", ())


def test_nothing_is_committed_for_messages_that_were_never_acknowledged():
    assert "for tp in self._acked" in inspect.getsource(Consumer._filter_tps_with_pending_acks)


def test_a_message_of_another_generation_would_be_skipped():
    assert "generation_id" in inspect.signature(ConsumerMessage).parameters
