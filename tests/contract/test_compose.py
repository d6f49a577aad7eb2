"""docker-compose.yml and the Dockerfile against the code that they start: variables, ports, files, exit codes."""

import re
import shutil
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from ocr_worker.vllm_command import TESTED_VLLM, VllmServe, vllm_serve
from schemas.topics import WEEK
from streams.process import _GOODBYE_S
from streams.settings import Settings
from streams.supervisor import HALTED

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("hangtag-")}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
ONE_SHOT = {"topics", "bucket", "hangtag"}


def _client():
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is None:
            continue
        told = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
        if told.returncode == 0 and not told.stdout.startswith(("0.", "1.")):
            return command
    return None


@pytest.mark.skipif(_client() is None, reason="no docker compose here")
@pytest.mark.parametrize("profile", ["cpu", "gpu", "*"])
def test_the_compose_client_takes_the_file(profile):
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
def test_every_variable_of_ours_is_a_setting(name, monkeypatch):
    given = OURS[name].get("environment", {})
    variables = [*given, *OURS[name].get("secrets", [])]
    ours = [variable for variable in variables if variable.startswith("HANGTAG_")]
    assert {variable.removeprefix("HANGTAG_").lower() for variable in ours} <= Settings.model_fields.keys()
    for variable, value in given.items():
        monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value))
    Settings(_env_file=None)


def test_defaults_in_the_compose_file_are_those_of_the_example():
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"(?<!\$)\$\{(\w+):-([^}]*)\}", text))
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used == {(name, value) for name, value in example.items() if name != "COMPOSE_PROFILES"}
    assert example["COMPOSE_PROFILES"] == "cpu"
    # Commands outside containers read the same .env: nothing in it may change them.
    assert not [name for name in example if name.startswith(("HANGTAG_", "AWS_"))]


@pytest.mark.parametrize("name", OURS)
def test_a_service_listens_where_its_health_is_asked_and_its_port_published(name):
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
            for host in re.findall(r"(?:https?://|^)([a-z][a-z-]*):\d+", value):
                assert _networks(name) & _networks(aliases[host]), f"{name} does not reach {host}"


def test_prometheus_asks_where_processes_answer():
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
    assert asked == {"recognize", "tag", "sync", "lag", "ocr-cpu"}


def test_every_secret_is_a_file_that_is_made_as_the_docs_say(tmp_path):
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == COMPOSE["secrets"].keys()
    docs = (ROOT / "docs/deployment.md").read_text()
    block = re.search(r"```bash\n# Secrets\n(.*?)```", docs, re.DOTALL)[1]
    subprocess.run(["bash", "-euc", block], cwd=tmp_path, check=True)
    made = {path.name: path.read_text() for path in (tmp_path / ".hangtag/secrets").iterdir()}
    assert made.keys() == used
    assert all(made.values())
    assert made["POSTGRES_PASSWORD"].strip() in made["HANGTAG_STATE_URL"]
    sandbox = SERVICES["klaviyo"]["command"]
    assert made["HANGTAG_KLAVIYO_KEY"].strip() == sandbox[sandbox.index("--key") + 1]
    assert (tmp_path / ".hangtag/secrets").stat().st_mode & 0o077 == 0


def test_what_is_mounted_is_there():
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).is_dir()
    assert (ROOT / "deploy/prometheus/prometheus.yml").is_file()
    for kind in ("datasources", "dashboards"):
        assert list((ROOT / "deploy/grafana" / kind).glob("*.yml")), "Grafana looks for provisioning here"


def test_vllm_is_started_as_hangtag_would():
    assert SERVICES["vllm"]["command"] == vllm_serve(VllmServe())
    assert SERVICES["vllm"]["image"].endswith(f":v{TESTED_VLLM}")
    assert SERVICES["vllm"]["network_mode"] == "service:ocr-gpu"


def test_stopping_waits_for_the_drain():
    least = Settings.model_fields["drain_s"].default + _GOODBYE_S
    for name in ("recognize", "tag", "sync", "ocr-cpu", "ocr-gpu"):
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > least


def test_photos_are_gone_as_soon_as_the_topics_that_speak_of_them():
    assert f"-ttl={WEEK.days}d" in SERVICES["bucket"]["entrypoint"][-1]


def test_each_service_is_built_from_a_target_that_exists():
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    for service in OURS.values():
        assert service["build"]["target"] in targets
        assert service["image"].startswith(f"hangtag-{service['build']['target']}:")
    for source in re.findall(r"^COPY (\S+)/? .*$", DOCKERFILE, re.MULTILINE):
        assert source.startswith(("--", "<<")) or (ROOT / source).exists()


def test_locks_are_split_without_losing_what_a_stage_needs(tmp_path):
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    script = re.search(r"^RUN (awk.*?streams\.lock)$", DOCKERFILE, re.MULTILINE | re.DOTALL)[1]
    subprocess.run(["sh", "-euc", script], cwd=tmp_path, check=True)
    streams, build = _locked(tmp_path / "streams.lock"), _locked(tmp_path / "build.lock")
    runtime = _locked(tmp_path / "requirements/runtime.lock")
    assert _needed({"hangtag", "hangtag[postgres]"}) - {"hangtag"} <= streams
    assert not streams & {"rapidocr", "onnxruntime", "torch", "gradio"}
    assert streams - runtime == {"psycopg", "psycopg-binary"}
    assert {"hatchling", "pathspec", "pluggy", "trove-classifiers"} <= build
    assert "--hash=sha256:" in (tmp_path / "streams.lock").read_text()


def test_secrets_become_variables_and_an_unreadable_one_ends_the_start(tmp_path):
    script = re.search(r"<<'SH' \S+\n(.*?)^SH$", DOCKERFILE, re.MULTILINE | re.DOTALL)[1]
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "HANGTAG_KLAVIYO_KEY").write_text("pk with space\n")
    (tmp_path / "secrets" / "kubernetes.io").mkdir()
    told = _run(script, tmp_path / "secrets", "printenv", "HANGTAG_KLAVIYO_KEY")
    assert told.stdout == "pk with space\n"
    assert _run(script, tmp_path / "none", "echo", "started").stdout == "started\n"
    (tmp_path / "secrets" / "BROKEN").symlink_to("/proc/self/mem")
    assert _run(script, tmp_path / "secrets", "echo", "started").stdout == ""


@pytest.mark.skipif(shutil.which("tini") is None, reason="no tini here")
@pytest.mark.parametrize(("code", "seen"), [(HALTED, 0), (70, 70), (71, 71), (72, 72)])
def test_a_halted_stage_ends_with_nought_and_a_crashed_one_does_not(code, seen):
    entry = re.search(r"^ENTRYPOINT (\[.*\])$", DOCKERFILE, re.MULTILINE)[1]
    tini = yaml.safe_load(entry)[: yaml.safe_load(entry).index("--")]
    told = subprocess.run([*tini, "-s", "--", "sh", "-c", f"exit {code}"], check=False)
    assert told.returncode == seen
    assert all(service["restart"].startswith("on-failure") for name, service in OURS.items() if name != "hangtag")


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_its_native_start_in_the_docs(name):
    assert f"| `{name}` |" in (ROOT / "docs/deployment.md").read_text()


def _aliases(name):
    networks = SERVICES[name].get("networks", [])
    return [name, *(networks.get("ocr", {}).get("aliases", []) if isinstance(networks, dict) else [])]


def _networks(name):
    return set(SERVICES[name].get("networks", ["default"]))


def _run(script, secrets, *command: str):
    return subprocess.run(
        ["sh", "-c", script, "with-secrets", *command],
        env={"SECRETS_AT": str(secrets), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def _locked(path):
    return set(re.findall(r"^([a-z0-9-]+)==", path.read_text(), re.MULTILINE))


def _needed(wanted):
    """Names of all that is needed, by what installed packages say of themselves."""
    todo, seen = [Requirement(one) for one in wanted], set()
    while todo:
        requirement = todo.pop()
        extras = requirement.extras or {""}
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        for line in distribution(requirement.name).requires or []:
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
                todo.append(needed)
    return {re.sub(r"[-_.]+", "-", Requirement(one).name).lower() for one in seen}
