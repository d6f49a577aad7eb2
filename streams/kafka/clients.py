"""What confluent-kafka clients need, from settings; and questions to the cluster that several parts ask."""

import math
import time
from typing import Self

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ClusterMetadata, OffsetSpec

from streams.config.settings import Settings
from streams.kafka.security import librdkafka_security

log = structlog.get_logger()

ClientConfig = dict[str, str | int | float | bool]

_REFUSALS = {
    KafkaError._AUTHENTICATION: (  # noqa: SLF001 - librdkafka's local code
        "does not accept who we say we are",
        "Check HANGTAG_KAFKA_USERNAME, HANGTAG_KAFKA_PASSWORD and HANGTAG_KAFKA_MECHANISM",
    ),
    KafkaError._SSL: (  # noqa: SLF001 - same
        "and we agree on no TLS connection",
        "Check HANGTAG_KAFKA_TLS_CA, HANGTAG_KAFKA_TLS_CERT and the dates of both sides' certificates",
    ),
}


class NoKafkaError(Exception):
    """No Kafka answered, or it refused us."""

    def __init__(self, trouble: str, advice: str) -> None:
        """Say what is wrong, and what to do."""
        self.trouble, self.advice = trouble, advice
        super().__init__(f"{trouble}. {advice}")

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """Let it travel between processes: by default only the joined message would."""
        return type(self), (self.trouble, self.advice)


def client_config(settings: Settings) -> ClientConfig:
    """Give the settings that every confluent-kafka client shares."""
    return {
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": "hangtag",
        # librdkafka prints to stderr by itself otherwise; errors reach us as values.
        "log_level": 2,
        **librdkafka_security(settings),
    }


class Admin(AdminClient):  # type: ignore[misc]  # confluent-kafka has no type information here
    """An AdminClient that can tell why it reaches no broker: librdkafka only says that time is up."""

    def __init__(self, settings: Settings) -> None:
        """Connect at the first question."""
        self._place = settings.bootstrap_servers
        self._refusal: NoKafkaError | None = None
        super().__init__(client_config(settings) | {"error_cb": self._hear})

    def cluster(self, *, timeout_s: float = 10) -> ClusterMetadata:
        """
        Ask for brokers and topics.

        Raises:
            NoKafkaError: no broker answered, or it refused us.

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


#: For who reads few messages: librdkafka fetches 100,000 ahead of each partition by default, however few are wanted.
_FEW: ClientConfig = {"queued.min.messages": 100, "max.partition.fetch.bytes": 262_144, "fetch.wait.max.ms": 10}


def reader(settings: Settings, *, group: str = "hangtag-reader", few: bool = False) -> Consumer:
    """Make a consumer that reads where it is told, and commits nothing. `few`: few messages are wanted."""
    return Consumer(
        client_config(settings)
        | {
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": False,
            "enable.partition.eof": True,
            # What Faust reads, we must see too.
            "isolation.level": "read_uncommitted",
        }
        | (_FEW if few else {})
    )


def wait_for_topics(
    settings: Settings, names: set[str], *, tell_every_s: float = 5, limit_s: float = math.inf
) -> str | None:
    """Block until the cluster answers and has these topics, saying meanwhile what is missing; answer it at the end."""
    give_up = time.monotonic() + limit_s
    admin = Admin(settings)
    told = 0.0
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
        if time.monotonic() - told > tell_every_s:
            log.warning("waiting for Kafka", message=trouble)
            told = time.monotonic()
        time.sleep(0.5)


def leader_epoch(settings: Settings, topic: str, partition: int, *, timeout_s: float = 2) -> int | None:
    """
    Ask how many elections the leader of a partition has seen; None when the broker does not tell.

    Raises:
        KafkaException: no broker answered.

    """
    place = TopicPartition(topic, partition)
    found = Admin(settings).list_offsets({place: OffsetSpec.latest()}, request_timeout=timeout_s)[place].result()
    epoch: int | None = found.leader_epoch
    return None if epoch is None or epoch < 0 else epoch
