"""The WebUI's own process: what it imports of ours needs nothing that a WebUI may lack, and changes nothing there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from sd_finetune.own_packages import folder
from sd_finetune.own_packages.private import private_module
from sd_finetune.settings import toml
from tests.unit.test_imports import FILES, PACKAGE, foreign_packages, names_in, part_of

ROOT = PACKAGE.parent
PAGE, TENSORS = {"fastapi", "gradio", "starlette"}, {"numpy", "safetensors", "torch", "transformers"}
EVERY_WEBUI_HAS = PAGE | TENSORS | {"PIL", "modules", "psutil", "tqdm", "yaml"}
"""AUTOMATIC1111's and its forks alike, by what they require themselves."""
ONE_KIND_HAS = {"backend", "huggingface_guess", "ldm_patched", "modules_forge"}
"""Imported only in the folder of the hosts' kind that has it."""
FOR_PROCESSES_OF_OURS = {"accelerate", "diffusers", "ftfy", "matplotlib", "pytorch_optimizer", "tokenizers", "tomli"}

SERVER = """
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from unittest.mock import MagicMock

LACKS = {lacks!r}


class Lacks(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in LACKS:
            raise ModuleNotFoundError(f"this WebUI has no {{name}}", name=name)


sys.meta_path.insert(0, Lacks())
for name in ("gradio", "modules"):
    sys.modules[name] = MagicMock()
path = list(sys.path)

from sd_finetune.own_packages import folder

for name, place in {places!r}.items():
    setattr(folder, name, Path(place))
import sd_finetune.hosts.webui.webui
import sd_finetune.hosts.which
import sd_finetune.ui.server.app
from sd_finetune.demo.install_toy import place_toy
from sd_finetune.demo.paths import DEMO_FOLDER
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.hosts.a1111.weights import in_ram
from sd_finetune.settings.read import read_toml

place = Path({place!r})
checkpoint = read_checkpoint(place_toy(place))
with in_ram(checkpoint.path, {{}}) as file:
    assert file is None
assert read_toml(DEMO_FOLDER / "lora.toml", []).method == "lora"
assert sys.path == path
assert "tomli" not in sys.modules
print("all is well")
"""


def test_it_imports_what_every_webui_has() -> None:
    """Apart from `formats`, `families` and `demo`, which the next test imports as the WebUI's process does."""
    allowed = set(sys.stdlib_module_names) | EVERY_WEBUI_HAS | ONE_KIND_HAS | {"__future__", "tomllib"}
    seen = {"hosts", "own_packages", "reading", "runs", "settings", "ui", "vram", "data"}
    files = [file for file in FILES if part_of(file) in seen]
    assert len(files) > 100
    needs = {str(file.relative_to(ROOT)): foreign_packages(names_in(file)) - allowed for file in files}
    assert {file: names for file, names in needs.items() if names} == {}


def test_it_does_without_what_only_our_processes_have(tmp_path: Path, packages: Path) -> None:
    if sys.version_info < (3, 11):
        tomli = find_spec("tomli")
        assert tomli is not None
        assert tomli.origin is not None
        shutil.copytree(Path(tomli.origin).parent, packages / "tomli")
    places = {"PACKAGES": folder.PACKAGES, "LOCK": folder.LOCK, "OF_AN_ENVIRONMENT": Path("none")}
    source = SERVER.format(
        lacks=FOR_PROCESSES_OF_OURS,
        places={name: str(path) for name, path in places.items()},
        place=str(tmp_path),
    )
    done = subprocess.run(
        [sys.executable, "-c", source],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "all is well\n"), done.stderr


def test_a_package_of_ours_is_loaded_under_a_name_of_our_own(packages: Path) -> None:
    path, before = list(sys.path), set(sys.modules)
    module = private_module("both")
    try:
        assert module is not None
        assert (module.NAME, module.VERSION) == ("both", "2.0")
        assert private_module("both") is module
        assert sys.path == path
        assert {name.partition(".")[0] for name in set(sys.modules) - before} == {"sd_finetune"}
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]


def test_without_ours_it_is_the_installed_one(extension: Path) -> None:
    module = private_module("json")
    assert module is sys.modules["json"]
    assert private_module("no_such_package") is None


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="Python reads TOML itself")
def test_without_a_reader_of_toml_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toml, "private_module", lambda _: None)
    with pytest.raises(toml.UserError, match="tomli is not installed"):
        toml.parse_toml_value("3")
