"""reForge and Forge Classic. What one of the two lacks is asked for, as they change."""

# pyright: reportMissingImports=false
# `modules` and `ldm_patched` are reForge's, which are there only while its process runs us.

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

from ldm_patched.modules import model_management
from modules import paths, sd_hijack, sd_models, shared

from ...settings.methods import ResultKind
from ..host import Interrogator
from ..webui.folders import first_writable, named_by
from ..webui.forge_family import FLAGS, no_toy, unusable, vram_freed
from ..webui.kind import Dropdown
from ..webui.lists import files_in
from ..webui.prompt_cache import forget_prompts

ENDINGS = (".ckpt", ".safetensors")
"""As in sd_models.list_models."""

NEEDED: Mapping[str, Sequence[str]] = {
    "paths": ("models_path",),
    "sd_hijack": ("model_hijack.embedding_db",),
    "sd_models": ("load_model", "model_data.sd_model", "model_path"),
    "shared": ("cmd_opts.ckpt_dir", "opts.data"),
}
"""As in webui/needs.py, what is used in a WebUI of this kind."""


class ReForge:
    """Identified by `ldm_patched.modules.model_management`."""

    def __init__(self) -> None:
        # Classic has thrown out all of hypernetworks.
        self.name = "reForge" if hasattr(shared.cmd_opts, "hypernetwork_dir") else "Forge Classic"
        self.unusable, self.no_toy = unusable(self.name), no_toy(self.name)

    def folder(self, kind: ResultKind) -> Path:
        """By its flags, or else where it looks without."""
        models = Path(paths.models_path)
        own = {
            "checkpoint": Path(sd_models.model_path),
            "lora": models / "Lora",
            "embedding": models / "embeddings",
            "hypernetwork": models / "hypernetworks",
        }
        return first_writable([*named_by(shared.cmd_opts, FLAGS[kind]), own[kind]])

    def checkpoint_files(self) -> list[str]:
        """In its own folder and that of --ckpt-dir."""
        return files_in(sd_models.model_path, shared.cmd_opts.ckpt_dir, endings=ENDINGS)

    def select(self, info: Any) -> None:
        """In its settings, as it has them."""
        shared.opts.data["sd_model_checkpoint"] = info.title
        shared.opts.data["sd_checkpoint_hash"] = info.sha256

    @contextmanager
    def lent(self, checkpoint: Path) -> Generator[Path, None, None]:
        """The file itself."""
        with self.vram_freed():
            yield checkpoint

    def vram_freed(self) -> AbstractContextManager[None]:
        """Its models are in RAM meanwhile, and come back when an image needs them."""
        return vram_freed(model_management)

    def read(self, kind: ResultKind) -> None:
        """By its own functions, and what keeps an earlier file of the same name is emptied."""
        READERS[kind]()

    def load_again(self, files: set[Path]) -> None:
        """At once, as its own settings would."""
        data = sd_models.model_data
        for model in _loaded():
            file = Path(model.filename).resolve()
            if file not in files or not file.is_file():
                continue
            if model is data.sd_model:
                _load_anew(model)
            else:
                data.loaded_sd_models.remove(model)

    def forget_names(self) -> None:
        """Encoded prompts."""
        forget_prompts()

    def checkpoint_dropdown(self) -> Dropdown | None:
        """It is a setting."""
        return None

    def interrogators(self) -> list[Interrogator]:
        """BLIP and deepbooru in reForge; Classic has neither."""
        if find_spec("modules.deepbooru") is None or find_spec("modules.interrogate") is None:
            return []
        from ldm_patched.modules.model_patcher import ModelPatcher

        from ..webui.interrogators import interrogators, moved_blip

        return interrogators(partial(moved_blip, model_management, ModelPatcher))


def _loaded() -> list[Any]:
    """All models that are kept loaded, the one in use first."""
    data = sd_models.model_data
    return list({id(each): each for each in (data.sd_model, *data.loaded_sd_models) if each is not None}.values())


def _load_anew(model: Any) -> None:
    """Load its file again, although that has the name of what is loaded."""
    if "forced_reload" in signature(sd_models.load_model).parameters:
        sd_models.load_model(model.sd_checkpoint_info, forced_reload=True)
    else:  # Classic compares names
        model.filename = ""
        sd_models.load_model(model.sd_checkpoint_info)


def _read_loras() -> None:
    """A LoRA is kept by its path, in the two places that are emptied here."""
    networks: Any = sys.modules.get("networks")  # of its own Lora extension, which may be switched off
    if networks is None:
        return
    networks.list_available_networks()
    forget_files = getattr(getattr(networks, "load_lora_state_dict", None), "cache_clear", None)
    if forget_files is not None:
        forget_files()
    for model in _loaded():
        model.current_lora_hash = ""


def _read_embeddings() -> None:
    if sd_models.model_data.sd_model is not None:  # it reads them when it loads a model
        sd_hijack.model_hijack.embedding_db.load_textual_inversion_embeddings(force_reload=True)


READERS: dict[ResultKind, Callable[[], None]] = {
    "lora": _read_loras,
    "embedding": _read_embeddings,
    "hypernetwork": lambda: None,
}
