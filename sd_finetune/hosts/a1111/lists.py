"""The WebUI's lists of checkpoints and networks: read again for what we made, without selecting anything else.

The WebUI's own refresh selects the file of --ckpt again without loading it, so that the next image is by another
checkpoint than the one its page shows; and meanwhile its list is empty.
"""

# pyright: reportMissingImports=false
# `modules` is the WebUI's, which is there only while its process runs us.

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modules import modelloader, sd_hijack, sd_models, shared

from ...runs.messages import Saved
from ...settings.methods import ResultKind

log = logging.getLogger(__name__)

CHECKPOINTS = {"ext_filter": [".ckpt", ".safetensors"], "ext_blacklist": [".vae.ckpt", ".vae.safetensors"]}
"""As in sd_models.list_models."""


class Lists:
    """`version` grows with each change that was made here: a page that shows an earlier one has to ask for them."""

    def __init__(self) -> None:
        self.version = 0

    def take_in(self, saved: Sequence[Saved]) -> None:
        """What a run has saved is listed, and what it replaced is no longer used. To be called in one's turn."""
        kinds: set[ResultKind] = {each.result for each in saved if each.result != "snapshot"}
        for kind in kinds:
            _guarded(READERS[kind], f"The WebUI's list of {kind} files could not be read again")
        files = {Path(each.path).resolve() for each in saved if each.result == "checkpoint"}
        _guarded(lambda: load_again(files), "The WebUI could not load a checkpoint again that was replaced")
        self.version += bool(kinds)

    def read_checkpoints(self) -> None:
        """A checkpoint was put into the WebUI's folder, or was removed."""
        read_checkpoints()
        self.version += 1


def _guarded(act: Callable[[], None], problem: str) -> None:
    try:
        act()
    except Exception:  # the run is over, and the WebUI goes on with what it has
        log.exception(problem)


def selected() -> Any:
    """The `CheckpointInfo` that the WebUI generates with next, also while it is still loading; None without one.

    As sd_models.select_checkpoint, which prints.
    """
    return _listed() or next(iter(list(sd_models.checkpoints_list.values())), None)


def read_checkpoints() -> None:
    """Read the list of checkpoints. What is selected stays so: by its file where its title is gone, else the first."""
    before = _listed()
    flags = shared.cmd_opts
    own = [flags.ckpt] if flags.ckpt and Path(flags.ckpt).is_file() else []
    files = modelloader.load_models(model_path=sd_models.model_path, command_path=flags.ckpt_dir, **CHECKPOINTS)
    infos = [sd_models.CheckpointInfo(file) for file in (*own, *files)]  # slow, so that the list is not empty meanwhile
    sd_models.checkpoints_list.clear()
    sd_models.checkpoint_aliases.clear()
    for info in infos:
        info.register()
    if before is not None and _listed() is None:
        _select(next((info for info in infos if info.filename == before.filename), selected()))


def load_again(files: set[Path]) -> None:
    """Load the checkpoint again if its file is one of `files`; no other model that is kept loaded is one of them."""
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


def _listed() -> Any:
    """The `CheckpointInfo` of the title that is selected; None while that is not in the list."""
    return sd_models.checkpoint_aliases.get(shared.opts.sd_model_checkpoint)


def _select(info: Any) -> None:
    """Have the WebUI generate with `info` next."""
    if info is not None:
        shared.opts.data["sd_model_checkpoint"] = info.title
        shared.opts.data["sd_checkpoint_hash"] = info.sha256


def _read_embeddings() -> None:
    if sd_models.model_data.sd_model is not None:  # it reads them when it loads a model
        sd_hijack.model_hijack.embedding_db.load_textual_inversion_embeddings(force_reload=True)


def _read_loras() -> None:
    if "networks" in sys.modules:  # of the WebUI's own Lora extension, which may be switched off
        sys.modules["networks"].list_available_networks()


READERS: dict[ResultKind, Callable[[], None]] = {
    "checkpoint": read_checkpoints,
    "lora": _read_loras,
    "embedding": _read_embeddings,
    "hypernetwork": shared.reload_hypernetworks,
}
