"""The WebUI's lists of checkpoints and networks: read again for what we made, without selecting anything else.

The WebUI's own refresh selects the file of --ckpt again without loading it, so that the next image is by another
checkpoint than the one its page shows; and meanwhile its list is empty.
"""

# pyright: reportMissingImports=false
# `modules` is the WebUI's, which is there only while its process runs us.

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modules import modelloader, sd_models, shared

from ...runs.messages import Saved
from ...settings.methods import ResultKind
from .kind import Kind

log = logging.getLogger(__name__)

NO_CHECKPOINTS = (".vae.ckpt", ".vae.safetensors")
"""As in sd_models.list_models."""


class Lists:
    """`version` grows with each change that was made here: a page that shows an earlier one has to ask for them."""

    def __init__(self, kind: Kind) -> None:
        self.version = 0
        self._kind = kind

    def take_in(self, saved: Sequence[Saved]) -> None:
        """What a run has saved is listed, and what it replaced is no longer used. To be called in one's turn."""
        kinds: set[ResultKind] = {each.result for each in saved if each.result != "snapshot"}
        for kind in kinds:
            _guarded(lambda kind=kind: self._read(kind), f"The WebUI's list of {kind} files could not be read again")
        files = {Path(each.path).resolve() for each in saved if each.result == "checkpoint"}
        _guarded(lambda: self._kind.load_again(files), "The WebUI could not load a checkpoint again that was replaced")
        _guarded(self._kind.forget_names, "The WebUI may still use what it knew by the name of a new file")
        self.version += bool(kinds)

    def _read(self, kind: ResultKind) -> None:
        if kind == "checkpoint":
            read_checkpoints(self._kind)
        else:
            self._kind.read(kind)

    def read_checkpoints(self) -> None:
        """A checkpoint was put into the WebUI's folder, or was removed."""
        read_checkpoints(self._kind)
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


def files_in(*folders: str | None, endings: Sequence[str]) -> list[str]:
    """The checkpoints in folders and those below them, each once, in the order in which the WebUI finds them."""
    how = {"ext_filter": list(endings), "ext_blacklist": list(NO_CHECKPOINTS)}
    found = [file for folder in folders if folder for file in modelloader.load_models(model_path=str(folder), **how)]
    return list(dict.fromkeys(found))


def read_checkpoints(kind: Kind) -> None:
    """Read the list of checkpoints. What is selected stays so: by its file where its title is gone, else the first.

    Neo may have none selected, and then uses the first of its list, which may become another one.
    """
    before, was_listed = selected(), _listed() is not None
    flag = getattr(shared.cmd_opts, "ckpt", None)
    own = [flag] if flag and Path(flag).is_file() else []
    files = [*own, *kind.checkpoint_files()]
    infos = [sd_models.CheckpointInfo(file) for file in files]  # slow, so that the list is not empty meanwhile
    sd_models.checkpoints_list.clear()
    sd_models.checkpoint_aliases.clear()
    for info in infos:
        info.register()
    if before is None or not infos or _listed() is not None:
        return
    if was_listed or infos[0].filename != before.filename:
        kind.select(next((info for info in infos if info.filename == before.filename), infos[0]))


def _listed() -> Any:
    """The `CheckpointInfo` of the title that is selected; None while that is not in the list."""
    return sd_models.checkpoint_aliases.get(shared.opts.sd_model_checkpoint)
