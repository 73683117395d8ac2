"""Imports point one way: what a package may know of the others is written here, once."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sd_finetune.families.table import FAMILIES

HOME = Path(__file__).parents[2]
PACKAGE = HOME / "sd_finetune"
FILES = sorted(PACKAGE.rglob("*.py"))
ROOMS_OF_THE_SCREEN = sorted((PACKAGE / "ui").rglob("*.py"))

FOUNDATION = {"__version__", "counted", "errors", "own_packages", "readable", "reading", "settings", "runs"}
PARTS = {"data", "formats", "diffusion", "families", "low_rank"}
MODEL = PARTS | {"networks", "sampling", "optimizers"}
WORKER = FOUNDATION | MODEL | {"methods", "training", "tools", "vram"}
SCREEN = {"hosts", "checks", "ui"}

MAY_IMPORT: dict[str, set[str]] = {
    "__init__": set(),
    "counted": set(),
    "hidden_modules": set(),
    "errors": {"readable"},
    "interrupts": set(),
    "own_packages": set(),
    "readable": set(),
    "hub_cache": set(),
    "reading": {"errors"},
    "settings": {"counted", "errors", "own_packages", "readable", "reading"},
    "runs": {"__version__", "counted", "errors", "own_packages", "readable", "reading", "settings"},
    "vram": {"errors", "families", "settings"},
    "presets": {"errors", "families", "readable", "reading", "runs", "settings", "vram"},
    "hosts": FOUNDATION | {"formats", "families"},  # for the weights that the WebUI lends
    "checks": FOUNDATION | {"data", "families", "formats", "vram"},  # of families and formats what needs no torch
    "ui": FOUNDATION
    | {"hosts", "checks", "data", "families", "formats", "presets", "vram"},  # of the last two what does without torch
    "data": FOUNDATION,
    "diffusion": FOUNDATION,
    "families": {"errors", "reading", "diffusion", "settings"},
    "low_rank": {"settings"},
    "formats": FOUNDATION | {"families", "diffusion", "low_rank"},
    "networks": FOUNDATION | PARTS,
    "sampling": FOUNDATION | PARTS,
    "optimizers": {"errors", "hidden_modules", "settings"},
    "methods": FOUNDATION | PARTS | {"networks", "optimizers"},
    "training": FOUNDATION | MODEL | {"methods", "hidden_modules", "hub_cache", "vram"},
    "tools": FOUNDATION | PARTS | {"networks"},
    "report": FOUNDATION,
    "demo": WORKER,
    "commands": WORKER | SCREEN | {"demo", "presets", "report"},
    "__main__": {"__version__", "commands", "errors", "hub_cache", "interrupts", "own_packages", "readable"},
}

FAMILY_NAMES = {
    name
    for facts in FAMILIES.values()
    for name in (facts.name, facts.title, facts.version_on_cards, facts.title.lower())
}
MAY_NAME_FAMILIES = {"families", "demo"}  # the demo comes with a checkpoint of one of them
FAMILY_PREFIXES = tuple(
    prefix
    for facts in FAMILIES.values()
    for prefix in (*facts.part_prefixes.values(), *(each.rstrip("_") for each in facts.lora_prefixes.values()))
)
OPTIONS_OF_OTHERS = {"lora_unet_rank"}
"""Not a tensor's name, though it begins like one: an option of another trainer."""
FAMILY_ROOMS = tuple(f"sd_finetune.families.{name}" for name in FAMILIES)


SCREEN_MAY_IMPORT: dict[str, set[str]] = {
    "__init__": set(),
    "live": set(),
    "advice": set(),
    "projects": {"live", "advice"},
    "jobs": {"live", "advice", "projects"},
    "server": {"live", "advice", "projects", "jobs"},
}
"""The rooms of the package ui."""

STANDARD_LIBRARY_ONLY = FOUNDATION - {"__version__"} | {"hidden_modules", "vram"}
EXCEPT_FOR = {
    "runs/progress.py": {"tqdm"},  # the bar that the command line and the WebUI have, too
    "runs/file_lock.py": {"psutil"},
    "runs/launch.py": {"psutil"},
    "runs/worker_process.py": {"psutil"},
    "runs/unfinished.py": {"psutil"},  # the standard library does not tell when another process began
}
SCREEN_ONLY = {"gradio", "modules"}  # never in the worker
METHODS = {file.stem for file in (PACKAGE / "methods").glob("*.py")} - {"__init__", "method", "words"}


def imported_names(source: str, file: Path, package: Path = PACKAGE) -> set[str]:
    """Full dotted names of all that a file imports, anywhere in it: "json", "sd_finetune.runs.folder" ..."""
    names: set[str] = set()
    inside = [package.name, *file.relative_to(package).parent.parts]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = inside[: len(inside) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def own_parts(names: set[str]) -> set[str]:
    """The parts of our package among the names: "runs" for "sd_finetune.runs.folder.RunFolder"."""
    return {name.split(".")[1] for name in names if name.startswith("sd_finetune.")}


def foreign_packages(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names} - {"sd_finetune"}


def part_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_name(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE / "ui").parts[0].removesuffix(".py")


def names_in(file: Path) -> set[str]:
    return imported_names(file.read_text(encoding="utf-8"), file)


def test_the_reader_of_imports_sees_them_all() -> None:
    source = "import os.path, json as j\nfrom . import a\nfrom ..runs.folder import B\ndef f():\n    from ... import c"
    assert imported_names(source, Path("/p/q/r/s.py"), Path("/p")) == {
        "os.path",
        "json",
        "p.q.r.a",
        "p.q.runs.folder.B",
        "p.c",
    }


def test_there_are_files_to_look_at() -> None:
    assert {"settings", "runs", "commands", "__main__", "errors"} <= {part_of(file) for file in FILES}
    assert len(FILES) > 20


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_one_way(file: Path) -> None:
    part = part_of(file)
    assert part in MAY_IMPORT, f"{part} is new: say in MAY_IMPORT what it may import"
    assert own_parts(names_in(file)) <= MAY_IMPORT[part] | {part}


def test_no_module_imports_itself_by_way_of_others() -> None:
    modules = {module_name(file): file for file in FILES}
    known = {name: {other for other in names_in(file) if other in modules} for name, file in modules.items()}
    known |= {name: known[name] | {other.rpartition(".")[0] for other in names_in(modules[name])} for name in known}
    for start in modules:
        seen: set[str] = set()
        to_visit = [start]
        while to_visit:
            found = known.get(to_visit.pop(), set()) & modules.keys()
            assert start not in found, f"{start} imports itself by way of {sorted(seen)}"
            to_visit += found - seen
            seen |= found


def test_nothing_outside_families_asks_which_family_it_is() -> None:
    for file in FILES:
        if part_of(file) not in MAY_NAME_FAMILIES:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
            assert not words & FAMILY_NAMES, f"{file}: ask the family instead"
            named = {word for word in words if isinstance(word, str) and word.startswith(FAMILY_PREFIXES)}
            assert not named - OPTIONS_OF_OTHERS, f"{file}: the family's facts say how its tensors' names begin"
            own = [name for name in names_in(file) if name.startswith(FAMILY_ROOMS)]
            assert not own, f"{file}: ask families.family, not {own}"


def test_the_page_does_not_ask_either() -> None:
    """No string of the page's scripts, or of what the WebUI loads, is a family's name."""
    quoted = re.compile(rf"""(["'`])({"|".join(map(re.escape, FAMILY_NAMES))})\1""")
    scripts = [file for place in ("sd_finetune/ui/web", "javascript", "scripts") for file in (HOME / place).iterdir()]
    assert len(scripts) > 20
    asking = [file.name for file in scripts if file.is_file() and quoted.search(file.read_text(encoding="utf-8"))]
    assert asking == []


@pytest.mark.parametrize("file", ROOMS_OF_THE_SCREEN, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_of_the_screen_point_one_way(file: Path) -> None:
    room = room_of(file)
    assert room in SCREEN_MAY_IMPORT, f"{room} is new: say in SCREEN_MAY_IMPORT what it may import"
    inside = {name.split(".")[2] for name in names_in(file) if name.startswith("sd_finetune.ui.")}
    assert inside <= SCREEN_MAY_IMPORT[room] | {room}


@pytest.mark.parametrize(
    "file",
    [file for file in FILES if part_of(file) in STANDARD_LIBRARY_ONLY],
    ids=lambda file: str(file.relative_to(PACKAGE)),
)
def test_both_processes_share_nothing_but_the_standard_library(file: Path) -> None:
    allowed = set(sys.stdlib_module_names) | EXCEPT_FOR.get(file.relative_to(PACKAGE).as_posix(), set())
    allowed |= {"tomllib"}
    assert foreign_packages(names_in(file)) <= allowed


def test_the_worker_knows_no_screen() -> None:
    for file in FILES:
        if part_of(file) in WORKER:
            assert not foreign_packages(names_in(file)) & SCREEN_ONLY, file


def test_methods_do_not_import_each_other() -> None:
    for file in (PACKAGE / "methods").glob("*.py"):
        if file.stem in METHODS:
            others = {f"sd_finetune.methods.{method}" for method in METHODS - {file.stem}}
            assert not [name for name in names_in(file) if any(name.startswith(other) for other in others)], file


def test_the_screen_does_without_torch() -> None:
    source = "import sys, sd_finetune.ui.server.app, sd_finetune.hosts.standalone; print('torch' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    assert told.stdout.strip() == "False"
