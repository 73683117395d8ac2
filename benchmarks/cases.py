"""The runs that are measured: methods x sizes x presets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sd_finetune.families.table import FAMILIES
from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.options import Settings
from sd_finetune.vram.presets import preset_for

from .material import PROMPT, SIZES, base_checkpoint, image_folder, settings_of

Changes = Mapping[str, Any]

METHODS: dict[str, Changes] = {
    "LoRA": {"method": "lora"},
    "DreamBooth": {"method": "dreambooth"},
    "DreamBooth with text encoder": {"method": "dreambooth", "train.train_text_encoder": True},
    "Textual Inversion": {"method": "textual_inversion", "textual_inversion.word": "zib-7", "output.name": "zib-7"},
    "Hypernetwork": {"method": "hypernetwork"},
}
WITH_ALL: Changes = {"samples.prompts": [PROMPT], "samples.steps": 2, "snapshots.at_end": True}
"""What else takes VRAM while a run lasts."""
HAS_CAPTURE = "train.capture" in all_options()


@dataclass(frozen=True)
class Case:
    """One row. batch: images in a forward pass; limit_gb: the VRAM that it may take, 0 = all."""

    size: str
    method: str
    preset: str
    changes: Changes
    batch: int
    limit_gb: int = 0

    @property
    def name(self) -> str:
        limit = f" within {self.limit_gb} GB" if self.limit_gb else ""
        return f"{self.size}: {self.method}, {self.preset}{limit}, batch {self.batch}"

    @property
    def precision(self) -> str:
        return str(self.changes["train.mixed_precision"])


def cases(size: str, device: str) -> Iterator[Case]:
    """What is asked for most comes first."""
    if SIZES[size].family == "sdxl":
        yield from _of_sdxl(size, device)
        return
    if device == "cuda":
        yield _preset(size, device, "DreamBooth with text encoder", 4, limit=6)
        yield _preset(size, device, "DreamBooth", 6, limit=6)
        for method in ("LoRA", "DreamBooth"):
            yield from _uncaptured_and_captured(size, device, method, 8)
    for method in METHODS:
        yield from _uncaptured_and_captured(size, device, method, SIZES[size].batch)
        yield _preset(size, device, method, 4)
    if device == "cuda":
        for name in ("adamw8bit", "paged_adamw8bit", "lion8bit"):
            yield _preset(size, device, "DreamBooth", 4, optimizer=name)
        for method in METHODS:
            yield _preset(size, device, method, 4, limit=4)
        for gigabytes in (6, 12, 16):
            yield _preset(size, device, "DreamBooth", gigabytes)


def _of_sdxl(size: str, device: str) -> Iterator[Case]:
    """Few, as each reads a checkpoint of 7 GB. limit: what its GPU has."""
    yield from _uncaptured_and_captured(size, device, "LoRA", SIZES[size].batch)
    for method, gigabytes in (("LoRA", 8), ("LoRA", 6), ("DreamBooth", 10)):
        yield _preset(size, device, method, gigabytes)
        if device == "cuda":
            yield _preset(size, device, method, gigabytes, limit=gigabytes)
    for method in ("Textual Inversion", "Hypernetwork"):
        yield _preset(size, device, method, 12)


def _uncaptured_and_captured(size: str, device: str, method: str, batch: int) -> Iterator[Case]:
    changes = {**_plain(device), **METHODS[method]}
    yield Case(size, method, "plain", changes, batch)
    if HAS_CAPTURE and device == "cuda":
        yield Case(size, method, "captured", {**changes, "train.capture": "auto"}, batch)


def _preset(size: str, device: str, method: str, gigabytes: int, limit: int = 0, optimizer: str = "") -> Case:
    """The row of the table of presets for that many GB, with another optimizer if one is named."""
    own, presets = METHODS[method], FAMILIES[SIZES[size].family].memory.presets
    row = preset_for(str(own["method"]), gigabytes, presets=presets)
    changes = {**_plain(device), **own, **row.settings}
    name = f"for {gigabytes} GB"
    if optimizer:
        name, changes = f"{name}, {optimizer}", {**changes, "optimizer.name": optimizer}
    return Case(size, method, name, {**changes, **(WITH_ALL if limit else {})}, SIZES[size].batch, limit)


def _plain(device: str) -> Changes:
    """Settings at their defaults, in the precision that is usual on the device, and nothing captured."""
    capture = {"train.capture": "off"} if HAS_CAPTURE else {}
    return {"train.mixed_precision": "bf16" if device == "cuda" else "no", "train.device": device, **capture}


def settings_for(case: Case, home: Path, steps: int) -> Settings:
    """The case as settings of a run of that many steps, without prior preservation, samples and evaluation."""
    resolution = SIZES[case.size].resolution
    images = image_folder(home / f"{case.size}-{case.batch}", case.batch, resolution)
    return settings_of(
        {
            "base.checkpoint": str(base_checkpoint(case.size, home)),
            "train.length": f"{steps} steps",
            "train.batch_size": case.batch,
            "data.resolution": resolution,
            "prior.weight": 0,
            "evaluation.every": "0",
            "samples.at_start": False,
            "concepts": {"folder": str(images), "instance_prompt": PROMPT},
            **case.changes,
        }
    )
