"""WebUIs that we do not know or that lack something, on stand-ins: a sentence in the tab, and no fault in theirs."""

from __future__ import annotations

import ast
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sd_finetune.hosts.webui.needs import NEEDED, lacking

ROOT = Path(__file__).parents[3]
HOSTS = ROOT / "sd_finetune" / "hosts"
KINDS = sorted(file.parent.name for file in HOSTS.glob("*/kind.py") if file.parent.name != "webui")
ASKED_FOR_WHEN_USED = {"blip.py", "interrogators.py"}


def standing_in(needed: Mapping[str, Sequence[str]]) -> types.ModuleType:
    """A package `modules` with exactly these names."""
    package = types.ModuleType("modules")
    for module, names in needed.items():
        for name in names:
            parent: Any = package
            for part in (module, *name.split(".")):
                if not hasattr(parent, part):
                    setattr(parent, part, SimpleNamespace())
                parent = getattr(parent, part)
    return package


@pytest.fixture
def webui(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Loads our script into a WebUI with these modules; callbacks by name that it registered, and its HTML."""

    def load(package: types.ModuleType) -> Any:
        found = SimpleNamespace(callbacks={}, html=[])
        names = ("on_after_component", "on_app_started", "on_ui_tabs")
        package.script_callbacks = SimpleNamespace(
            **{name: lambda callback, name=name: found.callbacks.update({name: callback}) for name in names}
        )
        gradio = types.ModuleType("gradio")
        gradio.Blocks, gradio.HTML = (lambda **_: blocks()), found.html.append
        monkeypatch.setitem(sys.modules, "modules", package)
        monkeypatch.setitem(sys.modules, "gradio", gradio)
        spec = importlib.util.spec_from_file_location("sd_finetune_tab", ROOT / "scripts" / "sd_finetune_tab.py")
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        return found

    before = set(sys.modules)
    yield load
    for name in set(sys.modules) - before:
        if name.startswith("sd_finetune.hosts."):
            del sys.modules[name]


@contextmanager
def blocks() -> Iterator[Any]:
    yield "a page"


UNKNOWN: dict[str, Callable[[], types.ModuleType]] = {
    "nothing": lambda: types.ModuleType("modules"),
    "no queue": lambda: standing_in({module: names for module, names in NEEDED.items() if module != "call_queue"}),
    "like SD.Next": lambda: standing_in({**NEEDED, "shared": ("cmd_opts.ckpt", "opts.dumpjson", "state.begin")}),
    "no kind's own": lambda: standing_in(NEEDED),
}


@pytest.mark.parametrize("which", UNKNOWN)
def test_an_unknown_webui_starts_and_is_told_in_the_tab(webui: Callable[..., Any], which: str) -> None:
    found = webui(UNKNOWN[which]())
    ((page, title, _),) = found.callbacks["on_ui_tabs"]()
    assert (page, title) == ("a page", "SD Fine-Tune")
    (shown,) = found.html
    assert "this WebUI lacks" in shown
    assert "python install.py ui" in shown
    assert 'id="sd_finetune_root"' not in shown, "nothing of the page is asked for"
    assert set(found.callbacks) == {"on_ui_tabs"}, "no routes that could only fail"


@pytest.mark.parametrize("missing", [f"{module}.{name}" for module, names in NEEDED.items() for name in names])
def test_each_thing_that_is_needed_is_looked_for(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    package = standing_in(NEEDED)
    monkeypatch.setitem(sys.modules, "modules", package)
    assert list(lacking(NEEDED)) == []
    *path, last = missing.split(".")
    parent: Any = package
    for part in path:
        parent = getattr(parent, part)
    delattr(parent, last)
    assert list(lacking(NEEDED)) == [missing]


@pytest.mark.parametrize("folder", ["webui", *KINDS])
def test_what_is_used_of_a_webui_is_among_what_is_looked_for(folder: str) -> None:
    tables = [HOSTS / "webui" / "needs.py", *([HOSTS / folder / "kind.py"] if folder != "webui" else [])]
    needed = [name for file in tables for name in table_in(file)]
    used = {
        name for file in (HOSTS / folder).glob("*.py") if file.name not in ASKED_FOR_WHEN_USED for name in uses(file)
    }
    assert used
    assert sorted(name for name in used if not any(covers(each, name) for each in needed)) == []


def table_in(file: Path) -> list[str]:
    """The table NEEDED of a file that can only be imported in its WebUI."""
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "NEEDED" and node.value:
            table = ast.literal_eval(node.value)
            return [f"{module}.{name}" for module, names in table.items() for name in names]
    raise AssertionError(f"{file} has no table NEEDED")


def uses(file: Path) -> Iterator[str]:
    """As "shared.state.begin", what a file uses of the WebUI's modules that it imports in any case."""
    tree = ast.parse(file.read_text("utf-8"))
    imported = {
        alias.asname or alias.name: alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "modules" and not node.level
        for alias in node.names
    }
    for node in ast.walk(tree):
        parts: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.insert(0, inner.attr)
            inner = inner.value
        if parts and isinstance(inner, ast.Name) and inner.id in imported:
            yield ".".join([imported[inner.id], *parts])


def covers(needed: str, used: str) -> bool:
    """Whether looking for the one has found the other: itself, what it is part of, or a part of it."""
    return f"{used}.".startswith(f"{needed}.") or needed.startswith(f"{used}.")
