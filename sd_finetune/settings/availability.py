"""Which choices cannot be used on this machine, and why, without importing what they need."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..own_packages.find import find_spec, installed_version
from ..own_packages.offers import OPTIONAL
from .attention import ATTENTIONS
from .optimizers import OPTIMIZERS
from .options import Settings

LOGS = {"csv": "", "tensorboard": "tensorboard"}
"""The packages of the choices of `output.log_with`."""
WITH_NEEDS: Mapping[str, Mapping[str, Any]] = {
    "optimizer.name": OPTIMIZERS,
    "train.attention": ATTENTIONS,
    "output.log_with": LOGS,
}
"""The options with choices that need a package or a GPU, and the choices."""
WAYS_OUT = {
    "optimizer.name": "choose another optimizer",
    "train.attention": 'set it to "auto"',
    "output.log_with": 'set it to "csv"',
}


@dataclass(frozen=True)
class Needs:
    """What a choice needs. package: beside torch, empty if none."""

    package: str = ""
    gpu: bool = False
    without_gpu_from: tuple[int, ...] = ()
    """The first version of the package that does without a GPU; empty where none or every one does, by `gpu`."""


def needs_of(option: str, choice: str) -> Needs:
    """What an option's choice needs: nothing, if that option is not one of WITH_NEEDS."""
    if option == "optimizer.name":
        facts = OPTIMIZERS[choice]
        return Needs(facts.package, bool(facts.without_gpu_from), facts.without_gpu_from)
    if option == "train.attention":
        return Needs(ATTENTIONS[choice].package, ATTENTIONS[choice].needs_gpu)
    if option == "output.log_with":
        return Needs(LOGS[choice])
    return Needs()


def missing_package(option: str, choice: str) -> str:
    """The package that a choice needs, if it is not installed, else empty."""
    package = needs_of(option, choice).package
    return package if package and find_spec(package) is None else ""


def needs_gpu(option: str, choice: str) -> bool:
    """Whether a choice, in the version of its package that is installed, works on a GPU alone."""
    needs = needs_of(option, choice)
    return needs.gpu and (not needs.without_gpu_from or _version(needs.package) < needs.without_gpu_from)


def why_unavailable(option: str, choice: str, on_gpu: bool) -> str:
    """The sentence that refuses a choice: its package is missing, or it needs a GPU; empty where neither is.

    on_gpu: whether training runs on one.
    """
    needs, way_out = needs_of(option, choice), WAYS_OUT.get(option, "")
    problem = f'{option} = "{choice}" needs'
    if missing_package(option, choice):
        problem = f"{problem} the package {needs.package}, which is not installed"
        there = " or press Install under Memory in the tab," if needs.package in OPTIONAL else ""
        return f"{problem}: run {install_command(needs.package)},{there} or {way_out}."
    if not needs_gpu(option, choice) or on_gpu:
        return ""
    if not needs.without_gpu_from:
        return f"{problem} a CUDA GPU, and training runs on the CPU: {way_out}."
    newer = ".".join(map(str, needs.without_gpu_from))
    installed = f"{installed_version(needs.package)} is installed"
    return f"{problem} a CUDA GPU, or {needs.package} {newer} or newer, and {installed}: {way_out}."


def too_few_gpus(asked: int, found: int) -> str:
    """The sentence that refuses more devices than there are GPUs."""
    there, most = (f"has {found}", f"{found} or less") if found > 1 else ("has 1" if found else "has none", "1")
    return f"train.devices = {asked} needs {asked} GPUs, and this machine {there}: set it to {most}."


def unavailable(settings: Settings, on_gpu: bool) -> dict[str, str]:
    """What of the settings' choices cannot be used: by option, the sentence of `why_unavailable`."""
    chosen = {
        "optimizer.name": settings.optimizer.name,
        "train.attention": settings.train.attention,
        "output.log_with": settings.output.log_with,
    }
    sentences = {option: why_unavailable(option, choice, on_gpu) for option, choice in chosen.items()}
    return {option: sentence for option, sentence in sentences.items() if sentence}


def install_command(package: str) -> str:
    """The command that installs a package as it goes with the torch that is there.

    Our own does where it can. By pip alone the newest version would come, and perhaps another torch with it.
    """
    if package in OPTIONAL:
        return f"{sys.executable or 'python'} -m sd_finetune install {package}"
    torch = ".".join(map(str, _version("torch")))
    kept = f" torch=={torch} --only-binary {package}" if torch else ""
    return f"{sys.executable or 'python'} -m pip install {package}{kept}"


def _version(package: str) -> tuple[int, ...]:
    """The numbers that an installed package's version begins with: (0, 50, 2)."""
    found = re.match(r"\d+(?:\.\d+)*", installed_version(package) or "")
    return tuple(map(int, found[0].split("."))) if found else ()
