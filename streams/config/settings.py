"""
Every setting, read once: from the environment, `.env`, or a file each. Nothing else reads `os.environ`.

Knows no other module of ours but those of settings, so that anything may be handed a `Settings`.
"""

import os
import ssl
from pathlib import Path
from typing import Literal, Self

from pydantic import AliasChoices, DirectoryPath, Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from streams.config.addresses import Address
from streams.config.secret_files import SecretFiles


class UnusableError(ValueError):
    """What a setting names cannot be used. The message says which setting, what is wrong and what to do."""


class Settings(BaseSettings):
    """One variable `HANGTAG_<NAME>`, or file of that name, per field; lists and tables are written as JSON."""

    model_config = SettingsConfigDict(
        env_prefix="HANGTAG_", env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    secrets_dir: DirectoryPath | None = Field(
        None,
        description="Folder with files named as these variables, which win over them; unless set, `/run/secrets`.",
    )

    # Kafka
    bootstrap_servers: str = Field("localhost:9092", description="Kafka brokers, comma separated.")
    kafka_protocol: Literal["plaintext", "ssl", "sasl_ssl"] = Field(
        "plaintext", description="How Kafka is spoken to: in the open, over TLS, or over TLS with a user's name."
    )
    kafka_tls_ca: FilePath | None = Field(
        None, description="Whose certificates of brokers are believed (PEM), if not the public ones."
    )
    kafka_tls_cert: FilePath | None = Field(None, description="Our own certificate (PEM), where brokers ask for one.")
    kafka_tls_key: FilePath | None = Field(None, description="Its private key (PEM), unless in the same file.")
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "SCRAM-SHA-512", description="How sasl_ssl proves who we are."
    )
    kafka_username: str | None = Field(None, description="Our name there; for OAUTHBEARER the client id.")
    kafka_password: SecretStr | None = Field(None, description="Its password; for OAUTHBEARER the client secret.")
    kafka_token_url: Address | None = Field(None, description="Where OAUTHBEARER fetches its tokens.")
    kafka_scope: str | None = Field(None, description="Scope of these tokens, where the issuer wants one.")
    schema_registry_url: Address | None = Field(
        None,
        description="Schema Registry (Confluent's API): events then carry the id of their schema before their JSON.",
    )
    schema_registry_username: str | None = Field(None, description="Our name there, or the API key.")
    schema_registry_password: SecretStr | None = Field(None, description="Its password, or the API secret.")
    schema_registry_ca: FilePath | None = Field(
        None, description="Whose certificates of the registry are believed (PEM), if not the public ones."
    )
    topic_prefix: str = Field("outfit", description="First part of every topic's name.")
    group_prefix: str = Field("hangtag", description="First part of every consumer group's name.")
    replication: int = Field(1, ge=1, description="Replicas of each topic that `hangtag topics apply` creates.")
    session_timeout_s: float = Field(20, gt=0, description="A worker silent for this long loses its partitions.")
    rebalance_timeout_s: float = Field(60, gt=0, description="Longest a rebalance waits for a worker to drain.")
    metadata_max_age_s: float = Field(60, gt=0, description="How soon partitions added to a topic are found.")
    commit_interval_s: float = Field(1, gt=0, description="How often finished offsets are committed.")

    # Flow of one stage
    in_flight: int = Field(
        64, ge=1, description="Events worked on at the same time by one stage process; sync, unless set: 2000."
    )
    pending: int = Field(256, ge=1, description="Events taken from Kafka and not yet finished; sync: 4000.")
    span: int = Field(
        512, ge=1, description="Largest distance between the oldest unfinished and the newest offset; sync: 8000."
    )
    drain_s: float = Field(20, ge=0, description="On stop or rebalance, seconds to finish what was begun.")
    retry_base_s: float = Field(0.5, gt=0, description="First retry waits up to this long; each next up to twice.")
    retry_cap_s: float = Field(30, gt=0, description="No retry waits longer than this, unless asked to.")
    halt_in_a_row: int = Field(1000, ge=1, description="Stop the stage after this many dead letters in a row.")
    halt_share: float = Field(0.5, gt=0, le=1, description="Stop when this share of the last 2,000 events died.")
    handler_timeout_s: float = Field(300, gt=0, description="Longest one event may be worked on in one try.")
    zombie_after_s: float = Field(90, gt=0, description="A stage with no assignment for this long exits.")
    lag_stalled_s: float = Field(
        20, gt=0, description="`hangtag lag` calls a partition stalled when work waits this long and no offset moves."
    )
    health_host: str = Field("127.0.0.1", description="Address of a stage's /healthz, /readyz and /metrics.")
    health_port: int = Field(0, ge=0, le=65535, description="Their port; 0 switches them off.")

    # Photos
    store_url: Address = Field(
        "file:.hangtag/photos", description="Where photos lie: a folder (file:PATH), s3://, gs:// or az:// URL."
    )
    photo_retention_days: int = Field(7, ge=1, le=7, description="Days after its upload a photo is deleted; at most 7.")
    photo_delete_after_read: bool = Field(False, description="Delete each photo as soon as its text is delivered.")

    # Uploads from a bucket, and over HTTP
    notifications_topic: str | None = Field(
        None, description="Topic of S3 event notifications; `hangtag worker notifications` makes uploads of them."
    )
    notifications_key: str = Field(
        "uploads/{shopper_id}/{upload_id}.{ext}",
        description="What an object's key says. A field is one folder's or file's name; any other name is skipped.",
    )
    gateway_host: str = Field("127.0.0.1", description="Address `hangtag gateway` listens on.")
    gateway_port: int = Field(8080, ge=0, le=65535, description="Its port; 0 picks a free one.")
    gateway_token: SecretStr | None = Field(
        None, description="Bearer token its callers bring; needed on any but a loopback address."
    )
    gateway_allow_email: bool = Field(
        False, description="It takes the field email: whoever may post then writes the profile of any address."
    )
    gateway_tls_cert: Path | None = Field(None, description="Certificate chain (PEM): the gateway speaks HTTPS.")
    gateway_tls_key: Path | None = Field(None, description="Its private key (PEM), unless in the same file.")
    gateway_in_flight: int = Field(16, ge=1, description="Photos the gateway takes at the same time; more get a 503.")
    gateway_streams: int = Field(256, ge=1, description="Event streams it serves at the same time; more get a 503.")
    gateway_publish_s: float = Field(10, gt=0, description="Longest it tries to publish an upload before it says 503.")
    gateway_remember_s: float = Field(3600, gt=0, description="It knows uploads that changed this recently.")
    gateway_remember: int = Field(100_000, ge=1, description="And at most so many of them.")

    # OCR
    ocr_urls: tuple[Address, ...] = Field(
        ("http://127.0.0.1:8000",), description="OCR workers the recognize stage uses."
    )
    ocr_token: SecretStr | None = Field(None, description="Bearer token of the OCR workers.")
    ocr_tls_ca: Path | None = Field(
        None, description="Whose certificates of OCR workers are believed (PEM), if not the public ones."
    )
    ocr_timeout_s: float = Field(60, gt=0, description="Longest one photo may take at an OCR worker.")
    ocr_host: str = Field("127.0.0.1", description="Address `hangtag ocr serve` listens on.")
    ocr_port: int = Field(8000, ge=0, le=65535, description="Port `hangtag ocr serve` listens on; 0 picks a free one.")
    ocr_tls_cert: Path | None = Field(None, description="Certificate chain (PEM): the OCR worker speaks HTTPS.")
    ocr_tls_key: Path | None = Field(None, description="Its private key (PEM), unless in the same file.")
    ocr_by_uri: bool = Field(False, description="Let the OCR worker read photos of the store named by `image_uri`.")
    ocr_uri_roots: tuple[Address, ...] = Field(
        (), description="And photos below these `https://` addresses; each ends with `/`."
    )
    ocr_engine: Literal["rapid", "hunyuan", "scripted"] = Field("rapid", description="Engine of the OCR worker.")
    ocr_vllm_url: Address = Field("http://127.0.0.1:8100", description="The vLLM server that the hunyuan engine asks.")
    ocr_vllm_key: SecretStr | None = Field(None, description="Key of the vLLM server.")
    ocr_vllm_revision: str | None = Field(None, description="Commit of the weights it serves; default the pinned one.")
    ocr_slots: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        description="Photos one OCR worker reads at the same time; default one per core.",
    )
    ocr_lift_contrast: bool = Field(True, description="Lift contrast where it is low, before the rapid engine reads.")
    ocr_look_closer: bool = Field(
        True, description="The rapid engine reads small or unsure places again from the photo at full size."
    )
    ocr_max_tiles: int = Field(
        16,
        ge=1,
        description="Tiles the rapid engine reads of a long page; each is one and a half times as long as wide.",
    )
    ocr_queue: int = Field(64, ge=0, description="Photos that may wait at one OCR worker; more get a 503.")
    photo_max_bytes: int = Field(20_000_000, ge=1, description="Larger photos are refused, unread.")
    photo_max_pixels: int = Field(60_000_000, ge=1, description="Photos with more pixels are refused, undecoded.")
    photo_long_side: int = Field(2048, ge=64, description="Photos are scaled down to this many pixels.")

    # Rules
    lexicon: Path | None = Field(None, description="Folder of a shop's own lexicon, merged over the shipped one.")
    lexicon_poll_s: float = Field(
        3, ge=0, description="How often the tag stage looks for changes in that folder; 0 leaves it to SIGHUP."
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
    klaviyo_metric: str = Field("Outfit Tagged", description="Name of the metric that each tagged upload counts for.")
    klaviyo_timeout_s: float = Field(30, gt=0, description="Longest one Klaviyo request may take.")
    klaviyo_property_prefix: str = Field("outfit_", description="Start of the profile properties' names.")
    klaviyo_aliases: dict[str, str] = Field(
        {}, description='Further profile properties by what they hold, as JSON: {"preferred_materials": "materials"}.'
    )
    klaviyo_labels: Literal["ids", "en", "zh"] = Field("ids", description="What the profile's lists hold.")
    profile_half_life_days: float = Field(
        180, ge=0, le=36500, description="Days in which an upload comes to count half in the profile; 0: none fades."
    )
    klaviyo_dry_run: bool = Field(
        False, description="The sync stage prints what it would send, and sends and stores nothing."
    )
    state_url: SecretStr = Field(
        SecretStr("sqlite:///.hangtag/state.db"),
        description="Database of style profiles (SQLAlchemy URL); a password in it is percent-encoded.",
    )

    # Logs
    log_format: Literal["console", "json"] = Field("console", description="Console lines for people, JSON otherwise.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")

    # Traces
    traces_endpoint: Address | None = Field(
        None,
        description="OTLP/HTTP address that traces are sent to, such as http://127.0.0.1:4318; needs hangtag[otel].",
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
        """Say where values come from, the strongest first."""
        return init_settings, env_settings, dotenv_settings, SecretFiles(settings_cls)

    @model_validator(mode="after")
    def _registry_user_is_whole(self) -> Self:
        # A mounted password that nobody filled is empty, and one that is meant for nobody is no fault.
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
            # Now, by the setting's name: each client would fail in a way of its own, and later.
            self.kafka_tls()
        return self

    def kafka_tls(self) -> ssl.SSLContext:
        """
        Say whom we believe on Kafka's side, and show who we are.

        Raises:
            ValueError: a file does not hold what its setting says.

        """
        try:
            context = ssl.create_default_context(cafile=self.kafka_tls_ca)
        except (ssl.SSLError, OSError):
            raise ValueError(f"HANGTAG_KAFKA_TLS_CA: no certificates (PEM) in {self.kafka_tls_ca}") from None
        if self.kafka_tls_cert:
            try:
                # An empty password: a key that wants one would be asked for at the terminal.
                context.load_cert_chain(self.kafka_tls_cert, self.kafka_tls_key, password="")
            except (ssl.SSLError, OSError):
                raise ValueError(
                    f"HANGTAG_KAFKA_TLS_CERT, HANGTAG_KAFKA_TLS_KEY: {self.kafka_tls_cert} and its key are no pair of"
                    " PEM files without a password"
                ) from None
        return context

    def for_sync(self) -> Self:
        """Hold enough uploads at once to fill Klaviyo's jobs of 1,000, where nothing else was set."""
        ample = {"in_flight": 2000, "pending": 4000, "span": 8000}
        return self.model_copy(update={name: ample[name] for name in ample.keys() - self.model_fields_set})


class S3Access(BaseSettings):
    """What obstore reads from the environment by itself, for the one request to S3 that it cannot make."""

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
        """Give the URL that is the bucket's own: below the server's, or with its name in the server's."""
        server = f"s3.{self.region}.amazonaws.com"
        if self.virtual_hosted_style_request:
            # An endpoint names the bucket then, as obstore has it (S3Config.virtual_hosted_style_request).
            return self.endpoint or f"https://{bucket}.{server}"
        return f"{(self.endpoint or f'https://{server}').rstrip('/')}/{bucket}"


def child_environment(**settings: object) -> dict[str, str]:
    """Give this process's environment with some settings changed, for a child process."""
    plain = {name: one.get_secret_value() if isinstance(one, SecretStr) else one for name, one in settings.items()}
    return dict(os.environ) | {f"HANGTAG_{name.upper()}": str(value) for name, value in plain.items()}
