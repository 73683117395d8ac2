"""The runs that are measured: methods x sizes x presets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.options import Settings

from .material import PROMPT, SIZES, base_checkpoint, image_folder, settings_of

Changes = Mapping[str, Any]

METHODS: dict[str, Changes] = {
    "LoRA": {"method": "lora"},
    "DreamBooth": {"method": "dreambooth"},
    "DreamBooth with text encoder": {"method": "dreambooth", "train.train_text_encoder": True},
    "Textual Inversion": {"method": "textual_inversion", "textual_inversion.word": "zib-7"},
    "Hypernetwork": {"method": "hypernetwork"},
}
LOW: Changes = {
    "optimizer.name": "adafactor",
    "train.weights": "bf16",
    "train.mixed_precision": "bf16",
    "train.gradient_checkpointing": True,
}
LOWEST: Changes = {**LOW, "train.fused_backward": True, "train.clip_by": "parameter_norm"}
"""For methods whose weights, gradients and optimizer take most."""
LIMIT_GB = 6
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
    batch, plain = SIZES[size].batch, _plain(device)
    low = {method: LOWEST if method.startswith("DreamBooth") else LOW for method in METHODS}
    if device == "cuda":
        for method in ("DreamBooth with text encoder", "DreamBooth"):
            changes = {**plain, **METHODS[method], **LOWEST, **WITH_ALL}
            yield Case(size, method, "low memory", changes, batch, LIMIT_GB)
    for method, changes in METHODS.items():
        yield Case(size, method, "plain", {**plain, **changes}, batch)
        if HAS_CAPTURE and device == "cuda":
            yield Case(size, method, "captured", {**plain, **changes, "train.capture": "auto"}, batch)
        yield Case(size, method, "low memory", {**plain, **changes, **low[method]}, batch)
    if device == "cuda":
        yield from _large_batches(size, plain)
        yield from _optimizers(size, plain)


def _plain(device: str) -> Changes:
    """Settings at their defaults, in the precision that is usual on the device, and nothing captured."""
    capture = {"train.capture": "off"} if HAS_CAPTURE else {}
    return {"train.mixed_precision": "bf16" if device == "cuda" else "no", "train.device": device, **capture}


def _large_batches(size: str, plain: Changes) -> Iterator[Case]:
    for method in ("LoRA", "DreamBooth"):
        yield Case(size, method, "plain", {**plain, **METHODS[method]}, 8)
        if HAS_CAPTURE:
            yield Case(size, method, "captured", {**plain, **METHODS[method], "train.capture": "auto"}, 8)


def _optimizers(size: str, plain: Changes) -> Iterator[Case]:
    """DreamBooth's other ways to little VRAM."""
    for name in ("adamw8bit", "paged_adamw8bit", "lion8bit"):
        changes = {**plain, **METHODS["DreamBooth"], **LOWEST, "optimizer.name": name}
        yield Case(size, "DreamBooth", f"low memory, {name}", changes, SIZES[size].batch)


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
