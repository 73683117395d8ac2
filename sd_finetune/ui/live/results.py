"""What a run has saved: its results by name, and how the host uses them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...formats.known_base import family_of
from ...hosts.host import Host
from ...reading.diffusers_folder import files_of_model, is_diffusers_folder, is_model
from ...runs.folder import RunFolder
from ...settings.learned_words import learned_words
from .run_view import Views


def result_of(views: Views, run: RunFolder, name: str) -> dict[str, Any]:
    """The result of a run that is called `name`: its `path`, `step`, `result`. Raises UserError if there is none."""
    for entry in reversed(views.of(run).results()):
        if Path(entry["path"]).name == name:
            return {**entry, "name": name}
    raise UserError(f"Run {run.path.name} has no result {name}: choose one of its results.")


def describe_result(
    host: Host, entry: dict[str, Any], base: Path | None, hint: str = "", words: Sequence[str] = ()
) -> dict[str, Any]:
    """A result as the page lists it: name, step, kind, path, size in bytes, and how it is used in the host.

    Args:
        base: the checkpoint that it was trained on, if that is known.
        hint: as `hint_of`.
        words: as `words_of`.
    """
    path = Path(entry["path"])
    use = host.use(entry["result"], path, base, words)
    return {
        "name": path.name,
        "step": entry["step"],
        "kind": entry["result"],
        "path": str(path),
        "folder": is_diffusers_folder(path),
        "bytes": _size(path),
        "sentence": f"{use.sentence} {hint}".strip(),
        "hint": hint,
        "prompt": use.prompt,
        "checkpoint": use.checkpoint,
        "base": use.base,
        "family": family_of(base) if base else "",
    }


def hint_of(run: RunFolder) -> str:
    """What is to be set in the WebUI to use what the run has trained; "" if nothing is."""
    try:
        clip_skip = run.read_settings().train.clip_skip
    except UserError:  # nothing can be said about a damaged run
        return ""
    return f"It was trained with clip skip {clip_skip}: set that in the WebUI too." if clip_skip > 1 else ""


def words_of(run: RunFolder) -> list[str]:
    """The new words that belong into a prompt beside the LoRA that the run has trained."""
    try:
        settings = run.read_settings()
    except UserError:
        return []
    if not settings.has_words_beside():
        return []
    bundled = settings.lora.bundles_words()
    return [word.word if bundled else word.file for word in learned_words(settings)]


def _size(path: Path) -> int:
    try:
        return sum(file.stat().st_size for file in files_of_model(path)) if is_model(path) else 0
    except (OSError, UserError):  # it is gone meanwhile, or a folder that somebody has damaged
        return 0


def base_of(run: RunFolder) -> Path | None:
    """The checkpoint that a run has trained; None where its note is damaged."""
    try:
        path = json.loads(run.base.read_text(encoding="utf-8"))["path"]
        path.encode()
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return None if "\0" in path else Path(path)
