"""Pictures drawn on request with something a run has made, or with the untrained base."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...runs.atomic import replacing
from ...runs.folder import RunFolder
from ...runs.launch import start_process
from ...runs.messages import Error, read_events
from ..projects.project import Model
from .runner import Job

FLAGS = {"lora": "--lora", "embedding": "--embedding", "hypernetwork": "--hypernetwork"}
"""How `python -m sd_finetune sample` is given each kind of result; a checkpoint takes the base's place."""
MOST_PICTURES = 16
MOST_SEED = 2**32 - 1


def draw_job(model: Model, request: dict[str, Any], result: dict[str, Any] | None) -> Job:
    """Draw `count` pictures of `prompt` from `seed` on, as `request` has them, with the file `result` or without.

    Raises:
        UserError: the request cannot be met.
    """
    prompt, seed, count = str(request.get("prompt", "")).strip(), request.get("seed", 0), request.get("count", 1)
    if not prompt:
        raise UserError("There is no prompt: write what to draw.")
    if type(count) is not int or not 1 <= count <= MOST_PICTURES:
        raise UserError(f"{count} pictures cannot be drawn at a time: ask for 1 to {MOST_PICTURES}.")
    if type(seed) is not int or not 0 <= seed <= MOST_SEED:
        raise UserError(f"{seed} is no seed: give a whole number from 0 to {MOST_SEED}.")
    settings = model.settings()
    folder = RunFolder(model.folder / "drawn" / str(time.time_ns() // 1_000_000))
    note = {"prompt": prompt, "seed": seed, "count": count, "with": result["name"] if result else ""}
    with replacing(folder.path / "request.json") as path:
        path.write_text(json.dumps(note), encoding="utf-8")
    words = ["--prompt", prompt, "--seed", str(seed), "--count", str(count), *_size(settings), *_drawing(settings)]
    base = Path(settings["base"]["checkpoint"])

    def launch(weights: Path) -> subprocess.Popen[bytes]:
        arguments = [*_model_arguments(weights, result), *words, "--out", str(folder.path)]
        return start_process([sys.executable, "-u", "-m", "sd_finetune", "sample", *arguments], folder.log)

    return Job("draw", model.name, folder, base, launch)


def drawn(model: Model) -> list[dict[str, Any]]:
    """What was drawn, the latest first: `key`, `prompt`, `seed`, `with` (a result's name), `pictures`, `error`."""
    found: list[dict[str, Any]] = []
    for file in sorted(model.folder.glob("drawn/*/request.json"), reverse=True):
        pictures = sorted((path.name for path in file.parent.glob("*.png")), key=_number)
        request = json.loads(file.read_text(encoding="utf-8"))
        error = next((e.message for e in read_events(RunFolder(file.parent).events)[0] if isinstance(e, Error)), "")
        found.append({"key": file.parent.name, **request, "pictures": pictures, "error": error})
    return found


def _model_arguments(weights: Path, result: dict[str, Any] | None) -> list[str]:
    if result is None:
        return ["--checkpoint", str(weights)]
    if result["artefact"] == "checkpoint":
        return ["--checkpoint", result["path"]]
    return ["--checkpoint", str(weights), FLAGS[result["artefact"]], result["path"]]


def _drawing(settings: dict[str, Any]) -> list[str]:
    """As the run's samples are drawn."""
    samples = settings.get("samples", {})
    flags = {"steps": "--steps", "guidance_scale": "--cfg", "sampler": "--sampler", "negative_prompt": "--negative"}
    return [word for name, flag in flags.items() if samples.get(name) for word in (flag, str(samples[name]))]


def _size(settings: dict[str, Any]) -> list[str]:
    samples, side = settings.get("samples", {}), settings.get("data", {}).get("resolution")
    sizes = {"--width": samples.get("width") or side, "--height": samples.get("height") or side}
    return [word for flag, size in sizes.items() if size for word in (flag, str(size))]


def _number(name: str) -> int:
    digits = Path(name).stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0
