"""What is deployed against what is built: commands, settings, metrics, alerts, runbook, Kubernetes' schemas."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from typer.main import get_command

from ocr_worker.meters import Meters
from ocr_worker.vllm_command import TESTED_VLLM, VllmServe, vllm_serve
from schemas.topics import topics
from streams import metrics
from streams.cli.main import app
from streams.lag_exporter import METRICS as LAG_METRICS
from streams.pool_metrics import Workers
from streams.process import _GOODBYE_S
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy/k8s"
RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboards/hangtag.json").read_text())
OPERATIONS = (ROOT / "docs/operations.md").read_text()
PAGES = ("deployment", "operations", "scaling")
STAGES = ("recognize", "tag", "sync")
MANIFESTS = [
    manifest
    for path in sorted(K8S.rglob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text())
    if path.name != "kustomization.yaml"
]


def _containers(manifest):
    return manifest.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])


def check(words):
    """Have the command line parse its words, and run nothing; it raises on what it does not know."""
    command, context, name = get_command(app), None, "hangtag"
    while True:
        context = command.make_context(name, list(words), parent=context)
        rest = [*getattr(context, "_protected_args", []), *context.args]
        if not rest or not hasattr(command, "resolve_command"):
            return
        name, command, words = command.resolve_command(context, rest)


def commands():
    """Every hangtag command of the compose file, the manifests and the pages."""
    for name, service in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].items():
        if service["image"].startswith("hangtag-") and "command" in service:
            yield f"compose {name}", service["command"]
    for manifest in MANIFESTS:
        for container in _containers(manifest):
            if "args" in container:
                yield f"k8s {manifest['metadata']['name']}", container["args"]
    for page in PAGES:
        text = (ROOT / f"docs/{page}.md").read_text()
        for line in re.findall(r"`(?:HANGTAG_\w+=\S+ )*hangtag ([^`…]+?)`|^hangtag ([^#\n…]+)", text, re.MULTILINE):
            yield page, shlex.split(line[0] or line[1])


COMMANDS = list(commands())


@pytest.mark.parametrize(("place", "words"), COMMANDS, ids=lambda value: value if isinstance(value, str) else None)
def test_every_command_exists_with_its_options(place, words):
    if "--help" not in words:
        check(words)


def test_an_option_that_does_not_exist_would_be_seen():
    with pytest.raises(Exception, match=r"(?i)no such option"):
        check(["lag", "exporter", "--nonsense"])
    assert len([place for place, _ in COMMANDS if place == "operations"]) > 5


# --- metrics ---------------------------------------------------------------------------------------------------------


def _exported():
    """Give every series' name that our processes export, with its labels."""
    names = {name: set(labels) for name, (labels, _) in LAG_METRICS.items()} | {"up": {"job"}, "ALERTS": {"alertstate"}}
    kept = [metric for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)]
    worker = Meters(lambda: 0)._registry
    for metric in [*kept, *(one for one in worker._collector_to_names if isinstance(one, MetricWrapperBase))]:
        registry = CollectorRegistry()
        registry.register(metric)
        (family,) = registry.collect()
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        names |= {f"{family.name}{suffix}": set(metric._labelnames) for suffix in suffixes}
    return names | {family.name: set(family._labelnames) for family in Workers().collect()}


EXPORTED = _exported()
EXPRESSIONS = {
    **{f"alert {name}": rule["expr"] for name, rule in ALERTS.items()},
    **{
        f"panel {panel['title']} {target['refId']}": target["expr"]
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
    },
    **{
        f"scaling of {manifest['metadata']['name']}": trigger["metadata"]["query"]
        for manifest in MANIFESTS
        if manifest.get("kind") == "ScaledObject"
        for trigger in manifest["spec"]["triggers"]
        if trigger["type"] == "prometheus"
    },
}


@pytest.mark.parametrize("place", EXPRESSIONS)
def test_every_metric_asked_for_is_exported_with_its_labels(place):
    expression = re.sub(r'"[^"]*"', '""', EXPRESSIONS[place])
    for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", expression):
        labels = set(re.findall(r"(\w+)\s*[=!]", matchers))
        assert labels <= EXPORTED[name] | {"job", "instance", "le"}, name
    grouped = set(re.findall(r"\w+", " ".join(re.findall(r"\bby \(([^)]*)\)", expression))))
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|on|without) \([^)]*\)", "", expression)
    asked = set(re.findall(r"\b[a-zA-Z_]\w*\b(?!\s*\()", bare)) - {"and", "or", "unless", "on", "by"}
    assert asked, "nothing is asked for"
    assert asked <= EXPORTED.keys()
    assert grouped <= set().union(*(EXPORTED[name] for name in asked)) | {"job", "instance", "le"}


def test_the_alert_on_misconfiguration_knows_every_such_reason_in_the_code():
    reasons = set()
    for path in (
        one for package in ("streams", "ocr_worker", "klaviyo_sink") for one in (ROOT / package).rglob("*.py")
    ):
        reasons |= set(re.findall(r'Misconfigured\(\s*"([a-z-]+)"', path.read_text()))
    table = re.search(r"_SET_UP_WRONG = \{(.*?)\}", (ROOT / "ocr_worker/answers.py").read_text(), re.DOTALL)[1]
    reasons |= set(re.findall(r'\("([a-z-]+)"', table))
    named = set(re.search(r'reason=~"([^"]+)"', ALERTS["Misconfigured"]["expr"])[1].split("|"))
    assert named == reasons
    assert all(f"`{reason}`" in OPERATIONS for reason in reasons)


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_says_how_urgent_it_is_and_what_to_do(name):
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
    assert re.search(rf"^### {name}$\n\n\w", OPERATIONS, re.MULTILINE)


def test_the_runbook_names_no_alert_or_panel_that_is_not_there():
    alerts = re.search(r"^## Alerts$(.*?)(?=^## |\Z)", OPERATIONS, re.MULTILINE | re.DOTALL)[1]
    assert re.findall(r"^### (.+)$", alerts, re.MULTILINE) == list(ALERTS)
    panels = {panel["title"].partition(",")[0] for panel in DASHBOARD["panels"]}
    for named in re.findall(r"(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)", alerts.replace("\n", " ")):
        assert named in ALERTS or any(named.startswith(panel) for panel in panels), named


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
@pytest.mark.parametrize("words", ["check config prometheus.yml", "check rules rules.yml", "test rules tests.yml"])
def test_prometheus_takes_the_rules_and_they_ring_when_they_should(words):
    told = subprocess.run(
        ["promtool", *words.split()], cwd=ROOT / "deploy/prometheus", capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_alert_is_tried_out():
    tried = yaml.safe_load((ROOT / "deploy/prometheus/tests.yml").read_text())["tests"]
    rings = {case["alertname"] for test in tried for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert rings == ALERTS.keys()


def test_the_dashboard_finds_its_data_source():
    source = yaml.safe_load((ROOT / "deploy/grafana/datasources/prometheus.yml").read_text())["datasources"][0]
    uids = {panel["datasource"]["uid"] for panel in DASHBOARD["panels"] if "datasource" in panel}
    assert uids == {source["uid"]}
    places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in DASHBOARD["panels"]]
    cells = [(x + dx, y + dy) for x, y, w, h in places for dx in range(w) for dy in range(h)]
    assert len(cells) == len(set(cells)), "panels overlap"
    assert max(x for x, _ in cells) < 24, "the grid is 24 wide"


# --- Kubernetes ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["base", "gpu"])
def rendered(request):
    """All manifests as they are applied."""
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl here to render with")
    told = subprocess.run(
        ["kubectl", "kustomize", str(K8S / request.param)], capture_output=True, text=True, check=True, timeout=60
    )
    return list(yaml.safe_load_all(told.stdout))


def _of(rendered, kind):
    return {one["metadata"]["name"]: one for one in rendered if one["kind"] == kind}


def test_the_manifests_obey_kubernetes_schemas(rendered):
    validator = pytest.importorskip("kubernetes_validate")
    for manifest in rendered:
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


def test_stages_have_time_to_drain_and_are_asked_where_they_answer(rendered):
    for name in STAGES:
        pod = _of(rendered, "Deployment")[name]["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] > Settings.model_fields["drain_s"].default + _GOODBYE_S
        (container,) = pod["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports == {"health": int(_settings(rendered)["HANGTAG_HEALTH_PORT"])}
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
    ocr = _of(rendered, "Deployment")["ocr"]["spec"]["template"]["spec"]
    assert ocr["terminationGracePeriodSeconds"] > Settings.model_fields["drain_s"].default


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
    consumed = dict(zip(STAGES, (topics().uploads, topics().texts, topics().tags), strict=True))
    for name, topic in consumed.items():
        spec = scaled[name]["spec"]
        kafka, prometheus = (trigger["metadata"] for trigger in spec["triggers"])
        group = f"{settings.group_prefix}.{name}"
        assert (kafka["consumerGroup"], kafka["topic"]) == (group, topic.name)
        assert f'group="{group}"' in prometheus["query"]
        assert kafka["bootstrapServers"] == _settings(rendered)["HANGTAG_BOOTSTRAP_SERVERS"]
        assert 2 <= spec["minReplicaCount"] <= spec["maxReplicaCount"] <= topic.partitions
        assert spec["scaleTargetRef"]["name"] in _of(rendered, "Deployment")
        assert "replicas" not in _of(rendered, "Deployment")[name]["spec"], "two would set it"
        assert _of(rendered, "PodDisruptionBudget")[name]["spec"]["maxUnavailable"] == 1


def test_policies_and_services_name_pods_that_exist(rendered):
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in rendered if one["kind"] in {"Deployment", "Job"}]
    apps = {label["app"] for label in labels}
    for policy in _of(rendered, "NetworkPolicy").values():
        text = json.dumps(policy)
        assert set(re.findall(r'"app": "([a-z]+)"', text)) <= apps
        for expression in policy["spec"]["podSelector"].get("matchExpressions", []):
            assert set(expression["values"]) <= apps
    assert _of(rendered, "Service")["ocr"]["spec"]["selector"]["app"] in apps


def test_vllm_on_gpu_nodes_is_started_as_hangtag_would():
    (ocr,) = yaml.safe_load_all((K8S / "gpu/ocr.yaml").read_text())
    pod = ocr["spec"]["template"]["spec"]
    vllm = next(container for container in pod["containers"] if container["name"] == "vllm")
    assert vllm["command"] == vllm_serve(VllmServe())
    assert vllm["image"].endswith(f":v{TESTED_VLLM}")
    assert vllm["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}


def _settings(rendered):
    (config,) = _of(rendered, "ConfigMap").values()
    return dict(config["data"])
