"""What the docs tell producers to import is exported from one place, and their examples are whole programs."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import schemas

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = re.findall(r"```python\n(.*?)```", (DOCS / "producers.md").read_text(), re.DOTALL)


def test_every_public_name_of_schemas_loads():
    assert all(getattr(schemas, name) for name in schemas.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = schemas.nothing


def test_events_load_without_a_kafka_client():
    script = "import sys; from schemas import OutfitTagged, decode; sys.exit('confluent_kafka' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_process_that_a_test_starts_in_the_checkout_imports_the_installed_package():
    command = [sys.executable, "-c", "import schemas; print(schemas.__file__)"]
    said = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True, check=True).stdout
    assert Path(said.strip()).is_relative_to(sys.prefix)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_imports_only_what_packages_export(example: str):
    for statement in ast.walk(ast.parse(example)):
        if isinstance(statement, ast.ImportFrom) and statement.module.split(".")[0] in {"schemas", "streams"}:
            module = importlib.import_module(statement.module)
            assert {name.name for name in statement.names} <= set(module.__all__)
    compile(example, "example", "exec")
