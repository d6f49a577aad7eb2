"""
Every setting, read once: from the environment, `.env`, or one file each. No other module reads `os.environ`.

The settings of Kafka, OCR, looks and Klaviyo have their own files next to this one. Imports no other package of ours,
so that every module may use `Settings`.
"""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import DirectoryPath, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from streams.config import contradictions
from streams.config.addresses import Address
from streams.config.exposure import Server, exposed
from streams.config.kafka import KafkaSettings
from streams.config.klaviyo import KlaviyoSettings
from streams.config.look import LookSettings
from streams.config.ocr import OcrSettings
from streams.config.secret_files import SecretFiles


class UnusableError(ValueError):
    """A setting cannot be used. The message says which, what is wrong and what to do."""


class Settings(KafkaSettings, OcrSettings, LookSettings, KlaviyoSettings):
    """One variable `HANGTAG_<NAME>`, or file of that name, per field; lists and tables are written as JSON."""

    model_config = SettingsConfigDict(
        env_prefix="HANGTAG_", env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    secrets_dir: DirectoryPath | None = Field(
        None,
        description="Folder with one file per variable, named after it. Environment variables come first. Default:"
        " `/run/secrets`.",
    )

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
        description="Largest distance in a partition from the oldest unfinished to the newest offset. Default for"
        " sync: 8000.",
    )
    drain_s: float = Field(20, ge=0, description="Seconds to finish events in progress on a stop or rebalance.")
    retry_base_s: float = Field(
        0.5, gt=0, description="Longest wait before the first retry, in seconds; it doubles with each retry."
    )
    retry_cap_s: float = Field(
        30, gt=0, description="Longest wait before any retry, in seconds, unless the server asks for a longer one."
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

    # The index of uploads
    index_uploads: bool = Field(
        True,
        description="The sync stage indexes uploads in the state database; `trace`, `klaviyo preview`, `forget`,"
        " `retag --shopper` and the gateway find them there.",
    )

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
        description="Template of the keys of photos; objects with other keys are skipped. A field matches no slash.",
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
        description="Accept the field `email`. Any caller can then change the profile of any e-mail address.",
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
        3600,
        gt=0,
        description="Seconds after its last change that the gateway keeps an upload's status in memory.",
    )
    gateway_remember: int = Field(100_000, ge=1, description="Most uploads whose status the gateway keeps in memory.")

    # Rules
    lexicon: Path | None = Field(None, description="Folder of a shop's own lexicon, merged over the shipped one.")
    lexicon_poll_s: float = Field(
        3, ge=0, description="Seconds between two checks of that folder for changes; 0 reloads on SIGHUP only."
    )

    # Logs
    log_format: Literal["console", "json"] = Field(
        "console", description="`console`: lines for people; `json`: one object per line."
    )
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
    def _nothing_contradicts(self) -> Self:
        for wrong in (
            contradictions.of_flow(self.in_flight, self.pending, self.span),
            contradictions.of_retries(self.retry_base_s, self.retry_cap_s),
            exposed("metrics", self.health_host, self.open_servers) if self.health_port else None,
        ):
            if wrong is not None:
                raise ValueError(wrong)
        return self

    def for_sync(self) -> Self:
        """Return the settings for sync: enough uploads to fill Klaviyo's jobs of 1,000, unless other sizes are set."""
        sizes: tuple[str, ...] = ("in_flight", "pending", "span")
        own = {name: getattr(self, name) for name in sizes if name in self.model_fields_set}
        return self.model_copy(update=contradictions.around(own, in_flight=2000, pending=4000, span=8000))


def child_environment(**settings: object) -> dict[str, str]:
    """Return this process's environment with some settings changed, for a child process."""
    plain = {name: one.get_secret_value() if isinstance(one, SecretStr) else one for name, one in settings.items()}
    return dict(os.environ) | {f"HANGTAG_{name.upper()}": str(value) for name, value in plain.items()}
