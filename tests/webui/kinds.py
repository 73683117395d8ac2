"""The WebUIs that these tests run in: what has to be known of each to start it, draw with it and read its page."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sd_finetune.demo.install_toy import place_toy
from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.settings.methods import METHODS
from tests.webui.slim import SLIM, place_slim

PICTURE = {"width": 64, "height": 64, "steps": 8, "cfg_scale": 5.0, "sampler_name": "Euler", "seed": 7}
QUIET = {
    "live_previews_enable": False,
    "samples_save": False,
    "save_txt": False,
    "show_progressbar": False,
}
ON_CPU = "--skip-prepare-environment --skip-torch-cuda-test --api --skip-version-check"


@dataclass(frozen=True)
class Kind:
    """One WebUI, whose folder the environment variable `variable` names; there it has its Python in `venv/`.

    title: as our tab has it. flags: to run on the CPU, quickly and offline. options: of its Settings tab. checkpoint:
    file name of the one that is loaded, which `place` puts into a folder. unusable: methods whose results it cannot
    use. picture: changes of PICTURE. selected: where its page shows the title of the checkpoint that is selected.
    remembers: other options that hold it, and by which its page selects it when it is opened.
    words_apart: its API has a list of embeddings of its own, which only a request reads again.
    version: what was tested, for docs/hosts.md. probe: whether our extension for looking inside, `probe/`, works there.
    """

    name: str
    variable: str
    title: str
    flags: str
    checkpoint: str = SLIM
    place: Callable[[Path], Path] = place_slim
    options: Mapping[str, Any] = field(default_factory=lambda: QUIET)
    unusable: tuple[str, ...] = ()
    picture: Mapping[str, Any] = field(default_factory=dict)
    embeddings: str = "embeddings"
    selected: str = "#setting_sd_model_checkpoint input"
    remembers: tuple[str, ...] = ()
    words_apart: bool = False
    version: str = ""
    probe: bool = False

    @property
    def root(self) -> Path | None:
        """Its folder; None where it is not to be tested."""
        named = os.environ.get(self.variable)
        return Path(named) if named else None

    def python(self, root: Path) -> Path:
        """Its own Python."""
        return root / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def methods(self) -> list[str]:
        """What can be trained and used there."""
        return [method for method in METHODS if method not in self.unusable]


A1111 = Kind(
    "a1111",
    "WEBUI_ROOT",
    "AUTOMATIC1111 WebUI",
    f"{ON_CPU} --use-cpu all --no-half --precision full --do-not-download-clip --no-download-sd-model",
    checkpoint=TOY_CHECKPOINT.name,
    place=place_toy,
    options={
        **QUIET,
        "randn_source": "CPU",
        "save_training_settings_to_txt": False,  # into a folder that is only there where snapshots are saved
    },
    version="v1.10.1 of 2025-02",
    probe=True,
)
FORGE_FAMILY = f"{ON_CPU} --always-cpu --all-in-fp32"
KINDS = (
    A1111,
    Kind(
        "reforge",
        "REFORGE_ROOT",
        "reForge",
        f"{FORGE_FAMILY} --do-not-download-clip --no-download-sd-model",
        unusable=("hypernetwork",),
        version="3b56b26 of 2026-03",
    ),
    Kind(
        "forge",
        "FORGE_ROOT",
        "Forge",
        f"{FORGE_FAMILY} --skip-google-blockly",
        unusable=("hypernetwork",),
        selected=".model_selection input",
        words_apart=True,
        version="dfdcbab of 2025-06",
        probe=True,
    ),
    Kind(
        "neo",
        "NEO_ROOT",
        "Forge Neo",
        f"{FORGE_FAMILY} --attention-pytorch",
        unusable=("hypernetwork",),
        options={**QUIET, "temp_dir": ""},  # it names a folder that Neo does not make
        remembers=("forge_checkpoint_sd",),
        embeddings="models/embeddings",
        words_apart=True,
        selected=".model_selection input",
        probe=True,
        version="a fork's state of 2025-10, papaioannou-themistoklis/WebUI-Neo-Forge 7862a96",
    ),
)
"""WebUI v1.10.1 first."""
