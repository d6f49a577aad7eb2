"""A stage's process loads the modules of its own stage only: start-up time and memory are paid per process."""

import json
import subprocess
import sys

import pytest

from streams.config.settings import child_environment

BUILD = """
import asyncio, json, sys
import streams.runtime.process
from streams.config.settings import Settings
from streams.wiring import stages
from streams.wiring.assembly import assemble

plan = getattr(stages, sys.argv[1])(Settings())
asyncio.run(assemble(plan, emitter=object()))
print(json.dumps(sorted(sys.modules)))
"""
AGENT = {"recognize": "uploads", "tag": "texts", "sync": "tags", "notifications": "notifications"}
#: What only servers, engines, commands and pages need.
NEVER = ("fastapi", "uvicorn", "starlette", "PIL", "cv2", "numpy", "rapidocr", "onnxruntime", "typer", "opentelemetry")
NOT_OF = {
    "recognize": ("rules", "ahocorasick", "klaviyo_sink.api", "klaviyo_sink.sink", "ocr_worker.engines"),
    "tag": ("obstore", "ocr_worker", "klaviyo_sink.api", "klaviyo_sink.sink"),
    "sync": ("obstore", "ocr_worker", "ahocorasick", "rules.tagger", "klaviyo_sink.sandbox", "klaviyo_sink.account"),
    "notifications": ("ocr_worker", "rules", "ahocorasick", "klaviyo_sink.api", "klaviyo_sink.sink"),
}


def loaded(stage: str, tmp_path) -> set[str]:
    environment = child_environment(
        store_url=f"file:{tmp_path}/photos",
        state_url=f"sqlite:///{tmp_path}/state.db",
        klaviyo_key="pk_none",
        notifications_topic="shop.bucket-events",
    )
    built = subprocess.run(
        [sys.executable, "-c", BUILD, stage], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert built.returncode == 0, built.stderr
    return set(json.loads(built.stdout))


@pytest.mark.parametrize("stage", NOT_OF)
def test_a_stage_loads_no_module_of_another_part(stage: str, tmp_path):
    found = loaded(stage, tmp_path)
    assert f"streams.agents.{AGENT[stage]}" in found
    strangers = {
        name for name in found for part in (*NEVER, *NOT_OF[stage]) if name == part or name.startswith(f"{part}.")
    }
    assert strangers == set()
