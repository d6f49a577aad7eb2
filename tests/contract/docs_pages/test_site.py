"""On the site, lists keep their nested blocks, and links lead to pages or to copies of files."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

HOOKS = Path(__file__).parents[3] / "docs" / "site" / "hooks.py"


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the hooks without mkdocs, which has an environment of its own."""
    files = ModuleType("mkdocs.structure.files")
    files.File = files.Files = object
    for name, module in (("mkdocs", ModuleType("mkdocs")), ("mkdocs.structure", ModuleType("mkdocs.structure"))):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "mkdocs.structure.files", files)
    spec = importlib.util.spec_from_file_location("hooks", HOOKS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_content_of_a_list_item_is_indented_by_four_columns_per_level(hooks: ModuleType):
    page = (
        "1. one\n   more\n   - two\n     more\n\n   ```toml\n   [a]\n     b = 1\n   ```\n2. three\n\n"
        "```text\n  kept\n```"
    )
    shown = (
        "1. one\n    more\n    - two\n        more\n\n    ```toml\n    [a]\n      b = 1\n    ```\n2. three\n\n"
        "```text\n  kept\n```"
    )
    assert hooks.on_page_markdown(page) == shown


def test_a_link_leads_to_the_examples_page_or_to_a_copy_of_the_file(hooks: ModuleType):
    text = "[a](../examples/README.md) [b](../schemas/asyncapi.yaml) [c](rules.md#retag)"
    shown = "[a](examples.md) [b](files/schemas/asyncapi.yaml) [c](rules.md#retag)"
    assert hooks.on_page_markdown(text) == shown
