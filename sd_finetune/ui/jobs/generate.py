"""Images generated on request with a run's result, or with the base checkpoint."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...own_packages.start import command_of
from ...runs.atomic import is_taken, replacing
from ...runs.folder import RunFolder
from ...runs.follow import GONE, Worker, last_line
from ...runs.launch import start_process
from ...runs.messages import Done, Error, EventLog, read_events, was_ended
from ...runs.notes import read_note
from ...settings.keepable import MOST_LETTERS
from ...settings.option import AUTO, MOST_SEED
from ...settings.plain import table, text
from ...settings.sample_syntax import unknown_in_prompt
from ..projects.check import base_checkpoint
from ..projects.project import GENERATED, Project, entries
from .job import NewJob

RESULT_FLAGS = {"lora": "--lora", "embedding": "--embedding", "hypernetwork": "--hypernetwork"}
"""How `python -m sd_finetune sample` is given each kind of result; a checkpoint takes the base's place."""
SAMPLE_FLAGS = {
    "steps": "--steps", "guidance_scale": "--cfg", "sampler": "--sampler", "negative_prompt": "--negative",
    "emphasis": "--emphasis",
}  # fmt: skip
"""By the option of the group samples."""
MOST_IMAGES = 16
LOOK_SECONDS = 0.2
REQUEST = "request.json"
STOPPED = "Generating images was stopped; those that were finished are kept."


def generate_job(project: Project, request: dict[str, Any], result: dict[str, Any] | None) -> NewJob:
    """Generate `count` images of `prompt` from `seed` on, as `request` has them, with the file `result` or without.

    Raises:
        UserError: the request cannot be met.
    """
    prompt, seed, count = _checked(request)
    settings = project.settings()
    base = base_checkpoint(settings)
    folder = RunFolder(project.folder / GENERATED / str(time.time_ns() // 1_000_000))
    note = {"prompt": prompt, "seed": seed, "count": count, "with": result["name"] if result else ""}
    with replacing(folder.path / REQUEST) as path:
        path.write_text(json.dumps(note), encoding="utf-8")
    words = [f"--prompt={prompt}", f"--seed={seed}", f"--count={count}", *_sample_arguments(settings)]

    def launch(weights: Path, _: int) -> subprocess.Popen[bytes]:
        arguments = [*_model_arguments(weights, text(settings, "base.config"), result), *words]
        arguments += ["--out", str(folder.path)]
        return start_process(command_of("sd_finetune", "sample", *arguments), folder.log)

    return NewJob("generate", project.name, folder, base, launch)


def generated(project: Project) -> list[dict[str, Any]]:
    """What was generated, the latest first: `key`, `prompt`, `seed`, `with` (a result's name), `images`, `error`."""
    found: list[dict[str, Any]] = []
    for folder in reversed(entries(project.folder / GENERATED)):
        run = RunFolder(folder)
        if not folder.is_dir() or not is_taken(folder / REQUEST):
            continue
        images = sorted((path.name for path in run.path.glob("*.png")), key=_number)
        found.append({"key": folder.name, **_request(folder / REQUEST), "images": images})
        found[-1]["error"] = found[-1]["error"] or _error(run)
    return found


def _request(file: Path) -> dict[str, Any]:
    """What was asked for; `error` where that cannot be told any more."""
    note = read_note(file) or {}
    prompt, seed, name = note.get("prompt"), note.get("seed"), note.get("with")
    whole = isinstance(prompt, str) and type(seed) is int and isinstance(name, str)
    return {
        "prompt": prompt if isinstance(prompt, str) else "",
        "seed": seed if type(seed) is int else 0,
        "with": name if isinstance(name, str) else "",
        "error": "" if whole else f"{file} is damaged: what these images show is not known.",
    }


def _error(run: RunFolder) -> str:
    """Why a job failed; "" where it did not."""
    try:
        events, _ = read_events(run.events)
    except OSError as error:
        return f"{run.events} cannot be read ({error.strerror})."
    return next((event.message for event in events if isinstance(event, Error)), "")


def generated_image(project: Project, key: str, name: str) -> Path:
    """The file of a generated image. Raises UserError if there is none."""
    for entry in generated(project):
        if entry["key"] == key and name in entry["images"]:
            return project.folder / GENERATED / key / name
    raise UserError(f"Image {name} not found: reload the page.")


def wait_for_images(run: RunFolder, worker: Worker, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Wait until the command has ended, and write the last event, which it does not do itself.

    The exit code of a worker that an earlier server started is unknown: then the images are counted.

    Args:
        meanwhile: called now and then.
    """
    while (code := worker.poll()) is None:
        meanwhile()
        time.sleep(LOOK_SECONDS)
    if was_ended(run.commands, worker.pid):
        EventLog(run.events).append(Done(step=0, outcome="stopped", reason=STOPPED))
        return
    if code == GONE:
        count = (read_note(run.path / REQUEST) or {}).get("count")
        wanted = count if type(count) is int else 1
        made = len(list(run.path.glob("*.png")))
        complete, problem = (
            made >= wanted,
            f"Only {made} of {wanted} images were generated: try again, or see {run.log}.",
        )
    else:
        ended = f"Generating images failed with exit code {code}: see {run.log}."
        complete, problem = code == 0, last_line(run.log) or ended
    EventLog(run.events).append(Done(step=0, outcome="finished") if complete else Error(problem))


def _checked(request: dict[str, Any]) -> tuple[str, int, int]:
    """Prompt, seed and number of images. Raises UserError."""
    prompt, seed, count = request.get("prompt", ""), request.get("seed", 0), request.get("count", 1)
    if not isinstance(prompt, str) or not prompt.strip():
        raise UserError("The prompt is empty: describe the image to generate.")
    unknown = unknown_in_prompt(prompt, "choose the result to generate with instead")
    if unknown:
        raise UserError(f"The prompt {unknown}")
    if len(prompt) > MOST_LETTERS:
        raise UserError(f"The prompt is longer than {MOST_LETTERS:,} characters: shorten it.")
    if type(count) is not int or not 1 <= count <= MOST_IMAGES:
        raise UserError(f"count = {json.dumps(count)} is out of range: use a whole number from 1 to {MOST_IMAGES}.")
    if type(seed) is not int or not 0 <= seed <= MOST_SEED:
        raise UserError(f"seed = {json.dumps(seed)} is out of range: use a whole number from 0 to {MOST_SEED}.")
    return prompt.strip(), seed, count


def _model_arguments(weights: Path, config: str, result: dict[str, Any] | None) -> list[str]:
    """config: the base checkpoint's, "" for its own. A checkpoint that was saved has its own."""
    if result is not None and result["result"] == "checkpoint":
        return ["--checkpoint", result["path"]]
    base = ["--checkpoint", str(weights), *([f"--config={config}"] if config else [])]
    return base if result is None else [*base, RESULT_FLAGS[result["result"]], result["path"]]


def _sample_arguments(settings: dict[str, Any]) -> list[str]:
    """As the run's samples are generated."""
    samples = {option: value for option, value in table(settings, "samples").items() if value != AUTO}
    side, clip_skip = table(settings, "data").get("resolution", AUTO), table(settings, "train").get("clip_skip")
    side = None if side == AUTO else side  # the command takes the checkpoint's
    values = {flag: samples.get(option) for option, flag in SAMPLE_FLAGS.items()}
    values |= {"--width": samples.get("width") or side, "--height": samples.get("height") or side}
    values |= {"--clip-skip": clip_skip, "--vae": text(settings, "base.vae")}
    return [f"{flag}={value}" for flag, value in values.items() if value]  # a text may begin with a hyphen


def _number(name: str) -> int:
    digits = Path(name).stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0
