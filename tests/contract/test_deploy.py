"""What is deployed and documented against what is built: commands, metrics, alerts, dashboard, runbook."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from command_line import check
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from ocr_worker.server.metrics import Meters
from streams.gateway import middleware
from streams.lag.exporter import METRICS as LAG_METRICS
from streams.telemetry import canary_metrics, metrics

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy/k8s"
RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboards/hangtag.json").read_text())
OPERATIONS = (ROOT / "docs/operations.md").read_text()
PAGES = ("deployment", "operations", "scaling")
MANIFESTS = [
    manifest
    for path in sorted(K8S.rglob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text())
    if path.name != "kustomization.yaml"
]


def _containers(manifest):
    return manifest.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])


def commands():
    """List every hangtag command of the compose file and the manifests."""
    for name, service in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].items():
        if service["image"].startswith("hangtag-") and "command" in service:
            yield f"compose {name}", service["command"]
    for manifest in MANIFESTS:
        for container in _containers(manifest):
            if "args" in container:
                yield f"k8s {manifest['metadata']['name']}", container["args"]


COMMANDS = list(commands())


@pytest.mark.parametrize(("place", "words"), COMMANDS, ids=lambda value: value if isinstance(value, str) else None)
def test_every_command_exists_with_its_options(place, words):
    if "--help" not in words:
        check(words)


def test_the_pages_name_services_and_deployments_that_exist():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].keys()
    deployments = {one["metadata"]["name"] for one in MANIFESTS if one.get("kind") == "Deployment"}
    text = "".join((ROOT / f"docs/{page}.md").read_text() for page in PAGES)
    named = re.findall(r"`docker compose (?:logs|ps|up) [^`\n]*?(?<= )([a-z-]+)`", text)
    assert {"sync"} <= set(named) - {"-d"} <= services
    assert set(re.findall(r"\b(?:deploy/|app=)([a-z]+)\b(?!/)", text)) - {"k8s", "prometheus", "grafana"} <= deployments


# --- metrics ---------------------------------------------------------------------------------------------------------


def _exported():
    """Return every series' name that our processes export, with its labels."""
    names = {name: set(labels) for name, (labels, _) in LAG_METRICS.items()} | {"up": {"job"}, "ALERTS": {"alertstate"}}
    ours = [*vars(metrics).values(), *vars(canary_metrics).values(), *vars(middleware).values()]
    kept = [metric for metric in ours if isinstance(metric, MetricWrapperBase)]
    worker = Meters(lambda: 0)._registry
    for metric in [*kept, *(one for one in worker._collector_to_names if isinstance(one, MetricWrapperBase))]:
        registry = CollectorRegistry()
        registry.register(metric)
        (family,) = registry.collect()
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        names |= {f"{family.name}{suffix}": set(metric._labelnames) for suffix in suffixes}
    return names | {
        one.name: set(one.labels) for one in vars(metrics).values() if isinstance(one, metrics.CallbackGauge)
    }


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
def test_every_metric_in_an_expression_is_exported_with_its_labels(place):
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
    reasons, named_reasons, constants = set(), set(), {}
    for path in (
        one for package in ("streams", "ocr_worker", "klaviyo_sink") for one in (ROOT / package).rglob("*.py")
    ):
        code = path.read_text()
        constants = dict(re.findall(r'^([A-Z_]+)(?:: Final)? = "([a-z-]+)"', code, re.MULTILINE)) | constants
        reasons |= set(re.findall(r'Misconfigured\(\s*"([a-z-]+)"', code))
        named_reasons |= set(re.findall(r"Misconfigured\(\s*([A-Z_]+),", code))
    reasons |= {constants[name] for name in named_reasons}
    table = re.search(r"_SET_UP_WRONG = \{(.*?)\}", (ROOT / "ocr_worker/pool/answers.py").read_text(), re.DOTALL)[1]
    reasons |= set(re.findall(r'\("([a-z-]+)"', table))
    named = set(re.search(r'reason=~"([^"]+)"', ALERTS["Misconfigured"]["expr"])[1].split("|"))
    assert named == reasons
    assert all(f"`{reason}`" in OPERATIONS for reason in reasons)


def test_the_panel_of_partitions_that_do_not_move_counts_what_the_alerts_count():
    (panel,) = (expr for place, expr in EXPRESSIONS.items() if place.startswith("panel Partitions that do not move"))
    states = {
        state
        for name in ("PartitionStalled", "PartitionUnassigned")
        for state in re.search(r'state=~?"([^"]+)"', ALERTS[name]["expr"])[1].split("|")
    }
    assert set(re.search(r'state=~"([^"]+)"', panel)[1].split("|")) == states


def test_every_metric_that_the_page_names_is_exported():
    named = set(re.findall(r"`(hangtag_[a-z_]+)", OPERATIONS))
    assert {"hangtag_gateway_answers_total", "hangtag_lag_up"} <= named
    assert named <= EXPORTED.keys() | {name.removesuffix("_bucket") for name in EXPORTED}


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


# promtool comes with Prometheus (apt-get install prometheus), and work on the code does not need it.
@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
@pytest.mark.parametrize("words", ["check config prometheus.yml", "check rules rules.yml", "test rules tests.yml"])
def test_prometheus_takes_the_rules_and_they_ring_when_they_should(words):
    told = subprocess.run(
        ["promtool", *words.split()], cwd=ROOT / "deploy/prometheus", capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


# As above.
@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
def test_prometheus_understands_what_panels_and_scalers_ask(tmp_path):
    rules = [
        {"record": f"asked:{at}", "expr": expression.replace("$__rate_interval", "1m")}
        for at, expression in enumerate(EXPRESSIONS.values())
    ]
    (tmp_path / "asked.yml").write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    told = subprocess.run(
        ["promtool", "check", "rules", "asked.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert f"{len(rules)} rules found" in told.stdout


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
