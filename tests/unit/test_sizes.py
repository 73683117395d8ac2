"""Classes and functions stay small enough to be read at once."""

from __future__ import annotations

import ast
from pathlib import Path

HOME = Path(__file__).parents[2]
FOLDERS = (HOME / "sd_finetune", HOME / "benchmarks")
LONGEST_CLASS, LONGEST_FUNCTION = 150, 60
"""In lines."""


def too_long(source: str) -> list[str]:
    """The names of the classes and functions that are longer."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            most = LONGEST_CLASS if isinstance(node, ast.ClassDef) else LONGEST_FUNCTION
            if (node.end_lineno or 0) - node.lineno >= most:
                found.append(node.name)
    return found


def test_they_are_measured() -> None:
    body = "\n    pass"
    assert too_long(f"def short():{body * 59}\nclass Short:{body * 149}\nclass A:\n  def f():{body * 59}") == []
    assert too_long(f"def long():{body * 60}\nclass Long:{body * 150}") == ["long", "Long"]


def test_none_is_too_long() -> None:
    files = sorted(file for folder in FOLDERS for file in folder.rglob("*.py"))
    assert len(files) > 20
    assert {str(file): long for file in files if (long := too_long(file.read_text(encoding="utf-8")))} == {}
