"""What of the optional packages is offered on this machine, and why not the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .find import find_spec, installed_version
from .optional import build_for, installed_torch


@dataclass(frozen=True)
class Optional:
    """A package that is offered. brings: what it is good for. cuda_11: whether there are builds for it."""

    brings: str
    cuda_11: bool = False


OPTIONAL = {
    "bitsandbytes": Optional(
        "8-bit AdamW and Lion, whose state takes a quarter of the VRAM or less: by estimate 4.8 GB less for DreamBooth "
        "of SD 1.5",
        cuda_11=True,
    ),
    "xformers": Optional(
        "xFormers' attention, with nothing to gain on most GPUs: PyTorch's own, which is used without it, is as fast "
        "and takes as little VRAM"
    ),
}


@dataclass(frozen=True)
class Offer:
    """A package as it stands here. version: that which is installed or would be. said: why it is not offered, or ""."""

    package: str
    brings: str
    version: str
    state: Literal["installed", "offered", "refused"]
    said: str = ""


def offers(gpu: str) -> Iterator[Offer]:
    """All of them. gpu: of which maker this machine's GPU is, as far as its driver tells; "" without one."""
    for package, facts in OPTIONAL.items():
        installed = installed_version(package) if find_spec(package) else None
        if installed is not None:
            yield Offer(package, facts.brings, installed, "installed")
            continue
        refusal, build = why_not(package, gpu), build_for(package, installed_torch() or "")
        version = build.version if build else ""
        yield Offer(package, facts.brings, version, "refused" if refusal else "offered", refusal)


def why_not(package: str, gpu: str) -> str:
    """The sentence that says why a package cannot be installed here; empty if it can."""
    torch = installed_torch()
    if torch is None:
        return f"{package} goes with torch, which is not installed: install that first."
    local = torch.partition("+")[2]
    if gpu == "amd" or local.startswith("rocm"):
        return f"{package} is offered for NVIDIA GPUs only: on this one train without it."
    if gpu != "nvidia":
        return f"{package} needs an NVIDIA GPU, and no driver of one was found: train without it."
    if local == "cpu":
        return (
            f"{package} needs a torch for CUDA, and torch {torch} computes on the CPU: install one for your GPU first."
        )
    if local.startswith("cu11") and not OPTIONAL[package].cuda_11:
        return f"{package} is built for CUDA 12 and newer, and torch {torch} for an older one: train without it."
    if build_for(package, torch) is None:
        return f"No build of {package} is for torch {torch} on this system and Python: train without it."
    return ""
