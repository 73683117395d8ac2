"""Forge and its fork Neo. What one of the two lacks is asked for, as they change."""

# pyright: reportMissingImports=false
# `modules` and `backend` are Forge's, which are there only while its process runs us.

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from backend import memory_management
from modules import paths, sd_models, shared
from modules_forge import main_entry

from ...settings.methods import ResultKind
from ..host import Interrogator
from ..webui.folders import first_writable, named_by
from ..webui.forge_family import FLAGS, no_toy, unusable, vram_freed
from ..webui.kind import Dropdown
from ..webui.lists import files_in
from ..webui.prompt_cache import forget_prompts
from .dropdown import dropdown, in_dropdown

ENDINGS = (".ckpt", ".safetensors", ".gguf")
"""As in sd_models.list_models."""

NEEDED: Mapping[str, Sequence[str]] = {
    "paths": ("data_path", "models_path"),
    "sd_models": ("model_data.forge_hash", "model_data.sd_model", "model_path"),
    "shared": ("opts.data", "opts.forge_preset"),
}
"""As in webui/needs.py, what is used in a WebUI of this kind."""


class Forge:
    """Identified by `backend.memory_management`."""

    name = "Forge Neo" if hasattr(shared.cmd_opts, "ckpt_dirs") else "Forge"
    unusable: Mapping[ResultKind, str] = unusable(name)
    no_toy = no_toy(name)

    def folder(self, kind: ResultKind) -> Path:
        """By its flags, or else where it looks without."""
        models = Path(paths.models_path)
        own = {
            "checkpoint": sd_models.model_path,
            "lora": models / "Lora",
            "embedding": Path(paths.data_path) / "embeddings",
            "hypernetwork": models / "hypernetworks",
        }
        return first_writable([*named_by(shared.cmd_opts, FLAGS[kind]), Path(own[kind])])

    def checkpoint_files(self) -> list[str]:
        """In its own folder and those of its flags."""
        folders = named_by(shared.cmd_opts, FLAGS["checkpoint"])
        return files_in(sd_models.model_path, *map(str, folders), endings=ENDINGS)

    def select(self, info: Any) -> None:
        """As its own list does, without writing its settings to the disk."""
        shared.opts.data["sd_model_checkpoint"] = in_dropdown(info)
        _reload_parameters()

    @contextmanager
    def lent(self, checkpoint: Path) -> Generator[Path, None, None]:
        """The file itself."""
        with self.vram_freed():
            yield checkpoint

    def vram_freed(self) -> AbstractContextManager[None]:
        """Its models are in RAM meanwhile, and come back when an image needs them."""
        return vram_freed(memory_management)

    def read(self, kind: ResultKind) -> None:
        """By its own functions, and what keeps an earlier file of the same name is emptied."""
        READERS[kind]()

    def load_again(self, files: set[Path]) -> None:
        """At the next image."""
        if not files:
            return
        loaded = getattr(sd_models.model_data.sd_model, "filename", None)  # none before the first image
        if loaded and Path(loaded).resolve() in files:
            sd_models.model_data.forge_hash = ""  # of name and a part of the file that training does not change
        _reload_parameters()

    def forget_names(self) -> None:
        """Encoded prompts."""
        forget_prompts()

    def checkpoint_dropdown(self) -> Dropdown | None:
        """That at the top of its page, which is none of its settings."""
        return dropdown(self)

    def interrogators(self) -> list[Interrogator]:
        """BLIP and deepbooru in Forge; Neo has neither."""
        if find_spec("modules.deepbooru") is None or find_spec("modules.interrogate") is None:
            return []
        from backend.patcher.base import ModelPatcher

        from ..webui.interrogators import interrogators, moved_blip

        return interrogators(partial(moved_blip, memory_management, ModelPatcher))


def _reload_parameters() -> None:
    """Have it look up what it loads next: it keeps the entry of the list, and that may be an earlier one."""
    main_entry.refresh_model_loading_parameters()


def _read_loras() -> None:
    """A LoRA is kept by its path, in the three places that are emptied here."""
    networks: Any = sys.modules.get("networks")  # of its own Lora extension, which may be switched off
    if networks is None:
        return
    networks.list_available_networks()
    forget_files = getattr(getattr(networks, "load_lora_state_dict", None), "cache_clear", None)
    if forget_files is not None:
        forget_files()
    model = sd_models.model_data.sd_model
    if hasattr(model, "current_lora_hash"):
        model.current_lora_hash = ""
        for patcher in (model.forge_objects.unet, model.forge_objects.clip.patcher):
            merged = getattr(patcher, "lora_loader", None)  # Neo has come to tell LoRAs apart by more than their paths
            if merged is not None:
                merged.loaded_hash = ""


def _read_embeddings() -> None:
    """Of its cards, and of each text encoder of the loaded model."""
    from modules import ui_extra_networks_textual_inversion as cards

    if hasattr(cards, "embedding_db"):
        cards.embedding_db.load_textual_inversion_embeddings(force_reload=True, sync_with_sd_model=False)
    for each in getattr(sd_models.model_data.sd_model, "__dict__", {}).values():  # none where one could not be loaded
        database: Any = getattr(each, "embeddings", None)
        if hasattr(database, "load_textual_inversion_embeddings"):
            database.load_textual_inversion_embeddings()


READERS: dict[ResultKind, Callable[[], None]] = {
    "lora": _read_loras,
    "embedding": _read_embeddings,
    "hypernetwork": lambda: None,
}
