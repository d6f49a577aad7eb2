"""Configuration of confluent-kafka clients, and requests to the cluster that several modules make."""

import math
import time
from typing import Final, Self

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from streams.config.settings import Settings
from streams.kafka.security import librdkafka_security

log = structlog.get_logger()

ClientConfig = dict[str, str | int | float | bool]

_REFUSALS = {
    KafkaError._AUTHENTICATION: (  # noqa: SLF001 - librdkafka's local code
        "rejects our credentials",
        "Check HANGTAG_KAFKA_USERNAME, HANGTAG_KAFKA_PASSWORD and HANGTAG_KAFKA_MECHANISM",
    ),
    KafkaError._SSL: (  # noqa: SLF001 - same
        "and this client cannot agree on a TLS connection",
        "Check HANGTAG_KAFKA_TLS_CA, HANGTAG_KAFKA_TLS_CERT and the dates of both sides' certificates",
    ),
}


class NoKafkaError(Exception):
    """No Kafka responded, or it rejected us."""

    def __init__(self, trouble: str, advice: str) -> None:
        """Create the error from its cause and the advice."""
        self.trouble, self.advice = trouble, advice
        super().__init__(f"{trouble}. {advice}")

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """Support pickling: by default only the joined message would be pickled."""
        return type(self), (self.trouble, self.advice)


def client_config(settings: Settings) -> ClientConfig:
    """Return the configuration that every confluent-kafka client shares."""
    return {
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": "hangtag",
        # Otherwise librdkafka prints to stderr; errors are returned anyway.
        "log_level": 2,
        **librdkafka_security(settings),
    }


class Admin(AdminClient):  # type: ignore[misc]  # confluent-kafka has no type information here
    """An AdminClient that reports why it reaches no broker. librdkafka itself only reports a time-out."""

    def __init__(self, settings: Settings) -> None:
        """Create the client; it connects at the first request."""
        self._place = settings.bootstrap_servers
        self._refusal: NoKafkaError | None = None
        super().__init__(client_config(settings) | {"error_cb": self._hear})

    def cluster(self, *, timeout_s: float = 10) -> ClusterMetadata:
        """
        Return the brokers and topics.

        Raises:
            NoKafkaError: No broker responded, or it rejected us.

        """
        give_up = time.monotonic() + timeout_s
        # Poll once for 1 s to report an authentication error early, then wait out the remaining timeout.
        for turn_s in (min(1.0, timeout_s), timeout_s):
            try:
                return self.list_topics(timeout=max(0.1, min(turn_s, give_up - time.monotonic())))
            except KafkaException:
                self.poll(0)
                if self._refusal is not None:
                    break
        refusal, self._refusal = self._refusal, None
        raise refusal or self._silence() from None

    def _hear(self, error: KafkaError) -> None:
        if error.code() in _REFUSALS:
            trouble, advice = _REFUSALS[error.code()]
            self._refusal = NoKafkaError(f"Kafka at {self._place} {trouble} ({error.str()})", advice)

    def _silence(self) -> NoKafkaError:
        return NoKafkaError(f"no Kafka at {self._place}", "Start it, or set HANGTAG_BOOTSTRAP_SERVERS")


#: Kafka's errors while a partition has no leader (an election), and while a broker does not know it yet (a new topic).
LEADERLESS: Final = {
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}
#: Seconds that such a partition may take until it has a leader, and seconds between two tries.
ELECTION_S: Final = 1.0
ELECTION_AGAIN_S: Final = 0.1
#: Kilobytes of messages that a reader fetches ahead. With librdkafka's 65,536 the small messages of a full topic and
#: their overhead occupy 1.2 GB, and nothing is faster.
_AHEAD_KBYTES: Final = 4096
#: Compressed bytes in one response, of all partitions and of one. With librdkafka's 50 MB and 1 MB, a first response of
#: well compressed messages is many times as large as what may be fetched ahead.
_FETCH_BYTES, _PARTITION_BYTES = 1_000_000, 131_072
#: Milliseconds after which a reader that has so much fetches again. With librdkafka's 1,000 it waits for most of them.
_FETCH_AGAIN_MS: Final = 20
#: For readers of few messages. By default librdkafka fetches 100,000 ahead per partition.
_FEW: ClientConfig = {"queued.min.messages": 100, "max.partition.fetch.bytes": 65_536, "fetch.wait.max.ms": 10}


def reader(settings: Settings, *, group: str = "hangtag-reader", few: bool = False, aborted: bool = False) -> Consumer:
    """
    Return a consumer that commits nothing.

    With `few` it fetches little ahead. Like the stages it skips records of aborted transactions, except with `aborted`.
    """
    return Consumer(
        client_config(settings)
        | {
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": False,
            "enable.partition.eof": True,
            "queued.max.messages.kbytes": _AHEAD_KBYTES,
            "fetch.max.bytes": _FETCH_BYTES,
            "max.partition.fetch.bytes": _PARTITION_BYTES,
            "fetch.queue.backoff.ms": _FETCH_AGAIN_MS,
            "isolation.level": "read_uncommitted" if aborted else "read_committed",
        }
        | (_FEW if few else {})
    )


def wait_for_topics(
    settings: Settings, names: set[str], *, tell_every_s: float = 5, limit_s: float = math.inf
) -> str | None:
    """Block until the cluster has these topics; logs what is missing. Return what is still missing, or None."""
    give_up = time.monotonic() + limit_s
    admin = Admin(settings)
    last_logged = 0.0
    while True:
        try:
            missing = names - set(admin.cluster(timeout_s=5).topics)
            trouble = f"topics missing: {', '.join(sorted(missing))}. Create them with `hangtag topics apply`"
            if settings.kafka_protocol != "plaintext":
                trouble += ", or let this user see them (docs/security.md)"
        except NoKafkaError as error:
            missing, trouble = names, str(error)
        if not missing:
            return None
        if time.monotonic() > give_up:
            return trouble
        if time.monotonic() - last_logged > tell_every_s:
            log.warning("waiting for Kafka", message=trouble)
            last_logged = time.monotonic()
        time.sleep(0.5)
