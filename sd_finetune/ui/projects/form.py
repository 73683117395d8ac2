"""The form, made from the options of the settings: what is asked for, where, and for which method."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ...settings.availability import WITH_NEEDS, missing_package, why_unavailable
from ...settings.catalogue import Member, all_options, members
from ...settings.duration import Duration, Interval
from ...settings.gpu_driver import gpu_count, has_gpu_driver
from ...settings.option import Option
from ...settings.options import Settings
from ...settings.rates import Rates
from ...settings.read import plain_value
from ...settings.values import OR_AUTO, range_text
from ..advice.method_defaults import FOLLOWS_METHOD
from .conditions import conditions_of
from .labels import group_label, option_labels, panel_of
from .wording import in_the_tab

FOREMOST = {
    "method", "output.name", "output.precision", "output.save_every", "snapshots.every_minutes",
    "train.length", "train.batch_size",
    "train.unet_learning_rate", "train.train_text_encoder", "train.text_encoder_learning_rate", "prior.weight",
    "data.resolution", "samples.prompts", "samples.every", "class_images.steps", "class_images.guidance_scale",
    "concepts.folder", "concepts.instance_prompt", "concepts.class_prompt", "concepts.class_folder",
    "concepts.class_images", "concepts.word", "concepts.initial_text", "concepts.vectors",
    "lora.algorithm", "lora.rank", "lora.alpha", "lora.new_words",
    "textual_inversion.word", "textual_inversion.initial_text",
    "textual_inversion.vectors", "textual_inversion.learning_rate", "textual_inversion.template",
    "textual_inversion.own_templates", "hypernetwork.layer_structure", "hypernetwork.activation",
}  # fmt: skip
"""What decides a run and is seen at once; the rest is folded under its group."""

LAST = "class_images"
"""A group: samples are what everybody decides, and the button that generates class images is below it."""

ELSEWHERE = {"base.checkpoint", "base.continue_from"}
"""What the page has controls of its own for, in Create Model and above the options."""

SLIDERS = {
    "train.batch_size": (1, 8, 1),
    "data.resolution": (64, 2048, 8),
    "lora.rank": (1, 256, 1),
    "textual_inversion.vectors": (1, 75, 1),
    "prior.weight": (0, 2, 0.05),
    "samples.steps": (1, 150, 1),
    "samples.guidance_scale": (1, 30, 0.5),
    "samples.width": (64, 2048, 8),
    "samples.height": (64, 2048, 8),
    "class_images.steps": (1, 150, 1),
    "class_images.guidance_scale": (1, 30, 0.5),
    "class_images.batch_size": (1, 16, 1),
}
"""Least, most and step of a slider beside the number, where the WebUI has one. The number may be beyond these."""


def form(unusable_methods: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Panels, groups and fields as the page builds them. A new option appears by itself, under a label of its own.

    unusable_methods: those that are not trained here, each with the sentence why.
    """
    labels = option_labels(all_options())
    top = [_field("", member, labels) for member in members(Settings) if member.group is None]
    for field in top:
        if field["name"] == "method":
            field["unavailable"] = dict(unusable_methods or {})
    groups = [_group(member, labels) for member in members(Settings) if member.group is not None]
    groups.sort(key=lambda group: group["name"] == LAST)
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
        "panel": panel_of(member.name),
        "method": member.methods[0] if len(member.methods) == 1 else "",
        "fields": [_field(f"{member.name}.", entry, labels) for entry in members(member.group)],
    }


def _field(prefix: str, member: Member, labels: dict[str, str]) -> dict[str, Any]:
    facts = member.option
    assert facts is not None
    name = prefix + member.name
    return {
        "name": name,
        "label": labels[name],
        "kind": _kind(member),
        "auto": member.kind in OR_AUTO,
        "whole": OR_AUTO.get(member.kind, member.kind) is int,
        "zero_is_auto": facts.zero_is_auto,
        "default": plain_value(facts.default),
        "help": _capitalized(in_the_tab(facts.help, panel_of(name))),
        "takes": range_text(member),
        "unit": facts.unit,
        "slider": SLIDERS.get(name),
        "choices": list(facts.choices),
        "titles": _titles(name, facts),
        "unavailable": _unavailable(name),
        "greyed": _greyed(name),
        "foremost": name in FOREMOST,
        "elsewhere": name in ELSEWHERE,
        "methods": list(facts.methods),
        "follows_method": name in FOLLOWS_METHOD,
        "conditions": [asdict(condition) for condition in conditions_of(name)],
    }


def _capitalized(words: str) -> str:
    return words[0].upper() + words[1:]


def _titles(name: str, facts: Option) -> dict[str, str]:
    """By choice, what it is shown as where that is not its name in the settings."""
    missing = {choice: f" (needs {_needed(name, choice)})" for choice in _unavailable(name)}
    titles = {**{choice: choice for choice in missing}, **facts.titles}
    return {choice: f"{title}{missing.get(choice, '')}" for choice, title in titles.items()}


def _needed(name: str, choice: str) -> str:
    package = missing_package(name, choice)
    return f"the package {package}" if package else "a CUDA GPU"


def _unavailable(name: str) -> dict[str, str]:
    """The choices of an option that cannot be chosen on this machine, each with the sentence that refuses it."""
    on_gpu = has_gpu_driver() if name in WITH_NEEDS else False
    sentences = {choice: why_unavailable(name, choice, on_gpu) for choice in WITH_NEEDS.get(name, {})}
    panel = panel_of(name)
    return {choice: in_the_tab(sentence, panel) for choice, sentence in sentences.items() if sentence}


def _greyed(name: str) -> str:
    """Why an option cannot be anything but its default on this machine, as a sentence; empty where it can."""
    count = gpu_count() if name == "train.devices" else None
    if count is None or count > 1:
        return ""
    return "This machine has 1 GPU." if count else "This machine has no GPU."


def _kind(member: Member) -> str:
    """What the page shows: a choice, a checkbox, a number, a length or an interval, a path, a text, or several."""
    assert member.option is not None
    kinds: dict[Any, str] = {bool: "flag", int: "number", float: "number", Rates: "rate", Duration: "duration"}
    kinds[Interval] = "interval"
    kinds |= {str: "path" if member.option.is_path else "text"}
    return "choice" if member.option.choices else kinds.get(OR_AUTO.get(member.kind, member.kind), "texts")
