"""docker-compose.yml against the code that it starts: variables, ports, files, secrets, networks."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from ocr_worker.engines.hunyuan.serve import MODEL, REVISION, vllm_serve
from ocr_worker.engines.vllm.command import VllmServe
from ocr_worker.engines.vllm.releases import IMAGE_VLLM
from schemas.topics import WEEK
from streams.config.settings import Settings
from streams.flow import flow_of
from streams.kafka.schema_registry import SchemaRegistry
from streams.photos.bucket.events import KeyTemplate
from streams.runtime.process import _GOODBYE_S

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("hangtag-")}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
ONE_SHOT = {"topics", "bucket", "hangtag"}
#: Settings that name a file of certificates.
FILES = ("HANGTAG_KAFKA_TLS_CA", "HANGTAG_KAFKA_TLS_CERT", "HANGTAG_KAFKA_TLS_KEY", "HANGTAG_SCHEMA_REGISTRY_CA")


@pytest.fixture(scope="module")
def secret_files(tmp_path_factory):
    """Return the folder of secrets, made as the docs say."""
    at = tmp_path_factory.mktemp("shop")
    block = re.search(r"```bash\n# Secrets\n(.*?)```", (ROOT / "docs/deployment.md").read_text(), re.DOTALL)[1]
    subprocess.run(["bash", "-euc", block], cwd=at, check=True)
    return at / ".hangtag/secrets"


def _client():
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is None:
            continue
        told = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
        if told.returncode == 0 and not told.stdout.startswith(("0.", "1.")):
            return command
    return None


# Compose is a plugin that not every Docker has; the other tests here read the file themselves.
@pytest.mark.skipif(_client() is None, reason="no docker compose here")
@pytest.mark.parametrize("profile", ["cpu", "gpu", "*"])
def test_the_compose_client_accepts_the_file(profile):
    command = [*_client(), "-f", str(ROOT / "docker-compose.yml"), "--env-file", str(ROOT / ".env.example")]
    told = subprocess.run([*command, "--profile", profile, "config", "-q"], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_bounded_and_has_no_more_rights_than_it_needs(name):
    service = SERVICES[name]
    assert re.search(r":v?\d+\.\d+", service["image"]), "the image has no version"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "memory"} <= service["deploy"]["resources"]["limits"].keys()
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    if name not in ONE_SHOT | {"vllm"}:
        assert "healthcheck" in service
    if name in OURS:
        assert service["read_only"] is True
        assert "user" not in service, "the image's own user is not root"


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_a_service_is_a_valid_setting(name, monkeypatch, secret_files):
    given = OURS[name].get("environment", {})
    variables = [*given, *_secrets(name).values()]
    ours = [variable for variable in variables if variable.startswith("HANGTAG_")]
    assert {variable.removeprefix("HANGTAG_").lower() for variable in ours} <= Settings.model_fields.keys()
    for variable, value in given.items():
        if value is not None:
            monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value))
    for secret, variable in _secrets(name).items():
        monkeypatch.setenv(variable, (secret_files / secret).read_text())
    settings = Settings(_env_file=None)
    if settings.schema_registry_password is not None:
        with SchemaRegistry(settings) as registry:
            assert registry._http.auth is None, "an empty password is nobody's"


def test_compose_passes_a_shops_settings_to_their_services_and_never_empty_ones():
    text = (ROOT / ".env.example").read_text()
    shown = dict(re.findall(r"^# (HANGTAG_\w+)=(.+)$", text, re.MULTILINE))
    passed = {
        name: {key for key, value in one.get("environment", {}).items() if value is None} for name, one in OURS.items()
    }
    kafka = {
        f"HANGTAG_{one.upper()}" for one in Settings.model_fields if one.startswith(("kafka_", "schema_registry_"))
    }
    secrets = {"HANGTAG_KAFKA_PASSWORD", "HANGTAG_SCHEMA_REGISTRY_PASSWORD"}
    for name, service in OURS.items():
        if "HANGTAG_BOOTSTRAP_SERVERS" in service.get("environment", {}):
            assert kafka - secrets <= passed[name]
            assert {"HANGTAG_NOTIFICATIONS_TOPIC", "HANGTAG_NOTIFICATIONS_KEY"} <= passed[name]
            assert secrets <= set(_secrets(name).values())
            (volume,) = service["volumes"]
            # The same path means the same file here and in a container.
            for file in FILES:
                inside = Path("/var/lib/hangtag") / Path(shown[file]).parent
                assert volume == f"${{SECRETS:-.hangtag/secrets}}/certificates:{inside}:ro"
        if "HANGTAG_STORE_URL" in service.get("environment", {}):
            assert "HANGTAG_PHOTO_RETENTION_DAYS" in passed[name]
    assert shown.keys() == set().union(*passed.values())
    # An empty variable is a value, and would be refused as a path.
    assert "${HANGTAG_" not in (ROOT / "docker-compose.yml").read_text()


def test_the_settings_that_the_example_shows_are_good_ones(monkeypatch):
    text = (ROOT / ".env.example").read_text()
    for name, value in re.findall(r"^# (HANGTAG_\w+)=(.+)$", text, re.MULTILINE):
        if name not in FILES:
            monkeypatch.setenv(name, value)
    for name in ("HANGTAG_KAFKA_PASSWORD", "HANGTAG_SCHEMA_REGISTRY_PASSWORD"):
        monkeypatch.setenv(name, "of the secret's file")
    settings = Settings(_env_file=None)
    KeyTemplate(settings.notifications_key)
    assert flow_of(settings)["notifications"][0].name == settings.notifications_topic


def test_defaults_in_the_compose_file_are_those_of_the_example():
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"(?<!\$)\$\{(\w+):-([^}]*)\}", text))
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used == {(name, value) for name, value in example.items() if name != "COMPOSE_PROFILES"}
    assert example["COMPOSE_PROFILES"] == "cpu"
    # Commands outside containers read the same .env: nothing in it may change them.
    assert not [name for name in example if name.startswith(("HANGTAG_", "AWS_"))]


@pytest.mark.parametrize("name", OURS)
def test_a_service_listens_on_the_port_of_its_health_check_and_its_published_port(name):
    service = OURS[name]
    command, environment = service.get("command", []), service.get("environment", {})
    if "healthcheck" not in service:
        return
    asked = re.search(r"127\.0\.0\.1:(\d+)", service["healthcheck"]["test"][-1])[1]
    if "--port" in command:
        assert command[command.index("--host") + 1] == "0.0.0.0"
        listens = command[command.index("--port") + 1]
    else:
        assert environment["HANGTAG_HEALTH_HOST"] == "0.0.0.0"
        listens = environment["HANGTAG_HEALTH_PORT"]
    assert asked == listens
    assert all(port.endswith(f":{listens}") for port in service.get("ports", []))


def test_every_address_is_a_service_on_a_shared_network():
    aliases = {alias: name for name in SERVICES for alias in _aliases(name)}
    for name, service in OURS.items():
        for value in service.get("environment", {}).values():
            for host in re.findall(r"(?:https?://|^|:-)([a-z][a-z-]*):\d+", value or ""):
                assert _networks(name) & _networks(aliases[host]), f"{name} does not reach {host}"


def test_prometheus_scrapes_the_ports_of_the_processes():
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    aliases = {alias: name for name in SERVICES for alias in _aliases(name)}
    asked = set()
    for job in config["scrape_configs"]:
        for found in job.get("dns_sd_configs", []):
            name = aliases[found["names"][0]]
            assert job["job_name"] == found["names"][0]
            assert str(found["port"]) in SERVICES[name]["healthcheck"]["test"][-1]
            assert _networks("prometheus") & _networks(name)
            asked.add(name.replace("ocr-gpu", "ocr-cpu"))
    assert asked == {"recognize", "tag", "sync", "gateway", "notifications", "lag", "canary", "ocr-cpu"}


def test_every_secret_is_a_file_that_is_made_as_the_docs_say(secret_files):
    used = {secret for name in SERVICES for secret in _secrets(name)}
    assert used == COMPOSE["secrets"].keys()
    made = {path.name: path.read_text() for path in secret_files.iterdir() if path.is_file()}
    assert made.keys() == used
    # A shop whose registry needs a user fills this file.
    assert [name for name, value in made.items() if not value] == ["HANGTAG_SCHEMA_REGISTRY_PASSWORD"]
    assert made["POSTGRES_PASSWORD"].strip() in made["HANGTAG_STATE_URL"]
    sandbox = SERVICES["klaviyo"]["command"]
    keys = {made[name].strip() for name in ("HANGTAG_KLAVIYO_KEY", "HANGTAG_KLAVIYO_ERASURE_KEY", "CANARY_KEY")}
    assert keys == {sandbox[sandbox.index("--key") + 1]}
    assert secret_files.stat().st_mode & 0o077 == 0
    # Docker would make a folder that is missing, and give it to root.
    assert (secret_files / "certificates").stat().st_mode & 0o777 == 0o755


def test_mounted_files_exist():
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = re.match(r"(?:\$\{[^}]*\}|[^:])+", volume)[0]
            # The folder of certificates is made with the secrets.
            assert source in COMPOSE["volumes"] or source.startswith("${SECRETS:-") or (ROOT / source).is_dir()
    assert (ROOT / "deploy/prometheus/prometheus.yml").is_file()
    for kind in ("datasources", "dashboards"):
        assert list((ROOT / "deploy/grafana" / kind).glob("*.yml")), "Grafana looks for provisioning here"


def test_vllm_is_started_as_hangtag_would():
    assert SERVICES["vllm"]["command"] == vllm_serve(VllmServe(MODEL, REVISION, host="0.0.0.0"))
    assert SERVICES["vllm"]["image"].endswith(f":v{IMAGE_VLLM}")


def test_only_its_worker_reaches_vllm_and_either_may_be_restarted():
    assert [name for name in SERVICES if _networks(name) & _networks("vllm")] == ["ocr-gpu", "vllm"]
    assert COMPOSE["networks"]["vllm"] == {"internal": True}
    assert not [name for name, service in SERVICES.items() if "network_mode" in service]


def test_every_stage_and_the_gateway_can_ask_who_was_forgotten():
    for name in ("gateway", *flow_of(Settings(notifications_topic="bucket-events", _env_file=None))):
        assert "HANGTAG_STATE_URL" in _secrets(name).values()
        assert _networks("postgres") <= _networks(name)
        assert SERVICES[name]["build"]["target"] == "streams", "the image with PostgreSQL's driver"


def test_the_doctor_in_a_container_reaches_all_that_it_looks_at():
    given = set(SERVICES["hangtag"]["environment"]) | set(_secrets("hangtag").values())
    for name in ("recognize", "tag", "sync", "notifications"):
        needed = set(SERVICES[name]["environment"]) | set(_secrets(name).values())
        assert needed - given <= {"HANGTAG_HEALTH_HOST", "HANGTAG_HEALTH_PORT"}
        assert _networks(name) <= _networks("hangtag")


def test_stopping_waits_for_the_drain():
    least = Settings.model_fields["drain_s"].default + _GOODBYE_S
    for name in ("recognize", "tag", "sync", "notifications", "gateway", "ocr-cpu", "ocr-gpu"):
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > least


def test_the_bucket_deletes_photos_when_the_topics_delete_their_events():
    assert f"-ttl={WEEK.days}d" in SERVICES["bucket"]["entrypoint"][-1]


def test_a_crashed_service_is_restarted_and_a_halted_one_is_not():
    assert all(service["restart"].startswith("on-failure") for name, service in OURS.items() if name != "hangtag")


def test_each_service_is_built_from_a_target_that_exists():
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    for service in OURS.values():
        assert service["build"]["target"] in targets
        assert service["image"].startswith(f"hangtag-{service['build']['target']}:")
    for source in re.findall(r"^COPY (\S+)/? .*$", DOCKERFILE, re.MULTILINE):
        assert source.startswith(("--", "<<")) or (ROOT / source).exists()


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_its_native_start_in_the_docs(name):
    assert f"| `{name}` |" in (ROOT / "docs/deployment.md").read_text()


def _aliases(name):
    networks = SERVICES[name].get("networks", [])
    return [name, *(networks.get("ocr", {}).get("aliases", []) if isinstance(networks, dict) else [])]


def _secrets(name):
    """Return the secrets of a service, and the variables that they become."""
    given = [one if isinstance(one, dict) else {"source": one} for one in SERVICES[name].get("secrets", [])]
    return {one["source"]: one.get("target", one["source"]) for one in given}


def _networks(name):
    return set(SERVICES[name].get("networks", ["default"]))
