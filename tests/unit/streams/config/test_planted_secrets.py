"""Every secret among the settings is planted, found by its type: no repr, error or line of a command shows one."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

import pytest
from pydantic import SecretStr, ValidationError

from klaviyo_sink.state.database import StateUnavailableError, open_database, open_for_reading
from ocr_worker.config import OcrConfig
from ocr_worker.engines.hunyuan.engine import HunyuanConfig
from ocr_worker.images.plain_photo import plain_photo
from streams.cli.main import main
from streams.config.addresses import Address
from streams.config.s3_access import S3Access
from streams.config.settings import Settings
from streams.gateway.app import GatewayConfig
from streams.kafka.clients import Admin
from streams.kafka.schema_registry import RegistryError, SchemaRegistry
from streams.operations.checks.answer import Machine
from streams.operations.checks.machine import state
from streams.wiring.kafka import make_emitter, make_topics
from streams.wiring.klaviyo import make_klaviyo, make_sink, make_sink_config
from streams.wiring.ocr import make_pool

MARK = "planted"
NOBODY = "127.0.0.1:1"


def inside(annotation: object) -> Iterator[object]:
    """Yield a type and all its parts."""
    yield annotation
    for part in get_args(annotation):
        yield from inside(part)


def secrets(kind: type[Settings | S3Access]) -> dict[str, str]:
    """Plant a value in each secret of these settings."""
    names = [name for name, field in kind.model_fields.items() if SecretStr in inside(field.annotation)]
    planted = {name: f"{MARK}-{name}" for name in names}
    return planted | ({"state_url": f"postgresql+psycopg://hangtag:{MARK}@{NOBODY}/x"} if "state_url" in names else {})


def addresses() -> list[str]:
    # Pydantic takes what is beside a field's type off it, and leaves what is within.
    (beside,) = get_args(Address)[1:]
    return [
        name
        for name, field in Settings.model_fields.items()
        if beside in field.metadata or Address in inside(field.annotation)
    ]


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(
        **secrets(Settings),
        bootstrap_servers=NOBODY,
        kafka_protocol="sasl_ssl",
        kafka_username="hangtag",
        klaviyo_url=f"http://{NOBODY}",
        klaviyo_tokens_file=tmp_path / "tokens.json",
        klaviyo_client_id="app",
        ocr_urls=(f"http://{NOBODY}",),
        ocr_timeout_s=0.2,
        schema_registry_url=f"http://{NOBODY}",
        schema_registry_username="hangtag",
    )


def shown(error: BaseException | None) -> str:
    """Show an error and what it came of, with all that they hold."""
    said = ""
    while error is not None:
        said += f"{error!r} {error} {vars(error)!r}"
        error = error.__cause__ or error.__context__
    return said


def test_the_settings_show_no_secret(settings):
    assert len(secrets(Settings)) >= 9
    for one in (settings, settings.for_sync(), S3Access(**secrets(S3Access))):
        for said in (repr(one), str(one), f"{one}", one.model_dump_json(), repr(one.model_dump())):
            assert MARK not in said
    assert all(MARK in one.get_secret_value() for one in settings.model_dump().values() if isinstance(one, SecretStr))


async def test_objects_made_of_settings_and_their_failed_calls_show_no_secret(settings):
    config = make_sink_config(settings)
    pool, emitter = (
        make_pool(settings),
        make_emitter(settings.model_copy(update={"schema_registry_url": None})),
    )
    clients = [make_klaviyo(one) for one in (settings, settings.model_copy(update={"klaviyo_tokens_file": None}))]
    made = [
        config,
        config.tokens,
        pool,
        emitter,
        *clients,
        Admin(settings),
        OcrConfig(token=settings.ocr_token),
        HunyuanConfig(key=settings.ocr_vllm_key),
        GatewayConfig(settings.gateway_token, 1, 1, 1, 1),
    ]
    said = [f"{one!r} {one}" for one in made]
    said.append(repr(await pool.read(plain_photo())))
    with pytest.raises(ValueError, match="HANGTAG_STATE_URL") as refused:
        await make_sink(settings)
    said.append(shown(refused.value))
    with SchemaRegistry(settings) as registry, pytest.raises(RegistryError) as silent:
        registry.find("outfit.tags-value", make_topics(settings).tags.event)
    said += [repr(registry), shown(silent.value)]
    for klaviyo in clients:
        said.append(repr(await klaviyo.call("GET", "/api/accounts")))
        await klaviyo.aclose()
    await pool.aclose()
    await emitter.aclose()
    assert MARK not in " ".join(said)


def test_settings_that_make_no_sense_are_refused_without_them():
    for wrong in ({"in_flight": MARK}, {"kafka_protocol": "sasl_ssl"}):
        with pytest.raises(ValidationError) as refused:
            Settings(**secrets(Settings) | wrong)
        assert MARK not in f"{refused.value!r} {refused.value}"


@pytest.mark.parametrize("name", addresses())
@pytest.mark.parametrize("address", ["https://hangtag:{}@host/x", "dns+http://{}@host", "http://a:b/{}@host"])
def test_no_address_takes_a_name_or_a_password(name, address):
    value = address.format(MARK)
    several = get_origin(Settings.model_fields[name].annotation) is tuple
    with pytest.raises(ValidationError, match=r"docs/security\.md") as refused:
        Settings(**{name: (value,) if several else value})
    assert MARK not in f"{refused.value!r} {refused.value}"


def test_every_setting_named_as_an_address_is_one_or_a_secret():
    named = {name for name in Settings.model_fields if name.endswith(("_url", "_urls", "_endpoint", "_roots"))}
    assert named == {*addresses(), "state_url"}
    told = (Path(__file__).parents[4] / "docs" / "security.md").read_text()
    assert [name for name in addresses() if f"| `HANGTAG_{name.upper()}` |" not in told] == []


@pytest.mark.parametrize("address", ["http://h:8000/@scope/", "http://[::1]:80/a", "s3://bucket/a@b", "file:/a:b@c"])
def test_an_address_without_a_password_is_accepted(address):
    assert Settings(store_url=address).store_url == address


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:p@{}@127.0.0.1/db",
        "postgresql+psycopg://u:p@w:{}@127.0.0.1/db",
        "postgresql+psycopg://u:{}@127.0.0.1:{}/db",
        "{}",
    ],
)
async def test_an_unencoded_password_is_reported_and_not_shown(url):
    wrong = url.format(MARK, MARK)
    for opened in (open_database, open_for_reading):
        with pytest.raises(StateUnavailableError, match="percent-encoded") as refused:
            opened(wrong)
        assert MARK not in f"{refused.value!r} {refused.value}"
    (line,) = await state(Settings(state_url=wrong), Machine())
    assert line.status == "fail"
    assert MARK not in repr(line)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("OCR_URLS", '["http://{}@host"]', "HANGTAG_OCR_URLS: an address with a user name or password"),
        ("OCR_URLS", "{}", "HANGTAG_OCR_URLS: cannot be read (JSONDecodeError)"),
        ("SECRETS_DIR", "/nowhere/{}", "HANGTAG_SECRETS_DIR: Path does not point to a directory"),
    ],
)
def test_a_command_reports_it_in_one_line(monkeypatch, capsys, name, value, line):
    monkeypatch.setattr(sys, "argv", ["hangtag", "topics", "list"])
    # Typer puts its own there.
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setenv(f"HANGTAG_{name}", value.format(MARK))
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err.startswith(line)
    assert (len(said.err.splitlines()), MARK in said.err) == (1, False)
