"""Kubernetes' manifests against what is built: schemas, settings, rights, policies, Secrets as the docs make them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from ocr_worker.engines.hunyuan.serve import MODEL, REVISION, vllm_serve
from ocr_worker.engines.vllm.command import VllmServe
from ocr_worker.engines.vllm.releases import IMAGE_VLLM
from streams.config.settings import Settings
from streams.flow import flow_of
from streams.runtime.process import _GOODBYE_S

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy/k8s"
STAGES = set(flow_of(Settings(notifications_topic="bucket-events", _env_file=None)))


@pytest.fixture(scope="module", params=["base", "gpu"])
def rendered(request):
    """All manifests as they are applied."""
    if shutil.which("kubectl") is None:
        # kubectl belongs to a cluster's tools, and work on the code does not need it. The tests only render files.
        pytest.skip("no kubectl here to render with")
    told = subprocess.run(
        ["kubectl", "kustomize", str(K8S / request.param)], capture_output=True, text=True, check=True, timeout=60
    )
    return list(yaml.safe_load_all(told.stdout))


def _containers(manifest):
    return manifest.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])


def _of(rendered, kind):
    return {one["metadata"]["name"]: one for one in rendered if one["kind"] == kind}


def test_the_manifests_obey_kubernetes_schemas(rendered):
    validator = pytest.importorskip("kubernetes_validate")
    for manifest in rendered:
        # KEDA's own kind is in no schema of Kubernetes'.
        if manifest["kind"] != "ScaledObject":
            validator.validate(manifest, "1.33", strict=True)


def test_pods_have_no_more_rights_than_they_need(rendered):
    for manifest in [*_of(rendered, "Deployment").values(), *_of(rendered, "Job").values()]:
        pod = manifest["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]
            assert re.search(r":v?\d+\.\d+", container["image"])
            if container["name"] == "hangtag":
                assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_stages_have_time_to_drain_and_probes_use_their_health_port(rendered):
    for name in STAGES:
        pod = _of(rendered, "Deployment")[name]["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] > Settings.model_fields["drain_s"].default + _GOODBYE_S
        (container,) = pod["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports == {"health": int(_settings(rendered)["HANGTAG_HEALTH_PORT"])}
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
    for name in ("ocr", "gateway"):
        pod = _of(rendered, "Deployment")[name]["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] > Settings.model_fields["drain_s"].default


def test_the_gateways_probes_and_service_use_its_port(rendered):
    deployment = _of(rendered, "Deployment")["gateway"]["spec"]
    (container,) = deployment["template"]["spec"]["containers"]
    listens = int(container["args"][container["args"].index("--port") + 1])
    assert container["ports"] == [{"name": "http", "containerPort": listens}]
    assert deployment["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(listens)
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    (port,) = _of(rendered, "Service")["gateway"]["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (listens, "http")
    policy = _of(rendered, "NetworkPolicy")["gateway"]["spec"]
    assert policy["ingress"][0]["ports"] == [{"port": listens}]
    assert _of(rendered, "PodDisruptionBudget")["gateway"]["spec"]["maxUnavailable"] < deployment["replicas"]


def test_every_stage_and_the_gateway_can_ask_who_was_forgotten(rendered):
    reach = _of(rendered, "NetworkPolicy")["to-state"]["spec"]["podSelector"]["matchExpressions"][0]["values"]
    assert set(reach) == STAGES | {"gateway"}


def test_every_publisher_reaches_kafka_and_a_schema_registry(rendered):
    reach = {
        name: set(_of(rendered, "NetworkPolicy")[name]["spec"]["podSelector"]["matchExpressions"][0]["values"])
        for name in ("to-kafka", "to-registry")
    }
    # The lag exporter publishes nothing.
    assert reach["to-registry"] == reach["to-kafka"] - {"lag"} == STAGES | {"gateway", "topics"}


def test_notifications_are_off_until_their_topic_is_named(rendered):
    assert _of(rendered, "Deployment")["notifications"]["spec"]["replicas"] == 0
    assert "HANGTAG_NOTIFICATIONS_TOPIC" not in _settings(rendered)


def test_every_variable_is_a_setting_with_a_good_value(rendered, monkeypatch):
    given = _settings(rendered)
    for manifest in rendered:
        for container in _containers(manifest):
            if container["name"] == "hangtag":
                given |= {one["name"]: one["value"] for one in container.get("env", [])}
    for name, value in given.items():
        assert name.startswith("AWS_") or name.removeprefix("HANGTAG_").lower() in Settings.model_fields
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None).ocr_urls == ("dns+http://ocr:8000",)
    assert "ocr" in _of(rendered, "Service")


def test_stages_scale_by_their_own_group_and_no_further_than_partitions(rendered):
    settings, scaled = Settings(_env_file=None), _of(rendered, "ScaledObject")
    for name, (topic, _published) in flow_of(settings).items():
        spec = scaled[name]["spec"]
        group = f"{settings.group_prefix}.{name}"
        # KEDA's own Kafka trigger counts records that expired, and `hangtag lag` does not.
        assert {trigger["type"] for trigger in spec["triggers"]} == {"prometheus"}
        events, seconds = (trigger["metadata"] for trigger in spec["triggers"])
        assert f'kafka_consumergroup_lag_sum{{consumergroup="{group}"}}' in events["query"]
        assert f'kafka_consumergroup_group_max_lag_seconds{{group="{group}"}}' in seconds["query"]
        for trigger in (events, seconds):
            assert trigger["ignoreNullValues"] == "false", "without an answer the stage would shrink"
            assert "vector(0)" not in trigger["query"]
        assert 2 <= spec["minReplicaCount"] <= spec["maxReplicaCount"] <= topic.partitions
        assert spec["scaleTargetRef"]["name"] in _of(rendered, "Deployment")
        assert "replicas" not in _of(rendered, "Deployment")[name]["spec"], "two would set it"
        assert _of(rendered, "PodDisruptionBudget")[name]["spec"]["maxUnavailable"] == 1


def test_the_secrets_that_pods_mount_are_made_as_the_docs_say(rendered, tmp_path):
    docs = (ROOT / "docs/deployment.md").read_text()
    files = re.search(r"```bash\n# Secrets\n(.*?)```", docs, re.DOTALL)[1]
    subprocess.run(["bash", "-euc", files], cwd=tmp_path, check=True)
    lines = re.search(r"```bash\n(at=.*?)```", docs, re.DOTALL)[1].splitlines()
    made = {}
    for line in lines:
        if "create secret" in line:
            told = subprocess.run(
                ["bash", "-euc", f"{lines[0]}; {line} --dry-run=client -o json"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=True,
            )
            secret = json.loads(told.stdout)
            made[secret["metadata"]["name"]] = secret["data"].keys()
        elif line.startswith("kubectl"):
            assert (ROOT / line.split()[-1]).exists()
    mounted = set(re.findall(r'"secretName": "([^"]+)"', json.dumps(rendered)))
    assert mounted == made.keys()
    assert all("HANGTAG_STATE_URL" in made[f"hangtag-{one}"] for one in STAGES | {"gateway"})
    for keys in made.values():
        assert {
            key.removeprefix("HANGTAG_").lower() for key in keys if key[:4] != "AWS_"
        } <= Settings.model_fields.keys()


def test_policies_and_services_name_pods_that_exist(rendered):
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in rendered if one["kind"] in {"Deployment", "Job"}]
    apps = {label["app"] for label in labels}
    for policy in _of(rendered, "NetworkPolicy").values():
        text = json.dumps(policy)
        assert set(re.findall(r'"app": "([a-z]+)"', text)) <= apps
        for expression in policy["spec"]["podSelector"].get("matchExpressions", []):
            assert set(expression["values"]) <= apps
    assert {one["spec"]["selector"]["app"] for one in _of(rendered, "Service").values()} == {"ocr", "gateway"} <= apps


def test_vllm_on_gpu_nodes_is_started_as_hangtag_would():
    (ocr,) = yaml.safe_load_all((K8S / "gpu/ocr.yaml").read_text())
    pod = ocr["spec"]["template"]["spec"]
    vllm = next(container for container in pod["containers"] if container["name"] == "vllm")
    assert vllm["command"] == vllm_serve(VllmServe(MODEL, REVISION))
    assert vllm["image"].endswith(f":v{IMAGE_VLLM}")
    assert vllm["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}


def _settings(rendered):
    (config,) = _of(rendered, "ConfigMap").values()
    return dict(config["data"])
