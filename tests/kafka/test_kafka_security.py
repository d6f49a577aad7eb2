"""Stages and commands on a Kafka that asks who they are, and allows each only what docs/security.md lists."""

import asyncio
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from secured import PASSWORD, USER, SecuredKafka, make_certificates, token_endpoint
from traffic import hear, publish, stage, uploads

from schemas.topics import topics
from streams.config.settings import Settings, child_environment
from streams.kafka.clients import wait_for_topics

DOC = Path(__file__).parents[2] / "docs" / "security.md"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    if shutil.which("openssl") is None:
        pytest.skip("certificates are made with openssl: apt-get install openssl")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def cluster(kafka_libraries, certificates) -> Iterator[SecuredKafka]:
    with SecuredKafka(certificates) as running:
        running.add_user()
        yield running


@pytest.fixture
def prefix(cluster) -> str:
    """Return a prefix whose topics exist and are empty."""
    prefix = f"secured-{uuid.uuid4().hex[:6]}"
    for done in cluster.admin.create_topics([NewTopic(topic.name, 2) for topic in topics(prefix).all()]).values():
        done.result()
    return prefix


@pytest.fixture(scope="module")
def tokens() -> Iterator[str]:
    with token_endpoint() as url:
        yield url


def documented(process: str) -> list[tuple[str, str, str]]:
    """Read what docs/security.md says that a process needs: (operation, resource, name)."""
    row = next(line for line in DOC.read_text().splitlines() if line.startswith(f"| {process} |"))
    return re.findall(r"(\w+) (topic|group) `([^`]+)`", row)


def grant(cluster: SecuredKafka, prefix: str, *processes: str) -> None:
    """Allow USER what these processes need, with topics and groups of this prefix."""
    rights = [
        AclBinding(
            ResourceType[resource.upper()],
            re.sub(r"^(outfit|hangtag)\.", f"{prefix}.", name),
            ResourcePatternType.LITERAL,
            f"User:{USER}",
            "*",
            AclOperation[operation.upper()],
            AclPermissionType.ALLOW,
        )
        for process in processes
        for operation, resource, name in documented(process)
    ]
    for done in cluster.admin.create_acls(rights).values():
        done.result()


def ways(cluster: SecuredKafka, certificates: Path, tokens: str) -> dict[str, dict[str, object]]:
    """Return the settings of each way of authentication."""
    sasl = {
        "kafka_protocol": "sasl_ssl",
        "bootstrap_servers": cluster.at("SASL"),
        "kafka_username": USER,
        "kafka_password": PASSWORD,
    }
    return {
        "PLAIN": sasl | {"kafka_mechanism": "PLAIN"},
        "SCRAM-SHA-512": sasl | {"kafka_mechanism": "SCRAM-SHA-512"},
        "OAUTHBEARER": sasl | {"kafka_mechanism": "OAUTHBEARER", "kafka_token_url": tokens},
        "certificate": {
            "kafka_protocol": "ssl",
            "bootstrap_servers": cluster.at("MTLS"),
            "kafka_tls_cert": certificates / "client.crt",
            "kafka_tls_key": certificates / "client.key",
        },
    }


def settings_of(certificates: Path, prefix: str = "outfit", **changed: object) -> Settings:
    return Settings(
        topic_prefix=prefix,
        group_prefix=prefix,
        kafka_tls_ca=certificates / "ca.pem",
        session_timeout_s=6,
        commit_interval_s=0.3,
        **changed,
    )


def told(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command and give what it says."""
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env=child_environment(**settings.model_dump(exclude_unset=True)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("way", ["PLAIN", "SCRAM-SHA-512", "OAUTHBEARER", "certificate"])
async def test_a_stage_works_with_no_other_rights_than_the_documented(
    cluster, certificates, tokens, prefix, tmp_path, way
):
    """Faust's client and confluent-kafka's both speak: one reads and commits, the other publishes."""
    grant(cluster, prefix, "recognize", "upload", "tail")
    settings = settings_of(certificates, prefix, **ways(cluster, certificates, tokens)[way])
    # A broker may hear of topics and rights a little after they were made.
    await asyncio.to_thread(wait_for_topics, settings, {topics(prefix).uploads.name, topics(prefix).texts.name})
    await publish(settings, uploads(8))
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 8)
        assert await asyncio.to_thread(running.stop) == 0
        assert not running.said(PASSWORD)


async def test_a_stage_logs_a_topic_that_it_may_not_see_as_missing(cluster, certificates, tokens, prefix, tmp_path):
    """Kafka hides a topic from a client without rights to it."""
    settings = settings_of(certificates, prefix, **ways(cluster, certificates, tokens)["PLAIN"])
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(running.await_said, "or let this user see them")
        # Rights that come later are enough: nothing needs a restart.
        grant(cluster, prefix, "recognize", "upload", "tail")
        await asyncio.to_thread(wait_for_topics, settings, {topics(prefix).uploads.name})
        await publish(settings, uploads(3))
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 3)


@pytest.mark.parametrize(
    ("listener", "changed", "line"),
    [
        ("SASL", {"kafka_protocol": "sasl_ssl", "kafka_username": USER}, "rejects our credentials"),
        ("EXPIRED", {"kafka_protocol": "ssl"}, "cannot agree on a TLS connection"),
    ],
    ids=["wrong password", "expired certificate"],
)
def test_a_refusal_is_one_line_that_says_why(cluster, certificates, listener, changed, line):
    wrong = {"kafka_password": "planted-wrong"} if "kafka_username" in changed else {}
    settings = settings_of(certificates, bootstrap_servers=cluster.at(listener), **changed, **wrong)
    said = told(settings, "topics", "list")
    assert said.returncode != 0
    assert line in said.stderr
    assert "Check HANGTAG_KAFKA_" in said.stderr
    assert len(said.stderr.splitlines()) == 1
    assert "planted" not in said.stderr + said.stdout
