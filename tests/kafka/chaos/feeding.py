"""Publishes uploads in order and at a fixed rate, and survives every fault of the brokers."""

import time
from collections.abc import Sequence

from confluent_kafka import KafkaException, Message, Producer
from traffic import Upload, encoded

from streams.config.settings import Settings
from streams.wiring.kafka import make_topics

#: Every so many uploads there is one more whose transaction is aborted.
ABORTED_EVERY = 10
_PATIENCE_S = 120


def feed(settings: Settings, these: Sequence[Upload], per_s: float, *, transactions: bool) -> set[str]:
    """
    Publish all, one transaction for each if wanted; blocks.

    Returns:
        The ids of uploads in aborted transactions, which no stage may process.

    """
    send = _Transactions(settings) if transactions else _Plain(settings)
    began = time.monotonic()
    for at, upload in enumerate(these):
        time.sleep(max(0.0, at / per_s - (time.monotonic() - began)))
        send(upload)
    return send.close()


class _Plain:
    """Keeps the order of each shopper by one request at a time, and so needs nothing that a cut log has forgotten."""

    def __init__(self, settings: Settings) -> None:
        self._topic = make_topics(settings).uploads.name
        self._producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "acks": "all",
                "max.in.flight.requests.per.connection": 1,
                "partitioner": "murmur2_random",
                "delivery.timeout.ms": _PATIENCE_S * 1000,
                "log_level": 0,
            }
        )
        self._refused: list[str] = []

    def __call__(self, upload: Upload) -> None:
        value, headers = encoded(upload)
        self._producer.produce(self._topic, value, upload.shopper, headers=headers, on_delivery=self._on_delivery)
        self._producer.poll(0)

    def close(self) -> set[str]:
        assert self._producer.flush(_PATIENCE_S) == 0
        assert not self._refused, self._refused
        return set()

    def _on_delivery(self, error: object, _message: Message) -> None:
        if error is not None:
            self._refused.append(str(error))


class _Transactions:
    """One transaction for each upload, until it is committed; some more are aborted."""

    def __init__(self, settings: Settings) -> None:
        self._topic = make_topics(settings).uploads.name
        self._config = {
            "bootstrap.servers": settings.bootstrap_servers,
            "transactional.id": f"{settings.topic_prefix}.chaos",
            "partitioner": "murmur2_random",
            "log_level": 0,
        }
        self._producer: Producer | None = None
        self._sent = 0
        self._aborted: set[str] = set()

    def __call__(self, upload: Upload) -> None:
        self._sent += 1
        if self._sent % ABORTED_EVERY == 0:
            # Behind every upload of that shopper, so that its number is in order if it is worked on by mistake.
            unwanted = Upload(upload.number, f"{upload.shopper}-aborted")
            self._aborted.add(unwanted.id)
            self._until_done(unwanted, commit=False)
        self._until_done(upload, commit=True)

    def close(self) -> set[str]:
        return self._aborted

    def _until_done(self, upload: Upload, *, commit: bool) -> None:
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self._try(upload, commit=commit)
            except KafkaException as error:
                if time.monotonic() > give_up:
                    raise
                if error.args[0].fatal() or not error.args[0].txn_requires_abort():
                    # Its successor, of the same name, aborts what it left open.
                    self._producer = None
                time.sleep(0.2)
            else:
                return

    def _try(self, upload: Upload, *, commit: bool) -> None:
        if self._producer is None:
            producer = Producer(self._config)
            producer.init_transactions(_PATIENCE_S)
            self._producer = producer
        else:
            producer = self._producer
        value, headers = encoded(upload)
        try:
            producer.begin_transaction()
            producer.produce(self._topic, value, upload.shopper, headers=headers)
            if commit:
                producer.commit_transaction(_PATIENCE_S)
                return
            producer.flush(_PATIENCE_S)
        except KafkaException as error:
            if error.args[0].txn_requires_abort():
                producer.abort_transaction(_PATIENCE_S)
            raise
        producer.abort_transaction(_PATIENCE_S)
