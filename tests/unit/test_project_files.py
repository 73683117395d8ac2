"""The files that other services read: the workflow, the issue form and the hooks before a commit."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import yaml

from sd_finetune import __version__
from sd_finetune.settings.toml import load_toml
from tests.conftest import SLOW

ROOT = Path(__file__).parents[2]
FORM_ELEMENTS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_workflow_tests_every_python_that_can_be_used() -> None:
    matrix = read(".github/workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    oldest = load_toml(ROOT / "pyproject.toml")["project"]["requires-python"]
    assert oldest == f">={matrix['python'][0]}"
    newest = max(newest for _, _, newest, _ in constant("install.py", "PINS").values())
    assert matrix["python"] == [f"3.{minor}" for minor in range(10, newest[1] + 1)]
    assert {*matrix["pins"], *(each["pins"] for each in matrix["include"])} == set(constant("install.py", "PINS"))


def constant(file: str, name: str) -> Any:
    """The literal that a module gives a name, without running the module."""
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return ast.literal_eval(node.value)
    raise AssertionError(f"{file} has no {name}")


def test_what_is_slow_is_there() -> None:
    assert [place for place in SLOW if not (ROOT / place).exists()] == []


def test_the_issue_form_is_one_that_github_shows() -> None:
    form = read(".github/ISSUE_TEMPLATE/bug.yml")
    assert {"name", "description", "body"} <= set(form)
    assert {element["type"] for element in form["body"]} <= FORM_ELEMENTS
    asked = [element for element in form["body"] if element["type"] != "markdown"]
    assert len({element["id"] for element in asked}) == len(asked)
    assert all(element["attributes"]["label"] for element in asked)
    assert "python -m sd_finetune report RUN_FOLDER" in str(form)


def test_hooks_have_what_pre_commit_asks_for() -> None:
    hooks = [hook for repo in read(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    assert {"ruff-check", "ruff-format", "pyright"} <= {hook["id"] for hook in hooks}
    assert all({"id", "name", "entry", "language"} <= set(hook) for hook in hooks)


def test_the_changelog_has_the_version() -> None:
    headings = [line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if line[:3] == "## "]
    assert __version__ in headings[0]


def test_links_of_the_documents_lead_somewhere() -> None:
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        links = re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text(encoding="utf-8"))
        assert [link for link in links if not link.startswith("https://") and not (ROOT / link).exists()] == []
