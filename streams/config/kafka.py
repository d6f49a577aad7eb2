"""The settings of Kafka and the Schema Registry: addresses, TLS, user, names, time limits."""

import ssl
from typing import Literal, Self

from pydantic import Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings

from streams.config.addresses import Address


class KafkaSettings(BaseSettings):
    """A part of `Settings`."""

    bootstrap_servers: str = Field("localhost:9092", description="Kafka brokers, comma separated.")
    kafka_protocol: Literal["plaintext", "ssl", "sasl_ssl"] = Field(
        "plaintext", description="Security protocol: plaintext, ssl or sasl_ssl."
    )
    kafka_tls_ca: FilePath | None = Field(None, description="CA bundle (PEM) for the brokers. Default: the system's.")
    kafka_tls_cert: FilePath | None = Field(None, description="Client certificate (PEM), if the brokers require one.")
    kafka_tls_key: FilePath | None = Field(
        None, description="Private key (PEM) of that certificate, if it is in a file of its own."
    )
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism for sasl_ssl."
    )
    kafka_username: str | None = Field(None, description="SASL user name; for OAUTHBEARER the client id.")
    kafka_password: SecretStr | None = Field(None, description="SASL password; for OAUTHBEARER the client secret.")
    kafka_token_url: Address | None = Field(None, description="Token endpoint for OAUTHBEARER.")
    kafka_scope: str | None = Field(None, description="Scope of the tokens, if the issuer requires one.")
    schema_registry_url: Address | None = Field(
        None,
        description="Schema Registry (Confluent's API). When set, events carry their schema id before the JSON.",
    )
    schema_registry_username: str | None = Field(None, description="User name or API key for the Schema Registry.")
    schema_registry_password: SecretStr | None = Field(
        None, description="Password or API secret for the Schema Registry."
    )
    schema_registry_ca: FilePath | None = Field(
        None, description="CA bundle (PEM) for the registry. Default: the system's."
    )
    topic_prefix: str = Field("outfit", description="First part of every topic's name.")
    group_prefix: str = Field("hangtag", description="First part of every consumer group's name.")
    replication: int = Field(1, ge=1, description="Replicas of each topic that `hangtag topics apply` creates.")
    kafka_group_protocol: Literal["classic", "consumer"] = Field(
        "classic",
        description="Group protocol of the stages: classic (every broker), or consumer (KIP-848, Kafka 4 and later).",
    )
    session_timeout_s: float = Field(
        20, gt=0, description="A stage that sends no heartbeat for this many seconds loses its partitions."
    )
    rebalance_timeout_s: float = Field(60, gt=0, description="Seconds a rebalance waits for a stage to drain.")
    metadata_max_age_s: float = Field(
        60, gt=0, description="Seconds until a stage notices partitions added to a topic."
    )
    commit_interval_s: float = Field(1, gt=0, description="Seconds between commits of finished offsets.")

    @model_validator(mode="after")
    def _registry_user_is_whole(self) -> Self:
        # An unused password is no error: a mounted file may be empty, or meant for another process.
        if self.schema_registry_url and bool(self.schema_registry_username) != bool(self.schema_registry_password):
            raise ValueError("HANGTAG_SCHEMA_REGISTRY_USERNAME and HANGTAG_SCHEMA_REGISTRY_PASSWORD go together")
        return self

    @model_validator(mode="after")
    def _kafka_user_is_named(self) -> Self:
        if self.kafka_protocol == "sasl_ssl" and not (self.kafka_username and self.kafka_password):
            raise ValueError("sasl_ssl needs HANGTAG_KAFKA_USERNAME and HANGTAG_KAFKA_PASSWORD")
        if self.kafka_protocol == "sasl_ssl" and self.kafka_mechanism == "OAUTHBEARER" and not self.kafka_token_url:
            raise ValueError("OAUTHBEARER needs HANGTAG_KAFKA_TOKEN_URL")
        if self.kafka_protocol != "plaintext":
            # Check this here, because each Kafka client would fail later, with a message of its own.
            self.kafka_tls()
        return self

    def kafka_tls(self) -> ssl.SSLContext:
        """
        Build the TLS context for the brokers: trusted CAs and the client certificate.

        Raises:
            ValueError: A file does not contain what its setting requires.

        """
        try:
            context = ssl.create_default_context(cafile=self.kafka_tls_ca)
        except (ssl.SSLError, OSError):
            raise ValueError(f"HANGTAG_KAFKA_TLS_CA: no certificates (PEM) in {self.kafka_tls_ca}") from None
        if self.kafka_tls_cert:
            try:
                # An empty password, because OpenSSL prompts at the terminal for a key that needs one.
                context.load_cert_chain(self.kafka_tls_cert, self.kafka_tls_key, password="")
            except (ssl.SSLError, OSError):
                raise ValueError(
                    f"HANGTAG_KAFKA_TLS_CERT, HANGTAG_KAFKA_TLS_KEY: {self.kafka_tls_cert} and its key are no pair of"
                    " PEM files without a password"
                ) from None
        return context
