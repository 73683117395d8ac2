"""The form, made from the options of the settings: what is asked for, where, and for which method."""

from __future__ import annotations

import inspect
from typing import Any

from ...settings.catalogue import Member, all_options, members
from ...settings.duration import Duration
from ...settings.gpu_driver import has_gpu_driver
from ...settings.optimizer_availability import missing_package, why_unavailable
from ...settings.optimizers import OPTIMIZERS
from ...settings.option import AUTO
from ...settings.options import Settings
from ...settings.values import NUMBER_OR_AUTO, range_text
from ..advice.method_defaults import FOLLOWS_METHOD
from .labels import group_label, option_labels

PANELS = {
    "base": "create",
    "output": "saving",
    "snapshots": "saving",
    "samples": "generate",
    "class_images": "generate",
}
"""Where a group is shown; all others are in the panel "settings"."""

FOREMOST = {
    "method", "output.name", "output.precision", "output.save_every", "snapshots.every_minutes",
    "train.length", "train.batch_size",
    "train.unet_learning_rate", "train.train_text_encoder", "train.text_encoder_learning_rate", "prior.weight",
    "data.resolution", "samples.prompts", "samples.every", "class_images.steps", "class_images.guidance_scale",
    "concepts.folder", "concepts.instance_prompt", "concepts.class_prompt", "concepts.class_folder",
    "concepts.class_images",
}  # fmt: skip
"""What decides a run and is seen at once; the rest is folded under its group."""


def form() -> dict[str, Any]:
    """Panels, groups and fields as the page builds them. A new option appears by itself, under a label of its own."""
    labels = option_labels(all_options())
    top = [_field("", member, labels) for member in members(Settings) if member.group is None]
    groups = [_group(member, labels) for member in members(Settings) if member.group is not None]
    return {"fields": top, "groups": groups}


def defaults(prefix: str) -> dict[str, Any]:
    """The default values of one group, as "concepts"."""
    return {field["name"].split(".")[-1]: field["default"] for group in form()["groups"] for field in group["fields"]
            if group["name"] == prefix}  # fmt: skip


def _group(member: Member, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "name": member.name,
        "label": group_label(member.name),
        "help": inspect.getdoc(member.group) or "",
        "panel": "concepts" if member.is_list else PANELS.get(member.name, "settings"),
        "method": member.methods[0] if len(member.methods) == 1 else "",
        "fields": [_field(f"{member.name}.", entry, labels) for entry in members(member.group)],
    }


def _field(prefix: str, member: Member, labels: dict[str, str]) -> dict[str, Any]:
    facts = member.option
    assert facts is not None
    default = AUTO if facts.default is None else facts.default
    return {
        "name": prefix + member.name,
        "label": labels[prefix + member.name],
        "kind": _kind(member),
        "default": str(default) if isinstance(default, Duration) else default,
        "help": facts.help,
        "takes": range_text(member),
        "unit": facts.unit,
        "minimum": facts.minimum,
        "maximum": facts.maximum,
        "multiple_of": facts.multiple_of,
        "choices": list(facts.choices),
        "titles": _titles(prefix + member.name),
        "unavailable": _unavailable(prefix + member.name),
        "foremost": prefix + member.name in FOREMOST,
        "methods": list(facts.methods),
        "follows_method": prefix + member.name in FOLLOWS_METHOD,
    }


def _titles(name: str) -> dict[str, str]:
    """By choice, what it is shown as where that is not its name in the settings."""
    if name != "optimizer.name":
        return {}
    missing = {choice: f" (needs {_needed(choice)})" for choice in _unavailable(name)}
    return {choice: f"{facts.title}{missing.get(choice, '')}" for choice, facts in OPTIMIZERS.items()}


def _needed(optimizer: str) -> str:
    package = missing_package(optimizer)
    return f"pip install {package}" if package else "a CUDA GPU"


def _unavailable(name: str) -> list[str]:
    """The choices of an option that cannot be chosen on this machine."""
    if name != "optimizer.name":
        return []
    on_gpu = has_gpu_driver()
    return [choice for choice in OPTIMIZERS if why_unavailable(choice, on_gpu)]


def _kind(member: Member) -> str:
    """What the page shows: a choice, a checkbox, a number, a duration, a path, a text, or texts line by line."""
    assert member.option is not None
    kinds: dict[Any, str] = {bool: "flag", int: "number", float: "number", NUMBER_OR_AUTO: "auto number"}
    kinds |= {Duration: "duration", str: "path" if member.option.is_path else "text"}
    return "choice" if member.option.choices else kinds.get(member.kind, "texts")
