"""
No module measures a wait or an age with the machine's clock, which a person or a time server may set by days.

Waits use the monotonic clock; ages use `schemas.steady_clock`.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "rules", "ocr_worker", "klaviyo_sink", "streams")
MACHINE_CLOCKS = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}
ALLOWED = {
    "schemas/steady_clock.py",  # follows the machine's clock, and ignores its jumps
    "streams/operations/checks/answer.py",  # `doctor` compares the machine's clock with the broker's
    "klaviyo_sink/sandbox/app.py",  # stands for a machine of Klaviyo's
}


def reads_machine_clock(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return any((node.module, one.name) in MACHINE_CLOCKS for one in node.names)
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name | ast.Attribute)
        and (getattr(node.value, "id", getattr(node.value, "attr", None)), node.attr) in MACHINE_CLOCKS
    )


def test_only_the_named_modules_read_the_clock_of_the_machine():
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    reading = {
        str(path.relative_to(ROOT))
        for path in modules
        if any(reads_machine_clock(node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert len(modules) > 100
    assert reading == ALLOWED
