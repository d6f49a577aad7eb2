"""The settings of a secured Kafka: errors name what is missing, and show no secret."""

import subprocess
import sys

import pytest
from pydantic import ValidationError
from secured import PASSWORD, USER

from streams.config.settings import Settings, child_environment
from streams.kafka.security import librdkafka_security

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
def test_a_file_that_is_no_certificate_is_reported_with_its_setting(tmp_path, ca, cert, line):
    files = {}
    for name, text in (("kafka_tls_ca", ca), ("kafka_tls_cert", cert)):
        if text is not None:
            files[name] = tmp_path / name
            files[name].write_text(text)
    with pytest.raises(ValidationError, match=line):
        Settings(kafka_protocol="ssl", **files)
