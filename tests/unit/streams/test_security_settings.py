"""The settings of a secured Kafka: what is missing is said by its name, and no secret is shown."""

import subprocess
import sys

import pytest
from aiokafka.errors import KafkaConnectionError
from pydantic import ValidationError
from secured import PASSWORD, USER, token_endpoint

from streams.config.settings import Settings, child_environment
from streams.kafka.security import librdkafka_security
from streams.runtime.faust_security import TokenProvider

SASL = {"kafka_protocol": "sasl_ssl", "kafka_username": USER, "kafka_password": PASSWORD}


def test_nothing_is_set_in_the_open():
    assert librdkafka_security(Settings()) == {}


def test_a_user_without_a_password_is_refused():
    with pytest.raises(ValidationError, match="HANGTAG_KAFKA_USERNAME and HANGTAG_KAFKA_PASSWORD"):
        Settings(kafka_protocol="sasl_ssl", kafka_username=USER)


def test_tokens_need_the_place_they_come_from():
    with pytest.raises(ValidationError, match="HANGTAG_KAFKA_TOKEN_URL"):
        Settings(**SASL, kafka_mechanism="OAUTHBEARER")


def test_a_password_is_in_no_repr():
    assert PASSWORD not in repr(Settings(**SASL))


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("kafka_tls_ca", "/nowhere/ca.pem", "HANGTAG_KAFKA_TLS_CA: Path does not point to a file"),
        ("in_flight", "none", "HANGTAG_IN_FLIGHT: Input should be a valid integer"),
        ("kafka_protocol", "sasl_ssl", "sasl_ssl needs HANGTAG_KAFKA_USERNAME and HANGTAG_KAFKA_PASSWORD"),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_line_of_any_command(name, value, line):
    said = subprocess.run(
        [sys.executable, "-m", "streams", "topics", "list"],
        env=child_environment(**{name: value}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert said.stderr.startswith(line)
    assert len(said.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("ca", "cert", "line"),
    [
        ("no certificate\n", None, "HANGTAG_KAFKA_TLS_CA: no certificates"),
        (None, "no pair\n", "HANGTAG_KAFKA_TLS_CERT, HANGTAG_KAFKA_TLS_KEY: "),
    ],
    ids=["authority", "own"],
)
def test_a_file_that_is_no_certificate_is_told_by_its_setting(tmp_path, ca, cert, line):
    files = {}
    for name, text in (("kafka_tls_ca", ca), ("kafka_tls_cert", cert)):
        if text is not None:
            files[name] = tmp_path / name
            files[name].write_text(text)
    with pytest.raises(ValidationError, match=line):
        Settings(kafka_protocol="ssl", **files)


async def test_an_issuer_that_gives_no_token_is_a_connection_that_failed():
    """It is what aiokafka's tasks live through; any other exception would end them for good."""
    with token_endpoint() as url:
        wrong = Settings(
            kafka_protocol="sasl_ssl",
            kafka_mechanism="OAUTHBEARER",
            kafka_username=USER,
            kafka_password="planted-wrong",
            kafka_token_url=url,
        )
    for settings in (wrong, wrong.model_copy(update={"kafka_token_url": f"{url}/gone"})):
        with pytest.raises(KafkaConnectionError) as refused:
            await TokenProvider(settings).token()
        assert "planted" not in str(refused.value)


async def test_a_token_serves_for_most_of_its_life():
    """The endpoint's tokens live 300 s: at 239 s one is used again, at 241 s another is fetched."""
    now = 1000.0
    with token_endpoint() as url:
        settings = Settings(**SASL, kafka_mechanism="OAUTHBEARER", kafka_token_url=url)
        provider = TokenProvider(settings, clock=lambda: now)
        first = await provider.token()
        now += 239
        assert await provider.token() is first
        now += 2
        assert await provider.token() is not first
