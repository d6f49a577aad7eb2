"""
Every setting, read once: from the environment, `.env`, or a file each. Nothing else reads `os.environ`.

Imports nothing else of ours, so that every module may take a `Settings`.
"""

import os
import ssl
from pathlib import Path
from typing import Literal, Self

from pydantic import AliasChoices, DirectoryPath, Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from streams.config import contradictions
from streams.config.addresses import Address
from streams.config.exposure import Server, exposed
from streams.config.secret_files import SecretFiles


class UnusableError(ValueError):
    """A setting cannot be used. The message says which, what is wrong and what to do."""


class Settings(BaseSettings):
    """One variable `HANGTAG_<NAME>`, or file of that name, per field; lists and tables are written as JSON."""

    model_config = SettingsConfigDict(
        env_prefix="HANGTAG_", env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    secrets_dir: DirectoryPath | None = Field(
        None,
        description="Folder with one file per variable, named after it. Variables win. Default: `/run/secrets`.",
    )

    # Kafka
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

    # Flow of one stage
    in_flight: int = Field(
        64, ge=1, description="Events one stage process works on concurrently. Default for sync: 2000."
    )
    pending: int = Field(
        256, ge=1, description="Events fetched and not yet finished, per process. Default for sync: 4000."
    )
    span: int = Field(
        512,
        ge=1,
        description="Largest distance from the oldest unfinished to the newest offset. Default for sync: 8000.",
    )
    drain_s: float = Field(20, ge=0, description="Seconds to finish events in progress on a stop or rebalance.")
    retry_base_s: float = Field(
        0.5, gt=0, description="Longest wait before the first retry, in seconds; it doubles with each retry."
    )
    retry_cap_s: float = Field(
        30, gt=0, description="Longest wait before any retry, in seconds, unless the other side names a longer one."
    )
    halt_in_a_row: int = Field(1000, ge=1, description="Stop the stage after this many dead letters in a row.")
    halt_share: float = Field(
        0.5, gt=0, le=1, description="Stop the stage when this share of the last 2,000 events became dead letters."
    )
    handler_timeout_s: float = Field(300, gt=0, description="Time limit for one try of one event, in seconds.")
    zombie_after_s: float = Field(90, gt=0, description="A stage without an assignment exits after this many seconds.")
    lag_stalled_s: float = Field(
        20,
        gt=0,
        description="`hangtag lag` reports a partition as stalled when events wait this long and no offset moves.",
    )
    open_servers: tuple[Server, ...] = Field(
        (),
        description="Servers that may listen beyond loopback without a token: gateway, metrics, ocr, page, sandbox.",
    )
    health_host: str = Field("127.0.0.1", description="Address of a stage's /healthz, /readyz and /metrics.")
    health_port: int = Field(0, ge=0, le=65535, description="Port of these endpoints; 0 switches them off.")

    # Photos
    store_url: Address = Field(
        "file:.hangtag/photos", description="Photo store: a folder (file:PATH), or an s3://, gs:// or az:// URL."
    )
    photo_retention_days: int = Field(
        7, ge=1, le=7, description="Photos are deleted this many days after their upload; at most 7."
    )
    photo_delete_after_read: bool = Field(False, description="Delete each photo as soon as its text is delivered.")

    # Uploads from a bucket, and over HTTP
    notifications_topic: str | None = Field(
        None, description="Topic of S3 event notifications; `hangtag worker notifications` makes uploads of them."
    )
    notifications_key: str = Field(
        "uploads/{shopper_id}/{upload_id}.{ext}",
        description="Template of an object's key. A field is the name of one folder or file; other names are skipped.",
    )
    rekey_topic: str | None = Field(
        None,
        description="Topic of uploads partitioned by another hash; `hangtag worker rekey` publishes them again.",
    )
    gateway_host: str = Field("127.0.0.1", description="Address `hangtag gateway` listens on.")
    gateway_port: int = Field(8080, ge=0, le=65535, description="Port of the gateway; 0 picks a free one.")
    gateway_token: SecretStr | None = Field(
        None, description="Bearer token for callers of the gateway. Required unless it listens on loopback."
    )
    gateway_allow_email: bool = Field(
        False,
        description="Accept the field `email`. Whoever may post can then write the profile of any address.",
    )
    gateway_tls_cert: Path | None = Field(
        None, description="Certificate chain (PEM) of the gateway. When set, it serves HTTPS."
    )
    gateway_tls_key: Path | None = Field(
        None, description="Private key (PEM) of that certificate, if it is in a file of its own."
    )
    gateway_in_flight: int = Field(16, ge=1, description="Photos the gateway receives concurrently; more get a 503.")
    gateway_streams: int = Field(
        256, ge=1, description="Event streams the gateway serves concurrently; more get a 503."
    )
    gateway_publish_s: float = Field(
        10, gt=0, description="Seconds the gateway tries to publish an upload before it returns a 503."
    )
    gateway_remember_s: float = Field(
        3600, gt=0, description="The gateway keeps the status of uploads that changed in the last so many seconds."
    )
    gateway_remember: int = Field(100_000, ge=1, description="Most uploads whose status the gateway keeps.")

    # OCR
    ocr_urls: tuple[Address, ...] = Field(("http://127.0.0.1:8000",), description="Addresses of the OCR workers.")
    ocr_token: SecretStr | None = Field(None, description="Bearer token of the OCR workers.")
    ocr_tls_ca: Path | None = Field(None, description="CA bundle (PEM) for the OCR workers. Default: the system's.")
    ocr_timeout_s: float = Field(60, gt=0, description="Time limit for one photo at an OCR worker, in seconds.")
    ocr_host: str = Field("127.0.0.1", description="Address `hangtag ocr serve` listens on.")
    ocr_port: int = Field(8000, ge=0, le=65535, description="Port `hangtag ocr serve` listens on; 0 picks a free one.")
    ocr_tls_cert: Path | None = Field(
        None, description="Certificate chain (PEM) of the OCR worker. When set, it serves HTTPS."
    )
    ocr_tls_key: Path | None = Field(
        None, description="Private key (PEM) of that certificate, if it is in a file of its own."
    )
    ocr_by_uri: bool = Field(
        False, description="Let callers of the OCR worker name a photo of the store by `image_uri`."
    )
    ocr_uri_roots: tuple[Address, ...] = Field(
        (), description="`https://` addresses below which callers may name photos by `image_uri`; each ends with `/`."
    )
    ocr_engine: Literal["rapid", "hunyuan", "paddle-vl", "scripted"] = Field(
        "rapid", description="Engine of the OCR worker."
    )
    ocr_vllm_url: Address = Field(
        "http://127.0.0.1:8100", description="vLLM server of the hunyuan or paddle-vl engine."
    )
    ocr_vllm_key: SecretStr | None = Field(None, description="Key of the vLLM server.")
    ocr_vllm_revision: str | None = Field(
        None, description="Commit of the weights that vLLM serves. Default for hunyuan: the pinned one."
    )
    ocr_slots: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        description="Photos one OCR worker reads concurrently. Default: one per core.",
    )
    ocr_lift_contrast: bool = Field(True, description="The rapid engine raises low contrast before it reads.")
    ocr_look_closer: bool = Field(
        True, description="The rapid engine reads small or unsure places again from the photo at full size."
    )
    ocr_detector: Literal["small", "tiny", "both"] = Field(
        "small",
        description="The rapid engine's detector. `both`: the small one where the tiny one is unsure; `tiny` is fast.",
    )
    ocr_max_tiles: int = Field(
        16,
        ge=1,
        description="Tiles the rapid engine reads of a long page; each is one and a half times as long as wide.",
    )
    ocr_queue: int = Field(64, ge=0, description="Photos that may queue at one OCR worker; more get a 503.")
    photo_max_bytes: int = Field(20_000_000, ge=1, description="Photos with more bytes are refused.")
    photo_max_pixels: int = Field(
        60_000_000, ge=1, description="Photos with more pixels are refused before they are decoded."
    )
    photo_long_side: int = Field(
        2048, ge=64, description="The longer side of a photo is scaled down to this many pixels."
    )

    # Rules
    lexicon: Path | None = Field(None, description="Folder of a shop's own lexicon, merged over the shipped one.")
    lexicon_poll_s: float = Field(
        3, ge=0, description="Seconds between two checks of that folder for changes; 0 reloads on SIGHUP only."
    )

    # Klaviyo
    klaviyo_url: Address = Field("https://a.klaviyo.com", description="Klaviyo's API, or the sandbox.")
    klaviyo_key: SecretStr | None = Field(None, description="Private API key; its scopes are in docs/klaviyo.md.")
    klaviyo_erasure_key: SecretStr | None = Field(
        None, description="Key of `hangtag forget`, with the scopes data-privacy:write and profiles:read."
    )
    klaviyo_tokens_file: Path | None = Field(
        None, description="OAuth tokens, used instead of the key; `hangtag klaviyo login` writes it, private (0600)."
    )
    klaviyo_client_id: str | None = Field(None, description="The OAuth app's client id.")
    klaviyo_client_secret: SecretStr | None = Field(None, description="The OAuth app's client secret.")
    klaviyo_revision: str = Field("2026-07-15", description="API revision sent with every request.")
    klaviyo_metric: str = Field("Outfit Tagged", description="Klaviyo metric of the events that Hangtag sends.")
    klaviyo_timeout_s: float = Field(30, gt=0, description="Time limit for one Klaviyo request, in seconds.")
    klaviyo_property_prefix: str = Field("outfit_", description="Prefix of the profile properties' names.")
    klaviyo_aliases: dict[str, str] = Field(
        {}, description='More names for profile properties, as JSON: {"preferred_materials": "materials"}.'
    )
    klaviyo_categories: tuple[str, ...] = Field(
        (), description="Tag categories that get a profile list beyond the usual four, as JSON; campaigns may need one."
    )
    klaviyo_labels: Literal["ids", "en", "zh"] = Field(
        "ids", description="Values in the profile's lists: tag ids, or English or Chinese labels."
    )
    profile_half_life_days: float = Field(
        180,
        ge=0,
        le=36500,
        description="Half-life of an upload's weight in the profile, in days; 0 keeps the full weight for ever.",
    )
    klaviyo_dry_run: bool = Field(
        False, description="The sync stage prints the requests it would send; it sends and stores nothing."
    )
    state_url: SecretStr = Field(
        SecretStr("sqlite:///.hangtag/state.db"),
        description="State database (SQLAlchemy URL). Percent-encode a password in it.",
    )

    # Logs
    log_format: Literal["console", "json"] = Field("console", description="Console lines for people, JSON otherwise.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level that is logged.")

    # Traces
    traces_endpoint: Address | None = Field(
        None,
        description="OTLP/HTTP endpoint for traces, such as http://127.0.0.1:4318. Needs hangtag[otel].",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - SecretFiles stands in its place
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of values, in order of precedence."""
        return init_settings, env_settings, dotenv_settings, SecretFiles(settings_cls)

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
            # Checked here, because each Kafka client would fail later and with a message of its own.
            self.kafka_tls()
        return self

    @model_validator(mode="after")
    def _nothing_contradicts(self) -> Self:
        for wrong in (
            contradictions.of_flow(self.in_flight, self.pending, self.span),
            contradictions.of_retries(self.retry_base_s, self.retry_cap_s),
            exposed("metrics", self.health_host, self.open_servers) if self.health_port else None,
        ):
            if wrong is not None:
                raise ValueError(wrong)
        return self

    def kafka_tls(self) -> ssl.SSLContext:
        """
        Build the TLS context for the brokers: trusted CAs and the client certificate.

        Raises:
            ValueError: a file does not hold what its setting says.

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

    def for_sync(self) -> Self:
        """Hold enough uploads at once to fill Klaviyo's jobs of 1,000, where nothing else was set."""
        sizes: tuple[str, ...] = ("in_flight", "pending", "span")
        own = {name: getattr(self, name) for name in sizes if name in self.model_fields_set}
        return self.model_copy(update=contradictions.around(own, in_flight=2000, pending=4000, span=8000))


class S3Access(BaseSettings):
    """AWS credentials and region, as obstore reads them, for the one request to S3 that obstore cannot make."""

    model_config = SettingsConfigDict(env_prefix="AWS_", extra="ignore", frozen=True, hide_input_in_errors=True)

    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = Field(None, validation_alias=AliasChoices("AWS_SESSION_TOKEN", "AWS_TOKEN"))
    region: str = Field("us-east-1", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))
    endpoint: str | None = Field(
        None, validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_ENDPOINT_URL")
    )
    virtual_hosted_style_request: bool = False

    def address_of(self, bucket: str) -> str:
        """Return the bucket's URL: a path below the server, or a host name of its own."""
        server = f"s3.{self.region}.amazonaws.com"
        if self.virtual_hosted_style_request:
            # An endpoint names the bucket then, as obstore has it (S3Config.virtual_hosted_style_request).
            return self.endpoint or f"https://{bucket}.{server}"
        return f"{(self.endpoint or f'https://{server}').rstrip('/')}/{bucket}"


def child_environment(**settings: object) -> dict[str, str]:
    """Return this process's environment with some settings changed, for a child process."""
    plain = {name: one.get_secret_value() if isinstance(one, SecretStr) else one for name, one in settings.items()}
    return dict(os.environ) | {f"HANGTAG_{name.upper()}": str(value) for name, value in plain.items()}
