"""From the form's settings to a run: what would be refused, what it amounts to, and the start."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

from ...data.concepts import instance_examples
from ...data.images import find_pictures
from ...errors import UserError
from ...hosts.host import Host
from ...runs.folder import RunFolder
from ...runs.launch import start_worker
from ...runs.resumable import refuse_to_resume
from ...settings.methods import METHODS
from ...settings.missing_files import missing_for_training
from ...settings.options import Settings
from ...settings.read import find_faults, from_dict
from ..advice.duration_estimate import seconds_for
from ..advice.risks import cautions
from ..projects.continuing import begin_from, origin_faults
from ..projects.project import Model
from .runner import Job


def check(settings: dict[str, Any], models: Path | None = None, origin: dict[str, Any] | None = None) -> dict[str, Any]:
    """`faults` by the setting's name, `warnings`, and what the settings amount to; looks at file names only.

    `pictures` and `steps_per_epoch` and `steps` are 0 while they cannot be told; `seconds` is None without an earlier
    run of the kind among the models in the folder `models`. origin: see ui.origin.
    """
    faults = find_faults(settings)
    counts: list[int] = []
    for number, concept in enumerate(_tables(settings.get("concepts")), start=1):
        counts.append(_count(concept, f"concepts.{number}.", faults))
    if not Path(str(_table(settings.get("base")).get("checkpoint", ""))).is_file():
        faults.setdefault("base.checkpoint", "The checkpoint of this model is not there any more: create a new model.")
    told = {"faults": faults, "warnings": [], "pictures": counts, "steps_per_epoch": 0, "steps": 0, "seconds": None}
    if faults:
        return told
    whole = from_dict(settings)
    faults = missing_for_training(whole)
    if faults:
        return {**told, "faults": faults}
    steps_per_epoch = _steps_per_epoch(whole, counts)
    steps = whole.train.length.steps(steps_per_epoch)
    to_do = steps - (origin["step"] if origin else 0)
    seconds = seconds_for(whole, to_do, models) if models else None
    amounts = {"steps_per_epoch": steps_per_epoch, "steps": steps, "seconds": seconds}
    return {**told, **amounts, "faults": origin_faults(whole, steps, origin), "warnings": cautions(whole)}


def train_job(host: Host, model: Model) -> Job:
    """A new run of the model's settings, ready to start. Raises UserError: a line for each thing to mend."""
    problems = host.faults()
    if problems:
        raise UserError("\n".join(problems))
    settings = from_dict(complete(host, model.settings()))
    faults = check(model.settings(), origin=model.read().get("origin"))["faults"]
    if faults:
        raise UserError("\n".join(faults.values()))
    instance_examples(settings.concepts)  # opens every picture: what is broken is told before anything is loaded
    run = RunFolder.create(model.runs, model.name, settings)
    more = ["--resume"] if begin_from(model, run) else []
    return Job("train", model.name, run, Path(settings.base.checkpoint), lambda weights: launch(run, weights, *more))


def resume_job(host: Host, model: Model, run: RunFolder) -> Job:
    """Go on with a run from its latest snapshot. Raises UserError if it has none or is finished."""
    settings = run.read_settings()
    refuse_to_resume(run)
    return Job("train", model.name, run, Path(settings.base.checkpoint), lambda w: launch(run, w, "--resume"))


def class_images_job(host: Host, model: Model) -> Job:
    """Draw the class pictures that the model's settings ask for and that are missing."""
    settings = from_dict(complete(host, model.settings()))
    if settings.prior_weight() == 0:
        raise UserError("prior.weight = 0 uses no class pictures: give it a weight first, such as 1.")
    instance_examples(settings.concepts)
    run = RunFolder.create(model.folder / "class-picture-runs", model.name, settings)
    checkpoint = Path(settings.base.checkpoint)
    return Job("class images", model.name, run, checkpoint, lambda w: launch(run, w, "--class-images"))


def launch(run: RunFolder, weights: Path, *arguments: str) -> Any:
    """Start the worker on the weights that the host lent."""
    base = Path(run.read_settings().base.checkpoint)
    return start_worker(run, *arguments, *([] if weights == base else ["--weights", str(weights)]))


def complete(host: Host, settings: dict[str, Any]) -> dict[str, Any]:
    """The form's settings with the places that the host decides, where the person left them open."""
    whole = copy.deepcopy(settings)
    drawing, output = whole.setdefault("class_images", {}), whole.setdefault("output", {})
    drawing["cache_folder"] = drawing.get("cache_folder") or str(host.data_folder / "class-images")
    facts = METHODS[whole.get("method", "lora")]
    folder = host.result_folder(facts.artefact)
    if folder is not None and not output.get("folder"):
        output["folder"] = str(folder)
        name = str(output.get("name", ""))
        output["name"] = _free_name(folder, name)
        if output["name"] != name and facts.learns_word:  # prompts say the word by the name that it was given
            word = whole.setdefault("textual_inversion", {})
            word["word"] = word.get("word") or name
    return whole


def _free_name(folder: Path, name: str) -> str:
    """The name, with a number if the folder has such a file: an earlier result is never written over."""
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    taken = {re.sub(r"-step[0-9]+$", "", path.stem).casefold() for path in files}
    number = 1
    while (name if number == 1 else f"{name}-{number}").casefold() in taken:
        number += 1
    return name if number == 1 else f"{name}-{number}"


def _count(concept: dict[str, Any], prefix: str, faults: dict[str, str]) -> int:
    """How many pictures a concept has; a folder without any is a fault."""
    folder = str(concept.get("folder", ""))
    if not folder:
        return 0
    try:
        count = len(find_pictures(folder))
    except UserError as error:
        faults.setdefault(f"{prefix}folder", str(error))
        return 0
    if count == 0:
        faults.setdefault(f"{prefix}folder", f"{folder} holds no picture: put some there, or drop them below.")
    return count


def _steps_per_epoch(settings: Settings, counts: list[int]) -> int:
    examples = sum(count * concept.repeats for count, concept in zip(counts, settings.concepts, strict=True))
    return -(-examples // (settings.train.batch_size * settings.train.gradient_accumulation_steps))


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: Any) -> list[dict[str, Any]]:
    return [_table(entry) for entry in value] if isinstance(value, list) else []
