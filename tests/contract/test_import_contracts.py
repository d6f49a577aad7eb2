"""Every import contract bites: a planted import breaks it."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from streams.config.settings import child_environment

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
#: A module and an import that it must not have, by the first words of the contract's name.
PLANTS = {
    "streams over the three": ("rules/tagger.py", "import klaviyo_sink.sink"),
    "only streams knows Faust": ("schemas/codec.py", "import faust"),
    "OCR, rules and the sink": ("rules/tagger.py", "import confluent_kafka"),
    "only streams.telemetry.otel": ("schemas/events.py", "import opentelemetry"),
    "agents never import": ("streams/agents/tags.py", "import streams.agents.texts"),
    "inside streams": ("streams/config/settings.py", "import streams.kafka.clients"),
    "inside klaviyo_sink": ("klaviyo_sink/api/errors.py", "import klaviyo_sink.sink"),
    "the sandbox shares no models": ("klaviyo_sink/sandbox/app.py", "import klaviyo_sink.bodies"),
    "inside the sandbox": ("klaviyo_sink/sandbox/access/limits.py", "import klaviyo_sink.sandbox.api.gate"),
    "inside ocr_worker": ("ocr_worker/result.py", "import ocr_worker.reader"),
    "inside rules": ("rules/text/page.py", "import rules.tagger"),
    "pure modules do no I/O": ("streams/runtime/window.py", "import structlog"),
}


def test_every_contract_breaks_on_a_planted_import(tmp_path):
    for package in ("schemas", "ocr_worker", "rules", "klaviyo_sink", "streams"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module, planted in PLANTS.values():
        with (tmp_path / module).open("a") as file:
            file.write(f"{planted}\n")
    checked = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=tmp_path,
        env=child_environment() | {"PYTHONPATH": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    # A long name takes two lines.
    broken = {name for name in PLANTS if re.search(rf"^{re.escape(name)}.*\n?.* BROKEN$", checked.stdout, re.MULTILINE)}
    assert broken == set(PLANTS), checked.stdout
    assert {next(name for name in PLANTS if one["name"].startswith(name)) for one in CONTRACTS} == set(PLANTS)
