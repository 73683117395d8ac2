"""AUTOMATIC1111's WebUI (v1.10.1): lends the weights that it has loaded."""

# pyright: reportMissingImports=false
# `modules` is the WebUI's, which is there only while its process runs us.

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from modules import paths, sd_hijack, sd_models, shared

from ...settings.methods import ResultKind
from ..host import Interrogator
from ..webui.interrogators import interrogators
from ..webui.kind import Dropdown
from ..webui.lists import files_in
from ..webui.prompt_cache import forget_prompts
from .lending import lent, vram_freed
from .weights import remove_left_behind

ENDINGS = (".ckpt", ".safetensors")
"""As in sd_models.list_models."""

NEEDED: Mapping[str, Sequence[str]] = {
    "devices": ("torch_gc",),
    "paths": ("models_path",),
    "sd_hijack": ("model_hijack.embedding_db",),
    "sd_models": (
        "load_model",
        "model_data.loaded_sd_models",
        "model_data.lock",
        "model_data.sd_model",
        "model_path",
        "reload_model_weights",
        "send_model_to_cpu",
        "send_model_to_device",
        "send_model_to_trash",
    ),
    "sd_unet": ("apply_unet", "current_unet", "current_unet_option"),
    "sd_vae": ("get_base_vae",),
    "shared": (
        "cmd_opts.ckpt_dir",
        "cmd_opts.embeddings_dir",
        "cmd_opts.hypernetwork_dir",
        "loaded_hypernetworks",
        "opts.data",
        "reload_hypernetworks",
    ),
}
"""As in webui/needs.py, what is used in a WebUI of this kind."""


class A1111:
    """The kind that the others are forks of. Its start frees the RAM of what an earlier process had lent."""

    name = "AUTOMATIC1111 WebUI"
    unusable: Mapping[ResultKind, str] = {}
    no_toy = ""

    def __init__(self) -> None:
        remove_left_behind()

    def folder(self, kind: ResultKind) -> Path:
        """By its flags."""
        flags = shared.cmd_opts
        folders = {
            "checkpoint": flags.ckpt_dir or sd_models.model_path,
            "lora": getattr(flags, "lora_dir", None) or Path(paths.models_path) / "Lora",
            "embedding": flags.embeddings_dir,
            "hypernetwork": flags.hypernetwork_dir,
        }
        return Path(folders[kind]).absolute()

    def checkpoint_files(self) -> list[str]:
        """In its own folder and that of --ckpt-dir."""
        return files_in(sd_models.model_path, shared.cmd_opts.ckpt_dir, endings=ENDINGS)

    def select(self, info: Any) -> None:
        """In its settings, as it has them."""
        shared.opts.data["sd_model_checkpoint"] = info.title
        shared.opts.data["sd_checkpoint_hash"] = info.sha256

    def lent(self, checkpoint: Path) -> AbstractContextManager[Path]:
        """A file in RAM with the loaded weights, or `checkpoint` itself."""
        return lent(checkpoint)

    def vram_freed(self) -> AbstractContextManager[None]:
        """Its models are in RAM meanwhile."""
        return vram_freed()

    def read(self, kind: ResultKind) -> None:
        """By its own functions."""
        READERS[kind]()

    def load_again(self, files: set[Path]) -> None:
        """No other model that is kept loaded is one of them either."""
        data = sd_models.model_data
        for model in list(data.loaded_sd_models):
            file = Path(model.sd_checkpoint_info.filename).resolve()
            if file not in files or not file.is_file():
                continue
            if model is data.sd_model:
                sd_models.reload_model_weights(forced_reload=True)
            else:
                data.loaded_sd_models.remove(model)
                sd_models.send_model_to_trash(model)

    def forget_names(self) -> None:
        """Encoded prompts and loaded hypernetworks."""
        forget_prompts()
        shared.loaded_hypernetworks.clear()

    def checkpoint_dropdown(self) -> Dropdown | None:
        """It is a setting."""
        return None

    def interrogators(self) -> list[Interrogator]:
        """BLIP and deepbooru."""
        return interrogators()


def _read_embeddings() -> None:
    if sd_models.model_data.sd_model is not None:  # it reads them when it loads a model
        sd_hijack.model_hijack.embedding_db.load_textual_inversion_embeddings(force_reload=True)


def _read_loras() -> None:
    if "networks" in sys.modules:  # of the WebUI's own Lora extension, which may be switched off
        sys.modules["networks"].list_available_networks()


READERS: dict[ResultKind, Callable[[], None]] = {
    "lora": _read_loras,
    "embedding": _read_embeddings,
    "hypernetwork": shared.reload_hypernetworks,
}
